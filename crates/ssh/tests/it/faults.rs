//! What breaks: servers that are not there, that drop bursts, and connections that are cut.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;
use windlass_ssh::{Client, Endpoint, Error, Options};

use crate::sshd::{Site, Sshd, dead_port, fails, output, works};

#[tokio::test]
async fn a_port_where_nobody_listens_is_unreachable_at_once() {
    let site = Site::with_key();
    let endpoint = Endpoint { port: Some(dead_port()), ..Endpoint::new("127.0.0.1") };
    let begun = Instant::now();
    let error = fails(&site.client(), &endpoint).await;
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(error.is_transient() && begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    let site = Site::with_key();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("it has one").port();
    let limit = Duration::from_millis(300);
    let endpoint = Endpoint { port: Some(port), connect_timeout: limit, ..Endpoint::new("127.0.0.1") };
    let begun = Instant::now();
    let error = fails(&site.client(), &endpoint).await;
    assert!(matches!(error, Error::TimedOut { .. }) && error.is_transient(), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_connection_that_is_cut_is_lost_and_says_so() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "");
    let transport = works(&site.client(), &sshd.endpoint()).await;
    let mut channel = transport.exec("echo begun; sleep 60").await.expect("it starts");
    let mut begun = [0; 6];
    channel.stdout.read_exact(&mut begun).await.expect("it runs");
    let begun = Instant::now();
    sshd.cut_connections();
    let (_, _, exit) = output(channel).await;
    let error = exit.expect_err("nobody knows how it ended");
    assert!(matches!(error, Error::Lost { .. }) && error.is_transient(), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(!transport.is_open());
    let error = transport.exec("true").await.expect_err("it is gone");
    assert!(matches!(error, Error::Lost { .. }), "{error}");
}

#[tokio::test]
async fn retries_end_with_the_cause_and_with_a_cancel_at_once() {
    let site = Site::with_key();
    let endpoint = Endpoint { port: Some(dead_port()), ..Endpoint::new("127.0.0.1") };
    let client = site.client();
    let within = Duration::from_secs(35);
    let retried = client.connect_with_retry(&endpoint, 3, within, &CancellationToken::new()).await;
    let error = retried.map(drop).expect_err("nobody listens");
    assert!(error.to_string().starts_with("max retries exceeded: cannot connect to 127.0.0.1:"), "{error}");
    assert!(matches!(error, Error::Retries { attempts: 3, .. }));

    let cancel = CancellationToken::new();
    let begun = Instant::now();
    let (result, ()) = tokio::join!(client.connect_with_retry(&endpoint, 100, within, &cancel), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        cancel.cancel();
    });
    assert!(matches!(result.map(drop), Err(Error::Cancelled)));
    assert!(begun.elapsed() < Duration::from_millis(400));
}

#[tokio::test]
async fn a_retry_stays_within_its_time() {
    let site = Site::with_key();
    let endpoint = Endpoint { port: Some(dead_port()), ..Endpoint::new("127.0.0.1") };
    let begun = Instant::now();
    let limit = Duration::from_millis(900);
    let error = site.client().connect_with_retry(&endpoint, 50, limit, &CancellationToken::new()).await;
    assert!(error.map(drop).expect_err("nobody listens").is_transient());
    assert!(begun.elapsed() < Duration::from_millis(1500));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_drops_bursts_is_reached_by_all_in_the_end() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "MaxStartups 1");
    let client = site.client();
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (client, endpoint) = (client.clone(), sshd.endpoint());
        all.spawn(async move {
            let limit = Duration::from_secs(60);
            let transport = client.connect_with_retry(&endpoint, 30, limit, &CancellationToken::new()).await;
            let transport = transport.unwrap_or_else(|e| panic!("{e}"));
            let channel = transport.exec("echo $$").await.unwrap_or_else(|e| panic!("{e}"));
            output(channel).await.0
        });
    }
    let pids: std::collections::HashSet<String> = all.join_all().await.into_iter().collect();
    assert_eq!(pids.len(), 20);
    assert!(sshd.log().contains("MaxStartups"), "the server did drop some: {}", sshd.log());
}

#[tokio::test]
async fn a_port_that_is_no_ssh_server_is_told() {
    let site = Site::with_key();
    let web = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = web.local_addr().expect("it has one").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = web.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let endpoint = Endpoint { port: Some(port), ..Endpoint::new("127.0.0.1") };
    let error = fails(&site.client(), &endpoint).await;
    assert!(
        error.to_string().starts_with(&format!("127.0.0.1:{port} closed the connection early")),
        "{error}"
    );
}

#[tokio::test]
async fn a_name_without_an_address_is_told() {
    let site = Site::with_key();
    let error = fails(&site.client(), &Endpoint::new("no-such-host.windlass.invalid")).await;
    assert!(error.to_string().starts_with("cannot resolve no-such-host.windlass.invalid: "), "{error}");
}

#[tokio::test]
async fn a_server_that_no_longer_answers_is_given_up() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "");
    let options = Options { keepalive: Duration::from_millis(200), ..site.options() };
    let transport = works(&Client::new(options), &sshd.endpoint()).await;
    let mut channel = transport.exec("echo begun; sleep 60").await.expect("it starts");
    channel.stdout.read_exact(&mut [0; 6]).await.expect("it runs");
    sshd.freeze_connections();
    let begun = Instant::now();
    let error = output(channel).await.2.expect_err("nobody knows how it ended");
    assert!(matches!(error, Error::Lost { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
}
