//! What a model called: judged, done by the action that it stands for, and told back.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use windlass_engine::redact::Redactor;
use windlass_engine::{Actions, Notes, Output, StepContext};
use windlass_expr::{Scope, from_json, render_tree};
use windlass_model::Failure;

use crate::prompt::{ARGS, Tool, schema};

/// How many bytes of a result are kept with the step's own; the model is told more.
const QUOTED: usize = 1024;

/// What came of a call.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Done {
    /// What the model is told.
    pub(super) content: String,
    pub(super) failed: bool,
    pub(super) changed: bool,
    /// What is kept of it.
    pub(super) note: Value,
}

/// One call of a model.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) input: &'a Value,
    /// How many bytes the model may be told.
    pub(super) room: usize,
}

/// Does what a model wants done, if it is offered and its arguments are what they have to be.
pub(super) async fn call(
    wanted: &Wanted<'_>,
    tools: &[Tool],
    actions: &Actions,
    step: &StepContext,
    redactor: &Redactor,
) -> Done {
    let Some(tool) = tools.iter().find(|tool| tool.name == wanted.name) else {
        let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
        return refused(wanted, redactor, format!("there is no such tool; there are: {}", names.join(", ")));
    };
    let wrong = schema::mismatches(&tool.parameters, wanted.input);
    if !wrong.is_empty() {
        return refused(wanted, redactor, format!("the arguments are wrong: {}", wrong.join("; ")));
    }
    let (failed, changed, text) = match perform(tool, wanted.input, actions, step).await {
        Ok(output) => (output.failed, output.changed, told(output)),
        Err(failure) => (true, false, failure.message),
    };
    let text = redactor.text(&text);
    let mut note = noted(wanted, redactor);
    note.insert("output".into(), cut(&text, QUOTED).into());
    for (name, flag) in [("failed", failed), ("changed", changed)] {
        if flag {
            note.insert(name.into(), true.into());
        }
    }
    Done { content: cut(&text, wanted.room), failed, changed, note: note.into() }
}

fn refused(wanted: &Wanted<'_>, redactor: &Redactor, why: String) -> Done {
    let mut note = noted(wanted, redactor);
    note.insert("refused".into(), why.clone().into());
    Done { content: why, failed: true, changed: false, note: note.into() }
}

fn noted(wanted: &Wanted<'_>, redactor: &Redactor) -> Map<String, Value> {
    let mut input = wanted.input.clone();
    redactor.value(&mut input);
    let name: String = wanted.name.chars().take(64).collect();
    Map::from_iter([("tool".to_owned(), name.into()), ("input".to_owned(), input)])
}

/// The action behind a tool, with the model's arguments in its parameters.
async fn perform(
    tool: &Tool,
    args: &Value,
    actions: &Actions,
    step: &StepContext,
) -> Result<Output, Failure> {
    let unknown = || {
        let message = format!("no action is called {}", tool.action);
        Failure::new(windlass_model::Code::UnknownAction, message).permanent()
    };
    let action = actions.get(&tool.action).ok_or_else(unknown)?;
    let scope = Scope::builder().value(ARGS, from_json(args)).scope(step.scope.clone()).build();
    let input = render_tree(&tool.input, &scope).map_err(|error| {
        Failure::new(windlass_model::Code::RenderFailed, format!("the tool's parameters: {error}"))
    })?;
    let inner = StepContext {
        input,
        scope,
        cancel: step.cancel.child_token(),
        notes: Notes::default(),
        ..step.clone()
    };
    action.run(inner).await
}

/// A result as a model reads it: what a command said, otherwise the fields.
fn told(output: Output) -> String {
    let mut fields = output.result;
    let text = |fields: &Map<String, Value>, name: &str| {
        fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    if let Some(code) = fields.get("rc").filter(|_| fields.contains_key("stdout")) {
        let said = [text(&fields, "stdout"), text(&fields, "stderr")].into_iter().flatten();
        let mut said = said.collect::<Vec<_>>().join("\n");
        if *code != json!(0) {
            said = format!("exit status {code}\n{said}");
        }
        return if said.is_empty() { "(no output)".to_owned() } else { said };
    }
    if let (true, Some(error)) = (output.failed, output.error) {
        fields.entry("msg").or_insert_with(|| error.message.into());
    }
    if let Some(content) =
        text(&fields, "content").filter(|_| fields.get("encoding") == Some(&json!("base64")))
    {
        fields.insert("content".into(), plain(&content).unwrap_or(content).into());
    }
    Value::Object(fields).to_string()
}

/// What `slurp` gives is Base64; a model reads text.
fn plain(content: &str) -> Option<String> {
    let scope = Scope::builder().value("content", content).build();
    let value = render_tree(&"{{ content | b64decode }}".into(), &scope).ok()?;
    value.as_str().map(str::to_owned)
}

/// The beginning of a text that is too long, with a notice.
fn cut(text: &str, room: usize) -> String {
    if text.len() <= room {
        return text.to_owned();
    }
    let notice = format!("\n… {} bytes in all", text.len());
    let end = text.floor_char_boundary(room.saturating_sub(notice.len()));
    format!("{}{notice}", &text[..end])
}
