//! Files of the host on their way to the controller.

use std::{
    collections::{HashMap, hash_map::Entry},
    fs::File,
    io::{self, Read},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

use rustix::fs::OFlags;
use sha2::{Digest, Sha256};

use super::{lock, session::Session};
use crate::{
    Cancel, Error,
    view::Fs,
    wire::{self, Body, PIECE, WINDOW},
};

/// How often a transfer that waits for the controller looks whether it was cancelled.
const TICK: Duration = Duration::from_millis(50);

/// How far the controller is with each transfer.
#[derive(Default)]
pub(super) struct Windows {
    taken: Mutex<HashMap<u32, u64>>,
    changed: Condvar,
}

impl Windows {
    /// The controller has so many bytes.
    pub(super) fn ack(&self, transfer: u32, bytes: u64) {
        if let Some(taken) = lock(&self.taken).get_mut(&transfer) {
            *taken = bytes.max(*taken);
        }
        self.changed.notify_all();
    }

    /// No transfer is under way any more.
    pub(super) fn forget(&self) {
        lock(&self.taken).clear();
    }

    /// Waits until a piece may follow after `sent` bytes.
    fn room(&self, transfer: u32, sent: u64, cancel: &Cancel) -> Result<(), Error> {
        let mut taken = lock(&self.taken);
        while taken.get(&transfer).is_some_and(|taken| sent.saturating_sub(*taken) + PIECE as u64 > WINDOW) {
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            taken = self.changed.wait_timeout(taken, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }
}

/// Bytes on their way, no faster than the controller takes them.
pub(super) struct Transfer<'a> {
    number: u32,
    sent: u64,
    session: &'a Session,
    cancel: &'a Cancel,
}

impl<'a> Transfer<'a> {
    /// Opens a transfer under the number that the controller gave it.
    pub(super) fn open(number: u32, session: &'a Session, cancel: &'a Cancel) -> Result<Self, Error> {
        match lock(&session.windows.taken).entry(number) {
            Entry::Occupied(_) => Err(Error::Failed(format!("transfer {number} is open already"))),
            Entry::Vacant(entry) => {
                entry.insert(0);
                Ok(Self { number, sent: 0, session, cancel })
            }
        }
    }

    /// Sends some bytes.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        for piece in bytes.chunks(PIECE) {
            self.session.windows.room(self.number, self.sent, self.cancel)?;
            if self.cancel.is_cancelled() || self.session.out.is_closed() {
                return Err(Error::Cancelled);
            }
            self.sent += piece.len() as u64;
            self.session.out.send(wire::encode_content(self.number, piece));
        }
        Ok(())
    }
}

impl Drop for Transfer<'_> {
    fn drop(&mut self) {
        lock(&self.session.windows.taken).remove(&self.number);
    }
}

/// Sends a file, and says what it was.
pub(super) fn file(transfer: u32, path: &str, session: &Session, cancel: &Cancel) -> Body {
    let sent = Transfer::open(transfer, session, cancel)
        .and_then(|mut transfer| pieces(&mut transfer, path, session, cancel));
    sent.unwrap_or_else(|error| Body::Error(error.into()))
}

fn pieces(
    transfer: &mut Transfer<'_>,
    path: &str,
    session: &Session,
    cancel: &Cancel,
) -> Result<Body, Error> {
    let path = session.options.cwd.join(crate::expand::path(path, &Default::default(), Fs::DISK));
    // Opening a pipe would wait for whoever writes it.
    let flags = OFlags::NONBLOCK.bits() as i32;
    let open = File::options().read(true).custom_flags(flags).open(&path);
    let mut file = open.map_err(Error::io("read", &path))?;
    let meta = file.metadata().map_err(Error::io("read", &path))?;
    if !meta.is_file() {
        return Err(Error::Failed(format!("{} is not a file", path.display())));
    }
    let (mut digest, mut size) = (Sha256::new(), 0);
    let mut piece = vec![0; PIECE];
    loop {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let count = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        digest.update(&piece[..count]);
        size += count as u64;
        transfer.send(&piece[..count])?;
    }
    let mode = format!("{:04o}", meta.permissions().mode() & 0o7777);
    Ok(Body::File { sha256: crate::fsops::sum::hex(&digest.finalize()), size, mode })
}
