//! A server that answers everything with one reply, for what is measured against it: in pieces for those who want a
//! stream, and whole for the others.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Result;

/// How many pieces a reply comes in.
pub(crate) const PIECES: usize = 200;

/// What a reply has used.
const USED: (u64, u64) = (25, 400);

/// Starts the server; gives its address. It ends with the process.
pub(crate) fn serve(format: &str, delay: Duration) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}", listener.local_addr()?);
    let answers: Arc<[String; 2]> = [streamed(&events(format)), whole()].into();
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let answers = answers.clone();
            thread::spawn(move || answer(socket, &answers, delay));
        }
    });
    Ok(address)
}

fn streamed(events: &str) -> String {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    format!("{head}{:x}\r\n{events}\r\n0\r\n\r\n", events.len())
}

/// A reply of Chat Completions, for who asks for it at once.
fn whole() -> String {
    let message = json!({"role": "assistant", "content": words().collect::<String>()});
    let usage =
        json!({"prompt_tokens": USED.0, "completion_tokens": USED.1, "total_tokens": USED.0 + USED.1});
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_760_000_000, "model": "x",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage,
    });
    let body = body.to_string();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn words() -> impl Iterator<Item = String> {
    (0..PIECES).map(|at| format!(" word{at}"))
}

fn answer(socket: TcpStream, [streamed, whole]: &[String; 2], delay: Duration) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let mut stream = BufReader::new(socket);
    while let Some(body) = request(&mut stream)? {
        if !delay.is_zero() {
            thread::sleep(delay);
        }
        let asked = String::from_utf8_lossy(&body);
        let at_once = asked.contains("\"stream\":false") || !asked.contains("\"stream\"");
        stream.get_mut().write_all(if at_once { whole } else { streamed }.as_bytes())?;
    }
    Ok(())
}

/// The body of the next request, if there is one.
fn request(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Vec<u8>>> {
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some(body))
}

/// A reply of a format in pieces, as its service sends it.
pub(crate) fn events(format: &str) -> String {
    let mut text = String::new();
    let mut event = |value: Value| {
        let name = value["type"].as_str().map(|name| format!("event: {name}\n")).unwrap_or_default();
        text.push_str(&format!("{name}data: {value}\n\n"));
    };
    match format {
        "anthropic" => anthropic(&mut event),
        "openai" => {
            chat(&mut event);
            text.push_str("data: [DONE]\n\n");
        }
        _ => responses(&mut event),
    }
    text
}

fn anthropic(event: &mut dyn FnMut(Value)) {
    let usage = json!({"input_tokens": USED.0, "output_tokens": 1});
    let message = json!({"id": "m", "model": "x", "content": [], "usage": usage});
    event(json!({"type": "message_start", "message": message}));
    event(json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}));
    for word in words() {
        let delta = json!({"type": "text_delta", "text": word});
        event(json!({"type": "content_block_delta", "index": 0, "delta": delta}));
    }
    event(json!({"type": "content_block_stop", "index": 0}));
    let delta = json!({"stop_reason": "end_turn"});
    event(json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": USED.1}}));
    event(json!({"type": "message_stop"}));
}

fn chat(event: &mut dyn FnMut(Value)) {
    let mut chunk = |choices: Value, usage: Value| {
        event(json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": "x",
            "choices": choices, "usage": usage,
        }));
    };
    for word in words() {
        chunk(json!([{"index": 0, "delta": {"content": word}, "finish_reason": null}]), Value::Null);
    }
    chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]), Value::Null);
    chunk(json!([]), json!({"prompt_tokens": USED.0, "completion_tokens": USED.1}));
}

fn responses(event: &mut dyn FnMut(Value)) {
    for (number, word) in words().enumerate() {
        event(json!({
            "type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0,
            "delta": word, "sequence_number": number,
        }));
    }
    let said = json!({"type": "output_text", "text": words().collect::<String>()});
    let usage = json!({"input_tokens": USED.0, "output_tokens": USED.1});
    event(json!({"type": "response.completed", "response": {
        "id": "r", "model": "x", "status": "completed", "usage": usage,
        "output": [{"type": "message", "content": [said]}],
    }}));
}
