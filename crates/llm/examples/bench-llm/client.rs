//! What a request costs beside the bare HTTP call, without a run around it.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windlass_http as http;
use windlass_llm::sse::{Event, Parser};
use windlass_llm::{
    Anthropic, Chat, Client, Delta, Limiter, Limits, Patience, Provider, Quirks, Request, Responses, Retry,
    Service,
};

use crate::clock::{median, of_thread};
use crate::server::{PIECES, events, serve};
use crate::{DELAY, Result, THREADS};

/// The parser of server-sent events by itself.
pub(crate) fn parser() -> Value {
    let stream = events("openai");
    let mut bytes = Vec::new();
    while bytes.len() < 64 << 20 {
        bytes.extend_from_slice(stream.as_bytes());
    }
    let (mut parser, mut events) = (Parser::default(), 0u64);
    let start = Instant::now();
    for piece in bytes.chunks(16 << 10) {
        let mut each = |event: Event<'_>| {
            events += u64::from(!event.data.is_empty());
            Ok(())
        };
        parser.push(piece, &mut each).expect("its events are short");
    }
    let seconds = start.elapsed().as_secs_f64();
    let (rate, each) = (bytes.len() as f64 / 1e6 / seconds, seconds * 1e9 / events as f64);
    println!("server-sent events: {rate:.0} MB/s, {each:.0} ns an event\n");
    json!({ "case": "server-sent events", "mb_per_second": rate, "ns_per_event": each })
}

/// Each format over a kept connection, in a thread of its own.
pub(crate) fn formats(count: usize) -> Result<Vec<Value>> {
    println!(
        "a reply in {PIECES} pieces, over a kept connection; processor time of the caller's thread, in µs a request"
    );
    println!("{:<18} {:>8} {:>8} {:>8} {:>10}", "format", "bare", "ask", "client", "over bare");
    ["anthropic", "openai", "openai-responses"].into_iter().map(|format| measure(format, count)).collect()
}

fn measure(format: &str, count: usize) -> Result<Value> {
    let url = serve(format, Duration::ZERO)?;
    let service = Service::new(format, url.clone(), None);
    let provider: Arc<dyn Provider> = match format {
        "anthropic" => Arc::new(Anthropic::new(service)),
        "openai" => Arc::new(Chat::new(service, Quirks::default())),
        _ => Arc::new(Responses::new(service)),
    };
    let request = Request::new("x", "Write some words about nothing in particular. ".repeat(40), 1000);
    let patience = Patience::endless();
    let ask = each(count, || {
        let mut letters = 0;
        let mut hear = |delta: Delta<'_>| {
            if let Delta::Text(text) = delta {
                letters += text.len();
            }
        };
        let reply = provider.ask(&request, &mut hear, &patience)?;
        let whole = letters > 0 && reply.text().len() == letters;
        if whole { Ok(()) } else { Err("the reply is not whole".into()) }
    })?;
    let client = Client::new(provider, Arc::new(Limiter::new(Limits::default())), Retry::default());
    let asked = each(count, || {
        client.ask(&request, &mut |_| {}, &patience).reply?;
        Ok(())
    })?;
    let bare = bare(&url, count)?;
    let over = asked - bare;
    println!("{format:<18} {bare:>8.1} {ask:>8.1} {asked:>8.1} {over:>10.1}");
    Ok(json!({
        "case": format!("client {format}"), "pieces": PIECES, "bare_us": bare, "ask_us": ask, "client_us": asked,
        "over_bare_us": over,
    }))
}

/// The HTTP call alone, with a body of the same size: microseconds of the processor.
fn bare(url: &str, count: usize) -> Result<f64> {
    let client = http::Client::keeping(http::Options::default());
    let mut post = http::Request::new("POST", http::Url::parse(url)?);
    let body = json!({"stream": true, "text": "Write some words about nothing in particular. ".repeat(40)});
    post.payload = http::Payload::Bytes(body.to_string().into_bytes());
    each(count, || {
        let mut body = Vec::new();
        client.send(&post)?.body.read_to_end(&mut body)?;
        if body.is_empty() { Err("nothing came".into()) } else { Ok(()) }
    })
}

/// How much longer many requests at once take than the server does.
pub(crate) fn many(count: usize) -> Result<Value> {
    let service = Service::new("openai", serve("openai", DELAY)?, None);
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
    let times = start.elapsed().as_secs_f64() / crate::bound(count);
    match failed.into_inner() {
        0 => {
            println!(
                "\n{count} requests without a run, {THREADS} at once, {DELAY:?} each: {times:.2} × the bound"
            );
            Ok(json!({ "case": "client many", "requests": count, "times_bound": times }))
        }
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
        let start = of_thread()?;
        for _ in 0..count {
            call()?;
        }
        rounds.push((of_thread()? - start) as f64 / 1e3 / count as f64);
    }
    Ok(median(rounds))
}
