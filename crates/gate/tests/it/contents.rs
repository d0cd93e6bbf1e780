//! Contents that go to a gate and come from it.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use windlass_gate::wire::{
    self, Answer, Body, Content, Entry, Fault, Frame, Order, PIECE, Stage, Task, WINDOW,
};

use crate::peer::{Peer, task};

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn content(bytes: &[u8]) -> Content {
    Content { sha256: sha256(bytes) }
}

fn file(id: u64, bytes: &[u8], args: Value) -> Task {
    let stage =
        Stage::File { param: "src".into(), name: "a.txt".into(), content: content(bytes), mode: None };
    Task { stage: Some(stage), ..task(id, "copy", args) }
}

fn need(peer: &mut Peer) -> Vec<String> {
    loop {
        match peer.answer() {
            Answer::Need { contents, .. } => return contents,
            Answer::Started { .. } => {}
            other => panic!("expected a need, got {other:?}"),
        }
    }
}

fn put(peer: &mut Peer, transfer: u32, bytes: &[u8]) {
    let order = Order::Put { transfer, sha256: sha256(bytes), size: bytes.len() as u64 };
    peer.send(&order);
    for piece in bytes.chunks(PIECE) {
        peer.raw(&wire::encode_content(transfer, piece));
    }
}

#[test]
fn a_file_comes_once_and_never_again_while_it_is_there() {
    let dir = TempDir::new().unwrap();
    let mut peer = Peer::start(dir.path());
    let text = vec![b'x'; 3 * PIECE + 17];
    peer.send(&Order::from(file(1, &text, json!({"dest": "b.txt", "mode": "0640"}))));
    assert_eq!(need(&mut peer), [sha256(&text)]);
    put(&mut peer, 1, &text);
    assert_eq!(peer.reply().1["changed"], true);
    assert_eq!(fs::read(dir.path().join("b.txt")).unwrap(), text);
    // The same content for two more requests at once: it is in the spool.
    for id in [2, 3] {
        peer.send(&Order::from(file(id, &text, json!({"dest": format!("c{id}.txt")}))));
    }
    assert_eq!(
        (peer.reply().1["changed"].clone(), peer.reply().1["changed"].clone()),
        (true.into(), true.into())
    );
    peer.close().unwrap();

    // Another connection knows nothing, and needs nothing.
    let mut peer = Peer::start(dir.path());
    peer.send(&Order::from(file(1, &text, json!({"dest": "b.txt", "mode": "0640"}))));
    let (_, body, before) = peer.result();
    assert_eq!(before, [Answer::Started { id: 1 }]);
    assert!(matches!(body, Body::Reply(reply) if !reply.changed));
    // Into a folder, too; and a file that has become another one is asked for.
    fs::create_dir(dir.path().join("d")).unwrap();
    fs::copy(dir.path().join("b.txt"), dir.path().join("d/a.txt")).unwrap();
    peer.send(&Order::from(file(2, &text, json!({"dest": "d/"}))));
    assert_eq!(peer.reply().1["changed"], false);
    fs::write(dir.path().join("d/a.txt"), "other").unwrap();
    peer.send(&Order::from(file(3, &text, json!({"dest": "d/"}))));
    assert_eq!(need(&mut peer), [sha256(&text)]);
    put(&mut peer, 9, &text);
    assert_eq!(peer.reply().1["changed"], true);
    peer.close().unwrap();
    assert_eq!(fs::read_dir(dir.path().join("private")).unwrap().count(), 0);
}

#[test]
fn a_folder_is_one_manifest() {
    let dir = TempDir::new().unwrap();
    let mut peer = Peer::start(dir.path());
    let entry = |path: &str| Entry { path: path.into(), ..Entry::default() };
    let entries = vec![
        Entry { content: Some(content(b"one")), ..entry("one") },
        entry("sub"),
        Entry { content: Some(content(b"two")), mode: Some("0750".into()), ..entry("sub/two") },
        Entry { content: Some(content(b"one")), ..entry("sub/again") },
        Entry { link: Some("one".into()), ..entry("link") },
    ];
    let stage = Stage::Folder { param: "src".into(), name: "tree".into(), inside: true, entries };
    let args = json!({"dest": "out", "mode": "preserve", "local_follow": false});
    let task = |id| Task { stage: Some(stage.clone()), ..task(id, "copy", args.clone()) };
    peer.send(&Order::from(task(1)));
    assert_eq!(need(&mut peer), [sha256(b"one"), sha256(b"two")]);
    put(&mut peer, 1, b"one");
    put(&mut peer, 2, b"two");
    assert_eq!(peer.reply().1["changed"], true);
    let out = dir.path().join("out");
    assert_eq!(fs::read(out.join("sub/again")).unwrap(), b"one");
    assert_eq!(fs::metadata(out.join("sub/two")).unwrap().permissions().mode() & 0o7777, 0o750);
    assert_eq!(fs::read_link(out.join("link")).unwrap().to_str(), Some("one"));
    peer.close().unwrap();
    let mut peer = Peer::start(dir.path());
    peer.send(&Order::from(task(1)));
    let (_, body, before) = peer.result();
    assert_eq!(before, [Answer::Started { id: 1 }]);
    assert!(matches!(body, Body::Reply(reply) if !reply.changed));
    peer.close().unwrap();
}

#[test]
fn a_batch_asks_once_for_everything() {
    let dir = TempDir::new().unwrap();
    let mut peer = Peer::start(dir.path());
    let texts: Vec<String> = (0..20).map(|n| format!("text {n}")).collect();
    let tasks =
        texts.iter().zip(1..).map(|(text, id)| file(id, text.as_bytes(), json!({"dest": format!("f{id}")})));
    peer.send(&Order::Batch { id: 0, modules: tasks.collect() });
    let contents = need(&mut peer);
    assert_eq!(contents, texts.iter().map(|text| sha256(text.as_bytes())).collect::<Vec<_>>());
    for (text, transfer) in texts.iter().zip(1..) {
        put(&mut peer, transfer, text.as_bytes());
    }
    for id in 1..=20 {
        let (of, body, before) = peer.result();
        assert!(!before.iter().any(|answer| matches!(answer, Answer::Need { .. })));
        assert!(of == id && matches!(body, Body::Reply(reply) if reply.changed));
    }
    peer.close().unwrap();
}

#[test]
fn a_text_may_be_a_content() {
    let dir = TempDir::new().unwrap();
    let mut peer = Peer::start(dir.path());
    let stage = Stage::Text { param: "content".into(), content: content("ä\n".as_bytes()) };
    let args = json!({"src": "t.j2", "dest": "t"});
    peer.send(&Order::from(Task { stage: Some(stage.clone()), ..task(1, "template", args.clone()) }));
    need(&mut peer);
    put(&mut peer, 1, "ä\n".as_bytes());
    assert_eq!(peer.reply().1["changed"], true);
    assert_eq!(fs::read_to_string(dir.path().join("t")).unwrap(), "ä\n");
    peer.send(&Order::from(Task { stage: Some(stage), ..task(2, "template", args) }));
    assert_eq!(peer.reply().1["changed"], false);
    peer.close().unwrap();
}

#[test]
fn wrong_contents_fail_what_stands_on_them_and_nothing_else() {
    let dir = TempDir::new().unwrap();
    let mut peer = Peer::start(dir.path());
    let failed = |fault: (u64, Fault), id, said: &str| match fault {
        (of, Fault::Failed { message }) => assert!(of == id && message.contains(said), "{message}"),
        other => panic!("{other:?}"),
    };
    peer.send(&Order::from(file(1, b"right", json!({"dest": "x"}))));
    need(&mut peer);
    peer.send(&Order::Put { transfer: 1, sha256: sha256(b"right"), size: 5 });
    peer.raw(&wire::encode_content(1, b"wrong"));
    failed(peer.fault(), 1, "arrived with the hash");
    peer.send(&Order::from(file(2, b"more", json!({"dest": "x"}))));
    need(&mut peer);
    peer.send(&Order::Put { transfer: 2, sha256: sha256(b"more"), size: 4 });
    peer.raw(&wire::encode_content(2, b"more than that"));
    // The request and the transfer are told of it each by itself, in any order.
    let told = [peer.answer(), peer.answer()].map(|answer| serde_json::to_string(&answer).unwrap());
    assert!(told.iter().all(|text| text.contains("more than the 4 bytes announced")), "{told:?}");
    peer.send(&Order::from(file(3, b"never", json!({"dest": "x"}))));
    need(&mut peer);
    peer.send(&Order::Lack { sha256: sha256(b"never"), message: "the store has lost it".into() });
    failed(peer.fault(), 3, "the store has lost it");
    // Another request asks again: what was missing then may be there now.
    peer.send(&Order::from(file(4, b"never", json!({"dest": "late"}))));
    assert_eq!(need(&mut peer), [sha256(b"never")]);
    put(&mut peer, 4, b"never");
    assert_eq!(peer.reply().1["changed"], true);
    let names = fs::read_dir(dir.path().join("private")).unwrap().flatten();
    let spool = names.map(|entry| entry.path()).find(|path| path.is_dir()).unwrap();
    let kept: Vec<_> = fs::read_dir(spool).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(kept, [sha256(b"never").as_str()], "what came wrong takes no room");
    for (order, said) in [
        (Order::Put { transfer: 5, sha256: "../../etc/passwd".into(), size: 1 }, "no hash"),
        (Order::Put { transfer: 5, sha256: "A".repeat(64), size: 1 }, "no hash"),
    ] {
        peer.send(&order);
        assert!(matches!(peer.answer(), Answer::Error { message, .. } if message.contains(said)));
    }
    peer.raw(&wire::encode_content(77, b"stray"));
    assert!(matches!(peer.answer(), Answer::Error { message, .. } if message.contains("no transfer 77")));
    for path in ["../out", "/abs", "", "a/../../b", "."] {
        let entries = vec![Entry { path: path.into(), ..Entry::default() }];
        let stage = Stage::Folder { param: "src".into(), name: "tree".into(), inside: false, entries };
        peer.send(&Order::from(Task { stage: Some(stage), ..task(9, "copy", json!({"dest": "y"})) }));
        failed(peer.fault(), 9, "leads out of its folder");
    }
    assert!(!dir.path().join("x").exists());
    peer.close().unwrap();
}

#[test]
fn a_file_comes_back_no_faster_than_it_is_taken() {
    let dir = TempDir::new().unwrap();
    let text: Vec<u8> = (0..2 * WINDOW + 12_345).map(|n| (n % 251) as u8).collect();
    fs::write(dir.path().join("big"), &text).unwrap();
    let mut peer = Peer::start(dir.path());
    peer.send(&Order::Get { id: 1, transfer: 4, path: "big".into() });
    let mut got = Vec::new();
    while got.len() as u64 + PIECE as u64 <= WINDOW {
        match peer.frame() {
            Some(Frame::Content { transfer: 4, bytes }) => got.extend(bytes),
            other => panic!("{other:?}"),
        }
    }
    // The gate waits: the next thing that comes is the answer to something else.
    peer.send(&Order::Ping { seq: 1 });
    assert_eq!(peer.answer(), Answer::Pong { seq: 1 });
    let body = loop {
        peer.send(&Order::Ack { transfer: 4, bytes: got.len() as u64 });
        match peer.frame() {
            Some(Frame::Content { transfer: 4, bytes }) => got.extend(bytes),
            Some(Frame::Message(json)) => break serde_json::from_slice::<Answer>(&json).unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(got, text);
    match body {
        Answer::Result { id: 1, body: Body::File { sha256: of, size, .. } } => {
            assert_eq!((of, size), (sha256(&text), text.len() as u64));
        }
        other => panic!("{other:?}"),
    }
    peer.send(&Order::Get { id: 2, transfer: 5, path: "/dev/zero".into() });
    assert!(matches!(peer.fault(), (2, Fault::Failed { message }) if message == "/dev/zero is not a file"));
    peer.close().unwrap();
}
