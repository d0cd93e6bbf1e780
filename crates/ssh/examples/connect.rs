//! Measures what a connection costs: `cargo run --release -p windlass-ssh --example connect -- [COUNT]` starts a
//! server of its own, connects so many times (200) one after the other and so many at once, runs a command on
//! each, and says how much of our CPU that took. Then it sends 256 MiB there and back.

#![allow(clippy::print_stdout, reason = "an example talks to the person who runs it")]

#[path = "../tests/it/sshd.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod sshd;

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use windlass_ssh::{Channel, Client, Endpoint};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let count = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(200);
    let site = sshd::Site::with_key();
    let server = sshd::Sshd::known(&site, "");
    let (client, endpoint) = (site.client(), server.endpoint());
    println!("{}", client.connect(&endpoint).await.expect("it connects").note());

    let (begun, cpu) = (Instant::now(), cpu_time());
    for _ in 0..count {
        command(&client, &endpoint).await;
    }
    report("one after the other", count, begun, cpu);

    let (begun, cpu) = (Instant::now(), cpu_time());
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..count {
        let (client, endpoint) = (client.clone(), endpoint.clone());
        all.spawn(async move { command(&client, &endpoint).await });
    }
    all.join_all().await;
    report("eight at a time", count, begun, cpu);

    stream(&client, &endpoint, 256 << 20).await;
}

async fn command(client: &Client, endpoint: &Endpoint) {
    let transport = client.connect(endpoint).await.expect("it connects");
    let (out, _, _) = sshd::output(transport.exec("echo hello").await.expect("it starts")).await;
    assert_eq!(out, "hello\n");
}

/// Both directions at once, through `cat`.
async fn stream(client: &Client, endpoint: &Endpoint, bytes: u64) {
    let transport = client.connect(endpoint).await.expect("it connects");
    let (begun, cpu) = (Instant::now(), cpu_time());
    let Channel { mut stdin, mut stdout, stderr: _stderr, exit, .. } =
        transport.exec("cat").await.expect("it starts");
    let write = tokio::spawn(async move {
        let block = vec![7; 1 << 20];
        for _ in 0..bytes >> 20 {
            stdin.write_all(&block).await.expect("it takes everything");
        }
        stdin.shutdown().await.expect("and its end");
    });
    let (mut back, mut block) = (0, vec![0; 1 << 20]);
    loop {
        match stdout.read(&mut block).await.expect("it can be read") {
            0 => break,
            length => back += length as u64,
        }
    }
    write.await.expect("it does not panic");
    assert!(exit.await.expect("it ends").success() && back == bytes);
    let seconds = begun.elapsed().as_secs_f64();
    let rate = |seconds: f64| bytes as f64 / f64::from(1 << 20) / seconds;
    println!(
        "{} MiB there and back: {:.0} MiB/s each way, {:.0} MiB a second of CPU",
        bytes >> 20,
        rate(seconds),
        rate((cpu_time() - cpu).as_secs_f64())
    );
}

fn report(what: &str, count: u32, begun: Instant, cpu: Duration) {
    let (wall, cpu) = (begun.elapsed(), cpu_time() - cpu);
    println!("{count} connections, {what}: {:.2?} of CPU and {:.2?} of time each", cpu / count, wall / count);
}

/// What this process has used, all threads together, without its children.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs().try_into().expect("less than a second"),
    )
}
