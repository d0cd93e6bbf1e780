//! Writing archives. Nothing of the moment goes into them, so that the same sources make the same bytes.

use std::{
    io::{self, Read, Write},
    path::Path,
};

use flate2::{Compression, GzBuilder};
use sha1::{Digest, Sha1};

use super::{sources::Entry, tarball, zipped};
use crate::{Context, Error, forecast::LONGEST, fsops::sum};

/// The kinds of archive that are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Tar,
    Gzip,
    Zip,
}

impl Format {
    /// By its name in the parameters, which allow no other.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "tar" => Self::Tar,
            "zip" => Self::Zip,
            _ => Self::Gzip,
        }
    }
}

/// Packs entries.
pub(super) fn pack(
    format: Format,
    entries: &[Entry],
    sink: &mut dyn Write,
    cx: &Context<'_>,
) -> Result<(), Error> {
    match format {
        Format::Tar => tarball::write(entries, sink, cx).map(drop),
        Format::Zip => zipped::write(entries, sink, cx),
        Format::Gzip => {
            let packed = tarball::write(entries, gzip(sink), cx)?;
            packed.finish().map(drop).map_err(Error::io("write", "the archive"))
        }
    }
}

/// Compresses one file.
pub(super) fn compress(path: &Path, sink: &mut dyn Write, cx: &Context<'_>) -> Result<(), Error> {
    let file = cx.fs().open(path).map_err(Error::io("read", path))?;
    let mut packed = gzip(sink);
    io::copy(&mut Alive { inner: file, cx }, &mut packed).map_err(ended(cx, "compress", path))?;
    packed.finish().map(drop).map_err(Error::io("write", "the archive"))
}

fn gzip(sink: &mut dyn Write) -> flate2::write::GzEncoder<&mut dyn Write> {
    GzBuilder::new().write(sink, Compression::default())
}

/// Gives an I/O error its place, unless the run has to end, which is then the reason.
pub(super) fn ended(cx: &Context<'_>, op: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let ended = cx.alive().err();
    move |error| ended.unwrap_or_else(|| Error::io(op, path)(error))
}

/// A reader that ends where the run has to.
pub(super) struct Alive<'a, R> {
    pub(super) inner: R,
    pub(super) cx: &'a Context<'a>,
}

impl<R: Read> Read for Alive<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cx.alive().map_err(|_| io::Error::other("the run has ended"))?;
        self.inner.read(buffer)
    }
}

/// An archive in memory, for as long as it is not too large for that.
#[derive(Default)]
pub(super) struct Made {
    bytes: Vec<u8>,
    digest: Sha1,
    length: u64,
}

impl Made {
    /// The archive, or its SHA-1 in hexadecimal and its length.
    pub(super) fn finish(self) -> Result<Vec<u8>, (String, u64)> {
        if self.length > LONGEST as u64 {
            return Err((sum::hex(&self.digest.finalize()), self.length));
        }
        Ok(self.bytes)
    }
}

impl Write for Made {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.digest.update(bytes);
        self.length += bytes.len() as u64;
        if self.length <= LONGEST as u64 {
            self.bytes.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
