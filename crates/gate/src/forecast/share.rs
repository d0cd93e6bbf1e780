//! What one process foresaw of a host, for another that does modules there: another user's, or the one after it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    Forecast,
    state::{Altered, Body, Key, Name, Node, State},
};
use crate::fsops::sum;

/// The longest content that is handed on; a longer one is known elsewhere by its sum and length.
const CONTENT: usize = 1 << 20;

/// How much of contents is handed on at once.
const CONTENTS: usize = 2 << 20;

/// A part of a forecast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Part(Change);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    /// Where a name would lead; to what it leads on the disk if that is none.
    Name(#[serde(with = "packed::path")] PathBuf, Option<Name>),
    /// Something new; none if it is there no more.
    Node(u64, Option<Node>),
    /// What would be other of a file on the disk, by device and number.
    Altered(u64, u64, Altered),
    /// What is not known.
    Doubt(String),
}

impl Part {
    /// Something that is not known.
    pub fn doubt(cause: impl Into<String>) -> Self {
        Self(Change::Doubt(cause.into()))
    }

    /// What it is about: a later part about the same takes its place.
    pub fn key(&self) -> String {
        match &self.0 {
            Change::Name(path, _) => format!("name {}", path.as_os_str().as_encoded_bytes().escape_ascii()),
            Change::Node(id, _) => format!("node {id}"),
            Change::Altered(dev, ino, _) => format!("altered {dev}:{ino}"),
            Change::Doubt(cause) => format!("doubt {cause}"),
        }
    }

    /// As a process of this user may have it: no content that this user could not read.
    pub fn shown_to(&self, uid: u32) -> Self {
        let mut part = self.clone();
        if let Change::Node(_, Some(node)) = &mut part.0
            && let Body::File(held) = &mut node.body
        {
            let own = node.uid == uid && node.mode & 0o400 != 0;
            if uid != 0 && !own && node.mode & 0o004 == 0 {
                (held.bytes, held.sum) = (None, None);
            }
        }
        part
    }

    /// Parts with no more of contents than may be handed on at once.
    pub fn bounded(parts: Vec<Self>) -> Vec<Self> {
        let mut left = CONTENTS;
        let fit = |part: Self| match part.content() {
            length if length > CONTENT.min(left) => part.summed(),
            length => {
                left -= length;
                part
            }
        };
        parts.into_iter().map(fit).collect()
    }

    /// How many bytes of a content it has.
    pub fn content(&self) -> usize {
        match &self.0 {
            Change::Node(_, Some(Node { body: Body::File(held), .. })) => {
                held.bytes.as_ref().map_or(0, |bytes| bytes.len())
            }
            _ => 0,
        }
    }

    /// The same with no more of a content than its sum and length.
    pub fn summed(mut self) -> Self {
        if let Change::Node(_, Some(node)) = &mut self.0
            && let Body::File(held) = &mut node.body
            && let Some(bytes) = held.bytes.take()
        {
            held.sum = Some(sum::of(&bytes));
        }
        self
    }
}

impl Forecast {
    /// What it has that nobody was told of yet; from now on it was.
    pub fn untold(&self) -> Vec<Part> {
        let mut state = self.look();
        let keys = state.untold();
        let mut parts: Vec<Part> = keys.into_iter().map(|key| state.part(key)).collect();
        drop(state);
        parts.extend(self.untold_causes().into_iter().map(Part::doubt));
        Part::bounded(parts)
    }

    /// Takes in what another process of the host foresaw.
    pub fn learn(&self, parts: impl IntoIterator<Item = Part>) {
        for Part(change) in parts {
            match change {
                Change::Doubt(cause) => self.doubt_too(&cause),
                Change::Name(path, Some(name)) => drop(self.change().names.insert(path, name)),
                Change::Name(path, None) => drop(self.change().names.remove(&path)),
                Change::Node(id, node) => self.change().replace(id, node),
                Change::Altered(dev, ino, altered) => {
                    self.change().altered.insert((dev, ino), altered);
                }
            }
        }
    }
}

impl State {
    fn part(&self, key: Key) -> Part {
        Part(match key {
            Key::Name(path) => {
                let name = self.names.get(&path).cloned();
                Change::Name(path, name)
            }
            Key::Node(id) => Change::Node(id, self.nodes.get(&id).cloned()),
            Key::Altered(dev, ino) => {
                Change::Altered(dev, ino, self.altered.get(&(dev, ino)).copied().unwrap_or_default())
            }
        })
    }
}

/// Bytes and paths as text, whatever is in them.
pub(super) mod packed {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    fn decode<'de, D: Deserializer<'de>>(text: &str) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(text).map_err(D::Error::custom)
    }

    pub(crate) mod path {
        use std::{
            ffi::OsString,
            os::unix::ffi::{OsStrExt, OsStringExt},
            path::{Path, PathBuf},
        };

        use super::{Deserialize, Deserializer, Engine, STANDARD, Serializer, decode};

        pub(crate) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
            to.serialize_str(&STANDARD.encode(path.as_os_str().as_bytes()))
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
            let bytes = decode::<D>(&String::deserialize(from)?)?;
            Ok(OsString::from_vec(bytes).into())
        }
    }

    pub(crate) mod bytes {
        use std::sync::Arc;

        use super::{Deserialize, Deserializer, Engine, STANDARD, Serializer, decode};

        pub(crate) fn serialize<S: Serializer>(bytes: &Option<Arc<[u8]>>, to: S) -> Result<S::Ok, S::Error> {
            to.serialize_str(&STANDARD.encode(bytes.as_deref().unwrap_or_default()))
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Arc<[u8]>>, D::Error> {
            decode::<D>(&String::deserialize(from)?).map(|bytes| Some(bytes.into()))
        }
    }
}
