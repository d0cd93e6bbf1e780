//! Processes under test: each leads a group of its own, and none outlives its time.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process, kill_process_group};

use crate::Output;

/// How often a process is looked at while it is waited for.
const LOOK: Duration = Duration::from_millis(2);

/// A program that runs. Dropping it ends it and its process group.
#[derive(Debug)]
pub struct Running {
    child: Child,
    args: Vec<OsString>,
    begun: Instant,
    limit: Duration,
    out: Option<JoinHandle<Vec<u8>>>,
    err: Option<JoinHandle<Vec<u8>>>,
    ended: Option<ExitStatus>,
}

impl Running {
    /// Starts `command`. Both its streams are read from the start, so that it never waits for a reader.
    pub(crate) fn start(mut command: Command, limit: Duration, stdout: Stdio) -> Self {
        command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped()).process_group(0);
        let args = command.get_args().map(Into::into).collect();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let out = child.stdout.take().map(drain);
        let err = child.stderr.take().map(drain);
        Self { child, args, begun: Instant::now(), limit, out, err, ended: None }
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.poll().is_none()
    }

    /// Sends a signal to the process alone, as `kill` does.
    pub fn signal(&mut self, signal: Signal) {
        if self.poll().is_none() {
            // It may end between the two calls: then there is nobody to tell.
            kill_process(pid(&self.child), signal).ok();
        }
    }

    /// Waits until `done` says so. Fails when the time is up or the process ended first.
    pub fn until(&mut self, what: &str, mut done: impl FnMut() -> bool) {
        while !done() {
            let ended = self.poll();
            // What it did last counts too.
            assert!(ended.is_none() || done(), "{:?} ended ({ended:?}) before {what}", self.args);
            assert!(self.begun.elapsed() < self.limit, "{:?}: no {what} in {:?}", self.args, self.limit);
            std::thread::sleep(LOOK);
        }
    }

    /// Waits for its end. Fails when the time is up: nothing may hang.
    pub fn wait(mut self) -> Output {
        while self.poll().is_none() {
            if self.begun.elapsed() > self.limit {
                self.end();
                let (out, err) = self.streams();
                panic!(
                    "{:?} did not end in {:?}\nstdout: {}\nstderr: {}",
                    self.args,
                    self.limit,
                    String::from_utf8_lossy(&out),
                    String::from_utf8_lossy(&err),
                );
            }
            std::thread::sleep(LOOK);
        }
        let (took, status) = (self.begun.elapsed(), self.ended.expect("it ended"));
        let (stdout, stderr) = self.streams();
        let (code, signal) = (status.code(), status.signal());
        Output { args: std::mem::take(&mut self.args), code, signal, stdout, stderr, took }
    }

    fn poll(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("a child can be waited for");
        }
        self.ended
    }

    /// What the streams had. A grandchild that lives on may hold one open: then what came so far counts, and
    /// whether anybody may live on is for the test to say.
    fn streams(&mut self) -> (Vec<u8>, Vec<u8>) {
        let take = |handle: Option<JoinHandle<Vec<u8>>>| {
            handle.map(|handle| handle.join().expect("a reader does not panic")).unwrap_or_default()
        };
        (take(self.out.take()), take(self.err.take()))
    }

    fn end(&mut self) {
        kill_process_group(pid(&self.child), Signal::KILL).ok();
        self.child.wait().ok();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.end();
        }
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

fn drain(mut stream: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        match stream.read_to_end(&mut all) {
            Ok(_) => all,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => all,
            Err(error) => panic!("a pipe cannot be read: {error}"),
        }
    })
}
