//! Requests in the clear: what is sent, what comes back, redirects, credentials, cookies, local sockets.

use std::{io::BufReader, os::unix::net::UnixListener, thread};

use windlass_http::{Client, Credentials, Error, Follow, Options, Payload, Request, Url};

use crate::{
    body, get,
    server::{self, Server, answer},
};

#[test]
fn a_request_and_its_answer_are_whole() {
    let server =
        Server::plain(|_, way| answer(way, "404 Not Found", "X-A: 1\r\nX-A: 2\r\nX-B: \u{fc}\r\n", b"no"));
    let mut request = Request::new("PUT", Url::parse(&server.url("/a?b=c#d")).unwrap());
    request.headers.push(("X-Own".into(), "yes".into()));
    request.payload = Payload::Bytes(b"hello".to_vec());
    let response = Client::new(Options::default()).send(&request).unwrap();
    assert_eq!((response.status, response.reason), (404, "Not Found"));
    assert_eq!(response.header("x-a").as_deref(), Some("1, 2"));
    assert_eq!(response.url, request.url);
    assert_eq!(body(response).unwrap(), "no");
    let asked = &server.asked()[0];
    assert_eq!(
        (asked.method.as_str(), asked.target.as_str(), &asked.body[..]),
        ("PUT", "/a?b=c", &b"hello"[..])
    );
    let host = server.address.to_string();
    for (name, value) in
        [("host", host.as_str()), ("x-own", "yes"), ("connection", "close"), ("accept-encoding", "identity")]
    {
        assert_eq!(asked.header(name), Some(value), "{name}");
    }
}

#[test]
fn bodies_go_with_any_method_and_from_files() {
    let server = Server::plain(|ask, way| answer(way, "200 OK", "", &ask.body));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    std::fs::write(&path, "from a file").unwrap();
    for (method, payload, expected) in [
        ("GET", Payload::Bytes(b"q".to_vec()), "q"),
        ("POST", Payload::None, ""),
        ("PROPFIND", Payload::File(path.clone()), "from a file"),
        ("DELETE", Payload::None, ""),
    ] {
        let mut request = Request::new(method, Url::parse(&server.url("/")).unwrap());
        request.payload = payload;
        assert_eq!(
            body(Client::new(Options::default()).send(&request).unwrap()).unwrap(),
            expected,
            "{method}"
        );
    }
    assert_eq!(server.asked()[1].header("content-length"), Some("0"));
    assert_eq!(server.asked()[3].header("content-length"), None);
    let mut request = Request::new("POST", Url::parse(&server.url("/")).unwrap());
    request.payload = Payload::File(dir.path().join("none"));
    assert!(matches!(Client::new(Options::default()).send(&request), Err(Error::BadRequest(_))));
}

#[test]
fn redirects_are_followed_by_the_rule_and_not_for_ever() {
    let server = Server::plain(|ask, way| match ask.target.as_str() {
        "/once" => answer(way, "302 Found", "Location: end\r\nSet-Cookie: c=1\r\n", b"moved"),
        "/end" => answer(way, "200 OK", "", b"end"),
        _ => answer(way, "302 Found", "Location: /loop\r\n", b""),
    });
    let response = get(Options::default(), &server.url("/once")).unwrap();
    assert_eq!((response.url.to_string(), response.cookies.len()), (server.url("/end"), 1));
    assert_eq!(body(response).unwrap(), "end");
    assert_eq!(server.asked()[1].header("cookie"), Some("c=1"));
    let stays = get(Options { follow: Follow::None, ..Options::default() }, &server.url("/once")).unwrap();
    assert_eq!((stays.status, body(stays).unwrap().as_str()), (302, "moved"));
    assert!(matches!(get(Options::default(), &server.url("/loop")), Err(Error::Redirects(_))));
}

#[test]
fn credentials_go_when_asked_for_and_to_nobody_else() {
    let other = Server::plain(|_, way| answer(way, "401 Unauthorized", "WWW-Authenticate: Basic\r\n", b""));
    let away = other.url("/");
    let server = Server::plain(move |ask, way| match (ask.header("authorization"), ask.target.as_str()) {
        (Some("Basic dTpww6Rzcw=="), "/away") => {
            answer(way, "302 Found", &format!("Location: {away}\r\n"), b"")
        }
        (Some("Basic dTpww6Rzcw=="), _) => answer(way, "200 OK", "", b"in"),
        _ => answer(way, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n", b"out"),
    });
    let mut request = Request::new("GET", Url::parse(&server.url("/")).unwrap());
    let sent = |request: &Request| Client::new(Options::default()).send(request).unwrap().status;
    assert_eq!(sent(&request), 401);
    request.credentials = Some(Credentials { user: "u".into(), password: "päss".into(), at_once: false });
    assert_eq!((sent(&request), server.asked().len()), (200, 3));
    request.credentials = Some(Credentials { user: "u".into(), password: "päss".into(), at_once: true });
    assert_eq!((sent(&request), server.asked().len()), (200, 4));
    request.url = Url::parse(&server.url("/away")).unwrap();
    assert_eq!(sent(&request), 401);
    assert_eq!(other.asked().len(), 1);
    assert_eq!(other.asked()[0].header("authorization"), None);
    let inside = format!("http://u:p%C3%A4ss@{}/", server.address);
    let response = get(Options::default(), &inside).unwrap();
    assert_eq!((response.status, response.url.to_string()), (200, server.url("/")));
}

#[test]
fn chunks_and_bodies_without_a_length_are_read() {
    let server = Server::plain(|ask, way| {
        let text: &[u8] = match ask.target.as_str() {
            "/chunks" => {
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
            }
            _ => b"HTTP/1.0 200 OK\r\n\r\nall of it",
        };
        way.write_all(text).unwrap();
    });
    for (path, expected) in [("/chunks", "abcde"), ("/close", "all of it")] {
        assert_eq!(body(get(Options::default(), &server.url(path)).unwrap()).unwrap(), expected);
    }
}

#[test]
fn a_local_socket_is_a_way_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let ask = server::read(&mut BufReader::new(stream.try_clone().unwrap())).unwrap();
        answer(&mut stream, "200 OK", "", b"local");
        ask
    });
    let options = Options { unix: Some(path.clone()), ..Options::default() };
    assert_eq!(body(get(options, "http://name/x").unwrap()).unwrap(), "local");
    assert_eq!(asked.join().unwrap().header("host"), Some("name"));
    let options = Options { unix: Some(dir.path().join("none")), ..Options::default() };
    assert!(matches!(get(options, "http://name/x"), Err(Error::Connect { .. })));
}

#[test]
fn what_cannot_be_sent_is_refused_without_its_value() {
    let mut request = Request::new("GET", Url::parse("http://127.0.0.1:9/").unwrap());
    request.headers.push(("X".into(), "secret\r\nY: z".into()));
    let error = Client::new(Options::default()).send(&request).unwrap_err();
    assert!(matches!(&error, Error::BadRequest(why) if !why.contains("secret")), "{error}");
    request.headers = vec![("X Y".into(), "z".into())];
    assert!(matches!(Client::new(Options::default()).send(&request), Err(Error::BadRequest(_))));
}
