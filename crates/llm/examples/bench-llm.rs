//! Measures what a request to a language model costs besides the bare HTTP call. `cargo xtask bench llm`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to the person who measures")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use windlass_http as http;
use windlass_llm::{
    Anthropic, Chat, Client, Limiter, Limits, Patience, Provider, Quirks, Request, Responses, Retry, Service,
    sse::Parser,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How many pieces a reply comes in.
const PIECES: usize = 200;
/// How many requests are made at once in the last case, and how long the server takes for each.
const THREADS: usize = 64;
const DELAY: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-llm: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let (mut count, mut save) = (1000, true);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--requests" => count = args.next().ok_or("--requests needs a value")?.parse()?,
            "--no-save" => save = false,
            _ => return Err(format!("unknown option {arg}").into()),
        }
    }
    let parsed = parse();
    println!("server-sent events: {:.0} MB/s, {:.0} ns an event\n", parsed.0, parsed.1);
    println!(
        "{PIECES} pieces a reply, over a kept connection; processor time of the caller's thread, in µs a request\n"
    );
    println!("{:<18} {:>8} {:>8} {:>8} {:>10}", "format", "bare", "ask", "client", "over bare");
    let mut cases = Vec::new();
    for format in ["anthropic", "openai", "openai-responses"] {
        let case = measure(format, count)?;
        let field = |name: &str| case[name].as_f64().unwrap_or_default();
        println!(
            "{format:<18} {:>8.1} {:>8.1} {:>8.1} {:>10.1}",
            field("bare_us"),
            field("ask_us"),
            field("client_us"),
            field("client_us") - field("bare_us"),
        );
        cases.push(case);
    }
    let many = many(count)?;
    println!(
        "\n{count} requests, {THREADS} at once, to a server that takes {DELAY:?}: {many:.2} times the bound"
    );
    if save { keep(parsed, &cases, many) } else { Ok(()) }
}

/// Megabytes a second, and nanoseconds an event.
fn parse() -> (f64, f64) {
    let stream = events("openai");
    let mut bytes = Vec::new();
    while bytes.len() < 64 << 20 {
        bytes.extend_from_slice(stream.as_bytes());
    }
    let (mut parser, mut events) = (Parser::default(), 0u64);
    let start = Instant::now();
    for piece in bytes.chunks(16 << 10) {
        let mut each = |event: windlass_llm::sse::Event<'_>| {
            events += u64::from(!event.data.is_empty());
            Ok(())
        };
        parser.push(piece, &mut each).expect("its events are short");
    }
    let seconds = start.elapsed().as_secs_f64();
    (bytes.len() as f64 / 1e6 / seconds, seconds * 1e9 / events as f64)
}

/// A reply of a format, as its service sends it.
fn events(format: &str) -> String {
    let mut text = String::new();
    let mut event = |value: Value| {
        let name = value["type"].as_str().map(|name| format!("event: {name}\n")).unwrap_or_default();
        text.push_str(&format!("{name}data: {value}\n\n"));
    };
    let words = || (0..PIECES).map(|at| format!(" word{at}"));
    match format {
        "anthropic" => {
            let usage = json!({"input_tokens": 25, "output_tokens": 1});
            event(
                json!({"type": "message_start", "message": {"id": "m", "model": "x", "content": [], "usage": usage}}),
            );
            event(
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            );
            for word in words() {
                let delta = json!({"type": "text_delta", "text": word});
                event(json!({"type": "content_block_delta", "index": 0, "delta": delta}));
            }
            event(json!({"type": "content_block_stop", "index": 0}));
            let delta = json!({"stop_reason": "end_turn"});
            event(json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 400}}));
            event(json!({"type": "message_stop"}));
        }
        "openai" => {
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
            chunk(json!([]), json!({"prompt_tokens": 25, "completion_tokens": 400}));
            text.push_str("data: [DONE]\n\n");
        }
        _ => {
            for (number, word) in words().enumerate() {
                event(json!({
                    "type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0,
                    "delta": word, "sequence_number": number,
                }));
            }
            let said = json!({"type": "output_text", "text": words().collect::<String>()});
            let usage = json!({"input_tokens": 25, "output_tokens": 400});
            event(json!({"type": "response.completed", "response": {
                "id": "r", "model": "x", "status": "completed", "usage": usage,
                "output": [{"type": "message", "content": [said]}],
            }}));
        }
    }
    text
}

/// A server that answers everything with one stream; gives its address.
fn serve(events: String, delay: Duration) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}", listener.local_addr()?);
    let length = events.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer: Arc<str> = format!("{head}{length:x}\r\n{events}\r\n0\r\n\r\n").into();
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || serve_one(socket, &answer, delay));
        }
    });
    Ok(address)
}

fn serve_one(socket: TcpStream, answer: &str, delay: Duration) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let mut stream = BufReader::new(socket);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.trim().is_empty() {
                break;
            }
        }
        std::io::copy(&mut (&mut stream).take(length), &mut std::io::sink())?;
        if !delay.is_zero() {
            thread::sleep(delay);
        }
        stream.get_mut().write_all(answer.as_bytes())?;
    }
}

fn measure(format: &str, count: usize) -> Result<Value> {
    let url = serve(events(format), Duration::ZERO)?;
    let service = Service::new(format, url.clone(), None);
    let provider: Arc<dyn Provider> = match format {
        "anthropic" => Arc::new(Anthropic::new(service)),
        "openai" => Arc::new(Chat::new(service, Quirks::default())),
        _ => Arc::new(Responses::new(service)),
    };
    let request = Request::new("x", "Write some words about nothing in particular. ".repeat(40), 1000);
    let patience = Patience::endless();
    let ask_us = each(count, || {
        let mut letters = 0;
        let reply = provider.ask(
            &request,
            &mut |delta| {
                if let windlass_llm::Delta::Text(text) = delta {
                    letters += text.len();
                }
            },
            &patience,
        )?;
        if letters == 0 || reply.text().len() != letters {
            Err("the reply is not whole".into())
        } else {
            Ok(())
        }
    })?;
    let client = Client::new(provider, Arc::new(Limiter::new(Limits::default())), Retry::default());
    let client_us = each(count, || {
        client.ask(&request, &mut |_| {}, &patience).reply?;
        Ok(())
    })?;
    let bare = http::Client::keeping(http::Options::default());
    let mut post = http::Request::new("POST", http::Url::parse(&url)?);
    post.payload = http::Payload::Bytes(request.canonical());
    let bare_us = each(count, || {
        let mut body = Vec::new();
        bare.send(&post)?.body.read_to_end(&mut body)?;
        if body.is_empty() { Err("nothing came".into()) } else { Ok(()) }
    })?;
    Ok(
        json!({"format": format, "pieces": PIECES, "bare_us": bare_us, "ask_us": ask_us, "client_us": client_us}),
    )
}

/// How much longer many requests at once take than the server does.
fn many(count: usize) -> Result<f64> {
    let service = Service::new("openai", serve(events("openai"), DELAY)?, None);
    let chat = Arc::new(Chat::new(service, Quirks::default()));
    let limits = Limits { at_once: Some(THREADS), ..Limits::default() };
    let client = Client::new(chat, Arc::new(Limiter::new(limits)), Retry::default());
    let request = Request::new("x", "Write some words.", 1000);
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::SeqCst) < count {
                    let asked = client.ask(&request, &mut |_| {}, &Patience::endless());
                    failed.fetch_add(usize::from(asked.reply.is_err()), Ordering::SeqCst);
                }
            });
        }
    });
    let bound = DELAY.as_secs_f64() * count.div_ceil(THREADS) as f64;
    match failed.into_inner() {
        0 => Ok(start.elapsed().as_secs_f64() / bound),
        failed => Err(format!("{failed} requests of {count} failed").into()),
    }
}

/// Microseconds of this thread's processor time for each of so many calls, the first tenth left out: the median of
/// five rounds.
fn each(count: usize, mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    for _ in 0..count / 10 + 1 {
        call()?;
    }
    let mut rounds = Vec::new();
    for _ in 0..5 {
        let start = busy()?;
        for _ in 0..count {
            call()?;
        }
        rounds.push((busy()? - start) as f64 / 1e3 / count as f64);
    }
    rounds.sort_by(f64::total_cmp);
    Ok(rounds[2])
}

/// Nanoseconds that this thread has run.
fn busy() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

fn keep(parsed: (f64, f64), cases: &[Value], many: f64) -> Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let all = json!({
        "bench": "llm",
        "time": now,
        "version": env!("CARGO_PKG_VERSION"),
        "cores": thread::available_parallelism()?.get(),
        "sse_mb_per_second": parsed.0,
        "sse_ns_per_event": parsed.1,
        "cases": cases,
        "many_over_bound": many,
    });
    let file = format!("bench/results/llm-{now}.json");
    std::fs::create_dir_all("bench/results")?;
    std::fs::write(&file, format!("{all:#}\n"))?;
    println!("\n{file}");
    Ok(())
}
