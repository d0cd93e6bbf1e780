//! Writing a new host key down: one line, whole or not at all, under a lock, on the disk when it counts.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;
use russh::keys::{PublicKey, PublicKeyOrCertificate};

use super::pattern::hashed;
use super::{Identity, Known, Store, Verdict, judge};
use crate::Error;

impl Store {
    /// Writes the key of a host that nobody knows yet to the first of the user's files. Under the lock it is
    /// looked up again: if another process has written a key of this host meanwhile, that one counts.
    pub(crate) fn accept(
        &self,
        files: &[PathBuf],
        identity: &Identity,
        shown: &PublicKeyOrCertificate,
        hash: bool,
    ) -> Result<Verdict, Error> {
        let Some(path) = files.first() else {
            return Err(Error::Config("there is no known_hosts file to write the new host key to".into()));
        };
        let failed = |error: std::io::Error| {
            Error::Config(format!("cannot write the new host key to {}: {error}", path.display()))
        };
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = open(path).map_err(failed)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).map_err(|e| failed(e.into()))?;
        self.forget(path);
        let known = self.lookup(files, &identity.name)?;
        let verdict = judge(identity, &known, &Known::default(), shown, SystemTime::now());
        if verdict != Verdict::Unknown {
            return Ok(verdict);
        }
        let line = line(&identity.name, &shown.public_key(), hash)?;
        append(&mut file, &line).map_err(failed)?;
        self.forget(path);
        Ok(Verdict::Trusted)
    }
}

/// Opens the file for appending; makes it, and the folder it lies in, for this user alone.
fn open(path: &Path) -> std::io::Result<File> {
    let open = || OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path);
    let existed = path.exists();
    let file = match open() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let folder = path.parent().ok_or(error)?;
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            open()?
        }
        other => other?,
    };
    if !existed && let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(file)
}

/// One write at the end of the file, so that no reader ever sees half a line that another writer continues.
fn append(file: &mut File, line: &str) -> std::io::Result<()> {
    let mut text = String::with_capacity(line.len() + 2);
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != [b'\n'] {
            text.push('\n');
        }
    }
    text.push_str(line);
    text.push('\n');
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn line(name: &str, key: &PublicKey, hash: bool) -> Result<String, Error> {
    let mut key = key.clone();
    key.set_comment("");
    let key = key.to_openssh().map_err(|e| Error::Config(format!("the host key cannot be written: {e}")))?;
    let key = key.trim_end();
    if !hash {
        return Ok(format!("{name} {key}"));
    }
    let mut salt = [0; 20];
    getrandom::fill(&mut salt).map_err(|e| Error::Config(format!("no random numbers: {e}")))?;
    let digest = hashed(&salt, name).finalize().into_bytes();
    Ok(format!("|1|{}|{} {key}", STANDARD.encode(salt), STANDARD.encode(digest)))
}
