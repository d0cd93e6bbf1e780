//! `stat`: everything that Ansible says of a path.

use serde_json::{Value, json};

use crate::env::Env;

#[test]
fn a_file_is_described() {
    let env = Env::new();
    env.write("f", "abc").chmod("f", 0o4750);
    let stat = env.ok("stat", json!({"path": "f"})).fields["stat"].clone();
    for (name, value) in [
        ("exists", json!(true)),
        ("path", json!(env.at("f").to_str())),
        ("mode", json!("4750")),
        ("isreg", json!(true)),
        ("isdir", json!(false)),
        ("islnk", json!(false)),
        ("isuid", json!(true)),
        ("isgid", json!(false)),
        ("size", json!(3)),
        ("nlink", json!(1)),
        ("xusr", json!(true)),
        ("wgrp", json!(false)),
        ("rgrp", json!(true)),
        ("xoth", json!(false)),
        ("readable", json!(true)),
        ("checksum", json!("a9993e364706816aba3e25717850c26c9cd0d89d")),
        ("mimetype", json!("unknown")),
    ] {
        assert_eq!(stat[name], value, "{name}");
    }
    for number in
        ["uid", "gid", "inode", "dev", "mtime", "atime", "ctime", "blocks", "block_size", "device_type"]
    {
        assert!(stat[number].is_number(), "{number}");
    }
}

#[test]
fn links_are_looked_at_or_through() {
    let env = Env::new();
    env.write("f", "abc").link("f", "l").link("nowhere", "dangling");
    let stat = |params: Value| env.ok("stat", params).fields["stat"].clone();
    let link = stat(json!({"path": "l"}));
    assert_eq!((&link["islnk"], &link["lnk_target"]), (&json!(true), &json!("f")));
    assert_eq!(link["lnk_source"], env.at("f").canonicalize().unwrap().to_str().unwrap());
    assert_eq!(stat(json!({"path": "l", "follow": true}))["isreg"], true);
    assert_eq!(stat(json!({"path": "dangling"}))["lnk_target"], "nowhere");
    for gone in
        [json!({"path": "dangling", "follow": true}), json!({"path": "none"}), json!({"path": "f/below"})]
    {
        assert_eq!(stat(gone), json!({"exists": false}));
    }
}

#[test]
fn checksums_are_made_as_asked() {
    let env = Env::new();
    env.write("f", "abc");
    let stat = |params: Value| env.ok("stat", params).fields["stat"].clone();
    assert_eq!(stat(json!({"path": "f", "get_checksum": false})).get("checksum"), None);
    for (algorithm, start) in [
        ("sha1", "a9993e36"),
        ("sha224", "23097d22"),
        ("sha256", "ba7816bf"),
        ("sha384", "cb00753f"),
        ("sha512", "ddaf35a1"),
    ] {
        let sum = stat(json!({"path": "f", "checksum_algorithm": algorithm}))["checksum"].clone();
        assert!(sum.as_str().unwrap().starts_with(start), "{algorithm}: {sum}");
    }
}
