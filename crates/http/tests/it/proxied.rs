//! Requests through a proxy.

use std::{
    io::BufReader,
    sync::{Arc, Mutex},
};

use windlass_http::{Client, Error, Options, Proxies, Request, Trust, Url};

use crate::{
    body, get,
    server::{CA, Server, answer, read},
};

fn proxied(proxy: &str, except: &str) -> Options {
    let (proxy, except) = (proxy.to_owned(), except.to_owned());
    let proxies = Proxies::read(|name| match name {
        "http_proxy" | "https_proxy" => Some(proxy.clone()),
        "no_proxy" => Some(except.clone()),
        _ => None,
    });
    Options { proxies, ..Options::default() }
}

#[test]
fn a_proxy_is_asked_with_the_whole_address() {
    let proxy = Server::plain(|_, way| answer(way, "200 OK", "", b"by proxy"));
    let options = proxied(&format!("http://u:p@{}", proxy.address), "");
    assert_eq!(body(get(options, "http://far.example:81/x?y").unwrap()).unwrap(), "by proxy");
    let asked = &proxy.asked()[0];
    assert_eq!(asked.target, "http://far.example:81/x?y");
    assert_eq!(
        (asked.header("host"), asked.header("proxy-authorization")),
        (Some("far.example:81"), Some("Basic dTpw"))
    );
    let server = Server::plain(|_, way| answer(way, "200 OK", "", b"straight"));
    let options = proxied(&proxy.address.to_string(), "127.0.0.1");
    assert_eq!(body(get(options, &server.url("/")).unwrap()).unwrap(), "straight");
    assert_eq!(server.asked()[0].header("proxy-authorization"), None);
}

#[test]
fn a_proxy_is_asked_with_the_whole_address_every_time() {
    let more = Arc::new(Mutex::new(Vec::new()));
    let seen = more.clone();
    let proxy = Server::plain(move |_, way| {
        answer(way, "200 OK", "", b"by proxy");
        let mut way = BufReader::new(way);
        while let Some(ask) = read(&mut way) {
            seen.lock().unwrap().push(ask.target);
            answer(way.get_mut(), "200 OK", "", b"by proxy");
        }
    });
    let client = Client::keeping(proxied(&format!("http://{}", proxy.address), ""));
    for _ in 0..2 {
        let url = Url::parse("http://far.example:81/x").unwrap();
        assert_eq!(client.send(&Request::new("GET", url)).and_then(body).unwrap(), "by proxy");
    }
    let mut targets: Vec<String> = proxy.asked().into_iter().map(|ask| ask.target).collect();
    targets.append(&mut more.lock().unwrap());
    assert_eq!(targets, ["http://far.example:81/x"; 2]);
}

#[test]
fn tls_goes_through_a_tunnel() {
    let server = Server::secure(false, |_, way| answer(way, "200 OK", "", b"inside"));
    let to = server.address;
    let proxy = Server::plain(move |ask, way| {
        if ask.target == "closed.example:443" {
            return answer(way, "403 Forbidden", "", b"");
        }
        way.write_all(b"HTTP/1.1 200 Established\r\nVia: x\r\n\r\n").unwrap();
        tunnel(way, to);
    });
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, CA).unwrap();
    let options = Options { trust: Trust::Of(ca), ..proxied(&proxy.address.to_string(), "") };
    assert_eq!(body(get(options.clone(), &server.secure_url("/x")).unwrap()).unwrap(), "inside");
    assert_eq!(server.asked()[0].target, "/x");
    // Whoever answers there must have a certificate for the name.
    let error = get(options.clone(), "https://elsewhere.example/").unwrap_err();
    assert!(matches!(&error, Error::Tls(why) if why.contains("not valid for name")), "{error}");
    let error = get(options, "https://closed.example/").unwrap_err();
    assert!(matches!(&error, Error::Proxy(said) if said.contains("403")), "{error}");
}

/// Hands bytes on, one step of the handshake after the other; the answer fits in one read.
fn tunnel(way: &mut dyn crate::server::Way, to: std::net::SocketAddr) {
    use std::{
        io::{Read, Write},
        time::Duration,
    };
    let mut far = std::net::TcpStream::connect(to).unwrap();
    far.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = way.read(&mut buffer) {
        far.write_all(&buffer[..length]).unwrap();
        while let Ok(length @ 1..) = far.read(&mut buffer) {
            if way.write_all(&buffer[..length]).is_err() {
                return;
            }
        }
    }
}

#[test]
fn a_proxy_that_cannot_be_used_is_named_without_its_password() {
    for proxy in ["socks5://u:secret@h:1", "http://u:secret@:x"] {
        let error = get(proxied(proxy, ""), "http://h/").unwrap_err().to_string();
        assert!(error.contains("proxy") && !error.contains("secret"), "{error}");
    }
}
