//! What others wrote: an independent mock of the services, and the official clients. `cargo xtask test` installs
//! them; without them these tests say that they did not run.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use windlass_llm::{Choice, Kind, Message, OutputSchema, Part, Request, Role, Stop, Tokens};

use crate::{
    ask,
    bodies::full,
    providers_at,
    replies::fixture,
    server::{Server, json as send, stream},
};

/// Where they are installed; none, said loudly, if nobody did.
fn oracles() -> Option<PathBuf> {
    let found = env::var_os("WINDLASS_LLM_ORACLES").filter(|folder| !folder.is_empty());
    if found.is_none() {
        let test = thread::current();
        let test = test.name().unwrap_or("a test");
        // Past the harness, which would keep it to itself.
        let what =
            "needs the official clients and an independent mock and was not run: `cargo xtask test` runs it";
        writeln!(std::io::stderr(), "{test} {what}").ok();
    }
    found.map(PathBuf::from)
}

/// The mock `@copilotkit/aimock`, on a port of its own, until it is dropped.
struct Mock {
    process: Child,
    url: String,
}

impl Mock {
    fn start(folder: &std::path::Path, fixtures: &Value) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("fixtures.json");
        fs::write(&file, fixtures.to_string()).unwrap();
        let mut node = Command::new("node");
        node.arg(folder.join("node_modules/@copilotkit/aimock/dist/cli.js"));
        node.args(["--port", "0", "--strict", "--fixtures"]).arg(&file);
        let mut process = node.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let found = lines.find_map(|line| line.unwrap().split("listening on ").nth(1).map(str::to_owned));
        // It goes on talking, and must not be stopped by a full pipe.
        thread::spawn(move || lines.for_each(drop));
        Self { process, url: found.expect("it says where it listens") }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[test]
fn an_independent_mock_is_understood_in_every_format() {
    let Some(folder) = oracles() else { return };
    let usage = json!({
        "input_tokens": 11, "output_tokens": 7, "prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
    });
    let words = "Grüß Gott! A longer text that comes in several pieces.";
    let busy = |kind: &str, status: u16| json!({"error": {"message": "no", "type": kind}, "status": status, "retryAfter": 3});
    let mock = Mock::start(
        &folder,
        &json!({"fixtures": [
            {"match": {"toolCallId": "c1"}, "response": {"content": "It is cold."}},
            {"match": {"userMessage": "text"}, "response": {"content": words, "usage": usage}},
            {"match": {"userMessage": "both"}, "response": {
                "content": "I look.", "toolCalls": [{"name": "weather", "arguments": "{\"city\":\"Wien\"}"}],
            }},
            {"match": {"userMessage": "limit"}, "response": busy("rate_limit_error", 429)},
            {"match": {"userMessage": "busy"}, "response": busy("overloaded_error", 529)},
            {"match": {"userMessage": "cut"}, "response": {"content": words}, "truncateAfterChunks": 2},
        ]}),
    );
    for (format, provider) in providers_at(&mock.url) {
        let asked = |text: &str| {
            ask(&*provider, &Request { tools: full().tools, ..Request::new("gpt-4o", text, 50) })
        };
        let (reply, told) = asked("text");
        let reply = reply.unwrap();
        assert_eq!((reply.text().as_str(), reply.stop), (words, Stop::End), "{format}");
        assert_eq!(reply.usage, Tokens { input: 11, output: 7, ..Tokens::default() }, "{format}");
        assert!(told.len() > 1 && told.concat() == words && !reply.estimated, "{format} {told:?}");

        let reply = asked("both").0.unwrap();
        let calls: Vec<_> = reply.calls().map(|(_, name, input)| (name, input.clone())).collect();
        assert_eq!((reply.text().as_str(), reply.stop), ("I look.", Stop::ToolUse), "{format}");
        assert_eq!(calls, [("weather", json!({"city": "Wien"}))], "{format}");

        let call = Part::ToolCall { id: "c1".into(), name: "weather".into(), input: json!({}) };
        let result = Part::ToolResult { id: "c1".into(), content: "-5".into(), failed: false };
        let turn = |role, part| Message { role, parts: vec![part] };
        let messages = vec![Message::user("both"), turn(Role::Assistant, call), turn(Role::User, result)];
        let reply = ask(&*provider, &Request { messages, ..Request::new("gpt-4o", "", 50) }).0.unwrap();
        assert_eq!(reply.text(), "It is cold.", "{format}");

        let error = asked("limit").0.unwrap_err();
        assert_eq!(
            (error.kind, error.retry_after),
            (Kind::RateLimited, Some(Duration::from_secs(3))),
            "{format}"
        );
        assert!(error.request_id.is_some(), "{format}");
        assert_eq!(asked("busy").0.unwrap_err().kind, Kind::Overloaded, "{format}");
        let (reply, told) = asked("cut");
        let error = reply.unwrap_err();
        assert_eq!(error.kind, Kind::Network, "{format} {error}");
        assert_eq!(error.told, !told.is_empty(), "{format}");
        assert!(words.starts_with(&told.concat()), "{format} {told:?}");
        assert_eq!(asked("something else").0.unwrap_err().status.map(|s| s >= 400), Some(true), "{format}");
    }
}

/// Runs the script with the official clients.
fn clients(folder: &std::path::Path, url: &str, input: &Value) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/clients.py");
    let mut python = Command::new(folder.join("venv/bin/python"));
    python.args(["-B", script, url]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Nothing of this machine's own accounts and proxies.
    for name in ["OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"] {
        python.env_remove(name);
    }
    let mut process = python.env("NO_PROXY", "*").spawn().unwrap();
    process.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}\n{err}"))
}

/// Answers as the model is named: `text`, `tools` and so on; `busy` is overloaded.
fn server() -> Server {
    Server::start(|ask, way| match ask.body["model"].as_str().unwrap() {
        "busy" => {
            let error =
                json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
            send(way, "529 Overloaded", "", &error)
        }
        "some-model" => stream(way, fixture(ask.format(), "text")),
        name => stream(way, fixture(ask.format(), name)),
    })
}

#[test]
fn the_official_clients_read_our_fixtures_as_we_do() {
    let Some(folder) = oracles() else { return };
    let server = server();
    let read =
        clients(&folder, &server.url(""), &json!({"read": ["text", "tools", "length", "schema", "busy"]}));
    for (format, provider) in providers_at(&server.url("")) {
        for name in ["text", "tools", "length", "schema"] {
            let reply = ask(&*provider, &Request::new(name, "Well?", 9)).0.unwrap();
            let theirs = &read[format][name];
            let usage = reply.usage;
            // Anthropic's client has a call of the forced tool where we, not asked for a schema, have one too.
            let calls: Vec<Value> = reply.calls().map(|(id, name, input)| json!([id, name, input])).collect();
            let ours = json!({
                "text": reply.text(), "calls": calls, "id": reply.id, "model": reply.model,
                "input": usage.input, "output": usage.output, "read": usage.cache_read, "write": usage.cache_write,
            });
            assert_eq!(*theirs, ours, "{format} {name}");
        }
        assert_eq!(read[format]["busy"], json!({"status": 529}), "{format}");
    }
}

#[test]
fn the_official_clients_send_what_we_send() {
    let Some(folder) = oracles() else { return };
    let server = server();
    let mut bodies = Vec::new();
    for (format, provider) in providers_at(&server.url("")) {
        let with_schema = |strict| {
            let schema = OutputSchema { name: "answer".into(), schema: json!({"type": "object"}), strict };
            Request { schema: Some(schema), tools: Vec::new(), tool_choice: Choice::Auto, ..full() }
        };
        let choice = |choice| Request { tool_choice: choice, ..full() };
        let named = choice(Choice::Tool("weather".into()));
        for mut request in [full(), with_schema(true), with_schema(false), choice(Choice::None), named] {
            match format {
                "openai-responses" => request.stop.clear(),
                // We speak version 2023-06-01; the client speaks 2026-10-21, which takes neither of them.
                "anthropic" => (request.temperature, request.top_p) = (None, None),
                _ => {}
            }
            ask(&*provider, &request).0.unwrap();
            bodies.push(json!([format, server.asked().last().unwrap().body]));
        }
    }
    let before = server.asked().len();
    // The script checks each body against the client's own types, and sends it by the client.
    let sent = clients(&folder, &server.url(""), &json!({"send": bodies}));
    assert_eq!(sent, json!({"sent": bodies.len()}));
    let asked = server.asked();
    let theirs: Vec<Value> = asked[before..].iter().map(|ask| json!([ask.format(), ask.body])).collect();
    assert_eq!(theirs, bodies);
    let ours = &asked[..before];
    for (theirs, ours) in asked[before..].iter().zip(ours) {
        assert_eq!(theirs.header("content-type"), ours.header("content-type"));
        if ours.format() != "anthropic" {
            assert_eq!(theirs.header("authorization"), ours.header("authorization"));
        }
        assert_eq!(theirs.path, ours.path);
    }
}
