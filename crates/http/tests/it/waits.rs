//! Waits: they end in time, and soon after somebody says so.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use windlass_http::{Error, Options};

use crate::{
    body, get,
    server::{Server, answer, drip},
};

const SHORT: Duration = Duration::from_millis(300);

#[test]
fn silence_is_not_waited_for_longer_than_the_limit() {
    let server = Server::plain(|ask, way| match ask.target.as_str() {
        "/body" => drip(way, Duration::from_secs(5), 1),
        _ => thread::sleep(Duration::from_secs(5)),
    });
    let options = Options { timeout: SHORT, ..Options::default() };
    for path in ["/head", "/body"] {
        let start = Instant::now();
        let result = get(options.clone(), &server.url(path)).and_then(body);
        assert!(matches!(result, Err(Error::TimedOut { .. })), "{path}: {result:?}");
        assert!(start.elapsed() < Duration::from_secs(4), "{path}");
    }
    let tls = format!("https://{}/", server.address);
    assert!(get(options, &tls).is_err(), "a handshake that nobody answers");
}

#[test]
fn what_goes_on_coming_is_read_however_slow() {
    let server = Server::plain(|_, way| drip(way, Duration::from_millis(100), 8));
    let options = Options { timeout: SHORT * 2, ..Options::default() };
    assert_eq!(body(get(options, &server.url("/")).unwrap()).unwrap(), "xxxxxxxx");
}

#[test]
fn a_wait_ends_when_nobody_wants_it_any_more() {
    let server = Server::plain(|ask, way| match ask.target.as_str() {
        "/body" => drip(way, Duration::from_millis(100), 1000),
        _ => thread::sleep(Duration::from_secs(20)),
    });
    for path in ["/head", "/body"] {
        let wanted = Arc::new(AtomicBool::new(true));
        let (alive, pull) = (wanted.clone(), wanted);
        let options = Options { alive: Arc::new(move || alive.load(Ordering::SeqCst)), ..Options::default() };
        thread::spawn(move || {
            thread::sleep(SHORT);
            pull.store(false, Ordering::SeqCst);
        });
        let start = Instant::now();
        let result = get(options, &server.url(path)).and_then(body);
        assert!(matches!(result, Err(Error::Stopped)), "{path}: {result:?}");
        assert!(start.elapsed() < Duration::from_secs(10), "{path}");
    }
}

#[test]
fn a_body_that_is_cut_is_no_body() {
    let server = Server::plain(|ask, way| {
        let text: &[u8] = match ask.target.as_str() {
            "/chunks" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
            "/last" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "/head" => b"HTTP/1.1 200 OK\r\nContent-Le",
            "/nothing" => b"",
            _ => b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        };
        way.write_all(text).unwrap();
    });
    for path in ["/length", "/chunks", "/last", "/head", "/nothing"] {
        let result = get(Options::default(), &server.url(path)).and_then(body);
        assert!(matches!(result, Err(Error::Cut)), "{path}: {result:?}");
    }
}

#[test]
fn what_is_not_http_or_not_there_is_said_so() {
    let server = Server::plain(|ask, way| match ask.target.as_str() {
        "/long" => answer(way, "200 OK", &format!("X: {}\r\n", "y".repeat(1 << 20)), b""),
        _ => way.write_all(b"SSH-2.0-OpenSSH\r\n\r\n").unwrap(),
    });
    for path in ["/", "/long"] {
        let result = get(Options::default(), &server.url(path));
        assert!(matches!(result, Err(Error::Protocol(_))), "{result:?}");
    }
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = get(Options::default(), &format!("http://{free}/"));
    assert!(matches!(&refused, Err(Error::Connect { .. })), "{refused:?}");
    assert!(refused.unwrap_err().is_transient());
    let unknown = get(Options::default(), "http://no-such-name.invalid/");
    assert!(matches!(unknown, Err(Error::Unknown { .. })), "{unknown:?}");
}
