//! A gate that goes from one controller to the next: nothing of the first is left, or the gate is not.

use std::{fs, path::Path};

use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use windlass_gate::{
    serve::Ended,
    wire::{self, Answer, Body, Content, Fault, Foresight, Hello, Order, RESET, Stage, Task, VERSION},
};

use crate::peer::{Peer, shell, task};

const QUIET: u64 = 600_000;

fn reset(peer: &mut Peer, nonce: &str) {
    peer.send(&Order::Reset { nonce: nonce.into(), quiet_ms: QUIET });
    assert_eq!(peer.answer(), Answer::Clean { nonce: nonce.into() });
}

fn hello(peer: &mut Peer) -> Hello {
    peer.send(&Order::Hello { version: VERSION, quiet_ms: None });
    match peer.answer() {
        Answer::Hello(hello) => hello,
        other => panic!("expected a hello, got {other:?}"),
    }
}

/// A file that comes to the host, and has to be asked for where nobody has it.
fn copy(id: u64, text: &str, dest: &str) -> (Task, String) {
    let sha256: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    let content = Content { sha256: sha256.clone() };
    let stage = Stage::File { param: "src".into(), name: "a.txt".into(), content, mode: None };
    (Task { stage: Some(stage), ..task(id, "copy", json!({ "dest": dest })) }, sha256)
}

fn send(peer: &mut Peer, text: &str, (task, sha256): (Task, String)) {
    let id = task.id;
    peer.send(&Order::from(task));
    assert_eq!(peer.answer(), Answer::Started { id });
    assert_eq!(peer.answer(), Answer::Need { id, contents: vec![sha256.clone()] });
    peer.send(&Order::Put { transfer: 1, sha256, size: text.len() as u64 });
    peer.raw(&wire::encode_content(1, text.as_bytes()));
    assert_eq!(peer.reply().1["changed"], true);
}

/// A step in check mode that sees what the steps of the same run would have made.
fn foreseen(peer: &mut Peer, id: u64, name: &str, args: serde_json::Value) -> serde_json::Value {
    let foresight = Some(Box::new(Foresight { run: 1, known: Vec::new() }));
    peer.send(&Order::from(Task { check: true, foresight, ..task(id, name, args) }));
    peer.reply().1
}

fn left(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn the_next_controller_finds_nothing_of_the_one_before() {
    let dir = TempDir::new().unwrap();
    let mut peer = Peer::start(dir.path());
    for round in 0..3 {
        assert!(hello_or_first(&mut peer, round).caps.contains(&RESET.to_owned()));
        // A content that came is gone again, and is asked for by the next one under the same ids.
        send(&mut peer, "text", copy(1, "text", &format!("copy-{round}")));
        // What was foreseen would show as a file that is there.
        assert_eq!(foreseen(&mut peer, 2, "stat", json!({"path": "ghost"}))["stat"]["exists"], false);
        let made = foreseen(&mut peer, 3, "copy", json!({"content": "x", "dest": "ghost"}));
        assert_eq!(made["changed"], true);
        assert_eq!(foreseen(&mut peer, 4, "stat", json!({"path": "ghost"}))["stat"]["exists"], true);
        // The environment of a step is that step's.
        let mut said = task(5, "shell", shell("echo $SECRET; umask; ulimit -n"));
        said.env.insert("SECRET".into(), format!("of round {round}"));
        peer.send(&Order::from(said));
        assert!(peer.reply().1["stdout"].as_str().unwrap().starts_with(&format!("of round {round}\n")));
        peer.module(6, "shell", shell("echo ${SECRET-nothing}"));
        assert_eq!(peer.reply().1["stdout"], "nothing");
        assert!(left(&dir.path().join("private")) > 0, "contents lie there while somebody may need them");
        reset(&mut peer, &format!("nonce-{round}"));
        assert_eq!(left(&dir.path().join("private")), 0);
    }
    peer.close().unwrap();
}

/// The first controller has been greeted already.
fn hello_or_first(peer: &mut Peer, round: u32) -> Hello {
    if round > 0 { hello(peer) } else { Hello { caps: vec![RESET.into()], ..Hello::default() } }
}

#[test]
fn one_that_is_asked_twice_is_clean_twice_and_greets_once() {
    let dir = TempDir::new().unwrap();
    let mut peer = Peer::start(dir.path());
    reset(&mut peer, "one");
    reset(&mut peer, "two");
    assert_eq!(hello(&mut peer).version, VERSION);
    peer.send(&Order::Hello { version: VERSION, quiet_ms: Some(QUIET) });
    peer.send(&Order::Ping { seq: 7 });
    assert_eq!(peer.answer(), Answer::Pong { seq: 7 }, "the second hello of one controller is no question");
    peer.close().unwrap();
}

#[test]
fn one_that_is_at_work_ends_in_place_of_being_handed_on() {
    let dir = TempDir::new().unwrap();
    let mut peer = Peer::start(dir.path());
    peer.module(1, "shell", shell("sleep 60"));
    assert_eq!(peer.answer(), Answer::Started { id: 1 });
    peer.send(&Order::Reset { nonce: "n".into(), quiet_ms: QUIET });
    loop {
        match peer.answer() {
            Answer::Result { body, .. } => assert_eq!(body, Body::Error(Fault::Cancelled)),
            Answer::Error { id: None, message } => {
                assert!(message.contains("a request is under way"), "{message}");
                break;
            }
            other => panic!("it is not clean: {other:?}"),
        }
    }
    assert!(matches!(peer.ended(), Err(Ended::Unclean(_))));
}

#[test]
fn one_whose_module_broke_or_whose_program_is_gone_is_not_handed_on() {
    let dir = TempDir::new().unwrap();
    let (mut peer, mut child) = Peer::program(dir.path());
    let mut broken = task(1, "ping", json!({}));
    broken.env.insert("WINDLASS_GATE_FAULT".into(), "panic".into());
    peer.send(&Order::from(broken));
    assert!(matches!(peer.fault(), (1, Fault::Panicked { .. })));
    peer.send(&Order::Reset { nonce: "n".into(), quiet_ms: QUIET });
    assert!(
        matches!(peer.answer(), Answer::Error { id: None, message } if message.contains("a module broke"))
    );
    assert!(!child.wait().unwrap().success());

    let (own, program) = (Path::new(env!("CARGO_BIN_EXE_windlass-gate")), dir.path().join("gate"));
    for replaced in [false, true] {
        fs::copy(own, &program).unwrap();
        let (mut peer, mut child) = Peer::other_program(&program, dir.path());
        reset(&mut peer, "n");
        fs::remove_file(&program).unwrap();
        if replaced {
            fs::copy(own, &program).unwrap();
        }
        peer.send(&Order::Reset { nonce: "n".into(), quiet_ms: QUIET });
        let gone = |message: &str| message.contains("no longer on the disk");
        assert!(matches!(peer.answer(), Answer::Error { id: None, message } if gone(&message)));
        assert!(!child.wait().unwrap().success());
    }
}
