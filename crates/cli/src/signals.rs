//! The signals that ask the program to end, or to stop for a while.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The end, by the signal of this name.
    End(&'static str),
    /// To stop until somebody says to go on (Ctrl-Z, then `fg`).
    Pause,
}

/// SIGINT, SIGTERM, SIGHUP and SIGTSTP, from the moment it is made.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    pause: Signal,
}

impl Signals {
    /// Begins to listen; from now on these signals no longer end the process by themselves.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            pause: signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::End("SIGINT"),
            _ = self.terminate.recv() => Asked::End("SIGTERM"),
            _ = self.hangup.recv() => Asked::End("SIGHUP"),
            _ = self.pause.recv() => Asked::Pause,
        }
    }
}

/// Stops this process as Ctrl-Z would, until it is told to go on. Where no shell could do that it goes on at once, as
/// the system has it.
pub(crate) fn pause() {
    use rustix::process::{Signal, getpgid, getpgrp, getpid, getppid, getsid, kill_process};
    let parent = getppid();
    let shell = parent.is_some_and(|parent| {
        getsid(Some(parent)).ok() == getsid(None).ok()
            && getpgid(Some(parent)).is_ok_and(|group| group != getpgrp())
    });
    if shell {
        // Nothing can refuse it.
        kill_process(getpid(), Signal::STOP).ok();
    }
}
