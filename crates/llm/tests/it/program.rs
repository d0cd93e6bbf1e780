//! Programs as models: real processes, which answer, fail, hang and leave things behind.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use windlass_llm::{
    Input, Kind, Message, Output, OutputSchema, Part, Patience, Program, Request, Stop, Tokens,
};

use crate::{ask, ask_with};

fn shell(script: &str) -> Program {
    Program::new("local", ["sh", "-c", script, "sh", "{model}"].map(String::from).to_vec())
}

fn json_shell(script: &str) -> Program {
    Program { input: Input::Json, output: Output::Json, ..shell(script) }
}

fn request() -> Request {
    Request::new("tiny", "Well?", 100)
}

#[test]
fn words_go_in_and_words_come_out() {
    let (reply, told) = ask(&shell("printf 'I am %s and heard: ' $1; cat"), &request());
    let reply = reply.unwrap();
    assert_eq!((reply.text().as_str(), reply.stop), ("I am tiny and heard: Well?", Stop::End));
    assert_eq!((told.concat(), reply.model.as_str(), reply.estimated), (reply.text(), "tiny", true));
    assert_eq!(reply.usage, Tokens { input: 2, output: 7, ..Tokens::default() });

    let mut several = request();
    several.system = Some("Be short.".into());
    several.messages = vec![Message::user("A?"), Message::assistant("B."), Message::user("C?")];
    several.schema = Some(OutputSchema { name: "x".into(), schema: json!({"type": "null"}), strict: false });
    let expected = "Be short.\n\nUser: A?\n\nAssistant: B.\n\nUser: C?\n\n\
                    Answer with JSON alone, of this JSON schema:\n{\"type\":\"null\"}";
    assert_eq!(ask(&shell("cat"), &several).0.unwrap().text(), expected);

    let program =
        Program { env: vec![("WHO".into(), "me".into())], dir: Some("/".into()), ..shell("echo $WHO $PWD") };
    assert_eq!(ask(&program, &request()).0.unwrap().text(), "me /");
}

#[test]
fn json_goes_in_and_json_comes_out() {
    let script = r#"grep -q '"model":"tiny"' && echo '{"text": "Hi", "model": "tiny-1", "id": "7", "stop": "length",
        "parts": [{"type": "tool_call", "id": "c", "name": "look", "input": {"a": 1}}],
        "usage": {"input_tokens": 3, "output": 2, "cache_read": 1}}'"#;
    let (reply, told) = ask(&json_shell(script), &request());
    let reply = reply.unwrap();
    let call = Part::ToolCall { id: "c".into(), name: "look".into(), input: json!({"a": 1}) };
    assert_eq!(reply.parts, [Part::Text { text: "Hi".into() }, call]);
    assert_eq!((reply.id.as_str(), reply.model.as_str(), reply.stop), ("7", "tiny-1", Stop::Length));
    assert_eq!(reply.usage, Tokens { input: 3, output: 2, cache_read: 1, cache_write: 0 });
    assert!(!reply.estimated);
    assert_eq!(told, ["Hi", "<look>"]);
    let plain = ask(&json_shell(r#"echo '{"text": "Hi"}'"#), &request()).0.unwrap();
    assert_eq!((plain.stop, plain.estimated, plain.model.as_str()), (Stop::End, true, "tiny"));
}

#[test]
fn programs_fail_in_ways_that_are_told_apart() {
    for (program, kind, says) in [
        (shell("echo oops >&2; exit 3"), Kind::BadRequest, "local: the program ended with status 3: oops"),
        (shell("exit 75"), Kind::Overloaded, "local: the program ended with status 75"),
        (shell("kill -9 $$"), Kind::BadAnswer, "local: the program ended with signal 9"),
        (json_shell("echo hello"), Kind::BadAnswer, "cannot be understood"),
        (json_shell("echo '{}'"), Kind::BadAnswer, "neither text nor parts"),
        (
            json_shell(r#"echo '{"error": {"type": "rate_limit_error", "message": "slow"}}'"#),
            Kind::RateLimited,
            "slow",
        ),
        (
            Program::new("local", vec!["/no/such/program".into()]),
            Kind::NotFound,
            "cannot start /no/such/program",
        ),
        (Program::new("local", vec!["/etc/passwd".into()]), Kind::NotFound, "cannot start /etc/passwd"),
        (Program::new("local", Vec::new()), Kind::BadRequest, "no program is named"),
    ] {
        let error = ask(&program, &request()).0.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(says), "{error}");
    }
}

#[test]
fn whoever_does_not_listen_is_heard_all_the_same() {
    let mut request = request();
    request.messages = vec![Message::user("x".repeat(4 << 20))];
    assert_eq!(ask(&shell("echo no time"), &request).0.unwrap().text(), "no time");
    let length = 3_000_000;
    let program = shell(&format!("head -c {length} /dev/zero | tr '\\0' y; head -c 2000000 /dev/zero >&2"));
    assert_eq!(ask(&program, &request).0.unwrap().text().len(), length);
}

/// Whether a process is there and runs.
fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next()).is_some_and(|state| state != "Z")
}

fn wait_until(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < Duration::from_secs(60), "it never came");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn nothing_of_a_program_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let pids = |name: &str| -> Vec<String> {
        let text = fs::read_to_string(dir.path().join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    let sleepers = |name: &str, then: &str| {
        let file = dir.path().join(name);
        let file = Path::display(&file);
        // One that ignores the polite signal, and one that holds the output open.
        shell(&format!("trap '' TERM; sleep 300 & echo $! > {file}; echo $$ >> {file}; {then}"))
    };
    // It ends well and leaves something behind.
    let reply = ask(&sleepers("left", "echo fine"), &request()).0.unwrap();
    assert_eq!((reply.text().as_str(), pids("left").len()), ("fine", 2));
    wait_until(|| pids("left").iter().all(|pid| !runs(pid)));
    // Its time is over.
    let late = Program { limit: Some(Duration::from_millis(500)), ..sleepers("late", "wait") };
    let error = ask(&late, &request()).0.unwrap_err();
    assert_eq!((error.kind, error.may_have_spent()), (Kind::Timeout, true));
    wait_until(|| pids("late").iter().all(|pid| !runs(pid)));
    // Nobody wants it any more.
    let file = dir.path().join("unwanted");
    let patience = Patience::new(move || fs::read_to_string(&file).unwrap_or_default().lines().count() < 2);
    let error = ask_with(&sleepers("unwanted", "wait"), &request(), &patience).0.unwrap_err();
    assert_eq!(error.kind, Kind::Cancelled);
    wait_until(|| pids("unwanted").iter().all(|pid| !runs(pid)));
}
