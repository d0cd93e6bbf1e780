//! A plan as `windlass plan --json` and `plan.json` show it: its steps in an order in which they could run.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::SCHEMA_VERSION;
use super::view::Items;
use crate::{
    BlobId, Inputs, Intent, Loop, OnDoubt, Plan, Policy, Retry, SecretRef, StageName, Step, StepMore, Task,
    TaskMore, Until,
};

/// A plan as a value.
pub fn plan_view(plan: &Plan) -> Value {
    let digest = plan.digest();
    serde_json::to_value(PlanView { plan, digest: &digest })
        .expect("a view has string keys and finite numbers only")
}

/// A plan as something to serialise, step by step.
#[derive(Clone, Copy, Debug)]
pub struct PlanView<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Its digest.
    pub digest: &'a BlobId,
}

impl Serialize for PlanView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a, T, S> {
            schema_version: u32,
            digest: &'a str,
            name: &'a str,
            backend: &'a str,
            description: &'a str,
            policy: &'a Policy,
            vars: &'a Map<String, Value>,
            secrets: &'a BTreeMap<String, SecretRef>,
            inputs: &'a Inputs,
            tasks: T,
            steps: S,
        }
        let plan = self.plan;
        // A circle is refused when a plan is made or read; a plan with one has no order to show.
        let order = plan.order().unwrap_or_default();
        let first = positions(plan, &order);
        let tasks = || order.iter().map(|&t| &plan.tasks[t as usize]);
        View {
            schema_version: SCHEMA_VERSION,
            digest: self.digest.as_str(),
            name: &plan.name,
            backend: &plan.backend,
            description: &plan.description,
            policy: &plan.policy,
            vars: &plan.vars,
            secrets: &plan.secrets,
            inputs: &plan.inputs,
            tasks: Items(|| tasks().map(|task| task_view(plan, task))),
            steps: Items(|| {
                tasks().zip(&first).flat_map(|(task, &first)| {
                    (0..task.steps.len()).map(move |step| step_view(plan, task, step, first + step as u64))
                })
            }),
        }
        .serialize(serializer)
    }
}

/// The number of each task's first step, from 1.
fn positions(plan: &Plan, order: &[u32]) -> Vec<u64> {
    let mut next = 1;
    let mut place = |task: &u32| {
        let here = next;
        next += plan.tasks[*task as usize].steps.len() as u64;
        here
    };
    order.iter().map(&mut place).collect()
}

#[derive(Serialize)]
struct TaskView<'a> {
    id: &'a str,
    stage: Option<&'a StageName>,
    hosts: Vec<&'a str>,
    needs: Vec<&'a str>,
    #[serde(flatten)]
    more: &'a TaskMore,
}

fn task_view<'a>(plan: &'a Plan, task: &'a Task) -> TaskView<'a> {
    TaskView {
        id: task.id.as_str(),
        stage: task.stage.map(|stage| &plan.stages[stage as usize].name),
        hosts: hosts(plan, task),
        needs: task.needs.iter().map(|&need| plan.tasks[need as usize].id.as_str()).collect(),
        more: task.more(),
    }
}

fn hosts<'a>(plan: &'a Plan, task: &Task) -> Vec<&'a str> {
    plan.hosts_of(task).iter().map(|&host| &*plan.hosts[host as usize]).collect()
}

#[derive(Serialize)]
#[serde(untagged)]
enum Target<'a> {
    One(&'a str),
    Many(Vec<&'a str>),
}

#[derive(Serialize)]
struct StepView<'a> {
    id: String,
    task: &'a str,
    name: &'a str,
    description: &'a str,
    order: u64,
    intent: Intent,
    action: &'a str,
    target: Target<'a>,
    needs: Vec<String>,
    metadata: &'a BTreeMap<String, String>,
    input: &'a Value,
    #[serde(skip_serializing_if = "is_false")]
    cleanup: bool,
    #[serde(flatten)]
    how: How<'a>,
}

/// What few steps have.
#[derive(Serialize)]
struct How<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    when: &'a Vec<String>,
    #[serde(rename = "loop", skip_serializing_if = "Option::is_none")]
    repeat: Option<&'a Loop>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<&'a Until>,
    #[serde(skip_serializing_if = "Option::is_none")]
    register: Option<&'a String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<&'a Retry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_doubt: Option<OnDoubt>,
    #[serde(skip_serializing_if = "is_false")]
    ignore_errors: bool,
    #[serde(skip_serializing_if = "is_false")]
    ignore_unreachable: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: &'a Vec<String>,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn step_view<'a>(plan: &'a Plan, task: &'a Task, step: usize, order: u64) -> StepView<'a> {
    let spec = &task.steps[step];
    let more = spec.more();
    let hosts = hosts(plan, task);
    let description = if more.description.is_empty() { &task.more().description } else { &more.description };
    StepView {
        id: step_id(plan, task, spec),
        task: task.id.as_str(),
        name: spec.title(),
        description,
        order,
        intent: spec.intent,
        action: &spec.action,
        target: if let [one] = hosts[..] { Target::One(one) } else { Target::Many(hosts) },
        needs: needs(plan, task, step),
        metadata: &more.metadata,
        input: &spec.input,
        cleanup: step >= task.cleanup as usize,
        how: how(more),
    }
}

fn how(more: &StepMore) -> How<'_> {
    How {
        when: &more.when,
        repeat: more.repeat.as_ref(),
        until: more.until.as_ref(),
        register: more.register.as_ref(),
        timeout_ms: more.timeout_ms,
        retry: more.retry.as_ref(),
        on_doubt: (more.on_doubt != OnDoubt::default()).then_some(more.on_doubt),
        ignore_errors: more.ignore_errors,
        ignore_unreachable: more.ignore_unreachable,
        tags: &more.tags,
    }
}

/// `task/step@host`; without the host where the step is one for several.
fn step_id(plan: &Plan, task: &Task, step: &Step) -> String {
    match plan.hosts_of(task) {
        [host] => format!("{}/{}@{}", task.id, step.id, plan.hosts[*host as usize]),
        _ => format!("{}/{}", task.id, step.id),
    }
}

/// The steps right before this one: the one before it in its task, or the last ones of the tasks that its
/// task needs. A task without steps stands for what it needs itself.
fn needs(plan: &Plan, task: &Task, step: usize) -> Vec<String> {
    if step > 0 {
        return vec![step_id(plan, task, &task.steps[step - 1])];
    }
    let (mut found, mut seen, mut open) =
        (Vec::new(), std::collections::BTreeSet::new(), task.needs.to_vec());
    while let Some(need) = open.pop() {
        let needed = &plan.tasks[need as usize];
        match needed.steps.last() {
            _ if !seen.insert(need) => {}
            Some(last) => found.push(step_id(plan, needed, last)),
            None => open.extend(&needed.needs),
        }
    }
    found.sort();
    found
}
