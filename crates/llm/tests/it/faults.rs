//! Services that fail in all the ways in which services fail.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use windlass_llm::{Anthropic, Error, Key, Kind, Patience, Provider, Request, Service, Tokens};

use crate::{
    KEY, ask, ask_with, providers,
    replies::fixture,
    server::{Server, answer, begin, json as send, piece, stream},
};

fn request() -> Request {
    Request::new("m", "Well?", 100)
}

/// The error of each format at one server, with what was told before it.
fn errors(server: &Server) -> Vec<(&'static str, Error, Vec<String>)> {
    let failed = |(format, provider): (&'static str, Box<dyn Provider>)| {
        let (reply, told) = ask(&*provider, &request());
        (format, reply.unwrap_err(), told)
    };
    providers(server).into_iter().map(failed).collect()
}

/// The first events of a stream, until the one in which a text stands.
fn until(events: &'static str, text: &str) -> &'static str {
    let at = events.find(text).unwrap();
    &events[..at + events[at..].find("\n\n").unwrap() + 2]
}

#[test]
fn refused_requests_say_why_and_when_to_come_back() {
    let server = Server::start(|_, way| {
        let error = json!({"error": {"type": "rate_limit_error", "message": format!("slow down, {KEY}")}});
        send(way, "429 Too Many Requests", "Retry-After: 7\r\nrequest-id: req_1\r\n", &error)
    });
    for (format, error, told) in errors(&server) {
        assert_eq!((error.kind, error.status), (Kind::RateLimited, Some(429)), "{format}");
        assert_eq!(error.retry_after, Some(Duration::from_secs(7)), "{format}");
        assert_eq!(error.request_id.as_deref(), Some("req_1"), "{format}");
        assert_eq!(error.message, format!("{format}: slow down, ******** (rate_limit_error)"));
        assert!(error.transient() && !error.may_have_spent() && told.is_empty(), "{format}");
    }
    let server = Server::start(|_, way| {
        let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
        send(way, "529 Overloaded", "", &error)
    });
    for (format, error, _) in errors(&server) {
        assert_eq!((error.kind, error.retry_after), (Kind::Overloaded, None), "{format}");
        assert!(error.transient(), "{format}");
    }
}

#[test]
fn errors_that_are_no_json_are_shown_in_one_line() {
    let server = Server::start(|_, way| {
        let page = format!("<html>\n<h1>502 Bad\u{1b}[31m Gateway</h1>{}</html>", "x".repeat(1 << 20));
        answer(way, "502 Bad Gateway", "Content-Type: text/html\r\n", &page)
    });
    for (format, error, _) in errors(&server) {
        assert_eq!(error.kind, Kind::Overloaded, "{format}");
        assert!(error.message.starts_with(&format!("{format}: status 502: <html> <h1>502 Bad [31m Gateway")));
        assert!(error.message.len() < 1000, "{format}");
    }
    let server = Server::start(|_, way| answer(way, "503 Service Unavailable", "", ""));
    for (format, error, _) in errors(&server) {
        assert_eq!(error.message, format!("{format}: status 503: Service Unavailable"));
    }
}

#[test]
fn a_key_goes_nowhere_else() {
    let elsewhere = Server::start(|ask, way| stream(way, fixture(ask.format(), "text")));
    let to = elsewhere.url("/v1/messages");
    let server = Server::start(move |_, way| {
        answer(way, "307 Temporary Redirect", &format!("Location: {to}\r\n"), "")
    });
    for (format, error, _) in errors(&server) {
        assert_eq!((error.kind, error.status), (Kind::NotFound, Some(307)), "{format}");
        assert!(!error.transient() && error.message.contains("the address leads to 127.0.0.1:"), "{error}");
    }
    assert_eq!(elsewhere.asked().len(), 0);
}

#[test]
fn a_stream_that_breaks_off_says_what_it_has_told_and_spent() {
    for rudely in [true, false] {
        let server = Server::start(move |ask, way| {
            let sent = begin(way) && piece(way, until(fixture(ask.format(), "text"), " Gott"));
            // Rudely the connection ends in the middle; politely the stream ends, and only the reply is incomplete.
            sent && !rudely && way.write_all(b"0\r\n\r\n").is_ok()
        });
        for (format, error, told) in errors(&server) {
            assert_eq!(error.kind, Kind::Network, "{format}: {error}");
            assert_eq!(told, ["Grüß", " Gott"], "{format}");
            assert!(error.told && error.may_have_spent() && error.transient(), "{format}");
            // Only Anthropic tells of usage at the beginning; nine letters are about three tokens.
            let spent = Tokens { input: 25, output: 3, cache_read: 200, cache_write: 100 };
            assert_eq!(error.spent, (format == "anthropic").then_some(spent), "{format}");
        }
    }
}

#[test]
fn an_error_may_come_in_the_middle_of_a_stream() {
    let server = Server::start(|ask, way| stream(way, fixture(ask.format(), "error")));
    for (format, error, told) in errors(&server) {
        assert_eq!(error.kind, Kind::Overloaded, "{format}");
        assert!(
            error.message.contains("Overloaded") && error.told && told == ["Once upon"],
            "{format}: {error}"
        );
    }
}

#[test]
fn streams_of_something_else_are_not_understood() {
    let huge = format!("data: {}\n\n", "x".repeat(20 << 20));
    let deep = format!("data: {}\n\n", "[".repeat(1 << 20));
    for events in ["data: {\"type\": \n\n".to_owned(), "event: message\ndata: 5\n\n".into(), huge, deep] {
        let server = Server::start(move |_, way| stream(way, &events));
        for (format, error, _) in errors(&server) {
            assert_eq!(error.kind, Kind::BadAnswer, "{format}: {error}");
            assert!(error.message.len() < 1000 && error.may_have_spent(), "{format}");
        }
    }
    for body in ["<html>hello</html>", "{}", "", "[1]", "null"] {
        let server =
            Server::start(move |_, way| answer(way, "200 OK", "Content-Type: application/json\r\n", body));
        for (format, error, _) in errors(&server) {
            assert_eq!(error.kind, Kind::BadAnswer, "{format} {body:?}: {error}");
        }
    }
}

#[test]
fn slow_streams_are_read_a_byte_at_a_time() {
    let server = Server::start(|ask, way| {
        let events = fixture(ask.format(), "text").as_bytes();
        let (slow, rest) = events.split_at(200);
        begin(way)
            && slow.iter().all(|byte| {
                thread::sleep(Duration::from_millis(1));
                way.write_all(&[b'1', b'\r', b'\n', *byte, b'\r', b'\n']).is_ok()
            })
            && write!(way, "{:x}\r\n", rest.len()).is_ok()
            && way.write_all(rest).and_then(|()| way.write_all(b"\r\n0\r\n\r\n")).is_ok()
    });
    for (format, provider) in providers(&server) {
        assert_eq!(ask(&*provider, &request()).0.unwrap().text(), "Grüß Gott!", "{format}");
    }
}

#[test]
fn silence_ends_and_so_does_patience() {
    let server = Server::start(|ask, way| {
        // A few words, and then nothing until the other side goes.
        let _ = begin(way) && piece(way, until(fixture(ask.format(), "text"), "Grüß"));
        thread::sleep(Duration::from_secs(5));
        false
    });
    let service = Service { silence: Duration::from_millis(300), ..Service::new("a", server.url(""), None) };
    let (reply, told) = ask(&Anthropic::new(service), &request());
    let error = reply.unwrap_err();
    assert_eq!((error.kind, told.as_slice()), (Kind::Timeout, &["Grüß".to_owned()][..]), "{error}");
    assert!(error.transient() && error.spent.is_some());

    let late = Patience::endless().until(Instant::now() + Duration::from_millis(300));
    for (format, provider) in providers(&server) {
        let error = ask_with(&*provider, &request(), &late).0.unwrap_err();
        assert_eq!(error.kind, Kind::Timeout, "{format}");
    }
    let wanted = Arc::new(AtomicBool::new(true));
    let alive = wanted.clone();
    let patience = Patience::new(move || alive.load(Ordering::SeqCst));
    let [(_, provider), ..] = providers(&server);
    let start = Instant::now();
    let mut tell = |_: windlass_llm::Delta<'_>| wanted.store(false, Ordering::SeqCst);
    let error = provider.ask(&request(), &mut tell, &patience).unwrap_err();
    assert_eq!((error.kind, error.transient()), (Kind::Cancelled, false));
    assert!(error.may_have_spent() && start.elapsed() < Duration::from_secs(4));
}

#[test]
fn what_never_got_there_has_cost_nothing() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (base, kind) in [
        (format!("http://127.0.0.1:{port}"), Kind::Network),
        ("http://no-such-name.invalid".into(), Kind::Network),
        ("ftp://x".into(), Kind::BadRequest),
        ("http://user:pass word@x".into(), Kind::BadRequest),
    ] {
        let provider = Anthropic::new(Service::new("a", base.clone(), Some(Key::new(KEY))));
        let error = ask(&provider, &request()).0.unwrap_err();
        assert_eq!((error.kind, error.may_have_spent()), (kind, false), "{base}: {error}");
        assert!(!error.message.contains("word"), "{error}");
    }
    let over = Patience::new(|| false);
    let provider = Anthropic::new(Service::new("a", format!("http://127.0.0.1:{port}"), None));
    let error = ask_with(&provider, &request(), &over).0.unwrap_err();
    assert_eq!((error.kind, error.may_have_spent()), (Kind::Cancelled, false));
    // A key with a line break in it would be a header more.
    let provider =
        Anthropic::new(Service::new("a", format!("http://127.0.0.1:{port}"), Some(Key::new("a\r\nb"))));
    let error = ask(&provider, &request()).0.unwrap_err();
    assert_eq!(error.kind, Kind::BadRequest, "{error}");
}
