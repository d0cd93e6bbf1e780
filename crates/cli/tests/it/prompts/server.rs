//! A server that speaks OpenAI's Chat Completions, for tests: it answers each request by a function.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

/// What came in: the head of a request, and its body.
pub(super) type Heard = Arc<Mutex<Vec<(String, Value)>>>;

/// What becomes of a request that is not answered.
#[derive(Clone, Copy)]
pub(super) enum Broken {
    /// It is refused: there were too many.
    Limited,
    /// The answer breaks off in its middle.
    Cut,
}

/// A server that answers every request with a text, in pieces. It ends with the test's process.
pub(super) fn serve(text: &'static str) -> (String, Heard) {
    serve_after(&[], text)
}

/// The same, once its first requests met these faults.
pub(super) fn serve_after(faults: &'static [Broken], text: &'static str) -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let heard = Heard::default();
    let kept = heard.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let heard = kept.clone();
            std::thread::spawn(move || answer(stream, faults, text, &heard));
        }
    });
    (format!("http://{address}/v1"), heard)
}

/// The heads of all requests.
pub(super) fn heads(heard: &Heard) -> Vec<String> {
    let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    heard.iter().map(|(head, _)| head.clone()).collect()
}

fn answer(mut stream: TcpStream, faults: &[Broken], text: &str, heard: &Heard) {
    while let Some((head, body)) = read(&mut stream) {
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let number = {
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.push((head, body));
            heard.len() - 1
        };
        let fault = faults.get(number).copied();
        if let Some(Broken::Limited) = fault {
            let refusal = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 2\r\n\r\n{}";
            if stream.write_all(refusal.as_bytes()).is_err() {
                return;
            }
            continue;
        }
        let (first, second) = text.split_at(text.len() / 2);
        let delta = |text: &str| json!({"id": "r1", "model": "tiny-1", "choices": [{"index": 0, "delta": {"content": text}}]});
        let end = json!({"id": "r1", "model": "tiny-1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
        let usage = json!({"id": "r1", "model": "tiny-1", "choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5}});
        let events = [delta(first), delta(second), end, usage].map(|event| format!("data: {event}\n\n"));
        let content = events.concat() + "data: [DONE]\n\n";
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}\r\n\r\n",
            content.len()
        );
        let whole = head + &content;
        let told = if fault.is_some() { whole.len() / 2 } else { whole.len() };
        if stream.write_all(&whole.as_bytes()[..told]).is_err() || fault.is_some() {
            return;
        }
    }
}

/// The head and the body of the next request.
fn read(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let split = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        more(stream, &mut bytes)?;
    };
    let head = String::from_utf8_lossy(&bytes[..split]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let mut body = bytes.split_off(split + 4);
    while body.len() < length.unwrap_or(0) {
        more(stream, &mut body)?;
    }
    Some((head, body))
}

fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return None,
            Ok(count) => {
                bytes.extend_from_slice(&piece[..count]);
                return Some(());
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}
