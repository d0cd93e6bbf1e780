//! What a model is sent: the texts of a step as one request, with what was left out of them.

use serde_json::{Value, json};
use windlass_engine::redact::Redactor;
use windlass_llm::context::{Builder, Compactor, Fit, Fitting, Given, Once, Piece, Strategy};
use windlass_llm::tokens::Estimators;
use windlass_llm::{Choice, Message, OutputSchema, Request, Tool};
use windlass_model::Failure;

use crate::prompt::deed::text_of;
use crate::prompt::{Context, Deed, schema};

/// A request with what is told of its making.
pub(super) struct Asked {
    pub(super) request: Request,
    /// What of the context was sent and what was left out; nothing where the step has no context.
    pub(super) context: Option<Value>,
}

/// Writes a summary of some outputs in at most so many tokens.
pub(super) type Summarize<'a> = dyn FnMut(&[Piece], u64) -> Result<String, String> + 'a;

impl Asked {
    /// The request of a step. Secrets that came into its texts all the same are taken out.
    ///
    /// What fits is counted by estimators that learn nothing: the same step sends the same request, whatever was
    /// asked before it.
    pub(super) fn new(
        deed: &Deed,
        redactor: &Redactor,
        counts: &Estimators,
        summarize: &mut Summarize<'_>,
    ) -> Result<Self, Failure> {
        let clean = |value: &Value| redactor.text(&text_of(value));
        let question = clean(&deed.prompt);
        let (messages, stable, told) = match &deed.context {
            Some(context) => {
                let fit = fit(deed, context, &clean, counts, summarize)?;
                let (messages, stable) = fit.bundle.messages(&question);
                (messages, stable, Some(report(&fit)))
            }
            None => (vec![Message::user(question)], 0, None),
        };
        let request = Request {
            model: deed.model.id.clone(),
            system: deed.system.as_ref().map(clean).filter(|text| !text.is_empty()),
            messages,
            max_output_tokens: deed.max_output_tokens,
            temperature: deed.temperature,
            tools: deed.tools.iter().map(tool).collect(),
            tool_choice: Choice::Auto,
            schema: deed.output_schema.as_ref().map(shape),
            stable,
            ..Request::default()
        };
        Ok(Self { request, context: told })
    }
}

fn fit(
    deed: &Deed,
    context: &Context,
    clean: &dyn Fn(&Value) -> String,
    counts: &Estimators,
    summarize: &mut Summarize<'_>,
) -> Result<Fit, Failure> {
    let outputs = context.from.iter().map(|from| (from.task.as_str(), clean(&from.output)));
    let memory = context.memory.iter().filter(|(_, value)| !value.is_null());
    let memory = memory.map(|(name, value)| (name.clone(), clean(value).into()));
    let given = Given { memory: memory.collect(), ..Given::outputs(outputs) };
    let fit = Fitting.compact(Once.build(&given), &context.policy, &*counts.of(&deed.model), summarize);
    fit.map_err(|misfit| {
        let failure = Failure::new(misfit.code(), misfit.to_string());
        failure.hint("raise `max_tokens` of the step's `context`, or choose another strategy").permanent()
    })
}

/// What was sent and what was not, for the journal.
fn report(fit: &Fit) -> Value {
    let sent = fit.bundle.pieces.iter().map(|piece| {
        let mut told = json!({ "tasks": piece.ids, "bytes": piece.text.len() });
        if piece.summary {
            told["summary"] = true.into();
        }
        told
    });
    let mut told = json!({ "sent": sent.collect::<Vec<_>>(), "dropped": fit.dropped });
    if !fit.bundle.memory.is_empty() {
        told["memory"] = fit.bundle.memory.keys().cloned().collect();
    }
    told
}

/// What the model is asked where outputs do not fit.
pub(super) fn summary(deed: &Deed, pieces: &[Piece], room: u64) -> Request {
    let room = u32::try_from(room).unwrap_or(u32::MAX).min(deed.model.max_output.unwrap_or(u32::MAX)).max(1);
    let texts = pieces
        .iter()
        .map(|piece| format!("<output of=\"{}\">\n{}\n</output>\n", piece.ids.join(" "), piece.text));
    let question = format!(
        "{}\nSummarize these outputs of earlier steps for whoever works on with them, in at most {} words. Keep names, \
         numbers, decisions and open questions. Write nothing else.",
        texts.collect::<String>(),
        (room / 2).max(1)
    );
    Request { temperature: deed.temperature, ..Request::new(&deed.model.id, question, room) }
}

/// Whether outputs that do not fit are summed up by the model itself.
pub(super) fn summarizes(deed: &Deed) -> bool {
    deed.context.as_ref().is_some_and(|context| context.policy.strategy == Strategy::Summarize)
}

fn tool(tool: &crate::prompt::Tool) -> Tool {
    Tool { name: tool.name.clone(), description: tool.description.clone(), schema: tool.parameters.clone() }
}

fn shape(of: &Value) -> OutputSchema {
    OutputSchema { name: "answer".to_owned(), schema: of.clone(), strict: schema::is_strict(of) }
}
