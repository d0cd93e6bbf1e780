//! How paths were, as data that goes through a journal.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

/// How some paths were before a module touched them, folders before what is in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before {
    pub(super) entries: Vec<Entry>,
}

/// How one path was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) was: Was,
    /// The backups of it that were there, where the module makes one.
    pub(super) backups: Option<Vec<String>>,
}

/// What lay at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Was {
    /// Nothing, and nothing from this folder above it on either.
    Absent {
        top: PathBuf,
    },
    Folder {
        owner: Owner,
        mode: u32,
    },
    Link {
        owner: Owner,
        target: PathBuf,
    },
    File(File),
    /// Another name of a file that comes earlier.
    Same {
        path: PathBuf,
    },
}

/// A regular file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) owner: Owner,
    pub(super) mode: u32,
    /// Seconds and nanoseconds since 1970.
    pub(super) changed: (i64, i64),
    /// The device and the file's number on it: whether it is the same file still.
    pub(super) id: (u64, u64),
    /// How many names it has.
    pub(super) names: u64,
    pub(super) content: Content,
}

/// What a file held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Nobody was to change it, and so it was not kept.
    Unkept,
    Empty,
    /// The name that the keeper gave it.
    Kept(String),
}

/// User and group by number.
pub(super) type Owner = (u32, u32);

impl Before {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The names of the contents that it stands on.
    pub fn contents(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| match &entry.was {
            Was::File(File { content: Content::Kept(name), .. }) => Some(name.as_str()),
            _ => None,
        })
    }

    /// As data. It holds names of contents, and no content.
    pub fn to_json(&self) -> Value {
        json!({ "paths": self.entries.iter().map(Entry::to_json).collect::<Vec<_>>() })
    }

    /// Out of data; none where it is something else.
    pub fn from_json(value: &Value) -> Option<Self> {
        let entries = value.get("paths")?.as_array()?.iter().map(Entry::from_json);
        Some(Self { entries: entries.collect::<Option<_>>()? })
    }
}

impl Entry {
    fn to_json(&self) -> Value {
        let mut map = Map::new();
        let mut put = |name: &str, value: Value| drop(map.insert(name.into(), value));
        put("path", text(&self.path));
        match &self.was {
            Was::Absent { top } => {
                put("was", "absent".into());
                put("top", text(top));
            }
            Was::Folder { owner, mode } => {
                put("was", "folder".into());
                put("owner", json!(owner));
                put("mode", json!(mode));
            }
            Was::Link { owner, target } => {
                put("was", "link".into());
                put("owner", json!(owner));
                put("target", text(target));
            }
            Was::Same { path } => {
                put("was", "same".into());
                put("as", text(path));
            }
            Was::File(file) => {
                put("was", "file".into());
                put("owner", json!(file.owner));
                put("mode", json!(file.mode));
                put("changed", json!(file.changed));
                put("id", json!(file.id));
                put("names", json!(file.names));
                match &file.content {
                    Content::Unkept => {}
                    Content::Empty => put("content", "".into()),
                    Content::Kept(name) => put("content", name.as_str().into()),
                }
            }
        }
        if let Some(backups) = &self.backups {
            put("backups", json!(backups));
        }
        map.into()
    }

    fn from_json(value: &Value) -> Option<Self> {
        let owner = || Some((number(value, "owner", 0)? as u32, number(value, "owner", 1)? as u32));
        let mode = || Some(value.get("mode")?.as_u64()? as u32);
        let was = match value.get("was")?.as_str()? {
            "absent" => Was::Absent { top: path(value, "top")? },
            "folder" => Was::Folder { owner: owner()?, mode: mode()? },
            "link" => Was::Link { owner: owner()?, target: path(value, "target")? },
            "same" => Was::Same { path: path(value, "as")? },
            "file" => Was::File(File {
                owner: owner()?,
                mode: mode()?,
                changed: (number(value, "changed", 0)?, number(value, "changed", 1)?),
                id: (value.get("id")?.get(0)?.as_u64()?, value.get("id")?.get(1)?.as_u64()?),
                names: value.get("names")?.as_u64()?,
                content: match value.get("content").map(Value::as_str) {
                    None => Content::Unkept,
                    Some(Some("")) => Content::Empty,
                    Some(name) => Content::Kept(name?.to_owned()),
                },
            }),
            _ => return None,
        };
        let backups = match value.get("backups") {
            None => None,
            Some(list) => Some(texts(list)?),
        };
        Some(Self { path: path(value, "path")?, was, backups })
    }
}

fn texts(list: &Value) -> Option<Vec<String>> {
    list.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

/// Paths are text by then: others are refused when they are captured.
fn text(path: &std::path::Path) -> Value {
    path.to_string_lossy().into()
}

fn path(value: &Value, name: &str) -> Option<PathBuf> {
    value.get(name)?.as_str().map(PathBuf::from)
}

fn number(value: &Value, name: &str, at: usize) -> Option<i64> {
    value.get(name)?.get(at)?.as_i64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_other_things_are_refused() {
        let file = |content| {
            Was::File(File {
                owner: (0, 7),
                mode: 0o644,
                changed: (-1, 5),
                id: (1, u64::MAX),
                names: 2,
                content,
            })
        };
        let all = [
            Was::Absent { top: "/a".into() },
            Was::Folder { owner: (1, 2), mode: 0o1755 },
            Was::Link { owner: (0, 0), target: "../x".into() },
            Was::Same { path: "/b".into() },
            file(Content::Unkept),
            file(Content::Empty),
            file(Content::Kept("name".into())),
        ];
        let entry = |was| Entry { path: "/a/b".into(), was, backups: Some(vec!["b.1~".into()]) };
        let before = Before { entries: all.into_iter().map(entry).collect() };
        assert_eq!(Before::from_json(&before.to_json()), Some(before));
        for bad in [json!(null), json!({"paths": [{"path": "/a", "was": "gone"}]}), json!({"paths": [{}]})] {
            assert_eq!(Before::from_json(&bad), None, "{bad}");
        }
    }
}
