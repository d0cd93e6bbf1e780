//! What each format sends for one request.

use serde_json::{Map, Value, json};
use windlass_llm::{
    Anthropic, Chat, Choice, Key, Kind, Message, OutputSchema, Part, Patience, Provider, Quirks, Request,
    Role, Service, Tool,
};

use crate::{
    KEY, ask, providers,
    replies::fixture,
    server::{Server, stream},
};

/// What Anthropic's models have thought, as it comes and goes.
fn thought() -> Value {
    json!({"type": "thinking", "thinking": "Hm.", "signature": "abc"})
}

/// The same of OpenAI's.
fn reasoning() -> Value {
    json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "xyz"})
}

/// A request that says all that can be said.
pub(crate) fn full() -> Request {
    let call = |id: &str, input: Value| Part::ToolCall { id: id.into(), name: "weather".into(), input };
    let result = |id: &str, failed: bool| Part::ToolResult { id: id.into(), content: "5 °C".into(), failed };
    let said = Part::Text { text: "And now?".into() };
    Request {
        model: "some-model".into(),
        system: Some("Be short.".into()),
        messages: vec![
            Message::user("Weather?"),
            Message {
                role: Role::Assistant,
                parts: vec![
                    Part::Own { value: thought() },
                    Part::Own { value: reasoning() },
                    Part::Text { text: "I look.".into() },
                    call("c1", json!({"city": "Wien"})),
                    call("c2", json!("not JSON")),
                ],
            },
            Message { role: Role::User, parts: vec![said, result("c1", false), result("c2", true)] },
        ],
        max_output_tokens: 64,
        temperature: Some(0.5),
        top_p: Some(0.9),
        stop: vec!["END".into()],
        seed: Some(7),
        tools: vec![Tool {
            name: "weather".into(),
            description: "Tells the weather.".into(),
            schema: json!({"type": "object", "properties": {"city": {"type": "string"}}}),
        }],
        tool_choice: Choice::Any,
        schema: None,
        stable: 1,
        user: Some("u-1".into()),
        extra: Map::from_iter([("service_tier".to_owned(), json!("auto"))]),
    }
}

fn sent(server: &Server) -> Value {
    server.asked().last().unwrap().body.clone()
}

/// A server that any format can ask.
fn server() -> Server {
    Server::start(|ask, way| stream(way, fixture(ask.format(), "text")))
}

#[test]
fn everything_that_can_be_said_is_sent() {
    let server = server();
    let cached = json!({"type": "ephemeral"});
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    for (format, provider) in providers(&server) {
        let mut request = full();
        if format == "openai-responses" {
            let error = ask(&*provider, &request).0.unwrap_err();
            assert_eq!(
                (error.kind, error.may_have_spent()),
                (Kind::BadRequest, false),
                "it knows no stop texts"
            );
            request.stop.clear();
        }
        ask(&*provider, &request).0.unwrap();
        let expected = match format {
            "anthropic" => json!({
                "model": "some-model", "max_tokens": 64, "stream": true, "temperature": 0.5, "top_p": 0.9,
                "stop_sequences": ["END"], "metadata": {"user_id": "u-1"}, "service_tier": "auto",
                "system": [{"type": "text", "text": "Be short.", "cache_control": cached}],
                "tools": [{"name": "weather", "description": "Tells the weather.", "input_schema": schema}],
                "tool_choice": {"type": "any"},
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "Weather?", "cache_control": cached}]},
                    {"role": "assistant", "content": [
                        thought(),
                        {"type": "text", "text": "I look."},
                        {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Wien"}},
                        {"type": "tool_use", "id": "c2", "name": "weather", "input": {"arguments": "not JSON"}},
                    ]},
                    {"role": "user", "content": [
                        {"type": "tool_result", "tool_use_id": "c1", "content": "5 °C"},
                        {"type": "tool_result", "tool_use_id": "c2", "content": "5 °C", "is_error": true},
                        {"type": "text", "text": "And now?"},
                    ]},
                ],
            }),
            "openai" => json!({
                "model": "some-model", "max_completion_tokens": 64, "stream": true, "temperature": 0.5, "top_p": 0.9,
                "stream_options": {"include_usage": true}, "seed": 7, "stop": ["END"], "user": "u-1",
                "service_tier": "auto", "tool_choice": "required",
                "tools": [{"type": "function", "function": {
                    "name": "weather", "description": "Tells the weather.", "parameters": schema,
                }}],
                "messages": [
                    {"role": "system", "content": "Be short."},
                    {"role": "user", "content": "Weather?"},
                    {"role": "assistant", "content": "I look.", "tool_calls": [
                        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Wien\"}"}},
                        {"id": "c2", "type": "function", "function": {"name": "weather", "arguments": "not JSON"}},
                    ]},
                    {"role": "tool", "tool_call_id": "c1", "content": "5 °C"},
                    {"role": "tool", "tool_call_id": "c2", "content": "5 °C"},
                    {"role": "user", "content": "And now?"},
                ],
            }),
            _ => json!({
                "model": "some-model", "max_output_tokens": 64, "stream": true, "temperature": 0.5, "top_p": 0.9,
                "store": false, "instructions": "Be short.", "safety_identifier": "u-1", "service_tier": "auto",
                "tool_choice": "required",
                "tools": [{
                    "type": "function", "name": "weather", "description": "Tells the weather.",
                    "parameters": schema, "strict": false,
                }],
                "input": [
                    {"role": "user", "content": "Weather?"},
                    reasoning(),
                    {"role": "assistant", "content": "I look."},
                    {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{\"city\":\"Wien\"}"},
                    {"type": "function_call", "call_id": "c2", "name": "weather", "arguments": "not JSON"},
                    {"type": "function_call_output", "call_id": "c1", "output": "5 °C"},
                    {"type": "function_call_output", "call_id": "c2", "output": "5 °C"},
                    {"role": "user", "content": "And now?"},
                ],
            }),
        };
        assert_eq!(sent(&server), expected, "{format}");
    }
    let asked = server.asked();
    let header = |at: usize, name: &str| asked[at].header(name).map(str::to_owned);
    assert_eq!(header(0, "x-api-key").as_deref(), Some(KEY));
    assert_eq!(header(0, "anthropic-version").as_deref(), Some("2023-06-01"));
    for at in [1, 2] {
        assert_eq!(header(at, "authorization"), Some(format!("Bearer {KEY}")));
    }
}

#[test]
fn what_is_not_said_is_not_sent() {
    let server = server();
    for (format, provider) in providers(&server) {
        ask(&*provider, &Request::new("m", "Hi", 5)).0.unwrap();
        let expected = match format {
            "anthropic" => json!({
                "model": "m", "max_tokens": 5, "stream": true,
                "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
            }),
            "openai" => json!({
                "model": "m", "max_completion_tokens": 5, "stream": true, "stream_options": {"include_usage": true},
                "messages": [{"role": "user", "content": "Hi"}],
            }),
            _ => json!({
                "model": "m", "max_output_tokens": 5, "stream": true, "store": false,
                "input": [{"role": "user", "content": "Hi"}],
            }),
        };
        assert_eq!(sent(&server), expected, "{format}");
    }
}

#[test]
fn schemas_are_sent_in_the_words_of_each_format() {
    let server = server();
    let schema = json!({"type": "object"});
    let request = |strict: bool| {
        let schema = OutputSchema { name: "answer".into(), schema: schema.clone(), strict };
        Request { schema: Some(schema), ..Request::new("m", "Hi", 5) }
    };
    let [(_, anthropic), (_, chat), (_, responses)] = providers(&server);
    ask(&*anthropic, &request(true)).0.unwrap();
    assert_eq!(sent(&server)["output_config"], json!({"format": {"type": "json_schema", "schema": schema}}));
    let forced = |body: &Value| {
        assert_eq!(body["tool_choice"], json!({"type": "tool", "name": "answer"}));
        assert_eq!((&body["tools"][0]["input_schema"], body.get("output_config")), (&schema, None));
    };
    ask(&*anthropic, &request(false)).0.unwrap();
    forced(&sent(&server));
    let by_tool = Anthropic::new(Service::new("a", server.url(""), None)).by_tool();
    ask(&by_tool, &request(true)).0.unwrap();
    forced(&sent(&server));
    let with_tools = Request { tools: full().tools, ..request(false) };
    ask(&*anthropic, &with_tools).0.unwrap();
    assert!(sent(&server).get("output_config").is_some(), "its own tools stay callable");

    for strict in [true, false] {
        let inner = json!({"name": "answer", "schema": schema, "strict": strict});
        ask(&*chat, &request(strict)).0.unwrap();
        assert_eq!(sent(&server)["response_format"], json!({"type": "json_schema", "json_schema": inner}));
        ask(&*responses, &request(strict)).0.unwrap();
        let mut format = inner;
        format["type"] = json!("json_schema");
        assert_eq!(sent(&server)["text"], json!({"format": format}));
    }
}

#[test]
fn quirks_change_what_is_sent() {
    let server = server();
    let schema = OutputSchema { name: "answer".into(), schema: json!({"type": "object"}), strict: true };
    let request = Request { schema: Some(schema), system: Some("Hm.".into()), ..Request::new("m", "Hi", 5) };
    let quirks = Quirks { max_tokens: true, no_stream_options: true, no_json_schema: true, no_stream: false };
    let ask_as = |quirks: Quirks| {
        let service = Service {
            headers: vec![("authorization".into(), "Custom x".into()), ("X-More".into(), "1".into())],
            ..Service::new("o", server.url("/v1/"), Some(Key::new(KEY)))
        };
        let chat = Chat::new(service, quirks);
        chat.ask(&request, &mut |_| {}, &Patience::endless()).unwrap();
        server.asked().last().unwrap().clone()
    };
    let asked = ask_as(quirks);
    let system = "Hm.\n\nAnswer with JSON alone, of this JSON schema:\n{\"type\":\"object\"}";
    let expected = json!({
        "model": "m", "max_tokens": 5, "stream": true, "response_format": {"type": "json_object"},
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": "Hi"}],
    });
    assert_eq!(asked.body, expected);
    assert_eq!((asked.header("authorization"), asked.header("x-more")), (Some("Custom x"), Some("1")));
    let asked = ask_as(Quirks { no_stream: true, ..quirks });
    assert_eq!((asked.body.get("stream"), asked.body.get("stream_options")), (None, None));
}
