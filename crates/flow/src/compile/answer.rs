//! Variables: what each stands on, and its value where nothing is left to wait for.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::{Map, Value};
use windlass_expr::{References, Scope, Template, is_omitted};
use windlass_model::{Code, Location};
use windlass_yaml::{Kind, Node};

use super::Cx;
use super::layer::{Answer, Found, Var, View};
use super::problems::problem;
use super::texts::{Look, has_braces, templated};
use super::uses::Uses;

/// How deep variables may refer to variables; the run has the same bound.
const MAX_DEPTH: usize = 20;

impl<'a> Cx<'a> {
    /// What is known of a variable at a place.
    pub(super) fn answer(&self, view: &View<'a>, var: Var<'a>, name: &str) -> Rc<Answer> {
        if let Some(known) = view.answers.borrow().get(name) {
            return known.clone();
        }
        // The name outlives the view: it is the key under which the variable was declared.
        let Some(key) = self.declared(view, name) else { return Rc::default() };
        if let Some(start) = view.open.borrow().iter().position(|open| *open == key) {
            self.tell_var_circle(&view.open.borrow()[start..], key, var.at);
            return Rc::new(Answer { value: None, uses: Uses { live: true, ..Uses::default() } });
        }
        if view.open.borrow().len() == MAX_DEPTH {
            let message = format!("variables refer to variables more than {MAX_DEPTH} deep");
            if self.circles.borrow_mut().insert(message.clone()) {
                let wrong = problem(Code::VariableCircle, var.at, message);
                self.problems.note(wrong.hint("refer to fewer at a time"));
            }
            return Rc::new(Answer { value: None, uses: Uses { live: true, ..Uses::default() } });
        }
        view.open.borrow_mut().push(key);
        let answer = Rc::new(self.work_out(view, var));
        view.open.borrow_mut().pop();
        view.answers.borrow_mut().insert(key, answer.clone());
        answer
    }

    fn declared(&self, view: &View<'a>, name: &str) -> Option<&'a str> {
        let mut layers =
            [&view.step, &*view.extra].into_iter().chain(view.outer.iter().map(|layer| &**layer));
        layers.find_map(|layer| layer.0.get_key_value(name).map(|(key, _)| *key))
    }

    fn tell_var_circle(&self, path: &[&str], again: &str, at: &Location) {
        let message = match path.len() {
            1 => format!("the variable `{again}` refers to itself"),
            _ => {
                let first = path.iter().enumerate().min_by_key(|(_, name)| **name).map_or(0, |(at, _)| at);
                let (end, start) = path.split_at(first);
                let round: Vec<&str> = start.iter().chain(end).chain([&start[0]]).copied().collect();
                format!("variables refer to each other in a circle: {}", round.join(" → "))
            }
        };
        let told = self.circles.borrow_mut().insert(message.clone());
        if told {
            self.problems
                .note(problem(Code::VariableCircle, at, message).hint("remove one of these references"));
        }
    }

    fn work_out(&self, view: &View<'a>, var: Var<'a>) -> Answer {
        let look = Look { view, space: var.space, lenient: false, argv: false };
        let mut uses = Uses::default();
        self.add_uses(look, &var.written.node, &mut uses);
        let value =
            (!uses.live && uses.unknown.is_empty()).then(|| self.constant(look, &var.written.node)).flatten();
        uses.live |= value.is_none();
        Answer { value, uses }
    }

    /// The secrets that a tree stands on.
    pub(super) fn secrets(&self, look: Look<'_, 'a>, node: &Node) -> BTreeSet<String> {
        let mut uses = Uses::default();
        self.add_uses(look, node, &mut uses);
        uses.secrets
    }

    fn add_uses(&self, look: Look<'_, 'a>, node: &Node, uses: &mut Uses) {
        match &node.value {
            Kind::Str(text) if has_braces(text) => {
                if let Ok(template) = Template::parse(text) {
                    uses.add(&self.uses(look, template.references()));
                } else {
                    uses.live = true;
                }
            }
            Kind::List(items) => items.iter().for_each(|item| self.add_uses(look, item, uses)),
            Kind::Map(entries) => entries.iter().for_each(|(_, value)| self.add_uses(look, value, uses)),
            _ => {}
        }
    }

    /// The value of a tree of which every text can be worked out; `None` where one fails.
    fn constant(&self, look: Look<'_, 'a>, node: &Node) -> Option<Value> {
        Some(match &node.value {
            Kind::Str(text) if has_braces(text) => {
                let template = Template::parse(text).ok()?;
                template
                    .render(&self.scope_of(look.view, template.references()))
                    .ok()
                    .filter(|v| !templated(v))?
            }
            Kind::List(items) => items
                .iter()
                .map(|item| self.constant(look, item))
                .filter(|item| !item.as_ref().is_some_and(is_omitted))
                .collect::<Option<_>>()?,
            Kind::Map(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    let value = self.constant(look, value)?;
                    if !is_omitted(&value) {
                        map.insert(key.as_str().unwrap_or_default().to_owned(), value);
                    }
                }
                Value::Object(map)
            }
            _ => node.to_json(),
        })
    }

    /// The variables that a text needs, as a scope. All of them have values.
    pub(super) fn scope_of(&self, view: &View<'a>, refs: &References) -> windlass_expr::Value {
        let (mut vars, mut env) = (Map::new(), Map::new());
        let mut add = |name: &str| {
            if let Found::Var(var) = view.find(name)
                && let Some(value) = &self.answer(view, var, name).value
            {
                vars.insert(name.to_owned(), value.clone());
            }
        };
        for path in &refs.paths {
            match (path[0].as_str(), path.get(1)) {
                ("env", Some(name)) => {
                    if let Some(value) = self.request.env.get(name) {
                        env.insert(name.clone(), value.clone().into());
                    }
                }
                ("vars", Some(name)) => add(name),
                (name, _) => add(name),
            }
        }
        let all = Scope::builder().vars(vars.clone()).build();
        let env = Scope::builder().vars(env).build();
        Scope::builder().value("vars", all).value("env", env).vars(vars).build()
    }
}
