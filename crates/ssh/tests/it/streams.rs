//! Commands and their streams: all bytes, in order, both ways, and nothing left behind.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use windlass_ssh::{Channel, Exit, Transport};

use crate::sshd::{Site, Sshd, output, works};

const MIB: usize = 1 << 20;

/// Bytes that no two packets have alike.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Sends bytes through `cat` and checks that they come back.
async fn echo(transport: &dyn Transport, bytes: &[u8]) {
    let Channel { mut stdin, mut stdout, mut stderr, exit, .. } =
        transport.exec("cat").await.unwrap_or_else(|e| panic!("{e}"));
    let write = async {
        stdin.write_all(bytes).await.expect("it takes everything");
        stdin.shutdown().await.expect("and its end");
    };
    let (mut back, mut said) = (Vec::with_capacity(bytes.len()), String::new());
    let ((), out, err, exit) =
        tokio::join!(write, stdout.read_to_end(&mut back), stderr.read_to_string(&mut said), exit);
    out.expect("it can be read");
    err.expect("it can be read");
    assert_eq!(exit.unwrap_or_else(|e| panic!("{e}")), Exit::Code(0));
    assert!(back == bytes, "{} bytes came back of {}", back.len(), bytes.len());
    assert_eq!(said, "");
}

#[tokio::test]
async fn sixty_four_mebibytes_go_through_both_ways_intact() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "");
    let transport = works(&site.client(), &sshd.endpoint()).await;
    echo(&*transport, &noise(64 * MIB)).await;
    echo(&*transport, b"").await;
    echo(&*transport, &noise(MIB + 1)).await;
}

#[tokio::test]
async fn commands_run_side_by_side_on_one_connection() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "");
    let transport = works(&site.client(), &sshd.endpoint()).await;
    let (a, b, c) = (noise(3 * MIB), noise(5 * MIB), noise(MIB));
    tokio::join!(echo(&*transport, &a), echo(&*transport, &b), echo(&*transport, &c));
    assert_eq!(sshd.log().matches("Accepted publickey").count(), 1);
}

#[tokio::test]
async fn both_outputs_and_each_way_to_end_are_told() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "");
    let transport = works(&site.client(), &sshd.endpoint()).await;
    for (command, expected) in [
        ("true", Exit::Code(0)),
        ("exit 255", Exit::Code(255)),
        ("exec no-such-program-anywhere", Exit::Code(127)),
        ("kill -TERM $$", Exit::Signal("TERM".into())),
        ("kill -KILL $$", Exit::Signal("KILL".into())),
    ] {
        let channel = transport.exec(command).await.unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(output(channel).await.2.unwrap_or_else(|e| panic!("{e}")), expected, "{command}");
    }
    let command = "head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2";
    let (out, err, _) = output(transport.exec(command).await.expect("it starts")).await;
    assert_eq!((out.len(), err.len()), (3_000_000, 2_000_000));
}

#[tokio::test]
async fn an_output_that_nobody_reads_does_not_keep_the_command_from_ending() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "");
    let transport = works(&site.client(), &sshd.endpoint()).await;
    let Channel { stdin, stdout, stderr, exit, .. } =
        transport.exec("head -c 40000000 /dev/zero; exit 3").await.expect("it starts");
    drop((stdin, stdout, stderr));
    assert_eq!(exit.await.unwrap_or_else(|e| panic!("{e}")), Exit::Code(3));
}

#[tokio::test]
async fn writing_to_a_command_that_has_ended_fails_instead_of_waiting() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "");
    let transport = works(&site.client(), &sshd.endpoint()).await;
    let mut channel = transport.exec("exit 0").await.expect("it starts");
    let bytes = noise(64 * MIB);
    let write = tokio::time::timeout(Duration::from_secs(10), channel.stdin.write_all(&bytes)).await;
    assert!(write.expect("it does not wait for ever").is_err());
    assert_eq!(output(channel).await.2.unwrap_or_else(|e| panic!("{e}")), Exit::Code(0));
}

#[tokio::test]
async fn a_dropped_input_is_an_end_and_a_dropped_channel_ends_the_command() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "");
    let transport = works(&site.client(), &sshd.endpoint()).await;
    // `output` drops the input first; `cat` ends by that alone.
    assert_eq!(
        output(transport.exec("cat").await.expect("it starts")).await.2.expect("it ends"),
        Exit::Code(0)
    );

    let mark = site.path("mark");
    let command =
        format!("echo x; sleep 1000 & p=$!; trap 'kill $p' EXIT HUP PIPE; cat; touch {}", mark.display());
    let mut channel = transport.exec(&command).await.expect("it starts");
    channel.stdout.read_exact(&mut [0; 2]).await.expect("it runs");
    drop(channel);
    let begun = Instant::now();
    while !mark.exists() {
        assert!(begun.elapsed() < Duration::from_secs(10), "the command does not end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The connection itself is none the worse.
    assert!(transport.is_open());
    echo(&*transport, b"still here").await;
}

#[tokio::test]
async fn close_ends_the_connection() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "");
    let transport = works(&site.client(), &sshd.endpoint()).await;
    transport.close().await;
    let begun = Instant::now();
    while transport.is_open() {
        assert!(begun.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(transport.exec("true").await.is_err());
}

#[tokio::test]
async fn variables_of_the_configuration_reach_the_command() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "AcceptEnv WL_*");
    let client = site.client_with("SetEnv WL_A=one \"WL_B=two words\"\n");
    let transport = client.connect(&sshd.endpoint()).await.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(transport.kind(), "russh");
    let (out, _, _) = output(transport.exec("echo $WL_A-$WL_B").await.expect("it starts")).await;
    assert_eq!(out, "one-two words\n");
}
