//! What is to be done for each member, found by comparing the archive with what is there.

use std::{
    collections::{BTreeSet, HashMap},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{select::Select, wanted::Wanted};
use crate::{
    Context, Error,
    fsops::attrs::{Attrs, Want},
    pack::{Kind, Member, Pack},
    view::Meta,
};

/// A member, and how what is there differs from it.
pub(super) struct Item {
    pub(super) member: Member,
    /// Something is there.
    there: bool,
    /// It is not there, or is something else.
    pub(super) body: bool,
    pub(super) attrs: bool,
    pub(super) time: bool,
    pub(super) want: Want,
}

/// Everything that is to be done.
pub(super) struct Plan {
    items: Vec<Item>,
    /// The item of each path: the last one in the archive.
    by_path: HashMap<PathBuf, usize>,
    by_index: HashMap<usize, usize>,
    names: Vec<String>,
    /// Folders at the top that the archive implies, with the attributes that were asked for.
    pub(super) tops: Vec<(PathBuf, Want)>,
    tops_differ: bool,
}

impl Plan {
    pub(super) fn make(
        pack: &mut Pack<'_>,
        dest: &Path,
        select: &Select,
        wanted: &Wanted,
        cx: &Context<'_>,
    ) -> Result<Self, Error> {
        let mut plan = Self {
            items: Vec::new(),
            by_path: HashMap::new(),
            by_index: HashMap::new(),
            names: Vec::new(),
            tops: Vec::new(),
            tops_differ: false,
        };
        pack.each(&mut |member, content| {
            if !select.takes(&member.name) {
                return Ok(());
            }
            plan.names.push(member.name.clone());
            // The folder itself is the caller's.
            if member.path.as_os_str().is_empty() {
                return Ok(());
            }
            let item = look(member, content, dest, wanted, cx)?;
            plan.by_index.insert(member.index, plan.items.len());
            if let Some(before) = plan.by_path.insert(member.path.clone(), plan.items.len()) {
                plan.items[before].give_up();
            }
            plan.items.push(item);
            Ok(())
        })?;
        if let Some(idle) = select.idle(&plan.names.iter().map(String::as_str).collect::<Vec<_>>()) {
            return Err(Error::Failed(format!("nothing in the archive is called {idle:?}")));
        }
        plan.tree()?;
        plan.names_of_new_files();
        plan.tops(dest, wanted, cx);
        Ok(plan)
    }

    pub(super) fn changes(&self) -> bool {
        self.tops_differ || self.items.iter().any(Item::changes)
    }

    /// The names of all members that were asked for.
    pub(super) fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    /// The names that change, whether anything is there, and in what it differs.
    pub(super) fn told(&self) -> impl Iterator<Item = (&str, bool, &'static str)> {
        self.items.iter().filter(|item| item.changes()).map(|item| {
            let what = match (item.body, item.there, item.attrs) {
                (true, false, _) => "new",
                (true, true, _) => "content",
                (false, _, true) => "attributes",
                (false, _, false) => "time",
            };
            (item.member.name.as_str(), item.there, what)
        })
    }

    /// The paths that change.
    pub(super) fn touches(&self, dest: &Path) -> Vec<PathBuf> {
        let items = self.items.iter().filter(|item| item.changes());
        let mut paths: Vec<PathBuf> = items.map(|item| dest.join(&item.member.path)).collect();
        paths.extend(self.tops.iter().map(|(path, _)| path.clone()));
        // Folders come before what is in them.
        paths.sort_unstable();
        paths
    }

    /// The item of a member, if something is to be done for it.
    pub(super) fn of(&self, member: &Member) -> Result<Option<&Item>, Error> {
        let Some(item) = self.by_index.get(&member.index).map(|at| &self.items[*at]) else { return Ok(None) };
        if item.member.path != member.path {
            return Err(Error::Failed("the archive changes while it is unpacked".into()));
        }
        Ok(Some(item).filter(|item| item.changes()))
    }

    /// Folders that change, the deepest first.
    pub(super) fn dirs(&self) -> Vec<&Item> {
        let mut dirs: Vec<&Item> =
            self.items.iter().filter(|item| item.changes() && item.member.kind == Kind::Dir).collect();
        dirs.sort_unstable_by(|a, b| b.member.path.cmp(&a.member.path));
        dirs
    }

    /// Refuses members that lie in what is no folder: a file cannot have any, and a link could lead elsewhere.
    fn tree(&self) -> Result<(), Error> {
        for path in self.by_path.keys() {
            for above in path.ancestors().skip(1) {
                let other = self.by_path.get(above).map(|at| &self.items[*at].member);
                if let Some(other) = other.filter(|member| member.kind != Kind::Dir) {
                    let (path, other) = (path.display(), &other.name);
                    return Err(Error::Failed(format!(
                        "{path} in the archive lies in {other:?}, which is no folder in it"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Another name of a file that is replaced has to be made anew, or it would name the old one.
    fn names_of_new_files(&mut self) {
        for at in 0..self.items.len() {
            let Kind::Hard(target) = &self.items[at].member.kind else { continue };
            let replaced = self.by_path.get(target).is_some_and(|at| self.items[*at].body);
            let own = self.by_path.get(&self.items[at].member.path) == Some(&at);
            self.items[at].body |= replaced && own;
        }
    }

    /// Finds the folders at the top that have no member of their own.
    fn tops(&mut self, dest: &Path, wanted: &Wanted, cx: &Context<'_>) {
        if wanted.asked.is_empty() {
            return;
        }
        let top = |path: &PathBuf| path.components().next().map(|first| PathBuf::from(first.as_os_str()));
        let tops: BTreeSet<PathBuf> =
            self.by_path.keys().filter_map(top).filter(|top| !self.by_path.contains_key(top)).collect();
        for top in tops {
            let path = dest.join(top);
            if let Ok(meta) = cx.fs().symlink_metadata(&path) {
                let now = Attrs::from(&meta);
                self.tops_differ |= wanted.asked.over(now) != now;
            }
            self.tops.push((path, wanted.asked.clone()));
        }
    }
}

impl Item {
    fn changes(&self) -> bool {
        self.body || self.attrs || self.time
    }

    /// Another member takes its place.
    fn give_up(&mut self) {
        (self.body, self.attrs, self.time) = (false, false, false);
    }
}

/// Refuses to go through links, which could lead anywhere: every folder above a path has to be one.
pub(super) fn guard(dest: &Path, path: &Path, cx: &Context<'_>) -> Result<(), Error> {
    for above in path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()) {
        let above = dest.join(above);
        if cx.fs().symlink_metadata(&above).is_ok_and(|meta| !meta.is_dir()) {
            let why =
                format!("{} is no folder, refusing to unpack into what it may lead to", above.display());
            return Err(Error::Failed(why));
        }
    }
    Ok(())
}

/// Compares a member with what is there.
fn look(
    member: &Member,
    content: &mut dyn Read,
    dest: &Path,
    wanted: &Wanted,
    cx: &Context<'_>,
) -> Result<Item, Error> {
    guard(dest, &member.path, cx)?;
    let path = dest.join(&member.path);
    let meta = match cx.fs().symlink_metadata(&path) {
        Ok(meta) => Some(meta),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Error::io("look at", path)(error)),
    };
    let now = meta.as_ref().map(Attrs::from);
    let want = wanted.of(member, now);
    let there = meta.is_some();
    let mut item = Item { member: member.clone(), there, body: false, attrs: false, time: false, want };
    let Some(meta) = meta else {
        item.body = true;
        return Ok(item);
    };
    if meta.is_dir() != (member.kind == Kind::Dir) || !(meta.is_dir() || meta.is_file() || meta.is_symlink())
    {
        return Err(Error::Failed(format!("{} is in the way of what is in the archive", path.display())));
    }
    match &member.kind {
        Kind::File if meta.is_file() => {
            if wanted.keep_newer && member.mtime.is_some_and(|mtime| meta.changed.0 > mtime) {
                return Ok(item);
            }
            item.time = member.mtime.is_some_and(|mtime| meta.changed.0 != mtime);
            item.body = meta.len != member.size || !same(content, &path, cx)?;
        }
        Kind::File => item.body = true,
        Kind::Dir => {}
        Kind::Link(target) => item.body = cx.fs().read_link(&path).ok().as_ref() != Some(target),
        Kind::Hard(target) => {
            item.body = !is_same(&meta, &dest.join(target), cx);
            return Ok(item);
        }
    }
    item.attrs = now.is_some_and(|now| item.want.over(now) != now);
    Ok(item)
}

fn is_same(meta: &Meta, other: &Path, cx: &Context<'_>) -> bool {
    cx.fs().symlink_metadata(other).is_ok_and(|other| other.id() == meta.id())
}

/// Whether a file has this content. Both are of the same length.
fn same(content: &mut dyn Read, path: &Path, cx: &Context<'_>) -> Result<bool, Error> {
    let mut file = cx.fs().open(path).map_err(Error::io("read", path))?;
    let (mut ours, mut theirs) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        cx.alive()?;
        let length = match content.read(&mut theirs) {
            Ok(0) => return Ok(true),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::io("unpack", path)(error)),
        };
        if file.read_exact(&mut ours[..length]).is_err() || ours[..length] != theirs[..length] {
            return Ok(false);
        }
    }
}
