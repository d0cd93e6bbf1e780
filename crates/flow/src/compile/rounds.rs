//! Repeated stages: what their conditions may name.

use std::collections::BTreeSet;
use std::rc::Rc;

use windlass_expr::Expression;
use windlass_model::{Code, Rounds};

use super::Cx;
use super::graph::Target;
use super::problems::problem;
use super::texts::Look;
use crate::document::{Condition, INSTEAD, WHY};

impl<'a> Cx<'a> {
    /// How a stage is repeated. Its conditions see what its tasks hand on, by name, besides variables.
    pub(super) fn rounds(&self, stage: usize) -> Option<Rounds> {
        let repeat = self.document.stages[stage].repeat.as_ref()?;
        let tasks = || self.graph.tasks.iter().filter(|place| place.stage == Some(stage));
        let outputs = tasks().flat_map(|place| &place.task.outputs).map(|(name, _)| name.value.as_str());
        let live: Rc<BTreeSet<&'a str>> = Rc::new(outputs.chain(["round"]).collect());
        let view = self.level(vec![self.stages[stage].clone(), self.run.clone()], &live);
        let look = Look { view: &view, space: 0, lenient: false, argv: false };
        let until = |condition: &Condition| {
            self.check_inside(stage, look, condition);
            self.condition(look, condition)
        };
        for task in tasks().filter(|place| place.task.transaction) {
            if let Some(id) = &task.task.id {
                let message =
                    format!("task `{}` is a transaction in a stage that is repeated: {WHY}", id.value);
                let wrong = problem(Code::ExclusiveKeys, &id.at, message);
                self.problems.note(wrong.hint(INSTEAD));
            }
        }
        let until = repeat.until.iter().map(until).collect();
        Some(Rounds { until, max_rounds: repeat.max_rounds })
    }

    /// Whether a task is in a stage that is repeated, and so knows its round.
    pub(super) fn is_repeated(&self, task: usize) -> bool {
        let stage = self.graph.tasks[task].stage;
        stage.is_some_and(|stage| self.document.stages[stage].repeat.is_some())
    }

    /// Other tasks than those of the stage may or may not have ended when a round has.
    fn check_inside(&self, stage: usize, look: Look<'_, 'a>, condition: &Condition) {
        let Ok(expression) = Expression::parse(&condition.text) else { return };
        for path in &expression.references().paths {
            let Some(id) = path.get(1).filter(|_| path[0] == "tasks") else { continue };
            if let Some(Target::Task(task)) = self.graph.resolve(look.space, id)
                && self.graph.tasks[task].stage != Some(stage)
            {
                let message = format!("`until` names the task `{id}`, which is not in the stage");
                let wrong = problem(Code::NotUpstream, &condition.written.at(), message);
                self.problems.note(wrong.hint("name tasks of the stage, or what they hand on by `outputs`"));
            }
        }
    }
}
