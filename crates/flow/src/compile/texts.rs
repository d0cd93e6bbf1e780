//! Texts with expressions: what they stand on, what is wrong with them, and their values where nothing is left
//! to wait for.

use std::sync::Arc;

use serde_json::Value;
use windlass_expr::{Error, ErrorKind, Expression, References, Template, is_omitted};
use windlass_model::{Code, Location, Source};
use windlass_yaml::{Kind, Node};

use super::Cx;
use super::graph::Target;
use super::layer::View;
use super::place::within;
use super::problems::problem;
use super::rename::rename;
use super::uses::Uses;
use crate::document::{Condition, Written};

/// How a text is looked at.
#[derive(Clone, Copy)]
pub(super) struct Look<'v, 'a> {
    pub view: &'v View<'a>,
    pub space: usize,
    /// Whether names that are not known may be fields of a result.
    pub lenient: bool,
    /// Whether the text becomes a part of a command line.
    pub argv: bool,
}

/// A text on its way: where it was written, and whether it is a bare expression.
#[derive(Clone, Copy)]
struct Text<'t> {
    written: &'t Written,
    node: &'t Node,
    bare: bool,
}

impl Text<'_> {
    fn at(&self, offset: Option<usize>) -> Location {
        let written = Written { source: self.written.source.clone(), node: self.node.clone() };
        within(&written, offset.unwrap_or(0))
    }
}

impl<'a> Cx<'a> {
    /// Looks at every text of a tree, and works out those that need nothing that only the run knows.
    pub(super) fn settle(&self, look: Look<'_, 'a>, written: &Written, node: &Node) -> Node {
        match &node.value {
            Kind::Str(text) if has_braces(text) => {
                self.settle_text(look, Text { written, node, bare: false }, text)
            }
            Kind::List(items) => {
                let items = items.iter().map(|item| self.settle(look, written, item));
                Node::new(node.span, Kind::List(items.filter(|item| !is_omit(item)).collect()))
            }
            Kind::Map(entries) => {
                let entries =
                    entries.iter().map(|(key, value)| (key.clone(), self.settle(look, written, value)));
                Node::new(node.span, Kind::Map(entries.filter(|(_, value)| !is_omit(value)).collect()))
            }
            _ => node.clone(),
        }
    }

    fn settle_text(&self, look: Look<'_, 'a>, text: Text<'_>, raw: &str) -> Node {
        let template = match Template::parse(raw) {
            Ok(template) => template,
            Err(error) => {
                self.problems.note(syntax(&text, &error));
                return text.node.clone();
            }
        };
        let uses = self.examine(look, text, template.references());
        if uses.live || !uses.unknown.is_empty() || look.lenient {
            return self.residual(look.space, text.node, raw);
        }
        match template.render(&self.scope_of(look.view, template.references())) {
            Ok(value) if !templated(&value) => node_of(text.node, &value),
            Ok(_) => self.residual(look.space, text.node, raw),
            Err(error) => {
                self.problems.note(failure(&text, &error));
                text.node.clone()
            }
        }
    }

    /// A text that the run evaluates, with whole ids in it.
    fn residual(&self, space: usize, node: &Node, raw: &str) -> Node {
        match rename(raw, false, |id| self.whole_id(space, id)) {
            Some(text) => Node::new(node.span, Kind::Str(text)),
            None => node.clone(),
        }
    }

    /// Works out the texts of a compiled input. What is wrong with them was told before.
    pub(super) fn settle_json(&self, look: Look<'_, 'a>, value: Value) -> Value {
        match value {
            Value::String(text) if has_braces(&text) => self.settle_string(look, text),
            Value::Array(items) => {
                let items = items.into_iter().map(|item| self.settle_json(look, item));
                items.filter(|item| !is_omitted(item)).collect()
            }
            Value::Object(map) => {
                let map = map.into_iter().map(|(key, value)| (key, self.settle_json(look, value)));
                Value::Object(map.filter(|(_, value)| !is_omitted(value)).collect())
            }
            other => other,
        }
    }

    fn settle_string(&self, look: Look<'_, 'a>, text: String) -> Value {
        let Ok(template) = Template::parse(&text) else { return text.into() };
        let uses = self.uses(look, template.references());
        if !uses.live
            && uses.unknown.is_empty()
            && let Ok(value) = template.render(&self.scope_of(look.view, template.references()))
            && !templated(&value)
        {
            return value;
        }
        rename(&text, false, |id| self.whole_id(look.space, id)).unwrap_or(text).into()
    }

    /// Looks at every text of a tree, and leaves all of them for the run.
    pub(super) fn check(&self, look: Look<'_, 'a>, written: &Written, node: &Node) {
        match &node.value {
            Kind::Str(text) if has_braces(text) => {
                let text_at = Text { written, node, bare: false };
                match Template::parse(text) {
                    Ok(template) => drop(self.examine(look, text_at, template.references())),
                    Err(error) => self.problems.note(syntax(&text_at, &error)),
                }
            }
            Kind::List(items) => items.iter().for_each(|item| self.check(look, written, item)),
            Kind::Map(entries) => entries.iter().for_each(|(_, value)| self.check(look, written, value)),
            _ => {}
        }
    }

    /// Looks at a condition; gives the expression that the run evaluates.
    pub(super) fn condition(&self, look: Look<'_, 'a>, condition: &Condition) -> String {
        let written = &condition.written;
        let text = Text { written, node: &written.node, bare: true };
        let raw = written.node.text().unwrap_or_default();
        // Words such as `no` stand for booleans: there is nothing to look at.
        if !matches!(condition.text.as_str(), "true" | "false") {
            match Expression::parse(raw) {
                Ok(expression) => drop(self.examine(look, text, expression.references())),
                Err(error) => self.problems.note(syntax(&text, &error)),
            }
        }
        rename(&condition.text, true, |id| self.whole_id(look.space, id))
            .unwrap_or_else(|| condition.text.clone())
    }

    /// Looks at a text that is a bare expression, or a list of them, such as the `that` of `assert`; gives it with
    /// whole ids in it. What does not parse is told by the word's own compiler.
    pub(super) fn bare(&self, look: Look<'_, 'a>, written: &Written, node: &Node) -> Node {
        match &node.value {
            Kind::Str(raw) if !has_braces(raw) => {
                let Ok(expression) = Expression::parse(raw) else { return node.clone() };
                self.examine(look, Text { written, node, bare: true }, expression.references());
                match rename(raw, true, |id| self.whole_id(look.space, id)) {
                    Some(text) => Node::new(node.span, Kind::Str(text)),
                    None => node.clone(),
                }
            }
            Kind::List(items) => {
                let items = items.iter().map(|item| self.bare(look, written, item));
                Node::new(node.span, Kind::List(items.collect()))
            }
            _ => self.settle(look, written, node),
        }
    }

    /// Looks at an expression of a file that a step renders, shown where the step names the file. Whether the
    /// file provides for a variable of the environment is not known here.
    pub(super) fn check_use(&self, look: Look<'_, 'a>, source: &Arc<Source>, node: &Node, text: &str) {
        let Ok(expression) = Expression::parse(text) else { return };
        let at = || node.location(source);
        self.note_asked(expression.references(), source, &|_| {
            format!("{}, in the file that is named there", at())
        });
        for path in &expression.references().paths {
            if let Some(id) = path.get(1).filter(|_| path[0] == "tasks")
                && let Some(whole) = self.whole_id(look.space, id)
            {
                let message = format!("the file names the task `{id}`, which is `{whole}` here");
                let wrong = problem(Code::UnknownTask, &at(), message);
                self.problems
                    .note(wrong.hint("hand the value to the file by `vars`: only documents know short ids"));
                continue;
            }
            let uses = self.path(look, path, path[0] == "env", Some(&at));
            self.check_uses(look, path, &uses, &at);
        }
    }

    /// Finds what a text stands on, and tells what is wrong with it.
    fn examine(&self, look: Look<'_, 'a>, text: Text<'_>, refs: &References) -> Uses {
        let mut all = Uses { live: !refs.pure, ..Uses::default() };
        self.note_asked(refs, &text.written.source, &|offset| text.at(Some(offset)).to_string());
        for path in &refs.paths {
            let name = path.join(".");
            let guarded = refs.guarded.contains(&name);
            let at = || text.at(refs.offset(&name));
            let uses = self.path(look, path, guarded, Some(&at));
            self.check_uses(look, path, &uses, &at);
            all.add(&uses);
        }
        if look.argv
            && (!all.secrets.is_empty()
                || look.view.tainted && look.view.loops.iter().any(|l| refs.mentions(l)))
        {
            let wrong =
                problem(Code::SecretInArgv, &text.at(None), "a secret would be visible in the command line");
            self.problems.note(wrong.hint("hand it over by `environment`, or by the command's `stdin`"));
        }
        all
    }

    /// Finds what a text stands on, and tells nothing.
    pub(super) fn uses(&self, look: Look<'_, 'a>, refs: &References) -> Uses {
        let mut all = Uses { live: !refs.pure, ..Uses::default() };
        for path in &refs.paths {
            let guarded = refs.guarded.contains(&path.join("."));
            all.add(&self.path(look, path, guarded, None));
        }
        all
    }

    /// The whole id of a task that has a shorter one in a space; `None` where it is the same.
    fn whole_id(&self, space: usize, id: &str) -> Option<String> {
        let Some(Target::Task(task)) = self.graph.resolve(space, id) else { return None };
        let whole = self.graph.tasks[task].id.as_ref()?.as_str();
        (whole != id).then(|| whole.to_owned())
    }
}

pub(super) fn has_braces(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// Whether a value has a text in it that would be taken for a template again.
pub(super) fn templated(value: &Value) -> bool {
    match value {
        Value::String(text) => has_braces(text),
        Value::Array(items) => items.iter().any(templated),
        Value::Object(map) => map.values().any(templated),
        _ => false,
    }
}

fn is_omit(node: &Node) -> bool {
    node.as_str() == Some(windlass_expr::OMIT)
}

/// A value as a node at the place of the text that it was worked out of.
pub(super) fn node_of(place: &Node, value: &Value) -> Node {
    let inner = |value: &Value| node_of(place, value);
    let kind = match value {
        Value::Null => Kind::Null,
        Value::Bool(flag) => Kind::Bool(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Kind::Int(whole),
            (None, float) => Kind::Float(float.unwrap_or_default()),
        },
        Value::String(text) => Kind::Str(text.clone()),
        Value::Array(items) => Kind::List(items.iter().map(inner).collect()),
        Value::Object(map) => Kind::Map(
            map.iter()
                .map(|(key, value)| (Node::new(place.span, Kind::Str(key.clone())), inner(value)))
                .collect(),
        ),
    };
    Node::new(place.span, kind)
}

fn syntax(text: &Text<'_>, error: &Error) -> windlass_model::Diagnostic {
    let code = match error.kind {
        ErrorKind::Limit => Code::TooBig,
        _ => Code::ExpressionSyntax,
    };
    let wrong = problem(code, &text.at(error.offset), error.message.clone());
    match &error.hint {
        Some(hint) => wrong.hint(hint.clone()),
        None if text.bare && text.node.is_template() => wrong.hint("write it bare, without `{{ }}`"),
        None => wrong.hint("check its quotes, brackets and braces"),
    }
}

fn failure(text: &Text<'_>, error: &Error) -> windlass_model::Diagnostic {
    let wrong = problem(Code::CannotEvaluate, &text.at(error.offset), error.message.clone());
    let hint = error.hint.clone();
    wrong.hint(hint.unwrap_or_else(|| "check the values of the variables in it".to_owned()))
}
