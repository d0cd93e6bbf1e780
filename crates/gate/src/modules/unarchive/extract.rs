//! Doing what was planned.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::plan::{Item, Plan, guard};
use crate::{
    Context, Error,
    fsops::{
        attrs::Want,
        mode::Mode,
        path::{make_dirs, parent},
        replace::{Fresh, Perms, Replace, temp_name},
    },
    pack::{Kind, Member, Pack},
    view::Time,
};

/// Unpacks what differs. Each file is wholly the old one or wholly the new one at every moment; a run that is
/// ended in between leaves some of them new, and the next one goes on from there.
pub(super) fn run(pack: &mut Pack<'_>, dest: &Path, plan: &Plan, cx: &Context<'_>) -> Result<(), Error> {
    if !plan.changes() {
        return Ok(());
    }
    pack.each(&mut |member, content| {
        let Some(item) = plan.of(member)? else { return Ok(()) };
        guard(dest, &member.path, cx)?;
        put(item, content, dest, cx)
    })?;
    // A folder may forbid to write in it, and its time changes with what is put in it: so they come last.
    for item in plan.dirs() {
        let path = dest.join(&item.member.path);
        item.want.settle(&path, cx)?;
        if item.body {
            stamp(&path, &item.member, cx)?;
        }
    }
    for (path, want) in &plan.tops {
        want.settle(path, cx)?;
    }
    if cx.checks() { Ok(()) } else { flush(dest) }
}

fn put(item: &Item, content: &mut dyn Read, dest: &Path, cx: &Context<'_>) -> Result<(), Error> {
    let member = &item.member;
    let path = dest.join(&member.path);
    if item.body {
        make_dirs(parent(&path), &Want::default(), cx)?;
    }
    match &member.kind {
        Kind::Dir if item.body => {
            let open = Want { mode: Some(Mode::Bits(0o700)), ..Want::default() };
            return make_dirs(&path, &open, cx).map(drop);
        }
        Kind::Dir => return Ok(()),
        Kind::File if item.body => return file(item, content, &path, cx),
        Kind::Link(target) if item.body => link(&path, &|at| cx.fs().symlink(target, at), cx)?,
        Kind::Hard(target) => {
            guard(dest, target, cx)?;
            let target = dest.join(target);
            if !cx.fs().symlink_metadata(&target).is_ok_and(|meta| meta.is_file()) {
                let why = format!("{:?} in the archive links to what is no file", member.name);
                return Err(Error::Failed(why));
            }
            return link(&path, &|at| cx.fs().hard_link(&target, at), cx);
        }
        Kind::File | Kind::Link(_) => {}
    }
    item.want.settle(&path, cx)?;
    if item.time { stamp(&path, member, cx) } else { Ok(()) }
}

fn file(item: &Item, content: &mut dyn Read, path: &Path, cx: &Context<'_>) -> Result<(), Error> {
    let member = &item.member;
    let mode = match item.want.mode {
        Some(Mode::Bits(mode)) => mode,
        _ => 0o600,
    };
    let perms = Perms { mode, must: (item.want.uid, item.want.gid), may: (None, None) };
    let accept = |temp: &Path| stamp(temp, member, cx);
    let job = Replace { dest: path, perms, sync: false, accept: &accept };
    job.run(Fresh::Read(&mut Exact { content, left: member.size }), cx).map(drop)
}

/// Puts a link in place in one step, whatever was there.
fn link(path: &Path, make: &dyn Fn(&Path) -> io::Result<()>, cx: &Context<'_>) -> Result<(), Error> {
    let fs = cx.fs();
    let temp = temp_name(parent(path));
    make(&temp).map_err(Error::io("create", path))?;
    fs.rename(&temp, path).map_err(Error::io("replace", path)).inspect_err(|_| drop(fs.remove_file(&temp)))
}

/// Sets the time of change to that of the member.
fn stamp(path: &Path, member: &Member, cx: &Context<'_>) -> Result<(), Error> {
    let Some(mtime) = member.mtime else { return Ok(()) };
    let set = cx.fs().set_times(path, Time::Kept, Time::At(mtime, 0));
    set.map_err(Error::io("change the times of", path))
}

/// Makes all of it survive a power cut at once: to wait for the disk at every file would take far longer.
fn flush(dest: &Path) -> Result<(), Error> {
    let dir = File::open(dest).map_err(Error::io("sync", dest))?;
    #[cfg(target_os = "linux")]
    return rustix::fs::syncfs(dir).map_err(|errno| Error::io("sync", dest)(errno.into()));
    #[cfg(not(target_os = "linux"))]
    return dir.sync_all().map_err(Error::io("sync", dest));
}

/// A content that has to be as long as the archive says.
struct Exact<'a> {
    content: &'a mut dyn Read,
    left: u64,
}

impl Read for Exact<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.content.read(buffer)?;
        match self.left.checked_sub(length as u64) {
            Some(left) if length > 0 || left == 0 => self.left = left,
            _ => return Err(io::Error::other("the archive is damaged: a member is not as long as it says")),
        }
        Ok(length)
    }
}
