//! Budgets over runs: never exceeded by any number of threads and processes, and exact in what was used.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use windlass_model::{At, Budget, Cost, Money, RunId, Tokens, Usage};
use windlass_store::{Account, Claim, Holder, Ledger, Pot, Store};

const NOON: u64 = 1_735_646_400_000;
const DAY: u64 = 86_400_000;

fn usd(nanos: i64) -> Cost {
    Cost { amount: Money(nanos), currency: "USD".into() }
}

fn used(nanos: i64) -> Usage {
    Usage { cost: usd(nanos), ..Usage::default() }
}

fn limit(nanos: i64) -> Budget {
    Budget { cost: Some(usd(nanos)), tokens: None }
}

fn holder(run: &str, task: u32, attempt: u32) -> Holder {
    let at = At { task, step: 0, host: 0, item: None };
    Holder { lease: "/nowhere/lease".into(), run: RunId::new(run).expect("an id"), at, attempt }
}

fn claim(holder: &Holder, nanos: i64, pots: &[Pot]) -> Claim {
    Claim { holder: holder.clone(), most: used(nanos), pots: pots.to_vec(), limits: Vec::new() }
}

fn account(ledger: &Ledger, pot: &Pot, now: u64) -> Account {
    ledger
        .accounts(now)
        .expect("accounts")
        .into_iter()
        .find(|account| account.pot == *pot)
        .expect("it has an account")
}

fn dollars(sum: &windlass_store::Sum) -> i64 {
    sum.costs.get("USD").map_or(0, |money| money.0)
}

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state/budgets.db");
    (folder, path)
}

#[test]
fn what_is_held_back_and_used_counts_on_every_budget() {
    let (_folder, path) = scratch();
    let ledger = Ledger::open(&path).unwrap();
    let pots = [Pot::Key("work".into()), Pot::Day, Pot::Month];
    ledger.set_limit(&Pot::Day, Some(&limit(100))).unwrap();
    let (one, two) = (holder("r", 1, 1), holder("r", 2, 1));
    let refusals = ledger.reserve(&[claim(&one, 60, &pots), claim(&two, 60, &pots)], false, NOON).unwrap();
    assert_eq!(refusals[0], None);
    let refusal = refusals[1].as_ref().expect("the day has 40 left");
    assert_eq!(refusal.pot, Pot::Day);
    assert_eq!(refusal.why, "0.00000006 USD are needed and 0.00000004 of 0.0000001 USD are left");
    assert_eq!(dollars(&account(&ledger, &Pot::Month, NOON).orphaned), 60, "the refused one holds nothing");
    // The next day has its whole budget again; what is settled late counts where it was held back.
    assert_eq!(ledger.reserve(&[claim(&two, 60, &pots)], false, NOON + DAY).unwrap(), [None]);
    let kinds = Tokens { input: 7, output: 3, cache_read: 2, cache_write: 1 };
    ledger.settle(&[(one.clone(), Usage::of(kinds, usd(10))), (two.clone(), used(5).as_bound())]).unwrap();
    let day = account(&ledger, &Pot::Day, NOON);
    assert_eq!((dollars(&day.used), day.used.tokens, day.used.kinds), (10, 13, kinds));
    assert_eq!(day.left().unwrap(), limit(90));
    let month = account(&ledger, &Pot::Month, NOON);
    assert_eq!((dollars(&month.used), dollars(&month.bound)), (10, 0), "December");
    let key = account(&ledger, &pots[0], NOON);
    assert_eq!((dollars(&key.used), dollars(&key.bound), key.renews_at), (15, 5, None));
    // Settled twice is settled once.
    ledger.settle(&[(one, used(1000)), (two, used(1000))]).unwrap();
    assert_eq!(dollars(&account(&ledger, &pots[0], NOON).used), 15);
    drop(ledger);
    assert_eq!(dollars(&account(&Ledger::open(&path).unwrap(), &pots[0], NOON).used), 15);
}

#[test]
fn of_a_batch_all_is_held_back_or_nothing() {
    let (_folder, path) = scratch();
    let ledger = Ledger::open(&path).unwrap();
    ledger.set_limit(&Pot::Project, Some(&Budget { cost: None, tokens: Some(10) })).unwrap();
    let tokens = |task, tokens| Claim {
        most: Usage { tokens, ..Usage::default() },
        ..claim(&holder("r", task, 1), 0, &[Pot::Project])
    };
    let refusals = ledger.reserve(&[tokens(1, 6), tokens(2, 6), tokens(3, 4)], true, NOON).unwrap();
    let refused: Vec<bool> = refusals.iter().map(Option::is_some).collect();
    assert_eq!(refused, [false, true, false], "what came before counts, what was refused does not");
    assert!(account(&ledger, &Pot::Project, NOON).orphaned.is_zero(), "nothing is held back");
    assert_eq!(ledger.reserve(&[tokens(1, 6), tokens(3, 4)], true, NOON).unwrap(), [None, None]);
}

#[test]
fn what_was_used_past_the_limit_is_recorded_and_told() {
    let (_folder, path) = scratch();
    let ledger = Ledger::open(&path).unwrap();
    ledger.set_limit(&Pot::Project, Some(&limit(100))).unwrap();
    let one = holder("r", 1, 1);
    assert_eq!(ledger.reserve(&[claim(&one, 90, &[Pot::Project])], false, NOON).unwrap(), [None]);
    let over = ledger.settle(&[(one, used(250))]).unwrap();
    assert_eq!(over, [(Pot::Project, "0.00000025 of 0.0000001 USD were used".to_owned())]);
    assert_eq!(dollars(&account(&ledger, &Pot::Project, NOON).used), 250);
    let refused = ledger.reserve(&[claim(&holder("r", 2, 1), 1, &[Pot::Project])], false, NOON).unwrap();
    assert!(refused[0].is_some(), "nothing more fits");
    ledger.set_limit(&Pot::Project, None).unwrap();
    assert_eq!(
        ledger.reserve(&[claim(&holder("r", 2, 1), 1, &[Pot::Project])], false, NOON).unwrap(),
        [None]
    );
}

#[test]
fn a_hold_is_orphaned_when_its_driver_is_gone_and_its_run_can_settle_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("state")).unwrap();
    let run = RunId::new("r1").unwrap();
    let lease = store.lease(&run).unwrap();
    let path = store.run_folder(&run).unwrap().join("lease");
    let ledger = Ledger::open(&folder.path().join("budgets.db")).unwrap();
    let at = At { task: 3, step: 2, host: 1, item: Some(4) };
    let one = Holder { lease: path.clone(), run: run.clone(), at, attempt: 7 };
    ledger.reserve(&[claim(&one, 60, &[Pot::Day])], false, NOON).unwrap();
    let shown = || {
        let day = account(&ledger, &Pot::Day, NOON);
        (dollars(&day.reserved), dollars(&day.orphaned))
    };
    assert_eq!(shown(), (60, 0));
    drop(lease);
    assert_eq!(shown(), (0, 60));
    assert_eq!(ledger.held_by(&path, &run).unwrap(), [(one.clone(), used(60))]);
    assert_eq!(ledger.held_by(&path, &RunId::new("r2").unwrap()).unwrap(), []);
    ledger.settle(&[(one, used(20))]).unwrap();
    assert_eq!((shown(), dollars(&account(&ledger, &Pot::Day, NOON).used)), ((0, 0), 20));
}

#[test]
fn what_a_run_holds_back_that_is_gone_is_settled_at_its_bound() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("state")).unwrap();
    let run = RunId::new("r1").unwrap();
    let lease = store.lease(&run).unwrap();
    let path = store.run_folder(&run).unwrap().join("lease");
    let ledger = Ledger::open(&folder.path().join("budgets.db")).unwrap();
    for task in 0..2 {
        let one = Holder { lease: path.clone(), run: run.clone(), ..holder("r1", task, 1) };
        ledger.reserve(&[claim(&one, 30, &[Pot::Day])], false, NOON).unwrap();
    }
    let stands = || {
        let all = ledger.holdings().unwrap();
        all.iter().map(|of| (of.run.to_string(), of.driven, of.steps, dollars(&of.most))).collect::<Vec<_>>()
    };
    assert_eq!(stands(), [("r1".to_owned(), true, 2, 60)]);
    drop(lease);
    assert_eq!(ledger.settle_lost().unwrap(), 0, "it can be resumed");
    assert_eq!(stands(), [("r1".to_owned(), false, 2, 60)]);
    std::fs::remove_dir_all(folder.path().join("state")).unwrap();
    assert_eq!(ledger.settle_lost().unwrap(), 2);
    let day = account(&ledger, &Pot::Day, NOON);
    assert_eq!((dollars(&day.used), dollars(&day.bound), stands().len()), (60, 60, 0));
}

#[test]
fn to_hold_the_same_back_once_more_asks_the_limits_and_writes_nothing() {
    let (_folder, path) = scratch();
    let ledger = Ledger::open(&path).unwrap();
    ledger.set_limit(&Pot::Day, Some(&limit(100))).unwrap();
    let one = holder("r", 1, 1);
    let ask = |most, now| ledger.reserve(&[claim(&one, most, &[Pot::Day])], false, now).unwrap()[0].is_some();
    let log = || std::fs::read(path.with_extension("db-wal")).unwrap();
    assert!(!ask(60, NOON));
    let before = log();
    assert!(!ask(60, NOON), "its own hold is not in its way");
    assert_eq!(log(), before, "the disk has it already");
    // Another amount or another day is another hold.
    assert!(!ask(70, NOON) && log() != before);
    assert!(!ask(70, NOON + DAY));
    assert!(account(&ledger, &Pot::Day, NOON).orphaned.is_zero());
    assert_eq!(dollars(&account(&ledger, &Pot::Day, NOON + DAY).orphaned), 70);
    // What was set meanwhile counts, and what is refused holds nothing.
    ledger.set_limit(&Pot::Day, Some(&limit(50))).unwrap();
    assert!(ask(70, NOON + DAY));
    assert!(account(&ledger, &Pot::Day, NOON + DAY).orphaned.is_zero());
}

#[test]
fn limits_that_a_claim_brings_hold_beside_those_that_are_set() {
    let (_folder, path) = scratch();
    let ledger = Ledger::open(&path).unwrap();
    let ask = |most, own: i64| {
        let limits = vec![(Pot::Day, limit(own))];
        let claim = Claim { limits, ..claim(&holder("r", 1, 1), most, &[Pot::Project, Pot::Day]) };
        ledger.reserve(&[claim], false, NOON).unwrap()[0].as_ref().map(|refusal| refusal.pot.clone())
    };
    assert_eq!((ask(50, 50), ask(51, 50)), (None, Some(Pot::Day)));
    ledger.set_limit(&Pot::Day, Some(&limit(40))).unwrap();
    assert_eq!((ask(40, 50), ask(41, 50), ask(31, 30)), (None, Some(Pot::Day), Some(Pot::Day)));
}

#[test]
fn currencies_are_counted_each_by_itself() {
    let (_folder, path) = scratch();
    let ledger = Ledger::open(&path).unwrap();
    ledger.set_limit(&Pot::Project, Some(&limit(100))).unwrap();
    let one = holder("r", 1, 1);
    ledger.reserve(&[claim(&one, 90, &[Pot::Project])], false, NOON).unwrap();
    let mut both = used(50);
    both.add(&Usage { cost: Cost { amount: Money(70), currency: "EUR".into() }, ..Usage::default() });
    assert_eq!(ledger.settle(&[(one.clone(), both.clone())]).unwrap(), [], "70 euros are no dollars");
    let project = account(&ledger, &Pot::Project, NOON);
    assert_eq!((dollars(&project.used), project.used.costs["EUR"]), (50, Money(70)));
    let mixed = Claim { most: both, ..claim(&one, 0, &[Pot::Project]) };
    let refused = ledger.reserve(&[mixed], false, NOON).unwrap();
    assert!(refused[0].as_ref().is_some_and(|refusal| refusal.why.contains("more than one currency")));
}

#[test]
fn a_thousand_reservations_at_once_never_exceed_a_budget() {
    let (_folder, path) = scratch();
    let ledger = Ledger::open(&path).unwrap();
    ledger.set_limit(&Pot::Project, Some(&limit(400))).unwrap();
    let (granted, paid, peak) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|threads| {
        for task in 0..1000u32 {
            let (ledger, granted, paid, peak) = (&ledger, &granted, &paid, &peak);
            let work = move || {
                let me = holder("r", task, 1);
                let most = i64::from(task % 7) + 1;
                let refusal = ledger.reserve(&[claim(&me, most, &[Pot::Project, Pot::Day])], false, NOON);
                if refusal.unwrap()[0].is_some() {
                    return;
                }
                // What is granted counts before what was granted is given back: the sum never passes the limit.
                peak.fetch_max(
                    granted.fetch_add(most as u64, Ordering::SeqCst) + most as u64,
                    Ordering::SeqCst,
                );
                let actual = most / 2;
                granted.fetch_sub((most - actual) as u64, Ordering::SeqCst);
                ledger.settle(&[(me, used(actual))]).unwrap();
                paid.fetch_add(actual as u64, Ordering::SeqCst);
            };
            std::thread::Builder::new().stack_size(256 << 10).spawn_scoped(threads, work).unwrap();
        }
    });
    let project = account(&ledger, &Pot::Project, NOON);
    let paid = paid.into_inner();
    // What is refused is not asked again, so how much is paid depends on how far settling keeps up.
    assert!(peak.into_inner() <= 400 && paid > 50, "{paid}");
    assert_eq!(dollars(&project.used) as u64, paid);
    assert_eq!(dollars(&account(&ledger, &Pot::Day, NOON).used) as u64, paid);
    assert!(project.orphaned.is_zero() && project.reserved.is_zero());
}

/// What a child of the test below does: it holds back, writes down that it spends, spends, and settles, until
/// the budget has no more. It may be killed anywhere.
#[test]
fn child() {
    let Ok(folder) = std::env::var("WINDLASS_LEDGER_CHILD") else { return };
    let folder = Path::new(&folder);
    let me = std::process::id();
    let ledger = Ledger::open(&folder.join("budgets.db")).unwrap();
    for task in 0.. {
        let mine = holder(&format!("r{me}"), task, 1);
        if ledger.reserve(&[claim(&mine, 10, &[Pot::Project])], false, NOON).unwrap()[0].is_some() {
            return;
        }
        // The bill of whoever is paid: a file for each call, with what it cost.
        let cost = i64::from(task % 5) + 1;
        std::fs::write(folder.join(format!("bill-{me}-{task}")), cost.to_string()).unwrap();
        ledger.settle(&[(mine, used(cost))]).unwrap();
    }
}

#[test]
fn eight_processes_that_are_killed_at_random_never_exceed_a_budget() {
    if std::env::var_os("WINDLASS_LEDGER_CHILD").is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&folder.path().join("budgets.db")).unwrap();
    ledger.set_limit(&Pot::Project, Some(&limit(1500))).unwrap();
    let spawn = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["ledger::child", "--exact"])
            .env("WINDLASS_LEDGER_CHILD", folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut children: Vec<_> = (0..8).map(|_| spawn()).collect();
    let mut killed = 0;
    // A draw that repeats, spread over the time that they take.
    let mut draw = 0x9E37_79B9_7F4A_7C15u64;
    while killed < 20 {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(std::time::Duration::from_millis(5 + (draw >> 33) % 30));
        let one = (draw >> 40) as usize % children.len();
        if children[one].try_wait().unwrap().is_some() {
            break;
        }
        children[one].kill().unwrap();
        children[one].wait().unwrap();
        children[one] = spawn();
        killed += 1;
    }
    for child in &mut children {
        child.wait().unwrap();
    }
    let project = account(&ledger, &Pot::Project, NOON);
    let (settled, orphaned) = (dollars(&project.used), dollars(&project.orphaned));
    let bills = std::fs::read_dir(folder.path()).unwrap().filter_map(|entry| {
        let path = entry.unwrap().path();
        path.file_name()?.to_str()?.starts_with("bill-").then(|| {
            // One that was killed as it wrote has paid nothing.
            std::fs::read_to_string(path).unwrap().parse::<i64>().unwrap_or(0)
        })
    });
    let paid: i64 = bills.sum();
    assert!(settled + orphaned <= 1500, "{settled} + {orphaned}");
    assert!(settled <= paid && paid <= settled + orphaned, "{settled} ≤ {paid} ≤ {settled} + {orphaned}");
    assert!(orphaned <= 10 * (killed + 8), "each kill leaves one hold at most: {orphaned}");
    assert!(settled > 1000, "{settled}");
}
