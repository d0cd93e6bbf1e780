//! `tempfile` and `assemble`: new files under new names, and files out of others.

use std::fs;

use serde_json::json;

use crate::env::Env;

#[test]
fn a_temporary_file_or_folder_is_made_for_nobody_else() {
    let mut env = Env::new();
    env.dir("here");
    let root = env.root().join("here").display().to_string();
    env.vars.insert("TMPDIR".into(), root.clone());
    for (params, mode, state) in [
        (json!({}), "0600", "file"),
        (json!({"path": "here", "prefix": "p-", "suffix": ".s"}), "0600", "file"),
        (json!({"state": "directory", "prefix": ""}), "0700", "directory"),
    ] {
        let checked = env.check("tempfile", params.clone()).unwrap();
        let path = checked.fields["path"].as_str().unwrap().to_owned();
        assert!(checked.changed && path.starts_with(&root) && fs::symlink_metadata(path).is_err());
        let reply = env.ok("tempfile", params.clone());
        assert!(reply.changed && reply.fields["mode"] == mode && reply.fields["state"] == state);
        let path = reply.fields["path"].as_str().unwrap();
        let name = path.strip_prefix(&format!("{root}/")).unwrap();
        let prefix = params.get("prefix").map_or("ansible.", |prefix| prefix.as_str().unwrap());
        let suffix = params.get("suffix").map_or("", |suffix| suffix.as_str().unwrap());
        assert!(
            name.starts_with(prefix) && name.ends_with(suffix) && name.len() > prefix.len() + suffix.len()
        );
        assert!(fs::symlink_metadata(path).is_ok());
    }
    assert!(env.error("tempfile", json!({"prefix": "../x"})).contains("no slash"));
    assert!(env.error("tempfile", json!({"path": "none"})).contains("none: no such file"));
}

#[test]
fn the_parts_are_put_together_in_order() {
    for (params, expected) in [
        (json!({}), "one\ntwo\nthree"),
        (json!({"delimiter": "--"}), "one\n--\ntwo\n--\nthree"),
        (json!({"delimiter": "\\t#\\n"}), "one\n\t#\ntwo\n\t#\nthree"),
        (json!({"regexp": "^[12]"}), "one\ntwo\n"),
        (json!({"ignore_hidden": true}), "two\nthree"),
        (json!({"regexp": "none"}), ""),
    ] {
        let env = Env::new();
        env.write("p/.1", "one").write("p/2", "two\n").write("p/3", "three").dir("p/4");
        env.write("p/4/not", "deeper");
        let mut params = params;
        params["src"] = "p".into();
        params["dest"] = "f".into();
        if params.get("regexp").is_some() {
            fs::rename(env.at("p/.1"), env.at("p/1")).unwrap();
        }
        let reply = env.ok("assemble", params.clone());
        assert_eq!(env.read("f"), expected, "{params}");
        assert_eq!((reply.msg.as_deref(), &reply.fields["dest"]), (Some("OK"), &json!(env.at("f").to_str())));
        assert!(reply.fields["checksum"].is_string() && reply.fields["md5sum"].as_str().unwrap().len() == 32);
    }
}

#[test]
fn what_cannot_be_assembled_says_why() {
    let env = Env::new();
    env.write("p/1", "bad").write("f", "old");
    for (params, why) in [
        (json!({"src": "none", "dest": "f"}), "cannot list"),
        (json!({"src": "f", "dest": "g"}), "cannot list"),
        (json!({"src": "p", "dest": "p"}), "is a folder"),
        (
            json!({"src": "p", "dest": "f", "validate": "grep -q good %s", "backup": true}),
            "failed to validate",
        ),
    ] {
        let error = env.error("assemble", params.clone());
        assert!(error.contains(why), "{params}: {error}");
    }
    assert_eq!((env.read("f").as_str(), env.names().len()), ("old", 2));
}
