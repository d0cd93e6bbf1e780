//! Ansible's lookups: `lookup('file', 'notes.txt')`, `query('fileglob', '*.conf')`, and the rules that all
//! of them share.

mod files;
mod lists;
mod passwords;
mod sequence;
mod templates;
mod variables;

pub(crate) use files::{candidates, globbed};

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, Value};

use crate::args::{invalid, is_charge};
use crate::here;
use crate::meter::{charge, charge_nodes};
use crate::nearest::nearest;
use crate::ops::type_name;
use crate::repr;

/// A lookup: what it is called, which options it takes, where its answer comes from, and what it does.
pub(crate) struct Entry {
    pub name: &'static str,
    options: &'static [&'static str],
    pub source: Source,
    run: fn(&Terms<'_>) -> Result<Vec<Value>, Error>,
}

/// Where the answer of a lookup comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// From its terms alone.
    Terms,
    /// From the variables that its terms name.
    Variables,
    /// From outside.
    Outside,
}

const fn entry(
    name: &'static str,
    options: &'static [&'static str],
    source: Source,
    run: fn(&Terms<'_>) -> Result<Vec<Value>, Error>,
) -> Entry {
    Entry { name, options, source, run }
}

/// Options that every lookup takes.
const COMMON: &[&str] = &["wantlist", "errors"];

fn all() -> impl Iterator<Item = &'static Entry> {
    let parts = [
        files::LOOKUPS,
        lists::LOOKUPS,
        passwords::LOOKUPS,
        sequence::LOOKUPS,
        templates::LOOKUPS,
        variables::LOOKUPS,
    ];
    parts.into_iter().flatten()
}

/// The lookup of a name, which may spell out a collection.
pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    all().find(|entry| entry.name == crate::env::short(name))
}

pub(crate) fn add_to(env: &mut Environment<'static>) {
    env.add_function("lookup", |terms: &[Value], named: Kwargs| {
        let wantlist = named.peek::<Value>("wantlist").is_ok_and(|flag| flag.is_true());
        lookup(terms, &named, wantlist)
    });
    env.add_function("query", |terms: &[Value], named: Kwargs| lookup(terms, &named, true));
    env.add_function("q", |terms: &[Value], named: Kwargs| lookup(terms, &named, true));
}

fn lookup(terms: &[Value], named: &Kwargs, wantlist: bool) -> Result<Value, Error> {
    charge_nodes(1 + terms.len())?;
    let Some((name, terms)) = terms.split_first() else {
        return Err(invalid("a lookup needs a name: `lookup('file', 'notes.txt')`"));
    };
    let name = repr::text(name)?;
    let entry = find(&name).ok_or_else(|| unknown(&name))?;
    let terms = Terms { entry, terms, named };
    let found = match terms.check().and_then(|()| (entry.run)(&terms)) {
        Ok(found) => found,
        Err(error) if is_charge(&error) => return Err(error),
        Err(error) => return forgiven(&terms, error, wantlist),
    };
    joined(found, wantlist)
}

/// A list as it is, the only answer alone, several texts with commas between them.
fn joined(found: Vec<Value>, wantlist: bool) -> Result<Value, Error> {
    let texts: Option<Vec<&str>> = found.iter().map(Value::as_str).collect();
    match (texts, found.as_slice()) {
        (_, []) => Ok(found.into()),
        _ if wantlist => Ok(found.into()),
        (_, [only]) => Ok(only.clone()),
        (Some(texts), _) => {
            charge(texts.iter().map(|text| text.len() + 1).sum())?;
            Ok(texts.join(",").into())
        }
        (None, _) => Ok(found.into()),
    }
}

fn forgiven(terms: &Terms<'_>, error: Error, wantlist: bool) -> Result<Value, Error> {
    match terms.text("errors")?.as_deref() {
        Some("ignore") => {}
        Some("warn") => {
            let message = error.detail().unwrap_or("it failed").to_owned();
            // Without anything outside there is nobody to hear it.
            let _ = here::ask(|outside| {
                outside.warn(&message);
                Ok(())
            });
        }
        None | Some("strict") => return Err(error),
        Some(_) => return Err(terms.error("knows the ways to treat errors strict, warn and ignore")),
    }
    Ok(if wantlist { Vec::<Value>::new().into() } else { Value::from(()) })
}

fn unknown(name: &str) -> Error {
    let near = nearest(crate::env::short(name), all().map(|entry| entry.name));
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    invalid(format!("there is no lookup `{name}`{hint}"))
}

/// What a lookup is called with.
pub(crate) struct Terms<'a> {
    entry: &'static Entry,
    pub terms: &'a [Value],
    named: &'a Kwargs,
}

impl Terms<'_> {
    fn check(&self) -> Result<(), Error> {
        if let Some(name) = self.named.args().find(|name| {
            !self.entry.options.contains(name) && !self.entry.options.contains(&"*") && !COMMON.contains(name)
        }) {
            return Err(self.error(format!("has no option `{name}`")));
        }
        match self.terms.iter().find(|term| term.is_undefined()) {
            Some(term) => Err(repr::undefined(term)),
            None => Ok(()),
        }
    }

    /// An error that names the lookup.
    fn error(&self, what: impl AsRef<str>) -> Error {
        invalid(format!("the lookup `{}` {}", self.entry.name, what.as_ref()))
    }

    /// The error of a question, with the name of the lookup.
    fn failed(&self, error: Error) -> Error {
        match error.detail() {
            Some(detail) if !is_charge(&error) => self.error(format!("fails: {detail}")),
            _ => error,
        }
    }

    /// The terms as texts.
    fn texts(&self) -> Result<Vec<String>, Error> {
        let text = |term: &Value| match term.as_str() {
            Some(text) => Ok(text.to_owned()),
            None if term.is_number() => repr::text(term),
            None => Err(self.error(format!("needs texts, not {}", type_name(term)))),
        };
        self.terms.iter().map(text).collect()
    }

    /// An option, unless it is not given or `none`.
    fn option(&self, name: &str) -> Option<Value> {
        self.named.peek::<Value>(name).ok().filter(|value| !value.is_none())
    }

    fn text(&self, name: &str) -> Result<Option<String>, Error> {
        self.option(name).map(|value| repr::text(&value)).transpose()
    }

    fn flag(&self, name: &str, default: bool) -> bool {
        match self.option(name) {
            Some(value) => match value.as_str() {
                Some(word) => matches!(word.to_lowercase().as_str(), "yes" | "on" | "1" | "true" | "y" | "t"),
                None => value.is_true(),
            },
            None => default,
        }
    }

    /// The names of the options that were given, but for those that all lookups take.
    fn given(&self) -> impl Iterator<Item = &str> {
        self.named.args().filter(|name| !COMMON.contains(name))
    }
}
