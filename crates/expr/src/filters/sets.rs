//! Filters that treat lists as sets. The order is that of the first list, as in Ansible.

use std::collections::HashSet;

use minijinja::{Error, State, Value};

use super::lists::sort_key;
use super::walks::attribute;
use crate::args::{Args, Entry, entry, items};
use crate::compare;

pub(super) static FILTERS: &[Entry] = &[
    entry("unique", &["case_sensitive", "attribute"], unique),
    entry("union", &["b"], |_, args| {
        let mut all = args.input_items()?;
        all.extend(other(args)?);
        deduplicated(all)
    }),
    entry("intersect", &["b"], |_, args| {
        let theirs = Members::of(other(args)?)?;
        kept(args.input_items()?, |item| theirs.has(item))
    }),
    entry("difference", &["b"], |_, args| {
        let theirs = Members::of(other(args)?)?;
        kept(args.input_items()?, |item| theirs.has(item).map(|found| !found))
    }),
    entry("symmetric_difference", &["b"], symmetric_difference),
];

fn other(args: &Args<'_>) -> Result<Vec<Value>, Error> {
    items(&args.need("b")?)
}

/// The members of a list: texts by their hash, the rest one by one.
#[derive(Default)]
struct Members {
    texts: HashSet<String>,
    others: Vec<Value>,
}

impl Members {
    fn of(all: Vec<Value>) -> Result<Members, Error> {
        let mut members = Members::default();
        for item in all {
            members.add(&item)?;
        }
        Ok(members)
    }

    fn has(&self, item: &Value) -> Result<bool, Error> {
        if let Some(text) = item.as_str() {
            crate::meter::charge(text.len())?;
            return Ok(self.texts.contains(text));
        }
        for candidate in &self.others {
            if compare::equal(candidate, item)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds an item; false when it was there.
    fn add(&mut self, item: &Value) -> Result<bool, Error> {
        if self.has(item)? {
            return Ok(false);
        }
        match item.as_str() {
            Some(text) => {
                self.texts.insert(text.to_owned());
            }
            None => self.others.push(item.clone()),
        }
        Ok(true)
    }
}

fn deduplicated(all: Vec<Value>) -> Result<Value, Error> {
    kept(all, |_| Ok(true))
}

/// The items that pass, each once.
fn kept(all: Vec<Value>, passes: impl Fn(&Value) -> Result<bool, Error>) -> Result<Value, Error> {
    let mut seen = Members::default();
    let mut out = Vec::new();
    for item in all {
        if passes(&item)? && seen.add(&item)? {
            out.push(item);
        }
    }
    Ok(out.into())
}

fn unique(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let case_sensitive = args.flag("case_sensitive", false);
    let path = args.get("attribute");
    let mut seen = Members::default();
    let mut out = Vec::new();
    for item in args.input_items()? {
        let key = match &path {
            Some(path) => attribute(&item, path)?,
            None => item.clone(),
        };
        if seen.add(&sort_key(key, case_sensitive))? {
            out.push(item);
        }
    }
    Ok(out.into())
}

fn symmetric_difference(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let (ours, theirs) = (args.input_items()?, other(args)?);
    let (our_set, their_set) = (Members::of(ours.clone())?, Members::of(theirs.clone())?);
    let all = ours.into_iter().chain(theirs).collect();
    kept(all, |item| Ok(our_set.has(item)? != their_set.has(item)?))
}
