//! Users and groups as records, out of the host's files, and from its name services where those have more.

mod foresee;
mod table;

use std::path::Path;

use crate::{
    Context, Error,
    tool::{self, Tool},
    view::Fs,
};
pub(crate) use foresee::{foresee, foresee_password};

/// A user, as in `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) comment: String,
    pub(crate) home: String,
    pub(crate) shell: String,
}

/// What is kept of a user's password, as in `/etc/shadow`. A number that is not set is -1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shadow {
    pub(crate) password: String,
    pub(crate) min: i64,
    pub(crate) max: i64,
    pub(crate) warn: i64,
    pub(crate) inactive: i64,
    /// The day, counted from 1970-01-01, on which the account ends.
    pub(crate) expire: i64,
}

/// A group, as in `/etc/group`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) gid: u32,
    pub(crate) members: Vec<String>,
}

/// The user of this name; with `local`, only if the host's own files have it.
pub(crate) fn user(name: &str, local: bool, cx: &Context<'_>) -> Result<Option<User>, Error> {
    let read = |fields: &[&str]| (fields.first() == Some(&name)).then(|| User::read(fields)).flatten();
    match first("/etc/passwd", cx.fs(), read)? {
        Some(user) => Ok(Some(user)),
        None if local => Ok(None),
        None => Ok(elsewhere("passwd", name, cx)?.and_then(|line| User::read(&split(&line)))),
    }
}

/// The group of this name; with `local`, only if the host's own files have it.
pub(crate) fn group(name: &str, local: bool, cx: &Context<'_>) -> Result<Option<Group>, Error> {
    let read = |fields: &[&str]| (fields.first() == Some(&name)).then(|| Group::read(fields)).flatten();
    match first("/etc/group", cx.fs(), read)? {
        Some(group) => Ok(Some(group)),
        None if local => Ok(None),
        None => Ok(elsewhere("group", name, cx)?.and_then(|line| Group::read(&split(&line)))),
    }
}

/// The group of this number or name.
pub(crate) fn group_or_gid(text: &str, cx: &Context<'_>) -> Result<Option<Group>, Error> {
    if let Ok(gid) = text.parse::<u32>() {
        let read = |fields: &[&str]| Group::read(fields).filter(|group| group.gid == gid);
        if let Some(group) = first("/etc/group", cx.fs(), read)? {
            return Ok(Some(group));
        }
    }
    group(text, false, cx)
}

/// The names of the groups that list a user as a member.
pub(crate) fn memberships(user: &str, cx: &Context<'_>) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    first("/etc/group", cx.fs(), |fields| {
        let group = Group::read(fields)?;
        if group.members.iter().any(|member| member == user) {
            names.push(group.name);
        }
        None::<()>
    })?;
    Ok(names)
}

/// What is kept of a user's password; none where it cannot be known (not root, or a user from elsewhere).
pub(crate) fn shadow(name: &str, cx: &Context<'_>) -> Option<Shadow> {
    let read = |fields: &[&str]| (fields.first() == Some(&name)).then(|| Shadow::read(fields)).flatten();
    first("/etc/shadow", cx.fs(), read).ok().flatten()
}

impl User {
    fn read(fields: &[&str]) -> Option<Self> {
        let [name, _, uid, gid, comment, home, shell, ..] = fields else { return None };
        let text = |field: &str| field.to_owned();
        Some(Self {
            name: text(name),
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            comment: text(comment),
            home: text(home),
            shell: text(shell),
        })
    }
}

impl Shadow {
    fn read(fields: &[&str]) -> Option<Self> {
        let number = |at: usize| fields.get(at).and_then(|field| field.parse().ok()).unwrap_or(-1);
        Some(Self {
            password: (*fields.get(1)?).to_owned(),
            min: number(3),
            max: number(4),
            warn: number(5),
            inactive: number(6),
            expire: number(7),
        })
    }
}

impl Group {
    fn read(fields: &[&str]) -> Option<Self> {
        let [name, _, gid, members, ..] = fields else { return None };
        let members = members.split(',').filter(|member| !member.is_empty());
        Some(Self {
            name: (*name).to_owned(),
            gid: gid.parse().ok()?,
            members: members.map(str::to_owned).collect(),
        })
    }
}

/// What `read` makes of the first line that it takes.
fn first<T>(file: &str, fs: Fs<'_>, mut read: impl FnMut(&[&str]) -> Option<T>) -> Result<Option<T>, Error> {
    let bytes = fs.read(Path::new(file)).map_err(Error::io("read", file))?;
    Ok(String::from_utf8_lossy(&bytes).lines().find_map(|line| read(&split(line))))
}

fn split(line: &str) -> Vec<&str> {
    line.trim_end().split(':').collect()
}

/// The line of a record that the host's files do not have: directories are asked by a program of the host, for
/// a static one cannot load their libraries.
fn elsewhere(database: &str, key: &str, cx: &Context<'_>) -> Result<Option<String>, Error> {
    let own = |fields: &[&str]| (fields.first() == Some(&key)).then_some(());
    // One that the host's files have, and only by a forecast no more, is not to be found again.
    let removed = cx.checks() && first(&format!("/etc/{database}"), Fs::DISK, own)?.is_some();
    if removed || tool::find("getent", cx).is_none() || key.parse::<u32>().is_ok() {
        return Ok(None);
    }
    let said = Tool::new("getent").args(["--", database, key]).run(cx)?;
    Ok(said.ok().then(|| said.out.lines().next().map(str::to_owned)).flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_and_broken_ones_passed_over() {
        let user = User::read(&split("web:x:33:44:A, B:/srv/web:/bin/sh\n")).unwrap();
        assert_eq!(
            (user.uid, user.gid, user.comment.as_str(), user.home.as_str()),
            (33, 44, "A, B", "/srv/web")
        );
        assert_eq!(User::read(&split("web:x:33")), None);
        let group = Group::read(&split("adm:x:4:a,b")).unwrap();
        assert_eq!((group.gid, group.members), (4, vec!["a".to_owned(), "b".to_owned()]));
        let shadow = Shadow::read(&split("web:!$6$x:19000:0:99999:7::20000:")).unwrap();
        assert_eq!(
            (shadow.min, shadow.max, shadow.warn, shadow.inactive, shadow.expire),
            (0, 99999, 7, -1, 20000)
        );
        assert_eq!(shadow.password, "!$6$x");
    }
}
