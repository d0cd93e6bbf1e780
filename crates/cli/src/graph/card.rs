//! What a picture shows of each task: its name, what it does, its stage, and in a run its state.

use std::sync::Arc;

use serde_json::{Value, json};
use windlass_model::{At, Plan, RunState};

use crate::render::{Mark, duration, tame, task_mark};

/// A picture's content.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    /// What stands above it.
    pub(crate) title: String,
    /// What stands below the title.
    pub(crate) subtitle: String,
    /// The tasks, in the plan's order.
    pub(crate) cards: Vec<Card>,
    /// Which task needs which: `(needed, needing)`.
    pub(crate) edges: Vec<(usize, usize)>,
    /// The stages' names.
    pub(crate) stages: Vec<String>,
}

/// A task in a picture.
#[derive(Clone, Debug)]
pub(crate) struct Card {
    /// The task's id.
    pub(crate) title: String,
    /// What it does: the actions of its steps.
    pub(crate) subtitle: String,
    /// What it is for.
    pub(crate) description: String,
    /// The index of its stage.
    pub(crate) stage: Option<usize>,
    /// In which round it is, or how many there may be, where its stage is repeated.
    pub(crate) rounds: Option<String>,
    /// Its state in a run.
    pub(crate) mark: Option<Mark>,
}

impl Picture {
    /// The picture of a plan.
    pub(crate) fn of_plan(plan: &Plan) -> Self {
        let edges = plan.tasks.iter().enumerate();
        let edges = edges.flat_map(|(to, task)| task.needs.iter().map(move |&from| (from as usize, to)));
        let count = |n: usize, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
        let steps: usize = plan.tasks.iter().map(|task| task.steps.len()).sum();
        Self {
            title: tame(&plan.name),
            subtitle: format!("{} · {}", count(plan.tasks.len(), "task"), count(steps, "step")),
            cards: plan.tasks.iter().map(|task| card(plan, task)).collect(),
            edges: edges.collect(),
            stages: plan.stages.iter().map(|stage| stage.name.to_string()).collect(),
        }
    }

    /// The picture of a run: its plan, with each task's state.
    pub(crate) fn of_run(state: &RunState, id: &str) -> Self {
        let mut picture = Self::of_plan(state.plan());
        picture.subtitle = format!("{} · {} · run {id}", picture.subtitle, state.status.word());
        for (task, card) in picture.cards.iter_mut().enumerate() {
            card.mark = Some(task_mark(state, task as u32));
            if let (Some(now), Some(most)) = (round_note(state, task as u32), &card.rounds) {
                card.subtitle = card.subtitle.replace(most, &now);
                card.rounds = Some(now);
            }
            let ms = longest(state, task as u32);
            if ms > 0 {
                card.subtitle = format!("{} · {}", duration(ms), card.subtitle);
            }
        }
        picture
    }
}

impl Picture {
    /// The graph as data.
    pub(crate) fn to_json(&self) -> Value {
        let name = |task: usize| self.cards[task].title.as_str();
        let needs = |task: usize| {
            let edges = self.edges.iter().filter(move |(_, to)| *to == task);
            edges.map(|&(from, _)| name(from)).collect::<Vec<_>>()
        };
        let task = |(n, card): (usize, &Card)| {
            let stage = card.stage.and_then(|stage| self.stages.get(stage));
            let mut shown = json!({ "id": card.title, "stage": stage, "needs": needs(n), "state": card.mark.map(|mark| mark.word) });
            if let Some(rounds) = &card.rounds {
                shown["rounds"] = rounds.as_str().into();
            }
            shown
        };
        json!({ "name": self.title, "tasks": self.cards.iter().enumerate().map(task).collect::<Vec<_>>() })
    }
}

/// In which round of how many a task of a repeated stage is.
fn round_note(state: &RunState, task: u32) -> Option<String> {
    let stage = state.plan().tasks[task as usize].stage?;
    let repeat = state.plan().stages[stage as usize].repeat.as_ref()?;
    Some(format!("round {} of {}", state.round(stage), repeat.max_rounds))
}

fn card(plan: &Plan, task: &windlass_model::Task) -> Card {
    let mut actions: Vec<Arc<str>> = task.body().iter().map(|step| step.action.clone()).collect();
    actions.dedup();
    let rounds = task.stage.and_then(|stage| {
        let repeat = plan.stages[stage as usize].repeat.as_ref()?;
        Some(format!("up to {} rounds", repeat.max_rounds))
    });
    let mut subtitle = tame(&actions.join(", "));
    subtitle.extend(rounds.iter().flat_map(|rounds| [" · ", rounds]));
    Card {
        title: task.id.to_string(),
        subtitle,
        description: tame(&task.more().description),
        stage: task.stage.map(|stage| stage as usize),
        rounds,
        mark: None,
    }
}

/// The time of the host that took longest.
fn longest(state: &RunState, task: u32) -> u64 {
    let spec = &state.plan().tasks[task as usize];
    let steps = 0..spec.steps.len() as u32;
    let time = |host: u32| -> u64 {
        let at = |step| At { task, step, host, item: None };
        steps.clone().filter_map(|step| state.step(at(step))).map(|run| u64::from(run.duration_ms)).sum()
    };
    (0..state.plan().hosts_of(spec).len() as u32).map(time).max().unwrap_or(0)
}
