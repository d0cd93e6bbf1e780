//! `copy` and `template`: what arrives, with which attributes, and what is refused.

use std::{fs, os::unix::fs::MetadataExt, thread};

use serde_json::{Value, json};
use windlass_gate::Forecast;

use crate::env::Env;

#[test]
fn the_result_has_ansibles_fields() {
    let env = Env::new();
    let reply = env.ok("copy", json!({"content": "abc", "dest": "f", "mode": "0640"}));
    for (name, value) in [
        ("dest", json!(env.at("f").to_str())),
        ("checksum", json!("a9993e364706816aba3e25717850c26c9cd0d89d")),
        ("state", json!("file")),
        ("mode", json!("0640")),
        ("size", json!(3)),
    ] {
        assert_eq!(reply.fields[name], value, "{name}");
    }
    let diff = reply.diff.unwrap();
    let f = env.at("f").display().to_string();
    assert_eq!((diff.before_header, diff.after_header), (format!("before: {f}"), format!("after: {f}")));
    assert_eq!((diff.before, diff.after), (json!(""), json!("abc")));
    let reply = env.ok("copy", json!({"src": "f", "dest": "g"}));
    assert_eq!(reply.fields["src"], env.at("f").to_str().unwrap());
}

#[test]
fn content_is_written_as_ansible_writes_it() {
    let env = Env::new();
    for (content, expected) in [
        (json!("a\n"), "a\n"),
        (json!(5), "5"),
        (json!(true), "True"),
        (json!({"a": [1, "x"]}), "{\"a\": [1, \"x\"]}"),
        (
            json!([{}, [], null, 1.5, "ü\n😀\"\\\u{1}"]),
            r#"[{}, [], null, 1.5, "\u00fc\n\ud83d\ude00\"\\\u0001"]"#,
        ),
        (json!(""), ""),
    ] {
        env.ok("copy", json!({"content": content, "dest": "f"}));
        assert_eq!(env.read("f"), expected, "{content}");
    }
}

#[test]
fn modes_are_kept_given_or_taken_from_the_source() {
    let env = Env::new();
    env.write("src", "x").chmod("src", 0o755).write("f", "old").chmod("f", 0o600);
    env.ok("copy", json!({"src": "src", "dest": "f"}));
    assert_eq!((env.mode("f"), env.read("f").as_str()), (0o600, "x"));
    env.ok("copy", json!({"src": "src", "dest": "f", "mode": "preserve"}));
    assert_eq!(env.mode("f"), 0o755);
    env.ok("copy", json!({"src": "src", "dest": "g", "mode": "go-rwx"}));
    assert_eq!(env.mode("g"), 0o600);
    env.ok("copy", json!({"src": "src", "dest": "h", "remote_src": true}));
    assert_eq!(env.mode("h"), 0o755);
}

#[test]
fn a_folder_is_copied_with_all_that_is_in_it() {
    let env = Env::new();
    env.write("d/a", "1").write("d/x/y/b", "2").dir("d/none").link("a", "d/l").link("x", "d/lx");
    env.ok("copy", json!({"src": "d", "dest": "one"}));
    assert_eq!(
        (env.read("one/d/a"), env.read("one/d/x/y/b"), env.read("one/d/lx/y/b")),
        ("1".into(), "2".into(), "2".into())
    );
    assert!(env.at("one/d/none").is_dir() && !env.at("one/d/l").is_symlink());
    env.ok("copy", json!({"src": "d/", "dest": "two", "local_follow": false}));
    assert_eq!(fs::read_link(env.at("two/l")).unwrap().to_str(), Some("a"));
    assert!(env.at("two/lx").is_symlink() && env.read("two/x/y/b") == "2");
    env.ok("copy", json!({"src": "d/", "dest": "three", "mode": "0600", "directory_mode": "0700"}));
    assert_eq!((env.mode("three"), env.mode("three/x/y"), env.mode("three/x/y/b")), (0o700, 0o700, 0o600));
    env.write("d/x/y/b", "changed").write("two/extra", "kept");
    assert!(env.ok("copy", json!({"src": "d/", "dest": "two", "local_follow": false})).changed);
    assert_eq!((env.read("two/x/y/b"), env.read("two/extra")), ("changed".into(), "kept".into()));
}

#[test]
fn a_backup_keeps_the_old_file() {
    let env = Env::new();
    env.write("f", "old").chmod("f", 0o640);
    let old = fs::metadata(env.at("f")).unwrap();
    let mut backups = Vec::new();
    for content in ["new", "newer"] {
        let reply = env.ok("copy", json!({"content": content, "dest": "f", "backup": true}));
        backups.push(reply.fields["backup_file"].as_str().unwrap().to_owned());
    }
    assert_ne!(backups[0], backups[1]);
    let meta = fs::metadata(&backups[0]).unwrap();
    assert_eq!((meta.mode(), meta.mtime(), meta.mtime_nsec()), (old.mode(), old.mtime(), old.mtime_nsec()));
    assert_eq!(
        (fs::read_to_string(&backups[0]).unwrap(), fs::read_to_string(&backups[1]).unwrap()),
        ("old".into(), "new".into())
    );
    let reply = env.ok("copy", json!({"content": "newer", "dest": "f", "backup": true}));
    assert!(!reply.fields.contains_key("backup_file") && env.names().len() == 3);
}

#[test]
fn what_validation_refuses_never_arrives() {
    let env = Env::new();
    env.write("f", "good");
    let params = |content: &str| {
        json!({"content": content, "dest": "f", "backup": true, "mode": "0600",
        "validate": "grep -q good %s"})
    };
    let error = env.error("copy", params("bad"));
    assert!(error.starts_with("failed to validate (exit status: 1)"), "{error}");
    assert_eq!((env.read("f").as_str(), env.names()), ("good", vec!["f".to_owned()]));
    assert!(env.ok("copy", params("very good")).changed);
    assert_eq!((env.read("f").as_str(), env.mode("f")), ("very good", 0o600));
    let error = env.error("copy", json!({"content": "x", "dest": "f", "validate": "true"}));
    assert!(error.contains("must name the file as %s"), "{error}");
    let error = env.error("copy", json!({"content": "x", "dest": "f", "validate": "/no/such %s"}));
    assert!(error.contains("cannot run /no/such"), "{error}");
    // The check sees the file as it will be.
    env.ok(
        "copy",
        json!({"content": "#!/bin/sh\nexit 0\n", "dest": "run", "mode": "0700", "validate": "%s"}),
    );
}

#[test]
fn what_is_wrong_is_named() {
    let env = Env::new();
    env.write("src", "x").dir("d");
    env.ok("command", json!("mkfifo pipe"));
    let before = env.picture();
    for (params, why) in [
        (json!({"src": "none", "dest": "f"}), "cannot read"),
        (json!({"content": "x", "dest": "d"}), "is a folder, and `content` does not say"),
        (json!({"content": "x", "dest": "d/"}), "is a folder, and `content` does not say"),
        (json!({"src": "src", "dest": "f", "checksum": "00"}), "expected 00"),
        (json!({"src": "pipe", "dest": "f"}), "pipe is not a regular file"),
        (json!({"content": "x", "dest": "pipe"}), "pipe is not a regular file"),
        (json!({"content": "x", "dest": "src/f"}), "src is not a folder"),
        (json!({"src": "d", "dest": "src"}), "src"),
    ] {
        let error = env.error("copy", params.clone());
        assert!(error.contains(why), "{params}: {error}");
        assert_eq!(env.check("copy", params.clone()).unwrap_err().to_string(), error, "{params}");
    }
    assert_eq!(env.picture(), before);
}

#[test]
fn a_missing_folder_fails_in_check_mode_too_unless_an_earlier_step_would_or_could_make_it() {
    let env = Env::new();
    for (module, params) in [
        ("copy", json!({"content": "x", "dest": "no/such/f"})),
        ("template", json!({"src": "t.j2", "content": "x", "dest": "no/such/f"})),
    ] {
        assert!(env.error(module, params.clone()).ends_with("no/such: no such file or directory"));
        assert!(env.check(module, params.clone()).is_err());
        let forecast = Forecast::new();
        let made = json!({"path": "no/such", "state": "directory"});
        assert!(env.foresee(&forecast, "file", made).unwrap().changed);
        assert!(env.foresee(&forecast, module, params.clone()).unwrap().changed);
        let forecast = Forecast::new();
        assert!(env.foresee(&forecast, "command", json!("mkdir -p no/such")).unwrap().skipped);
        let unknown = env.foresee(&forecast, module, params).unwrap();
        assert!(unknown.skipped && unknown.unknown, "{}", unknown.to_json());
        let why = unknown.msg.unwrap();
        assert!(why.contains("what `command` does") && why.ends_with("no such file or directory"), "{why}");
    }
    assert!(env.check("command", json!("ls chdir=no/such")).unwrap().skipped);
    assert!(env.names().is_empty());
}

#[test]
fn a_deep_tree_needs_no_deep_stack() {
    let env = Env::new();
    let deep = "d/".repeat(1000);
    env.dir(&deep).write(&format!("{deep}f"), "x");
    thread::scope(|scope| {
        let root = env.root();
        let copy = move || Env::new().ok("copy", json!({"src": root.join("d"), "dest": root.join("e")}));
        thread::Builder::new().stack_size(1 << 20).spawn_scoped(scope, copy).unwrap();
    });
    assert_eq!(env.read(&format!("e/{deep}f")), "x");
    assert!(env.ok("file", json!({"path": "e", "recurse": true, "mode": "go="})).changed);
}

#[test]
fn a_folder_in_the_way_of_a_file_stays() {
    let env = Env::new();
    env.write("s/x", "1").dir("out/x/full");
    let error = env.error("copy", json!({"src": "s/", "dest": "out"}));
    assert!(error.ends_with("out/x is a folder"), "{error}");
    assert!(env.at("out/x/full").is_dir());
}

#[test]
fn a_name_as_long_as_the_system_allows_is_fine() {
    let env = Env::new();
    let name = "n".repeat(255);
    assert!(env.ok("copy", json!({"content": "x", "dest": name})).changed);
}

#[test]
fn a_template_is_written_as_rendered() {
    let env = Env::new();
    let run = |params: Value| env.ok("template", params);
    let reply = run(json!({"src": "t.j2", "dest": "f", "content": "a\nb\n", "mode": "0600"}));
    assert_eq!((env.read("f").as_str(), env.mode("f")), ("a\nb\n", 0o600));
    assert_eq!(reply.fields["src"], env.at("t.j2").to_str().unwrap());
    run(json!({"src": "t.j2", "dest": "f", "content": "a\nb\r\n", "newline_sequence": "\\r\\n"}));
    assert_eq!(env.read("f"), "a\r\nb\r\n");
    assert!(env.error("template", json!({"src": "t.j2", "dest": "f"})).contains("not rendered"));
    let spec = windlass_gate::find("template").unwrap().spec();
    assert_eq!(spec.lint(json!({"src": "t.j2", "dest": "f", "trim_blocks": "no"})), Ok(()));
}
