//! What is forecast: names that lead elsewhere than on the disk, new files, and what changes of old ones.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound::{Included, Unbounded},
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::fs::FileType;
use serde::{Deserialize, Serialize};

use super::share::packed;
use crate::view::Meta;

/// The device that forecast files are on. No disk has its number.
const NOWHERE: u64 = u64::MAX;

/// By how many bits the number of a process is moved to be that of its first new file.
const PROCESS: u32 = 24;

/// How much of contents is held in memory, and of one. What is past that is known by its sum and length.
const MOST: usize = 128 << 20;
pub(crate) const LONGEST: usize = 16 << 20;

/// Everything that is forecast. Paths are without links and start at the root.
#[derive(Default)]
pub(super) struct State {
    pub(super) names: BTreeMap<PathBuf, Name>,
    pub(super) nodes: HashMap<u64, Node>,
    /// Files on the disk, by device and number.
    pub(super) altered: HashMap<(u64, u64), Altered>,
    /// What nobody else has been told of.
    touched: BTreeSet<Key>,
    last: u64,
    held: usize,
}

/// What something in a forecast is known by. Other processes of the host know it by the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Name(PathBuf),
    Node(u64),
    Altered(u64, u64),
}

/// What a name would lead to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Name {
    Nothing,
    New(u64),
    /// What lies on the disk under another name.
    Disk(#[serde(with = "packed::path")] PathBuf),
}

/// Something that would be new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Node {
    pub(super) body: Body,
    /// Permissions alone.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) nlink: u64,
    pub(super) accessed: (i64, i64),
    pub(super) changed: (i64, i64),
    pub(super) noted: (i64, i64),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Body {
    Dir,
    Link(#[serde(with = "packed::path")] PathBuf),
    File(Held),
}

/// A content: its bytes, or if those are too many or not to be known, how many they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    #[serde(with = "packed::bytes", default, skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<Arc<[u8]>>,
    pub(super) len: u64,
    /// The SHA-1, where there are no bytes to sum up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sum: Option<String>,
}

/// What would be other of a file on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Altered {
    pub(super) mode: Option<u32>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) accessed: Option<(i64, i64)>,
    pub(super) changed: Option<(i64, i64)>,
    pub(super) noted: Option<(i64, i64)>,
    /// How many names it gains.
    pub(super) links: i64,
}

impl State {
    pub(super) fn add(&mut self, node: Node) -> u64 {
        // No two processes of a host begin at the same number, unless one comes after the other.
        self.last = self.last.max(u64::from(std::process::id()) << PROCESS) + 1;
        while self.nodes.contains_key(&self.last) {
            self.last += 1;
        }
        self.touched.insert(Key::Node(self.last));
        self.nodes.insert(self.last, node);
        self.last
    }

    /// A new file that is about to be other.
    pub(super) fn node_mut(&mut self, id: u64) -> Option<&mut Node> {
        self.touched.insert(Key::Node(id));
        self.nodes.get_mut(&id)
    }

    /// A file on the disk that is about to be other.
    pub(super) fn altered_mut(&mut self, (dev, ino): (u64, u64)) -> &mut Altered {
        self.touched.insert(Key::Altered(dev, ino));
        self.altered.entry((dev, ino)).or_default()
    }

    /// Makes a name lead to something; to what it leads on the disk where that is none.
    pub(super) fn set_name(&mut self, path: PathBuf, name: Option<Name>) {
        self.touched.insert(Key::Name(path.clone()));
        match name {
            Some(name) => self.names.insert(path, name),
            None => self.names.remove(&path),
        };
    }

    /// What nobody else has been told of; from now on they have.
    pub(super) fn untold(&mut self) -> BTreeSet<Key> {
        std::mem::take(&mut self.touched)
    }

    /// Takes a new file, or takes it away, as another process has it.
    pub(super) fn replace(&mut self, id: u64, node: Option<Node>) {
        let old = self.nodes.remove(&id);
        let length = |held: &Held| held.bytes.as_ref().map_or(0, |bytes| bytes.len());
        if let Some(Node { body: Body::File(held), .. }) = &old {
            self.held -= length(held);
        }
        let Some(mut node) = node else { return };
        if let Body::File(held) = &mut node.body {
            // Whoever told of it may have had no bytes, where we have.
            if let Some(Node { body: Body::File(old), .. }) = old
                && held.bytes.is_none()
                && held.sum.is_some()
                && old.bytes.as_deref().map(crate::fsops::sum::of) == held.sum
            {
                *held = old;
            }
            *held = self.hold(std::mem::take(held));
        }
        self.nodes.insert(id, node);
    }

    /// A name less for a new file, which is forgotten with its last.
    pub(super) fn release(&mut self, id: u64) {
        let Some(node) = self.node_mut(id) else { return };
        node.nlink = node.nlink.saturating_sub(1);
        if node.nlink > 0 {
            return;
        }
        if let Some(Node { body: Body::File(held), .. }) = self.nodes.remove(&id) {
            self.held -= held.bytes.map_or(0, |bytes| bytes.len());
        }
    }

    /// A content to be held, if there is room for it.
    pub(super) fn hold(&mut self, held: Held) -> Held {
        let length = held.bytes.as_ref().map_or(0, |bytes| bytes.len());
        if self.held + length > MOST {
            let sum = held.bytes.as_deref().map(crate::fsops::sum::of);
            return Held { bytes: None, sum, len: held.len };
        }
        self.held += length;
        held
    }

    /// The names right below a folder.
    pub(super) fn below<'s>(&'s self, dir: &'s Path) -> impl Iterator<Item = (&'s Path, &'s Name)> {
        let all = self
            .names
            .range::<Path, _>((Included(dir), Unbounded))
            .map(|(path, name)| (path.as_path(), name));
        let inside = all.take_while(move |(path, _)| path.starts_with(dir));
        inside.filter(move |(path, _)| path.parent() == Some(dir))
    }

    /// Forgets everything below a folder that is no more.
    pub(super) fn forget_below(&mut self, dir: &Path) {
        let inside = self.names.range::<Path, _>((Included(dir), Unbounded)).map(|(path, _)| path);
        let gone: Vec<PathBuf> =
            inside.take_while(|path| path.starts_with(dir)).filter(|path| *path != dir).cloned().collect();
        for path in gone {
            self.set_name(path, None);
        }
    }
}

impl Node {
    pub(super) fn new(body: Body, mode: u32, uid: u32, gid: u32) -> Self {
        let now = now();
        Self { body, mode, uid, gid, nlink: 1, accessed: now, changed: now, noted: now }
    }

    pub(super) fn meta(&self, id: u64) -> Meta {
        let (kind, len) = match &self.body {
            Body::Dir => (FileType::Directory, 4096),
            Body::Link(target) => (FileType::Symlink, target.as_os_str().len() as u64),
            Body::File(held) => (FileType::RegularFile, held.len),
        };
        let folder = matches!(self.body, Body::Dir);
        Meta {
            mode: kind.as_raw_mode() | self.mode,
            uid: self.uid,
            gid: self.gid,
            len,
            nlink: if folder { 2 } else { self.nlink },
            dev: NOWHERE,
            ino: id,
            rdev: 0,
            blocks: len.div_ceil(4096) * 8,
            blksize: 4096,
            accessed: self.accessed,
            changed: self.changed,
            noted: self.noted,
        }
    }
}

impl Altered {
    pub(super) fn apply(&self, mut meta: Meta) -> Meta {
        meta.mode = self.mode.map_or(meta.mode, |mode| meta.mode & !0o7777 | mode);
        meta.uid = self.uid.unwrap_or(meta.uid);
        meta.gid = self.gid.unwrap_or(meta.gid);
        meta.accessed = self.accessed.unwrap_or(meta.accessed);
        meta.changed = self.changed.unwrap_or(meta.changed);
        meta.noted = self.noted.unwrap_or(meta.noted);
        meta.nlink = meta.nlink.saturating_add_signed(self.links);
        meta
    }
}

/// This moment.
pub(super) fn now() -> (i64, i64) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (i64::try_from(since.as_secs()).unwrap_or_default(), i64::from(since.subsec_nanos()))
}
