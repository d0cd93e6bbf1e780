//! Differences between the contents of files, for people.

use std::{
    fs::File,
    io::{self, Read, Seek},
    path::Path,
};

use super::sum::{self, Algorithm};
use crate::{Context, Diff, Error};

/// Larger files are not shown but by their sum: nobody reads their difference, and every reply is kept.
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
pub(crate) fn of(before: &Side<'_>, after: &Side<'_>, name: &str, cx: &Context<'_>) -> Diff {
    Diff {
        before: text(before, cx).into(),
        after: text(after, cx).into(),
        before_header: format!("before: {name}"),
        after_header: format!("after: {name}"),
    }
}

fn text(side: &Side<'_>, cx: &Context<'_>) -> String {
    let found = match side {
        Side::Absent => return String::new(),
        Side::Bytes(bytes) => return readable(bytes),
        Side::Binary(sum, length) if *length > LIMIT => return large(*length, sum),
        Side::Binary(sum, length) => return binary(*length, sum),
        Side::Open(file) => opened(file, cx),
        Side::File(path) => match cx.fs().metadata(path) {
            Ok(meta) => stored(path, meta.len, cx),
            Err(_) => return String::new(),
        },
    };
    found.unwrap_or_else(|_| "(not readable)\n".into())
}

fn stored(path: &Path, length: u64, cx: &Context<'_>) -> Result<String, Error> {
    if length > LIMIT {
        return Ok(large(length, &sum::file(path, Algorithm::Sha1, cx)?));
    }
    Ok(readable(&cx.fs().read(path).map_err(Error::io("read", path))?))
}

fn readable(bytes: &[u8]) -> String {
    if bytes.len() as u64 > LIMIT {
        return large(bytes.len() as u64, &sum::of(bytes));
    }
    match str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => text.to_owned(),
        _ => binary(bytes.len() as u64, &sum::of(bytes)),
    }
}

fn opened(file: &File, cx: &Context<'_>) -> Result<String, Error> {
    let path = Path::new("content");
    let length = file.metadata().map_err(Error::io("read", path))?.len();
    if length > LIMIT {
        return Ok(large(length, &sum::open(file, path, Algorithm::Sha1, cx)?));
    }
    Ok(readable(&whole(file).map_err(Error::io("read", path))?))
}

fn whole(mut file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn binary(length: u64, sum: &str) -> String {
    format!("(binary, {length} bytes, sha1 {sum})\n")
}

fn large(length: u64, sum: &str) -> String {
    format!("(too large to show, {length} bytes, sha1 {sum})\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{Cancel, Silent};

    #[test]
    fn text_is_shown_and_the_rest_is_described() {
        let (env, cancel) = (BTreeMap::new(), Cancel::new());
        let cx = &Context {
            check: None,
            diff: true,
            cwd: Path::new("/"),
            env: &env,
            cancel: &cancel,
            deadline: None,
            progress: &Silent,
            capture_limit: 0,
        };
        let diff = of(&Side::Absent, &Side::Bytes(b"a\n"), "/x", cx);
        assert_eq!((diff.before, diff.after), ("".into(), "a\n".into()));
        // Of what is too large, whichever side it is on, the sum tells whether it is the same.
        let large = vec![b'a'; 200_000];
        let said = format!("(too large to show, 200000 bytes, sha1 {})\n", sum::of(&large));
        let diff = of(&Side::Bytes(&[0, 1]), &Side::Bytes(&large), "/x", cx);
        assert!(diff.before.as_str().unwrap().starts_with("(binary, 2 bytes, sha1 "));
        assert_eq!(diff.after, said);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        std::fs::write(&path, &large).unwrap();
        let open = File::open(&path).unwrap();
        let diff = of(&Side::File(&path), &Side::Open(&open), "/x", cx);
        assert_eq!((diff.before, diff.after), (said.clone().into(), said.into()));
    }
}
