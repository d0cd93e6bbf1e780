//! Requests to a real gate.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windlass_fleet::remote::{Batch, Request, Said};
use windlass_gate::{Progress, Stream};
use windlass_model::Code;

use super::Host;

fn shell(text: String) -> Request {
    Request::new("shell", json!({"cmd": text}))
}

async fn all(mut batch: Batch) -> Vec<(usize, String)> {
    let mut told = Vec::new();
    while let Some((index, said)) = batch.next().await {
        told.push((
            index,
            match said {
                Said::Started => "started".to_owned(),
                Said::Done(Ok(reply)) => format!("ok failed={}", reply.failed),
                Said::Done(Err(failure)) => format!("{}: {}", failure.code, failure.message),
                Said::NotStarted => "not started".to_owned(),
                Said::Lost(failure) => format!("lost {}", failure.code),
            },
        ));
    }
    told
}

#[tokio::test]
async fn sixty_four_requests_are_in_flight() {
    let host = Host::new();
    let (gate, _child) = host.gate().await;
    let start = Instant::now();
    let runs = (0..64).map(|n| {
        let gate = gate.clone();
        tokio::spawn(async move { (n, gate.run(shell(format!("sleep 0.5; echo {n}")), None).await.unwrap()) })
    });
    for run in runs.collect::<Vec<_>>() {
        let (n, reply) = run.await.unwrap();
        assert_eq!(reply.fields["stdout"], Value::from(n.to_string()));
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    gate.close().await;
}

#[tokio::test]
async fn a_batch_of_a_hundred_goes_in_order() {
    let host = Host::new();
    let (gate, _child) = host.gate().await;
    let log = host.home().join("log");
    let requests = (0..100).map(|n| shell(format!("echo {n} >> '{}'", log.display())));
    let told = all(gate.batch(requests.collect(), None).await.unwrap()).await;
    let wanted: Vec<_> =
        (0..100).flat_map(|n| [(n, "started".to_owned()), (n, "ok failed=false".to_owned())]).collect();
    assert_eq!(told, wanted);
    let lines: String = (0..100).map(|n| format!("{n}\n")).collect();
    assert_eq!(fs::read_to_string(&log).unwrap(), lines);

    let requests = vec![
        Request::new("fail", json!({})).lenient(),
        Request::new("slurp", json!({"src": "/no/such"})),
        shell(format!("echo never >> '{}'", log.display())),
    ];
    let told = all(gate.batch(requests, None).await.unwrap()).await;
    assert_eq!(told[1], (0, "ok failed=true".into()));
    assert!(told[3].0 == 1 && told[3].1.starts_with("WL06"), "{told:?}");
    assert_eq!(told[4..], [(2, "not started".into())]);
    assert_eq!(fs::read_to_string(&log).unwrap(), lines);
    assert!(all(gate.batch(vec![], None).await.unwrap()).await.is_empty());
    gate.close().await;
}

#[tokio::test]
async fn what_nobody_waits_for_is_cancelled() {
    let host = Host::new();
    let (gate, _child) = host.gate().await;
    let (there, gone) = (host.home().join("there"), host.home().join("gone"));
    let text = format!(
        "trap \"touch '{}'; exit\" TERM; touch '{}'; sleep 60 & wait",
        gone.display(),
        there.display()
    );
    let run = tokio::spawn({
        let gate = gate.clone();
        async move { gate.run(shell(text), None).await }
    });
    wait(|| there.exists()).await;
    run.abort();
    wait(|| gone.exists()).await;
    let batch = gate.batch(vec![shell("sleep 61".into()), shell("sleep 62".into())], None).await.unwrap();
    batch.cancel();
    let told = all(batch).await;
    let cancelled = told.iter().find(|(index, said)| *index == 0 && said != "started").unwrap();
    assert!(cancelled.1.contains("cancelled") || cancelled.1 == "not started", "{told:?}");
    assert_eq!(told.last().unwrap(), &(1, "not started".to_owned()));
    gate.close().await;
}

async fn wait(done: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < end, "it never came");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_killed_gate_fails_what_runs_and_leaves_no_child() {
    let host = Host::new();
    let (gate, mut child) = host.gate().await;
    let pid = host.home().join("pid");
    let text = format!("trap '' TERM; echo $$ > '{}'; sleep 60; sleep 60", pid.display());
    let mut batch = gate.batch(vec![shell(text), shell("true".into())], None).await.unwrap();
    wait(|| fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n'))).await;
    child.kill().await.unwrap();
    let mut told = Vec::new();
    while let Some((index, said)) = batch.next().await {
        told.push(match said {
            Said::Started => (index, "started".into()),
            Said::Lost(failure) => (index, format!("{} {}", failure.code, failure.transient)),
            other => panic!("{other:?}"),
        });
    }
    let wanted = [(0, "started".to_owned()), (0, "WL0723 true".into()), (1, "WL0723 true".into())];
    assert_eq!(told, wanted);
    let shell = fs::read_to_string(&pid).unwrap();
    wait(|| !std::path::Path::new("/proc").join(shell.trim()).exists()).await;
    assert_eq!(gate.run(Request::new("ping", json!({})), None).await.unwrap_err().code, Code::GateLost);
}

#[tokio::test]
async fn live_output_is_heard() {
    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);
    impl Progress for Lines {
        fn output(&self, stream: Stream, line: &str) {
            self.0.lock().unwrap().push(format!("{stream:?} {line}"));
        }
    }
    let host = Host::new();
    let (gate, _child) = host.gate().await;
    let lines = Arc::new(Lines::default());
    gate.run(shell("echo a; sleep 0.1; echo b >&2".into()), Some(lines.clone())).await.unwrap();
    assert_eq!(*lines.0.lock().unwrap(), ["Stdout a", "Stderr b"]);
    // In a batch each has its own, and who has none travels without lines.
    let (one, three) = (Arc::new(Lines::default()), Arc::new(Lines::default()));
    let requests = vec![
        shell("echo 1".into()).heard_by(one.clone()),
        shell("echo 2".into()),
        shell("echo 3".into()).heard_by(three.clone()),
    ];
    all(gate.batch(requests, None).await.unwrap()).await;
    assert_eq!(*one.0.lock().unwrap(), ["Stdout 1"]);
    assert_eq!(*three.0.lock().unwrap(), ["Stdout 3"]);
    gate.close().await;
}

#[tokio::test]
async fn large_files_go_and_come() {
    let host = Host::new();
    let (gate, _child) = host.gate().await;
    let runner = windlass_fleet::remote::RemoteRunner::new(gate.clone());
    let here = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..48_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(here.path().join("big"), &bytes).unwrap();
    let around = || windlass_fleet::Surroundings::new(here.path());
    let reply = runner.run("copy", json!({"src": "big", "dest": "there"}), around()).await.unwrap();
    assert!(reply.changed);
    assert!(fs::read(host.home().join("there")).unwrap() == bytes);
    let mut back = Vec::new();
    let (_, mode) = gate.get("there", |piece| back.extend_from_slice(piece)).await.unwrap();
    assert!(back == bytes);
    assert_eq!(mode.len(), 4);
    assert_eq!(gate.get("no such", |_| ()).await.unwrap_err().code, Code::HostIo);
    gate.close().await;
}
