//! Lookups over their terms alone: the loops that Ansible had before it had filters.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::{Entry, Source, Terms, entry};
use crate::args::items;
use crate::chance::Chance;
use crate::filters::{attribute_of, flattened};
use crate::meter::charge_nodes;
use crate::ops::type_name;
use crate::repr;

pub(super) static LOOKUPS: &[Entry] = &[
    entry("items", &[], Source::Terms, |terms| flat(terms.terms)),
    entry("list", &[], Source::Terms, |terms| Ok(terms.terms.to_vec())),
    entry("flattened", &[], Source::Terms, |terms| flattened(&Value::from(terms.terms.to_vec()))),
    entry("dict", &[], Source::Terms, dict),
    entry("indexed_items", &[], Source::Terms, |terms| {
        let pair = |(index, item)| Value::from((Value::from(index), item));
        Ok(flat(terms.terms)?.into_iter().enumerate().map(pair).collect())
    }),
    entry("nested", &[], Source::Terms, nested),
    entry("cartesian", &[], Source::Terms, nested),
    entry("together", &[], Source::Terms, together),
    entry("subelements", &[], Source::Terms, subelements),
    entry("random_choice", &[], Source::Outside, |terms| match terms.terms {
        [] => Ok(Vec::new()),
        all => Ok(vec![Chance::True.choose(all)?]),
    }),
];

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

/// The terms, with the items of those that are lists in their place.
fn flat(terms: &[Value]) -> Result<Vec<Value>, Error> {
    let mut out = Vec::new();
    for term in terms {
        match is_list(term) {
            true => out.extend(items(term)?),
            false => out.push(term.clone()),
        }
    }
    Ok(out)
}

fn dict(terms: &Terms<'_>) -> Result<Vec<Value>, Error> {
    let mut out = Vec::new();
    for term in terms.terms {
        if term.kind() != ValueKind::Map {
            return Err(terms.error(format!("needs maps, not {}", type_name(term))));
        }
        for key in items(term)? {
            let value = term.get_item(&key)?;
            out.push(Value::from_pairs([("key", key), ("value", value)]));
        }
    }
    Ok(out)
}

/// Every way to take one item of each list.
fn nested(terms: &Terms<'_>) -> Result<Vec<Value>, Error> {
    let Some((first, others)) = terms.terms.split_first() else {
        return Err(terms.error("needs at least one list"));
    };
    let mut rows = items(first)?;
    for other in others {
        let others = items(other)?;
        let mut longer = Vec::new();
        for row in &rows {
            for item in &others {
                longer.push(Value::from(flat(&[row.clone(), item.clone()])?));
            }
        }
        rows = longer;
    }
    rows.iter().map(|row| flat(&items(row)?).map(Value::from)).collect()
}

/// The first items of all lists, the second ones, and so on; `none` where a list has ended.
fn together(terms: &Terms<'_>) -> Result<Vec<Value>, Error> {
    if terms.terms.is_empty() {
        return Err(terms.error("needs at least one list"));
    }
    let columns = terms.terms.iter().map(items).collect::<Result<Vec<_>, _>>()?;
    let length = columns.iter().map(Vec::len).max().unwrap_or(0);
    let mut rows = Vec::new();
    for index in 0..length {
        charge_nodes(columns.len() + 1)?;
        let cell = |column: &Vec<Value>| column.get(index).cloned().unwrap_or_else(|| Value::from(()));
        rows.push(Value::from(flat(&columns.iter().map(cell).collect::<Vec<_>>())?));
    }
    Ok(rows)
}

/// Each element paired with each member of a list within it; elements that were skipped are left out.
fn subelements(terms: &Terms<'_>) -> Result<Vec<Value>, Error> {
    let (all, path, flags) = match terms.terms {
        [all, path] => (all, path, None),
        [all, path, flags] => (all, path, Some(flags)),
        _ => return Err(terms.error("needs a list, a path and perhaps flags")),
    };
    let (path, skipped) =
        (repr::text(path)?, |map: &Value| Ok::<_, Error>(map.get_attr("skipped")?.is_true()));
    let skip_missing = match flags {
        Some(flags) => flags.get_attr("skip_missing")?.is_true(),
        None => false,
    };
    let elements = match all.kind() {
        ValueKind::Map if skipped(all)? => return Ok(Vec::new()),
        ValueKind::Map => items(all)?.iter().map(|key| all.get_item(key)).collect::<Result<_, _>>()?,
        _ => items(all)?,
    };
    let mut out = Vec::new();
    for element in elements {
        if element.kind() != ValueKind::Map {
            return Err(terms.error(format!("needs maps in its list, not {}", type_name(&element))));
        }
        if skipped(&element)? {
            continue;
        }
        let members = attribute_of(&element, &path)?;
        match is_list(&members) {
            true => {}
            false if skip_missing => continue,
            false => return Err(terms.error(format!("finds no list `{path}` in an element"))),
        }
        for member in items(&members)? {
            charge_nodes(2)?;
            out.push(Value::from((element.clone(), member)));
        }
    }
    Ok(out)
}
