//! Files of the host on their way to the controller.

use std::{
    collections::HashMap,
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

/// Sends a file, and says what it was.
pub(super) fn file(transfer: u32, path: &str, session: &Session, cancel: &Cancel) -> Body {
    if lock(&session.windows.taken).insert(transfer, 0).is_some() {
        let why = format!("transfer {transfer} is open already");
        return Body::Error(Error::Failed(why).into());
    }
    let sent = pieces(transfer, path, session, cancel);
    lock(&session.windows.taken).remove(&transfer);
    sent.unwrap_or_else(|error| Body::Error(error.into()))
}

fn pieces(transfer: u32, path: &str, session: &Session, cancel: &Cancel) -> Result<Body, Error> {
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
        session.windows.room(transfer, size, cancel)?;
        if cancel.is_cancelled() || session.out.is_closed() {
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
        session.out.send(wire::encode_content(transfer, &piece[..count]));
    }
    let mode = format!("{:04o}", meta.permissions().mode() & 0o7777);
    Ok(Body::File { sha256: crate::fsops::sum::hex(&digest.finalize()), size, mode })
}
