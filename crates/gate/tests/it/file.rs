//! `file`: results, refusals, and odd names.

use std::{fs, os::unix::fs::MetadataExt};

use serde_json::json;

use crate::env::Env;

#[test]
fn the_result_describes_the_path() {
    let env = Env::new();
    let reply = env.ok("file", json!({"path": "d", "state": "directory", "mode": "0750"}));
    let meta = fs::metadata(env.at("d")).unwrap();
    for (name, value) in [
        ("path", json!(env.at("d").to_str())),
        ("state", json!("directory")),
        ("mode", json!("0750")),
        ("uid", json!(meta.uid())),
        ("gid", json!(meta.gid())),
        ("size", json!(meta.len())),
    ] {
        assert_eq!(reply.fields[name], value, "{name}");
    }
    assert!(reply.fields["owner"].is_string() && reply.fields["group"].is_string());
    let diff = reply.diff.unwrap();
    let path = env.at("d").to_str().unwrap().to_owned();
    assert_eq!(diff.before, json!({"path": path, "state": "absent"}));
    assert_eq!(diff.after, json!({"path": path, "state": "directory"}));
    let reply = env.ok("file", json!({"path": "d", "state": "absent"}));
    assert_eq!(reply.fields["state"], "absent");
    env.write("f", "");
    for (state, key) in [("touch", "dest"), ("file", "path"), ("absent", "path")] {
        assert!(env.ok("file", json!({"path": "f", "state": state})).fields.contains_key(key), "{state}");
    }
}

#[test]
fn every_new_folder_gets_the_mode() {
    let env = Env::new();
    env.ok("file", json!({"path": "a/b/c", "state": "directory", "mode": "0710"}));
    assert_eq!((env.mode("a"), env.mode("a/b"), env.mode("a/b/c")), (0o710, 0o710, 0o710));
}

#[test]
fn recursion_reaches_everything_and_follows_links() {
    let env = Env::new();
    env.write("d/x/f", "").chmod("d/x/f", 0o755).write("d/g", "").chmod("d/g", 0o644);
    env.write("elsewhere/h", "").chmod("elsewhere/h", 0o666).link("../elsewhere", "d/l");
    let params = json!({"path": "d", "recurse": true, "state": "directory", "mode": "u=rwX,g=rX,o="});
    env.ok("file", params);
    assert_eq!(
        (env.mode("d"), env.mode("d/x"), env.mode("d/x/f"), env.mode("d/g")),
        (0o750, 0o750, 0o750, 0o640)
    );
    assert_eq!(env.mode("elsewhere/h"), 0o640);
    env.chmod("elsewhere/h", 0o666);
    env.ok("file", json!({"path": "d", "recurse": true, "mode": "u=rwX,go=", "follow": false}));
    assert_eq!((env.mode("d/g"), env.mode("elsewhere/h")), (0o600, 0o666));
}

#[test]
fn touching_sets_the_times_that_are_asked_for() {
    let env = Env::new();
    env.write("f", "");
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    let times = fs::FileTimes::new().set_accessed(old).set_modified(old);
    let reset = || fs::File::options().write(true).open(env.at("f")).unwrap().set_times(times).unwrap();
    for (access, change) in [("now", "preserve"), ("preserve", "now"), ("now", "now")] {
        reset();
        let params =
            json!({"path": "f", "state": "touch", "access_time": access, "modification_time": change});
        assert!(env.ok("file", params).changed);
        let meta = fs::metadata(env.at("f")).unwrap();
        assert_eq!((meta.atime() > 2_000_000, meta.mtime() > 2_000_000), (access == "now", change == "now"));
    }
}

#[test]
fn what_would_destroy_something_is_refused() {
    let env = Env::new();
    env.write("f", "precious").write("d/x", "precious").write("g", "other");
    let before = env.picture();
    for (params, why) in [
        (json!({"path": "f", "state": "directory"}), "f already exists as a file"),
        (json!({"path": "none"}), "none is not a file but absent; `state: touch` makes one"),
        (json!({"path": "d", "state": "file"}), "d is not a file but directory"),
        (json!({"path": "f", "src": "g", "state": "link"}), "f is a file; `force: true` replaces it"),
        (json!({"path": "d", "src": "g", "state": "link"}), "d is a directory; `force: true` replaces it"),
        (json!({"path": "d", "src": "../g", "state": "link", "force": true}), "is not empty"),
        (
            json!({"path": "l", "src": "none", "state": "link"}),
            "none does not exist; `force: true` links to it",
        ),
        (json!({"path": "l", "state": "link"}), "`src` is needed"),
        (json!({"path": "f", "src": "g", "state": "hard"}), "f is another file; `force: true` replaces it"),
        (json!({"path": "h", "src": "none", "state": "hard"}), "none: no such file or directory"),
        (json!({"path": "f", "recurse": true}), "`recurse` needs"),
        (json!({"path": "f", "src": "g"}), "`src` needs"),
        (json!({"path": "f", "owner": "no such user"}), "there is no owner \"no such user\""),
        (json!({"path": "/", "state": "absent"}), "refusing to remove /, which"),
        (json!({"path": ".", "state": "absent"}), "refusing to remove"),
        (json!({"path": "", "state": "absent"}), "`path` of file is empty"),
        (json!({"path": "f/x/y", "state": "directory"}), "f is not a folder"),
    ] {
        let error = env.error("file", params.clone());
        assert!(error.contains(why), "{params}: {error}");
        let in_check =
            env.check("file", params.clone()).map(|reply| reply.to_json()).unwrap_err().to_string();
        assert_eq!(in_check, error, "{params}");
    }
    assert_eq!(env.picture(), before);
}

#[test]
fn odd_names_are_names() {
    for name in ["with space", "ünïcödé ✓", "new\nline", "-dash", "quote'\"$", "*", "dot.", "%s"] {
        let env = Env::new();
        assert!(env.ok("file", json!({"path": name, "state": "directory"})).changed, "{name:?}");
        let inner = format!("{name}/{name}");
        env.ok("copy", json!({"content": "x", "dest": inner, "validate": "test -f %s"}));
        env.ok("file", json!({"path": format!("{name}/l"), "src": name, "state": "link"}));
        assert_eq!(
            env.ok("stat", json!({"path": format!("{name}/l"), "follow": true})).fields["stat"]["size"],
            1
        );
        env.ok("copy", json!({"src": name, "dest": "copied"}));
        assert_eq!(env.read(&format!("copied/{inner}")), "x");
        assert_eq!(env.ok("command", json!({"argv": ["cat", format!("./{inner}")]})).fields["stdout"], "x");
        assert!(env.ok("file", json!({"path": name, "state": "absent"})).changed);
        assert_eq!(env.names(), ["copied"]);
    }
}

#[test]
fn owners_are_given_by_name_and_number() {
    let env = Env::new();
    env.write("f", "");
    let meta = fs::metadata(env.at("f")).unwrap();
    let params = json!({"path": "f", "owner": meta.uid(), "group": meta.gid().to_string()});
    assert!(!env.ok("file", params).changed);
    if meta.uid() != 0 {
        eprintln!("not root: giving files away is not tried");
        return;
    }
    let params = json!({"path": "f", "owner": 4242, "group": 4243, "mode": "4755"});
    assert!(env.check("file", params.clone()).unwrap().changed);
    let reply = env.ok("file", params.clone());
    assert!(reply.changed);
    assert_eq!((&reply.fields["uid"], &reply.fields["gid"]), (&json!(4242), &json!(4243)));
    // Giving a file away drops its set-id bits; they were asked for.
    assert_eq!(reply.fields["mode"], "4755");
    assert!(!env.ok("file", params).changed);
    env.ok("copy", json!({"content": "new", "dest": "f"}));
    let meta = fs::metadata(env.at("f")).unwrap();
    assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o7777), (4242, 4243, 0o4755));
    env.ok("copy", json!({"content": "newer", "dest": "f", "owner": "root"}));
    let meta = fs::metadata(env.at("f")).unwrap();
    assert_eq!((meta.uid(), meta.gid()), (0, 4243));
    let params = json!({"path": "d/e", "state": "directory", "owner": 4242});
    env.ok("file", params);
    assert_eq!(fs::metadata(env.at("d")).unwrap().uid(), 4242);
}
