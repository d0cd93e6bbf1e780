//! Runs a command of the shell for its output, for a bounded time.

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

/// How much of what a failed command complains about is told.
const MAX_COMPLAINT: u64 = 1000;

/// The output of a command, which must end well, and in time.
pub(super) fn output(
    command: &str,
    folder: &Path,
    env: &BTreeMap<String, String>,
    timeout: Duration,
) -> io::Result<Vec<u8>> {
    let end = Instant::now() + timeout;
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
    let out = match received(&output, end) {
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
    match ended(&mut child, end)? {
        status if status.success() => Ok(out),
        status => Err(failed(status, &received(&complaint, end).unwrap_or_default())),
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

fn received(receiver: &Receiver<io::Result<Vec<u8>>>, end: Instant) -> io::Result<Vec<u8>> {
    match receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
        Ok(read) => read,
        Err(RecvTimeoutError::Timeout) => Err(too_long()),
        Err(RecvTimeoutError::Disconnected) => Ok(Vec::new()),
    }
}

/// Waits for a command that has closed its output: it is about to end.
fn ended(child: &mut Child, end: Instant) -> io::Result<ExitStatus> {
    let mut pause = Duration::from_micros(200);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= end {
            give_up(child);
            return Err(too_long());
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn give_up(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the command takes too long")
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
