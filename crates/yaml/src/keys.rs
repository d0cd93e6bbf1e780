//! What the keys of one mapping do to each other: duplicates and merges.

use std::collections::{HashMap, HashSet};

use windlass_model::Span;

use crate::{Kind, Node, Style};

type Entry = (Node, Node);

/// Each key that stands again, after the first of the same text.
pub(crate) fn duplicates(entries: &[Entry]) -> Vec<(&Node, &Node)> {
    let mut first: HashMap<&str, &Node> = HashMap::with_capacity(entries.len());
    let mut found = Vec::new();
    for (key, _) in entries {
        let Some(text) = key.as_str() else { continue };
        match first.get(text) {
            Some(earlier) => found.push((*earlier, key)),
            None => {
                first.insert(text, key);
            }
        }
    }
    found
}

/// Each key once, where it stood first and with the value that it had last.
pub(crate) fn last_wins(entries: Vec<Entry>) -> Vec<Entry> {
    let mut places: HashMap<String, usize> = HashMap::with_capacity(entries.len());
    let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        // Several merge keys add to each other.
        match key.as_str().filter(|_| !is_merge(&key)).map(str::to_owned) {
            Some(text) => match places.get(&text) {
                Some(&place) => kept[place].1 = value,
                None => {
                    places.insert(text, kept.len());
                    kept.push((key, value));
                }
            },
            None => kept.push((key, value)),
        }
    }
    kept
}

/// Whether this key merges mappings into its own: a plain `<<`.
pub(crate) fn is_merge(key: &Node) -> bool {
    key.style == Style::Plain && key.as_str() == Some("<<")
}

/// A mapping's entries after its merge keys.
pub(crate) struct Merged {
    /// What other mappings brought.
    pub(crate) brought: Vec<Entry>,
    own: Vec<Entry>,
}

impl Merged {
    /// All entries: those brought first, since they are defaults.
    pub(crate) fn into_entries(mut self) -> Vec<Entry> {
        self.brought.append(&mut self.own);
        self.brought
    }
}

/// Expands the merge keys: the mapping's own keys win over those that are merged in, and of these the
/// earlier wins. Also returns the places of values that are no mappings.
pub(crate) fn merge(entries: Vec<Entry>) -> (Merged, Vec<Span>) {
    let (merges, own): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|(key, _)| is_merge(key));
    let mut taken: HashSet<String> =
        own.iter().filter_map(|(key, _)| key.as_str().map(str::to_owned)).collect();
    let mut brought = Vec::new();
    let mut wrong = Vec::new();
    for (_, value) in merges {
        let maps = match value.value {
            Kind::List(items) => items,
            _ => vec![value],
        };
        for map in maps {
            let Kind::Map(entries) = map.value else {
                wrong.push(map.span);
                continue;
            };
            let fresh = entries
                .into_iter()
                .filter(|(key, _)| key.as_str().is_none_or(|text| taken.insert(text.to_owned())));
            brought.extend(fresh);
        }
    }
    (Merged { brought, own }, wrong)
}
