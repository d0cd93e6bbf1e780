//! Runs a program that gives an inventory: no shell, no terminal, limited time and output.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// The most that a program may print.
const MOST_OUTPUT: usize = 64 << 20;

/// The most of its standard error that is kept.
const MOST_TALK: usize = 64 << 10;

/// What a program said.
pub(super) struct Said {
    pub(super) output: Vec<u8>,
    pub(super) talk: String,
}

/// Why there is no output, and what the program said to standard error.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) why: String,
    pub(super) talk: String,
}

/// Runs `path` with arguments in `folder` until `deadline`. The program and whatever it started is killed
/// when the time is over.
pub(super) fn run(path: &Path, args: &[&str], folder: &Path, deadline: Instant) -> Result<Said, Failure> {
    let mut child = Command::new(path)
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| failure(format!("it cannot be started: {error}")))?;
    let output = collect(child.stdout.take(), MOST_OUTPUT);
    let talk = collect(child.stderr.take(), MOST_TALK);
    let ended = ended(&child, deadline);
    // Children of it that are left would hold the pipes open. As long as nobody has waited for the program
    // itself, its number stands for this group and for no other.
    end_group(&child);
    let status = match (ended, child.wait()) {
        (Ok(()), Ok(status)) => status,
        (Err(why), _) => return Err(Failure { why, talk: text(&talk) }),
        (_, Err(error)) => return Err(failure(format!("it cannot be waited for: {error}"))),
    };
    let talk = text(&talk);
    if !status.success() {
        return Err(Failure { why: told(status), talk });
    }
    match output.recv_timeout(GRACE) {
        Ok(output) if output.len() <= MOST_OUTPUT => Ok(Said { output, talk }),
        Ok(_) => Err(Failure { why: format!("it printed more than {MOST_OUTPUT} bytes"), talk }),
        Err(_) => Err(Failure { why: "its output did not end".to_owned(), talk }),
    }
}

/// How long a pipe may take to end after the program has.
const GRACE: Duration = Duration::from_secs(2);

fn failure(why: String) -> Failure {
    Failure { why, talk: String::new() }
}

fn told(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with status {code}"),
        (None, signal) => format!("it was ended by signal {}", signal.unwrap_or_default()),
    }
}

/// Reads a pipe to its end on a thread of its own, keeping one byte more than `most`, which tells that there
/// was more. A program that prints without end is read without end, until it is killed.
fn collect(pipe: Option<impl Read + Send + 'static>, most: usize) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    if let Some(mut pipe) = pipe {
        thread::spawn(move || {
            let mut kept = Vec::new();
            let _ = Read::by_ref(&mut pipe).take(most as u64 + 1).read_to_end(&mut kept);
            if kept.len() > most {
                let _ = io::copy(&mut pipe, &mut io::sink());
            }
            // Nobody listens any more where the time is over.
            let _ = sender.send(kept);
        });
    }
    receiver
}

fn text(talk: &Receiver<Vec<u8>>) -> String {
    let mut bytes = talk.recv_timeout(GRACE).unwrap_or_default();
    bytes.truncate(MOST_TALK);
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

/// Returns when a program has ended, which it is still to be waited for, or when its time is over.
fn ended(child: &Child, deadline: Instant) -> Result<(), String> {
    let Some(pid) = pid(child) else { return Err("it has no number".to_owned()) };
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let mut pause = Duration::from_millis(1);
    loop {
        match waitid(WaitId::Pid(pid), look) {
            Ok(Some(_)) => return Ok(()),
            Ok(None) if Instant::now() >= deadline => return Err("it took too long".to_owned()),
            Ok(None) => {}
            Err(error) => return Err(format!("it cannot be waited for: {error}")),
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

fn end_group(child: &Child) {
    if let Some(group) = pid(child) {
        // Where nothing of the group is left, all is well.
        let _ = kill_process_group(group, Signal::KILL);
    }
}
