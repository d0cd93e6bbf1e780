//! The attributes that an unpacked member shall have.

use rustix::process::geteuid;

use crate::{
    Args, Context, Error,
    fsops::{
        attrs::{Attrs, Want},
        mode::{Mode, umask},
    },
    pack::{Format, Kind, Member},
};

/// What decides about attributes: the parameters, who we are, and what kind of archive it is.
pub(super) struct Wanted {
    pub(super) asked: Want,
    /// Only the superuser gives files away, and may set whatever bits the archive has.
    root: bool,
    umask: u32,
    tar: bool,
    pub(super) keep_newer: bool,
}

impl Wanted {
    pub(super) fn read(args: &Args, format: Format, cx: &Context<'_>) -> Result<Self, Error> {
        Ok(Self {
            asked: Want::read(args, "mode", cx)?,
            root: geteuid().is_root(),
            umask: umask(),
            tar: format != Format::Zip,
            keep_newer: args.bool("keep_newer"),
        })
    }

    /// The attributes of a member where `now` are those of what is there.
    pub(super) fn of(&self, member: &Member, now: Option<Attrs>) -> Want {
        let dir = member.kind == Kind::Dir;
        let default = if dir { 0o777 } else { 0o666 };
        let base = match (member.mode, now) {
            (Some(mode), _) if self.tar && !self.root => mode & 0o777 & !self.umask,
            (Some(mode), _) => mode,
            (None, Some(now)) => now.mode,
            (None, None) => default & !self.umask,
        };
        let mode = self.asked.mode.as_ref().map_or(base, |mode| mode.over(base, dir, self.umask));
        let owner = self.root.then(|| member.owner.filter(|_| self.tar).unwrap_or_default());
        Want {
            mode: Some(Mode::Bits(mode)),
            uid: self.asked.uid.or(owner.map(|(uid, _)| uid)),
            gid: self.asked.gid.or(owner.map(|(_, gid)| gid)),
        }
    }
}
