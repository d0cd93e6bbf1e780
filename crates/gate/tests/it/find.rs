//! `find` and `slurp`: what is found, and what is in it.

use std::{
    fs::{self, File},
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

use crate::env::Env;

fn tree() -> Env {
    let env = Env::new();
    env.write("t/a.txt", "hello\nworld\n").write("t/b.log", &"x".repeat(3000)).write("t/.hid", "hello");
    env.write("t/s/c.txt", "foo").write("t/s/.h/d.txt", "foo\nhello").write("t/s/t/e.log", "");
    env.link("s", "t/ls").link("a.txt", "t/la").dir("t/empty").chmod("t/b.log", 0o600);
    let old = SystemTime::now() - Duration::from_secs(5000);
    File::options().write(true).open(env.at("t/a.txt")).unwrap().set_modified(old).unwrap();
    env
}

/// What is found, without the name of the folder.
fn found(env: &Env, params: &Value) -> Vec<String> {
    let mut params = params.clone();
    params["paths"] = json!("t");
    let reply = env.ok("find", params);
    let files = reply.fields["files"].as_array().unwrap();
    assert_eq!(reply.fields["matched"], files.len());
    let top = env.at("t").display().to_string() + "/";
    files.iter().map(|file| file["path"].as_str().unwrap().strip_prefix(&top).unwrap().to_owned()).collect()
}

#[test]
fn what_meets_the_conditions_is_listed_in_order() {
    let env = tree();
    for (params, expected) in [
        (json!({}), "a.txt b.log"),
        (json!({"recurse": true}), "a.txt b.log s/c.txt s/.h/d.txt s/t/e.log"),
        (json!({"recurse": true, "depth": 2}), "a.txt b.log s/c.txt"),
        (json!({"recurse": true, "hidden": true, "patterns": ".*"}), ".hid"),
        (json!({"patterns": "*.txt,*.none"}), "a.txt"),
        (json!({"patterns": ["*"], "excludes": "*.txt", "recurse": true}), "b.log s/t/e.log"),
        (json!({"patterns": ["[ab]\\..*"], "use_regex": true}), "a.txt b.log"),
        (json!({"patterns": ["log"], "use_regex": true}), ""),
        (json!({"file_type": "directory", "recurse": true}), "empty s s/t"),
        (json!({"file_type": "link"}), "la ls"),
        (json!({"file_type": "any"}), "a.txt b.log la empty ls s"),
        (json!({"recurse": true, "follow": true, "patterns": "c.txt"}), "ls/c.txt s/c.txt"),
        (json!({"contains": "w.r"}), "a.txt"),
        (json!({"contains": "orld"}), ""),
        (json!({"contains": "lo\\nwor", "read_whole_file": true}), "a.txt"),
        (json!({"age": "1h"}), "a.txt"),
        (json!({"age": "-1h"}), "b.log"),
        (json!({"size": "1k"}), "b.log"),
        (json!({"size": "-1K", "recurse": true}), "a.txt s/c.txt s/.h/d.txt s/t/e.log"),
        (json!({"mode": "0600"}), "b.log"),
        (json!({"mode": "o+r", "exact_mode": false}), "a.txt"),
        (json!({"recurse": true, "limit": 3}), "a.txt b.log s/c.txt"),
    ] {
        let found = found(&env, &params);
        assert_eq!(found.join(" "), expected, "{params}");
    }
}

#[test]
fn a_file_is_described_as_ansible_does() {
    let env = tree();
    let params =
        json!({"paths": "t", "patterns": "b.log", "get_checksum": true, "checksum_algorithm": "md5"});
    let reply = env.ok("find", params);
    let file = &reply.fields["files"][0];
    assert_eq!((&file["mode"], &file["size"], &file["isreg"]), (&json!("0600"), &json!(3000), &json!(true)));
    assert_eq!(file["checksum"], "33d7ac42e3aa0f3146843833c23e4365");
    assert!(file["pw_name"].is_string() && file.get("blocks").is_none() && file["mtime"].is_f64());
    assert_eq!(reply.fields["examined"], 7);
    assert_eq!(reply.msg.as_deref(), Some("All paths examined"));
}

#[test]
fn what_cannot_be_looked_in_is_told_and_passed_over() {
    let env = tree();
    let none = env.at("none").display().to_string();
    let reply = env.ok("find", json!({"paths": ["none", "t"]}));
    assert_eq!(reply.fields["skipped_paths"], json!({none.as_str(): format!("'{none}' is not a directory")}));
    assert_eq!(reply.msg.as_deref(), Some("Not all paths examined, check warnings for details"));
    assert_eq!((reply.failed, &reply.fields["matched"]), (false, &json!(2)));
    let reply = env.ok("find", json!({"paths": "t,t", "limit": 1}));
    assert_eq!(
        (reply.msg.as_deref(), &reply.fields["matched"]),
        (Some("Limit of matches reached"), &json!(1))
    );
}

#[test]
fn circles_end() {
    let env = tree();
    env.link("..", "t/s/up");
    assert_eq!(found(&env, &json!({"recurse": true, "follow": true, "patterns": "a.txt"})), ["a.txt"]);
}

#[test]
fn a_deep_tree_needs_no_deep_stack() {
    let env = Env::new();
    let deep = "d/".repeat(500);
    env.write(&format!("t/{deep}f"), "x");
    assert_eq!(found(&env, &json!({"recurse": true})), [format!("{deep}f")]);
}

#[test]
fn conditions_that_are_none_are_refused() {
    let env = tree();
    for (params, why) in [
        (json!({"age": "soon"}), "failed to process age"),
        (json!({"size": "2dd"}), "failed to process size"),
        (json!({"size": "99999999999999t"}), "failed to process size"),
        (json!({"limit": 0}), "limit cannot be 0"),
        (json!({"contains": "("}), "`contains` of find: \"(\" is not a pattern"),
        (json!({"patterns": ["("], "use_regex": true}), "is not a pattern"),
        (json!({"encoding": "latin-1"}), "is not one of"),
    ] {
        let mut params = params;
        params["paths"] = json!("t");
        let error = env.error("find", params.clone());
        assert!(error.contains(why), "{params}: {error}");
    }
}

#[test]
fn a_file_is_handed_on_in_base64() {
    let env = Env::new();
    fs::write(env.at("f"), b"\x00\xff").unwrap();
    let reply = env.ok("slurp", json!({"path": "f"}));
    assert_eq!(
        (&reply.fields["content"], &reply.fields["encoding"], &reply.fields["source"]),
        (&json!("AP8="), &json!("base64"), &json!(env.at("f").to_str()))
    );
    assert!(
        !env.ok("slurp", json!({"src": "/proc/self/mounts"})).fields["content"].as_str().unwrap().is_empty()
    );
    env.dir("d");
    File::create(env.at("big")).unwrap().set_len(1 << 30).unwrap();
    for (src, why) in [
        ("none", "no such file"),
        ("d", "is a folder"),
        ("/dev/null", "not a regular"),
        ("big", "larger than 16 MiB"),
    ] {
        assert!(env.error("slurp", json!({"src": src})).contains(why), "{src}");
    }
}
