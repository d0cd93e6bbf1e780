//! The process behind a program: fed, read, waited for, and ended with all that it started.

use std::{
    io::{self, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{self, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::Program;
use crate::{Error, Kind, Patience};

/// How often a wait looks whether it has to end.
const TURN: Duration = Duration::from_millis(20);
/// How much is read at once.
const PIECE: usize = 16 << 10;
/// How many pieces wait to be taken; the program waits then.
const PIECES: usize = 16;
/// How much of what it says on standard error is kept: its end.
const COMPLAINT: usize = 8 << 10;
/// How long the end of its output is waited for after it has ended, and its group with it: something that it left
/// behind outside may hold that open for ever.
const AFTER: Duration = Duration::from_secs(5);
/// How long it has to end by itself when it is told to.
const GRACE: Duration = Duration::from_secs(1);

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Exit(i32),
    Signal(i32),
}

/// A process and its group. Dropping it ends both.
pub(super) struct Child {
    process: process::Child,
    output: Receiver<Vec<u8>>,
    complaint: Arc<Mutex<Vec<u8>>>,
    /// Closed when all of the complaint is there.
    complained: Receiver<()>,
    ended: bool,
}

impl Child {
    pub(super) fn start(program: &Program, model: &str, input: Vec<u8>) -> Result<Self, Error> {
        let Some((file, args)) = program.argv.split_first() else {
            return Err(Error::before(Kind::BadRequest, format!("{}: no program is named", program.name)));
        };
        let mut command = Command::new(file);
        command.args(args.iter().map(|arg| arg.replace("{model}", model)));
        command.envs(program.env.iter().map(|(name, value)| (name, value)));
        if let Some(dir) = &program.dir {
            command.current_dir(dir);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut process = command.spawn().map_err(|error| {
            let kind = match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Kind::NotFound,
                _ => Kind::Overloaded,
            };
            Error::before(kind, format!("{}: cannot start {file}: {error}", program.name))
        })?;
        let (sender, output) = sync_channel(PIECES);
        let (complaining, complained) = sync_channel::<()>(0);
        let complaint: Arc<Mutex<Vec<u8>>> = Arc::default();
        if let Some(mut stdin) = process.stdin.take() {
            // A program may answer without having read everything.
            thread::spawn(move || stdin.write_all(&input));
        }
        if let Some(stdout) = process.stdout.take() {
            // Nobody may be there to take it any more.
            thread::spawn(move || pieces(stdout, |piece| sender.send(piece.to_vec()).is_ok()));
        }
        if let Some(stderr) = process.stderr.take() {
            let kept = complaint.clone();
            thread::spawn(move || {
                let _until_here = complaining;
                pieces(stderr, |piece| {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.extend_from_slice(piece);
                    let over = kept.len().saturating_sub(COMPLAINT);
                    kept.drain(..over);
                    true
                });
            });
        }
        Ok(Self { process, output, complaint, complained, ended: false })
    }

    /// Reads its output and waits for its end.
    pub(super) fn read(
        &mut self,
        patience: &Patience,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<End, Error> {
        let (mut open, mut gone): (bool, Option<Instant>) = (true, None);
        while open || gone.is_none() {
            patience.check().map_err(|over| Error { reached: true, ..over })?;
            if gone.is_none() && self.has_ended() {
                gone = Some(Instant::now());
                // What it left behind would hold the output open.
                self.signal(Signal::KILL);
            }
            if !open {
                thread::sleep(if gone.is_some() { Duration::ZERO } else { TURN });
                continue;
            }
            match self.output.recv_timeout(TURN) {
                Ok(piece) => take(&piece)?,
                Err(RecvTimeoutError::Disconnected) => open = false,
                Err(RecvTimeoutError::Timeout) => open = gone.is_none_or(|when| when.elapsed() < AFTER),
            }
        }
        self.finish()
    }

    /// What it said on standard error. It has ended, so that the end of that is near, unless somebody outside its
    /// group holds it open.
    pub(super) fn complaint(&self) -> String {
        let _ = self.complained.recv_timeout(AFTER);
        let kept = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.process.id()).ok().and_then(Pid::from_raw)
    }

    /// Whether it has ended. It is left for [`Child::finish`] to collect, so that its number is nobody else's yet.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.pid().is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), options), Ok(None)))
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            // The group may be gone already.
            let _ = kill_process_group(pid, signal);
        }
    }

    /// Ends what is left of the group, and collects the process.
    fn finish(&mut self) -> Result<End, Error> {
        self.signal(Signal::KILL);
        let status = self.process.wait();
        self.ended = true;
        let status =
            status.map_err(|error| Error::new(Kind::BadAnswer, format!("no end of the program: {error}")))?;
        Ok(match (status.code(), status.signal()) {
            (Some(code), _) => End::Exit(code),
            (None, signal) => End::Signal(signal.unwrap_or_default()),
        })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.signal(Signal::TERM);
        let start = Instant::now();
        while !self.has_ended() && start.elapsed() < GRACE {
            thread::sleep(TURN);
        }
        // Nobody is left to be told how it ended.
        let _ = self.finish();
    }
}

/// Reads to the end, or until nobody takes the pieces.
fn pieces(mut from: impl Read, mut take: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; PIECE];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) if take(&buffer[..length]) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => return,
        }
    }
}
