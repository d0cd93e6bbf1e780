//! A name that no model has.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use windlass_model::{Code, Diagnostic};
use windlass_yaml::nearest;

use super::Role;

/// How many names are offered in place of an unknown one.
const OFFERED: usize = 3;

/// A name that no model has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no model `{name}`")]
pub struct Unknown {
    /// The name.
    pub name: String,
    /// Names that may have been meant, the likeliest first.
    pub nearest: Vec<String>,
}

impl Unknown {
    /// Says which of the known names are like this one: by few slips first, then by how they begin.
    pub(super) fn new<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let mut left: BTreeSet<&str> = known.collect();
        let mut found = Vec::new();
        while let Some(next) = nearest(name, left.iter().copied()).filter(|_| found.len() < OFFERED) {
            left.remove(next);
            found.push(next.to_owned());
        }
        let mut alike: Vec<&str> = left.into_iter().filter(|other| common(name, other) >= 3).collect();
        alike.sort_by_key(|other| Reverse(common(name, other)));
        found.extend(alike.into_iter().take(OFFERED - found.len()).map(str::to_owned));
        Self { name: crop(name), nearest: found }
    }

    /// A role that no model plays.
    pub(super) fn role(role: Role) -> Self {
        Self { name: role.to_string(), nearest: Vec::new() }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        let own = "add it to `models:` in models.yaml beside the document, or in windlass.yaml";
        match self.nearest.as_slice() {
            [] => own.to_owned(),
            names => format!("did you mean {}? Otherwise {own}", quoted(names)),
        }
    }

    /// The problem, without a place.
    pub fn diagnostic(&self) -> Diagnostic {
        Diagnostic::new(Code::UnknownModel, self.to_string()).hint(self.hint())
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
}

/// How many bytes two names have in common at their beginning.
fn common(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count()
}

/// A name as a message shows it.
fn crop(name: &str) -> String {
    const SHOWN: usize = 80;
    match name.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}
