//! Hosts that are not what they should be: the connection ends, precisely and at once, and nothing is given away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use windlass_fleet::remote::{Delivery, Error, Gate, Options, Request, Streams};
use windlass_gate::wire::{encode, encode_content};
use windlass_model::Code;

/// A gate of the test's own: what it says, and what it is told.
struct Fake {
    output: DuplexStream,
    input: DuplexStream,
    errors: DuplexStream,
}

fn fake(options: Options) -> (Gate, Fake) {
    let (output, ours) = duplex(1 << 20);
    let (input, theirs) = duplex(1 << 20);
    let (errors, words) = duplex(1 << 20);
    let streams =
        Streams { input: Box::new(theirs), output: Box::new(ours), errors: Box::new(words), back: None };
    (Gate::open(streams, Delivery::default(), None, options), Fake { output, input, errors })
}

impl Fake {
    async fn say(&mut self, bytes: &[u8]) {
        // A controller that has hung up hears nothing.
        let _ = self.output.write_all(bytes).await;
    }

    async fn tell(&mut self, message: Value) {
        self.say(&encode(&message)).await;
    }

    async fn hello(&mut self) {
        self.say(b"WINDLASS-GATE have\n").await;
        self.tell(json!({"type": "hello", "version": 2, "pid": 1})).await;
    }
}

fn quick() -> Options {
    super::quick()
}

async fn rogue(what: &str, messages: &[Value], said: &str) {
    let (gate, mut fake) = fake(quick());
    fake.hello().await;
    gate.ready().await.unwrap();
    let request = {
        let gate = gate.clone();
        tokio::spawn(async move { gate.run(Request::new("ping", json!({})), None).await })
    };
    // The first request has the first id; what is said before it is open would be about another one.
    let mut order = vec![0; 1 << 16];
    loop {
        let count = fake.input.read(&mut order).await.unwrap();
        if String::from_utf8_lossy(&order[..count]).contains("\"type\":\"module\"") {
            break;
        }
    }
    for message in messages {
        fake.tell(message.clone()).await;
    }
    let failure = request.await.unwrap().unwrap_err();
    assert_eq!(failure.code, Code::GateRogue, "{what}: {}", failure.message);
    assert!(failure.message.contains(said), "{what}: {}", failure.message);
    // The connection is over for everybody.
    let next = gate.run(Request::new("ping", json!({})), None).await.unwrap_err();
    assert_eq!(next.code, Code::GateRogue);
    drop(fake.errors);
}

#[tokio::test]
async fn answers_that_nobody_asked_for_end_the_connection() {
    let hash = "0".repeat(64);
    let ok = json!({"changed": false});
    for (what, messages, said) in [
        ("result", vec![json!({"type": "result", "id": 999, "reply": ok})], "a result for request 999"),
        ("two results", vec![json!({"type": "started", "id": 999})], "a start for request 999"),
        ("starts", vec![json!({"type": "started", "id": 1}); 2], "request 1 starts twice"),
        (
            "event",
            vec![json!({"type": "event", "id": 1, "stream": "stdout", "line": "x"})],
            "did not ask for",
        ),
        ("event", vec![json!({"type": "event", "id": 9, "stream": "stdout", "line": "x"})], "request 9"),
        ("need", vec![json!({"type": "need", "id": 1, "contents": [hash]})], "was not offered the content"),
        ("need", vec![json!({"type": "need", "id": 5, "contents": [hash]})], "a need for request 5"),
        (
            "info",
            vec![json!({"type": "info", "id": 1, "version": 2, "pid": 1, "release": "", "path": "",
            "cwd": "", "modules": [], "running": 0})],
            "an answer to no question 1",
        ),
        ("ack", vec![json!({"type": "ack", "transfer": 7, "bytes": 1})], "more of transfer 7 than was sent"),
        ("pong", vec![json!({"type": "pong", "seq": 400})], "no ping 400"),
        ("hello", vec![json!({"type": "hello", "version": 2, "pid": 1})], "twice"),
        ("error", vec![json!({"type": "error", "id": 44, "message": "no"})], "an error for request 44"),
        (
            "file",
            vec![json!({"type": "result", "id": 1, "file": {"sha256": "", "size": 0, "mode": ""}})],
            "by a file",
        ),
        ("unknown", vec![json!({"type": "dance"})], "unknown variant `dance`"),
    ] {
        rogue(what, &messages, said).await;
    }
}

#[tokio::test]
async fn bytes_that_are_no_frames_end_the_connection() {
    for (bytes, said) in [
        (&b"hello there"[..], "expected the length of a frame, got \"hello there\""),
        (b"ffffffff{", "over the limit of 67108864"),
        (b"04000001{", "over the limit of 67108864"),
        (b"00100000#00000001", "over the limit of 65545"),
        (b"00000003{{{", "cannot be read"),
        (&encode_content(3, b"x"), "transfer 3, which is not open"),
    ] {
        let (gate, mut fake) = fake(quick());
        fake.hello().await;
        gate.ready().await.unwrap();
        fake.say(bytes).await;
        let failure = gate.run(Request::new("ping", json!({})), None).await.unwrap_err();
        assert_eq!(failure.code, Code::GateRogue);
        assert!(failure.message.contains(said), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_gate_that_says_something_before_its_name_is_none() {
    let (gate, mut fake) = fake(quick());
    fake.say(b"WINDLASS-GATE have\n").await;
    fake.tell(json!({"type": "pong", "seq": 0})).await;
    assert!(matches!(gate.ready().await, Err(Error::Rogue(said)) if said.contains("first who it is")));
    let (gate, mut fake) = self::fake(quick());
    fake.say(b"WINDLASS-GATE have\n").await;
    fake.tell(json!({"type": "hello", "version": 3, "pid": 1})).await;
    let error = gate.ready().await.unwrap_err();
    assert_eq!((error.failure().code, error), (Code::GateVersion, Error::Version(3)));
}

#[tokio::test]
async fn a_shell_that_wants_more_than_the_gate_gets_nothing() {
    for line in [
        "WINDLASS-GATE need Linux-vax 100\n".to_owned(),
        format!("WINDLASS-GATE need Linux-{} 100\n", std::env::consts::ARCH),
        "WINDLASS-GATE clean\n".to_owned(),
        "x".repeat(70_000),
        "y\n".repeat(70_000),
    ] {
        let (gate, mut fake) = fake(quick());
        fake.say(line.as_bytes()).await;
        assert!(matches!(gate.ready().await, Err(Error::Rogue(_))), "{}", &line[..20]);
    }
}

#[tokio::test]
async fn endless_live_output_costs_no_memory_and_ends_with_its_request() {
    struct Count(std::sync::atomic::AtomicU64);
    impl windlass_gate::Progress for Count {
        fn output(&self, _: windlass_gate::Stream, _: &str) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    }
    let (gate, mut fake) = fake(quick());
    fake.hello().await;
    gate.ready().await.unwrap();
    let count = Arc::new(Count(0.into()));
    let listener = count.clone();
    let caller = gate.clone();
    let running =
        tokio::spawn(async move { caller.run(Request::new("ping", json!({})), Some(listener)).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    fake.tell(json!({"type": "started", "id": 1})).await;
    let event = encode(&json!({"type": "event", "id": 1, "stream": "stdout", "line": "x".repeat(1000)}));
    for _ in 0..20_000 {
        fake.say(&event).await;
    }
    running.abort();
    let _ = running.await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(count.0.load(std::sync::atomic::Ordering::SeqCst) > 19_000);
    assert_eq!(gate.error(), None);
}

#[tokio::test]
async fn a_gate_that_falls_silent_is_lost_in_bounded_time() {
    let options =
        Options { heartbeat: Duration::from_millis(100), patience: Duration::from_secs(1), ..quick() };
    let (gate, mut fake) = fake(options);
    fake.hello().await;
    gate.ready().await.unwrap();
    let start = Instant::now();
    let failure = gate.run(Request::new("ping", json!({})), None).await.unwrap_err();
    assert_eq!((failure.code, failure.transient), (Code::GateLost, true));
    assert!(failure.message.contains("nothing was heard"), "{}", failure.message);
    assert!(start.elapsed() < Duration::from_secs(30));
    let options = Options { start: Duration::from_millis(300), ..quick() };
    let (gate, _fake) = self::fake(options);
    let error = gate.ready().await.unwrap_err();
    assert!(error.to_string().contains("the host's shell did not come"), "{error}");
}
