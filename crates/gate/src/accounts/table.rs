//! A file of accounts as lines of fields, to be changed in what is forecast.

use std::path::PathBuf;

use crate::{
    Context, Error,
    fsops::{
        attrs::Want,
        install::{Content, Install},
    },
};

/// One of the files `/etc/passwd`, `/etc/shadow`, `/etc/group`.
pub(super) struct Table {
    path: PathBuf,
    pub(super) lines: Vec<Vec<String>>,
}

impl Table {
    /// None where we may not read it.
    pub(super) fn read(name: &str, cx: &Context<'_>) -> Option<Self> {
        let path = PathBuf::from("/etc").join(name);
        let bytes = cx.fs().read(&path).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().map(|line| line.split(':').map(str::to_owned).collect()).collect();
        Some(Self { path, lines })
    }

    /// Changes it. One that we may not read would not be ours to write, and nothing is foreseen of it.
    pub(super) fn edit(name: &str, cx: &Context<'_>, change: impl FnOnce(&mut Self)) -> Result<(), Error> {
        let Some(mut table) = Self::read(name, cx) else { return Ok(()) };
        change(&mut table);
        let lines: String = table.lines.iter().map(|line| line.join(":") + "\n").collect();
        Install::new(Want::default(), cx).put(Content::Bytes(lines.as_bytes()), &table.path).map(drop)
    }

    fn line(&mut self, name: &str) -> Option<&mut Vec<String>> {
        self.lines.iter_mut().find(|line| line.first().is_some_and(|first| first == name))
    }

    pub(super) fn get(&mut self, name: &str, field: usize) -> Option<&str> {
        self.line(name)?.get(field).map(String::as_str)
    }

    /// Sets a field, if it is to be set and there is such a line.
    pub(super) fn set(&mut self, name: &str, field: usize, value: Option<&str>) {
        let field = self.line(name).and_then(|line| line.get_mut(field));
        if let (Some(field), Some(value)) = (field, value) {
            *field = value.to_owned();
        }
    }

    pub(super) fn push<const N: usize>(&mut self, fields: [&str; N]) {
        self.lines.push(fields.map(str::to_owned).to_vec());
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.lines.retain(|line| line.first().is_none_or(|first| first != name));
    }

    /// All numbers in a field.
    pub(super) fn numbers(&self, field: usize) -> Vec<u32> {
        self.lines.iter().filter_map(|line| line.get(field)?.parse().ok()).collect()
    }
}
