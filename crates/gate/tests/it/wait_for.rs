//! `wait_for`: ports, files, and time.

use std::{
    io::Write,
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use windlass_gate::Error;

use crate::env::Env;

/// A port on which somebody listens.
fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn a_port_that_opens_later_is_found() {
    let env = Env::new();
    let (held, port) = listener();
    drop(held);
    let opener = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        TcpListener::bind(("127.0.0.1", port)).unwrap()
    });
    let reply = env.ok("wait_for", json!({"port": port, "timeout": 20}));
    assert_eq!((reply.changed, reply.failed, &reply.fields["port"]), (false, false, &json!(port)));
    drop(opener.join().unwrap());
    let reply =
        env.ok("wait_for", json!({"port": port, "host": "localhost", "state": "stopped", "timeout": 20}));
    assert_eq!((reply.failed, &reply.fields["state"]), (false, &json!("stopped")));
}

#[test]
fn time_runs_out_with_a_message() {
    let env = Env::new();
    let (held, port) = listener();
    drop(held);
    let reply = env.ok("wait_for", json!({"port": port, "timeout": 0}));
    assert_eq!((reply.failed, reply.msg), (true, Some(format!("timeout when waiting for 127.0.0.1:{port}"))));
    let reply = env.ok("wait_for", json!({"path": "none", "timeout": 1, "msg": "no luck"}));
    assert_eq!(
        (reply.failed, reply.msg.as_deref(), &reply.fields["elapsed"]),
        (true, Some("no luck"), &json!(1))
    );
    let (_held, port) = listener();
    let reply = env.ok("wait_for", json!({"port": port, "state": "stopped", "timeout": 0}));
    assert!(reply.failed);
}

#[test]
fn what_a_server_says_is_searched() {
    let env = Env::new();
    let (listener, port) = listener();
    let server = thread::spawn(move || {
        for words in [&["not yet"][..], &["soon\nver", "sion=1.2 ready\n"]] {
            let (mut client, _) = listener.accept().unwrap();
            for word in words {
                client.write_all(word.as_bytes()).unwrap();
                thread::sleep(Duration::from_millis(30));
            }
        }
    });
    let params = json!({"port": port, "search_regex": "^version=(?P<v>[0-9.]+) (x)?", "timeout": 20});
    let reply = env.ok("wait_for", params);
    assert_eq!(reply.fields["match_groups"], json!(["1.2", null]));
    assert_eq!(reply.fields["match_groupdict"], json!({"v": "1.2"}));
    server.join().unwrap();
}

#[test]
fn files_are_waited_for_by_presence_and_by_content() {
    let env = Env::new();
    env.write("log", "starting\n");
    assert!(!env.ok("wait_for", json!({"path": "log"})).failed);
    assert!(!env.ok("wait_for", json!({"path": "none", "state": "absent"})).failed);
    assert!(env.ok("wait_for", json!({"path": "log", "state": "absent", "timeout": 0})).failed);
    let log = env.at("log");
    let writer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        std::fs::write(log, "starting\nport 80 open\n").unwrap();
    });
    let reply =
        env.ok("wait_for", json!({"path": "log", "search_regex": "^port (\\d+) open$", "timeout": 20}));
    assert_eq!(reply.fields["match_groups"], json!(["80"]));
    writer.join().unwrap();
}

#[test]
fn connections_are_waited_for_until_they_are_gone() {
    let env = Env::new();
    let (listener, port) = listener();
    let client = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (served, _) = listener.accept().unwrap();
    let params =
        json!({"port": port, "state": "drained", "timeout": 0, "active_connection_states": "ESTABLISHED"});
    assert!(env.ok("wait_for", params.clone()).failed);
    let mut excluded = params.clone();
    excluded["exclude_hosts"] = json!(["127.0.0.1"]);
    assert!(!env.ok("wait_for", excluded).failed);
    drop((client, served));
    let mut patient = params;
    patient["timeout"] = json!(20);
    assert!(!env.ok("wait_for", patient).failed);
}

#[test]
fn waiting_ends_at_once_when_the_run_ends() {
    let (listener, port) = listener();
    for params in [
        json!({"timeout": 1000}),
        json!({"delay": 1000, "port": 1}),
        json!({"path": "none", "sleep": 1000}),
        json!({"port": port, "search_regex": "never"}),
    ] {
        let mut env = Env::new();
        let cancel = env.cancel.clone();
        let puller = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            cancel.cancel();
        });
        let start = Instant::now();
        assert!(matches!(env.run("wait_for", params.clone()), Err(Error::Cancelled)), "{params}");
        puller.join().unwrap();
        env.cancel = windlass_gate::Cancel::new();
        env.deadline = Some(Instant::now() + Duration::from_millis(50));
        assert!(matches!(env.run("wait_for", params.clone()), Err(Error::Deadline)), "{params}");
        assert!(start.elapsed() < Duration::from_secs(60), "{params}");
    }
    drop(listener);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let env = Env::new();
    for (params, why) in [
        (json!({"port": 1, "path": "x"}), "only one of `port` and `path`"),
        (json!({"port": 70_000}), "70000 is not a port"),
        (json!({"path": "x", "state": "drained"}), "is for ports"),
        (json!({"path": "x", "search_regex": "("}), "`search_regex` is wrong"),
        (json!({"port": 1, "exclude_hosts": "a"}), "is for `state: drained`"),
        (json!({"port": 1, "active_connection_states": "OPEN"}), "not one of"),
    ] {
        let error = env.error("wait_for", params.clone());
        assert!(error.contains(why), "{params}: {error}");
    }
    assert!(env.check("wait_for", json!({"path": "none"})).unwrap().skipped);
}
