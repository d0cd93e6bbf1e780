//! How things were, asked of a gate before a module, and put back by it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::{Value, json};
use windlass_gate::wire::{Answer, Body, Deed, Fault, Frame, Order, Task};

use crate::peer::{Peer, task};

fn deed(id: u64, args: Value, deed: Deed) -> Order {
    Order::from(Task { deed: Some(Box::new(deed)), ..task(id, "copy", args) })
}

/// What comes over the transfer, and the reply after it.
fn keep(peer: &mut Peer, id: u64, args: Value) -> (Vec<u8>, Body) {
    peer.send(&deed(id, args, Deed::Keep { transfer: 9 }));
    let mut bytes = Vec::new();
    loop {
        match peer.frame().expect("the gate is there") {
            Frame::Content { transfer: 9, bytes: piece } => bytes.extend(piece),
            Frame::Content { .. } => panic!("another transfer"),
            Frame::Message(json) => match serde_json::from_slice(&json).unwrap() {
                Answer::Result { body, .. } => return (bytes, body),
                Answer::Started { .. } => {}
                other => panic!("{other:?}"),
            },
        }
    }
}

fn before(body: Body) -> Value {
    let Body::Reply(reply) = body else { panic!("{body:?}") };
    reply.fields["before"].clone()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn what_was_there_comes_first_and_goes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut peer = Peer::start(dir.path());
    let (there, new) = (dir.path().join("there"), dir.path().join("made/new"));
    fs::write(&there, "old").unwrap();
    fs::set_permissions(&there, PermissionsExt::from_mode(0o640)).unwrap();
    let args = json!({"content": "new", "dest": &there, "mode": "0600"});
    let (bytes, body) = keep(&mut peer, 1, args.clone());
    assert_eq!(bytes, b"\0\0\0\0\0\0\0\x03old");
    assert_eq!(fs::read_to_string(&there).unwrap(), "old", "nothing was done");
    let kept = before(body);
    let name = kept["paths"][0]["content"].as_str().unwrap().to_owned();
    peer.module(2, "copy", args.clone());
    assert_eq!(peer.reply().1["changed"], true);
    // What would change nothing has nothing to keep.
    let (bytes, body) = keep(&mut peer, 3, args.clone());
    assert!(bytes.is_empty() && before(body).is_null());
    fs::create_dir(new.parent().unwrap()).unwrap();
    let (bytes, body) = keep(&mut peer, 4, json!({"content": "x", "dest": &new}));
    let absent = before(body);
    assert!(bytes.is_empty() && absent["paths"][0]["was"] == "absent", "{absent}");
    fs::write(&new, "x").unwrap();
    peer.send(&deed(5, Value::Null, Deed::Undo { before: absent }));
    assert!(peer.reply().1["changed"] == true && !new.exists());
    peer.send(&deed(6, Value::Null, Deed::Undo { before: kept.clone() }));
    let needed = loop {
        match peer.answer() {
            Answer::Need { contents, .. } => break contents,
            Answer::Started { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(needed, [name.as_str()]);
    peer.send(&Order::Put { transfer: 1, sha256: name, size: 3 });
    peer.raw(&windlass_gate::wire::encode_content(1, b"old"));
    assert_eq!(peer.reply().1["changed"], true);
    assert_eq!((fs::read_to_string(&there).unwrap().as_str(), mode(&there)), ("old", 0o640));
    let (_, body) = keep(&mut peer, 7, json!({"dest": "/x", "nonsense": 1}));
    assert!(matches!(body, Body::Error(Fault::BadParams { .. })), "{body:?}");
    peer.send(&deed(8, Value::Null, Deed::Undo { before: json!({"paths": 7}) }));
    let (8, Fault::Failed { message }) = peer.fault() else { panic!("another fault") };
    assert!(message.contains("how things were"), "{message}");
}
