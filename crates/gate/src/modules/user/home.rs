//! Home folders that the host's own tools did not make.

use std::{io, path::Path};

use crate::{
    Context, Error,
    accounts::User,
    fsops::{
        attrs::Want,
        install::{Content, Install},
        mode::Mode,
        path::make_dirs,
    },
};

/// What a home folder begins with.
const SKELETON: &str = "/etc/skel";

/// Makes the folders above a home folder, which belong to root.
pub(super) fn parents(home: &Path, cx: &Context<'_>) -> Result<(), Error> {
    match home.parent() {
        Some(parent) if !cx.fs().is_dir(parent) => make_dirs(parent, &Want::default(), cx).map(drop),
        _ => Ok(()),
    }
}

/// Makes the home folder of a user that is there already.
pub(in crate::modules) fn make(home: &Path, user: &User, skeleton: Option<&str>, cx: &Context<'_>) -> Result<(), Error> {
    let fs = cx.fs();
    parents(home, cx)?;
    fs.create_dir(home, 0o777).map_err(Error::io("make", home))?;
    let skeleton = Path::new(skeleton.unwrap_or(SKELETON));
    if fs.is_dir(skeleton) {
        fill(skeleton, home, user, cx)?;
    }
    let settings = fs.read(Path::new("/etc/login.defs")).unwrap_or_default();
    let mode = mode(&String::from_utf8_lossy(&settings));
    fs.set_mode(home, mode).map_err(Error::io("change", home))?;
    own(home, user, cx)
}

/// Copies what lies in a folder, for the user.
fn fill(from: &Path, to: &Path, user: &User, cx: &Context<'_>) -> Result<(), Error> {
    let fs = cx.fs();
    for name in fs.names(from).map_err(Error::io("read", from))? {
        let (from, to) = (from.join(&name), to.join(name));
        let meta = fs.symlink_metadata(&from).map_err(Error::io("read", &from))?;
        let mode = meta.mode & 0o7777;
        let copied: io::Result<()> = if meta.is_symlink() {
            fs.read_link(&from).and_then(|target| fs.symlink(&target, &to))
        } else if meta.is_dir() {
            fs.create_dir(&to, 0o777).and_then(|()| fs.set_mode(&to, mode))
        } else {
            let want = Want { mode: Some(Mode::Bits(mode)), ..Want::default() };
            Install::new(want, cx).put(Content::File(&from), &to)?;
            Ok(())
        };
        copied.map_err(Error::io("make", &to))?;
        if meta.is_dir() {
            fill(&from, &to, user, cx)?;
        }
        own(&to, user, cx)?;
    }
    Ok(())
}

fn own(path: &Path, user: &User, cx: &Context<'_>) -> Result<(), Error> {
    cx.fs().set_owner(path, Some(user.uid), Some(user.gid)).map_err(Error::io("change the owner of", path))
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
