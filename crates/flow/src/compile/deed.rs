//! What a step does: its word's compiler makes an action and its input of what was written.

use serde_json::Value;
use windlass_engine::{CompiledStep, StepCall};
use windlass_model::Code;
use windlass_yaml::{Kind, Node};

use super::problems::problem;
use super::prompt::{PROMPT, PROMPT_FILE};
use super::steps::{Around, Strand};
use super::texts::Look;
use crate::document::{Placed, Step, Written};

/// The action behind `run`.
const SHELL: &str = "shell";

/// The action that waits for a person.
const APPROVE: &str = "approve";

/// Words that run a command line, with keywords for it.
pub(super) fn is_command(word: &str) -> bool {
    matches!(word, "run" | SHELL | "command")
}

/// Parameters that are bare expressions.
fn is_bare(word: &str, key: &str) -> bool {
    matches!((word, key), ("assert", "that") | ("debug", "var"))
}

impl<'a> Strand<'_, 'a> {
    /// The action of a step with its input; `None` where something is wrong with it.
    pub(super) fn deed(&self, step: &Step, look: Look<'_, 'a>, around: &Around<'a>) -> Option<CompiledStep> {
        let Some(word) = &step.word else {
            // What stands there is looked at all the same: all problems come in one go.
            self.cx.check(look, &step.input, &step.input.node);
            return None;
        };
        self.misplaced(step, word);
        let mut compiled = match word.value.as_str() {
            "run" => self.run(step, word, look)?,
            APPROVE => self.approve(step, look)?,
            PROMPT | PROMPT_FILE => self.prompt(step, word, look)?,
            _ => self.word(step, word, look)?,
        };
        if is_command(&word.value) {
            self.shortcuts(step, look, around, &mut compiled.input);
        }
        Some(compiled)
    }

    /// Says which keywords have no meaning beside this word.
    fn misplaced(&self, step: &Step, word: &Placed<String>) {
        if is_command(&word.value) {
            return;
        }
        let chdir = step.shared.chdir.iter().map(|chdir| ("chdir", chdir.at()));
        let others = step.shortcuts.iter().map(|(key, _)| (key.value.as_str(), key.at.clone()));
        for (key, at) in chdir.chain(others) {
            let message = format!("`{key}` is for commands, and this step does `{}`", word.value);
            let wrong = problem(Code::Misplaced, &at, message);
            self.cx.problems.note(wrong.hint("it works beside `run`, `shell` and `command`"));
        }
    }

    /// `run: <command>` is short for `shell: { cmd: <command> }`.
    fn run(&self, step: &Step, word: &Placed<String>, look: Look<'_, 'a>) -> Option<CompiledStep> {
        let node = &step.input.node;
        let node = match (&node.value, node.text()) {
            (Kind::Map(_), _) => node.clone(),
            (_, Some(text)) if !text.trim().is_empty() => {
                let key = Node::new(node.span, Kind::Str("cmd".to_owned()));
                Node::new(node.span, Kind::Map(vec![(key, text_of(node, text))]))
            }
            _ => {
                let message = format!("`run`: expected a command, found {}", empty_or(node));
                let wrong = problem(Code::WrongType, &step.input.at(), message);
                self.cx.problems.note(
                    wrong.hint("write the command line: `run: make test`; several lines go below `run: |`"),
                );
                return None;
            }
        };
        let node = self.settled(&step.input, "run", &node, look);
        let (node, args) = self.with_args(step, node, look)?;
        match self.cx.words.get(SHELL) {
            Some(_) => self.call(step, SHELL, word, (&node, args.as_ref())),
            None => Some(CompiledStep::new(SHELL, node.to_json())),
        }
    }

    fn approve(&self, step: &Step, look: Look<'_, 'a>) -> Option<CompiledStep> {
        let node = &step.input.node;
        let Some(text) = node.text().filter(|text| !text.trim().is_empty()) else {
            let message = format!("`approve`: expected a question, found {}", empty_or(node));
            let wrong = problem(Code::WrongType, &step.input.at(), message);
            self.cx.problems.note(wrong.hint("write what the person is asked: `approve: \"Release?\"`"));
            return None;
        };
        let prompt = self.cx.settle(look, &step.input, &text_of(node, text)).to_json();
        Some(CompiledStep::new(APPROVE, serde_json::json!({ "prompt": prompt })))
    }

    fn word(&self, step: &Step, word: &Placed<String>, look: Look<'_, 'a>) -> Option<CompiledStep> {
        let node = &step.input.node;
        // Text with parameters in it is taken apart before its expressions are worked out, so that what they
        // give is never taken apart itself.
        let free = node.as_str().is_some();
        let node = if free {
            let argv = is_command(&word.value);
            self.cx.check(Look { argv, ..look }, &step.input, node);
            node.clone()
        } else {
            self.settled(&step.input, &word.value, node, look)
        };
        let (node, args) = self.with_args(step, node, look)?;
        let mut compiled = self.call(step, &word.value, word, (&node, args.as_ref()))?;
        self.check_file(step, look, &compiled);
        if free {
            compiled.input = self.cx.settle_json(look, compiled.input);
        }
        Some(compiled)
    }

    /// Parameters with what can be worked out. Of a command all but its input become visible to others.
    pub(super) fn settled(&self, written: &Written, word: &str, node: &Node, look: Look<'_, 'a>) -> Node {
        let Some(entries) = node.as_map() else { return self.cx.settle(look, written, node) };
        let settle = |(key, value): &(Node, Node)| {
            let name = key.as_str().unwrap_or_default();
            if is_bare(word, name) {
                return (key.clone(), self.cx.bare(look, written, value));
            }
            let look = Look { argv: is_command(word) && name != "stdin", ..look };
            (key.clone(), self.cx.settle(look, written, value))
        };
        let entries = entries.iter().map(settle);
        let kept = entries.filter(|(_, value)| value.as_str() != Some(windlass_expr::OMIT));
        Node::new(node.span, Kind::Map(kept.collect()))
    }

    /// The parameters with those of `args`, which win; those beside a text are left to the word's compiler.
    fn with_args(&self, step: &Step, node: Node, look: Look<'_, 'a>) -> Option<(Node, Option<Node>)> {
        let Some(args) = &step.args else { return Some((node, None)) };
        let word = step.word.as_ref().map_or("", |word| &word.value);
        if args.node.as_map().is_none() {
            let message = format!("`args`: expected a mapping, found {}", args.node.kind_name());
            let wrong = problem(Code::WrongType, &args.at(), message);
            self.cx.problems.note(wrong.hint("write `name: value` lines, indented below it"));
            return None;
        }
        let more = self.settled(args, word, &args.node, look);
        let mut entries = match node.value {
            Kind::Map(entries) => entries,
            Kind::Null => Vec::new(),
            _ => return Some((node, Some(more))),
        };
        for (name, value) in more.as_map().unwrap_or_default() {
            entries.retain(|(key, _)| key.as_str() != name.as_str());
            entries.push((name.clone(), value.clone()));
        }
        Some((Node::new(node.span, Kind::Map(entries)), None))
    }

    /// `creates`, `removes` and `chdir` beside a command are parameters of it.
    fn shortcuts(&self, step: &Step, look: Look<'_, 'a>, around: &Around<'a>, input: &mut Value) {
        let Value::Object(input) = input else { return };
        let mut add = |key: &str, written: &Written, space: usize| {
            let value = self.cx.settle(Look { space, ..look }, written, &written.node);
            if value.as_list().is_some() || value.as_map().is_some() {
                let message = format!("`{key}`: expected a path, found {}", value.kind_name());
                self.cx.problems.note(problem(Code::WrongType, &written.at(), message));
            }
            input.entry(key).or_insert_with(|| value.to_json());
        };
        for (key, written) in &step.shortcuts {
            add(&key.value, written, look.space);
        }
        if let Some((written, space)) = around.chdir {
            add("chdir", written, space);
        }
    }

    /// Looks at what the file of a `template` asks of other tasks: its compiler lists that under `uses`.
    fn check_file(&self, step: &Step, look: Look<'_, 'a>, compiled: &CompiledStep) {
        let Some(uses) = compiled.input.get("uses").and_then(Value::as_array) else { return };
        let src = step.input.node.get("src").unwrap_or(&step.input.node);
        for text in uses.iter().filter_map(Value::as_str) {
            self.cx.check_use(look, &step.input.source, src, text);
        }
    }

    /// Asks the word's compiler.
    fn call(
        &self,
        step: &Step,
        word: &str,
        place: &Placed<String>,
        (input, args): (&Node, Option<&Node>),
    ) -> Option<CompiledStep> {
        let compiler = self.cx.words.get(word)?;
        let mut keys: Vec<(&str, &Node)> = step.keys.iter().map(|(key, node)| (key.as_str(), node)).collect();
        keys.extend(args.map(|args| ("args", args)));
        let call = StepCall { word, word_span: place.at.span, input, keys: &keys };
        self.cx.in_context(&step.input.source, |cx| compiler.compile(&call, cx))
    }
}

/// A scalar as the text that was written.
fn text_of(node: &Node, text: &str) -> Node {
    match node.value {
        Kind::Str(_) => node.clone(),
        _ => Node::new(node.span, Kind::Str(text.to_owned())),
    }
}

fn empty_or(node: &Node) -> &'static str {
    match &node.value {
        Kind::Str(_) => "an empty text",
        _ => node.kind_name(),
    }
}
