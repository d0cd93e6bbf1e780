//! Owner, group and mode of a file: what is, what is wanted, and getting from one to the other.

use std::path::Path;

use serde_json::{Map, Value};

use super::{ids, mode};
use crate::{
    Args, Context, Error, Kind, Param,
    view::{Fs, Meta},
};

/// The parameters that modules with files share.
pub(crate) const OWNER: Param = Param::new("owner", Kind::Str, "The user that owns it, by name or number.");
pub(crate) const GROUP: Param = Param::new("group", Kind::Str, "The group that owns it, by name or number.");
pub(crate) const MODE: Param =
    Param::new("mode", Kind::Mode, "Its permissions, as in \"0644\" or \"u=rw,g=r\".");

/// Owner, group and permission bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attrs {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) dir: bool,
    pub(crate) link: bool,
}

impl From<&Meta> for Attrs {
    fn from(meta: &Meta) -> Self {
        Self {
            mode: meta.mode & 0o7777,
            uid: meta.uid,
            gid: meta.gid,
            dir: meta.is_dir(),
            link: meta.is_symlink(),
        }
    }
}

/// What was asked for; what is None stays as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Want {
    pub(crate) mode: Option<mode::Mode>,
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
}

impl Want {
    /// Reads `owner`, `group` and the mode parameter of this name.
    pub(crate) fn read(args: &Args, mode: &str, cx: &Context<'_>) -> Result<Self, Error> {
        let mode = args.path(mode).map(mode::Mode::parse).transpose().map_err(Error::Failed)?;
        Ok(Self { mode, ..Self::owners(args, cx)? })
    }

    /// Reads `owner` and `group`.
    pub(crate) fn owners(args: &Args, cx: &Context<'_>) -> Result<Self, Error> {
        let id = |name: &str, find: fn(&str, Fs<'_>) -> Option<u32>| {
            args.path(name)
                .map(|text| {
                    find(text, cx.fs()).ok_or_else(|| Error::Failed(format!("there is no {name} {text:?}")))
                })
                .transpose()
        };
        Ok(Self { mode: None, uid: id("owner", ids::uid)?, gid: id("group", ids::gid)? })
    }

    /// What `now` becomes. Links have no permissions of their own.
    pub(crate) fn over(&self, now: Attrs) -> Attrs {
        let mode = match &self.mode {
            Some(mode) if !now.link => mode.over(now.mode, now.dir, mode::umask()),
            _ => now.mode,
        };
        Attrs { mode, uid: self.uid.unwrap_or(now.uid), gid: self.gid.unwrap_or(now.gid), ..now }
    }

    /// The same, with its mode spelt out for something new that would have these bits by itself.
    pub(crate) fn of_new(&self, dir: bool) -> Self {
        let umask = mode::umask();
        let now = if dir { 0o777 } else { 0o666 } & !umask;
        let mode = self.mode.as_ref().map(|mode| mode::Mode::Bits(mode.over(now, dir, umask)));
        Self { mode, ..self.clone() }
    }

    /// Whether nothing was asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.mode.is_none() && self.uid.is_none() && self.gid.is_none()
    }

    /// Gives the file at `path` the wanted attributes (of a link: its own), and says what it had and has.
    pub(crate) fn settle(&self, path: &Path, cx: &Context<'_>) -> Result<(Attrs, Attrs), Error> {
        let now = Attrs::from(&cx.fs().symlink_metadata(path).map_err(Error::io("look at", path))?);
        let then = self.over(now);
        self.write(path, now, then, cx)?;
        Ok((now, then))
    }

    fn write(&self, path: &Path, now: Attrs, then: Attrs, cx: &Context<'_>) -> Result<(), Error> {
        let moved = (now.uid, now.gid) != (then.uid, then.gid);
        if moved {
            let uid = (now.uid != then.uid).then_some(then.uid);
            let gid = (now.gid != then.gid).then_some(then.gid);
            cx.fs().set_owner(path, uid, gid).map_err(Error::io("change the owner of", path))?;
        }
        // A change of owner drops the set-id bits, so that they have to be set again.
        let dropped = moved && self.mode.is_some() && then.mode & 0o6000 != 0;
        if now.mode != then.mode || dropped {
            cx.fs().set_mode(path, then.mode).map_err(Error::io("change the mode of", path))?;
        }
        Ok(())
    }
}

/// Adds what differs to the two sides of a difference.
pub(crate) fn note(now: Attrs, then: Attrs, before: &mut Map<String, Value>, after: &mut Map<String, Value>) {
    let mut note = |name: &str, old: Value, new: Value| {
        if old != new {
            before.insert(name.into(), old);
            after.insert(name.into(), new);
        }
    };
    note("mode", octal(now.mode).into(), octal(then.mode).into());
    note("owner", now.uid.into(), then.uid.into());
    note("group", now.gid.into(), then.gid.into());
}

/// Permissions as text: `"0644"`.
pub(crate) fn octal(mode: u32) -> String {
    format!("{:04o}", mode & 0o7777)
}

/// What kind of thing lies at a path, in Ansible's words.
pub(crate) fn state(meta: Option<&Meta>) -> &'static str {
    match meta {
        None => "absent",
        Some(meta) if meta.is_symlink() => "link",
        Some(meta) if meta.is_dir() => "directory",
        Some(meta) if meta.nlink > 1 => "hard",
        Some(_) => "file",
    }
}

/// The fields that Ansible adds to the result of every module with a file.
pub(crate) fn describe(path: &Path, cx: &Context<'_>) -> Map<String, Value> {
    let meta = cx.fs().symlink_metadata(path).ok();
    let mut fields = Map::new();
    fields.insert("state".into(), state(meta.as_ref()).into());
    if let Some(meta) = meta {
        let name = |name: Option<String>, id: u32| name.unwrap_or_else(|| id.to_string());
        fields.insert("mode".into(), octal(meta.mode).into());
        fields.insert("uid".into(), meta.uid.into());
        fields.insert("gid".into(), meta.gid.into());
        fields.insert("owner".into(), name(ids::user(meta.uid, cx.fs()), meta.uid).into());
        fields.insert("group".into(), name(ids::group(meta.gid, cx.fs()), meta.gid).into());
        fields.insert("size".into(), meta.len.into());
    }
    fields
}
