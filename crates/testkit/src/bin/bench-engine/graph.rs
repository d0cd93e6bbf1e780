//! The shapes that are measured.

use windlass_model::{BadPlan, Draft, Plan, Step, StepId, TaskDraft, TaskId};

/// A shape of a graph.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// One task, then all others at once, then one.
    Fan,
    /// Twenty layers; each task needs up to three of the layer before.
    Layered,
    /// One after another.
    Chain,
}

/// How many layers [`Shape::Layered`] has.
const LAYERS: usize = 20;

impl Shape {
    /// A plan of about `steps` tasks with one step each.
    pub(crate) fn plan(self, steps: usize, action: &str) -> Result<Plan, BadPlan> {
        let mut draft = Draft::new("bench", "workflow/dag");
        draft.tasks = match self {
            Shape::Fan => fan(steps, action),
            Shape::Layered => layered(steps, action),
            Shape::Chain => (0..steps).map(|n| task(n, n.checked_sub(1), action)).collect(),
        };
        draft.finish()
    }
}

fn fan(steps: usize, action: &str) -> Vec<TaskDraft> {
    let width = steps.saturating_sub(2).max(1);
    let mut tasks = vec![task(0, [], action)];
    tasks.extend((1..=width).map(|n| task(n, [0], action)));
    tasks.push(task(width + 1, 1..=width, action));
    tasks
}

fn layered(steps: usize, action: &str) -> Vec<TaskDraft> {
    let width = (steps / LAYERS).max(1);
    let needs = |n: usize| {
        let (layer, place) = (n / width, n % width);
        let above = move |shift: usize| (layer - 1) * width + (place + shift) % width;
        let shifts: &[usize] = if layer == 0 { &[] } else { &[0, 1, 7] };
        shifts.iter().map(move |shift| above(*shift))
    };
    (0..width * LAYERS).map(|n| task(n, needs(n), action)).collect()
}

fn task(n: usize, needs: impl IntoIterator<Item = usize>, action: &str) -> TaskDraft {
    let id = |n: usize| TaskId::new(format!("t{n:07}")).expect("letters and digits are an id");
    let step = Step::new(StepId::new("go").expect("letters are an id"), action, serde_json::Value::Null);
    needs.into_iter().fold(TaskDraft::new(id(n)).step(step), |task, need| task.needs(id(need)))
}
