//! Asking again, and waiting in line, with real connections.

use std::{
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use windlass_llm::{
    Anthropic, Asked, Client, Delta, Key, Kind, Limiter, Limits, Patience, Progress, Request, Retry, Service,
    Tokens,
};

use crate::{
    KEY,
    replies::fixture,
    server::{Server, begin, json as send, piece, stream},
};

const SOON: Duration = Duration::from_millis(1);

fn retry() -> Retry {
    Retry { base: SOON, ..Retry::default() }
}

fn client(server: &Server, limits: Limits, retry: Retry) -> Client {
    let service = Service::new("anthropic", server.url(""), Some(Key::new(KEY)));
    Client::new(Arc::new(Anthropic::new(service)), Arc::new(Limiter::new(limits)), retry)
}

/// What happened, in words.
fn ask(client: &Client, patience: &Patience) -> (Asked, Vec<String>) {
    let mut happened = Vec::new();
    let mut tell = |progress: Progress<'_>| {
        happened.push(match progress {
            Progress::Delta(Delta::Text(text)) => text.to_owned(),
            Progress::Delta(Delta::Call(name)) => format!("<{name}>"),
            Progress::Restart => "again".into(),
            Progress::Attempt(attempt) => match attempt.failed {
                None => format!("{} ok", attempt.number),
                Some(kind) => format!("{} {kind}", attempt.number),
            },
        });
    };
    let asked = client.ask(&Request::new("m", "Well?", 100), &mut tell, patience);
    (asked, happened)
}

fn whole(way: &mut TcpStream) -> bool {
    stream(way, fixture("anthropic", "text"))
}

fn refuse(way: &mut TcpStream, status: &str, headers: &str) -> bool {
    send(way, status, headers, &json!({"error": {"type": "x", "message": "no"}}))
}

#[test]
fn what_may_help_is_tried_again() {
    let server = Server::start(|ask, way| match ask.number {
        0 => refuse(way, "429 Too Many Requests", "retry-after-ms: 20\r\n"),
        1 => refuse(way, "529 Overloaded", ""),
        2 => broken(way),
        _ => whole(way),
    });
    let (asked, happened) = ask(&client(&server, Limits::default(), retry()), &Patience::endless());
    assert_eq!(asked.reply.as_ref().unwrap().text(), "Grüß Gott!");
    let told = [
        "1 rate_limited",
        "2 overloaded",
        "Grüß",
        " Gott",
        "3 network",
        "again",
        "Grüß",
        " Gott",
        "!",
        "4 ok",
    ];
    assert_eq!(happened, told);
    let seen: Vec<_> =
        asked.attempts.iter().map(|a| (a.status, a.usage, a.unsure, a.wait_ms.is_some())).collect();
    let usage = |output| Some(Tokens { input: 25, output, cache_read: 200, cache_write: 100 });
    let expected = [
        (Some(429), None, false, true),
        (Some(529), None, false, true),
        (None, usage(3), true, true),
        (None, usage(7), false, false),
    ];
    assert_eq!(seen, expected);
    assert_eq!((asked.wasted(), asked.unsure()), (usage(3).unwrap(), 1));
    assert!(asked.attempts[0].wait_ms >= Some(20));
    assert!(asked.attempts[2].first_ms.is_some() && asked.attempts[0].first_ms.is_none());
}

/// The connection ends after a few words.
fn broken(way: &mut TcpStream) -> bool {
    let events = fixture("anthropic", "text");
    let end = events.find("Gott").unwrap();
    let end = end + events[end..].find("\n\n").unwrap() + 2;
    let _ = begin(way) && piece(way, &events[..end]);
    false
}

#[test]
fn what_cannot_help_is_not_tried_again() {
    for (status, headers, kind, policy) in [
        ("401 Unauthorized", "", Kind::Auth, retry()),
        ("400 Bad Request", "", Kind::BadRequest, retry()),
        ("503 Service Unavailable", "", Kind::Overloaded, Retry::never()),
        ("429 Too Many Requests", "Retry-After: 3000\r\n", Kind::RateLimited, retry()),
        (
            "429 Too Many Requests",
            "Retry-After: 30\r\n",
            Kind::RateLimited,
            Retry { deadline: Some(Duration::from_secs(20)), ..retry() },
        ),
    ] {
        let server = Server::start(move |_, way| refuse(way, status, headers));
        let (asked, _) = ask(&client(&server, Limits::default(), policy), &Patience::endless());
        assert_eq!((asked.reply.unwrap_err().kind, server.asked().len()), (kind, 1), "{status}");
    }
    let server = Server::start(|_, way| broken(way));
    let policy = Retry { paid: false, ..retry() };
    let (asked, _) = ask(&client(&server, Limits::default(), policy), &Patience::endless());
    assert_eq!((asked.reply.unwrap_err().kind, server.asked().len()), (Kind::Network, 1));
}

#[test]
fn attempts_are_used_up_and_counted() {
    let server = Server::start(|_, way| refuse(way, "503 Service Unavailable", ""));
    let (asked, _) = ask(&client(&server, Limits::default(), retry()), &Patience::endless());
    let error = asked.reply.unwrap_err();
    assert_eq!((asked.attempts.len(), server.asked().len()), (5, 5));
    assert_eq!(error.message, "anthropic: no (x) (attempt 5, the last)");
}

#[test]
fn an_attempt_has_its_time_and_all_have_theirs() {
    let server = Server::start(|ask, way| {
        if ask.number > 0 {
            return whole(way);
        }
        thread::sleep(Duration::from_secs(4));
        false
    });
    let policy = Retry { attempt: Some(Duration::from_millis(1500)), ..retry() };
    let (asked, happened) = ask(&client(&server, Limits::default(), policy), &Patience::endless());
    assert!(asked.reply.is_ok(), "{happened:?}");
    assert_eq!(happened[0], "1 timeout");
    assert!(asked.unsure() >= 1);

    let server = Server::start(|_, _| {
        thread::sleep(Duration::from_secs(4));
        false
    });
    let policy = Retry { deadline: Some(Duration::from_millis(300)), ..retry() };
    let (asked, _) = ask(&client(&server, Limits::default(), policy), &Patience::endless());
    assert_eq!((asked.reply.unwrap_err().kind, asked.attempts.len()), (Kind::Timeout, 1));
}

#[test]
fn nobody_waits_for_what_nobody_wants() {
    let server = Server::start(|_, way| refuse(way, "429 Too Many Requests", "Retry-After: 60\r\n"));
    let client = client(&server, Limits::default(), retry());
    let wanted = Arc::new(AtomicBool::new(true));
    let alive = wanted.clone();
    let patience = Patience::new(move || alive.load(Ordering::SeqCst));
    let start = Instant::now();
    let mut tell = |_: Progress<'_>| wanted.store(false, Ordering::SeqCst);
    let asked = client.ask(&Request::new("m", "Well?", 100), &mut tell, &patience);
    let error = asked.reply.unwrap_err();
    assert_eq!((error.kind, error.may_have_spent()), (Kind::Cancelled, false));
    assert!(error.message.ends_with("while waiting to ask again after: anthropic: no (x)"), "{error}");
    // The provider wants to be left alone by everybody.
    let late = Patience::endless().until(Instant::now() + Duration::from_millis(200));
    let (asked, _) = ask(&client, &late);
    assert_eq!((asked.reply.unwrap_err().kind, asked.attempts.len()), (Kind::Timeout, 0));
    assert_eq!(server.asked().len(), 1);
    assert!(start.elapsed() < Duration::from_secs(50));
}

#[test]
fn threads_share_the_limits_of_one_provider() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (running, peak) = (now, most.clone());
    let server = Server::start(move |_, way| {
        peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(20));
        running.fetch_sub(1, Ordering::SeqCst);
        whole(way)
    });
    let limits = Limits { at_once: Some(3), requests_per_minute: Some(12), tokens_per_minute: None };
    let client = client(&server, limits, retry());
    let late = Patience::endless().until(Instant::now() + Duration::from_millis(2500));
    let replies = thread::scope(|scope| {
        let threads: Vec<_> = (0..20).map(|_| scope.spawn(|| ask(&client, &late).0.reply)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).filter(Result::is_ok).count()
    });
    assert_eq!(
        (replies, server.asked().len()),
        (12, 12),
        "a minute's requests, and no more in so short a time"
    );
    assert!(most.load(Ordering::SeqCst) <= 3 && server.connections() <= 3);
}
