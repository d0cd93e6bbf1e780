//! The bound on what an archive may unpack to: a few kilobytes can be made to fill any disk.

use std::{
    cell::Cell,
    io::{self, Read},
};

use crate::{Context, Error};

/// An archive may always unpack to this much, in bytes.
const FREE: u64 = 1 << 30;

/// Beyond that it may unpack to this many times its own size; honest archives reach twenty.
const RATIO: u64 = 200;

/// How many members an archive may have: each is held in memory while it is unpacked.
const MEMBERS: usize = 1_000_000;

/// Counts what comes out of an archive, and ends it where the run has to end.
pub(super) struct Meter<'a> {
    limit: u64,
    left: Cell<u64>,
    cx: &'a Context<'a>,
}

impl<'a> Meter<'a> {
    /// For an archive of this size.
    pub(super) fn new(size: u64, cx: &'a Context<'a>) -> Self {
        let limit = size.saturating_mul(RATIO).max(FREE);
        Self { limit, left: Cell::new(limit), cx }
    }

    /// Refuses a size that is told beforehand.
    pub(super) fn expect(&self, size: u64) -> io::Result<()> {
        if size > self.limit { Err(self.bomb()) } else { Ok(()) }
    }

    /// Asked at every member.
    pub(super) fn member(&self, index: usize) -> Result<(), Error> {
        self.cx.alive()?;
        if index >= MEMBERS {
            return Err(Error::Failed(format!("the archive has more than {MEMBERS} members")));
        }
        Ok(())
    }

    /// Counts what is read.
    pub(super) fn over<R: Read>(&self, inner: R) -> Metered<'_, R> {
        Metered { inner, meter: self }
    }

    fn bomb(&self) -> io::Error {
        let gib = self.limit >> 30;
        io::Error::other(format!("it unpacks to more than {gib} GiB, which is far too much for its own size"))
    }
}

pub(super) struct Metered<'a, R> {
    inner: R,
    meter: &'a Meter<'a>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Whoever reads through many members without telling of them has to end as well.
        self.meter.cx.alive().map_err(|_| io::Error::other("the run has ended"))?;
        let length = self.inner.read(buffer)?;
        let left = self.meter.left.get().checked_sub(length as u64).ok_or_else(|| self.meter.bomb())?;
        self.meter.left.set(left);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path};

    use super::*;
    use crate::{Cancel, Silent};

    #[test]
    fn what_unpacks_to_far_too_much_is_cut() {
        let (env, cancel) = (BTreeMap::new(), Cancel::new());
        let cx = Context {
            check: None,
            diff: false,
            cwd: Path::new("/"),
            env: &env,
            cancel: &cancel,
            deadline: None,
            progress: &Silent,
            capture_limit: 0,
        };
        let meter = Meter::new(100, &cx);
        assert!(meter.expect(FREE).is_ok() && meter.expect(FREE + 1).is_err());
        let copied = io::copy(&mut meter.over(io::repeat(0).take(FREE + 1)), &mut io::sink());
        assert!(copied.unwrap_err().to_string().contains("more than 1 GiB"));
        assert!(meter.member(MEMBERS).is_err() && meter.member(0).is_ok());
        cancel.cancel();
        assert!(meter.over(io::empty()).read(&mut [0]).is_err());
    }
}
