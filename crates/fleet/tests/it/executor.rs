//! One module over many hosts for Rust callers: windows, fail-fast, retries, a fleet in trouble.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use windlass_fleet::executor::{Executor, Host, Job, LocalHosts, RemoteHosts, RunFuture, Runner};
use windlass_fleet::inventory::{Inventory, Options};
use windlass_gate::Reply;
use windlass_model::{Code, Failure, Retry, RetryOn};

fn inventory(hosts: usize, vars: &str) -> Inventory {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..hosts).map(|n| format!("h{n:02} {vars}\n")).collect();
    std::fs::write(folder.path().join("hosts.ini"), text).unwrap();
    Inventory::load(&["hosts.ini"], &Options::new(folder.path())).unwrap()
}

/// Does what a host's name says in a table, and counts.
#[derive(Default)]
struct Scripted {
    failures: HashMap<String, (u32, Code)>,
    seen: Mutex<Vec<String>>,
    at_once: Mutex<(usize, usize)>,
}

impl Runner for Scripted {
    fn run<'a>(
        &'a self,
        host: &'a Host,
        _: &'a Job,
        cancel: CancellationToken,
    ) -> RunFuture<'a, Result<Reply, Failure>> {
        Box::pin(async move {
            let name = host.target.host.to_string();
            {
                let mut now = self.at_once.lock().unwrap();
                now.0 += 1;
                now.1 = now.1.max(now.0);
            }
            self.seen.lock().unwrap().push(name.clone());
            let tries = self.seen.lock().unwrap().iter().filter(|seen| **seen == name).count() as u32;
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
                () = cancel.cancelled() => {}
            }
            self.at_once.lock().unwrap().0 -= 1;
            match self.failures.get(&name) {
                Some((times, code)) if tries <= *times => {
                    let failure = Failure::new(*code, "as it was told");
                    Err(if *code == Code::Unreachable { failure.transient() } else { failure.permanent() })
                }
                _ => Ok(Reply::changed(true)),
            }
        })
    }
}

fn scripted(failures: &[(&str, u32, Code)]) -> Arc<Scripted> {
    let failures = failures.iter().map(|(name, times, code)| ((*name).to_owned(), (*times, *code))).collect();
    Arc::new(Scripted { failures, ..Scripted::default() })
}

fn quick() -> Retry {
    Retry { max_attempts: 3, initial_delay_ms: 1, on: RetryOn::Transient, ..Retry::default() }
}

#[tokio::test]
async fn a_window_bounds_how_many_hosts_are_worked_on_and_none_is_forgotten() {
    let runner = scripted(&[]);
    let executor = Executor::builder().chunk_size(3).remote(runner.clone()).build();
    let results = executor.run(&inventory(10, ""), "all", &Job::new("ping", "")).await.unwrap();
    assert_eq!((results.totals.successful, results.totals.changed, results.hosts.len()), (10, 10, 10));
    assert_eq!(runner.at_once.lock().unwrap().1, 3);
    // Less than one is one.
    let runner = scripted(&[]);
    let executor = Executor::builder().chunk_size(-4).remote(runner.clone()).build();
    executor.run(&inventory(3, ""), "all", &Job::new("ping", "")).await.unwrap();
    assert_eq!(runner.at_once.lock().unwrap().1, 1);
}

#[tokio::test]
async fn fail_fast_ends_what_runs_and_every_host_has_a_result() {
    let runner = scripted(&[("h01", 9, Code::StepFailed)]);
    let executor = Executor::builder().chunk_size(2).fail_fast(true).remote(runner.clone()).build();
    let results = executor.run(&inventory(8, ""), "all", &Job::new("ping", "")).await.unwrap();
    assert_eq!(results.hosts.len(), 8);
    assert_eq!(results.totals.failed, 1);
    assert!(results.totals.skipped >= 5, "{:?}", results.totals);
    assert!(results.hosts["h07"].msg.as_deref().unwrap().starts_with("not begun"));
}

#[tokio::test]
async fn what_may_go_better_is_tried_again_and_the_last_cause_is_told() {
    let runner = scripted(&[
        ("h00", 2, Code::Unreachable),
        ("h01", 9, Code::Unreachable),
        ("h02", 9, Code::StepFailed),
    ]);
    let executor = Executor::builder().retry(quick()).remote(runner).build();
    let results = executor.run(&inventory(4, ""), "all", &Job::new("ping", "")).await.unwrap();
    assert_eq!(results.hosts["h00"].attempts, 3);
    assert!(!results.hosts["h00"].failed);
    assert_eq!(results.hosts["h01"].msg.as_deref(), Some("max retries exceeded: as it was told"));
    assert!(results.hosts["h01"].unreachable && results.hosts["h01"].failed);
    assert_eq!(results.hosts["h02"].attempts, 1, "a wrong request is not tried again");
    assert_eq!((results.totals.failed, results.totals.unreachable), (2, 1));
}

#[tokio::test]
async fn trouble_of_the_whole_fleet_ends_it_soon() {
    let names: Vec<String> = (0..20).map(|n| format!("h{n:02}")).collect();
    let all: Vec<(&str, u32, Code)> =
        names.iter().map(|name| (name.as_str(), 99, Code::Unreachable)).collect();
    let runner = scripted(&all);
    let retry = Retry { max_attempts: 50, initial_delay_ms: 200, ..quick() };
    let executor =
        Executor::builder().chunk_size(5).retry(retry).circuit_breaker(0.3).remote(runner.clone()).build();
    let begun = Instant::now();
    let results = executor.run(&inventory(20, ""), "all", &Job::new("ping", "")).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(results.hosts.len(), 20);
    assert!(results.totals.skipped >= 8, "{:?}", results.totals);
    assert!(runner.seen.lock().unwrap().len() < 30);
}

#[tokio::test]
async fn a_cancel_ends_waits_between_attempts_at_once() {
    let runner = scripted(&[("h00", 99, Code::Unreachable)]);
    let cancel = CancellationToken::new();
    let retry = Retry { max_attempts: 9, initial_delay_ms: 60_000, ..quick() };
    let executor = Executor::builder().retry(retry).remote(runner).cancel(cancel.clone()).build();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        cancel.cancel();
    });
    let begun = Instant::now();
    let results = executor.run(&inventory(1, ""), "all", &Job::new("ping", "")).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(results.hosts["h00"].failed);
}

#[tokio::test]
async fn a_host_without_a_runner_is_told_by_name_and_a_pattern_that_means_nothing_too() {
    let executor = Executor::builder().local(Arc::new(LocalHosts::new())).build();
    let results = executor.run(&inventory(1, ""), "all", &Job::new("ping", "")).await.unwrap();
    let msg = results.hosts["h00"].msg.clone().unwrap();
    assert!(msg.starts_with("no runner available for host h00: "), "{msg}");
    assert!(executor.run(&inventory(1, ""), "nowhere", &Job::new("ping", "")).await.is_err());
}

#[tokio::test]
async fn a_host_that_refuses_connections_is_unreachable() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ssh = windlass_ssh::Options::new("/nonexistent".into(), "nobody".into());
    let reach = windlass_fleet::Reach::new(
        windlass_ssh::Options { config: windlass_ssh::ConfigFile::None, ..ssh },
        None,
    );
    let executor = Executor::builder()
        .remote(Arc::new(RemoteHosts::new(reach)))
        .retry(Retry { max_attempts: 1, ..quick() })
        .build();
    let hosts = inventory(1, &format!("ansible_host=127.0.0.1 ansible_port={port}"));
    let results = executor.run(&hosts, "all", &Job::new("ping", "")).await.unwrap();
    assert!(results.hosts["h00"].unreachable, "{:?}", results.hosts["h00"]);
    executor.close().await;
}
