//! `command` and `shell`: what they run, what they say, and how they end.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use windlass_gate::{Error, Stream};

use crate::env::Env;

#[test]
fn the_result_has_ansibles_fields() {
    let env = Env::new();
    let reply = env.ok("command", json!("printf 'a\\nb\\n\\n'"));
    let mut json = reply.to_json();
    for volatile in ["start", "end", "delta"] {
        let text = json[volatile].take();
        assert!(
            text.as_str().is_some_and(|text| text.contains(':') && text.contains('.')),
            "{volatile}: {text}"
        );
    }
    assert_eq!(
        json,
        json!({"changed": true, "failed": false, "cmd": ["printf", "a\\nb\\n\\n"], "rc": 0, "stdout": "a\nb",
            "stdout_lines": ["a", "b"], "stderr": "", "stderr_lines": [], "start": null, "end": null, "delta": null})
    );
    let reply = env.ok("shell", json!({"cmd": "echo out; echo err >&2; exit 3", "strip_empty_ends": false}));
    assert!(reply.failed && reply.changed);
    assert_eq!(reply.msg.as_deref(), Some("non-zero return code"));
    assert_eq!((&reply.fields["rc"], &reply.fields["stdout"]), (&json!(3), &json!("out\n")));
    assert_eq!(reply.fields["stderr_lines"], json!(["err"]));
    assert_eq!(reply.fields["cmd"], "echo out; echo err >&2; exit 3");
}

#[test]
fn words_environment_folder_and_input() {
    let mut env = Env::new();
    env.vars.insert("GREETING".into(), "hello  you".into());
    env.dir("a b");
    let out = |params: Value| env.ok("command", params).fields["stdout"].clone();
    for (params, expected) in [
        (json!("echo $GREETING '$UNSET_NAME_HERE' ~"), format!("hello  you $UNSET_NAME_HERE {}", home())),
        (json!({"cmd": "echo $GREETING", "expand_argument_vars": false}), "$GREETING".into()),
        (json!({"argv": ["echo", "x; y", 5]}), "x; y 5".into()),
        (json!("pwd chdir='a b'"), env.at("a b").canonicalize().unwrap().display().to_string()),
        (json!({"cmd": "wc -c", "stdin": "four"}), "5".into()),
        (json!({"cmd": "wc -c", "stdin": "four", "stdin_add_newline": false}), "4".into()),
        (json!("cat"), String::new()),
    ] {
        assert_eq!(out(params.clone()), expected, "{params}");
    }
    let reply = env.ok("shell", json!("echo \"$GREETING\" | tr a-z A-Z; echo $0 executable=/bin/bash"));
    assert_eq!(reply.fields["stdout_lines"], json!(["HELLO  YOU", "/bin/bash"]));
}

fn home() -> String {
    std::env::var("HOME").unwrap_or_else(|_| "/root".into())
}

#[test]
fn what_cannot_run_says_why() {
    let env = Env::new();
    env.write("plain", "").chmod("plain", 0o644);
    for (params, rc, msg) in [
        (json!("/no/such/program"), json!(2), "cannot run /no/such/program: no such file or directory"),
        (json!("./plain"), json!(13), "cannot run ./plain: permission denied"),
        (json!({"cmd": "ls", "chdir": "nowhere"}), Value::Null, "cannot change directory"),
        (json!({"cmd": "  "}), json!(256), "no command given"),
    ] {
        let reply = env.ok("command", params.clone());
        assert!(reply.failed && !reply.changed, "{params}");
        assert_eq!(reply.fields["rc"], rc, "{params}");
        assert!(reply.msg.clone().unwrap().starts_with(msg), "{params}: {:?}", reply.msg);
    }
    assert!(env.error("command", json!("echo 'x")).contains("no closing quotation"));
    assert!(matches!(env.run("command", json!({})), Err(Error::BadParams(_))));
    let reply = env.ok("shell", json!("kill -9 $$"));
    assert_eq!(reply.fields["rc"], -9);
}

#[test]
fn check_mode_runs_nothing_and_skips_what_it_cannot_know() {
    let env = Env::new();
    let reply = env.check("shell", json!("touch f")).unwrap();
    assert!(reply.skipped && !reply.changed && env.names().is_empty());
    let reply = env.check("shell", json!("touch f creates=f")).unwrap();
    assert!(!reply.skipped && reply.changed && env.names().is_empty());
    env.write("f", "");
    let reply = env.check("shell", json!("touch f creates=f")).unwrap();
    assert_eq!(reply.msg.as_deref(), Some("Would not run command since 'f' exists"));
    let reply = env.ok("shell", json!("touch f creates=f"));
    assert_eq!(reply.msg.as_deref(), Some("Did not run command since 'f' exists"));
    assert_eq!(
        (&reply.fields["rc"], &reply.fields["stdout"]),
        (&json!(0), &json!("skipped, since f exists"))
    );
}

#[test]
fn lines_are_heard_while_they_come() {
    let env = Env::new();
    env.ok("shell", json!("echo one; echo two >&2; printf three"));
    let mut lines = env.heard.lines.borrow().clone();
    lines.sort_by_key(|(stream, _)| *stream as u8);
    let expected = [(Stream::Stdout, "one"), (Stream::Stdout, "three"), (Stream::Stderr, "two")];
    assert_eq!(lines, expected.map(|(stream, line)| (stream, line.to_owned())));
    assert!(env.heard.groups.borrow()[0] > 1);
}

#[test]
fn fifty_megabytes_on_both_pipes_are_counted() {
    let mut env = Env::new();
    env.capture_limit = 1000;
    let reply = env.ok("shell", json!("head -c 50000000 /dev/zero & head -c 50000001 /dev/zero >&2; wait"));
    assert_eq!(reply.fields["rc"], 0);
    assert_eq!(reply.fields["stdout"].as_str().unwrap().len(), 1000);
    assert_eq!(reply.fields["stdout_truncated_bytes"], 49_999_000);
    assert_eq!(reply.fields["stderr_truncated_bytes"], 49_999_001);
}

#[test]
fn large_input_and_output_do_not_wait_for_each_other() {
    let mut env = Env::new();
    env.capture_limit = 8_000_000;
    let stdin = "0123456789abcde\n".repeat(250_000);
    let reply = env.ok("command", json!({"cmd": "cat", "stdin": stdin}));
    assert_eq!(reply.fields["stdout"].as_str().unwrap().len(), 3_999_999);
    // A child that does not read what it is given is no failure.
    assert!(!env.ok("command", json!({"cmd": "true", "stdin": stdin})).failed);
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    let env = Env::new();
    let reply = env.ok("shell", json!(r"printf 'a\377b'"));
    assert_eq!(reply.fields["stdout"], "a\u{fffd}b");
}

#[test]
fn a_background_process_that_holds_the_pipes_does_not_hold_us() {
    let env = Env::new();
    let start = Instant::now();
    let reply = env.ok("shell", json!("echo started; sleep 300 & echo $! > pid"));
    assert_eq!(reply.fields["stdout"], "started");
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    let pid = env.read("pid");
    assert!(alive(&pid), "what a command leaves behind lives on");
    env.ok("command", json!(["kill", pid.trim()].join(" ")));
}

/// Whether a process runs; one that waits to be reaped does not.
fn alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with(['Z', 'X']))
}

/// Runs a shell script that writes process ids to `pids`, ends it in the way given, and says what came of it
/// and how long that took.
fn ended(script: &str, end: impl FnOnce(&mut Env) -> Option<Duration>) -> (Error, Duration) {
    let mut env = Env::new();
    let after = end(&mut env);
    let (cancel, pids) = (env.cancel.clone(), env.at("pids"));
    let puller = after.map(|after| {
        thread::spawn(move || {
            while !pids.exists() {
                thread::sleep(Duration::from_millis(5));
            }
            thread::sleep(after);
            cancel.cancel();
            Instant::now()
        })
    });
    let error = env.run("shell", json!(script)).unwrap_err();
    let pulled = puller.map_or_else(|| env.deadline.unwrap(), |puller| puller.join().unwrap());
    let took = pulled.elapsed();
    for pid in env.read("pids").lines() {
        assert!(!alive(pid), "{script}: {pid} lives on");
    }
    (error, took)
}

const SLEEPERS: &str = "sleep 1000 & echo $! > p; sh -c 'sleep 1001 & echo $! >> p; mv p pids; sleep 1002'";
const STUBBORN: &str =
    "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > p; mv p pids; while :; do sleep 1; done'";

#[test]
fn cancelling_ends_a_command_and_what_it_started() {
    for script in [SLEEPERS, STUBBORN] {
        let (error, took) = ended(script, |_| Some(Duration::from_millis(50)));
        assert!(matches!(error, Error::Cancelled), "{error}");
        assert!(took < Duration::from_secs(60), "{script}: {took:?}");
    }
}

#[test]
fn a_deadline_ends_a_command_and_what_it_started() {
    let (error, took) = ended(SLEEPERS, |env| {
        env.deadline = Some(Instant::now() + Duration::from_millis(500));
        None
    });
    assert!(matches!(error, Error::Deadline), "{error}");
    assert!(took < Duration::from_secs(60), "{took:?}");
}

#[test]
fn a_command_that_is_ended_may_clean_up_and_say_so() {
    let script = "trap 'sleep 0.2; echo cleaned; touch cleaned; exit' TERM; echo $$ > pids; while :; do sleep 0.05; done";
    let env = Env::new();
    let (cancel, pids) = (env.cancel.clone(), env.at("pids"));
    let puller = thread::spawn(move || {
        while !pids.exists() {
            thread::sleep(Duration::from_millis(5));
        }
        cancel.cancel();
    });
    assert!(matches!(env.run("shell", json!(script)), Err(Error::Cancelled)));
    puller.join().unwrap();
    assert!(env.at("cleaned").exists());
    assert!(env.heard.lines.borrow().contains(&(Stream::Stdout, "cleaned".into())));
}

#[test]
fn nothing_starts_after_the_token_is_pulled_or_the_deadline_passed() {
    let env = Env::new();
    env.cancel.cancel();
    assert!(matches!(env.run("shell", json!("touch f")), Err(Error::Cancelled)));
    let mut env = Env::new();
    env.deadline = Some(Instant::now());
    assert!(matches!(env.run("shell", json!("touch f")), Err(Error::Deadline)));
    assert!(env.names().is_empty());
}
