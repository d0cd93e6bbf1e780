//! What holds for every module: check mode writes nothing and says what the run then does, and a second run
//! changes nothing.

use serde_json::{Value, json};
use windlass_gate::Reply;

use crate::env::Env;

pub(crate) struct Case {
    pub(crate) module: &'static str,
    pub(crate) setup: fn(&Env),
    pub(crate) params: Value,
    pub(crate) changes: bool,
}

fn case(module: &'static str, setup: fn(&Env), params: Value, changes: bool) -> Case {
    Case { module, setup, params, changes }
}

fn nothing(_: &Env) {}

fn a_file(env: &Env) {
    env.write("f", "old\n").chmod("f", 0o644);
}

fn a_tree(env: &Env) {
    env.write("d/a", "a").write("d/sub/b", "b").dir("d/empty").link("a", "d/l");
    env.chmod("d/a", 0o644).chmod("d/sub/b", 0o755).chmod("d", 0o755).chmod("d/sub", 0o755);
}

fn a_copied_tree(env: &Env) {
    a_tree(env);
    env.write("out/a", "a").write("out/sub/b", "b").dir("out/empty").write("out/l", "a");
}

#[rustfmt::skip]
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend(files());
    cases.extend(copies());
    cases.extend(edits());
    cases.extend(archives());
    cases.extend([
        case("template", nothing, json!({"src": "t.j2", "dest": "f", "content": "x"}), true),
        case("template", a_file, json!({"src": "t.j2", "dest": "f", "content": "old\n"}), false),
        case("template", a_file, json!({"src": "t.j2", "dest": "f", "content": "new\n", "mode": "0600"}), true),
        case("template", a_tree, json!({"src": "t.j2", "dest": "d/", "content": "x\ny\n", "newline_sequence": "\\r\\n"}), true),
        case("command", a_file, json!("echo x creates=f"), false),
        case("command", nothing, json!("echo x removes=f"), false),
        case("command", nothing, json!("touch f creates=f"), true),
        case("command", a_file, json!({"cmd": "rm f", "removes": "f*"}), true),
        case("shell", nothing, json!("echo x > f creates=f"), true),
        case("shell", a_tree, json!("rm -r d removes=d/*/b"), true),
        case("assemble", a_tree, json!({"src": "d", "dest": "f", "delimiter": "-"}), true),
        case("assemble", |env| { a_tree(env); env.write("f", "aa").chmod("f", 0o644); }, json!({"src": "d", "dest": "f", "regexp": "a"}), true),
        case("assemble", |env| { a_tree(env); env.write("f", "a").chmod("f", 0o644); }, json!({"src": "d", "dest": "f", "regexp": "a", "mode": "0600"}), true),
        case("assemble", |env| { a_tree(env); env.write("f", "a").chmod("f", 0o644); }, json!({"src": "d", "dest": "f", "regexp": "a", "backup": true}), false),
        case("find", a_tree, json!({"paths": "d", "recurse": true, "file_type": "any", "get_checksum": true}), false),
        case("slurp", a_file, json!({"src": "f"}), false),
        case("script", |env| { env.write("s", "touch f"); }, json!("s creates=f"), true),
        case("script", |env| { a_file(env); env.write("s", "rm f"); }, json!({"cmd": "./s", "removes": "f"}), true),
        case("include_vars", nothing, json!({"file": "v", "name": "all", "_vars": {"a": 1}, "_files": ["v"]}), false),
        case("pause", nothing, json!({"seconds": 1}), false),
        case("ping", nothing, json!({}), false),
        case("stat", a_file, json!({"path": "f"}), false),
        case("stat", nothing, json!({"path": "f"}), false),
        case("debug", nothing, json!({"msg": "hello"}), false),
        case("assert", nothing, json!({"that": [true]}), false),
        case("set_fact", nothing, json!({"a": 1}), false),
    ]);
    cases
}

#[rustfmt::skip]
fn files() -> Vec<Case> {
    vec![
        case("file", a_file, json!({"path": "f"}), false),
        case("file", a_file, json!({"path": "f", "state": "file", "mode": "0644"}), false),
        case("file", a_file, json!({"path": "f", "state": "file", "mode": "0600"}), true),
        case("file", a_file, json!({"path": "f", "mode": "u=rw,g-r,o="}), true),
        case("file", a_file, json!({"path": "f", "mode": "a+X"}), false),
        case("file", |env| { a_file(env); env.link("f", "l"); }, json!({"path": "l", "state": "file", "mode": "0600"}), true),
        case("file", nothing, json!({"path": "a/b/c", "state": "directory", "mode": "0750"}), true),
        case("file", nothing, json!({"path": "a/b/c/", "state": "directory"}), true),
        case("file", nothing, json!({"path": "a", "recurse": true, "mode": "u=rwX,go="}), true),
        case("file", a_tree, json!({"path": "d", "state": "directory"}), false),
        case("file", a_tree, json!({"path": "d", "state": "directory", "mode": "0711"}), true),
        case("file", a_tree, json!({"path": "d", "state": "directory", "recurse": true, "mode": "u=rwX,g=rX,o="}), true),
        case("file", a_tree, json!({"path": "d/sub", "state": "directory", "recurse": true, "mode": "a+x"}), false),
        case("file", |env| { a_tree(env); env.link("..", "d/sub/up"); }, json!({"path": "d", "recurse": true, "mode": "u=rwX,go="}), true),
        case("file", |env| { a_tree(env); env.link("d", "l"); }, json!({"path": "l", "state": "directory", "mode": "0700"}), true),
        case("file", nothing, json!({"path": "f", "state": "absent"}), false),
        case("file", a_file, json!({"path": "f", "state": "absent"}), true),
        case("file", a_file, json!({"path": "f/below", "state": "absent"}), false),
        case("file", a_tree, json!({"path": "d", "state": "absent"}), true),
        case("file", |env| { a_tree(env); env.link("d", "l"); }, json!({"path": "l/", "state": "absent"}), true),
        case("file", |env| { env.link("nowhere", "l"); }, json!({"path": "l", "state": "absent"}), true),
        case("file", a_file, json!({"path": "l", "src": "f", "state": "link"}), true),
        case("file", |env| { a_file(env); env.link("f", "l"); }, json!({"path": "l", "src": "f", "state": "link"}), false),
        case("file", |env| { a_file(env); env.link("g", "l"); }, json!({"path": "l", "src": "f", "state": "link"}), true),
        case("file", |env| { a_file(env); env.link("f", "l"); }, json!({"path": "l", "state": "link", "mode": "0600"}), true),
        case("file", a_file, json!({"path": "l", "src": "f", "state": "link", "mode": "0600"}), true),
        case("file", nothing, json!({"path": "l", "src": "nowhere", "state": "link", "force": true, "mode": "0600"}), true),
        case("file", |env| { env.write("f", "").write("l", ""); }, json!({"path": "l", "src": "f", "state": "link", "force": true}), true),
        case("file", |env| { env.write("f", "").dir("l"); }, json!({"path": "l", "src": "f", "state": "link", "force": true}), true),
        case("file", |env| { env.write("f", "").link("f", "l"); }, json!({"path": "l", "src": "f", "state": "link", "follow": false, "mode": "0600"}), false),
        case("file", a_file, json!({"path": "h", "src": "f", "state": "hard"}), true),
        case("file", a_file, json!({"path": "h", "src": "f", "state": "hard", "mode": "0640"}), true),
        case("file", |env| { env.write("f", "").write("h", ""); }, json!({"path": "h", "src": "f", "state": "hard", "force": true}), true),
        case("file", |env| { env.write("f", "").link("g", "h"); }, json!({"path": "h", "src": "f", "state": "hard"}), true),
        case("file", nothing, json!({"path": "f", "state": "touch", "mode": "0600", "access_time": "preserve", "modification_time": "preserve"}), true),
        case("file", a_file, json!({"path": "f", "state": "touch", "mode": "0600", "access_time": "preserve", "modification_time": "preserve"}), true),
        case("file", a_file, json!({"path": "f", "state": "touch", "access_time": "preserve", "modification_time": "preserve"}), false),
        case("file", |env| { env.link("f", "l"); }, json!({"path": "l", "state": "touch", "access_time": "preserve", "modification_time": "preserve"}), true),
    ]
}

#[rustfmt::skip]
fn copies() -> Vec<Case> {
    vec![
        case("copy", nothing, json!({"content": "x", "dest": "f"}), true),
        case("copy", nothing, json!({"content": {"a": [1]}, "dest": "f", "mode": "0600"}), true),
        case("copy", nothing, json!({"content": "", "dest": "f", "mode": "u=rw,go="}), true),
        case("copy", a_file, json!({"content": "old\n", "dest": "f"}), false),
        case("copy", a_file, json!({"content": "old\n", "dest": "f", "mode": "0600"}), true),
        case("copy", a_file, json!({"content": "new\n", "dest": "f", "backup": true}), true),
        case("copy", a_file, json!({"content": "new\n", "dest": "f", "force": false}), false),
        case("copy", a_file, json!({"content": "new\n", "dest": "f", "validate": "test -s %s"}), true),
        case("copy", |env| { a_file(env); env.link("f", "l"); }, json!({"content": "old\n", "dest": "l"}), true),
        case("copy", |env| { a_file(env); env.link("f", "l"); }, json!({"content": "old\n", "dest": "l", "follow": true}), false),
        case("copy", |env| { a_file(env); env.link("f", "l"); }, json!({"content": "new\n", "dest": "l", "follow": true}), true),
        case("copy", |env| { env.link("f", "l"); }, json!({"content": "new\n", "dest": "l", "follow": true}), true),
        case("copy", a_tree, json!({"src": "d/a", "dest": "f"}), true),
        case("copy", a_tree, json!({"src": "d/sub/b", "dest": "f", "mode": "preserve"}), true),
        case("copy", a_tree, json!({"src": "d/sub/b", "dest": "f", "remote_src": true}), true),
        case("copy", a_tree, json!({"src": "d/a", "dest": "d/sub"}), true),
        case("copy", a_tree, json!({"src": "d/a", "dest": "new/deep/", "directory_mode": "0700"}), true),
        case("copy", a_tree, json!({"src": "d", "dest": "out"}), true),
        case("copy", a_tree, json!({"src": "d/", "dest": "out", "mode": "0600", "directory_mode": "0711"}), true),
        case("copy", a_tree, json!({"src": "d/", "dest": "out", "mode": "preserve", "local_follow": false}), true),
        case("copy", a_copied_tree, json!({"src": "d/", "dest": "out"}), false),
        case("copy", a_copied_tree, json!({"src": "d/", "dest": "out", "directory_mode": "0701"}), true),
        case("copy", a_copied_tree, json!({"src": "d/", "dest": "out", "local_follow": false}), true),
        case("copy", |env| { a_tree(env); env.link("..", "d/sub/up"); }, json!({"src": "d/", "dest": "out"}), true),
    ]
}

#[rustfmt::skip]
fn edits() -> Vec<Case> {
    vec![
        case("lineinfile", a_file, json!({"path": "f", "line": "new"}), true),
        case("lineinfile", a_file, json!({"path": "f", "line": "old"}), false),
        case("lineinfile", a_file, json!({"path": "f", "line": "old", "mode": "0600"}), true),
        case("lineinfile", a_file, json!({"path": "f", "line": "new", "regexp": "^old|^new", "backup": true, "mode": "0600"}), true),
        case("lineinfile", a_file, json!({"path": "f", "line": "new", "insertbefore": "old", "validate": "test -s %s"}), true),
        case("lineinfile", a_file, json!({"path": "f", "regexp": "^o", "state": "absent"}), true),
        case("lineinfile", nothing, json!({"path": "f", "line": "x", "state": "absent"}), false),
        case("lineinfile", nothing, json!({"path": "a/b/f", "line": "x", "create": true, "mode": "0600"}), true),
        case("lineinfile", |env| { a_file(env); env.link("f", "l"); }, json!({"path": "l", "line": "new"}), true),
        case("lineinfile", |env| { env.link("f", "l"); }, json!({"path": "l", "line": "new", "create": true}), true),
        case("blockinfile", a_file, json!({"path": "f", "block": "x"}), true),
        case("blockinfile", a_file, json!({"path": "f", "block": ""}), false),
        case("blockinfile", a_file, json!({"path": "f", "block": "x", "insertbefore": "BOF", "append_newline": true, "backup": true}), true),
        case("blockinfile", nothing, json!({"path": "a/f", "block": "x", "create": true}), true),
        case("blockinfile", nothing, json!({"path": "f", "state": "absent", "create": true}), false),
        case("replace", a_file, json!({"path": "f", "regexp": "old", "replace": "new"}), true),
        case("replace", a_file, json!({"path": "f", "regexp": "old", "replace": "new", "mode": "0600", "backup": true}), true),
        case("replace", a_file, json!({"path": "f", "regexp": "none", "replace": "new"}), false),
        case("replace", a_file, json!({"path": "f", "regexp": "old", "replace": "old", "mode": "0600"}), true),
    ]
}

#[rustfmt::skip]
fn archives() -> Vec<Case> {
    fn packed(env: &Env, format: &str) {
        a_tree(env);
        env.dir("out").ok("archive", json!({"path": "d", "dest": "p", "format": format}));
    }
    fn unpacked(env: &Env) {
        packed(env, "gz");
        env.ok("unarchive", json!({"src": "p", "dest": "out"}));
    }
    vec![
        case("archive", a_tree, json!({"path": "d", "dest": "p"}), true),
        case("archive", a_tree, json!({"path": "d/*", "dest": "p", "format": "zip", "mode": "0600"}), true),
        case("archive", a_tree, json!({"path": "d/a", "dest": "p", "format": "tar"}), true),
        case("archive", a_tree, json!({"path": "d/sub/b"}), true),
        case("archive", a_tree, json!({"path": "d", "dest": "p", "remove": true}), true),
        case("archive", |env| packed(env, "zip"), json!({"path": "d", "dest": "p", "format": "zip"}), false),
        case("archive", |env| packed(env, "gz"), json!({"path": "d", "dest": "p", "mode": "0600"}), true),
        case("archive", |env| packed(env, "gz"), json!({"path": "none", "dest": "p", "mode": "0600"}), true),
        case("unarchive", |env| packed(env, "tar"), json!({"src": "p", "dest": "out"}), true),
        case("unarchive", |env| packed(env, "gz"), json!({"src": "p", "dest": "out", "mode": "u=rwX,go="}), true),
        case("unarchive", |env| packed(env, "zip"), json!({"src": "p", "dest": "out", "exclude": "*/b"}), true),
        case("unarchive", |env| packed(env, "zip"), json!({"src": "p", "dest": "out", "creates": "out"}), false),
        case("unarchive", unpacked, json!({"src": "p", "dest": "out", "list_files": true}), false),
        case("unarchive", unpacked, json!({"src": "p", "dest": "out", "mode": "go="}), true),
        case("unarchive", |env| { unpacked(env); env.write("out/d/a", "b"); }, json!({"src": "p", "dest": "out"}), true),
    ]
}

fn shape(reply: &Reply) -> (bool, bool, Option<&windlass_gate::Diff>) {
    (reply.changed, reply.failed, reply.diff.as_ref())
}

#[test]
fn check_mode_predicts_and_a_second_run_changes_nothing() {
    for Case { module, setup, params, changes } in cases() {
        let env = Env::new();
        setup(&env);
        let told = format!("{module} {params}");
        let before = env.picture();
        let predicted = env.check(module, params.clone()).unwrap_or_else(|error| panic!("{told}: {error}"));
        assert_eq!(env.picture(), before, "{told}: check mode wrote");
        let done = env.run(module, params.clone()).unwrap_or_else(|error| panic!("{told}: {error}"));
        assert_eq!(shape(&predicted), shape(&done), "{told}: predicted and done");
        assert_eq!((done.changed, done.failed), (changes, false), "{told}: {}", done.to_json());
        let after = env.picture();
        assert_eq!(after != before, changes, "{told}: changed as it said");
        let predicted = env.check(module, params.clone()).unwrap();
        assert!(!predicted.changed, "{told}: a second check would change");
        let again = env.run(module, params).unwrap();
        assert!(!again.changed, "{told}: a second run changed {}", again.to_json());
        assert_eq!(env.picture(), after, "{told}: a second run wrote");
    }
}
