//! A controller for tests: it speaks to a gate in this process, or to the program.

use std::{
    io::{ErrorKind, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread::JoinHandle,
    time::Duration,
};

use serde_json::{Value, json};
use windlass_gate::{
    serve::{Ended, Options, serve},
    wire::{self, Answer, Body, Decoder, Fault, Frame, Order, Task},
};

/// How long a test waits for a frame.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Peer {
    stream: UnixStream,
    decoder: Decoder,
    gate: Option<JoinHandle<Result<(), Ended>>>,
}

impl Peer {
    /// A gate on a thread of its own, whose hello has been heard.
    pub(crate) fn start(cwd: &Path) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let options =
            Options { hash: "h".into(), cwd: cwd.into(), dir: Some(cwd.join("private")), guard: None };
        std::fs::create_dir_all(cwd.join("private")).unwrap();
        let output = theirs.try_clone().unwrap();
        let gate = std::thread::spawn(move || serve(theirs, output, options));
        ours.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut peer = Self { stream: ours, decoder: Decoder::new(wire::LIMIT), gate: Some(gate) };
        assert!(matches!(peer.answer(), Answer::Hello(hello) if hello.version == wire::VERSION));
        peer
    }

    /// The program itself, in a folder of its own.
    pub(crate) fn program(cwd: &Path) -> (Self, Child) {
        Self::other_program(Path::new(env!("CARGO_BIN_EXE_windlass-gate")), cwd)
    }

    /// The same from another file.
    pub(crate) fn other_program(program: &Path, cwd: &Path) -> (Self, Child) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let child = Command::new(program)
            .args(["serve", "h"])
            .arg(cwd)
            .current_dir(cwd)
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs.try_clone().unwrap())))
            .stdout(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
            .spawn()
            .unwrap();
        ours.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut peer = Self { stream: ours, decoder: Decoder::new(wire::LIMIT), gate: None };
        assert!(matches!(peer.answer(), Answer::Hello(hello) if hello.pid == child.id()));
        (peer, child)
    }

    pub(crate) fn send(&mut self, order: &Order) {
        self.raw(&wire::encode(order));
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Writes what the gate may no longer take.
    pub(crate) fn try_raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub(crate) fn module(&mut self, id: u64, name: &str, args: Value) {
        self.send(&Order::from(task(id, name, args)));
    }

    /// The next frame; None at the end.
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        let mut bytes = vec![0; 1 << 16];
        loop {
            if let Some(frame) = self.decoder.pull().unwrap() {
                return Some(frame);
            }
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => self.decoder.push(&bytes[..count]),
                // A socket with a time limit is not read again by itself after a signal.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("the gate's answers cannot be read: {error}"),
            }
        }
    }

    /// The next message.
    pub(crate) fn answer(&mut self) -> Answer {
        match self.frame() {
            Some(Frame::Message(json)) => serde_json::from_slice(&json).unwrap(),
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// The next result, and the answers before it.
    pub(crate) fn result(&mut self) -> (u64, Body, Vec<Answer>) {
        let mut before = Vec::new();
        loop {
            match self.answer() {
                Answer::Result { id, body } => return (id, body, before),
                Answer::Error { message, .. } => panic!("{message}"),
                other => before.push(other),
            }
        }
    }

    /// The next result, which must be a reply, as Ansible has it.
    pub(crate) fn reply(&mut self) -> (u64, Value) {
        match self.result() {
            (id, Body::Reply(reply), _) => (id, reply.to_json()),
            other => panic!("expected a reply, got {other:?}"),
        }
    }

    /// The next result, which must be a fault.
    pub(crate) fn fault(&mut self) -> (u64, Fault) {
        match self.result() {
            (id, Body::Error(fault), _) => (id, fault),
            other => panic!("expected a fault, got {other:?}"),
        }
    }

    /// Closes our side, and says how the gate ended.
    pub(crate) fn close(mut self) -> Result<(), Ended> {
        self.stream.shutdown(Shutdown::Write).unwrap();
        self.gate.take().expect("it runs here").join().unwrap()
    }

    /// Waits for the gate to end by itself.
    pub(crate) fn ended(mut self) -> Result<(), Ended> {
        self.gate.take().expect("it runs here").join().unwrap()
    }
}

pub(crate) fn task(id: u64, name: &str, args: Value) -> Task {
    Task { id, name: name.into(), args, ..Task::default() }
}

pub(crate) fn shell(text: &str) -> Value {
    json!({ "cmd": text })
}
