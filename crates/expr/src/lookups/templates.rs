//! The lookup of a template: a file, rendered over the present variables.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::files::{in_reach, read};
use super::{Entry, Source, Terms, entry};
use crate::args::{invalid, items};
use crate::convert::from_json;
use crate::here::{Placed, here};
use crate::meter::charge;
use crate::repr;
use crate::scope::{Scope, ScopeBuilder};
use crate::template::{Template, TextOptions};

/// What rendering costs beyond what it charges itself: it may run as many instructions as a whole expression.
const RENDERING: usize = 256 << 10;

pub(super) static LOOKUPS: &[Entry] = &[entry(
    "template",
    &[
        "template_vars",
        "trim_blocks",
        "variable_start_string",
        "variable_end_string",
        "comment_start_string",
        "comment_end_string",
        "convert_data",
    ],
    Source::Outside,
    template,
)];

fn template(terms: &Terms<'_>) -> Result<Vec<Value>, Error> {
    let options = options(terms)?;
    let scope = scope(terms)?;
    let mut out = Vec::new();
    for path in terms.texts()? {
        let source = read(terms, &in_reach(terms, "templates", &path)?)?;
        charge(RENDERING)?;
        let _placed = Placed::within(&scope)?;
        let rendered = Template::parse_with(&source, &options).and_then(|template| template.value(&scope));
        out.push(match rendered {
            Ok(value) => from_json(&value),
            // What is a limit stays one, however deep.
            Err(error) if error.kind == crate::ErrorKind::Limit => return Err(crate::meter::spent()),
            // The innermost one says it best.
            Err(error) if error.message.starts_with("the lookup `template`") => {
                return Err(invalid(error.message));
            }
            Err(error) => return Err(terms.error(format!("cannot render `{path}`: {error}"))),
        });
    }
    Ok(out)
}

fn options(terms: &Terms<'_>) -> Result<TextOptions, Error> {
    let mut options = TextOptions { trim_blocks: terms.flag("trim_blocks", true), ..TextOptions::default() };
    let places = [
        ("variable_start_string", &mut options.variable.0),
        ("variable_end_string", &mut options.variable.1),
        ("comment_start_string", &mut options.comment.0),
        ("comment_end_string", &mut options.comment.1),
    ];
    for (name, place) in places {
        if let Some(text) = terms.text(name)? {
            *place = text;
        }
    }
    Ok(options)
}

/// The present scope, with the template's own variables above it.
fn scope(terms: &Terms<'_>) -> Result<Value, Error> {
    let present = here()?.scope;
    let Some(own) = terms.option("template_vars") else { return Ok(present) };
    if own.kind() != ValueKind::Map {
        return Err(terms.error("needs `template_vars` to be a map"));
    }
    let add = |scope: ScopeBuilder, name: &Value| {
        Ok::<_, Error>(scope.value(repr::text(name)?, own.get_item(name)?))
    };
    Ok(items(&own)?.iter().try_fold(Scope::builder(), add)?.scope(present).build())
}
