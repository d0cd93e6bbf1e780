//! Repeated stages: when all tasks of one have ended, its condition says whether they are done again.
//!
//! What its tasks hand on becomes state of the stage, by name, so that the condition and the next round see it. Tasks
//! outside that need one inside wait until the stage is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;
use windlass_expr::{Value, from_json};
use windlass_model::{At, Code, Event, Failure, Fragment, Phase, Scope, TaskEnd, digest};

use super::message::Matter;
use super::{Course, Dispatcher};

impl Dispatcher {
    /// The repeated stage of a task; none for most tasks.
    fn repeated_stage(&self, task: u32) -> Option<u32> {
        let stage = self.plan.tasks[task as usize].stage?;
        self.plan.stages[stage as usize].repeat.as_ref().map(|_| stage)
    }

    /// Whether a task must wait for the end of the repeated stage that another lies in.
    pub(super) fn waits_for_rounds(&self, task: u32, need: u32) -> bool {
        let stage = self.repeated_stage(need);
        stage.is_some_and(|stage| {
            self.plan.tasks[task as usize].stage != Some(stage) && !self.over.contains(&stage)
        })
    }

    /// The repeated stage beside a task whose failure keeps the task from running.
    pub(super) fn lost_stage(&self, task: u32) -> Option<u32> {
        let own = self.plan.tasks[task as usize].stage;
        let needs = self.plan.tasks[task as usize].needs.iter();
        let mut stages = needs.filter_map(|&need| self.repeated_stage(need));
        stages.find(|stage| own != Some(*stage) && self.state.is_lost(*stage))
    }

    /// The repeated stages of which an earlier driver found that they are over: something that waits for them has begun.
    /// Their conditions are not asked again, since what they ask may have changed.
    pub(super) fn stages_over(&self) -> BTreeSet<u32> {
        let tasks = &self.plan.tasks;
        let hosts = |task: u32| 0..self.plan.hosts_of(&tasks[task as usize]).len() as u32;
        let begun = |task: u32| {
            hosts(task)
                .any(|host| self.state.steps_on(task, host).iter().any(|step| step.phase != Phase::Pending))
        };
        let over = |stage: &&u32| {
            let mut inside = self.state.tasks_of(**stage);
            let outside = |next: &u32| tasks[*next as usize].stage != Some(**stage);
            let passed =
                |task: u32| self.dependents.of(task).iter().any(|next| outside(next) && begun(*next));
            let ended = |task: u32| self.state.tasks[task as usize].end.is_some();
            self.state.tasks_of(**stage).all(ended) && inside.any(passed)
        };
        self.repeated.iter().filter(over).copied().collect()
    }

    /// Goes on with the repeated stages whose tasks have all ended: to the next round, or to what waits for them.
    pub(super) fn end_rounds(&mut self) {
        for at in 0..self.repeated.len() {
            let stage = self.repeated[at];
            // Those whose end was not told yet tell their dependents themselves, and then this comes again.
            let repeats = !self.over.contains(&stage) && self.ended.is_empty();
            let ended =
                || self.state.tasks_of(stage).all(|task| self.state.tasks[task as usize].end.is_some());
            if repeats && self.course == Course::Going && ended() {
                self.end_round(stage);
            }
        }
    }

    fn end_round(&mut self, stage: u32) {
        let plan = self.plan.clone();
        let Some(repeat) = &plan.stages[stage as usize].repeat else { return };
        let ran = |task: u32| self.state.tasks[task as usize].end == Some(TaskEnd::Completed);
        if self.state.is_lost(stage) || !self.state.tasks_of(stage).any(ran) {
            return self.stage_over(stage);
        }
        self.hand_on(stage);
        let at = self.end_of_stage(stage);
        let scope = |this: &Self| this.stage_scope(stage);
        let Some(unmet) = self.conditions(at, Matter::Rounds, &repeat.until, scope) else { return };
        self.inquiries.forget_task(at.task);
        let round = self.state.round(stage);
        match unmet {
            Ok(None) => self.stage_over(stage),
            Ok(Some(_)) if round < repeat.max_rounds => self.next_round(stage, round + 1),
            Ok(Some(condition)) => {
                let name = &plan.stages[stage as usize].name;
                let rounds = if round == 1 { "1 round".to_owned() } else { format!("{round} rounds") };
                let message = format!("stage {name} is not done after {rounds}: {condition} does not hold");
                let failure = Failure::new(Code::RoundsUsedUp, message);
                self.fail_stage(stage, failure.hint("raise max_rounds, or look at what the last round gave"));
            }
            // A check does one round where it cannot know whether there would be another.
            Err(error) if error.code == Code::Unforeseen => self.stage_over(stage),
            Err(error) => self.fail_stage(stage, error),
        }
    }

    /// Makes what the tasks of a stage hand on state of the stage, where it is not so already.
    fn hand_on(&mut self, stage: u32) {
        let mut named: BTreeMap<String, Json> = BTreeMap::new();
        for task in self.state.tasks_of(stage) {
            let detail = self.state.tasks[task as usize].detail.as_ref();
            if let Some(Json::Object(outputs)) = detail.and_then(|detail| detail.outputs.as_deref()) {
                named.extend(outputs.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
        }
        for (name, value) in named {
            let known = self.state.values.get(&(Scope::Stage(stage), name.clone()));
            if known.is_none_or(|known| **known != value) {
                self.set_value(Scope::Stage(stage), name, Some(Arc::new(value)));
            }
        }
    }

    /// What the condition of a stage sees: the stage's state by name, the round, and what its tasks see.
    fn stage_scope(&self, stage: u32) -> Value {
        let scope = Scope::Stage(stage);
        let values = self.state.values.range((scope, String::new())..).take_while(|((s, _), _)| *s == scope);
        let mut own: BTreeMap<String, Value> =
            values.map(|((_, name), value)| (name.clone(), from_json(value))).collect();
        let gaps = self.state.tasks_of(stage).filter_map(|task| Some((task, self.gaps.get(&task)?)));
        for (task, name) in gaps.flat_map(|(task, gaps)| gaps.outputs.iter().map(move |name| (task, name))) {
            let cause = format!("what {} does", self.plan.tasks[task as usize].id);
            own.insert(name.clone(), windlass_expr::unforeseen(&cause));
        }
        own.insert("round".into(), Value::from(self.state.round(stage)));
        self.scope_of((self.end_of_stage(stage).task, 0), None, own, None)
    }

    /// Past the last step of its last task.
    fn end_of_stage(&self, stage: u32) -> At {
        let task = self.state.last_tasks(stage).last().copied().unwrap_or(0);
        At { task, step: self.plan.tasks[task as usize].steps.len() as u32, host: 0, item: None }
    }

    fn next_round(&mut self, stage: u32, round: u32) {
        let tasks: Vec<u32> = self.state.tasks_of(stage).collect();
        let fragment = Fragment::Round { stage, round };
        let bytes = serde_json::to_vec(&fragment).unwrap_or_default();
        let at = At { task: tasks.first().copied().unwrap_or(0), step: 0, host: 0, item: None };
        self.emit(Event::PlanExtended { at, fragment, digest: digest::sha256_hex(&bytes).into() });
        self.closed_stages.remove(&stage);
        let plan = self.plan.clone();
        for &task in &tasks {
            let spec = &plan.tasks[task as usize];
            self.hosts_left[task as usize] = plan.hosts_of(spec).len() as u32;
            let open = |need: &&u32| self.state.tasks[**need as usize].end.is_none();
            self.waiting[task as usize] = spec.needs.iter().filter(open).count() as u32;
            self.open_tasks += 1;
            self.too_many.remove(&task);
        }
        self.lost.retain(|(task, _)| !tasks.contains(task));
        for task in tasks {
            if self.waiting[task as usize] == 0 {
                self.admit(task);
            }
        }
    }

    fn fail_stage(&mut self, stage: u32, failure: Failure) {
        self.emit(Event::StageFailed { stage, error: Box::new(failure) });
        let last = self.state.last_tasks(stage);
        last.iter().for_each(|task| self.publish(*task));
        self.stage_over(stage);
        if let Some(task) = last.first() {
            self.task_fail_fast(*task);
        }
    }

    /// Lets those begin that wait for the stage.
    fn stage_over(&mut self, stage: u32) {
        self.over.insert(stage);
        for task in self.state.tasks_of(stage).collect::<Vec<_>>() {
            for next in self.dependents.of(task).to_vec() {
                if self.plan.tasks[next as usize].stage != Some(stage) {
                    self.met(next);
                }
            }
        }
    }

    /// One more of the needs of a task is met.
    pub(super) fn met(&mut self, task: u32) {
        self.waiting[task as usize] -= 1;
        if self.waiting[task as usize] == 0 && self.state.tasks[task as usize].end.is_none() {
            self.admit(task);
        }
    }
}
