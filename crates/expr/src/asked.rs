//! What a text asks for besides variables, as far as the text alone tells.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::machinery::ast::{CallArg, Expr};
use minijinja::value::ValueKind;
use serde_json::{Map, Value as Json};

use crate::convert::key_text;
use crate::env::short;
use crate::glob;
use crate::here::Placed;
use crate::literals;
use crate::lookups::{self, Source};
use crate::meter::Metered;
use crate::outside::Outside;

/// Lookups and filters that ask for nothing but chance.
const CHANCE: [&str; 4] = ["password_hash", "random", "random_choice", "shuffle"];

/// A question of a text to what is [`Outside`](crate::Outside), or for variables by names that are values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What asks.
    pub way: Way,
    /// The name of the lookup without its collection (`file`, `env`, `vars`), or of the filter or test that
    /// asks (`realpath`, `exists`, `random`). `None` when it is a value itself, and so can be any.
    pub name: Option<String>,
    /// The terms of the lookup, or the input of the filter or test, if all of them are fixed.
    pub terms: Option<Vec<Json>>,
    /// Where in the source text the question stands, as a byte offset.
    pub offset: usize,
}

/// What asks outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `lookup`, `query` or `q`.
    Lookup,
    /// A filter.
    Filter,
    /// A test.
    Test,
}

impl Asked {
    /// Whether the answer may come from outside of the variables, and is not chance alone.
    pub fn leaves_variables(&self) -> bool {
        match (self.way, self.name.as_deref()) {
            (_, Some(name)) if CHANCE.contains(&name) => false,
            (Way::Lookup, name) => source_of(name) == Source::Outside,
            (Way::Filter | Way::Test, _) => true,
        }
    }

    /// The files that `fileglob` names now, by pattern, each as relative as its pattern is. `None` where something
    /// else is asked, or where a pattern is not fixed or leads to what cannot be read.
    pub fn globs(&self, outside: Arc<dyn Outside>) -> Option<BTreeMap<String, Vec<String>>> {
        let find = match self.way {
            _ if self.name.as_deref() != Some("fileglob") => return None,
            Way::Lookup => lookups::globbed,
            Way::Filter => glob::files_of,
            Way::Test => return None,
        };
        let (_metered, _placed) = (Metered::start(), Placed::before(outside));
        let found = |term: &Json| {
            let pattern = term.as_str()?;
            let names = find(pattern).ok()?.into_iter().map(|hit| hit.name).collect();
            Some((pattern.to_owned(), names))
        };
        self.terms.as_ref()?.iter().map(found).collect()
    }

    /// For each file that the lookup reads, where it is looked for, the first place first; nothing where the
    /// text does not tell.
    pub fn files(&self) -> Vec<Vec<String>> {
        let folder = match self.name.as_deref() {
            Some("file" | "unvault") => "files",
            Some("template") => "templates",
            _ => return Vec::new(),
        };
        self.texts().map(|path| lookups::candidates(folder, path)).collect()
    }

    /// The variables of the environment that the lookup reads, as far as the text tells.
    pub fn variables(&self) -> Vec<&str> {
        let is_env = self.name.as_deref() == Some("env");
        self.texts().filter(|_| is_env).filter_map(|text| text.split_whitespace().next()).collect()
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().flatten().filter_map(Json::as_str)
    }
}

/// What a filter or a test needs besides its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    /// Files and folders, or the environment.
    Outside,
    /// The clock, unless the argument of this name, at this place after the input, is given.
    ClockUnless(&'static str, usize),
    /// Chance, unless the argument of this name, at this place after the input, is given.
    ChanceUnless(&'static str, usize),
}

impl Need {
    /// What a filter needs.
    pub(crate) fn of_filter(name: &str) -> Need {
        match short(name) {
            "random" => Need::ChanceUnless("seed", 2),
            "shuffle" => Need::ChanceUnless("seed", 0),
            "password_hash" => Need::ChanceUnless("salt", 1),
            "strftime" => Need::ClockUnless("second", 0),
            "expanduser" | "expandvars" | "fileglob" | "realpath" => Need::Outside,
            _ => Need::Nothing,
        }
    }

    /// What a test needs.
    pub(crate) fn of_test(name: &str) -> Need {
        match short(name) {
            "directory" | "exists" | "file" | "is_dir" | "is_file" | "is_link" | "is_same_file" | "link"
            | "link_exists" | "same_file" => Need::Outside,
            _ => Need::Nothing,
        }
    }

    /// Whether a call with these arguments leaves the variables.
    pub(crate) fn arises(self, args: &[CallArg<'_>]) -> bool {
        match self {
            Need::Nothing => false,
            Need::Outside => true,
            Need::ChanceUnless(name, place) | Need::ClockUnless(name, place) => {
                let named = |arg: &CallArg<'_>| matches!(arg, CallArg::Kwarg(given, _) if *given == name);
                let placed = args.iter().filter(|arg| matches!(arg, CallArg::Pos(_))).count() > place;
                !placed && !args.iter().any(named)
            }
        }
    }
}

/// Where the answer of a lookup comes from; from outside, if its name is a value.
pub(crate) fn source_of(name: Option<&str>) -> Source {
    match name.map(lookups::find) {
        Some(Some(lookup)) => lookup.source,
        // No lookup has this name: it fails, whatever it is asked.
        Some(None) => Source::Terms,
        None => Source::Outside,
    }
}

/// How the constants of a text are read: from which source, and whether a backslash is itself.
#[derive(Clone, Copy)]
pub(crate) struct Constants<'s> {
    pub source: &'s str,
    pub raw: bool,
}

impl Constants<'_> {
    /// The value of an expression that is fixed.
    pub(crate) fn value(self, expr: &Expr<'_>) -> Option<Json> {
        match expr {
            Expr::Const(constant) => match constant.value.kind() {
                ValueKind::String => match literals::read(self.source, constant.span(), self.raw).ok()? {
                    Some(text) => Some(Json::String(text)),
                    None => Some(Json::String(constant.value.as_str()?.to_owned())),
                },
                ValueKind::None => Some(Json::Null),
                ValueKind::Bool => Some(Json::Bool(constant.value.is_true())),
                ValueKind::Number => serde_json::to_value(&constant.value).ok(),
                _ => None,
            },
            Expr::List(list) => list.items.iter().map(|item| self.value(item)).collect(),
            Expr::Tuple(tuple) => tuple.items.iter().map(|item| self.value(item)).collect(),
            Expr::Map(map) => {
                let members = map.keys.iter().zip(&map.values).map(|(key, value)| {
                    let key = crate::convert::from_json(&self.value(key)?);
                    Some((key_text(&key).ok()?, self.value(value)?))
                });
                members.collect::<Option<Map<_, _>>>().map(Json::Object)
            }
            _ => None,
        }
    }

    /// The text that an expression is.
    pub(crate) fn text(self, expr: &Expr<'_>) -> Option<String> {
        match self.value(expr)? {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// The values of positional arguments, if all are fixed.
    pub(crate) fn terms(self, args: &[CallArg<'_>]) -> Option<Vec<Json>> {
        let mut out = Vec::new();
        for arg in args {
            match arg {
                CallArg::Pos(expr) => out.push(self.value(expr)?),
                CallArg::PosSplat(_) => return None,
                CallArg::Kwarg(..) | CallArg::KwargSplat(_) => {}
            }
        }
        Some(out)
    }
}
