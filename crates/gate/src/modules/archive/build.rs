//! Writing archives. Nothing of the moment goes into them, so that the same sources make the same bytes.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use flate2::{Compression, GzBuilder};
use sha1::{Digest, Sha1};

use super::{sources::Entry, tarball, zipped};
use crate::{Context, Error, fsops::sum};

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
    let file = File::open(path).map_err(Error::io("read", path))?;
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

/// Sums up what is written.
pub(super) struct Hashed<W> {
    inner: W,
    digest: Sha1,
    length: u64,
}

impl<W: Write> Hashed<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, digest: Sha1::new(), length: 0 }
    }

    /// The SHA-1 in hexadecimal, and how much it was.
    pub(super) fn finish(self) -> (String, u64) {
        (sum::hex(&self.digest.finalize()), self.length)
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.inner.write(bytes)?;
        self.digest.update(&bytes[..length]);
        self.length += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
