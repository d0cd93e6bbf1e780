//! Requests and answers over a connection.

use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use tempfile::TempDir;
use windlass_gate::{
    serve::Ended,
    wire::{self, Answer, Body, Fault, Order, Task},
};

use crate::peer::{Peer, shell, task};

fn peer() -> (TempDir, Peer) {
    let dir = TempDir::new().unwrap();
    let peer = Peer::start(dir.path());
    (dir, peer)
}

/// Waits until no process has this in its command line.
fn gone(mark: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let found = Command::new("pgrep").args(["-f", mark]).output().unwrap();
        if found.stdout.is_empty() {
            return;
        }
        assert!(Instant::now() < end, "{mark} still runs");
        thread::sleep(Duration::from_millis(20));
    }
}

fn wait_for(path: &Path) {
    let end = Instant::now() + Duration::from_secs(20);
    while !path.exists() {
        assert!(Instant::now() < end, "{} never came", path.display());
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_module_runs_and_answers() {
    let (dir, mut peer) = peer();
    peer.module(7, "shell", shell("pwd; echo $X >&2"));
    assert_eq!(peer.answer(), Answer::Started { id: 7 });
    let (id, reply) = peer.reply();
    assert_eq!((id, reply["stdout"].as_str()), (7, dir.path().to_str()));
    let mut task = task(8, "command", json!("printenv X"));
    task.env.insert("X".into(), "y".into());
    task.cwd = Some("/".into());
    peer.send(&Order::from(task));
    assert_eq!(peer.reply().1["stdout"], "y");
    peer.module(9, "ansible.builtin.stat", json!({"path": "/"}));
    assert_eq!(peer.reply().1["stat"]["isdir"], true);
    peer.close().unwrap();
}

#[test]
fn what_cannot_be_done_is_said() {
    let (_dir, mut peer) = peer();
    peer.module(1, "no_such_module", json!({}));
    assert_eq!(peer.fault(), (1, Fault::UnknownModule { name: "no_such_module".into() }));
    peer.module(2, "file", json!({"pth": "/x"}));
    assert!(matches!(peer.fault(), (2, Fault::BadParams { problems }) if problems.len() == 2));
    peer.module(3, "slurp", json!({"src": "/no/such/file"}));
    assert!(matches!(peer.result(), (3, Body::Error(Fault::Io { .. } | Fault::Failed { .. }), _)));
    for (order, id, said) in [
        (r#"{"type":"dance","id":4}"#, Some(4), "unknown variant `dance`"),
        (r#"{"type":"module","id":5}"#, Some(5), "missing field `name`"),
        (r#"{"id":-1}"#, None, "missing field `type`"),
        (r#"{"#, None, "EOF while parsing"),
    ] {
        peer.raw(format!("{:08x}{order}", order.len()).as_bytes());
        match peer.answer() {
            Answer::Error { id: of, message } => assert!(of == id && message.contains(said), "{message}"),
            other => panic!("{order}: {other:?}"),
        }
    }
    // The connection goes on, and what is not known is passed over.
    let order = r#"{"type":"ping","seq":6,"colour":"red"}"#;
    peer.raw(format!("{:08x}{order}", order.len()).as_bytes());
    assert_eq!(peer.answer(), Answer::Pong { seq: 6 });
    peer.close().unwrap();
}

#[test]
fn info_tells_who_it_is() {
    let (_dir, mut peer) = peer();
    peer.send(&Order::Info { id: 3 });
    let Answer::Info { id: 3, info } = peer.answer() else { panic!("no info") };
    assert_eq!(info.hello.uid, rustix::process::getuid().as_raw());
    assert!(info.modules.iter().any(|name| name == "copy") && info.running == 0);
    peer.close().unwrap();
}

#[test]
fn many_requests_are_in_flight_at_once() {
    let (_dir, mut peer) = peer();
    let start = Instant::now();
    for id in 0..64 {
        peer.module(id, "command", json!("sleep 0.5"));
    }
    let mut ids: Vec<u64> = (0..64).map(|_| peer.reply().0).collect();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..64));
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    peer.module(1, "command", json!("sleep 5"));
    peer.module(1, "ping", json!({}));
    let said = loop {
        match peer.answer() {
            Answer::Started { .. } => {}
            other => break other,
        }
    };
    assert_eq!(said, Answer::Error { id: Some(1), message: "id 1 is in use".into() });
    peer.close().unwrap();
}

#[test]
fn more_requests_than_a_gate_takes_are_refused() {
    let (_dir, mut peer) = peer();
    let modules: Vec<Task> = (1..=1024).map(|id| task(id, "ping", json!({}))).collect();
    peer.send(&Order::Batch { id: 0, modules });
    let message = "more than 1024 requests at once".to_owned();
    assert_eq!(peer.answer(), Answer::Error { id: Some(0), message });
    peer.close().unwrap();
}

#[test]
fn a_batch_goes_in_order_and_stops_at_the_first_failure() {
    let (dir, mut peer) = peer();
    let file = dir.path().join("log");
    let line = |id: u64| json!({"cmd": format!("echo {id} >> {}", file.display())});
    let modules: Vec<Task> = (1..=100).map(|id| task(id, "shell", line(id))).collect();
    peer.send(&Order::Batch { id: 0, modules });
    for id in 1..=100 {
        assert_eq!(peer.answer(), Answer::Started { id });
        assert_eq!(peer.reply().0, id);
    }
    let wanted: String = (1..=100).map(|id| format!("{id}\n")).collect();
    assert_eq!(fs::read_to_string(&file).unwrap(), wanted);

    let mut lenient = task(1, "command", json!("false"));
    lenient.lenient = true;
    let modules = vec![
        lenient,
        task(2, "ping", json!({})),
        task(3, "fail", json!({"msg": "no"})),
        task(4, "shell", line(4)),
        task(5, "shell", line(5)),
    ];
    peer.send(&Order::Batch { id: 0, modules });
    assert_eq!(peer.reply().1["failed"], true);
    assert_eq!(peer.reply().1["ping"], "pong");
    assert_eq!(peer.reply().1["failed"], true);
    // What never began was never announced.
    assert_eq!(peer.result(), (4, Body::Error(Fault::NotStarted), vec![]));
    assert_eq!(peer.result(), (5, Body::Error(Fault::NotStarted), vec![]));
    assert_eq!(fs::read_to_string(&file).unwrap(), wanted);
    peer.close().unwrap();
}

#[test]
fn cancel_ends_a_module_and_the_rest_of_its_batch() {
    let (_dir, mut peer) = peer();
    peer.module(1, "command", json!("sleep 9871"));
    peer.send(&Order::Batch {
        id: 2,
        modules: vec![task(3, "command", json!("sleep 9872")), task(4, "ping", json!({}))],
    });
    assert!(matches!(peer.answer(), Answer::Started { .. }));
    assert!(matches!(peer.answer(), Answer::Started { .. }));
    peer.send(&Order::Cancel { id: 1 });
    assert_eq!(peer.fault(), (1, Fault::Cancelled));
    peer.send(&Order::Cancel { id: 2 });
    assert_eq!(peer.fault(), (3, Fault::Cancelled));
    assert_eq!(peer.fault(), (4, Fault::NotStarted));
    peer.send(&Order::Cancel { id: 77 });
    gone("sleep 987[12]");
    let mut late = task(5, "command", json!("sleep 9873"));
    late.timeout_ms = Some(100);
    peer.send(&Order::from(late));
    assert_eq!(peer.fault(), (5, Fault::Deadline));
    peer.close().unwrap();
}

#[test]
fn live_output_is_told_and_dropped_where_nobody_reads() {
    let (_dir, mut peer) = peer();
    let mut live = task(1, "shell", shell("echo a; echo b >&2; sleep 0.1; echo c"));
    live.live = true;
    peer.send(&Order::from(live));
    let (_, _, before) = peer.result();
    let mut lines: Vec<String> = before
        .iter()
        .filter_map(|answer| match answer {
            Answer::Event { id: 1, stream, line, dropped: 0 } => Some(format!("{stream:?} {line}")),
            _ => None,
        })
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, ["Stderr b", "Stdout a", "Stdout c"]);

    let mut loud = task(2, "shell", shell("seq 1 300000"));
    (loud.live, loud.capture) = (true, Some(10));
    peer.send(&Order::from(loud));
    // The command ends although nobody takes its lines yet.
    peer.send(&Order::Info { id: 3 });
    thread::sleep(Duration::from_secs(3));
    let (mut told, mut dropped) = (0, 0);
    loop {
        match peer.answer() {
            Answer::Event { line, dropped: before, .. } => {
                told += u64::from(!line.is_empty());
                dropped += before;
            }
            Answer::Result { id: 2, .. } => break,
            _ => {}
        }
    }
    assert!(dropped > 0, "{told} told");
    assert_eq!(told + dropped, 300_000);
    peer.close().unwrap();
}

#[test]
fn the_end_of_the_connection_ends_what_runs() {
    let (dir, mut peer) = peer();
    let there = dir.path().join("there");
    peer.module(1, "shell", shell(&format!("touch {}; sleep 9874", there.display())));
    wait_for(&there);
    let start = Instant::now();
    peer.close().unwrap();
    assert!(start.elapsed() < Duration::from_secs(60));
    gone("sleep 9874");
    assert_eq!(fs::read_dir(dir.path().join("private")).unwrap().count(), 0);
}

#[test]
fn shutdown_is_answered() {
    let (_dir, mut peer) = peer();
    peer.send(&Order::Shutdown);
    assert_eq!(peer.answer(), Answer::Bye);
    peer.ended().unwrap();
}

#[test]
fn a_gate_that_hears_nothing_ends() {
    let (_dir, mut peer) = peer();
    peer.send(&Order::Hello { version: wire::VERSION, quiet_ms: Some(200) });
    assert!(matches!(peer.answer(), Answer::Error { id: None, message } if message.contains("200 ms")));
    assert!(matches!(peer.ended(), Err(Ended::Quiet(200))));
}

#[test]
fn a_hostile_controller_is_told_off() {
    for (bytes, said) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "expected the length of a frame"),
        (b"ffffffff{", "over the limit"),
        (b"00ffffff{", "over the limit of 8388608"),
        (b"0000002[]", "expected the length of a frame"),
    ] {
        let (_dir, mut peer) = peer();
        peer.raw(bytes);
        let Answer::Error { id: None, message } = peer.answer() else { panic!("no error") };
        assert!(message.contains(said), "{message}");
        assert!(matches!(peer.ended(), Err(Ended::Frame(_))));
    }
    let (_dir, mut peer) = peer();
    peer.send(&Order::Hello { version: 99, quiet_ms: None });
    assert!(matches!(peer.answer(), Answer::Error { message, .. } if message.contains("version 99")));
    assert!(matches!(peer.ended(), Err(Ended::Version(99))));
}

#[test]
fn a_controller_that_never_reads_is_given_up() {
    let dir = TempDir::new().unwrap();
    let (mut peer, mut child) = Peer::program(dir.path());
    let many = wire::encode(&Order::Ping { seq: u64::MAX }).repeat(2000);
    // The gate ends the connection at some point; what is written after that fails.
    let gave_up = (0..1000).any(|_| peer.try_raw(&many).is_err());
    assert!(gave_up);
    assert!(!child.wait().unwrap().success());
}

#[test]
fn a_killed_gate_leaves_nothing_behind() {
    let dir = TempDir::new().unwrap();
    let (mut peer, mut child) = Peer::program(dir.path());
    let there = dir.path().join("there");
    let text = format!("touch {}; (trap '' TERM; sleep 9875) & sleep 9875", there.display());
    peer.module(1, "shell", shell(&text));
    wait_for(&there);
    child.kill().unwrap();
    child.wait().unwrap();
    gone("sleep 9875");
    gone(&format!("{} guard", env!("CARGO_BIN_EXE_windlass-gate")));
}

#[test]
fn the_program_ends_with_its_input_and_leaves_no_process() {
    let dir = TempDir::new().unwrap();
    let (mut peer, mut child) = Peer::program(dir.path());
    peer.module(1, "shell", shell("echo out; echo err >&2"));
    assert_eq!(peer.reply().1["stdout"], "out");
    let comm = fs::read_to_string(format!("/proc/{}/comm", child.id())).unwrap();
    assert_eq!(comm, "windlass-gate\n");
    peer.send(&Order::Shutdown);
    assert_eq!(peer.answer(), Answer::Bye);
    assert!(child.wait().unwrap().success());
}

/// A module that has done its work and then breaks, as a mistake of the program would break it.
fn breaking(id: u64, command: &str) -> Task {
    let mut task = task(id, "shell", json!(command));
    task.env.insert("WINDLASS_GATE_FAULT".into(), "panic".into());
    task
}

#[test]
fn a_module_that_breaks_is_told_of_and_takes_nothing_else_with_it() {
    let dir = TempDir::new().unwrap();
    let (mut peer, mut child) = Peer::program(dir.path());
    peer.module(1, "shell", json!("until test -e go; do sleep 0.02; done; echo on"));
    assert_eq!(peer.answer(), Answer::Started { id: 1 });
    let tail = task(13, "shell", json!("touch never"));
    let modules = vec![task(11, "ping", json!({})), breaking(12, "touch done"), tail];
    peer.send(&Order::Batch { id: 10, modules });
    assert_eq!(peer.reply().0, 11);
    let (12, Fault::Panicked { message }) = peer.fault() else { panic!("another fault") };
    assert!(message.contains("WINDLASS_GATE_FAULT says so (") && message.contains(".rs:"), "{message}");
    assert_eq!(peer.fault(), (13, Fault::NotStarted));
    assert!(dir.path().join("done").exists() && !dir.path().join("never").exists());
    // Its ids are free, and what was under way goes on.
    peer.module(12, "ping", json!({}));
    assert_eq!(peer.reply().0, 12);
    fs::write(dir.path().join("go"), "").unwrap();
    assert_eq!(peer.reply().1["stdout"], "on");
    peer.send(&Order::Shutdown);
    assert_eq!(peer.answer(), Answer::Bye);
    assert!(child.wait().unwrap().success());
}
