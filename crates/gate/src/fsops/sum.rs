//! Checksums of files and of text.

use std::{
    fs::File,
    io::{self, Read, Seek},
    path::Path,
};

use sha1::Digest;

use crate::{Context, Error};

/// Ansible's names of all hash functions.
pub(crate) const NAMES: [&str; 6] = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];

/// Hash functions by Ansible's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "md5" => Self::Md5,
            "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }
}

/// The SHA-1 of some bytes, in hexadecimal.
pub(crate) fn of(bytes: &[u8]) -> String {
    hex(&sha1::Sha1::digest(bytes))
}

/// The checksum of a file, in hexadecimal. A large file is left in the middle where the run has to end.
pub(crate) fn file(path: &Path, algorithm: Algorithm, cx: &Context<'_>) -> Result<String, Error> {
    // Of some files only this is forecast.
    if let Some(sum) = cx.fs().known(path).filter(|_| algorithm == Algorithm::Sha1) {
        return Ok(sum);
    }
    let file = cx.fs().open(path).map_err(Error::io("read", path))?;
    open(&file, path, algorithm, cx)
}

/// The checksum of an open file from its start on, in hexadecimal; `path` is what errors call it.
pub(crate) fn open(
    file: &File,
    path: &Path,
    algorithm: Algorithm,
    cx: &Context<'_>,
) -> Result<String, Error> {
    match algorithm {
        Algorithm::Md5 => digest::<md5::Md5>(file, path, cx),
        Algorithm::Sha1 => digest::<sha1::Sha1>(file, path, cx),
        Algorithm::Sha224 => digest::<sha2::Sha224>(file, path, cx),
        Algorithm::Sha256 => digest::<sha2::Sha256>(file, path, cx),
        Algorithm::Sha384 => digest::<sha2::Sha384>(file, path, cx),
        Algorithm::Sha512 => digest::<sha2::Sha512>(file, path, cx),
    }
}

fn digest<D: Digest>(mut file: &File, path: &Path, cx: &Context<'_>) -> Result<String, Error> {
    file.rewind().map_err(Error::io("read", path))?;
    let mut digest = D::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        cx.alive()?;
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&digest.finalize())),
            Ok(length) => digest.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", path)(error)),
        }
    }
}

/// The MD5 of some bytes, in hexadecimal. It proves nothing; Ansible's results have it.
pub(crate) fn md5(bytes: &[u8]) -> String {
    hex(&md5::Md5::digest(bytes))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_sum() {
        assert_eq!(of(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }
}
