//! `uri`: what is asked and what is told of the answer, with a server of the test.

use std::{thread, time::Duration};

use serde_json::{Value, json};
use windlass_gate::{Error, Reply};

use crate::{
    env::Env,
    server::{Ask, CA, Server, Way, answer, drip},
};

fn site(ask: &Ask, way: &mut dyn Way) {
    let json = "Content-Type: application/json\r\n";
    match ask.target.as_str() {
        "/json" => answer(way, "200 OK", json, b"{\"a\": [1, 2.5]}"),
        "/echo" => answer(way, "200 OK", "Content-Type: text/plain\r\nX-Two-Words: yes\r\n", &ask.body),
        "/moved" => answer(way, "302 Found", "Location: /echo\r\nSet-Cookie: s=1; Path=/\r\n", b""),
        "/created" => answer(way, "201 Created", "", b"made"),
        "/bad" => answer(way, "500 Internal Server Error", json, b"{\"why\": \"hunter2\"}"),
        "/file/name.txt" => answer(way, "200 OK", "", b"content"),
        "/told" => answer(way, "200 OK", "", format!("{:?}", ask.headers).as_bytes()),
        "/cut" => way.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").unwrap(),
        "/large" => drip_fast(way),
        "/slow" => drip(way, Duration::from_millis(50), 100_000),
        _ => answer(way, "404 Not Found", "", b"nothing"),
    }
}

/// More than is ever handed on.
fn drip_fast(way: &mut dyn Way) {
    let piece = vec![b'x'; 1 << 20];
    let mut sent = way.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
    for _ in 0..20 {
        sent = sent.and_then(|()| way.write_all(&piece));
    }
}

fn ask(env: &Env, url: &str, more: Value) -> Reply {
    let mut params = json!({"url": url});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    env.ok("uri", params)
}

#[test]
fn an_answer_is_told_with_ansibles_fields() {
    let (server, env) = (Server::plain(site), Env::new());
    let reply = ask(&env, &server.url("/json"), json!({}));
    assert_eq!((&reply.fields["json"], &reply.fields["status"]), (&json!({"a": [1, 2.5]}), &json!(200)));
    assert_eq!(
        (&reply.fields["content_type"], reply.msg.as_deref()),
        (&json!("application/json"), Some("OK (15 bytes)"))
    );
    assert!(!reply.fields.contains_key("content") && !reply.changed);
    for (name, value) in [
        ("redirected", json!(false)),
        ("url", json!(server.url("/json"))),
        ("elapsed", json!(0)),
        ("cookies", json!({})),
        ("cookies_string", json!("")),
    ] {
        assert_eq!(reply.fields[name], value, "{name}");
    }
    let reply = ask(&env, &server.url("/moved"), json!({"return_content": true}));
    assert_eq!(
        (&reply.fields["redirected"], &reply.fields["url"]),
        (&json!(true), &json!(server.url("/echo")))
    );
    assert_eq!((&reply.fields["cookies"], &reply.fields["x_two_words"]), (&json!({"s": "1"}), &json!("yes")));
    assert_eq!(reply.fields["content"], "");
}

#[test]
fn another_status_is_a_failure_that_tells_it() {
    let (server, env) = (Server::plain(site), Env::new());
    let reply = ask(&env, &server.url("/bad"), json!({"return_content": true}));
    assert!(reply.failed);
    assert_eq!((&reply.fields["status"], &reply.fields["json"]["why"]), (&json!(500), &json!("hunter2")));
    let msg = "Status code was 500 and not [200]: HTTP Error 500: Internal Server Error";
    assert_eq!(reply.msg.as_deref(), Some(msg));
    assert!(!ask(&env, &server.url("/bad"), json!({"status_code": [200, 500]})).failed);
    assert!(!ask(&env, &server.url("/created"), json!({"status_code": "200, 201"})).failed);
    assert!(ask(&env, &server.url("/created"), json!({})).failed);
    let stays = ask(&env, &server.url("/moved"), json!({"follow_redirects": "none"}));
    assert!(stays.failed && stays.fields["status"] == 302);
    assert_eq!(
        (&stays.fields["location"], &stays.fields["redirected"]),
        (&json!(server.url("/echo")), &json!(false))
    );
    let nobody = ask(&env, "http://127.0.0.1:9/", json!({}));
    assert!(nobody.failed && nobody.fields["status"] == -1, "{}", nobody.to_json());
    assert!(
        nobody.msg.unwrap().starts_with("Status code was -1 and not [200]: Request failed: cannot connect")
    );
}

#[test]
fn bodies_are_written_as_their_format_says() {
    let (server, env) = (Server::plain(site), Env::new());
    env.write("up.bin", "from a file");
    for (body, kind, sent) in [
        (json!({"body": {"a": [1, true]}, "body_format": "json"}), "application/json", "{\"a\": [1, true]}"),
        (json!({"body": "[1]", "body_format": "json"}), "application/json", "[1]"),
        (
            json!({"body": [["a", "b c"], ["d", 1]], "body_format": "form-urlencoded"}),
            "application/x-www-form-urlencoded",
            "a=b+c&d=1",
        ),
        (json!({"body": "as it is", "headers": {"Content-Type": "text/x"}}), "text/x", "as it is"),
        (json!({"src": "up.bin", "remote_src": true}), "application/x-www-form-urlencoded", "from a file"),
    ] {
        let mut more = body.clone();
        more.as_object_mut()
            .unwrap()
            .extend([("method".into(), "post".into()), ("return_content".into(), true.into())]);
        assert_eq!(ask(&env, &server.url("/echo"), more).fields["content"], sent, "{body}");
        let asked = server.asked().pop().unwrap();
        assert_eq!((asked.method.as_str(), asked.header("content-type")), ("POST", Some(kind)), "{body}");
    }
    let form = json!({"text": "plain", "one": {"filename": "up.bin"}, "two": {"content": "x", "filename": "/a/b\".txt", "mime_type": "a/b"}});
    let more =
        json!({"method": "POST", "body": form, "body_format": "form-multipart", "return_content": true});
    let sent = ask(&env, &server.url("/echo"), more).fields["content"].as_str().unwrap().to_owned();
    let kind = server.asked().pop().unwrap().header("content-type").unwrap().to_owned();
    let boundary = kind.split('"').nth(1).unwrap();
    let part = |head: &str, body: &str| format!("--{boundary}\r\n{head}\r\n\r\n{body}\r\n");
    let expected = [
        part(
            "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: form-data; name=\"one\"; filename=\"up.bin\"",
            "ZnJvbSBhIGZpbGU=\r\n",
        ),
        part("Content-Type: text/plain\r\nContent-Disposition: form-data; name=\"text\"", "plain"),
        part(
            "Content-Type: a/b\r\nContent-Disposition: form-data; name=\"two\"; filename=\"b\\\".txt\"",
            "x",
        ),
        format!("--{boundary}--\r\n"),
    ];
    assert_eq!(sent, expected.concat());
    for (more, why) in [
        (json!({"body": {"a": 1}}), "body_format"),
        (json!({"body": [1], "body_format": "form-multipart"}), "must be a map"),
        (json!({"body": {"a": {}}, "body_format": "form-multipart"}), "needs `content` or `filename`"),
        (json!({"method": "GET /"}), "one word"),
        (json!({"use_gssapi": true}), "Kerberos"),
    ] {
        let mut params = json!({"url": server.url("/echo")});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let error = env.error("uri", params);
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn an_answer_goes_to_a_file_whole_or_not_at_all() {
    let (server, env) = (Server::plain(site), Env::new());
    env.dir("d");
    let url = server.url("/file/name.txt");
    let reply = ask(&env, &url, json!({"dest": "d", "mode": "0640"}));
    assert!(reply.changed);
    assert_eq!((env.read("d/name.txt").as_str(), env.mode("d/name.txt")), ("content", 0o640));
    assert_eq!(
        (&reply.fields["path"], &reply.fields["mode"]),
        (&json!(env.at("d/name.txt").to_str()), &json!("0640"))
    );
    let before = env.picture();
    assert!(!ask(&env, &url, json!({"dest": "d/name.txt", "return_content": true})).changed);
    assert!(server.asked().pop().unwrap().header("if-modified-since").is_some());
    let reply = ask(&env, &server.url("/none"), json!({"dest": "d/name.txt", "force": true}));
    assert!(reply.failed && !reply.changed);
    let error = env.error("uri", json!({"url": server.url("/cut"), "dest": "d/name.txt"}));
    assert!(error.contains("before the answer was complete"), "{error}");
    assert_eq!(env.picture(), before);
    let error = env.error("uri", json!({"url": server.url("/large"), "return_content": true}));
    assert!(error.contains("larger than 16 MiB"), "{error}");
    assert!(ask(&env, &server.url("/large"), json!({"dest": "large"})).changed);
}

#[test]
fn check_mode_and_conditions_ask_nothing() {
    let (server, env) = (Server::plain(site), Env::new());
    env.write("f", "");
    let before = env.picture();
    assert!(env.check("uri", json!({"url": server.url("/echo"), "dest": "g"})).unwrap().skipped);
    for more in [json!({"creates": "f"}), json!({"removes": "none"})] {
        let reply = ask(&env, &server.url("/echo"), more);
        assert!(!reply.changed && !reply.failed && reply.msg.unwrap().starts_with("skipped, since"));
    }
    assert_eq!((env.picture(), server.asked().len()), (before, 0));
    assert!(!ask(&env, &server.url("/echo"), json!({"creates": "none", "removes": "f"})).failed);
}

#[test]
fn secrets_are_sent_and_never_told() {
    let (server, env) = (Server::plain(site), Env::new());
    for more in [
        json!({"user": "u", "password": "hunter2", "force_basic_auth": true}),
        json!({"headers": {"authorization": "Bearer hunter2"}}),
    ] {
        let mut more = more.as_object().unwrap().clone();
        more.insert("return_content".into(), true.into());
        let reply = ask(&env, &server.url("/told"), more.clone().into()).to_json().to_string();
        assert!(reply.contains("********"), "{reply}");
        for secret in ["hunter2", "dTpodW50ZXIy"] {
            assert!(!reply.contains(secret), "{reply}");
        }
        assert!(server.asked().pop().unwrap().header("authorization").is_some());
        let reply = ask(&env, &server.url("/bad"), more.into()).to_json().to_string();
        assert!(!reply.contains("hunter2"), "{reply}");
    }
    let url = format!("http://u:hunter2@{}/none", server.address);
    let reply = ask(&env, &url, json!({}));
    assert_eq!(reply.fields["url"], format!("http://****:****@{}/none", server.address));
    assert!(!env.error("uri", json!({"url": "http://u:hunter2@:x/"})).contains("hunter2"));
}

#[test]
fn certificates_and_proxies_come_from_what_is_given() {
    let (server, mut env) = (Server::secure(false, site), Env::new());
    env.write("ca.pem", CA);
    let url = server.secure_url("/json");
    let refused = ask(&env, &url, json!({}));
    assert!(refused.failed && refused.fields["status"] == -1 && refused.msg.unwrap().contains("certificate"));
    assert!(!ask(&env, &url, json!({"validate_certs": false})).failed);
    assert!(!ask(&env, &url, json!({"ca_path": "ca.pem"})).failed);
    env.vars.insert("SSL_CERT_FILE".into(), "ca.pem".into());
    assert!(!ask(&env, &url, json!({})).failed);
    let proxy = Server::plain(|_, way| answer(way, "200 OK", "", b"by proxy"));
    env.vars.insert("http_proxy".into(), format!("http://{}", proxy.address));
    let reply = ask(&env, "http://far.example/", json!({"return_content": true}));
    assert_eq!(reply.fields["content"], "by proxy");
    assert!(ask(&env, "http://far.invalid/", json!({"use_proxy": false})).failed);
}

#[test]
fn a_request_ends_when_the_run_does() {
    let (server, env) = (Server::plain(site), Env::new());
    let cancel = env.cancel.clone();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        cancel.cancel();
    });
    let params = json!({"url": server.url("/slow"), "return_content": true});
    assert!(matches!(env.run("uri", params), Err(Error::Cancelled)));
}
