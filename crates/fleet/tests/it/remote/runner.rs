//! The remote runner: the same modules with the same words, and files of this machine that go along.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windlass_fleet::remote::RemoteRunner;
use windlass_fleet::{LocalRunner, Surroundings};
use windlass_model::Code;

use super::Host;

#[tokio::test]
async fn it_answers_as_the_local_one_does() {
    let host = Host::new();
    let (gate, _child) = host.gate().await;
    let (remote, local) = (RemoteRunner::new(gate), LocalRunner::new());
    let around = || Surroundings::new(host.home());
    for (module, params) in [
        ("ping", json!({"data": "x"})),
        ("stat", json!({"path": "/etc/passwd"})),
        ("slurp", json!({"src": "/no/such"})),
        ("file", json!({"pth": "x"})),
        ("file", json!({"path": "/proc/x/y", "state": "directory"})),
        ("no_such", json!({})),
        ("find", json!({"paths": "/etc", "patterns": "passwd"})),
        ("fail", json!({"msg": "m"})),
    ] {
        let here = local.run(module, params.clone(), around()).await;
        let there = remote.run(module, params, around()).await;
        assert_eq!(here, there, "{module}");
    }
    remote.gate().clone().close().await;
}

#[tokio::test]
async fn files_go_along_and_go_once() {
    let host = Host::new();
    let (gate, _child) = host.gate().await;
    let runner = RemoteRunner::new(gate);
    let here = tempfile::tempdir().unwrap();
    let root = here.path();
    fs::create_dir_all(root.join("tree/sub")).unwrap();
    fs::write(root.join("tree/one"), "one").unwrap();
    fs::write(root.join("tree/sub/two"), "two").unwrap();
    fs::set_permissions(root.join("tree/sub/two"), fs::Permissions::from_mode(0o750)).unwrap();
    fs::write(root.join("go.sh"), "#!/bin/sh\necho \"$1 from $0\"\n").unwrap();
    fs::write(root.join("t.j2"), format!("{}\n{{{{ 1 + 1 }}}}\n", "long ".repeat(10_000))).unwrap();
    let run = |module: &'static str, params: Value| {
        let (runner, around) = (runner.clone(), Surroundings::new(root));
        async move { runner.run(module, params, around).await.unwrap() }
    };
    for changed in [true, false] {
        let reply = run("copy", json!({"src": "tree", "dest": "out", "mode": "preserve"})).await;
        assert_eq!(reply.changed, changed, "{reply:?}");
        assert_eq!(reply.fields["src"], root.join("tree").to_string_lossy().as_ref());
        let reply = run("copy", json!({"src": "tree/one", "dest": "one"})).await;
        assert_eq!(reply.changed, changed);
        let reply = run("template", json!({"src": "t.j2", "dest": "t"})).await;
        assert_eq!(reply.changed, changed);
        let reply = run("copy", json!({"content": "c".repeat(100_000), "dest": "c"})).await;
        assert_eq!(reply.changed, changed);
    }
    let out = host.home().join("out/tree");
    assert_eq!(fs::read_to_string(out.join("sub/two")).unwrap(), "two");
    assert_eq!(fs::metadata(out.join("sub/two")).unwrap().permissions().mode() & 0o7777, 0o750);
    assert!(fs::read_to_string(host.home().join("t")).unwrap().ends_with("\n2\n"));
    let reply = run("script", "go.sh hello".into()).await;
    assert!(reply.fields["stdout"].as_str().unwrap().starts_with("hello from "), "{reply:?}");
    let error = runner.run("copy", json!({"src": "none", "dest": "x"}), Surroundings::new(root)).await;
    assert_eq!(error.unwrap_err().code, Code::MissingSource);
    runner.gate().clone().close().await;
    // The gate's folder holds the gate and nothing else.
    assert_eq!(fs::read_dir(host.folder()).unwrap().count(), 1);
}

#[tokio::test]
async fn it_ends_by_cancel_and_by_deadline() {
    let host = Host::new();
    let (gate, _child) = host.gate().await;
    let runner = RemoteRunner::new(gate);
    let start = Instant::now();
    let mut around = Surroundings::new(host.home());
    around.deadline = Some(start + Duration::from_millis(300));
    let late = runner.run("command", "sleep 60".into(), around).await.unwrap_err();
    assert_eq!(late.code, Code::StepTimeout);
    let around = Surroundings::new(host.home());
    let cancel = around.cancel.clone();
    let run = tokio::spawn({
        let runner = runner.clone();
        async move { runner.run("command", "sleep 60".into(), around).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    cancel.cancel();
    assert_eq!(run.await.unwrap().unwrap_err().code, Code::Cancelled);
    assert!(start.elapsed() < Duration::from_secs(20));
    runner.gate().clone().close().await;
}

#[tokio::test]
async fn check_mode_changes_nothing_and_predicts() {
    let host = Host::new();
    let (gate, _child) = host.gate().await;
    let runner = RemoteRunner::new(gate);
    let mut around = Surroundings::new(host.home());
    (around.check, around.diff) = (true, true);
    let reply = runner.run("copy", json!({"content": "x\n", "dest": "f"}), around).await.unwrap();
    assert!(reply.changed && !host.home().join("f").exists());
    assert!(reply.diff.unwrap().unified().contains("+x"));
    runner.gate().clone().close().await;
}
