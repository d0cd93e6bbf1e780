//! Runs a command of the shell for its output, for a bounded time and as long as somebody waits for it.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::local::MAX_BYTES;
use crate::patience::{Patience, patience};

/// How often it is looked whether somebody still waits for the command.
const LOOK: Duration = Duration::from_millis(20);

/// How much of what a failed command complains about is told.
const MAX_COMPLAINT: u64 = 1000;

/// The output of a command, which must end well, and in time.
pub(super) fn output(
    command: &str,
    folder: &Path,
    env: &BTreeMap<String, String>,
    timeout: Duration,
) -> io::Result<Vec<u8>> {
    let wait = Wait { end: Instant::now() + timeout, patience: patience() };
    // Who went on after an earlier command was given up does not begin another one.
    wait.over().map_or(Ok(()), Err)?;
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .current_dir(folder)
        .env_clear()
        .envs(env)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own, so that what it starts can be ended with it.
        .process_group(0)
        .spawn()?;
    let output = reader(child.stdout.take(), MAX_BYTES + 1);
    let complaint = reader(child.stderr.take(), MAX_COMPLAINT);
    let out = match wait.received(&output) {
        Ok(out) if out.len() as u64 > MAX_BYTES => {
            give_up(&mut child);
            return Err(io::Error::other(format!("the output is larger than {} MB", MAX_BYTES >> 20)));
        }
        Ok(out) => out,
        Err(error) => {
            give_up(&mut child);
            return Err(error);
        }
    };
    match wait.ended(&mut child)? {
        status if status.success() => Ok(out),
        status => Err(failed(status, &wait.received(&complaint).unwrap_or_default())),
    }
}

/// Reads a pipe to its end on a thread of its own, so that a full pipe never holds the command up; past the
/// limit it reads on and forgets.
fn reader(pipe: Option<impl Read + Send + 'static>, limit: u64) -> Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = sync_channel(1);
    thread::spawn(move || {
        let mut out = Vec::new();
        let Some(mut pipe) = pipe else { return };
        let read = pipe.by_ref().take(limit).read_to_end(&mut out);
        // Nobody waits any more when the command was given up.
        let _ = sender.send(read.map(|_| out));
        let _ = io::copy(&mut pipe, &mut io::sink());
    });
    receiver
}

/// How long a command is waited for: for its time, and as long as anybody wants its output.
struct Wait {
    end: Instant,
    patience: Patience,
}

impl Wait {
    /// Why it is over, once it is.
    fn over(&self) -> Option<io::Error> {
        if !(self.patience)() {
            return Some(io::Error::new(io::ErrorKind::Interrupted, "nobody waits for the command any more"));
        }
        (Instant::now() >= self.end)
            .then(|| io::Error::new(io::ErrorKind::TimedOut, "the command takes too long"))
    }

    fn received(&self, receiver: &Receiver<io::Result<Vec<u8>>>) -> io::Result<Vec<u8>> {
        loop {
            match receiver.recv_timeout(LOOK) {
                Ok(read) => return read,
                Err(RecvTimeoutError::Disconnected) => return Ok(Vec::new()),
                Err(RecvTimeoutError::Timeout) => self.over().map_or(Ok(()), Err)?,
            }
        }
    }

    /// Waits for a command that has closed its output: it is about to end.
    fn ended(&self, child: &mut Child) -> io::Result<ExitStatus> {
        let mut pause = Duration::from_micros(200);
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if let Some(error) = self.over() {
                give_up(child);
                return Err(error);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LOOK);
        }
    }
}

fn give_up(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

fn failed(status: ExitStatus, complaint: &[u8]) -> io::Error {
    let complaint = String::from_utf8_lossy(complaint);
    let first = complaint.trim().lines().next().unwrap_or_default();
    let tail = if first.is_empty() { String::new() } else { format!(": {first}") };
    io::Error::other(match status.code() {
        Some(code) => format!("the command fails with exit status {code}{tail}"),
        None => format!("the command is ended by a signal{tail}"),
    })
}
