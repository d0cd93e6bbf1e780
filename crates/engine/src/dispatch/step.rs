//! Takes a strand up to the next point where it must wait: conditions, loops, parameters, starts.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;
use windlass_expr::{Expression, Template, Value, from_json, render_tree};
use windlass_model::{
    At, Code, Event, Failure, Fragment, Intent, OnDoubt, Outcome, Phase, Scope, Status, Step, Usage, Verdict,
    digest,
};

use super::ending::CONDITION;
use super::message::{Order, Start, Timer};
use super::strand::{Doing, StrandKey, result_of};
use super::walk::Omission;
use super::{Course, Dispatcher};
use crate::action::{Call, Effect};
use crate::vars::{Place, is_templated};

/// The action that asks a person. The engine does it itself: nothing runs while it waits.
pub(crate) const APPROVE: &str = "approve";

/// How long what always runs may take when the run is being ended by force.
const FORCED_CLEANUP_MS: u64 = 5_000;

/// Whether a strand can go on at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    On,
    Wait,
}

impl Dispatcher {
    /// Takes a strand on until it must wait or is done.
    pub(super) fn work(&mut self, key: StrandKey) {
        let plan = self.plan.clone();
        let task = &plan.tasks[key.0 as usize];
        // A strand may be queued twice, by an answer that comes while the run is being stopped.
        let stale = self.strands.get(&key).is_some_and(|strand| strand.doing != Doing::Ready);
        if stale || self.state.tasks[key.0 as usize].end.is_some() {
            return;
        }
        if !self.strands.contains_key(&key) && !self.begin_strand(key) {
            return;
        }
        let owed = std::mem::take(&mut self.strand(key).owed);
        self.leave_out(key, owed);
        for _ in 0..super::QUANTUM {
            if self.broken.is_some() {
                return;
            }
            let strand = self.strand(key);
            if strand.doing != Doing::Ready {
                return;
            }
            if strand.walk.cursor as usize >= task.steps.len() {
                return self.strand_done(key);
            }
            let in_body = strand.walk.cursor < task.cleanup;
            let pace = match &self.course {
                Course::Interrupting { .. } if in_body => self.park(key),
                Course::Closing { .. } if in_body => {
                    self.abandon(key);
                    Pace::On
                }
                _ => self.step(key),
            };
            if pace == Pace::Wait {
                return;
            }
        }
        self.wake(key);
    }

    /// Makes a strand of a task that is ready; false when the task's own condition keeps it from running.
    fn begin_strand(&mut self, key: StrandKey) -> bool {
        let plan = self.plan.clone();
        let task = &plan.tasks[key.0 as usize];
        let (now, more) = (self.now, task.more());
        let strand = self.strand(key);
        if let Some(timeout) = more.policy.timeout_ms {
            strand.deadline = Some(now + timeout);
            self.orders.push(Order::Wake { at: now + timeout, timer: Timer::Task(key) });
        }
        let fresh = self.state.steps_on(key.0, key.1).iter().all(|step| step.phase == Phase::Pending);
        if more.when.is_empty() || !fresh || self.course != Course::Going {
            return true;
        }
        let scope = self.scope(key, None, BTreeMap::new());
        let reason = match first_false(&more.when, &scope) {
            Ok(None) => return true,
            Ok(Some(condition)) => Outcome::skipped(format!("{CONDITION}{condition}")),
            Err(error) => Outcome::failed(error),
        };
        let failed = reason.status == Status::Failed;
        for step in 0..task.steps.len() as u32 {
            let outcome =
                if failed && step > 0 { Outcome::blocked("an earlier step failed") } else { reason.clone() };
            let at = At { task: key.0, host: key.1, step, item: None };
            self.emit(Event::StepFinished { at, outcome });
        }
        let strand = self.strand(key);
        strand.walk.cursor = task.steps.len() as u32;
        strand.walk.failed = failed;
        self.strand_done(key);
        false
    }

    /// Stops a strand between two steps; what always runs does so now, and again after the resume.
    fn park(&mut self, key: StrandKey) -> Pace {
        let plan = self.plan.clone();
        let task = &plan.tasks[key.0 as usize];
        let begun = self.state.steps_on(key.0, key.1).iter().any(|step| step.phase != Phase::Pending);
        let strand = self.strand(key);
        if begun && (task.cleanup as usize) < task.steps.len() {
            strand.early = true;
            strand.item = None;
            strand.attempts = 0;
            strand.walk.cursor = task.cleanup;
            return Pace::On;
        }
        strand.doing = Doing::Parked;
        Pace::Wait
    }

    fn step(&mut self, key: StrandKey) -> Pace {
        let plan = self.plan.clone();
        let task = &plan.tasks[key.0 as usize];
        let at = self.strand(key).at();
        let step = &task.steps[at.step as usize];
        let phase = self.state.step(at).map_or(Phase::Pending, |run| run.phase);
        match phase {
            // What always runs has run, when the run was about to be interrupted.
            Phase::Done(status) => {
                let mut omitted = Vec::new();
                self.strand(key).walk.advance(task, status.is_success(), &mut omitted);
                self.leave_out(key, omitted);
                Pace::On
            }
            Phase::InDoubt | Phase::Held => self.doubt(key, at, step),
            Phase::Asking => match self.state.approvals.get(&at).and_then(|approval| approval.answer.clone())
            {
                Some((approved, by, note)) => {
                    self.settle_answer(key, approved, &by, &note);
                    Pace::On
                }
                None => self.wait_as(key, Doing::Asking),
            },
            _ if step.intent != Intent::Run => {
                self.finish(key, Outcome::skipped(left_out(step)));
                Pace::On
            }
            _ if step.more().repeat.is_some() && at.item.is_none() => self.next_item(key, step),
            _ => self.attempt(key, at, step),
        }
    }

    fn wait_as(&mut self, key: StrandKey, doing: Doing) -> Pace {
        self.strand(key).doing = doing;
        Pace::Wait
    }

    /// A step that was under way when an earlier driver went away.
    fn doubt(&mut self, key: StrandKey, at: At, step: &Step) -> Pace {
        let verdict = match step.more().on_doubt {
            OnDoubt::Rerun => Some(Verdict::Rerun),
            OnDoubt::Hold => self.config.in_doubt,
        };
        match verdict {
            Some(verdict) => {
                self.settle_doubt(key, at, verdict);
                Pace::On
            }
            None => {
                if self.state.step(at).is_some_and(|run| run.phase == Phase::InDoubt) {
                    self.emit(Event::StepHeld { at });
                }
                self.wait_as(key, Doing::Held)
            }
        }
    }

    /// A person decided about a step in doubt.
    pub(super) fn resolved(&mut self, at: At, verdict: Verdict) {
        let key = (at.task, at.host);
        self.strand(key).item = at.item;
        self.settle_doubt(key, at, verdict);
        self.wake(key);
    }

    fn settle_doubt(&mut self, key: StrandKey, at: At, verdict: Verdict) {
        self.emit(Event::DoubtResolved { at, verdict });
        match verdict {
            Verdict::Rerun => {}
            Verdict::Skip => self.finish(key, Outcome::skipped("in doubt, and taken as done")),
            Verdict::Fail => self.finish(key, Outcome::failed(in_doubt())),
        }
    }

    /// Begins the loop's next item; ends the loop after its last.
    fn next_item(&mut self, key: StrandKey, step: &Step) -> Pace {
        let at = self.strand(key).at();
        if !self.state.expansions.contains_key(&at) {
            match self.items(key, step) {
                Ok(items) => {
                    let fragment = Fragment::Items(Arc::new(items));
                    let bytes = serde_json::to_vec(&fragment).unwrap_or_default();
                    self.emit(Event::PlanExtended { at, fragment, digest: digest::sha256_hex(&bytes) });
                }
                Err(error) => {
                    self.finish(key, Outcome::failed(error));
                    return Pace::On;
                }
            }
        }
        let Some(expansion) = self.state.expansions.get(&at) else { return Pace::Wait };
        match expansion.runs.iter().position(|run| run.status().is_none()) {
            Some(item) => {
                let strand = self.strand(key);
                strand.item = Some(item as u32);
                strand.attempts = 0;
                strand.began = 0;
            }
            None => {
                let outcome = self.loop_outcome(at, step);
                self.finish(key, outcome);
            }
        }
        Pace::On
    }

    fn items(&mut self, key: StrandKey, step: &Step) -> Result<Vec<Json>, Failure> {
        let over = step.more().repeat.as_ref().map_or(&Json::Null, |repeat| &repeat.over);
        let list = if is_templated(over) {
            let scope = self.scope(key, Some(step), BTreeMap::new());
            render_tree(over, &scope).map_err(|error| expression("loop", &error))?
        } else {
            over.clone()
        };
        match list {
            Json::Array(items) => Ok(items),
            other => Err(Failure::new(
                Code::LoopNeedsList,
                format!("loop needs a list, and {over} is {}", kind_of(&other)),
            )
            .hint("a single value is written as [value]; a mapping as {{ mapping | dict2items }}")
            .permanent()),
        }
    }

    /// What came of a loop: the sum of its items, as Ansible has it.
    fn loop_outcome(&self, at: At, step: &Step) -> Outcome {
        let Some(expansion) = self.state.expansions.get(&at) else { return Outcome::bare(Status::Skipped) };
        let name = step.more().repeat.as_ref().map_or("item", |repeat| &repeat.item);
        let (mut results, mut failed, mut ran) = (Vec::new(), None, false);
        let mut changed = false;
        for (item, run) in expansion.items.iter().zip(&expansion.runs) {
            let Some(outcome) = run.outcome() else { continue };
            changed |= outcome.status == Status::Changed;
            ran |= outcome.status != Status::Skipped;
            if !outcome.status.is_success() && failed.is_none() {
                failed = Some(outcome.clone());
            }
            let mut result = result_of(&outcome);
            if let Json::Object(fields) = &mut result {
                fields.insert(name.to_owned(), item.clone());
                fields.insert("ansible_loop_var".into(), name.into());
            }
            results.push(result);
        }
        if !ran && failed.is_none() {
            let why = if results.is_empty() { "there are no items" } else { "every item was skipped" };
            return Outcome::skipped(why)
                .with_result(serde_json::json!({ "results": results, "changed": false }));
        }
        let status = match &failed {
            Some(outcome) => outcome.status,
            None if changed => Status::Changed,
            None => Status::Ok,
        };
        let msg = if failed.is_some() { "one or more items failed" } else { "all items completed" };
        let result = serde_json::json!({ "results": results, "changed": changed, "msg": msg });
        let mut outcome = Outcome::bare(status).with_result(result);
        if let Some(error) = failed.as_ref().and_then(Outcome::error) {
            outcome = outcome.with_error(error.clone());
        }
        outcome
    }

    /// Begins an attempt at a step or at one item of a loop.
    fn attempt(&mut self, key: StrandKey, at: At, step: &Step) -> Pace {
        if self.wants_keys(key, step) {
            self.wanting.insert(key);
            return self.wait_as(key, Doing::Wanting);
        }
        let first = self.strand(key).attempts == 0;
        let prepared = match self.prepare(key, at, step, first) {
            Ok(Some(prepared)) => prepared,
            Ok(None) => return Pace::On,
            Err(error) => {
                let outcome = self.let_through(step, Outcome::failed(error));
                self.finish(key, outcome);
                return Pace::On;
            }
        };
        let attempt = self.state.step(at).map_or(0, |run| run.attempts) + 1;
        let now = self.now;
        let strand = self.strand(key);
        strand.attempts += 1;
        if strand.began == 0 {
            strand.began = now;
        }
        self.emit(Event::StepStarted { at, attempt, reserved: prepared.reserved.clone().map(Box::new) });
        if &*step.action == APPROVE {
            return self.ask(key, at, &prepared.input);
        }
        self.launch(key, at, step, attempt, prepared)
    }

    /// Everything that an attempt needs; `None` when the step's condition keeps it from running.
    fn prepare(
        &mut self,
        key: StrandKey,
        at: At,
        step: &Step,
        first: bool,
    ) -> Result<Option<Prepared>, Failure> {
        let more = step.more();
        let scope = std::cell::OnceCell::new();
        let own = self.own_names(at, step);
        let this = &*self;
        let make = || scope.get_or_init(|| this.scope_of(key, Some(step), own.clone(), None)).clone();
        if first && !more.when.is_empty() {
            if let Some(condition) = first_false(&more.when, &make())? {
                self.finish(key, Outcome::skipped(format!("the condition is not met: {condition}")));
                return Ok(None);
            }
        }
        let render = |what: &str, value: &Json| {
            if !is_templated(value) {
                return Ok(value.clone());
            }
            render_tree(value, &make()).map_err(|error| expression(what, &error))
        };
        let input = render("parameters", &step.input)?;
        let mut environment = BTreeMap::new();
        for (name, value) in &more.environment {
            let text = match render("environment", value)? {
                Json::String(text) => text,
                Json::Null => String::new(),
                other => other.to_string(),
            };
            environment.insert(name.clone(), text);
        }
        let action = this.config.actions.get(&step.action).cloned();
        let reserved = match &action {
            Some(action) => action.estimate(&Call::new(&input, this.config.mode.check, &make))?,
            None => None,
        };
        if let (Some(wanted), Some(budget)) = (&reserved, &this.plan.policy.budget) {
            if let Some(why) = budget.refuses(&this.committed(), wanted) {
                return Err(Failure::new(Code::BudgetRefused, format!("the budget refuses the step: {why}"))
                    .hint("raise policy.budget, or lower what the step may use")
                    .permanent());
            }
        }
        let scope = make();
        Ok(Some(Prepared { input, environment, scope, reserved }))
    }

    fn launch(&mut self, key: StrandKey, at: At, step: &Step, attempt: u32, prepared: Prepared) -> Pace {
        let Some(action) = self.config.actions.get(&step.action).cloned() else {
            let error =
                Failure::new(Code::UnknownAction, format!("no action is called {}", step.action)).permanent();
            self.finish(key, Outcome::failed(error));
            return Pace::On;
        };
        if action.effect() == Effect::None {
            let scope = || prepared.scope.clone();
            if let Some(result) =
                action.immediate(&Call::new(&prepared.input, self.config.mode.check, &scope))
            {
                return if self.judge(key, at, result) { Pace::On } else { Pace::Wait };
            }
        }
        let stage = self.plan.tasks[key.0 as usize].stage;
        self.running += 1;
        self.ready.started(stage);
        let limit_ms = self.limit(key, step);
        self.orders.push(Order::Start(Box::new(Start {
            at,
            attempt,
            action,
            host: self.host_of(key).clone(),
            input: prepared.input,
            scope: prepared.scope,
            environment: prepared.environment,
            limit_ms,
            no_log: step.more().no_log,
            scopes: self.scopes_of(key),
        })));
        self.wait_as(key, Doing::Running)
    }

    /// How long an attempt may take: the least of what the step, its task and a forced end leave it.
    fn limit(&mut self, key: StrandKey, step: &Step) -> Option<u64> {
        let forced = matches!(self.course, Course::Closing { .. } | Course::Interrupting { hard: true, .. });
        let now = self.now;
        let in_cleanup = self.strand(key).walk.cursor >= self.plan.tasks[key.0 as usize].cleanup;
        let task = self.strand(key).deadline.filter(|_| !in_cleanup).map(|at| at.saturating_sub(now).max(1));
        [step.more().timeout_ms, task, forced.then_some(FORCED_CLEANUP_MS)].into_iter().flatten().min()
    }

    fn ask(&mut self, key: StrandKey, at: At, input: &Json) -> Pace {
        let prompt = input.get("prompt").and_then(Json::as_str).unwrap_or("Go on?").to_owned();
        self.emit(Event::ApprovalAsked { at, prompt });
        if self.config.mode.check {
            self.finish(key, Outcome::skipped("check mode asks nobody"));
            return Pace::On;
        }
        self.wait_as(key, Doing::Asking)
    }

    /// A person answered a question.
    pub(super) fn answered(&mut self, at: At, approved: bool, by: &str, note: &str) {
        let key = (at.task, at.host);
        let strand = self.strand(key);
        if strand.walk.cursor == at.step && matches!(strand.doing, Doing::Asking | Doing::Ready) {
            strand.item = at.item;
            self.settle_answer(key, approved, by, note);
            self.wake(key);
        }
    }

    fn settle_answer(&mut self, key: StrandKey, approved: bool, by: &str, note: &str) {
        let result = serde_json::json!({ "approved": approved, "by": by, "note": note, "changed": false });
        let outcome = if approved {
            Outcome::bare(Status::Ok).with_result(result)
        } else {
            let error = Failure::new(Code::Rejected, format!("rejected by {by}")).permanent();
            let error = if note.is_empty() { error } else { error.hint(note) };
            Outcome::failed(error).with_result(result)
        };
        self.finish(key, outcome);
    }

    /// Whether a key that the step reads is not there yet.
    fn wants_keys(&self, key: StrandKey, step: &Step) -> bool {
        let consumes = &step.more().consumes;
        if consumes.is_empty() {
            return false;
        }
        !self.missing_keys(key, step).is_empty()
    }

    /// The keys that a step reads and that nobody has written yet.
    pub(super) fn missing_keys(&self, key: StrandKey, step: &Step) -> Vec<String> {
        let scopes = self.scopes_of(key);
        let there =
            |name: &String| scopes.iter().any(|s| self.state.values.contains_key(&(*s, name.clone())));
        step.more().consumes.iter().filter(|name| !there(name)).cloned().collect()
    }

    /// The scopes of state that a strand sees, nearest first.
    pub(super) fn scopes_of(&self, key: StrandKey) -> Arc<[Scope]> {
        let stage = self.plan.tasks[key.0 as usize].stage.map(Scope::Stage);
        let chain = [Some(Scope::Task(key.0)), stage, Some(Scope::Pipeline), Some(Scope::Global)];
        chain.into_iter().flatten().collect()
    }

    /// The names that a step has beyond variables: its loop's item and index.
    fn own_names(&self, at: At, step: &Step) -> BTreeMap<String, Value> {
        let mut own = BTreeMap::new();
        let (Some(item), Some(repeat)) = (at.item, &step.more().repeat) else { return own };
        let Some(expansion) = self.state.expansions.get(&at.whole()) else { return own };
        own.insert(repeat.item.clone(), from_json(&expansion.items[item as usize]));
        if let Some(index) = &repeat.index {
            own.insert(index.clone(), Value::from(item));
        }
        own
    }

    fn scope(&mut self, key: StrandKey, step: Option<&Step>, own: BTreeMap<String, Value>) -> Value {
        self.strand(key);
        self.scope_of(key, step, own, None)
    }

    /// What expressions see at a strand's current place; `own` names win over all others.
    pub(super) fn scope_of(
        &self,
        key: StrandKey,
        step: Option<&Step>,
        own: BTreeMap<String, Value>,
        result: Option<&Json>,
    ) -> Value {
        let none = Arc::default();
        let registers = self.strands.get(&key).map_or(&none, |strand| &strand.registers);
        let task = &self.plan.tasks[key.0 as usize];
        let place = Place { task, step, host: self.host_of(key), registers };
        let below = result.and_then(Json::as_object).map(|fields| {
            Arc::new(windlass_expr::Vars::new(fields.clone())) as Arc<dyn windlass_expr::Lookup>
        });
        let mut own = own;
        if task.more().vars.is_empty() || !self.state.values.is_empty() {
            own.entry("state".into()).or_insert_with(|| self.state_names(key));
        }
        self.world.scope(&place, own, below)
    }

    /// The run's state as `state.key` in expressions.
    fn state_names(&self, key: StrandKey) -> Value {
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

    /// Names of the current item, for what is evaluated after an attempt.
    pub(super) fn names_of(&self, at: At, step: &Step) -> BTreeMap<String, Value> {
        self.own_names(at, step)
    }

    /// Ends steps that the way leaves out.
    pub(super) fn leave_out(&mut self, key: StrandKey, omitted: Vec<super::walk::Omitted>) {
        for (range, why) in omitted {
            for step in range {
                let at = At { task: key.0, host: key.1, step, item: None };
                if self.state.step(at).is_some_and(|run| run.status().is_some()) {
                    continue;
                }
                let outcome = match why {
                    Omission::NothingToRescue => Outcome::skipped("there is nothing to rescue"),
                    Omission::AfterFailure => Outcome::blocked("an earlier step failed"),
                };
                self.emit(Event::StepFinished { at, outcome });
            }
        }
    }
}

/// What an attempt needs.
struct Prepared {
    input: Json,
    environment: BTreeMap<String, String>,
    scope: Value,
    reserved: Option<Usage>,
}

/// Whether a step was skipped because its task's own condition is not met.
pub(super) fn is_by_condition(outcome: &Outcome) -> bool {
    outcome.status == Status::Skipped && outcome.reason().is_some_and(|reason| reason.starts_with(CONDITION))
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
pub(super) fn expression(what: &str, error: &windlass_expr::Error) -> Failure {
    let failure = Failure::new(Code::ExpressionFailed, format!("{what}: {}", error.message)).permanent();
    match &error.hint {
        Some(hint) => failure.hint(hint.clone()),
        None => failure,
    }
}

fn in_doubt() -> Failure {
    Failure::new(Code::InDoubt, "the step was under way when the run stopped, and is taken as failed")
}

fn left_out(step: &Step) -> String {
    match (step.intent, step.more().metadata.get("reason")) {
        (_, Some(reason)) => reason.clone(),
        (Intent::Noop, None) => "there is nothing to do".into(),
        (Intent::Error, None) => "the plan says that it cannot run".into(),
        _ => "it was left out".into(),
    }
}

fn kind_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "nothing",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a mapping",
    }
}
