//! What expressions see at a place of the run, and what they say.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_expr::{ErrorKind, Expression, Lookup, Template, Value, from_json};
use windlass_model::{At, Code, Failure, Scope, Step};

use super::Dispatcher;
use super::strand::StrandKey;
use crate::vars::{Place, no_registers};

impl Dispatcher {
    /// The scopes of state that a strand sees, nearest first.
    pub(super) fn scopes_of(&self, key: StrandKey) -> Arc<[Scope]> {
        let stage = self.plan.tasks[key.0 as usize].stage.map(Scope::Stage);
        let chain = [Some(Scope::Task(key.0)), stage, Some(Scope::Pipeline), Some(Scope::Global)];
        chain.into_iter().flatten().collect()
    }

    /// The names that a step has beyond variables: its loop's item and index.
    pub(super) fn own_names(&self, at: At, step: &Step) -> BTreeMap<String, Value> {
        let mut own = BTreeMap::new();
        let (Some(item), Some(repeat)) = (at.item, &step.more().repeat) else { return own };
        let Some(expansion) = self.state.expansions.get(&at.whole()) else { return own };
        own.insert(repeat.item.clone(), from_json(&expansion.items[item as usize]));
        if let Some(index) = &repeat.index {
            own.insert(index.clone(), Value::from(item));
        }
        own
    }

    pub(super) fn scope(
        &mut self,
        key: StrandKey,
        step: Option<&Step>,
        own: BTreeMap<String, Value>,
    ) -> Value {
        self.strand(key);
        self.scope_of(key, step, own, None)
    }

    /// What expressions of an attempt see. It is made for the first that asks: most steps have none.
    pub(super) fn scope_at(&self, key: StrandKey, at: At, step: &Step, made: &OnceCell<Value>) -> Value {
        made.get_or_init(|| self.scope_of(key, Some(step), self.own_names(at, step), None)).clone()
    }

    /// What expressions see at a strand's current place; `own` names win over all others, and those of `below` over
    /// none but the run's own.
    pub(super) fn scope_of(
        &self,
        key: StrandKey,
        step: Option<&Step>,
        own: BTreeMap<String, Value>,
        below: Option<Arc<dyn Lookup>>,
    ) -> Value {
        let none = no_registers();
        let registers = self.strands.get(&key).map_or(&none, |strand| &strand.registers);
        let task = &self.plan.tasks[key.0 as usize];
        let place = Place { task, step, host: self.host_of(key), registers };
        let mut own = own;
        if task.more().vars.is_empty() || !self.state.values.is_empty() {
            own.entry("state".into()).or_insert_with(|| self.state_names(key));
        }
        if let Some(stage) = task.stage.filter(|stage| self.plan.stages[*stage as usize].repeat.is_some()) {
            own.entry("round".into()).or_insert_with(|| Value::from(self.state.round(stage)));
        }
        self.world.scope(&place, own, below)
    }

    /// The run's state as `state.key` in expressions.
    pub(super) fn state_names(&self, key: StrandKey) -> Value {
        let scopes = self.scopes_of(key);
        let mut names: BTreeMap<String, Value> = BTreeMap::new();
        for scope in scopes.iter() {
            for ((_, name), value) in
                self.state.values.range((*scope, String::new())..).take_while(|((s, _), _)| s == scope)
            {
                names.entry(name.clone()).or_insert_with(|| from_json(value));
            }
        }
        windlass_expr::Scope::builder().layer(Arc::new(names)).build()
    }
}

/// The first condition that does not hold.
pub(super) fn first_false(conditions: &[String], scope: &Value) -> Result<Option<String>, Failure> {
    for condition in conditions {
        let test = || {
            if condition.contains("{%") {
                let text = Template::parse(condition)?.render_text(scope)?;
                return Ok(matches!(text.trim(), "True" | "true" | "yes" | "1"));
            }
            Expression::parse(condition)?.test(scope)
        };
        if !test().map_err(|error| expression(&format!("condition {condition:?}"), &error))? {
            return Ok(Some(condition.clone()));
        }
    }
    Ok(None)
}

/// An expression that could not be evaluated, as a failure that no retry changes.
pub(crate) fn expression(what: &str, error: &windlass_expr::Error) -> Failure {
    if error.kind == ErrorKind::Unforeseen {
        return Failure::new(Code::Unforeseen, error.message.clone()).permanent();
    }
    let failure = Failure::new(Code::ExpressionFailed, format!("{what}: {}", error.message)).permanent();
    match &error.hint {
        Some(hint) => failure.hint(hint.clone()),
        None => failure,
    }
}
