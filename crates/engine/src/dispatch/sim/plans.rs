//! Random plans for the simulator: graphs, steps, loops, transactions, rounds, windows and budgets, by seed.

use serde_json::{Value as Json, json};
use windlass_model::{
    Block, Budget, Draft, Inventory, Known, Loop, OnDoubt, Plan, Retry, RetryOn, Rollout, Rounds, Stage,
    StageName, Step, StepId, Strategy, TaskDraft, TaskId, Until,
};

/// Random numbers by seed.
pub(super) struct Dice(pub u64);

impl Dice {
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n.max(1)
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

fn step(dice: &mut Dice, n: u64) -> Step {
    let action = match dice.below(10) {
        0 => "approve",
        1..=3 => "noop",
        _ => "scripted",
    };
    let input = match dice.chance(20) {
        true => json!({ "prompt": "?", "cost": 1 + dice.below(20) }),
        false => json!({ "prompt": "?" }),
    };
    Step::new(StepId::new(format!("s{n}")).unwrap(), action, input).with(|more| {
        more.ignore_errors = dice.chance(10);
        if dice.chance(10) {
            more.when = vec![if dice.chance(50) { "1 == 2".into() } else { "1 == 1".into() }];
        }
        if dice.chance(15) {
            let items: Vec<Json> = (0..dice.below(4)).map(Json::from).collect();
            more.repeat = Some(Loop {
                over: json!(items),
                item: "item".into(),
                index: None,
                label: None,
                pause_ms: dice.below(3),
            });
        }
        if dice.chance(15) {
            more.retry =
                Some(Retry { max_attempts: 3, initial_delay_ms: 5, on: RetryOn::Any, ..Retry::default() });
        }
        if dice.chance(5) {
            more.until =
                Some(Until { conditions: vec!["ready | default(false)".into()], retries: 2, delay_ms: 3 });
        }
        if dice.chance(10) {
            more.on_doubt = OnDoubt::Hold;
        }
        more.run_once = dice.chance(10);
        more.register = dice.chance(30).then(|| "seen".into());
    })
}

/// A plan of everything that the dispatcher has a way with.
pub(super) fn plan(dice: &mut Dice) -> Plan {
    // Whether expressions ask for what has effects of its own; dice of their own, so that the rest stays as it is.
    let mut asks = Dice(dice.0 ^ 0xA5A5_5A5A_F00D_CAFE);
    let asks = &mut asks;
    let often = if asks.chance(25) { 20 } else { 0 };
    let mut draft = Draft::new("sim", "workflow/dag");
    draft.policy.strategy = if dice.chance(30) { Strategy::Batched } else { Strategy::Eager };
    draft.policy.fail_fast = dice.chance(30).then_some(true);
    draft.policy.timeout_ms = dice.chance(5).then(|| 20 + dice.below(500));
    draft.policy.budget = dice
        .chance(40)
        .then(|| Budget { cost: Some(super::money(10 + dice.below(80) as i64).cost), tokens: None });
    for n in 0..dice.below(3) {
        let mut policy =
            windlass_model::Policy { max_parallelism: Some(1 + dice.below(2) as u32), ..Default::default() };
        policy.fail_fast = dice.chance(40).then_some(true);
        let mut repeat = dice.chance(40).then(|| rounds(dice));
        if let Some(rounds) = repeat.as_mut().filter(|_| asks.chance(often)) {
            rounds.until = vec![YES.into()];
        }
        policy.transaction = dice.chance(30) && repeat.is_none();
        draft.stages.push(Stage {
            repeat,
            name: StageName::new(format!("stage{n}")).unwrap(),
            vars: Default::default(),
            policy,
        });
    }
    let stages = draft.stages.len() as u64;
    for n in 0..1 + dice.below(12) {
        let mut task = TaskDraft::new(TaskId::new(format!("t{n}")).unwrap());
        for need in 0..n {
            if dice.chance(25) {
                task = task.needs(TaskId::new(format!("t{need}")).unwrap());
            }
        }
        let steps = 1 + dice.below(5);
        for s in 0..steps {
            let step = step(dice, s);
            task = task.step(if asks.chance(often) { asking(asks, step) } else { step });
        }
        for c in 0..dice.below(3) {
            task.cleanup.push(Step::new(StepId::new(format!("c{c}")).unwrap(), "scripted", Json::Null));
        }
        if steps >= 3 && dice.chance(50) {
            let marks: Vec<u32> = match dice.below(3) {
                0 => vec![0, 1, 2, 3],
                1 => vec![0, 1, 1, steps as u32],
                _ => vec![1, 2, steps as u32, steps as u32],
            };
            task.blocks.push(Block { start: marks[0], rescue: marks[1], always: marks[2], end: marks[3] });
        }
        if stages > 0 && dice.chance(50) {
            task.stage = Some(draft.stages[dice.below(stages) as usize].name.clone());
        }
        if dice.chance(40) {
            let hosts = 1 + dice.below(6);
            task.hosts = (0..hosts).map(|n| format!("h{n}").into()).collect();
            task.more.rollout = rollout(dice);
        }
        if dice.chance(10) {
            task.more.when = vec!["false".into()];
        }
        let repeated = |stage: &Stage| Some(&stage.name) == task.stage.as_ref() && stage.repeat.is_some();
        task.more.policy.transaction = dice.chance(25) && !draft.stages.iter().any(repeated);
        task.more.outputs = if dice.chance(30) {
            [("score".into(), json!("{{ n | default(1) }}"))].into()
        } else {
            Default::default()
        };
        if asks.chance(often) {
            task.more.when.push(YES.into());
        }
        if asks.chance(often) {
            task.more.outputs.insert("score".into(), json!("{{ lookup('pipe', 'number') | int }}"));
        }
        if dice.chance(5) {
            task.more.policy.timeout_ms = Some(10 + dice.below(50));
        }
        draft.tasks.push(task);
    }
    let known = |n| (format!("h{n}").into(), Known { local: n % 2 == 0, ..Known::default() });
    draft.inventory = Inventory::new((0..6).map(known).collect(), Default::default());
    draft.finish().unwrap()
}

/// What the simulated machine answers at times.
const YES: &str = "lookup('pipe', 'yes or no') == 'yes'";

/// A step that asks: whether it runs, over what, where, with which parameters, or whether it went well.
fn asking(dice: &mut Dice, step: Step) -> Step {
    let costs = step.input.get("cost").is_some();
    let mut step = step.with(|more| match dice.below(6) {
        0 => more.when.push(YES.into()),
        1 => {
            if let Some(repeat) = &mut more.repeat {
                repeat.over = json!("{{ [1, 2, 3][:lookup('pipe', 'number') | int] }}");
            }
        }
        2 => more.delegate_to = Some("{{ lookup('pipe', 'host') }}".into()),
        3 => more.failed_when = Some(vec![YES.into()]),
        4 => more.changed_when = Some(vec![YES.into()]),
        _ => more.until = Some(Until { conditions: vec![YES.into()], retries: 2, delay_ms: 3 }),
    });
    if dice.chance(30) {
        let cost = json!("{{ lookup('pipe', 'number') | int }}");
        step.input = match costs {
            true => json!({ "prompt": "?", "cost": cost }),
            false => json!({ "prompt": "{{ lookup('pipe', 'host') }}" }),
        };
    }
    step
}

/// A stage that is repeated, now and then past its last round.
fn rounds(dice: &mut Dice) -> Rounds {
    let until = match dice.below(4) {
        0 => "false".to_owned(),
        1 => "score | default(0) >= 2".to_owned(),
        n => format!("round >= {n}"),
    };
    Rounds { until: vec![until], max_rounds: 1 + dice.below(3) as u32 }
}

fn rollout(dice: &mut Dice) -> Rollout {
    Rollout {
        window: dice.chance(40).then(|| 1 + dice.below(3) as u32),
        serial: if dice.chance(30) { vec![1, 2] } else { vec![] },
        max_fail_percentage: dice.chance(40).then(|| dice.below(90) as u32),
    }
}
