//! `tools`: steps that a model may have done, each with a name, the schema of its arguments, and one step word.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use windlass_engine::StepCall;
use windlass_expr::references_of_tree;
use windlass_llm::catalogue::Model;
use windlass_model::{Code, Span};
use windlass_yaml::{Kind, Map, Node, nearest};

use super::Call;
use crate::prompt::{ARGS, Policy, Tool};

/// The longest name that every provider takes.
const MAX_NAME: usize = 64;

/// The most tools of one prompt.
const MAX_TOOLS: usize = 128;

/// Words that cannot be tools: they wait for people, or for models.
const NEVER: [&str; 3] = ["approve", "pause", "prompt"];

impl Call<'_> {
    /// The tools; those that are wrong are told and left out.
    pub(super) fn tools(&self, model: Option<&Model>) -> Vec<Tool> {
        let Some(node) = self.key("tools") else { return Vec::new() };
        let Some(items) = self.reader.list(node) else { return Vec::new() };
        if let Some(model) = model.filter(|model| !model.supports_tools && !items.is_empty()) {
            self.wrong(node.span, format!("{} cannot call tools", model.id), "ask another model");
        }
        if items.len() > MAX_TOOLS {
            self.wrong(node.span, format!("there are more than {MAX_TOOLS} tools"), "offer fewer");
        }
        let mut names = BTreeSet::new();
        let tools = items.iter().filter_map(|item| self.tool(item, &mut names));
        tools.collect()
    }

    fn tool(&self, node: &Node, names: &mut BTreeSet<String>) -> Option<Tool> {
        let mut map = self.reader.map(node)?;
        map.required("name");
        let name = map.text("name");
        let description = map.text("description").map(|text| text.value).unwrap_or_default();
        let parameters = match map.node("parameters").filter(|node| !node.is_null()) {
            Some(node) => self.parameters(node),
            None => Some(json!({"type": "object", "properties": {}})),
        };
        let step = self.tool_step(&mut map);
        map.finish();
        let name = name?;
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if name.value.is_empty() || name.value.len() > MAX_NAME || !name.value.chars().all(good) {
            let message = format!("`name` of a tool: `{}` is none that models can call", name.value);
            self.wrong(name.span, message, "use up to 64 letters, digits, `_` and `-`");
        }
        if !names.insert(name.value.clone()) {
            self.wrong(name.span, format!("two tools have the name `{}`", name.value), "rename one of them");
        }
        let (action, input) = step?;
        let uses = uses(&input);
        let tool =
            Tool { name: name.value, description, parameters: parameters?, action, input: raw(input), uses };
        Some(tool)
    }

    fn parameters(&self, node: &Node) -> Option<Value> {
        let schema = self.json_schema("parameters", node)?;
        if schema.get("type").and_then(Value::as_str) != Some("object") {
            let problem = self.reader.problem(
                Code::BadSchema,
                node.span,
                "`parameters`: a tool's arguments are an object",
            );
            self.reader.note(problem.hint("write `{ type: object, properties: { … } }`"));
        }
        Some(schema)
    }

    /// The one step word of a tool, compiled.
    fn tool_step(&self, map: &mut Map<'_, '_>) -> Option<(std::sync::Arc<str>, Value)> {
        let mut words = map.rest().into_iter();
        let Some((key, input)) = words.next() else {
            self.wrong(
                map.span(),
                "the tool says nothing to do",
                "add a word such as `command`, `run` or `slurp`",
            );
            return None;
        };
        for (other, _) in words {
            let message =
                format!("`{}` is a second thing to do, or a key that tools do not have", shown(other));
            self.wrong(
                other.span,
                message,
                "a tool has `name`, `description`, `parameters` and one step word",
            );
        }
        let name = key.as_str().unwrap_or_default();
        let short = name.strip_prefix("ansible.builtin.").unwrap_or(name);
        let word = if short == "run" { "shell" } else { short };
        let Some(compiler) = self.tools.get(word).filter(|_| !NEVER.contains(&word)) else {
            let message = format!("`{}` is no step word that a tool can be", shown(key));
            let hint = match nearest(word, self.tools.iter()) {
                Some(near) if near != word => format!("did you mean `{near}`?"),
                _ => "a tool does what a module does: `command`, `run`, `slurp`, `uri`, …".to_owned(),
            };
            self.wrong(key.span, message, &hint);
            return None;
        };
        if !Policy::allows(&self.setup.policy.tools, short) && !Policy::allows(&self.setup.policy.tools, word)
        {
            let message = format!("tools of this project may not be `{short}`");
            let problem = self.reader.problem(Code::PromptPolicy, key.span, message);
            self.reader.note(problem.hint("`prompts.tools` of windlass.yaml says which words they may be"));
        }
        let input = command(word, input);
        if matches!(word, "shell") {
            self.quoted(&input, key.span);
        }
        let call = StepCall { word, word_span: key.span, input: &input, keys: &[] };
        let compiled = compiler.compile(&call, self.cx)?;
        self.offers.borrow_mut().extend(compiled.produces);
        Some((compiled.action, compiled.input))
    }

    /// What a model says becomes no part of a shell's command line but as one quoted word.
    fn quoted(&self, input: &Node, span: Span) {
        let Some(text) = input.get("cmd").unwrap_or(input).as_str() else { return };
        let holes = text.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap_or_default());
        let bare = |hole: &str| {
            let names = hole.split(|c: char| !c.is_alphanumeric() && c != '_');
            let last = hole.rsplit('|').next().unwrap_or_default().trim();
            names.clone().any(|name| name == ARGS) && last != "quote"
        };
        let statement = text.contains("{%") && text.contains(ARGS);
        if statement || holes.into_iter().any(bare) {
            let message = "what the model says would become a part of a shell's command line";
            self.wrong(
                span,
                message,
                "quote it, `{{ args.path | quote }}`, or use `command: { argv: [ … ] }`",
            );
        }
    }
}

/// `run` as the `shell` that it is short for.
fn command(word: &str, input: &Node) -> Node {
    match input.text() {
        Some(text) if word == "shell" => {
            let key = Node::new(input.span, Kind::Str("cmd".to_owned()));
            let text = Node::new(input.span, Kind::Str(text.to_owned()));
            Node::new(input.span, Kind::Map(vec![(key, text)]))
        }
        _ => input.clone(),
    }
}

fn shown(key: &Node) -> String {
    key.as_str().unwrap_or_default().chars().take(60).collect()
}

/// The tasks that templates name, as expressions.
fn uses(input: &Value) -> Vec<String> {
    let refs = references_of_tree(input).unwrap_or_default();
    let task = |path: &Vec<String>| (path[0] == "tasks").then(|| path.get(1).cloned()).flatten();
    let tasks: BTreeSet<String> = refs.paths.iter().filter_map(task).collect();
    tasks.into_iter().map(|task| format!("tasks['{task}']")).collect()
}

/// Templates so that rendering them gives them back: they are rendered when the model calls.
fn raw(value: Value) -> Value {
    match value {
        Value::String(text) if ["{{", "{%", "{#"].iter().any(|open| text.contains(open)) => {
            // What would end the raw part is put together by an expression.
            let text = text.replace("endraw", "{% endraw %}{{ 'endraw' }}{% raw %}");
            Value::String(format!("{{% raw %}}{text}{{% endraw %}}"))
        }
        Value::Array(items) => items.into_iter().map(raw).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, raw(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rendering_gives_templates_back() {
        let scope = windlass_expr::Scope::builder().build();
        for text in
            ["{{ args.path }}", "a {% if args.b %}c{% endif %}\n", "{% raw %}{{ x }}{% endraw %}", "plain"]
        {
            let rendered = windlass_expr::render_tree(&raw(text.into()), &scope).expect("it renders");
            assert_eq!(rendered, Value::from(text));
        }
    }
}
