//! A real model, though a tiny one with random weights, behind a server that speaks OpenAI's format. Its tokens,
//! its sampling, its streaming, its stops, its overflow and its usage are real. Its text means nothing.

mod transformer;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use windlass_llm::{
    Chat, Client, Kind, Limiter, Limits, Message, Patience, Quirks, Reply, Request, Retry, Service, Stop,
};

use crate::{
    ask,
    server::{Ask, Server, begin, json as send, piece},
};
use transformer::{CONTEXT, Model, Sampler, text_of, tokens_of};

/// The server, and how many tokens it has made.
fn serve() -> (Server, Arc<AtomicUsize>) {
    let (model, made) = (Model::new(42), Arc::new(AtomicUsize::new(0)));
    let count = made.clone();
    let server = Server::start(move |ask, way| {
        let prompt = tokens_of(&prompt_of(ask));
        let most = ask.body["max_tokens"].as_u64().unwrap() as usize;
        if prompt.len() + most > CONTEXT {
            let message = format!("This model's maximum context length is {CONTEXT} tokens.");
            let error = json!({"error": {"message": message, "code": "context_length_exceeded"}});
            return send(way, "400 Bad Request", "", &error);
        }
        let number = |name: &str| ask.body[name].as_f64();
        let seed = ask.body["seed"].as_u64().unwrap_or(1);
        let mut sampler =
            Sampler::new(seed, number("temperature").unwrap_or(1.0), number("top_p").unwrap_or(1.0));
        let stops: Vec<String> = serde_json::from_value(ask.body["stop"].clone()).unwrap_or_default();
        let chunk = |delta: Value, reason: Option<&str>| {
            let choice = json!({"index": 0, "delta": delta, "finish_reason": reason});
            format!("data: {}\n\n", json!({"id": "c", "model": "tiny", "choices": [choice]}))
        };
        let mut run = model.start(&prompt);
        let (mut text, mut output, mut reason) = (String::new(), 0, "length");
        let mut open = begin(way);
        while open && output < most {
            let token = sampler.choose(run.logits());
            output += 1;
            count.fetch_add(1, Ordering::SeqCst);
            let Some(letter) = text_of(token) else {
                reason = "stop";
                break;
            };
            text.push(letter);
            if stops.iter().any(|stop| text.ends_with(stop.as_str())) {
                reason = "stop";
                break;
            }
            open = piece(way, &chunk(json!({"content": letter.to_string()}), None));
            run.step(token);
        }
        let usage = json!({"prompt_tokens": prompt.len(), "completion_tokens": output});
        let last = json!({"choices": [], "usage": usage});
        open && piece(way, &chunk(json!({}), Some(reason)))
            && piece(way, &format!("data: {last}\n\ndata: [DONE]\n\n"))
            && std::io::Write::write_all(way, b"0\r\n\r\n").is_ok()
    });
    (server, made)
}

fn prompt_of(ask: &Ask) -> String {
    let messages = ask.body["messages"].as_array().unwrap().iter();
    messages
        .map(|m| format!("{}: {}\n", m["role"].as_str().unwrap(), m["content"].as_str().unwrap()))
        .collect()
}

fn chat(server: &Server) -> Chat {
    Chat::new(Service::new("tiny", server.url("/v1"), None), Quirks::of_others())
}

fn request(seed: i64) -> Request {
    Request { seed: Some(seed), temperature: Some(1.0), ..Request::new("tiny", "Well?", 60) }
}

fn reply(chat: &Chat, request: &Request) -> Reply {
    let (reply, told) = ask(chat, request);
    let reply = reply.unwrap();
    assert_eq!(told.concat(), reply.text());
    // A token that ends the reply is one without a text.
    let unseen = u64::from(reply.stop == Stop::End);
    assert_eq!(reply.usage.output, told.len() as u64 + unseen);
    reply
}

#[test]
fn a_real_tiny_model_whose_text_is_meaningless_samples_by_seed_and_temperature() {
    let (server, _) = serve();
    let chat = chat(&server);
    let texts: Vec<String> = (1..=4).map(|seed| reply(&chat, &request(seed)).text()).collect();
    assert_eq!(texts[0], reply(&chat, &request(1)).text(), "one seed, one text");
    assert!(texts.iter().any(|text| *text != texts[0]), "{texts:?}");
    let cold = |seed| reply(&chat, &Request { temperature: Some(0.0), ..request(seed) }).text();
    assert_eq!(cold(1), cold(2), "without chance the seed says nothing");
    let narrow = |seed| reply(&chat, &Request { top_p: Some(1e-9), ..request(seed) }).text();
    assert_eq!(narrow(1), cold(1), "only the likeliest is left");
}

#[test]
fn a_real_tiny_model_whose_text_is_meaningless_counts_and_stops() {
    let (server, _) = serve();
    let chat = chat(&server);
    // The first seed whose text is as long as it may be.
    let found =
        (1..50).map(|seed| (seed, reply(&chat, &request(seed)))).find(|(_, r)| r.stop == Stop::Length);
    let (seed, long) = found.unwrap();
    assert_eq!((long.usage.output, long.text().chars().count()), (60, 60));
    assert_eq!(long.usage.input, "user: Well?\n".len() as u64);
    let text = long.text();
    let word = &text[20..23];
    let stopped = reply_stopped(&chat, &Request { stop: vec![word.into()], ..request(seed) });
    assert!(text.starts_with(&stopped) && stopped.len() <= 22, "{stopped:?} of {text:?} at {word:?}");
    let ended = (1..200).map(|seed| reply(&chat, &request(seed))).find(|r| r.stop == Stop::End);
    assert!(ended.unwrap().usage.output < 60, "it may also have said all");
}

/// The text of a reply that a stop text has ended: its last token was counted and not told.
fn reply_stopped(chat: &Chat, request: &Request) -> String {
    let (reply, told) = ask(chat, request);
    let reply = reply.unwrap();
    assert_eq!((reply.stop, reply.usage.output), (Stop::End, told.len() as u64 + 1));
    reply.text()
}

#[test]
fn a_real_tiny_model_whose_text_is_meaningless_overflows_and_can_be_ended() {
    let (server, made) = serve();
    let chat = chat(&server);
    let mut long = request(1);
    long.messages = vec![Message::user("x".repeat(CONTEXT - 60))];
    let error = ask(&chat, &long).0.unwrap_err();
    assert_eq!(
        (error.kind, error.transient(), error.may_have_spent()),
        (Kind::TooLong, false, false),
        "{error}"
    );
    assert_eq!(made.load(Ordering::SeqCst), 0);

    // Ended after the first word, it does not go on for long: its server sees that nobody listens.
    let wanted = Arc::new(AtomicBool::new(true));
    let alive = wanted.clone();
    let patience = Patience::new(move || alive.load(Ordering::SeqCst));
    let client = Client::new(Arc::new(chat), Arc::new(Limiter::new(Limits::default())), Retry::default());
    let most = CONTEXT as u32 - 20;
    let asked = client.ask(
        &Request { max_output_tokens: most, ..request(1) },
        &mut |_| wanted.store(false, Ordering::SeqCst),
        &patience,
    );
    assert_eq!(asked.unsure(), 1);
    assert_eq!(asked.reply.unwrap_err().kind, Kind::Cancelled);
    let (start, mut before) = (Instant::now(), usize::MAX);
    while before != made.load(Ordering::SeqCst) {
        assert!(start.elapsed() < Duration::from_secs(60));
        before = made.load(Ordering::SeqCst);
        thread::sleep(Duration::from_millis(300));
    }
    assert!(before < most as usize, "{before} tokens were made");
}
