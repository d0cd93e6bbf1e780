//! Archives that are read: what is in them, told one member at a time.
//!
//! An archive may come from anywhere. No name in it leads out of the folder that it is unpacked in, and none
//! unpacks to many times its own size.

mod meter;
mod name;
mod tarball;
mod zipped;

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use crate::{Context, Error};
use meter::Meter;

/// What kind of archive a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Tar,
    Gzip,
    Zip,
}

/// Something in an archive.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Its number in the archive.
    pub(crate) index: usize,
    /// Its name as it is written.
    pub(crate) name: String,
    /// Where it lies, seen from the folder that the archive is unpacked in. Never leads out of it; empty for
    /// the folder itself.
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
    /// Its permission bits, where the archive has any.
    pub(crate) mode: Option<u32>,
    /// When it was last changed, in seconds since 1970.
    pub(crate) mtime: Option<i64>,
    /// The user and group that own it, where the archive says so.
    pub(crate) owner: Option<(u32, u32)>,
    pub(crate) size: u64,
}

/// What something in an archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Dir,
    /// A symbolic link, as it is written. Does not lead out of the folder.
    Link(PathBuf),
    /// Another name of what lies at this path, seen from the folder.
    Hard(PathBuf),
}

/// Is told of each member, with its content.
pub(crate) type Visit<'v> = &'v mut dyn FnMut(&Member, &mut dyn Read) -> Result<(), Error>;

/// An archive that can be read more than once.
pub(crate) struct Pack<'a> {
    file: File,
    size: u64,
    format: Format,
    /// What errors call it.
    path: &'a Path,
    cx: &'a Context<'a>,
}

impl<'a> Pack<'a> {
    /// Looks at what kind of archive a file is.
    pub(crate) fn open(mut file: File, path: &'a Path, cx: &'a Context<'a>) -> Result<Self, Error> {
        let meta = file.metadata().map_err(Error::io("read", path))?;
        let refuse = |why: &str| Err(Error::Failed(format!("{} {why}", path.display())));
        if !meta.is_file() {
            return refuse("is not a regular file");
        }
        if meta.len() == 0 {
            return refuse("is empty, and so is no archive");
        }
        let mut head = Vec::new();
        file.by_ref().take(512).read_to_end(&mut head).map_err(Error::io("read", path))?;
        match format(&head) {
            Ok(format) => Ok(Self { file, size: meta.len(), format, path, cx }),
            Err(what) => refuse(what),
        }
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Tells of every member, in the order of the archive.
    pub(crate) fn each(&mut self, visit: Visit<'_>) -> Result<(), Error> {
        self.file.seek(SeekFrom::Start(0)).map_err(Error::io("read", self.path))?;
        let meter = Meter::new(self.size, self.cx);
        let told = match self.format {
            Format::Tar => tarball::each(&self.file, &meter, self.path, visit, self.cx.fs()),
            Format::Gzip => {
                let unpacked = flate2::read::MultiGzDecoder::new(&self.file);
                tarball::each(unpacked, &meter, self.path, visit, self.cx.fs())
            }
            Format::Zip => zipped::each(&self.file, &meter, self.path, visit),
        };
        // What is read ends where the run has to, and that is the reason then.
        told.map_err(|error| self.cx.alive().err().unwrap_or(error))
    }
}

/// The format that the first bytes show, or what is wrong with them.
fn format(head: &[u8]) -> Result<Format, &'static str> {
    const ELSE: &[(&[u8], &str)] = &[
        (b"BZh", "is compressed by bzip2, which is not supported (tar, tar.gz and zip are)"),
        (b"\xfd7zXZ\0", "is compressed by xz, which is not supported (tar, tar.gz and zip are)"),
        (b"\x28\xb5\x2f\xfd", "is compressed by zstd, which is not supported (tar, tar.gz and zip are)"),
        (b"7z\xbc\xaf\x27\x1c", "is a 7z archive, which is not supported (tar, tar.gz and zip are)"),
    ];
    if let Some((_, what)) = ELSE.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(what);
    }
    if head.starts_with(b"\x1f\x8b") {
        return Ok(Format::Gzip);
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Ok(Format::Zip);
    }
    let is_tar = head.len() == 512 && {
        let mut header = tar::Header::new_old();
        header.as_mut_bytes().copy_from_slice(head);
        let sum: u32 =
            (0..512).map(|at| if (148..156).contains(&at) { 32 } else { u32::from(head[at]) }).sum();
        header.cksum().is_ok_and(|stored| stored == sum) || head.iter().all(|byte| *byte == 0)
    };
    if is_tar { Ok(Format::Tar) } else { Err("is no archive of a kind that is supported: tar, tar.gz, zip") }
}
