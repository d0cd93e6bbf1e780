//! Whether each state key that a step reads is written by a step that runs before it.

use std::collections::{BTreeMap, BTreeSet};

use windlass_model::{Code, Diagnostic, Diagnostics, Intent, Plan, Step, Task};

/// Checks that each key which a step consumes has a producer upstream: an earlier step of its task, or a step of
/// a task that its task needs, directly or through others. All keys without one are told at once.
pub fn check_keys(plan: &Plan) -> Result<(), Diagnostics> {
    let mut problems = Diagnostics::default();
    let consumed: BTreeSet<&str> = steps(plan)
        .filter(|(.., step)| runs(step))
        .flat_map(|(.., step)| step.more().consumes.iter().map(String::as_str))
        .collect();
    if consumed.is_empty() {
        return Ok(());
    }
    let dependents = plan.dependents();
    for key in consumed {
        let makers: BTreeMap<u32, usize> = producers(plan, key);
        // The tasks that run after a maker: each is looked at once, so a key costs no more than the graph has edges.
        let mut after = vec![false; plan.tasks.len()];
        let mut front: Vec<u32> = makers.keys().copied().collect();
        while let Some(task) = front.pop() {
            for &next in dependents.of(task) {
                if !std::mem::replace(&mut after[next as usize], true) {
                    front.push(next);
                }
            }
        }
        for (index, task) in plan.tasks.iter().enumerate().filter(|(index, _)| !after[*index]) {
            let first = makers.get(&(index as u32)).copied().unwrap_or(task.steps.len());
            // A step that reads what it writes itself comes before its own product.
            for step in task.steps.iter().take(first + 1).filter(|step| consumes(step, key)) {
                problems.push(problem(plan, task, step, key));
            }
        }
    }
    problems.into_result(())
}

fn steps(plan: &Plan) -> impl Iterator<Item = (u32, usize, &Step)> {
    let tasks = plan.tasks.iter().enumerate();
    tasks.flat_map(|(task, of)| of.steps.iter().enumerate().map(move |(at, step)| (task as u32, at, step)))
}

/// What is left out on purpose neither reads nor writes.
fn runs(step: &Step) -> bool {
    step.intent != Intent::Declined
}

fn consumes(step: &Step, key: &str) -> bool {
    runs(step) && step.more().consumes.iter().any(|name| name == key)
}

/// Whether it writes the key, or may.
fn produces(step: &Step, key: &str) -> bool {
    let more = step.more();
    more.produces.iter().chain(&more.offers).any(|name| name == key)
}

/// The tasks that produce a key, each with the first step that does.
fn producers(plan: &Plan, key: &str) -> BTreeMap<u32, usize> {
    let mut found = BTreeMap::new();
    for (task, at, _) in steps(plan).filter(|(.., step)| runs(step) && produces(step, key)) {
        found.entry(task).or_insert(at);
    }
    found
}

fn problem(plan: &Plan, task: &Task, step: &Step, key: &str) -> Diagnostic {
    let message =
        format!("step {}/{} consumes the key {key:?}, which no step before it produces", task.id, step.id);
    let makers = steps(plan).filter(|(.., step)| produces(step, key));
    let (out, there): (Vec<_>, Vec<_>) = makers.partition(|(.., step)| !runs(step));
    let name =
        |(task, _, step): &(u32, usize, &Step)| format!("{}/{}", plan.tasks[*task as usize].id, step.id);
    let hint = match (there.first(), out.first()) {
        (Some(maker), _) if plan.tasks[maker.0 as usize].id == task.id => {
            format!("{} produces it, too late: put it before", name(maker))
        }
        (Some(maker), _) => {
            let needed = &plan.tasks[maker.0 as usize].id;
            format!("{} produces it: add {needed} to the needs of {}", name(maker), task.id)
        }
        (None, Some(maker)) => format!("{} produces it, and is left out by tags or --from", name(maker)),
        (None, None) => "no step of the plan produces it".to_owned(),
    };
    Diagnostic::new(Code::NoProducer, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use windlass_model::{Draft, StepId, StepMore, TaskDraft, TaskId};

    use super::*;

    fn step(id: &str, change: impl FnOnce(&mut StepMore)) -> Step {
        Step::new(StepId::new(id).unwrap(), "noop", Value::Null).with(change)
    }

    fn makes(id: &str, key: &str) -> Step {
        step(id, |more| more.produces.push(key.into()))
    }

    fn reads(id: &str, key: &str) -> Step {
        step(id, |more| more.consumes.push(key.into()))
    }

    fn task(id: &str, needs: &[&str], steps: Vec<Step>) -> TaskDraft {
        let draft = TaskDraft::new(TaskId::new(id).unwrap());
        let draft = needs.iter().fold(draft, |draft, id| draft.needs(TaskId::new(id).unwrap()));
        steps.into_iter().fold(draft, TaskDraft::step)
    }

    /// What is wrong with a plan of these tasks.
    fn problems(tasks: Vec<TaskDraft>) -> String {
        let mut draft = Draft::new("case", "workflow/dag");
        draft.tasks = tasks;
        check_keys(&draft.finish().unwrap()).map_or_else(|problems| problems.to_string(), |()| String::new())
    }

    #[test]
    fn a_key_may_come_from_an_earlier_step_or_through_needs() {
        assert_eq!(problems(vec![task("a", &[], vec![makes("m", "k"), reads("r", "k")])]), "");
        let chain = vec![
            task("a", &[], vec![makes("m", "k")]),
            task("b", &["a"], vec![reads("r", "k")]),
            task("c", &["b"], vec![reads("r", "k")]),
        ];
        assert_eq!(problems(chain), "");
    }

    #[test]
    fn a_missing_producer_is_a_plan_error_that_names_who_could_be_it() {
        let beside = vec![task("a", &[], vec![makes("m", "k")]), task("b", &[], vec![reads("r", "k")])];
        assert_eq!(
            problems(beside),
            "step b/r consumes the key \"k\", which no step before it produces [WL0805] \
             (a/m produces it: add a to the needs of b)"
        );
        let late = vec![task("a", &[], vec![reads("r", "k"), makes("m", "k")])];
        assert!(problems(late).contains("a/m produces it, too late"));
        let itself = vec![task("a", &[], vec![makes("m", "k").with(|more| more.consumes.push("k".into()))])];
        assert!(problems(itself).contains("step a/m consumes"));
        let nobody = vec![task("a", &[], vec![reads("r", "k"), reads("s", "l")])];
        assert_eq!(problems(nobody).matches("no step of the plan produces it").count(), 2);
    }

    #[test]
    fn a_producer_after_its_reader_in_the_graph_does_not_count() {
        let downstream =
            vec![task("a", &[], vec![reads("r", "k")]), task("b", &["a"], vec![makes("m", "k")])];
        assert!(problems(downstream).contains("step a/r consumes"));
    }

    #[test]
    fn steps_that_are_left_out_neither_read_nor_write() {
        let left_out = |mut step: Step| {
            step.intent = Intent::Declined;
            step
        };
        let reader = vec![task("a", &[], vec![left_out(reads("r", "k"))])];
        assert_eq!(problems(reader), "");
        let maker =
            vec![task("a", &[], vec![left_out(makes("m", "k"))]), task("b", &["a"], vec![reads("r", "k")])];
        assert!(problems(maker).contains("left out by tags or --from"));
    }
}
