//! What lies at a path, and where links lead.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::attrs::{Want, state};
use crate::{Context, Error, view::Fs};

/// What lies at a path; a path that cannot be looked at is an error, not an absence.
pub(crate) fn state_of(path: &Path, fs: Fs<'_>) -> Result<&'static str, Error> {
    match fs.symlink_metadata(path) {
        Ok(meta) => Ok(state(Some(&meta))),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(state(None))
        }
        Err(error) => Err(Error::io("look at", path)(error)),
    }
}

/// Where a chain of links ends, whether or not anything is there.
pub(crate) fn resolve(path: &Path, fs: Fs<'_>) -> Result<PathBuf, Error> {
    // The same limit as the system's own.
    const LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match fs.read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("/")).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(Error::Failed(format!("too many links at {}", path.display())))
}

/// The folder that a path is in.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// Refuses a folder that is not there.
pub(crate) fn need_dir(dir: &Path, cx: &Context<'_>) -> Result<(), Error> {
    match cx.fs().metadata(dir) {
        Ok(meta) if meta.is_dir() => Ok(()),
        Ok(_) => Err(Error::Failed(format!("{} is not a folder", dir.display()))),
        Err(error) => Err(Error::io("use the folder", dir)(error)),
    }
}

/// Makes a folder and those above it that are missing, and gives each of these the attributes. Says whether
/// anything was missing.
pub(crate) fn make_dirs(path: &Path, want: &Want, cx: &Context<'_>) -> Result<bool, Error> {
    let mut missing: Vec<&Path> =
        path.ancestors().take_while(|dir| cx.fs().symlink_metadata(dir).is_err()).collect();
    missing.reverse();
    let Some(top) = missing.first() else { return need_dir(path, cx).map(|()| false) };
    need_dir(parent(top), cx)?;
    let want = want.of_new(true);
    // Where a mode was asked for, nobody gets in before it is set.
    let mode = if want.mode.is_some() { 0o700 } else { 0o777 };
    for dir in missing {
        match cx.fs().create_dir(dir, mode) {
            // Somebody else was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && cx.fs().is_dir(dir) => {}
            made => made.map_err(Error::io("create", dir))?,
        }
        want.settle(dir, cx)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn links_are_followed_to_their_end_and_circles_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        symlink("b", at("a")).unwrap();
        symlink("nowhere", at("b")).unwrap();
        symlink("circle", at("circle")).unwrap();
        let disk = Fs::DISK;
        assert_eq!(resolve(&at("a"), disk).unwrap(), at("nowhere"));
        assert!(resolve(&at("circle"), disk).is_err());
        let state = |name| state_of(&at(name), disk).unwrap();
        assert_eq!((state("a"), state("nowhere")), ("link", "absent"));
        fs::write(at("file"), "").unwrap();
        assert_eq!(state("file/below"), "absent");
    }
}
