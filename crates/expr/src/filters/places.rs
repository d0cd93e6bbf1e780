//! Filters over paths that ask what lies there.

use minijinja::{Error, State, Value};

use crate::args::{Args, Entry, entry};
use crate::glob;
use crate::here::ask;
use crate::meter::charge;
use crate::outside::Place;

pub(super) static FILTERS: &[Entry] = &[
    entry("realpath", &[], |_, args| Ok(place(args.input_text()?)?.real.into())),
    entry("expanduser", &[], expanduser),
    entry("expandvars", &[], expandvars),
    entry("fileglob", &[], |_, args| {
        let found = glob::files_of(&args.input_text()?)?;
        Ok(found.into_iter().map(|hit| Value::from(hit.name)).collect())
    }),
];

/// What lies at a path; also for the tests that ask.
pub(crate) fn place(path: String) -> Result<Place, Error> {
    charge(1024)?;
    ask(|outside| outside.look(&path))
}

/// `~` at the start is the home folder. Those of other people are not known here.
fn expanduser(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let path = args.input_text()?;
    let Some(rest) = path.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/')) else {
        return Ok(path.into());
    };
    Ok(match ask(|outside| outside.env("HOME"))? {
        Some(home) => format!("{}{rest}", home.trim_end_matches('/')).into(),
        None => path.into(),
    })
}

/// `$NAME` and `${NAME}` are variables of the environment; one that is not set stays as it is written.
fn expandvars(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let input = args.input_text()?;
    let mut out = String::new();
    let mut rest = input.as_str();
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, end) = match after.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
            Some((name, _)) => (name, name.len() + 2),
            None => {
                let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let end = after.find(|c| !is_letter(c)).unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        charge(1024)?;
        let value = if name.is_empty() { None } else { ask(|outside| outside.env(name))? };
        match value {
            Some(value) => {
                charge(value.len())?;
                out.push_str(&value);
            }
            None => out.push_str(&rest[at..at + 1 + end]),
        }
        rest = &after[end..];
    }
    out.push_str(rest);
    Ok(out.into())
}
