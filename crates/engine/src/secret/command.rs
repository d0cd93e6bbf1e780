//! Runs the command of a secret and takes what it prints.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use zeroize::Zeroizing;

use super::MAX_SECRET;
use super::resolve::{Missing, too_large};

/// How long a command may take. It has no terminal, so one that asks a person would wait for ever.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How much of its standard error is shown, in bytes.
const SHOWN: usize = 2048;

/// How often it is looked whether it has ended.
const POLL: Duration = Duration::from_millis(5);

/// The standard output of a shell command line. It is not kept anywhere else.
pub(super) fn output(
    line: &str,
    env: &BTreeMap<String, String>,
    root: &Path,
) -> Result<Zeroizing<Vec<u8>>, Missing> {
    output_within(TIMEOUT, line, env, root)
}

fn output_within(
    timeout: Duration,
    line: &str,
    env: &BTreeMap<String, String>,
    root: &Path,
) -> Result<Zeroizing<Vec<u8>>, Missing> {
    let broken =
        |error: io::Error| Missing::new(format!("the command cannot be run: {error}"), "check the command");
    let mut child = start(line, env, root).map_err(broken)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let printed = drain(stdout, MAX_SECRET + 1);
    let said = drain(stderr, SHOWN);
    let status = wait(&mut child, Instant::now() + timeout).map_err(broken)?;
    let Some(status) = status else {
        let why = format!("the command took longer than {} s", timeout.as_secs());
        return Err(Missing::new(
            why,
            "it has no terminal: it must not ask; log in before, or use another way",
        ));
    };
    // Children that it left behind may hold its streams open: what it printed itself has arrived by now.
    let printed = printed.recv_timeout(timeout).unwrap_or_default();
    if printed.len() > MAX_SECRET {
        return Err(too_large());
    }
    if status.success() {
        return Ok(printed);
    }
    let said = said.recv_timeout(POLL * 20).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let hint = match said.trim() {
        "" => "it said nothing on its standard error".to_owned(),
        said => format!("it said: {said}"),
    };
    Err(Missing::new(format!("the command ended with {}", ending(status)), hint))
}

fn start(line: &str, env: &BTreeMap<String, String>, root: &Path) -> io::Result<Child> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", line]).current_dir(root).env_clear().envs(env);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, so that what it starts can be ended with it.
    command.process_group(0).spawn()
}

fn wait(child: &mut Child, end: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            if let Some(group) = Pid::from_raw(child.id() as i32) {
                rustix::process::kill_process_group(group, Signal::KILL).ok();
            }
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

/// Reads a stream to its end on a thread of its own, so that a full pipe never blocks the command, and keeps its
/// first `limit` bytes.
fn drain(stream: Option<impl Read + Send + 'static>, limit: usize) -> mpsc::Receiver<Zeroizing<Vec<u8>>> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut kept = Zeroizing::new(Vec::with_capacity(4096));
        if let Some(mut stream) = stream {
            stream.by_ref().take(limit as u64).read_to_end(&mut kept).ok();
            send.send(kept).ok();
            io::copy(&mut stream, &mut io::sink()).ok();
        }
    });
    receive
}

fn ending(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("status {code}"),
        None => "a signal".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_takes_too_long_is_ended_with_what_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let env = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        let begin = Instant::now();
        let line = "sleep 60 & echo $! > pid; wait";
        let missing = output_within(Duration::from_millis(300), line, &env, dir.path()).unwrap_err();
        assert!(missing.why.contains("took longer"), "{}", missing.why);
        assert!(begin.elapsed() < Duration::from_secs(10));
        let pid = std::fs::read_to_string(dir.path().join("pid")).unwrap();
        let cmdline = format!("/proc/{}/cmdline", pid.trim());
        let gone = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            std::fs::read(&cmdline).map_or(true, |line| line.is_empty())
        });
        assert!(gone, "what the command started goes on");
    }
}
