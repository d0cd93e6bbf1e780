//! Texts with expressions: what they stand on, what is wrong with them, and their values where nothing is left
//! to wait for.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Map, Value};
use windlass_expr::{Error, ErrorKind, Expression, References, Scope, Template, is_omitted};
use windlass_model::{Code, Location, Source};
use windlass_yaml::{Kind, Node, nearest};

use super::Cx;
use super::graph::Target;
use super::layer::{Answer, Found, Var, View};
use super::place::within;
use super::problems::problem;
use super::rename::rename;
use super::uses::{TaskUse, Uses};
use crate::document::{Condition, Written};

/// The names that stand for what only the run knows.
const LIVE: &[&str] = &[
    "run",
    "state",
    "hostvars",
    "groups",
    "group_names",
    "inventory_hostname",
    "ansible_check_mode",
    "omit",
];

/// How deep variables may refer to variables; the run has the same bound.
const MAX_DEPTH: usize = 20;

/// The fields of a task that expressions know.
const FIELDS: &[&str] = &["changed", "output", "outputs", "state"];

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

    /// Looks at a text that is a bare expression, or a list of them, such as the `that` of `assert`.
    pub(super) fn bare(&self, look: Look<'_, 'a>, written: &Written, node: &Node) {
        match &node.value {
            Kind::Str(raw) if !has_braces(raw) => {
                // What does not parse is told by the word's own compiler.
                if let Ok(expression) = Expression::parse(raw) {
                    self.examine(look, Text { written, node, bare: true }, expression.references());
                }
            }
            Kind::List(items) => items.iter().for_each(|item| self.bare(look, written, item)),
            _ => {}
        }
    }

    /// Looks at an expression of a file that a step renders, shown where the step names the file. Whether the
    /// file provides for a variable of the environment is not known here.
    pub(super) fn check_use(&self, look: Look<'_, 'a>, source: &Arc<Source>, node: &Node, text: &str) {
        let Ok(expression) = Expression::parse(text) else { return };
        let at = || node.location(source);
        for path in &expression.references().paths {
            let uses = self.path(look, path, path[0] == "env", Some(&at));
            self.check_uses(look, path, &uses, &at);
        }
    }

    /// Finds what a text stands on, and tells what is wrong with it.
    fn examine(&self, look: Look<'_, 'a>, text: Text<'_>, refs: &References) -> Uses {
        let mut all = Uses { live: !refs.pure, ..Uses::default() };
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
    fn uses(&self, look: Look<'_, 'a>, refs: &References) -> Uses {
        let mut all = Uses { live: !refs.pure, ..Uses::default() };
        for path in &refs.paths {
            let guarded = refs.guarded.contains(&path.join("."));
            all.add(&self.path(look, path, guarded, None));
        }
        all
    }

    /// What one path of a text stands on. With `at` it tells what is wrong.
    fn path(
        &self,
        look: Look<'_, 'a>,
        path: &[String],
        guarded: bool,
        at: Option<&dyn Fn() -> Location>,
    ) -> Uses {
        match path[0].as_str() {
            "tasks" => self.task_path(look, path, guarded, at),
            "secrets" => self.secret_path(path, at),
            "env" => self.env_path(path, guarded, at),
            "vars" => match path.get(1) {
                Some(name) => self.name(look, name, guarded, at),
                None => Uses { live: true, ..Uses::default() },
            },
            name if LIVE.contains(&name) || name.starts_with("ansible_") => {
                Uses { live: true, ..Uses::default() }
            }
            name => self.name(look, name, guarded, at),
        }
    }

    fn name(&self, look: Look<'_, 'a>, name: &str, guarded: bool, at: Option<&dyn Fn() -> Location>) -> Uses {
        match look.view.find(name) {
            Found::Live => Uses { live: true, ..Uses::default() },
            Found::Var(var) => self.answer(look.view, var, name).uses.clone(),
            Found::Unknown if guarded || look.lenient => Uses { live: true, ..Uses::default() },
            Found::Unknown => {
                let mut uses = Uses { live: true, ..Uses::default() };
                match at {
                    Some(at) => self.tell_unknown(look.view, name, &at()),
                    None => drop(uses.unknown.insert(name.to_owned())),
                }
                uses
            }
        }
    }

    fn tell_unknown(&self, view: &View<'a>, name: &str, at: &Location) {
        let wrong = problem(Code::UnknownVariable, at, format!("`{name}` is not known here"));
        let known = view.names();
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if name == "item" => "add a `loop`, or name the loop's item by its `loop_var`".to_owned(),
            None if self.registered.contains(name) => {
                "it is registered later, or in another task; hand values to other tasks by `outputs`"
                    .to_owned()
            }
            None => format!("declare it under `vars`, or provide for it: `{name} | default('')`"),
        };
        self.problems.note(wrong.hint(hint));
    }

    fn task_path(
        &self,
        look: Look<'_, 'a>,
        path: &[String],
        guarded: bool,
        at: Option<&dyn Fn() -> Location>,
    ) -> Uses {
        let mut uses = Uses { live: true, ..Uses::default() };
        let Some(id) = path.get(1) else {
            self.tell_open(at, "tasks", "name the task: `tasks.compile`, or `tasks['sign-off']`");
            return uses;
        };
        let task = match self.graph.resolve(look.space, id) {
            Some(Target::Task(task)) => task,
            other => {
                if let Some(at) = at {
                    self.tell_no_task(look.space, id, other.is_some(), &at());
                }
                return uses;
            }
        };
        if let Some(at) = at {
            self.check_field(task, &path[2..], at);
        }
        let outputs = matches!(path.get(2).map(String::as_str), Some("output" | "outputs") | None);
        uses.tasks.insert(TaskUse { task, outputs, guarded });
        uses
    }

    fn tell_no_task(&self, space: usize, id: &str, include: bool, at: &Location) {
        let wrong = problem(Code::UnknownTask, at, format!("there is no task `{id}`"));
        let hint = match (include, self.graph.cut_short(id), self.graph.nearest(space, id)) {
            (true, Some(whole), _) => {
                format!("it is an include: name one of its tasks, such as `tasks['{whole}']`")
            }
            (false, Some(whole), _) => format!("write `tasks['{whole}']`: in an expression `-` is minus"),
            (_, None, Some(near)) => format!("did you mean `{near}`?"),
            _ => "name a task of this document by its id".to_owned(),
        };
        self.problems.note(wrong.hint(hint));
    }

    /// Whether a task has the field, and the output, that a path names.
    fn check_field(&self, task: usize, fields: &[String], at: &dyn Fn() -> Location) {
        let Some(field) = fields.first() else { return };
        let id = self.id_text(task);
        if !FIELDS.contains(&field.as_str()) {
            let wrong = problem(Code::BadTaskField, &at(), format!("a task has no field `{field}`"));
            let known = "a task has `state`, `changed`, `output` and `outputs`";
            let outputs = &self.graph.tasks[task].task.outputs;
            self.problems.note(match nearest(field, FIELDS.iter().copied()) {
                _ if outputs.iter().any(|(name, _)| name.value == *field) => {
                    wrong.hint(format!("write `outputs.{field}`"))
                }
                Some(near) => wrong.hint(format!("did you mean `{near}`? {known}")),
                None => wrong.hint(known),
            });
        }
        let Some(output) = fields.get(1).filter(|_| field == "outputs") else { return };
        let outputs = &self.graph.tasks[task].task.outputs;
        // A method of the map, such as `outputs.items()`, is no part of the path.
        if outputs.iter().all(|(name, _)| name.value != *output) {
            let wrong = problem(Code::BadTaskField, &at(), format!("task `{id}` has no output `{output}`"));
            let near = nearest(output, outputs.iter().map(|(name, _)| name.value.as_str()));
            self.problems.note(match near {
                Some(near) => wrong.hint(format!("did you mean `{near}`?")),
                None => wrong.hint(format!("declare it there: `outputs: {{ {output}: … }}`")),
            });
        }
    }

    fn secret_path(&self, path: &[String], at: Option<&dyn Fn() -> Location>) -> Uses {
        let mut uses = Uses { live: true, ..Uses::default() };
        let Some(name) = path.get(1) else {
            self.tell_open(at, "secrets", "name the secret: `secrets.token`");
            return uses;
        };
        uses.secrets.insert(name.clone());
        if let Some(at) = at.filter(|_| !self.document.secrets.contains_key(name)) {
            let wrong = problem(Code::UnknownSecret, &at(), format!("the secret `{name}` is not declared"));
            let near = nearest(name, self.document.secrets.keys().map(String::as_str));
            self.problems.note(match near {
                Some(near) => wrong.hint(format!("did you mean `{near}`?")),
                None => wrong.hint(format!("declare it: `secrets: {{ {name}: {{ env: … }} }}`")),
            });
        }
        uses
    }

    fn env_path(&self, path: &[String], guarded: bool, at: Option<&dyn Fn() -> Location>) -> Uses {
        let Some(name) = path.get(1) else {
            self.tell_open(at, "env", "name the variable: `env.HOME`, or `env.HOME | default('')`");
            return Uses { live: true, ..Uses::default() };
        };
        let value = self.request.env.get(name);
        self.env.borrow_mut().insert(name.clone(), value.cloned());
        if let Some(at) = at.filter(|_| value.is_none() && !guarded) {
            let wrong =
                problem(Code::UnsetVariable, &at(), format!("the environment variable `{name}` is not set"));
            self.problems.note(wrong.hint(format!("set it, or provide for it: `env.{name} | default('')`")));
            return Uses { live: true, ..Uses::default() };
        }
        Uses { live: value.is_none() && !guarded, ..Uses::default() }
    }

    fn tell_open(&self, at: Option<&dyn Fn() -> Location>, what: &str, hint: &str) {
        if let Some(at) = at {
            let message =
                format!("`{what}` stands alone: which one is meant must be known when the plan is made");
            self.problems.note(problem(Code::OpenReference, &at(), message).hint(hint));
        }
    }

    /// Checks what a path stands on, through variables too, against the place where it is used.
    fn check_uses(&self, look: Look<'_, 'a>, path: &[String], uses: &Uses, at: &dyn Fn() -> Location) {
        let through = (path[0] != "tasks").then_some(path[0].as_str());
        let by = through.map(|name| format!(", which the variable `{name}` refers to,")).unwrap_or_default();
        if let Some(name) = uses.unknown.first().filter(|_| !look.lenient) {
            let message = format!("`{name}`{by} is not known here");
            let hint = format!("declare `{name}` where this can see it");
            self.problems.note(problem(Code::UnknownVariable, &at(), message).hint(hint));
        }
        let Some(own) = look.view.task else { return };
        for used in &uses.tasks {
            let id = self.id_text(used.task);
            if used.task == own {
                let wrong = problem(Code::NotUpstream, &at(), format!("task `{id}`{by} is this task itself"));
                self.problems.note(wrong.hint("`register` the result of an earlier step, and use that name"));
            } else if !self.graph.is_upstream(used.task, own) {
                let message = format!("task `{id}`{by} is not upstream of `{}`", self.id_text(own));
                let hint = format!("add `{id}` to the `needs` of `{}`", self.id_text(own));
                self.problems.note(problem(Code::NotUpstream, &at(), message).hint(hint));
            } else if used.outputs && !used.guarded && self.is_left_out(used.task) && !self.is_left_out(own) {
                let message =
                    format!("task `{id}`{by} is left out {}: it has no outputs", self.left_out_by(used.task));
                let hint = "include it, or provide for it: `… | default('')`";
                self.problems.note(problem(Code::LeftOut, &at(), message).hint(hint));
            }
        }
    }

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
            self.problems
                .note(problem(Code::VariableCircle, var.at, message).hint("refer to fewer at a time"));
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
    fn scope_of(&self, view: &View<'a>, refs: &References) -> windlass_expr::Value {
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

    /// The whole id of a task that has a shorter one in a space; `None` where it is the same.
    fn whole_id(&self, space: usize, id: &str) -> Option<String> {
        let Some(Target::Task(task)) = self.graph.resolve(space, id) else { return None };
        let whole = self.graph.tasks[task].id.as_ref()?.as_str();
        (whole != id).then(|| whole.to_owned())
    }
}

fn has_braces(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// Whether a value has a text in it that would be taken for a template again.
fn templated(value: &Value) -> bool {
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
        None => wrong,
    }
}

fn failure(text: &Text<'_>, error: &Error) -> windlass_model::Diagnostic {
    let wrong = problem(Code::CannotEvaluate, &text.at(error.offset), error.message.clone());
    match &error.hint {
        Some(hint) => wrong.hint(hint.clone()),
        None => wrong,
    }
}
