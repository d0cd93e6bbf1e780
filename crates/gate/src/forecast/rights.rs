//! What the system would not let us do. Of files on the disk it is asked itself, unless their rights would be
//! others by then.

use std::io;

use rustix::{
    fs::{Access, AtFlags, CWD, accessat},
    io::Errno,
    process::{getegid, geteuid, getgroups},
};

use super::{
    state::{Altered, State},
    walk::{Place, Thing},
};
use crate::view::Meta;

impl State {
    /// Fails where we may not do this with what is there.
    pub(super) fn may(&self, thing: &Thing, right: Access) -> io::Result<()> {
        let Some(meta) = self.meta(thing) else { return Err(Errno::NOENT.into()) };
        match thing {
            Thing::Disk(path, meta) if self.altered.get(&meta.id()).is_none_or(Altered::keeps_rights) => {
                accessat(CWD, path, right, AtFlags::EACCESS).map_err(io::Error::from)
            }
            _ if permits(&meta, right) => Ok(()),
            _ => Err(Errno::ACCESS.into()),
        }
    }

    /// Fails where nothing can be changed, whoever asks.
    pub(super) fn may_alter(&self, thing: &Thing) -> io::Result<()> {
        let Thing::Disk(path, meta) = thing else { return Ok(()) };
        if meta.is_symlink() {
            return Ok(());
        }
        match accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS) {
            Err(Errno::ROFS) => Err(Errno::ROFS.into()),
            _ => Ok(()),
        }
    }

    /// Fails where we may not add a name to a folder, or take one from it.
    pub(super) fn may_name(&self, folder: &Place) -> io::Result<()> {
        self.may(&folder.thing, Access::WRITE_OK | Access::EXEC_OK)
    }

    /// The same for the name of something in a folder where only its owner may do so.
    pub(super) fn may_unname(&self, folder: &Place, thing: &Thing) -> io::Result<()> {
        self.may_name(folder)?;
        let (Some(folder), Some(meta)) = (self.meta(&folder.thing), self.meta(thing)) else { return Ok(()) };
        let me = geteuid();
        let ours = me.is_root() || [folder.uid, meta.uid].contains(&me.as_raw());
        if folder.mode & 0o1000 == 0 || ours { Ok(()) } else { Err(Errno::PERM.into()) }
    }
}

/// Fails where only the owner may do something.
pub(super) fn must_own(meta: &Meta) -> io::Result<()> {
    let me = geteuid();
    if me.is_root() || me.as_raw() == meta.uid { Ok(()) } else { Err(Errno::PERM.into()) }
}

/// Fails where we may not give a file to this user and group.
pub(super) fn may_give(meta: &Meta, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    if geteuid().is_root() {
        return Ok(());
    }
    must_own(meta)?;
    let same = uid.is_none_or(|uid| uid == meta.uid);
    if same && gid.is_none_or(|gid| gid == meta.gid || is_ours(gid)) {
        Ok(())
    } else {
        Err(Errno::PERM.into())
    }
}

fn permits(meta: &Meta, right: Access) -> bool {
    let me = geteuid();
    if me.is_root() {
        // Of all rights, the superuser lacks that to run what nobody may.
        return !right.contains(Access::EXEC_OK) || meta.is_dir() || meta.mode & 0o111 != 0;
    }
    let shift = match () {
        () if me.as_raw() == meta.uid => 6,
        () if is_ours(meta.gid) => 3,
        () => 0,
    };
    let bits = meta.mode >> shift;
    [(Access::READ_OK, 4), (Access::WRITE_OK, 2), (Access::EXEC_OK, 1)]
        .iter()
        .all(|(wanted, bit)| !right.contains(*wanted) || bits & bit != 0)
}

fn is_ours(gid: u32) -> bool {
    getegid().as_raw() == gid || getgroups().is_ok_and(|groups| groups.iter().any(|own| own.as_raw() == gid))
}
