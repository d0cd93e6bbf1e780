//! Replies of each format, from streams as the services send them.

use serde_json::{Value, json};
use windlass_llm::{Kind, OutputSchema, Part, Quirks, Reply, Request, Service, Stop, Tokens};

use crate::{
    ask, providers,
    server::{Server, answer, json as send, stream},
};

/// A stream as a service sends it, by format and name.
pub(crate) fn fixture(format: &str, name: &str) -> &'static str {
    macro_rules! fixtures {
        ($($file:literal)*) => { [$(($file, include_str!(concat!("fixtures/", $file, ".sse"))),)*] };
    }
    let all = fixtures!(
        "anthropic-text" "anthropic-tools" "anthropic-length" "anthropic-schema" "anthropic-error"
        "openai-text" "openai-tools" "openai-length" "openai-schema" "openai-error"
        "openai-responses-text" "openai-responses-tools" "openai-responses-length" "openai-responses-schema"
        "openai-responses-error"
    );
    let wanted = format!("{format}-{name}");
    all.iter().find(|(file, _)| *file == wanted).map(|(_, text)| *text).unwrap()
}

fn request() -> Request {
    Request::new("some-model", "Well?", 100)
}

fn text(text: &str) -> Part {
    Part::Text { text: text.into() }
}

fn call(id: &str, name: &str, input: Value) -> Part {
    Part::ToolCall { id: id.into(), name: name.into(), input }
}

fn own(value: Value) -> Part {
    Part::Own { value }
}

/// What all formats say of one conversation; ids are theirs.
fn expected(name: &str, id: &str) -> (Vec<Part>, Stop, u64, Vec<&'static str>) {
    let looked = || {
        let (first, second) = (format!("{id}_1"), format!("{id}_2"));
        vec![
            text("Let me look."),
            call(&first, "weather", json!({"city": "Wien"})),
            call(&second, "clock", json!({})),
        ]
    };
    match name {
        "text" => (vec![text("Grüß Gott!")], Stop::End, 7, vec!["Grüß", " Gott", "!"]),
        "tools" => (looked(), Stop::ToolUse, 30, vec!["Let me look.", "<weather>", "<clock>"]),
        "length" => (vec![text("One, two")], Stop::Length, 8, vec!["One, two"]),
        _ => (vec![text("{\"score\": 95}")], Stop::End, 9, vec!["{\"score\":", " 95}"]),
    }
}

#[test]
fn streams_become_the_same_reply_in_every_format() {
    for name in ["text", "tools", "length", "schema"] {
        let server = Server::start(move |ask, way| stream(way, fixture(ask.format(), name)));
        for (format, provider) in providers(&server) {
            let mut request = request();
            if name == "schema" {
                let schema = json!({"type": "object"});
                request.schema = Some(OutputSchema { name: "answer".into(), schema, strict: false });
            }
            let id = if format == "anthropic" { "toolu" } else { "call" };
            let (mut parts, stop, output, told) = expected(name, id);
            if (format, name) == ("anthropic", "length") {
                parts.insert(0, own(json!({"type": "thinking", "thinking": "hm", "signature": "abc"})));
            }
            let (reply, heard) = ask(&*provider, &request);
            let reply = reply.unwrap();
            let usage = Tokens { input: 25, output, cache_read: 200, cache_write: 100 };
            assert_eq!((&reply.parts, reply.stop, reply.usage), (&parts, stop, usage), "{format} {name}");
            assert!(!reply.estimated && !reply.id.is_empty() && reply.model.contains('-'), "{reply:?}");
            assert_eq!(heard, told, "{format} {name}");
            // What goes into records comes back from them.
            let record = serde_json::to_string(&reply).unwrap();
            assert_eq!(serde_json::from_str::<Reply>(&record).unwrap(), reply);
        }
    }
}

#[test]
fn an_answer_in_one_piece_is_a_reply_too() {
    let server = Server::start(|ask, way| {
        let usage = json!({"input_tokens": 3, "output_tokens": 2});
        let body = match ask.format() {
            "anthropic" => json!({
                "id": "m", "model": "x-1", "stop_reason": "end_turn", "usage": usage,
                "content": [{"type": "thinking", "thinking": "nobody signed it"}, {"type": "new"},
                    {"type": "redacted_thinking", "data": "xyz"}, {"type": "text", "text": "Hi"}],
            }),
            "openai" => json!({
                "id": "m", "model": "x-1",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 2},
            }),
            _ => json!({
                "id": "m", "model": "x-1", "status": "completed", "usage": usage,
                "output": [{"type": "reasoning", "summary": []}, {"type": "new"},
                    {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "xyz"},
                    {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}],
            }),
        };
        send(way, "200 OK", "", &body)
    });
    for (format, provider) in providers(&server) {
        let (reply, told) = ask(&*provider, &request());
        let reply = reply.unwrap();
        assert_eq!((reply.text().as_str(), reply.stop), ("Hi", Stop::End), "{format}");
        assert_eq!(reply.usage, Tokens { input: 3, output: 2, ..Tokens::default() }, "{format}");
        assert_eq!(told, ["Hi"], "{format}");
        let thoughts: Vec<Part> = match format {
            "anthropic" => vec![own(json!({"type": "redacted_thinking", "data": "xyz"}))],
            "openai" => Vec::new(),
            _ => {
                vec![own(json!({"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "xyz"}))]
            }
        };
        assert_eq!(reply.parts[..reply.parts.len() - 1], thoughts, "{format}");
    }
}

#[test]
fn a_stream_that_does_not_say_so_is_one_all_the_same() {
    let server = Server::start(|ask, way| {
        answer(way, "200 OK", "Content-Type: text/plain\r\n", fixture(ask.format(), "text"))
    });
    for (format, provider) in providers(&server) {
        assert_eq!(ask(&*provider, &request()).0.unwrap().text(), "Grüß Gott!", "{format}");
    }
}

#[test]
fn usage_that_nobody_told_is_estimated_and_says_so() {
    // Twelve letters asked, nine answered.
    let request = Request::new("m", "0123456789ab", 100);
    let server = Server::start(|ask, way| {
        let events = match ask.format() {
            "anthropic" => {
                fixture("anthropic", "text").replace("25", "0").replace("100", "0").replace("200", "0")
            }
            format => fixture(format, "text").replace("\"usage\"", "\"unused\""),
        };
        let events = events
            .replace("\"output_tokens\":1", "\"x\":1")
            .replace("\"output_tokens\":7", "\"output_tokens\":0");
        stream(way, &events)
    });
    for (format, provider) in providers(&server) {
        let reply = ask(&*provider, &request).0.unwrap();
        assert!(reply.estimated, "{format}");
        assert_eq!(reply.usage, Tokens { input: 3, output: 3, ..Tokens::default() }, "{format}");
    }
}

#[test]
fn connections_are_kept_from_request_to_request() {
    let server = Server::start(|ask, way| stream(way, fixture(ask.format(), "text")));
    for (at, (format, provider)) in providers(&server).into_iter().enumerate() {
        for _ in 0..4 {
            ask(&*provider, &request()).0.unwrap();
        }
        assert_eq!(server.connections(), at + 1, "{format}");
    }
}

#[test]
fn refusals_are_replies() {
    let server = Server::start(|ask, way| {
        let events = match ask.format() {
            "anthropic" => fixture("anthropic", "text").replace("end_turn", "refusal"),
            "openai" => fixture("openai", "text").replace("{\"content\":", "{\"refusal\":"),
            _ => fixture("openai-responses", "text")
                .replace("\"output_text\",\"text\"", "\"refusal\",\"refusal\""),
        };
        stream(way, &events)
    });
    for (format, provider) in providers(&server) {
        let reply = ask(&*provider, &request()).0.unwrap();
        assert_eq!((reply.stop, reply.text().as_str()), (Stop::Refused, "Grüß Gott!"), "{format}");
    }
}

#[test]
fn chat_servers_may_differ_from_the_original() {
    let ending = |last: &'static str| Server::streaming(last);
    for (events, text, stop) in [
        // No end mark, no id, no empty line after the last event.
        (r#"data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}"#, "Hi", Stop::End),
        (
            "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\",\"stop_reason\":\"END\"}]}\n\n",
            "Hi",
            Stop::StopWord,
        ),
        // Whole calls without an index.
        (
            "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n\n\
             data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":\"oops\"}}]},\"finish_reason\":\"stop\"}]}\n\n",
            "",
            Stop::ToolUse,
        ),
    ] {
        let server = ending(events);
        let service = Service::new("other", server.url("/v1"), None);
        let reply = ask(&windlass_llm::Chat::new(service, Quirks::of_others()), &request()).0.unwrap();
        assert_eq!((reply.text().as_str(), reply.stop), (text, stop));
        if stop == Stop::ToolUse {
            let calls: Vec<_> = reply.calls().map(|(id, name, input)| (id, name, input.clone())).collect();
            assert_eq!(calls, [("a", "f", json!({})), ("b", "g", json!("oops"))]);
        }
        assert_eq!(server.asked()[0].header("authorization"), None);
    }
}

#[test]
fn tokens_are_counted_where_the_format_can() {
    let server = Server::start(|ask, way| match ask.path.as_str() {
        "/v1/messages/count_tokens" | "/v1/responses/input_tokens" => {
            assert!(ask.body.get("max_tokens").is_none() && ask.body.get("stream").is_none());
            send(way, "200 OK", "", &json!({"input_tokens": 14}))
        }
        _ => answer(way, "404 Not Found", "", "no"),
    });
    let counts =
        providers(&server).map(|(_, p)| p.count(&request(), &windlass_llm::Patience::endless()).unwrap());
    assert_eq!(counts, [Some(14), None, Some(14)]);
    let server = Server::start(|_, way| answer(way, "404 Not Found", "", "no"));
    let counts =
        providers(&server).map(|(_, p)| p.count(&request(), &windlass_llm::Patience::endless()).unwrap());
    assert_eq!(counts, [None; 3]);
    let server = Server::start(|_, way| answer(way, "200 OK", "", "<html>"));
    let (_, provider) = providers(&server).into_iter().next().unwrap();
    let error = provider.count(&request(), &windlass_llm::Patience::endless()).unwrap_err();
    assert_eq!(error.kind, Kind::BadAnswer);
}
