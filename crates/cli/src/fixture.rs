//! Plans and runs for tests: a small release, told event by event.

use std::sync::Arc;

use serde_json::{Value, json};
use windlass_model::{
    At, Code, Detail, Draft, Event, Failure, Outcome, Plan, Record, RunState, Status, Step, StepId,
    TaskDraft, TaskEnd, TaskId,
};

/// A run that tests tell event by event.
pub(crate) struct Story {
    pub(crate) state: RunState,
    pub(crate) records: Vec<Record>,
}

fn step(id: &str, action: &str, input: Value) -> Step {
    Step::new(StepId::new(id).expect("a good id"), action, input)
}

pub(crate) fn task(id: &str, needs: &[&str], steps: Vec<Step>) -> TaskDraft {
    let good = |id: &str| TaskId::new(id).expect("a good id");
    let draft = needs.iter().fold(TaskDraft::new(good(id)), |draft, need| draft.needs(good(need)));
    steps.into_iter().fold(draft, TaskDraft::step)
}

/// A plan of tasks that do nothing, by id and needs.
pub(crate) fn shape(tasks: &[(&str, &[&str])]) -> Plan {
    let mut draft = Draft::new("shape", "workflow/dag");
    let noop = || vec![step("noop", "noop", Value::Null)];
    draft.tasks = tasks.iter().map(|(id, needs)| task(id, needs, noop())).collect();
    draft.finish().expect("a good plan")
}

pub(crate) fn release() -> Plan {
    let mut draft = Draft::new("release", "workflow/dag");
    draft.description = "Builds and ships.".into();
    draft.tasks = vec![
        task("compile", &[], vec![step("run", "shell", json!({"cmd": "cargo build --release"}))]),
        task(
            "config",
            &["compile"],
            vec![
                step("render", "template", json!({"src": "app.conf.j2", "dest": "out/app.conf"}))
                    .with(|more| more.name = "render the configuration".into()),
                step("copy", "copy", json!({"dest": "out/sha"}))
                    .with(|more| more.when = vec!["rendered.changed".into()]),
            ],
        ),
        task(
            "sign-off",
            &["config", "test"],
            vec![step("approve", "approve", json!({"prompt": "Release?"}))],
        ),
        task("test", &["compile"], vec![step("run", "shell", json!({"cmd": "cargo test"}))]),
    ];
    draft.finish().expect("a good plan")
}

impl Story {
    pub(crate) fn new(plan: Plan) -> Self {
        Self { state: RunState::new(Arc::new(plan)), records: Vec::new() }
    }

    pub(crate) fn release() -> Self {
        Self::new(release())
    }

    /// The step `task/step` on the first host.
    pub(crate) fn at(&self, name: &str) -> At {
        let (task, step) = name.split_once('/').expect("task/step");
        let plan = self.state.plan();
        let task = plan.task(task).expect("the task is there");
        let steps = &plan.tasks[task as usize].steps;
        let step = steps.iter().position(|s| s.id.as_str() == step).expect("the step is there");
        At { task, step: step as u32, host: 0, item: None }
    }

    pub(crate) fn tell(&mut self, event: Event) -> &mut Self {
        let seq = self.state.seq + 1;
        let record = Record { seq, time: 1_700_000_000_000 + seq * 1000, event };
        self.state.apply(&record).expect("the event is legal");
        self.records.push(record);
        self
    }

    pub(crate) fn start(&mut self) -> &mut Self {
        self.tell(Event::RunStarted { pid: 1, resumed: false })
    }

    pub(crate) fn begin(&mut self, name: &str) -> &mut Self {
        let at = self.at(name);
        let attempt = self.state.step(at).expect("it is there").attempts + 1;
        self.tell(Event::StepStarted { at, attempt, reserved: None })
    }

    fn done(&mut self, name: &str, outcome: Outcome) -> &mut Self {
        let at = self.at(name);
        self.tell(Event::StepFinished { at, outcome })
    }

    pub(crate) fn finish(&mut self, name: &str, status: Status) -> &mut Self {
        self.finish_with(name, status, Value::Null)
    }

    pub(crate) fn finish_with(&mut self, name: &str, status: Status, result: Value) -> &mut Self {
        let detail = Some(Arc::new(Detail { result, ..Detail::default() }));
        self.done(name, Outcome { status, duration_ms: 1500, detail })
    }

    pub(crate) fn skip(&mut self, name: &str, why: &str) -> &mut Self {
        self.done(name, Outcome::skipped(why))
    }

    pub(crate) fn fail(&mut self, name: &str, message: &str, result: Value) -> &mut Self {
        let error = Failure::new(Code::CommandFailed, message).hint("look at its stderr");
        let detail = Detail { result, error: Some(error), ..Detail::default() };
        self.done(name, Outcome { status: Status::Failed, duration_ms: 1500, detail: Some(Arc::new(detail)) })
    }

    pub(crate) fn ask(&mut self, name: &str, prompt: &str) -> &mut Self {
        self.begin(name);
        let at = self.at(name);
        self.tell(Event::ApprovalAsked { at, prompt: prompt.into() })
    }

    pub(crate) fn end(&mut self, task: &str, end: TaskEnd) -> &mut Self {
        let task = self.state.plan().task(task).expect("the task is there");
        self.tell(Event::TaskFinished { task, end, reason: None, outputs: None, error: None })
    }

    /// The release, failed: its tests did not pass.
    pub(crate) fn failed() -> Self {
        let mut story = Self::release();
        let stderr: String = (1..=34).map(|n| format!("line {n}\n")).collect();
        story.start().begin("compile/run").finish("compile/run", Status::Changed);
        story.end("compile", TaskEnd::Completed).begin("test/run");
        story.begin("config/render").finish_with(
            "config/render",
            Status::Changed,
            json!({"dest": "/work/site/out/app.conf", "diff": {"before": "", "after": "x\n"}}),
        );
        story.begin("config/copy").finish("config/copy", Status::Ok).end("config", TaskEnd::Completed);
        story.fail("test/run", "exit status 101", json!({"cmd": "cargo test", "rc": 101, "stderr": stderr}));
        story.end("test", TaskEnd::Failed);
        story.done("sign-off/approve", Outcome::blocked("test failed")).end("sign-off", TaskEnd::Blocked);
        let error = Failure::new(Code::CommandFailed, "test/run: exit status 101");
        story.tell(Event::RunFinished {
            status: windlass_model::RunStatus::Failed,
            error: Some(error.into()),
        });
        story
    }
}
