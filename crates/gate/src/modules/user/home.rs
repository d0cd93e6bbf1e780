//! Home folders that the host's own tools did not make.

use std::{
    fs, io,
    os::unix::fs::{PermissionsExt, lchown, symlink},
    path::Path,
};

use crate::{Error, accounts::User};

/// What a home folder begins with.
const SKELETON: &str = "/etc/skel";

/// Makes the folders above a home folder, which belong to root.
pub(super) fn parents(home: &Path) -> Result<(), Error> {
    match home.parent() {
        Some(parent) if !parent.is_dir() => fs::create_dir_all(parent).map_err(Error::io("make", parent)),
        _ => Ok(()),
    }
}

/// Makes the home folder of a user that is there already.
pub(super) fn make(home: &Path, user: &User, skeleton: Option<&str>) -> Result<(), Error> {
    parents(home)?;
    fs::create_dir(home).map_err(Error::io("make", home))?;
    let skeleton = Path::new(skeleton.unwrap_or(SKELETON));
    if skeleton.is_dir() {
        fill(skeleton, home, user)?;
    }
    let mode = fs::Permissions::from_mode(mode(&fs::read_to_string("/etc/login.defs").unwrap_or_default()));
    fs::set_permissions(home, mode).map_err(Error::io("change", home))?;
    own(home, user)
}

/// Copies what lies in a folder, for the user.
fn fill(from: &Path, to: &Path, user: &User) -> Result<(), Error> {
    for entry in fs::read_dir(from).map_err(Error::io("read", from))? {
        let entry = entry.map_err(Error::io("read", from))?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(Error::io("read", &from))?;
        let copied: io::Result<()> = if kind.is_symlink() {
            fs::read_link(&from).and_then(|target| symlink(target, &to))
        } else if kind.is_dir() {
            let made = fs::create_dir(&to).and_then(|()| fs::metadata(&from));
            made.and_then(|meta| fs::set_permissions(&to, meta.permissions()))
        } else {
            fs::copy(&from, &to).map(drop)
        };
        copied.map_err(Error::io("make", &to))?;
        if kind.is_dir() {
            fill(&from, &to, user)?;
        }
        own(&to, user)?;
    }
    Ok(())
}

fn own(path: &Path, user: &User) -> Result<(), Error> {
    lchown(path, Some(user.uid), Some(user.gid)).map_err(Error::io("change the owner of", path))
}

/// The permissions of home folders by the host's settings: `HOME_MODE`, or else what `UMASK` leaves.
fn mode(settings: &str) -> u32 {
    let number = |name: &str| {
        settings.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some(name)).then(|| words.next())?.and_then(|word| u32::from_str_radix(word, 8).ok())
        })
    };
    number("HOME_MODE").or_else(|| number("UMASK").map(|mask| 0o777 & !mask)).unwrap_or(0o755)
}

#[cfg(test)]
mod tests {
    use super::mode;

    #[test]
    fn the_hosts_settings_say_who_may_enter() {
        assert_eq!(mode("#HOME_MODE 0700\nUMASK\t\t022\n"), 0o755);
        assert_eq!(mode("UMASK 077\n"), 0o700);
        assert_eq!(mode("UMASK 022\nHOME_MODE\t0750\n"), 0o750);
        assert_eq!(mode(""), 0o755);
    }
}
