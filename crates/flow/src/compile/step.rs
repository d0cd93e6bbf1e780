//! A step of the plan: what it does, and how.

use std::cell::RefCell;

use serde_json::{Map, Value};
use windlass_model::{Become, Code, Intent, Loop, Step as Planned, StepMore, Until};

use super::layer::View;
use super::problems::problem;
use super::steps::{Around, Strand, over};
use super::task::{merged, sorted};
use super::texts::Look;
use crate::document::{Condition, Repeat, Step, millis};

impl<'a> Strand<'_, 'a> {
    /// Compiles a step with all that it inherits.
    pub(super) fn step(&mut self, step: &'a Step, around: &Around<'a>) -> Planned {
        let before = self.view(around);
        let (repeat, secret) = self.repeat(step, &before);
        let mut view = self.view(around);
        if let Some(repeat) = &step.repeat {
            view.loops = std::iter::once(&*repeat.item).chain(repeat.index.as_deref()).collect();
            view.tainted = secret;
        }
        let look = Look { view: &view, space: self.space, lenient: false, argv: false };
        let name = step.name.as_ref().map(|name| self.cx.text(look, name)).unwrap_or_default();
        let id = self.id(step, &name);
        let compiled = self.deed(step, look, around);
        let more = StepMore {
            when: self.when(around, &view),
            repeat,
            vars: self.cx.vars_of(&around.vars, &view),
            environment: self.environment(around, &view),
            produces: merged(&step.produces, compiled.as_ref().map_or(&[], |c| &c.produces)),
            offers: compiled.as_ref().map(|c| c.offers.clone()).unwrap_or_default(),
            consumes: merged(&step.consumes, compiled.as_ref().map_or(&[], |c| &c.consumes)),
            name,
            ..self.rest(step, around, &view)
        };
        let (action, input) = compiled.map_or(("".into(), Value::Null), |c| (c.action, c.input));
        let mut planned = Planned::new(id, action, input).with(|m| *m = more);
        if self.cx.before_start[self.task] || !self.cx.is_chosen(&around.tags) {
            planned.intent = Intent::Declined;
        }
        planned
    }

    /// What expressions of a step see, but for its loop.
    fn view(&self, around: &Around<'a>) -> View<'a> {
        View {
            step: around.vars.clone(),
            task: Some(self.task),
            idle: !self.cx.is_chosen(&around.tags),
            answers: RefCell::default(),
            ..View::new(self.live.clone(), self.cx.extra.clone(), self.outer.clone())
        }
    }

    fn rest(&self, step: &Step, around: &Around<'a>, view: &View<'a>) -> StepMore {
        let after = Look { view, space: self.space, lenient: true, argv: false };
        let all = |conditions: &Vec<Condition>| -> Vec<String> {
            conditions.iter().map(|condition| self.cx.condition(after, condition)).collect()
        };
        StepMore {
            description: step.description.clone(),
            until: step.until.as_ref().map(|until| Until {
                conditions: all(&until.conditions),
                retries: until.retries,
                delay_ms: millis(until.delay),
            }),
            register: step.register.as_ref().map(|name| name.value.clone()),
            changed_when: step.changed_when.as_ref().map(all),
            failed_when: step.failed_when.as_ref().map(all),
            ignore_errors: around.ignore_errors.unwrap_or_default(),
            ignore_unreachable: around.ignore_unreachable.unwrap_or_default(),
            no_log: around.no_log.unwrap_or_default(),
            role: self.role(around),
            delegate_to: around.delegate_to.map(|(written, space)| {
                let look = Look { view, space, lenient: false, argv: false };
                self.cx.text(look, written)
            }),
            run_once: around.run_once.unwrap_or_default(),
            timeout_ms: step.timeout.map(millis),
            retry: step.retry,
            on_doubt: around.on_doubt.unwrap_or_default(),
            tags: sorted(&around.tags),
            ..StepMore::default()
        }
    }

    /// As whom the step runs; the command line has the last word where documents have none.
    fn role(&self, around: &Around<'a>) -> Option<Become> {
        let role = over(&around.role, &self.cx.request.role);
        (role != Become::default()).then_some(role)
    }

    fn when(&self, around: &Around<'a>, view: &View<'a>) -> Vec<String> {
        let look = |space| Look { view, space, lenient: false, argv: false };
        let texts = around.when.iter().map(|(condition, space)| self.cx.condition(look(*space), condition));
        texts.filter(|text| text != "true").collect()
    }

    fn environment(&self, around: &Around<'a>, view: &View<'a>) -> Map<String, Value> {
        let mut environment = Map::new();
        for (name, written, space) in &around.environment {
            let look = Look { view, space: *space, lenient: false, argv: false };
            if written.node.as_list().is_some() || written.node.as_map().is_some() {
                let message = format!(
                    "`environment`: expected a text for `{}`, found {}",
                    name.value,
                    written.node.kind_name()
                );
                self.cx
                    .problems
                    .note(problem(Code::WrongType, &written.at(), message).hint("write `NAME: value`"));
            }
            // A number keeps the digits that were written: `1.10`.
            let value = match written.node.is_template() {
                true => self.cx.settle(look, written, &written.node).to_json(),
                false => written.node.text().map_or(Value::Null, Value::from),
            };
            environment.insert(name.value.clone(), value);
        }
        environment
    }

    /// The loop, and whether its items may be secrets.
    fn repeat(&self, step: &'a Step, view: &View<'a>) -> (Option<Loop>, bool) {
        let Some(repeat) = &step.repeat else { return (None, false) };
        let look = Look { view, space: self.space, lenient: false, argv: false };
        let over = self.cx.settle(look, &repeat.over, &repeat.over.node).to_json();
        let secret = !self.cx.secrets(look, &repeat.over.node).is_empty();
        let over = if repeat.flat { flat(over) } else { over };
        if let Some(found) = no_list(&over) {
            let key = if repeat.flat { "with_items" } else { "loop" };
            let wrong = problem(
                Code::WrongType,
                &repeat.over.at(),
                format!("`{key}`: expected a list, found {found}"),
            );
            let hint = match &over {
                Value::Object(_) => "loop over its entries: `{{ … | dict2items }}`",
                _ => "write `[a, b]`, or an expression that gives a list: `{{ names }}`",
            };
            self.cx.problems.note(wrong.hint(hint));
        }
        let label = self.label(step, repeat, view);
        let planned = Loop {
            over,
            item: repeat.item.clone(),
            index: repeat.index.clone(),
            label,
            pause_ms: millis(repeat.pause),
        };
        (Some(planned), secret)
    }

    /// The label is a text over the item.
    fn label(&self, step: &'a Step, repeat: &'a Repeat, view: &View<'a>) -> Option<String> {
        let written = repeat.label.as_ref()?;
        let mut inner = View::new(view.live.clone(), view.extra.clone(), view.outer.clone());
        inner.step = view.step.clone();
        inner.task = view.task;
        inner.loops =
            step.repeat.iter().flat_map(|r| std::iter::once(&*r.item).chain(r.index.as_deref())).collect();
        let look = Look { view: &inner, space: self.space, lenient: false, argv: false };
        Some(self.cx.text(look, written))
    }
}

/// The list with the lists in it opened.
fn flat(over: Value) -> Value {
    match over {
        Value::Array(items) => {
            let open = |item| match item {
                Value::Array(items) => items,
                other => vec![other],
            };
            items.into_iter().flat_map(open).collect()
        }
        Value::String(text) => {
            match text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")) {
                Some(inner) if !inner.contains("{{") => {
                    Value::String(format!("{{{{ ({inner}) | flatten(levels=1) }}}}"))
                }
                _ => Value::String(text),
            }
        }
        other => other,
    }
}

/// What stands where a list is expected, if it is neither one nor a text that may give one.
fn no_list(over: &Value) -> Option<&'static str> {
    match over {
        Value::Array(_) => None,
        Value::String(text) if text.contains("{{") || text.contains("{%") => None,
        Value::String(_) => Some("a text"),
        Value::Object(_) => Some("a mapping"),
        Value::Number(_) => Some("a number"),
        Value::Bool(_) => Some("a boolean"),
        Value::Null => Some("nothing"),
    }
}
