//! Budgets that runs share: refused before anything is spent, settled exactly, whatever dies on the way.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use windlass_engine::{
    Action, ActionFuture, Call, Compiled, Estimate, Output, RunOptions, Runtime, StepContext,
};
use windlass_model::{
    Budget, Code, Cost, Draft, Event, Failure, Money, Retry, RetryOn, RunId, RunState, RunStatus, Status,
    Step, StepId, Strategy, TaskDraft, TaskEnd, TaskId, Tokens, Usage, projection,
};
use windlass_store::{Account, LEDGER_FILE, Ledger, Pot, Store, Sum};

use crate::dying::dying;
use crate::graphs::{compiled, end, finish, options};

fn usd(nanos: i64) -> Cost {
    Cost { amount: Money(nanos), currency: "USD".into() }
}

/// Costs what its input says, and has each call written down by who is paid.
struct Paid {
    bills: PathBuf,
}

impl Action for Paid {
    fn name(&self) -> &str {
        "paid"
    }

    fn estimate(&self, call: &Call<'_>) -> Result<Option<Estimate>, Failure> {
        let usage = Usage { cost: usd(call.input["most"].as_i64().unwrap_or(0)), ..Usage::default() };
        Ok(Some(Estimate { usage, key: call.input["key"].as_str().map(str::to_owned) }))
    }

    fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a> {
        Box::pin(async move {
            let bill = format!("{} {} {}\n", step.task, step.attempt, step.input["cost"]);
            let file = std::fs::OpenOptions::new().append(true).create(true).open(&self.bills);
            file.and_then(|mut file| file.write_all(bill.as_bytes())).expect("a bill");
            if step.input["panic"] == json!(true) {
                panic!("as it was told");
            }
            let kinds = Tokens { input: 5, output: 2, ..Tokens::default() };
            let usage = Usage::of(kinds, usd(step.input["cost"].as_i64().unwrap_or(0)));
            let failed = u64::from(step.attempt) < step.input["fail_until"].as_u64().unwrap_or(0);
            let error = failed.then(|| Failure::new(Code::StepFailed, "as it was told"));
            Ok(Output { failed, error, usage: Some(usage), ..Output::ok(true) })
        })
    }
}

fn paid(id: &str, needs: &[&str], input: Value) -> TaskDraft {
    let retry = Retry { initial_delay_ms: 1, on: RetryOn::Any, ..Retry::default() };
    let step = Step::new(StepId::new("pay").unwrap(), "paid", input).with(|more| more.retry = Some(retry));
    let task = TaskDraft::new(TaskId::new(id).unwrap()).step(step);
    needs.iter().fold(task, |task, need| task.needs(TaskId::new(need).unwrap()))
}

fn draft(tasks: Vec<TaskDraft>) -> Draft {
    let mut draft = Draft::new("case", "workflow/dag");
    draft.tasks = tasks;
    draft
}

/// A project's store and a user's state in one folder.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn runtime(&self) -> Runtime {
        runtime(self.0.path(), Store::open(&self.0.path().join("project")).unwrap())
    }

    fn ledger(&self, name: &str) -> Ledger {
        Ledger::open(&self.0.path().join(name).join(LEDGER_FILE)).unwrap()
    }

    fn account(&self, pot: &Pot) -> Account {
        let name = if *pot == Pot::Project { "project" } else { "user" };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
        let all = self.ledger(name).accounts(now).unwrap();
        all.into_iter().find(|account| account.pot == *pot).expect("it has an account")
    }

    fn limit(&self, pot: &Pot, nanos: i64) {
        let name = if *pot == Pot::Project { "project" } else { "user" };
        let limit = Budget { cost: Some(usd(nanos)), tokens: None };
        self.ledger(name).set_limit(pot, Some(&limit)).unwrap();
    }

    fn bills(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.0.path().join("bills")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    async fn run(&self, draft: Draft) -> Arc<RunState> {
        finish(self.runtime().start(compiled(draft), options()).unwrap()).await
    }
}

fn runtime(folder: &Path, store: Store) -> Runtime {
    let action = Arc::new(Paid { bills: folder.join("bills") });
    Runtime::builder().store(store).user_state(folder.join("user")).action(action).build().unwrap()
}

fn nanos(sum: &Sum) -> i64 {
    sum.costs.get("USD").map_or(0, |money| money.0)
}

fn error<'a>(state: &'a RunState, task: &str) -> &'a Failure {
    let task = state.plan().task(task).unwrap() as usize;
    state.tasks[task].detail.as_ref().and_then(|detail| detail.error.as_ref()).expect("it failed")
}

#[tokio::test]
async fn every_attempt_counts_on_the_run_its_task_the_project_the_key_and_the_day() {
    let home = Home::new();
    let state = home
        .run(draft(vec![
            paid("a", &[], json!({ "most": 10, "cost": 3, "key": "work", "fail_until": 3 })),
            paid("b", &["a"], json!({ "most": 10, "cost": 4 })),
        ]))
        .await;
    assert_eq!(state.status, RunStatus::Completed);
    assert_eq!((state.used.cost.amount, state.used.tokens, state.used.kinds.input), (Money(13), 28, 20));
    let a = projection::usage(&state, state.plan().task("a").unwrap());
    assert_eq!((a.cost.amount, a.kinds.output), (Money(9), 6), "attempts that were tried again count");
    let spent = |pot: Pot| nanos(&home.account(&pot).used);
    let all = [Pot::Project, Pot::Day, Pot::Month, Pot::Key("work".into())].map(spent);
    assert_eq!(all, [13, 13, 13, 9]);
    assert!(home.account(&Pot::Project).reserved.is_zero() && home.account(&Pot::Day).orphaned.is_zero());
}

#[tokio::test]
async fn a_refused_step_says_which_budget_what_was_left_and_what_it_needed() {
    let key = Pot::Key("work".into());
    for (pot, title) in [
        (Pot::Project, "the project's budget"),
        (Pot::Day, "the day's budget"),
        (Pot::Month, "the month's budget"),
        (key, "the budget of key work"),
    ] {
        let home = Home::new();
        home.limit(&pot, 15);
        let dear = json!({ "most": 10, "cost": 10, "key": "work" });
        let state = home.run(draft(vec![paid("a", &[], dear.clone()), paid("b", &["a"], dear)])).await;
        assert_eq!(state.status, RunStatus::Failed);
        let error = error(&state, "b");
        assert_eq!(error.code, Code::BudgetRefused);
        let want = "refuses the step: 0.00000001 USD are needed and 0.000000005 of 0.000000015 USD are left";
        assert_eq!(error.message, format!("{title} {want}"));
        assert!(error.hint.as_ref().unwrap().contains(&format!("windlass budget set {pot}")));
        assert_eq!(home.bills(), ["a 1 10"], "it was refused before it cost anything");
        let account = home.account(&pot);
        assert_eq!((nanos(&account.used), account.orphaned.is_zero()), (10, true));
        assert_eq!(nanos(&home.account(&Pot::Project).used), 10, "and is held back nowhere");
        assert!(home.account(&Pot::Project).orphaned.is_zero());
    }
}

#[tokio::test]
async fn what_passes_a_shared_budget_is_recorded_and_ends_the_run() {
    let home = Home::new();
    home.limit(&Pot::Day, 30);
    let state = home
        .run(draft(vec![
            paid("a", &[], json!({ "most": 10, "cost": 50 })),
            paid("b", &["a"], json!({ "most": 0, "cost": 0, "fail_until": 3 })),
            paid("c", &["b"], json!({ "most": 1, "cost": 1 })),
        ]))
        .await;
    assert_eq!(state.status, RunStatus::Failed);
    assert_eq!((nanos(&home.account(&Pot::Day).used), state.used.cost.amount), (50, Money(50)));
    assert!(!home.bills().iter().any(|bill| bill.starts_with('c')), "{:?}", home.bills());
}

#[tokio::test]
async fn what_a_step_used_that_nobody_lived_to_tell_counts_at_its_bound() {
    let home = Home::new();
    let mut task = paid("a", &[], json!({ "most": 10, "cost": 3, "panic": true }));
    task.body[0].more.as_mut().unwrap().retry = None;
    let state = home.run(draft(vec![task])).await;
    assert_eq!((state.used.cost.amount, state.used.bound), (Money(10), true));
    assert_eq!(nanos(&home.account(&Pot::Day).bound), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_batch_that_does_not_fit_nothing_runs() {
    for threads in [1, 2, 4, 8, 16] {
        for pot in [None, Some(Pot::Project), Some(Pot::Month)] {
            let home = Home::new();
            let cost = |most: i64| json!({ "most": most, "cost": 1 });
            let mut batch = draft(vec![
                paid("z", &[], cost(1)),
                paid("b", &["z"], cost(8)),
                paid("c", &["z"], cost(8)),
                paid("d", &["z"], cost(3)),
                paid("e", &["z"], cost(9)),
            ]);
            batch.policy.strategy = Strategy::Batched;
            batch.policy.max_parallelism = Some(threads);
            match &pot {
                None => batch.policy.budget = Some(Budget { cost: Some(usd(13)), tokens: None }),
                Some(pot) => home.limit(pot, 13),
            }
            let state = home.run(batch).await;
            assert_eq!(home.bills(), ["z 1 1"], "{threads} {pot:?}");
            assert_eq!(state.status, RunStatus::Failed);
            let first = state.error.as_ref().unwrap();
            assert_eq!(first.code, Code::BudgetRefused, "{first:?}");
            let left = "0.000000008 USD are needed and 0.000000004 of 0.000000013 USD are left";
            assert!(first.message.ends_with(left), "{}", first.message);
            // Those that do not fit failed, in the order of ids; what would have fitted did not begin.
            let ends = ["b", "c", "d", "e"].map(|task| end(&state, task));
            let (failed, blocked) = (Some(TaskEnd::Failed), Some(TaskEnd::Blocked));
            assert_eq!(ends, [blocked, failed, blocked, failed], "{threads} {pot:?}");
            assert!(home.account(&Pot::Project).orphaned.is_zero(), "nothing is held back");
            assert_eq!(nanos(&home.account(&Pot::Month).used), 1);
            assert!(home.account(&Pot::Month).orphaned.is_zero());
        }
    }
}

fn swept() -> Compiled {
    compiled(draft(vec![
        paid("a", &[], json!({ "most": 10, "cost": 3 })),
        paid("b", &["a"], json!({ "most": 10, "cost": 2, "fail_until": 2 })),
        paid("c", &["a"], json!({ "most": 10, "cost": 4 })),
    ]))
}

/// What a child of the sweep below does: it begins the run in a folder, or goes on with it, and dies where it
/// was told.
#[test]
fn child() {
    let Ok(told) = std::env::var("WINDLASS_BUDGET_CHILD") else { return };
    let mut told = told.split('|');
    let mut next = || told.next().unwrap();
    let (folder, last, late) = (PathBuf::from(next()), next().parse().unwrap(), next() == "late");
    let store = Store::open(&folder.join("project")).unwrap();
    let runtime = runtime(&folder, dying(store, last, late));
    let tokio = tokio::runtime::Runtime::new().unwrap();
    tokio.block_on(async {
        let options = RunOptions { id: Some(RunId::new("r").unwrap()), ..RunOptions::default() };
        runtime.start(swept(), options).unwrap().wait().await.unwrap();
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sums_are_exact_and_nothing_is_paid_twice_whatever_record_the_process_dies_after() {
    if std::env::var_os("WINDLASS_BUDGET_CHILD").is_some() {
        return;
    }
    let (mut doubted, mut died) = (0, 0);
    for record in 1.. {
        let mut ended = 0;
        for when in ["now", "late"] {
            let home = Home::new();
            let told = format!("{}|{record}|{when}", home.0.path().display());
            let status = Command::new(std::env::current_exe().unwrap())
                .args(["budgets::child", "--exact"])
                .env("WINDLASS_BUDGET_CHILD", told)
                .stdout(Stdio::null())
                .status()
                .unwrap();
            ended += u32::from(status.success());
            died += u32::from(!status.success());
            doubted += check_death(&home, record, when).await;
        }
        if ended == 2 {
            break;
        }
    }
    assert!(died > 20, "{died} deaths");
    assert!(doubted > 4, "a sweep in which no attempt was in doubt shows nothing: {doubted}");
}

/// Goes on with a run whose process died, and adds up; gives how many attempts were in doubt.
async fn check_death(home: &Home, record: u64, when: &str) -> usize {
    let (runtime, id) = (home.runtime(), RunId::new("r").unwrap());
    let before = runtime.load(&id).unwrap().1;
    if before.status.is_finished() {
        assert_eq!(nanos(&home.account(&Pot::Day).used), before.used.cost.amount.0);
    } else {
        let done: Vec<String> = ["a", "b", "c"]
            .into_iter()
            .filter(|task| {
                before.steps_on(before.plan().task(task).unwrap(), 0)[0].status() == Some(Status::Changed)
            })
            .map(str::to_owned)
            .collect();
        let calls = |home: &Home| {
            let is_done = |bill: &&String| done.iter().any(|task| bill.starts_with(task.as_str()));
            home.bills().iter().filter(is_done).count()
        };
        let paid = calls(home);
        let state = finish(runtime.resume(&id, RunOptions::default()).unwrap()).await;
        assert_eq!(state.status, RunStatus::Completed, "{record} {when}");
        assert_eq!(calls(home), paid, "{record} {when}: what is in the journal is not paid for again");
    }
    let state = runtime.load(&id).unwrap().1;
    let (mut open, mut told, mut doubted) = (std::collections::BTreeMap::new(), 0, 0);
    for record in runtime.store().scan(&id, 1).unwrap() {
        match record.event {
            Event::RunStarted { .. } => doubted += std::mem::take(&mut open).len(),
            Event::StepStarted { at, attempt, .. } => drop(open.insert(at, attempt)),
            Event::StepRetried { at, used, .. } => {
                open.remove(&at);
                told += used.map_or(0, |used| used.cost.amount.0);
            }
            Event::StepFinished { at, outcome } => {
                open.remove(&at);
                told += outcome.usage().map_or(0, |used| used.cost.amount.0);
            }
            _ => {}
        }
    }
    let used = state.used.cost.amount.0;
    assert_eq!(used, told + 10 * doubted as i64, "{record} {when}");
    assert_eq!(state.used.bound, doubted > 0);
    for pot in [Pot::Project, Pot::Day, Pot::Month] {
        let account = home.account(&pot);
        assert_eq!(
            (nanos(&account.used), nanos(&account.bound)),
            (used, 10 * doubted as i64),
            "{record} {when} {pot}"
        );
        assert!(account.reserved.is_zero() && account.orphaned.is_zero(), "{record} {when} {pot}");
    }
    let cost = |bill: &String| bill.rsplit(' ').next().and_then(|cost| cost.parse::<i64>().ok()).unwrap();
    let billed: i64 = home.bills().iter().map(cost).sum();
    assert!(billed <= used && used - billed <= 10 * doubted as i64, "{billed} of {used}");
    doubted
}
