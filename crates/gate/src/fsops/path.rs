//! What lies at a path, and where links lead.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use super::attrs::{Want, state};
use crate::{Context, Error};

/// What lies at a path; a path that cannot be looked at is an error, not an absence.
pub(crate) fn state_of(path: &Path) -> Result<&'static str, Error> {
    match fs::symlink_metadata(path) {
        Ok(meta) => Ok(state(Some(&meta))),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(state(None))
        }
        Err(error) => Err(Error::io("look at", path)(error)),
    }
}

/// Where a chain of links ends, whether or not anything is there.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf, Error> {
    // The same limit as the system's own.
    const LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match fs::read_link(&path) {
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

/// Refuses a folder that is not there. In check mode a step before this one may only have said that it would
/// make it, as with Ansible.
pub(crate) fn need_dir(dir: &Path, cx: &Context<'_>) -> Result<(), Error> {
    match fs::metadata(dir) {
        Ok(meta) if meta.is_dir() => Ok(()),
        Ok(_) => Err(Error::Failed(format!("{} is not a folder", dir.display()))),
        Err(error) if cx.check && error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("use the folder", dir)(error)),
    }
}

/// Makes a folder and those above it that are missing, and gives each of these the attributes. Says whether
/// anything was missing.
pub(crate) fn make_dirs(path: &Path, want: &Want, cx: &Context<'_>) -> Result<bool, Error> {
    let mut missing: Vec<&Path> =
        path.ancestors().take_while(|dir| fs::symlink_metadata(dir).is_err()).collect();
    missing.reverse();
    let Some(top) = missing.first() else { return need_dir(path, cx).map(|()| false) };
    need_dir(parent(top), cx)?;
    if cx.check {
        return Ok(true);
    }
    let want = want.of_new(true);
    // Where a mode was asked for, nobody gets in before it is set.
    let mode = if want.mode.is_some() { 0o700 } else { 0o777 };
    for dir in missing {
        match DirBuilder::new().mode(mode).create(dir) {
            // Somebody else was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
            made => made.map_err(Error::io("create", dir))?,
        }
        want.settle(dir, cx)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_to_their_end_and_circles_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        symlink("b", at("a")).unwrap();
        symlink("nowhere", at("b")).unwrap();
        symlink("circle", at("circle")).unwrap();
        assert_eq!(resolve(&at("a")).unwrap(), at("nowhere"));
        assert!(resolve(&at("circle")).is_err());
        assert_eq!((state_of(&at("a")).unwrap(), state_of(&at("nowhere")).unwrap()), ("link", "absent"));
        fs::write(at("file"), "").unwrap();
        assert_eq!(state_of(&at("file/below")).unwrap(), "absent");
    }
}
