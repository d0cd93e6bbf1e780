//! A plan in the making: tasks in any order, with needs, stages and hosts by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    BadPlan, Block, Inputs, Inventory, PLAN_VERSION, Plan, Policy, SecretRef, Stage, StageName, Step, StepId,
    StepMore, Task, TaskId, TaskMore,
};

/// The host that stands for this machine.
pub const LOCALHOST: &str = "localhost";

/// Whether a name is this machine's where no inventory says otherwise.
pub fn is_this_machine(host: &str) -> bool {
    matches!(host, LOCALHOST | "127.0.0.1" | "::1")
}

/// A plan in the making. [`Draft::finish`] sorts it and turns names into indices, so that the order in which
/// things were added leaves no trace.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The workflow's name.
    pub name: String,
    /// The backend that makes it, as `mode/name`.
    pub backend: String,
    /// What it is for.
    pub description: String,
    /// How it is to be run.
    pub policy: Policy,
    /// The variables of the whole run.
    pub vars: Map<String, Value>,
    /// Where secrets come from.
    pub secrets: BTreeMap<String, SecretRef>,
    /// What was read from outside.
    pub inputs: Inputs,
    /// What is known of hosts.
    pub inventory: Inventory,
    /// The stages.
    pub stages: Vec<Stage>,
    /// The tasks.
    pub tasks: Vec<TaskDraft>,
}

/// A task in the making.
#[derive(Clone, Debug)]
pub struct TaskDraft {
    /// Its id.
    pub id: TaskId,
    /// The stage that it belongs to.
    pub stage: Option<StageName>,
    /// Its hosts; order and repetition do not count.
    pub hosts: Vec<Arc<str>>,
    /// The tasks that must be done first; order and repetition do not count.
    pub needs: Vec<TaskId>,
    /// The steps of its body, those of blocks included.
    pub body: Vec<Step>,
    /// What always runs at its end, in the order in which it runs.
    pub cleanup: Vec<Step>,
    /// Blocks over the body.
    pub blocks: Vec<Block>,
    /// The rest.
    pub more: TaskMore,
}

impl TaskDraft {
    /// A task on this machine without steps.
    pub fn new(id: TaskId) -> Self {
        Self {
            id,
            stage: None,
            hosts: vec![LOCALHOST.into()],
            needs: Vec::new(),
            body: Vec::new(),
            cleanup: Vec::new(),
            blocks: Vec::new(),
            more: TaskMore::default(),
        }
    }

    /// Adds a task that must be done first.
    #[must_use]
    pub fn needs(mut self, id: TaskId) -> Self {
        self.needs.push(id);
        self
    }

    /// Adds a step at the end of the body.
    #[must_use]
    pub fn step(mut self, step: Step) -> Self {
        self.body.push(step);
        self
    }
}

impl Step {
    /// A step that does `action` with `input`.
    pub fn new(id: StepId, action: impl Into<Arc<str>>, input: Value) -> Self {
        Self { id, action: action.into(), intent: crate::Intent::Run, input, more: None }
    }

    /// Changes what few steps have.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut StepMore)) -> Self {
        change(self.more.get_or_insert_default());
        self.more = self.more.filter(|more| **more != StepMore::default());
        self
    }
}

impl Draft {
    /// An empty plan of a backend, as `mode/name`.
    pub fn new(name: impl Into<String>, backend: impl Into<String>) -> Self {
        Self { name: name.into(), backend: backend.into(), ..Self::default() }
    }

    /// Sorts everything by name and turns names into indices.
    pub fn finish(mut self) -> Result<Plan, BadPlan> {
        self.tasks.sort_by(|a, b| a.id.cmp(&b.id));
        self.stages.sort_by(|a, b| a.name.cmp(&b.name));
        let hosts: BTreeSet<Arc<str>> = self.tasks.iter().flat_map(|t| t.hosts.iter().cloned()).collect();
        let hosts: Vec<Arc<str>> = hosts.into_iter().collect();
        let sets: BTreeSet<Vec<u32>> = self.tasks.iter().map(|t| host_set(&hosts, t)).collect();
        let host_sets: Vec<Vec<u32>> = sets.into_iter().collect();
        let ids: Vec<TaskId> = self.tasks.iter().map(|t| t.id.clone()).collect();
        let names = Names { hosts: &hosts, host_sets: &host_sets, stages: &self.stages, ids: &ids };
        let mut tasks = self.tasks.into_iter().map(|task| names.task(task)).collect::<Result<Vec<_>, _>>()?;
        // They were made in the place of their drafts, which are several times as large.
        tasks.shrink_to_fit();
        let mut plan = Plan {
            version: PLAN_VERSION,
            name: self.name,
            backend: self.backend,
            description: self.description,
            policy: self.policy,
            vars: self.vars,
            secrets: self.secrets,
            inputs: self.inputs,
            inventory: self.inventory,
            hosts,
            host_sets,
            stages: self.stages,
            tasks,
        };
        plan.check()?;
        plan.share_names();
        Ok(plan)
    }
}

fn host_set(hosts: &[Arc<str>], task: &TaskDraft) -> Vec<u32> {
    let mut set: Vec<u32> =
        task.hosts.iter().filter_map(|h| hosts.binary_search(h).ok()).map(|at| at as u32).collect();
    set.sort_unstable();
    set.dedup();
    set
}

/// What names stand for, all sorted.
struct Names<'a> {
    hosts: &'a [Arc<str>],
    host_sets: &'a [Vec<u32>],
    stages: &'a [Stage],
    ids: &'a [TaskId],
}

impl Names<'_> {
    fn task(&self, draft: TaskDraft) -> Result<Task, BadPlan> {
        let set = host_set(self.hosts, &draft);
        let hosts = self.host_sets.binary_search(&set).expect("every task's set was collected") as u32;
        let missing = |what: &str, name: &str| BadPlan::Shape(format!("task {}: no {what} {name}", draft.id));
        let stage = match &draft.stage {
            None => None,
            Some(name) => {
                let at = self.stages.binary_search_by(|s| s.name.cmp(name));
                Some(at.map_err(|_| missing("stage", name.as_str()))? as u32)
            }
        };
        let need = |id: &TaskId| self.ids.binary_search(id).map_err(|_| missing("task", id.as_str()));
        let mut needs =
            draft.needs.iter().map(|id| need(id).map(|at| at as u32)).collect::<Result<Vec<u32>, _>>()?;
        needs.sort_unstable();
        needs.dedup();
        let cleanup = draft.body.len() as u32;
        let more = (draft.more != TaskMore::default()).then(|| Box::new(draft.more));
        let steps: Vec<Step> = draft.body.into_iter().chain(draft.cleanup).collect();
        Ok(Task {
            id: draft.id,
            stage,
            hosts,
            needs: needs.into(),
            steps: steps.into(),
            cleanup,
            blocks: draft.blocks.into(),
            more,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(n: usize) -> TaskId {
        TaskId::new(format!("t{n}")).expect("a good id")
    }

    fn task(n: usize, needs: &[usize]) -> TaskDraft {
        let step = Step::new(StepId::new("noop").expect("a good id"), "noop", Value::Null);
        needs.iter().fold(TaskDraft::new(id(n)).step(step), |task, &need| task.needs(id(need)))
    }

    #[test]
    fn a_circle_is_named_as_a_path() {
        let mut draft = Draft::new("x", "workflow/dag");
        draft.tasks = vec![task(1, &[2]), task(2, &[3]), task(3, &[1]), task(4, &[1])];
        assert_eq!(draft.finish(), Err(BadPlan::Cycle(["t1", "t2", "t3", "t1"].map(String::from).to_vec())));
    }

    #[test]
    fn a_missing_need_is_named() {
        let mut draft = Draft::new("x", "workflow/dag");
        draft.tasks = vec![task(1, &[2])];
        assert_eq!(
            draft.finish().expect_err("refused").to_string(),
            "the plan is malformed: task t1: no task t2"
        );
    }

    proptest! {
        #[test]
        fn one_digest_whatever_the_order(
            edges in proptest::collection::vec((0usize..30, 0usize..30), 0..80),
            seed in any::<u64>(),
        ) {
            let build = |shuffle: bool| {
                let mut draft = Draft::new("x", "workflow/dag");
                for n in 0..30 {
                    let needs: Vec<usize> =
                        edges.iter().filter(|(a, b)| *a == n && b < a).map(|(_, b)| *b).collect();
                    draft.tasks.push(task(n, &needs));
                }
                if shuffle {
                    draft.tasks.sort_by_key(|t| crate::digest::sha256_hex(format!("{seed}{}", t.id).as_bytes()));
                    draft.tasks.iter_mut().for_each(|t| t.needs.reverse());
                }
                draft.finish().expect("no circle: needs go down")
            };
            let (straight, shuffled) = (build(false), build(true));
            prop_assert_eq!(straight.digest(), shuffled.digest());
            prop_assert_eq!(&Plan::from_bytes(&straight.to_bytes()).expect("it reads back"), &straight);
            let order = straight.order().expect("no circle");
            let place = |t: u32| order.iter().position(|&o| o == t);
            for (t, task) in straight.tasks.iter().enumerate() {
                prop_assert!(task.needs.iter().all(|&n| place(n) < place(t as u32)));
            }
        }
    }
}
