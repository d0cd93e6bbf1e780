//! Prompts: what a document says beside `prompt` is worked out here, and read by the word's own compiler.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Value, json};
use windlass_engine::{CompiledStep, StepCall};
use windlass_expr::references_of_tree;
use windlass_model::{Code, Draft, Source, Strategy};
use windlass_yaml::{Kind, Limits, Node};

use super::deed::is_command;
use super::layer::View;
use super::problems::problem;
use super::steps::Strand;
use super::texts::Look;
use crate::document::{Placed, Step, Written};
use crate::prompt::ARGS;
pub(super) use crate::prompt::{PROMPT, PROMPT_FILE};

/// What is asked with reproducible order goes in batches, unless the document says otherwise.
pub(super) fn strategy(draft: &Draft) -> Strategy {
    let mut steps = draft.tasks.iter().flat_map(|task| task.body.iter().chain(&task.cleanup));
    if steps.any(|step| &*step.action == PROMPT) { Strategy::Batched } else { Strategy::Eager }
}

impl<'a> Strand<'_, 'a> {
    /// `prompt`, or `prompt_file` with the text in a file.
    pub(super) fn prompt(
        &self,
        step: &Step,
        word: &Placed<String>,
        look: Look<'_, 'a>,
    ) -> Option<CompiledStep> {
        let input = match word.value.as_str() {
            PROMPT_FILE => self.files(step, &step.input.node, look)?,
            _ => self.open(&step.input, &step.input.node, look),
        };
        let mut keys: Vec<(&str, Node)> = Vec::new();
        for (key, node) in &step.keys {
            let written = Written { source: step.input.source.clone(), node: node.clone() };
            let node =
                if key == "tools" { self.tools(&written, look) } else { self.open(&written, node, look) };
            keys.push((key, node));
        }
        let compiler = self.cx.words.get(PROMPT)?;
        let keys: Vec<(&str, &Node)> = keys.iter().map(|(key, node)| (*key, node)).collect();
        let call = StepCall { word: PROMPT, word_span: word.at.span, input: &input, keys: &keys };
        let mut compiled = self.cx.in_context(&step.input.source, |cx| compiler.compile(&call, cx))?;
        self.add_context(&mut compiled);
        Some(compiled)
    }

    /// Texts that leave this machine: no secret may be in them.
    fn open(&self, written: &Written, node: &Node, look: Look<'_, 'a>) -> Node {
        for secret in self.cx.secrets(look, node) {
            let at = node.location(&written.source);
            let message = format!("the secret `{secret}` would be sent to a language model");
            let hint = "hand it to a command by `environment`; a model has no use for it";
            self.cx.problems.note(problem(Code::SecretInPrompt, &at, message).hint(hint));
        }
        self.cx.settle(look, written, node)
    }

    /// The texts of files, in place of their names. What is wrong in a file is shown there.
    fn files(&self, step: &Step, node: &Node, look: Look<'_, 'a>) -> Option<Node> {
        if let Some(entries) = node.as_map() {
            let read = |(key, name): &(Node, Node)| Some((key.clone(), self.files(step, name, look)?));
            return Some(Node::new(node.span, Kind::Map(entries.iter().map(read).collect::<Option<_>>()?)));
        }
        let name = self.cx.settle(look, &step.input, node);
        let source = name.text().ok_or_else(|| "expected the name of a file".to_owned());
        let source = source.and_then(|name| self.file(step, name));
        match source {
            Ok(source) => {
                let node = Node::new(node.span, Kind::Str(source.text.trim_end().to_owned()));
                let whole = windlass_model::Span::new(0, node.text().map_or(0, str::len));
                let written = Written { node: Node::new(whole, node.value), source };
                Some(Node::new(name.span, self.open(&written, &written.node, look).value))
            }
            Err(why) => {
                let wrong = problem(Code::MissingSource, &node.location(&step.input.source), why);
                self.cx.problems.note(wrong.hint("paths start at the document's folder"));
                None
            }
        }
    }

    fn file(&self, step: &Step, name: &str) -> Result<std::sync::Arc<Source>, String> {
        let unreadable =
            |error: &dyn std::fmt::Display| format!("`prompt_file`: cannot read {name}: {error}");
        self.cx.in_context(&step.input.source, |cx| {
            cx.file(name).map_err(|error| unreadable(&error))?;
            let path = cx.root().join(name);
            windlass_yaml::read_file(&path, name, &Limits::default()).map_err(|error| error.message)
        })
    }

    /// What the model may call. Steps of tools see its arguments, which only the run knows.
    fn tools(&self, written: &Written, look: Look<'_, 'a>) -> Node {
        let Some(tools) = written.node.as_list() else { return written.node.clone() };
        let view = View {
            loops: look.view.loops.iter().copied().chain([ARGS]).collect(),
            tainted: look.view.tainted,
            step: look.view.step.clone(),
            task: look.view.task,
            idle: look.view.idle,
            answers: RefCell::default(),
            ..View::new(look.view.live.clone(), look.view.extra.clone(), look.view.outer.clone())
        };
        let inner = Look { view: &view, ..look };
        let settle = |(key, value): &(Node, Node)| {
            let word = key.as_str().unwrap_or_default();
            let settled = match word {
                "name" | "description" | "parameters" => self.open(written, value, look),
                _ => self.settled(written, word, value, Look { argv: is_command(word), ..inner }),
            };
            (key.clone(), settled)
        };
        let tool = |tool: &Node| match tool.as_map() {
            Some(entries) => Node::new(tool.span, Kind::Map(entries.iter().map(settle).collect())),
            None => tool.clone(),
        };
        Node::new(written.node.span, Kind::List(tools.iter().map(tool).collect()))
    }

    /// A prompt with a context is sent what the tasks before it gave, in the order of its `needs`. What its text
    /// names itself is not sent twice.
    fn add_context(&self, compiled: &mut CompiledStep) {
        let named = |path: &Vec<String>| {
            let whole = path.get(2).is_none_or(|field| matches!(field.as_str(), "output" | "outputs"));
            (path[0] == "tasks" && whole).then(|| path.get(1).cloned()).flatten()
        };
        let refs = references_of_tree(&compiled.input).unwrap_or_default();
        let named: BTreeSet<String> = refs.paths.iter().filter_map(named).collect();
        let Some(context) = compiled.input.get_mut("context").filter(|context| context.is_object()) else {
            return;
        };
        let place = &self.cx.graph.tasks[self.task];
        let written = |need: usize| {
            let id = self.cx.graph.tasks[need].task.id.as_ref();
            place.task.needs.iter().position(|other| id.is_some_and(|id| id.value == other.value))
        };
        let mut needs = place.needs.clone();
        needs.sort_by_key(|need| (written(*need).is_none(), written(*need), *need));
        let ids = needs.iter().filter_map(|&need| self.cx.graph.tasks[need].id.as_ref());
        let from = ids.filter(|id| !named.contains(id.as_str())).map(|id| {
            let output = format!("{{{{ tasks['{id}'].output | default('', true) }}}}");
            json!({ "task": id.as_str(), "output": output })
        });
        context["from"] = from.collect::<Vec<Value>>().into();
    }
}
