//! Single keys from a terminal, without waiting for the end of a line, and without leaving it changed.

use std::io::{self, Stdin};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, Termios, isatty, tcflush, tcgetattr, tcgetpgrp, tcsetattr,
};

/// Reads keys. While it is open the terminal neither shows what is typed nor waits for a line; Ctrl-C still
/// ends the program.
#[derive(Debug, Default)]
pub(super) struct Keys {
    before: Option<Termios>,
}

impl Keys {
    /// A key that was pressed since it was opened, if one was. Opens it first: what was typed before does not
    /// count, for it was meant for something else.
    pub(super) fn read(&mut self) -> Option<u8> {
        let stdin = io::stdin();
        if self.before.is_none() {
            self.open(&stdin);
            return None;
        }
        let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut ready, Some(&now)).ok().filter(|&count| count > 0)?;
        let mut key = [0u8];
        let read = rustix::io::read(&stdin, &mut key).ok()?;
        (read == 1).then_some(key[0])
    }

    fn open(&mut self, stdin: &Stdin) {
        // In the background, touching the terminal would stop the whole program.
        let ours = tcgetpgrp(stdin).is_ok_and(|group| group == rustix::process::getpgrp());
        if !isatty(stdin) || !ours {
            return;
        }
        let Ok(before) = tcgetattr(stdin) else { return };
        let mut raw = before.clone();
        raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        let opened =
            tcflush(stdin, QueueSelector::IFlush).and_then(|()| tcsetattr(stdin, OptionalActions::Now, &raw));
        self.before = opened.is_ok().then_some(before);
    }

    /// Makes the terminal as it was.
    pub(super) fn close(&mut self) {
        if let Some(before) = self.before.take() {
            // There is nobody left to tell if the terminal has gone.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.close();
    }
}
