//! `lineinfile`, `blockinfile` and `replace`: what becomes of a text.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use windlass_gate::Error;

use crate::env::Env;

/// What a text becomes, and what the run says of it. The same as Ansible's, which was asked for each.
#[track_caller]
fn becomes(module: &str, text: &str, params: Value, expected: &str, msg: &str) {
    let env = Env::new();
    env.write("f", text);
    let mut params = params;
    params["path"] = "f".into();
    let reply = env.ok(module, params.clone());
    assert_eq!(env.read("f"), expected, "{params}");
    assert_eq!(reply.msg.as_deref(), Some(msg), "{params}");
    assert_eq!((reply.changed, reply.failed), (text != expected, false), "{params}");
}

#[test]
fn a_line_is_put_where_it_belongs() {
    let line = |text, params, expected, msg| becomes("lineinfile", text, params, expected, msg);
    line("a\nb\n", json!({"line": "c"}), "a\nb\nc\n", "line added");
    line("a\nb", json!({"line": "c"}), "a\nb\nc\n", "line added");
    line("", json!({"line": "c"}), "c\n", "line added");
    line("a\nc\n", json!({"line": "c"}), "a\nc\n", "");
    line("a\nc", json!({"line": "c"}), "a\nc\n", "line replaced");
    line("a=1\nb\na=2\n", json!({"line": "a=3", "regexp": "^a="}), "a=1\nb\na=3\n", "line replaced");
    line(
        "a=1\nb\na=2\n",
        json!({"line": "a=3", "regexp": "^a=", "firstmatch": true}),
        "a=3\nb\na=2\n",
        "line replaced",
    );
    line("a[1]\n", json!({"line": "x", "search_string": "[1]"}), "x\n", "line replaced");
    line("a\nb\n", json!({"line": "x", "regexp": "^x", "insertafter": "^a$"}), "a\nx\nb\n", "line added");
    line("a\nb\n", json!({"line": "x", "insertbefore": "b"}), "a\nx\nb\n", "line added");
    line("a\nb\n", json!({"line": "x", "insertbefore": "BOF"}), "x\na\nb\n", "line added");
    line(
        "a\nb\na\n",
        json!({"line": "x", "insertafter": "a", "firstmatch": true}),
        "a\nx\nb\na\n",
        "line added",
    );
    line("a\nb\n", json!({"line": "x", "insertafter": "nowhere"}), "a\nb\nx\n", "line added");
    line(
        "k = v\n",
        json!({"line": r"\g<k> = \2!", "regexp": r"^(?P<k>\w+) = (\w+)$", "backrefs": true}),
        "k = v!\n",
        "line replaced",
    );
    line("a\n", json!({"line": r"\1", "regexp": "^(b)", "backrefs": true}), "a\n", "");
    line("a\r\nb\r\n", json!({"line": "a", "regexp": "^a"}), "a\nb\r\n", "line replaced");
    line("a\nb\na\n", json!({"line": "a", "state": "absent"}), "b\n", "2 line(s) removed");
    line("a1\nb\na2", json!({"regexp": r"^a\d$", "state": "absent"}), "b\n", "2 line(s) removed");
    line("a\nb\n", json!({"search_string": "z", "state": "absent"}), "a\nb\n", "");
}

#[test]
fn a_block_is_kept_between_its_markers() {
    const BEGIN: &str = "# BEGIN ANSIBLE MANAGED BLOCK\n";
    const END: &str = "# END ANSIBLE MANAGED BLOCK\n";
    let block = |text: &str, params, expected: &str, msg| {
        let fill = |text: &str| text.replace("<<", BEGIN).replace(">>", END);
        becomes("blockinfile", &fill(text), params, &fill(expected), msg);
    };
    block("a\n", json!({"block": "x\ny"}), "a\n<<x\ny\n>>", "Block inserted");
    block("a", json!({"block": "x\n"}), "a\n<<x\n>>", "Block inserted");
    block("a\n<<old\n>>b\n", json!({"block": "x"}), "a\n<<x\n>>b\n", "Block inserted");
    block("a\n<<x\n>>b\n", json!({"block": "x"}), "a\n<<x\n>>b\n", "");
    block("a\n<<x\n>>b\n", json!({"block": ""}), "a\nb\n", "Block removed");
    block("a\n<<x\n>>b\n", json!({"block": "x", "state": "absent"}), "a\nb\n", "Block removed");
    block("a\n>>x\n<<b\n", json!({"block": "x"}), "a\n<<x\n>>b\n", "Block inserted");
    block("a\nb\n", json!({"block": "x", "insertbefore": "BOF"}), "<<x\n>>a\nb\n", "Block inserted");
    block("a\nb\na\n", json!({"block": "x", "insertafter": "^a$"}), "a\nb\na\n<<x\n>>", "Block inserted");
    block(
        "a\nb\nc\n",
        json!({"block": "x", "insertafter": "(?m)^a\nb"}),
        "a\nb\n<<x\n>>c\n",
        "Block inserted",
    );
    block("a\nb\n", json!({"block": "x", "insertbefore": "b"}), "a\n<<x\n>>b\n", "Block inserted");
    block(
        "a\nb\n",
        json!({"block": "x", "insertafter": "a", "append_newline": true, "prepend_newline": true}),
        "a\n\n<<x\n>>\nb\n",
        "Block inserted",
    );
    let marked =
        json!({"block": "x", "marker": "<!-- {mark} -->", "marker_begin": "on", "marker_end": "off"});
    block("", marked, "<!-- on -->\nx\n<!-- off -->\n", "Block inserted");
}

#[test]
fn all_that_matches_is_replaced() {
    let replace = |text, params, expected, msg| becomes("replace", text, params, expected, msg);
    replace("a b a\n", json!({"regexp": "a", "replace": "x"}), "x b x\n", "2 replacements made");
    replace("a\nab\n", json!({"regexp": "^a$", "replace": "x"}), "x\nab\n", "1 replacements made");
    replace("k=v\n", json!({"regexp": r"(\w)=(\w)", "replace": r"\g<2>=\1"}), "v=k\n", "1 replacements made");
    replace("abxd", json!({"regexp": "x*", "replace": "-"}), "-a-b--d-", "5 replacements made");
    replace("a\n", json!({"regexp": "^", "replace": "# "}), "# a\n# ", "2 replacements made");
    replace("a\n", json!({"regexp": "z"}), "a\n", "");
    replace(
        "1 <1\n1> 1",
        json!({"regexp": "1", "replace": "x", "after": "<", "before": ">"}),
        "1 <x\nx> 1",
        "2 replacements made",
    );
    replace("1 1 <1", json!({"regexp": "1", "replace": "x", "before": "<"}), "x x <1", "2 replacements made");
    replace("é1\u{20ac}", json!({"regexp": r"(\w)1.", "replace": r"\1"}), "é", "1 replacements made");
    let msg = "Pattern for before/after params did not match the given file: nope(?P<subsection>.*)";
    replace("a\n", json!({"regexp": "a", "after": "nope"}), "a\n", msg);
}

#[test]
fn bytes_that_are_no_text_stay() {
    let env = Env::new();
    fs::write(env.at("f"), b"\xff a\n").unwrap();
    env.ok("replace", json!({"path": "f", "regexp": "a", "replace": "b"}));
    env.ok("lineinfile", json!({"path": "f", "line": "x"}));
    assert_eq!(fs::read(env.at("f")).unwrap(), b"\xff b\nx\n");
}

#[test]
fn the_file_keeps_its_attributes_its_links_and_a_backup() {
    let env = Env::new();
    env.write("f", "a\n").chmod("f", 0o640).link("f", "l");
    let reply = env.ok("lineinfile", json!({"path": "l", "line": "b", "backup": true}));
    let backup = reply.fields["backup"].as_str().unwrap();
    assert_eq!((env.mode("f"), env.read("f").as_str()), (0o640, "a\nb\n"));
    assert!(env.at("l").is_symlink() && fs::read_to_string(backup).unwrap() == "a\n");
    let reply = env
        .ok("replace", json!({"path": "f", "regexp": "b", "replace": "c", "backup": true, "mode": "0600"}));
    assert_eq!(
        reply.msg.as_deref(),
        Some("1 replacements made and ownership, perms or SE linux context changed")
    );
    assert!(reply.fields["backup_file"].is_string() && env.mode("f") == 0o600);
    let reply = env.ok("lineinfile", json!({"path": "f", "line": "c", "mode": "0644"}));
    assert_eq!(reply.msg.as_deref(), Some("ownership, perms or SE linux context changed"));
    assert_eq!(reply.fields["backup"], "");
}

#[test]
fn the_difference_is_of_the_text() {
    let env = Env::new();
    env.write("f", "a\n");
    let reply = env.ok("lineinfile", json!({"path": "f", "line": "b", "mode": "0600"}));
    let header = format!("{} (content)", env.at("f").display());
    let expected = format!("--- {header}\n+++ {header}\n@@ -1 +1,2 @@\n a\n+b\n");
    assert_eq!(reply.diff.unwrap().unified(), expected);
}

#[test]
fn what_validation_refuses_leaves_the_old_text() {
    let env = Env::new();
    env.write("f", "a\n");
    for (module, params) in [
        ("lineinfile", json!({"path": "f", "line": "b", "validate": "grep -q z %s", "backup": true})),
        ("blockinfile", json!({"path": "f", "block": "b", "validate": "grep -q z %s", "backup": true})),
        (
            "replace",
            json!({"path": "f", "regexp": "a", "replace": "b", "validate": "grep -q z %s", "backup": true}),
        ),
    ] {
        assert!(env.error(module, params).starts_with("failed to validate"));
        assert_eq!((env.read("f").as_str(), env.names()), ("a\n", vec!["f".to_owned()]));
    }
}

#[test]
fn files_that_are_not_there_are_made_where_that_is_asked() {
    for (module, params, text) in [
        ("lineinfile", json!({"path": "new/dir/f", "line": "x", "create": true}), "x\n"),
        (
            "blockinfile",
            json!({"path": "new/dir/f", "block": "x", "create": true, "marker": "{mark}"}),
            "BEGIN\nx\nEND\n",
        ),
    ] {
        let env = Env::new();
        let mut refused = params.clone();
        refused["create"] = false.into();
        let reply = env.ok(module, refused);
        assert!(reply.failed && reply.fields["rc"] == 257, "{}", reply.to_json());
        assert!(env.ok(module, params).changed);
        assert_eq!(env.read("new/dir/f"), text);
    }
    let env = Env::new();
    assert_eq!(env.ok("replace", json!({"path": "f", "regexp": "a"})).fields["rc"], 257);
    let reply = env.ok("lineinfile", json!({"path": "f", "line": "x", "state": "absent"}));
    assert_eq!((reply.failed, reply.msg.as_deref()), (false, Some("file not present")));
}

#[test]
fn what_is_wrong_is_named() {
    let env = Env::new();
    env.write("f", "a\n").dir("d");
    env.ok("command", json!("mkfifo pipe"));
    let before = env.picture();
    for (module, params, why) in [
        ("lineinfile", json!({"path": "f"}), "needs `line` where `state` is present"),
        ("lineinfile", json!({"path": "f", "state": "absent"}), "or `regexp` where `state` is absent"),
        ("lineinfile", json!({"path": "f", "line": "x", "backrefs": true}), "`backrefs` needs a `regexp`"),
        (
            "lineinfile",
            json!({"path": "f", "line": "x", "regexp": "a(?!b)"}),
            "`regexp` of lineinfile: look-around is not supported",
        ),
        (
            "lineinfile",
            json!({"path": "f", "line": "x", "insertafter": "a", "insertbefore": "b"}),
            "only one of",
        ),
        ("lineinfile", json!({"path": "f", "line": r"\2", "regexp": "(a)", "backrefs": true}), "no group 2"),
        ("lineinfile", json!({"path": "pipe", "line": "x"}), "pipe is not a regular file"),
        ("replace", json!({"path": "f", "regexp": "("}), "`regexp` of replace: \"(\" is not a pattern"),
        ("replace", json!({"path": "f", "regexp": "a", "replace": r"\q"}), "bad escape"),
        ("replace", json!({"path": "f", "regexp": "a", "encoding": "latin-1"}), "is not one of"),
    ] {
        let error = env.error(module, params.clone());
        assert!(error.contains(why), "{params}: {error}");
    }
    for (module, params) in [
        ("lineinfile", json!({"path": "d", "line": "x"})),
        ("blockinfile", json!({"path": "d"})),
        ("replace", json!({"path": "d", "regexp": "a"})),
    ] {
        let reply = env.ok(module, params);
        assert!(reply.failed && reply.fields["rc"] == 256, "{module}");
    }
    assert_eq!(env.picture(), before);
}

#[test]
fn a_pattern_that_looks_at_the_whole_rest_each_time_can_be_ended() {
    let mut env = Env::new();
    env.write("f", &"a".repeat(1 << 20));
    env.deadline = Some(Instant::now() + Duration::from_millis(100));
    let start = Instant::now();
    let ended = env.run("replace", json!({"path": "f", "regexp": "a.*z|a", "replace": "b"}));
    assert!(matches!(ended, Err(Error::Deadline)));
    assert!(start.elapsed() < Duration::from_secs(20));
    assert!(env.read("f").starts_with('a'));
}
