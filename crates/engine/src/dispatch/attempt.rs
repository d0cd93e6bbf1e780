//! Begins an attempt at a step: its condition, its parameters, its budget, its start.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use windlass_expr::Value;
use windlass_model::{At, Code, Event, Failure, Outcome, Step, Usage, is_this_machine};

use super::message::{Matter, Order, Start};
use super::ready::Lane;
use super::strand::{Doing, StrandKey};
use super::work::Pace;
use super::{Course, Dispatcher};
use crate::action::{Action, Call, Effect, Estimate, Output, Target};
use crate::vars::is_templated;

/// The action that asks a person. The engine does it itself: nothing runs while it waits.
pub(crate) const APPROVE: &str = "approve";

/// How long what always runs may take when the run is being ended by force.
pub(super) const FORCED_CLEANUP_MS: u64 = 5_000;

/// What an attempt needs.
pub(super) struct Prepared {
    input: Json,
    environment: BTreeMap<String, String>,
    /// What the executor has to render.
    pub late: Option<Map<String, Json>>,
    target: Target,
    /// What expressions see, where one has asked.
    scope: OnceCell<Value>,
    pub reserved: Option<Estimate>,
}

/// Parameters, and what is added to the environment.
type Rendered = (Json, BTreeMap<String, String>);

impl Dispatcher {
    /// Begins an attempt at a step or at one item of a loop.
    pub(super) fn attempt(&mut self, key: StrandKey, at: At, step: &Step) -> Pace {
        if self.wants_keys(key, step) {
            self.wanting.insert(key);
            return self.wait_as(key, Doing::Wanting);
        }
        if self.is_sent(key, at.step) {
            self.sent_step(key, at);
            return if self.strand(key).doing == Doing::Running { Pace::Wait } else { Pace::On };
        }
        if let Some(result) = self.at_once(key, at, step) {
            let attempt = self.state.step(at).map_or(0, |run| run.attempts) + 1;
            self.write_start(key, at, attempt, None);
            return if self.judge(key, at, result) { Pace::On } else { Pace::Wait };
        }
        let first = self.strand(key).attempts == 0;
        let prepared = match self.prepare(key, at, step, first) {
            Ok(Some(prepared)) => prepared,
            Ok(None) if self.strand(key).doing == Doing::Inquiring => return Pace::Wait,
            Ok(None) => return Pace::On,
            Err(error) => {
                let outcome = self.let_through(step, Outcome::failed(error));
                self.finish(key, outcome);
                return Pace::On;
            }
        };
        let attempt = self.state.step(at).map_or(0, |run| run.attempts) + 1;
        if self.asks_first(prepared.reserved.as_ref()) {
            return self.hold(key, at, attempt, prepared);
        }
        self.begin(key, at, step, attempt, prepared)
    }

    /// Begins an attempt that nothing stands in the way of any more.
    pub(super) fn begin(
        &mut self,
        key: StrandKey,
        at: At,
        step: &Step,
        attempt: u32,
        prepared: Prepared,
    ) -> Pace {
        let reserved = prepared.reserved.as_ref().map(|most| Box::new(most.usage.clone()));
        self.write_start(key, at, attempt, reserved);
        if &*step.action == APPROVE {
            return self.ask(key, at, &prepared.input);
        }
        self.launch(key, at, step, attempt, prepared)
    }

    /// What comes of a step that is nothing but a computation, if it is one: of the many of a large graph that only
    /// join others. There is nothing to prepare for it.
    fn at_once(&self, key: StrandKey, at: At, step: &Step) -> Option<Result<Output, Failure>> {
        if step.more.is_some() || is_templated(&step.input) || self.asks.value(&step.input) {
            return None;
        }
        let action =
            self.config.actions.get(&step.action).filter(|action| action.effect() == Effect::None)?;
        let scope = || self.scope_of(key, Some(step), BTreeMap::new(), None);
        let call = Call::new(&step.input, self.config.mode.check, self.lane(key) != Lane::There, &scope);
        let free = matches!(action.estimate(&call.after(self.state.notes(at))), Ok(None));
        free.then(|| action.immediate(&call)).flatten()
    }

    /// Writes down that an attempt begins.
    fn write_start(&mut self, key: StrandKey, at: At, attempt: u32, reserved: Option<Box<Usage>>) {
        let now = self.now;
        let strand = self.strand(key);
        strand.attempts += 1;
        if strand.began == 0 {
            strand.began = now;
        }
        self.inquiries.forget(key);
        self.emit(Event::StepStarted { at, attempt, reserved });
    }

    /// Everything that an attempt needs to begin; `None` when the step's condition keeps it from running, or has
    /// to be asked, or something else has.
    pub(super) fn prepare(
        &mut self,
        key: StrandKey,
        at: At,
        step: &Step,
        first: bool,
    ) -> Result<Option<Prepared>, Failure> {
        let more = step.more();
        let scope = OnceCell::new();
        let seen = |this: &Self| this.scope_at(key, at, step, &scope);
        if first && !more.when.is_empty() && !self.has_held(at, step) {
            match self.conditions(at, Matter::Condition, &more.when, seen).transpose()? {
                None => return Ok(None),
                Some(None) => {}
                Some(Some(condition)) => {
                    self.finish(key, Outcome::skipped(format!("the condition is not met: {condition}")));
                    return Ok(None);
                }
            }
        }
        let action = self.config.actions.get(&step.action).cloned();
        let late = action.as_ref().is_some_and(|action| self.renders_late(step, &**action, &|| seen(self)));
        let (input, environment) = match late {
            true => (step.input.clone(), BTreeMap::new()),
            false => match self.parameters(at, step, seen).transpose()? {
                None => return Ok(None),
                Some(rendered) => rendered,
            },
        };
        let Some(target) = self.place(key, at, Matter::Place, step, seen).transpose()? else {
            return Ok(None);
        };
        let make = || seen(self);
        let reserved = match action.as_ref().filter(|_| !late) {
            Some(action) => {
                let call = Call::new(&input, self.config.mode.check, target.local, &make);
                action.estimate(&call.after(self.state.notes(at)))?
            }
            None => None,
        };
        let refused = reserved.as_ref().and_then(|most| self.refused_by_run(&self.committed(), &most.usage));
        if let Some(failure) = refused {
            return Err(failure);
        }
        let late = late.then(|| more.environment.clone());
        Ok(Some(Prepared { input, environment, late, target, scope, reserved }))
    }

    /// Whether the record of its start tells that a step's condition held, where telling it once more would ask
    /// once more: of one that was under way when an earlier driver went away.
    fn has_held(&self, at: At, step: &Step) -> bool {
        let begun = self.state.step(at).is_some_and(|run| run.attempts > 0 && run.started_at > 0);
        begun && self.asks.any(&step.more().when)
    }

    /// A step's parameters, and what it adds to the environment. `None` while an executor asks.
    fn parameters(
        &mut self,
        at: At,
        step: &Step,
        scope: impl FnOnce(&Self) -> Value,
    ) -> Option<Result<Rendered, Failure>> {
        let environment = &step.more().environment;
        if environment.is_empty() && !is_templated(&step.input) {
            return Some(Ok((step.input.clone(), BTreeMap::new())));
        }
        let variables = environment.values().map(|value| ("environment", value));
        let texts: Vec<(&str, &Json)> = iter::once(("parameters", &step.input)).chain(variables).collect();
        let values = self.values(at, Matter::Parameters, &texts, scope)?;
        Some(values.map(|values| {
            let mut values = values.into_iter();
            let input = values.next().unwrap_or_default();
            let text = |value: Json| match value {
                Json::String(text) => text,
                Json::Null => String::new(),
                other => other.to_string(),
            };
            (input, environment.keys().cloned().zip(values.map(text)).collect())
        }))
    }

    /// Whether what the step asks for has effects of its own, and may be asked by its executor, when the record of
    /// the step's start is durable. What a budget is asked for has to be known before that.
    fn renders_late(&self, step: &Step, action: &dyn Action, scope: &dyn Fn() -> Value) -> bool {
        if !self.asks.value(&step.input)
            && !step.more().environment.values().any(|value| self.asks.value(value))
        {
            return false;
        }
        let call = Call::new(&step.input, self.config.mode.check, true, scope);
        &*step.action != APPROVE && action.estimate(&call).is_ok_and(|most| most.is_none())
    }

    /// Where a step is done, and as whom. `None` while an executor asks.
    pub(super) fn place(
        &mut self,
        key: StrandKey,
        at: At,
        matter: Matter,
        step: &Step,
        scope: impl FnOnce(&Self) -> Value,
    ) -> Option<Result<Target, Failure>> {
        let more = step.more();
        let user = more.role.as_ref().and_then(|role| role.user.clone());
        let named = [("delegate_to", more.delegate_to.clone()), ("become_user", user)];
        let named: Vec<(&str, Json)> =
            named.into_iter().filter_map(|(what, text)| Some((what, Json::String(text?)))).collect();
        let texts: Vec<(&str, &Json)> = named.iter().map(|(what, text)| (*what, text)).collect();
        let values = match self.values(at, matter, &texts, scope)? {
            Ok(values) => values,
            Err(error) => return Some(Err(error)),
        };
        let text = |what: &str| {
            let value = texts.iter().zip(&values).find(|((name, _), _)| *name == what)?.1;
            Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        };
        Some(self.target(key, step, text("delegate_to"), text("become_user")))
    }

    /// The host of a name, and the role there. A host that the inventory does not know can be no target, unless it
    /// is this machine.
    fn target(
        &self,
        key: StrandKey,
        step: &Step,
        delegate: Option<String>,
        user: Option<String>,
    ) -> Result<Target, Failure> {
        let inventory = &self.plan.inventory;
        let host: Arc<str> = delegate.map_or_else(|| self.host_of(key).clone(), Into::into);
        if !inventory.is_empty() && !inventory.hosts.contains_key(&host) && !is_this_machine(&host) {
            let message = format!("no host of the inventory is called {host:?}");
            return Err(Failure::new(Code::NoHost, message).permanent());
        }
        let role = windlass_model::Become { user, ..step.more().role.clone().unwrap_or_default() };
        let vars = self.world.host(&host);
        Ok(Target::new(host.clone(), inventory.is_local(&host), vars, role, self.config.secrets.clone()))
    }

    pub(super) fn launch(
        &mut self,
        key: StrandKey,
        at: At,
        step: &Step,
        attempt: u32,
        prepared: Prepared,
    ) -> Pace {
        let Some(action) = self.config.actions.get(&step.action).cloned() else {
            let error =
                Failure::new(Code::UnknownAction, format!("no action is called {}", step.action)).permanent();
            self.finish(key, Outcome::failed(error));
            return Pace::On;
        };
        if action.effect() == Effect::None && prepared.late.is_none() {
            let scope = || self.scope_at(key, at, step, &prepared.scope);
            let (check, local) = (self.config.mode.check, prepared.target.local);
            let call = Call::new(&prepared.input, check, local, &scope);
            if let Some(result) = action.immediate(&call) {
                return if self.judge(key, at, result) { Pace::On } else { Pace::Wait };
            }
        }
        let mut start = self.start(key, at, step, attempt, action, prepared);
        start.then = self.convoy(key, at, &start);
        self.count_start(key);
        self.orders.push(Order::Start(Box::new(start)));
        self.wait_as(key, Doing::Running)
    }

    /// What an executor is told about an attempt.
    pub(super) fn start(
        &mut self,
        key: StrandKey,
        at: At,
        step: &Step,
        attempt: u32,
        action: Arc<dyn Action>,
        prepared: Prepared,
    ) -> Start {
        Start {
            at,
            attempt,
            deed: self.deed(at, &*action, &prepared.target),
            action,
            host: self.host_of(key).clone(),
            target: prepared.target,
            input: prepared.input,
            scope: self.scope_at(key, at, step, &prepared.scope),
            environment: prepared.environment,
            late: prepared.late,
            limit_ms: self.limit(key, step.more().timeout_ms),
            no_log: step.more().no_log,
            scopes: self.scopes_of(key),
            notes: self.state.notes(at).into(),
            then: Vec::new(),
        }
    }

    /// How long an attempt may take: the least of what the step, its task and a forced end leave it.
    pub(super) fn limit(&self, key: StrandKey, own: Option<u64>) -> Option<u64> {
        let cleanup = self.plan.tasks[key.0 as usize].cleanup;
        let in_body = self.strands.get(&key).filter(|strand| strand.walk.cursor < cleanup);
        let left = |at: u64| at.saturating_sub(self.now).max(1);
        let task = in_body.and_then(|strand| strand.deadline).map(left);
        [self.own_limit(own), task].into_iter().flatten().min()
    }

    /// What is left of a time of one's own where the run is being ended by force.
    pub(super) fn own_limit(&self, own: Option<u64>) -> Option<u64> {
        let forced = matches!(self.course, Course::Closing { .. } | Course::Interrupting { hard: true, .. });
        [own, forced.then_some(FORCED_CLEANUP_MS)].into_iter().flatten().min()
    }

    pub(super) fn ask(&mut self, key: StrandKey, at: At, input: &Json) -> Pace {
        let prompt = input.get("prompt").and_then(Json::as_str).unwrap_or("Go on?").to_owned();
        self.emit(Event::ApprovalAsked { at, prompt });
        if self.config.mode.check {
            self.finish(key, Outcome::skipped("check mode asks nobody"));
            return Pace::On;
        }
        self.wait_as(key, Doing::Asking)
    }

    /// Whether a key that the step reads is not there yet.
    pub(super) fn wants_keys(&self, key: StrandKey, step: &Step) -> bool {
        let consumes = &step.more().consumes;
        if consumes.is_empty() {
            return false;
        }
        !self.missing_keys(key, step).is_empty()
    }

    /// The keys that a step reads and that nobody has written yet. Of one that a step may write or not nobody can say
    /// that it is still to come: those steps are upstream, and have ended.
    pub(super) fn missing_keys(&self, key: StrandKey, step: &Step) -> Vec<String> {
        let scopes = self.scopes_of(key);
        let there =
            |name: &String| scopes.iter().any(|s| self.state.values.contains_key(&(*s, name.clone())));
        let missing = step.more().consumes.iter().filter(|name| !there(name));
        missing.filter(|name| !self.offered().contains(*name)).cloned().collect()
    }

    fn offered(&self) -> &BTreeSet<String> {
        self.offered.get_or_init(|| {
            let steps = self.plan.tasks.iter().flat_map(|task| &task.steps);
            steps.flat_map(|step| step.more().offers.iter().cloned()).collect()
        })
    }
}
