//! `get_url`: what arrives, what does not, and what is left alone, from a server of the test.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use windlass_gate::Error;

use crate::{
    env::Env,
    server::{Ask, Server, Way, answer, drip},
};

const SUM: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn files(ask: &Ask, way: &mut dyn Way) {
    match ask.target.as_str() {
        "/f" if ask.header("if-modified-since").is_some() => answer(way, "304 Not Modified", "", b""),
        "/f" | "/always" => answer(way, "200 OK", "", b"hello"),
        "/named" => {
            answer(way, "200 OK", "Content-Disposition: attachment; filename=\"../x y\"\r\n", b"hello")
        }
        "/moved" => answer(way, "301 Moved Permanently", "Location: /always\r\n", b""),
        "/sums" => answer(way, "200 OK", "", format!("{SUM}  f\n{}  g\n", "0".repeat(64)).as_bytes()),
        "/cut" => {
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
            let _ = way.write_all(head).and_then(|()| way.write_all(&[b'x'; 70_000]));
        }
        "/slow" => drip(way, Duration::from_millis(50), 100_000),
        "/silent" => thread::sleep(Duration::from_secs(20)),
        // The text "hello", compressed.
        "/packed" => {
            let packed =
                [31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 203, 72, 205, 201, 201, 7, 0, 134, 166, 16, 54, 5, 0, 0, 0];
            answer(way, "200 OK", "Content-Encoding: gzip\r\n", &packed);
        }
        _ => answer(way, "404 Not Found", "", b"nothing here"),
    }
}

#[test]
fn check_mode_predicts_and_a_second_run_changes_nothing() {
    let server = Server::plain(files);
    let old = |env: &Env| {
        env.write("f", "old").chmod("f", 0o644);
    };
    let same = |env: &Env| {
        env.write("f", "hello").chmod("f", 0o644);
    };
    let linked = |env: &Env| {
        env.write("g", "hello").chmod("g", 0o644).link("g", "f");
    };
    let folder = |env: &Env| {
        env.dir("d");
    };
    let sum = format!("sha256:{SUM}");
    let list = format!("sha256:{}", server.url("/sums"));
    type Setup<'a> = &'a dyn Fn(&Env);
    let cases: [(Setup<'_>, _, _); 13] = [
        (&|_| (), json!({"url": server.url("/f"), "dest": "f"}), true),
        (&|_| (), json!({"url": server.url("/always"), "dest": "f", "mode": "0600"}), true),
        (&old, json!({"url": server.url("/always"), "dest": "f", "backup": true}), true),
        (&old, json!({"url": server.url("/f"), "dest": "f", "force": true}), true),
        (&old, json!({"url": server.url("/f"), "dest": "f"}), false),
        (&same, json!({"url": server.url("/moved"), "dest": "f"}), false),
        (&same, json!({"url": server.url("/f"), "dest": "f", "mode": "0600"}), true),
        (&same, json!({"url": server.url("/always"), "dest": "f", "mode": "0600"}), true),
        (&same, json!({"url": server.url("/none"), "dest": "f", "checksum": sum}), false),
        (&old, json!({"url": server.url("/f"), "dest": "f", "checksum": list}), true),
        (&linked, json!({"url": server.url("/always"), "dest": "f"}), false),
        (&folder, json!({"url": server.url("/named"), "dest": "d"}), true),
        (&folder, json!({"url": server.url("/packed"), "dest": "d/", "tmp_dest": "."}), true),
    ];
    for (setup, params, changes) in cases {
        let env = Env::new();
        setup(&env);
        let before = env.picture();
        let predicted = env.check("get_url", params.clone()).unwrap();
        assert_eq!(env.picture(), before, "{params}: check mode wrote");
        let done = env.ok("get_url", params.clone());
        assert_eq!((done.changed, done.failed), (changes, false), "{params}: {}", done.to_json());
        assert_eq!((predicted.changed, &predicted.diff), (changes, &done.diff), "{params}: predicted");
        let after = env.picture();
        assert_eq!(after != before, changes, "{params}: changed as it said");
        let again = env.ok("get_url", json!({"force": false, "url": params["url"], "dest": params["dest"]}));
        assert!(!again.changed && env.picture() == after, "{params}: {}", again.to_json());
    }
}

#[test]
fn the_result_has_ansibles_fields() {
    let server = Server::plain(files);
    let env = Env::new();
    env.dir("d").write("f", "old");
    let reply = env.ok("get_url", json!({"url": server.url("/always"), "dest": "f", "backup": true}));
    let field = |name: &str| reply.fields[name].clone();
    assert_eq!(field("checksum_src"), "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d");
    assert_eq!(field("checksum_dest"), "c00dbbc9dadfbe1e232e93a729dd4752fade0abf");
    assert_eq!(field("md5sum"), "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(
        (field("status_code"), field("url"), field("size")),
        (json!(200), json!(server.url("/always")), json!(5))
    );
    assert_eq!((field("dest"), reply.msg.as_deref()), (json!(env.at("f").to_str()), Some("OK (5 bytes)")));
    assert_eq!(fs::read_to_string(field("backup_file").as_str().unwrap()).unwrap(), "old");
    let named = env.ok("get_url", json!({"url": server.url("/named"), "dest": "d"}));
    assert_eq!(named.fields["dest"], json!(env.at("d/x y").to_str()));
    let missing = env.ok("get_url", json!({"url": server.url("/none"), "dest": "f"}));
    assert!(missing.failed && missing.fields["status_code"] == 404, "{}", missing.to_json());
    assert_eq!(missing.fields["response"], "HTTP Error 404: Not Found");
    let asked = server.asked();
    assert_eq!(asked[0].header("user-agent"), Some("ansible-httpget"));
    assert!(asked[0].header("if-modified-since").unwrap().ends_with(" GMT"));
}

#[test]
fn what_does_not_arrive_whole_and_right_leaves_everything_as_it_was() {
    let server = Server::plain(files);
    let env = Env::new();
    env.write("f", "old").dir("d");
    let before = env.picture();
    let zeros = format!("sha256:{}", "0".repeat(64));
    for (path, more, why) in [
        ("/cut", json!({}), "before the answer was complete"),
        ("/silent", json!({"timeout": 1}), "no answer within 1 s"),
        ("/none", json!({}), "Request failed"),
        ("/always", json!({"checksum": zeros}), "did not match"),
        ("/always", json!({"checksum": format!("sha256:{}", server.url("/none"))}), "Request failed"),
    ] {
        for dest in ["f", "d/new"] {
            let mut params = json!({"url": server.url(path), "dest": dest, "force": true});
            params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let reply = env.ok("get_url", params);
            assert!(reply.failed && !reply.changed, "{path}");
            assert!(reply.msg.as_deref().unwrap_or_default().contains(why), "{path}: {:?}", reply.msg);
            assert_eq!(env.picture(), before, "{path}");
        }
    }
    let listed = format!("md5:{}", server.url("/sums"));
    for (params, why) in [
        (
            json!({"url": server.url("/always"), "dest": "f", "checksum": listed}),
            "no checksum for \"always\"",
        ),
        (json!({"url": server.url("/always"), "dest": "none/"}), "no folder"),
        (json!({"url": server.url("/always"), "dest": "none/f"}), "no such file"),
        (json!({"url": server.url("/always"), "dest": "f", "tmp_dest": "f"}), "should be a directory"),
        (json!({"url": server.url("/always"), "dest": "f", "ciphers": "x"}), "ciphers"),
        (json!({"url": "ftp://h/x", "dest": "f"}), "ftp"),
        (json!({"url": "file:///no/such", "dest": "f"}), "no such file"),
        (json!({"url": "file:///dev/zero", "dest": "f"}), "not a regular file"),
    ] {
        let error = env.error("get_url", params);
        assert!(error.contains(why), "{error}");
        assert_eq!(env.picture(), before);
    }
}

#[test]
fn a_run_that_has_to_end_ends_and_leaves_nothing() {
    let server = Server::plain(files);
    for path in ["/slow", "/silent"] {
        let mut env = Env::new();
        env.write("f", "old");
        let before = env.picture();
        let params = json!({"url": server.url(path), "dest": "f", "force": true});
        let start = Instant::now();
        env.deadline = Some(start + Duration::from_millis(300));
        assert!(matches!(env.run("get_url", params.clone()), Err(Error::Deadline)), "{path}");
        env.deadline = None;
        let cancel = env.cancel.clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(300));
            cancel.cancel();
        });
        assert!(matches!(env.run("get_url", params), Err(Error::Cancelled)), "{path}");
        assert!(start.elapsed() < Duration::from_secs(10), "{path}");
        assert_eq!(env.picture(), before, "{path}");
    }
}

#[test]
fn local_files_are_fetched_too() {
    let env = Env::new();
    env.write("a b", "hello").dir("d");
    let url = format!("file://{}", env.at("a%20b").display());
    let sum = format!("sha256:{SUM}");
    assert!(env.ok("get_url", json!({"url": url, "dest": "d", "checksum": sum})).changed);
    assert_eq!(env.read("d/a b"), "hello");
    assert!(!env.ok("get_url", json!({"url": url, "dest": "d"})).changed);
}

#[test]
fn a_password_is_sent_and_never_told() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = tries.clone();
    let server = Server::plain(move |ask, way| match ask.header("authorization") {
        Some("Basic dTpodW50ZXIy") => answer(way, "200 OK", "", b"in"),
        _ => {
            counted.fetch_add(1, Ordering::SeqCst);
            answer(way, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"hunter2\"\r\n", b"out");
        }
    });
    let env = Env::new();
    let params =
        json!({"url": server.url("/x"), "dest": "f", "url_username": "u", "url_password": "hunter2"});
    let reply = env.ok("get_url", params);
    assert!(reply.changed && !reply.to_json().to_string().contains("hunter2"), "{}", reply.to_json());
    let url = format!("http://u:hunter2@{}/none/x", server.address);
    let reply = env.ok("get_url", json!({"url": url, "dest": "g", "force_basic_auth": true}));
    assert!(reply.changed && !reply.to_json().to_string().contains("hunter2"), "{}", reply.to_json());
    assert_eq!(tries.load(Ordering::SeqCst), 1);
}

#[test]
fn archives_are_fetched_and_unpacked() {
    let env = Env::new();
    env.write("d/a", "one").dir("out");
    env.ok("archive", json!({"path": "d", "dest": "p.tar.gz"}));
    let bytes = fs::read(env.at("p.tar.gz")).unwrap();
    let server = Server::plain(move |ask, way| match ask.target.as_str() {
        "/p" => answer(way, "200 OK", "", &bytes),
        "/cut" => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
            way.write_all(head.as_bytes()).and_then(|()| way.write_all(&bytes[..20])).unwrap();
        }
        _ => answer(way, "404 Not Found", "", b""),
    });
    let before = env.picture();
    for (path, why) in [("/cut", "before the answer was complete"), ("/none", "HTTP Error 404: Not Found")] {
        let url = server.url(path).replace("://", "://u:hunter2@");
        let error = env.error("unarchive", json!({"src": url, "dest": "out", "remote_src": true}));
        assert!(error.contains(why) && !error.contains("hunter2"), "{error}");
    }
    let params = json!({"src": server.url("/p"), "dest": "out", "remote_src": true});
    assert!(env.check("unarchive", params.clone()).unwrap().changed);
    assert_eq!(env.picture(), before);
    assert!(env.ok("unarchive", params.clone()).changed);
    assert_eq!(env.read("out/d/a"), "one");
    assert!(!env.ok("unarchive", params).changed);
}
