//! What the names in a text stand for: tasks, secrets, the environment, variables; and what is wrong with them.

use windlass_model::{Code, LOCALHOST, Location};
use windlass_yaml::nearest;

use super::Cx;
use super::graph::Target;
use super::layer::{Found, View};
use super::problems::problem;
use super::texts::Look;
use super::uses::{TaskUse, Uses};

/// The names that stand for what only the run knows.
const LIVE: &[&str] = &[
    "run",
    "state",
    "hostvars",
    "groups",
    "group_names",
    "inventory_hostname",
    "inventory_hostname_short",
    "ansible_check_mode",
    "omit",
];

/// The fields of a task that expressions know.
const FIELDS: &[&str] = &["changed", "output", "outputs", "state"];

impl<'a> Cx<'a> {
    /// What one path of a text stands on. With `at` it tells what is wrong.
    pub(super) fn path(
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
            "round" if look.view.task.is_some_and(|task| self.is_repeated(task)) => {
                Uses { live: true, ..Uses::default() }
            }
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
            Found::Unknown if guarded || look.lenient || self.is_host_var(name) => {
                Uses { live: true, ..Uses::default() }
            }
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
        if self.problems.is_full() {
            return;
        }
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
        if self.problems.is_full() {
            return;
        }
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
        // Over the hosts of a pattern, what is handed on is by host.
        let hosts = self.graph.tasks[task].task.rollout.hosts.as_ref();
        let of_host = hosts.is_some_and(|hosts| hosts.node.text() != Some(LOCALHOST));
        let place = if of_host { 2 } else { 1 };
        let Some(output) = fields.get(place).filter(|_| field == "outputs") else { return };
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
    pub(super) fn check_uses(
        &self,
        look: Look<'_, 'a>,
        path: &[String],
        uses: &Uses,
        at: &dyn Fn() -> Location,
    ) {
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
            } else if used.outputs
                && !used.guarded
                && self.is_left_out(used.task)
                && !look.view.idle
                && !self.is_left_out(own)
            {
                let message =
                    format!("task `{id}`{by} is left out {}: it has no outputs", self.left_out_by(used.task));
                let hint = "include it, or provide for it: `… | default('')`";
                self.problems.note(problem(Code::LeftOut, &at(), message).hint(hint));
            }
        }
    }
}
