//! Differences between the contents of files, for people.

use std::{
    fs::File,
    io::{self, Read, Seek},
    path::Path,
};

use super::sum;
use crate::{Diff, view::Fs};

/// Larger files are not shown: nobody reads their difference, and every reply is kept.
const LIMIT: u64 = 100 * 1024;

/// One side of a difference.
pub(crate) enum Side<'a> {
    Absent,
    File(&'a Path),
    Bytes(&'a [u8]),
    Open(&'a File),
    /// Something that is no text, by its sum and length.
    Binary(&'a str, u64),
}

/// The difference between two contents of what is called `name`.
pub(crate) fn of(before: &Side<'_>, after: &Side<'_>, name: &str, fs: Fs<'_>) -> Diff {
    Diff {
        before: text(before, fs).into(),
        after: text(after, fs).into(),
        before_header: format!("before: {name}"),
        after_header: format!("after: {name}"),
    }
}

fn text(side: &Side<'_>, fs: Fs<'_>) -> String {
    match side {
        Side::Absent => String::new(),
        Side::Bytes(bytes) => readable(bytes),
        Side::Binary(_, length) if *length > LIMIT => large(*length),
        Side::Binary(sum, length) => binary(*length, sum),
        Side::Open(file) => opened(file).unwrap_or_else(|_| "(not readable)\n".into()),
        Side::File(path) => match fs.metadata(path) {
            Ok(meta) if meta.len > LIMIT => large(meta.len),
            Ok(_) => {
                fs.read(path).map(|bytes| readable(&bytes)).unwrap_or_else(|_| "(not readable)\n".into())
            }
            Err(_) => String::new(),
        },
    }
}

fn readable(bytes: &[u8]) -> String {
    if bytes.len() as u64 > LIMIT {
        return large(bytes.len() as u64);
    }
    match str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => text.to_owned(),
        _ => binary(bytes.len() as u64, &sum::of(bytes)),
    }
}

fn opened(mut file: &File) -> io::Result<String> {
    let length = file.metadata()?.len();
    if length > LIMIT {
        return Ok(large(length));
    }
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(readable(&bytes))
}

fn binary(length: u64, sum: &str) -> String {
    format!("(binary, {length} bytes, sha1 {sum})\n")
}

fn large(length: u64) -> String {
    format!("(too large to show, {length} bytes)\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_and_the_rest_is_described() {
        let diff = of(&Side::Absent, &Side::Bytes(b"a\n"), "/x", Fs::DISK);
        assert_eq!((diff.before, diff.after), ("".into(), "a\n".into()));
        let diff = of(&Side::Bytes(&[0, 1]), &Side::Bytes(&vec![b'a'; 200_000]), "/x", Fs::DISK);
        assert!(diff.before.as_str().unwrap().starts_with("(binary, 2 bytes, sha1 "));
        assert_eq!(diff.after, "(too large to show, 200000 bytes)\n");
    }
}
