//! Reading tar archives.

use std::{
    collections::HashMap,
    ffi::OsStr,
    io::{self, Read},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use tar::{Archive, Entry, EntryType};

use super::{Kind, Member, Visit, meter::Meter, name};
use crate::{Error, fsops::ids, view::Fs};

pub(super) fn each<R: Read>(
    source: R,
    meter: &Meter<'_>,
    path: &Path,
    visit: Visit<'_>,
    fs: Fs<'_>,
) -> Result<(), Error> {
    let mut owners = Owners { users: HashMap::new(), groups: HashMap::new(), fs };
    let mut archive = Archive::new(meter.over(source));
    let mut sum = 0u64;
    let entries = archive.entries().map_err(Error::io("unpack", path))?;
    for (index, entry) in entries.enumerate() {
        meter.member(index)?;
        let mut entry = entry.map_err(Error::io("unpack", path))?;
        // Holes in a file cost nothing to write down.
        sum = sum.saturating_add(entry.size());
        meter.expect(sum).map_err(Error::io("unpack", path))?;
        if let Some(member) = member(index, &entry, &mut owners)? {
            visit(&member, &mut entry)?;
        }
    }
    Ok(())
}

/// What an entry is; None for those that only describe others.
fn member<R: Read>(
    index: usize,
    entry: &Entry<'_, R>,
    owners: &mut Owners<'_>,
) -> Result<Option<Member>, Error> {
    let header = entry.header();
    let written = PathBuf::from(OsStr::from_bytes(&entry.path_bytes()));
    let shown = written.to_string_lossy().trim_start_matches('/').to_owned();
    let refuse = |why: &str| Err(Error::Failed(format!("{shown:?} in the archive {why}")));
    let Some(path) = name::inside(&written) else { return refuse("leads out of the folder") };
    let target = entry.link_name_bytes().map(|bytes| PathBuf::from(OsStr::from_bytes(&bytes)));
    let kind = match (header.entry_type(), target) {
        // Old archives tell a folder by the end of its name alone.
        (EntryType::Regular, _) if entry.path_bytes().ends_with(b"/") => Kind::Dir,
        (EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse, _) => Kind::File,
        (EntryType::Directory, _) => Kind::Dir,
        (EntryType::Symlink, Some(target)) if name::stays(&path, &target) => Kind::Link(target),
        (EntryType::Link, Some(target)) => match name::inside(&target) {
            Some(target) => Kind::Hard(target),
            None => return refuse("is a link that leads out of the folder"),
        },
        (EntryType::Symlink, _) => return refuse("is a link that leads out of the folder"),
        (EntryType::XGlobalHeader | EntryType::XHeader, _) => return Ok(None),
        _ => return refuse("is neither a file, a folder nor a link"),
    };
    Ok(Some(Member {
        index,
        name: shown,
        path,
        kind,
        mode: header.mode().ok().map(|mode| mode & 0o7777),
        mtime: header.mtime().ok().and_then(|mtime| i64::try_from(mtime).ok()),
        owner: owners.of(header),
        size: entry.size(),
    }))
}

/// Owners by name: an archive has few of them, and many members.
struct Owners<'a> {
    users: HashMap<Vec<u8>, Option<u32>>,
    groups: HashMap<Vec<u8>, Option<u32>>,
    fs: Fs<'a>,
}

impl Owners<'_> {
    /// The owner by the names in the archive, else by the numbers, as `tar` has it.
    fn of(&mut self, header: &tar::Header) -> Option<(u32, u32)> {
        let fs = self.fs;
        let known = |names: &mut HashMap<Vec<u8>, Option<u32>>,
                     name: Option<&[u8]>,
                     find: fn(&str, Fs<'_>) -> Option<u32>| {
            let name = name.filter(|name| !name.is_empty())?;
            let find = || find(str::from_utf8(name).ok()?, fs);
            *names.entry(name.to_vec()).or_insert_with(find)
        };
        let number = |number: io::Result<u64>| number.ok().and_then(|number| u32::try_from(number).ok());
        let uid = known(&mut self.users, header.username_bytes(), ids::uid).or_else(|| number(header.uid()));
        let gid =
            known(&mut self.groups, header.groupname_bytes(), ids::gid).or_else(|| number(header.gid()));
        uid.zip(gid)
    }
}
