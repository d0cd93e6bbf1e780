//! Lookups of variables by names that are values themselves.

use minijinja::{Error, Value};

use super::{Entry, Source, Terms, entry};
use crate::args::items;
use crate::here::here;
use crate::patterns::{Flags, compiled};
use crate::repr;

pub(super) static LOOKUPS: &[Entry] = &[
    entry("vars", &["default"], Source::Variables, vars),
    entry("varnames", &[], Source::Variables, varnames),
];

fn vars(terms: &Terms<'_>) -> Result<Vec<Value>, Error> {
    let scope = here()?.scope;
    let value = |name: &Value| {
        let name = name.as_str().ok_or_else(|| terms.error("needs names that are texts"))?;
        let value = scope.get_attr(name)?;
        match (value.is_undefined(), terms.option("default")) {
            (true, Some(default)) => Ok(default),
            (true, None) => Err(terms.error(format!("finds no variable `{name}`"))),
            (false, _) => Ok(value),
        }
    };
    terms.terms.iter().map(value).collect()
}

/// The names of the variables in which a pattern is found.
fn varnames(terms: &Terms<'_>) -> Result<Vec<Value>, Error> {
    let names = items(&here()?.scope)?;
    let mut out = Vec::new();
    for pattern in terms.texts()? {
        for name in &names {
            let text = repr::text(name)?;
            if compiled(&pattern, Flags::default(), &text)?.is_match(&text) {
                out.push(name.clone());
            }
        }
    }
    Ok(out)
}
