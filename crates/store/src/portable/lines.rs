//! The lines of a run's file: hashed as they are written and read, and bounded when they are read.

use std::io::{BufRead, BufReader, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::Limits;
use crate::{Error, Result};

/// Writes lines, and knows the digest of all of them.
pub(super) struct Writer<'a> {
    to: &'a mut dyn Write,
    hash: Sha256,
    pub(super) bytes: u64,
}

impl<'a> Writer<'a> {
    pub(super) fn new(to: &'a mut dyn Write) -> Self {
        Self { to, hash: Sha256::new(), bytes: 0 }
    }

    pub(super) fn line(&mut self, line: &[u8]) -> Result<()> {
        for part in [line, b"\n"] {
            self.to.write_all(part).map_err(Error::written)?;
            self.hash.update(part);
            self.bytes += part.len() as u64;
        }
        Ok(())
    }

    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<()> {
        self.line(&serde_json::to_vec(value).map_err(|e| Error::written(e.into()))?)
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        self.to.flush().map_err(Error::written)
    }

    pub(super) fn digest(&self) -> String {
        hex(&self.hash)
    }
}

/// A digest as text.
pub(super) fn hex(hash: &Sha256) -> String {
    hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads lines one by one, none longer and not more of them than the limits allow.
pub(super) struct Lines<'a> {
    from: BufReader<&'a mut dyn Read>,
    limits: Limits,
    /// The current line, without its end.
    line: Vec<u8>,
    number: u64,
    bytes: u64,
    hash: Sha256,
    /// The digest of all before the current line.
    before: Sha256,
}

impl<'a> Lines<'a> {
    pub(super) fn new(from: &'a mut dyn Read, limits: Limits) -> Self {
        let from = BufReader::with_capacity(1 << 16, from);
        let (hash, before) = (Sha256::new(), Sha256::new());
        Self { from, limits, line: Vec::new(), number: 0, bytes: 0, hash, before }
    }

    /// Goes to the next line, of at most `limit` bytes; false at the end of the file.
    pub(super) fn next(&mut self, limit: u64) -> Result<bool> {
        self.line.clear();
        self.number += 1;
        let left = self.limits.bytes - self.bytes;
        // One more than allowed, and the line's end: what is too much is seen by that.
        let mut bounded = (&mut self.from).take(limit.min(left) + 2);
        bounded.read_until(b'\n', &mut self.line).map_err(Error::read)?;
        let length = self.line.len() as u64;
        if length > left {
            return Err(Error::PortableTooBig { what: "the file", limit: self.limits.bytes });
        }
        self.bytes += length;
        self.before.clone_from(&self.hash);
        self.hash.update(&self.line);
        let ended = self.line.pop_if(|last| *last == b'\n').is_some();
        match () {
            () if self.line.len() as u64 > limit => {
                Err(Error::PortableTooBig { what: "the length of a line", limit })
            }
            () if !ended && length > 0 => Err(self.wrong("the file ends within the line")),
            () => Ok(ended),
        }
    }

    /// Goes to the next line, which has to be there.
    pub(super) fn due(&mut self, limit: u64, what: &str) -> Result<&[u8]> {
        match self.next(limit)? {
            true => Ok(&self.line),
            false => Err(self.wrong(format!("the file ends where {what} was due"))),
        }
    }

    /// The current line as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.line).map_err(|e| self.wrong(e.to_string()))
    }

    /// The digest of all before the current line.
    pub(super) fn digest(&self) -> String {
        hex(&self.before)
    }

    /// An error at the current line.
    pub(super) fn wrong(&self, why: impl Into<String>) -> Error {
        Error::NotPortable { line: self.number, why: why.into() }
    }
}
