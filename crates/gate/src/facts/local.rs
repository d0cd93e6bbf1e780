//! Facts that the host's owner has laid down: files that say them, or programs that do.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::{Map, Value};

use super::{Asked, Facts, facts, names};
use crate::{Error, tool::Tool};

pub(super) fn local(asked: &Asked<'_>) -> Result<Facts, Error> {
    let mut all = Facts::new();
    for name in names(asked.fact_path) {
        let Some(base) = name.strip_suffix(".fact") else { continue };
        asked.cx.alive()?;
        let value = match said(&asked.fact_path.join(&name), asked)? {
            Ok(text) => read(&text, &name),
            Err(why) => why.into(),
        };
        all.insert(base.to_owned(), value);
    }
    Ok(facts([("local", all.into())]))
}

/// What a file holds, or says where it is a program; or why that cannot be known.
fn said(path: &Path, asked: &Asked<'_>) -> Result<Result<String, String>, Error> {
    let shown = path.display();
    let Ok(meta) = fs::metadata(path) else { return Ok(Err(format!("Could not stat fact ({shown})"))) };
    if meta.permissions().mode() & 0o100 == 0 {
        return Ok(Ok(fs::read_to_string(path).unwrap_or_default()));
    }
    match Tool::new(&path.to_string_lossy()).run(asked.cx) {
        Ok(said) if said.ok() => Ok(Ok(said.out)),
        Ok(said) => {
            let why = format!("Failure executing fact script ({shown}), rc: {}, err: {}", said.rc, said.err);
            Ok(Err(why))
        }
        Err(error @ (Error::Cancelled | Error::Deadline)) => Err(error),
        Err(error) => Ok(Err(format!("Could not execute fact script ({shown}): {error}"))),
    }
}

/// JSON, or sections of `key = value`.
fn read(text: &str, name: &str) -> Value {
    serde_json::from_str(text).ok().or_else(|| sections(text)).unwrap_or_else(|| {
        format!("error loading facts as JSON or ini - please check content: {name}").into()
    })
}

fn sections(text: &str) -> Option<Value> {
    let mut all = Map::new();
    let mut section = None;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = Some(name.to_owned());
            all.entry(name.to_owned()).or_insert_with(|| Map::new().into());
            continue;
        }
        let (key, value) = line.split_once(['=', ':'])?;
        let values = all.get_mut(section.as_ref()?)?.as_object_mut()?;
        values.insert(key.trim().to_lowercase(), value.trim().into());
    }
    Some(all.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn facts_are_read_in_both_forms() {
        assert_eq!(read("{\"a\": [1]}", "x.fact"), json!({"a": [1]}));
        let text = "# mine\n[General]\nName = web\nport: 80\n\n[empty]\n";
        assert_eq!(read(text, "x.fact"), json!({"General": {"name": "web", "port": "80"}, "empty": {}}));
        assert!(read("nonsense", "x.fact").as_str().unwrap().contains("x.fact"));
    }
}
