//! Filters that apply something to each item: `map`, `select`, `groupby`, and their kin.

use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Error, State, Value};

use super::lists::sort_key;
use crate::args::{Args, Entry, entry, invalid, items};
use crate::env::Known;
use crate::jmes;
use crate::repr;
use crate::unforeseen::sound;
use crate::{compare, ops};

pub(super) static FILTERS: &[Entry] = &[
    entry("map", &["*", "attribute", "default"], map),
    entry("select", &["*"], |state, args| select(state, args, None, true)),
    entry("reject", &["*"], |state, args| select(state, args, None, false)),
    entry("selectattr", &["*"], |state, args| by_attribute(state, args, true)),
    entry("rejectattr", &["*"], |state, args| by_attribute(state, args, false)),
    entry("groupby", &["attribute", "default", "case_sensitive"], groupby),
    entry("json_query", &["expr"], |_, args| {
        let query = args.text("expr")?.ok_or_else(|| args.error("needs a query"))?;
        jmes::search(&query, args.input())
    }),
    entry("extract", &["container", "morekeys"], extract),
    entry("subelements", &["subelements", "skip_missing"], subelements),
];

/// The attribute of a value by a dotted path; undefined where a part is missing.
pub(crate) fn attribute_of(value: &Value, path: &str) -> Result<Value, Error> {
    let mut value = value.clone();
    for part in path.split('.') {
        if value.is_undefined() {
            break;
        }
        value = match part.parse::<i64>() {
            Ok(index) if value.kind() != ValueKind::Map => value.get_item(&Value::from(index))?,
            _ => sound(value.get_attr(part)?)?,
        };
    }
    Ok(value)
}

/// The attribute by a path or, for lists, by a number.
pub(super) fn attribute(value: &Value, path: &Value) -> Result<Value, Error> {
    match path.as_str() {
        Some(path) => attribute_of(value, path),
        None => value.get_item(path),
    }
}

/// `map('filter', arguments…)`, `map(attribute='path', default=…)`.
fn map(state: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let all = args.input_items()?;
    let Some(name) = args.rest().first() else {
        let path = args.named("attribute").ok_or_else(|| args.error("needs a filter or an attribute"))?;
        let default = args.named("default");
        let pick = |item: &Value| {
            let found = attribute(item, &path)?;
            match (found.is_undefined(), &default) {
                (true, Some(default)) => Ok(default.clone()),
                (true, None) => Err(no_attribute(item, &path)),
                (false, _) => Ok(found),
            }
        };
        return all.iter().map(pick).collect::<Result<Vec<_>, _>>().map(Value::from);
    };
    let name = known(Known::filters(), name)?;
    let mut call: Vec<Value> = vec![Value::UNDEFINED];
    call.extend(args.rest()[1..].iter().cloned());
    call.extend(args.all_named());
    let mut out = Vec::with_capacity(all.len());
    for item in all {
        call[0] = item;
        out.push(state.apply_filter(name, &call)?);
    }
    Ok(out.into())
}

fn no_attribute(item: &Value, path: &Value) -> Error {
    invalid(format!("{} in the list has no `{path}`", ops::type_name(item)))
}

fn known(kind: &'static Known, name: &Value) -> Result<&'static str, Error> {
    let name = repr::text(name)?;
    kind.resolve(&name).map_err(|error| match error.hint {
        Some(hint) => invalid(format!("{}; {hint}", error.message)),
        None => invalid(error.message),
    })
}

/// Keeps the items that pass a test, or those that do not.
fn select(
    state: &mut State<'_, '_>,
    args: &Args<'_>,
    path: Option<&Value>,
    keep: bool,
) -> Result<Value, Error> {
    let rest = &args.rest()[usize::from(path.is_some())..];
    let test = rest.first().map(|name| known(Known::tests(), name)).transpose()?;
    let mut call: Vec<Value> = vec![Value::UNDEFINED];
    call.extend(rest.iter().skip(1).cloned());
    call.extend(args.all_named());
    let mut out = Vec::new();
    for item in args.input_items()? {
        call[0] = match path {
            Some(path) => attribute(&item, path)?,
            None => item.clone(),
        };
        let passes = match test {
            Some(test) => state.perform_test(test, &call)?,
            None => call[0].is_true(),
        };
        if passes == keep {
            out.push(item);
        }
    }
    Ok(out.into())
}

fn by_attribute(state: &mut State<'_, '_>, args: &Args<'_>, keep: bool) -> Result<Value, Error> {
    let path = args.rest().first().ok_or_else(|| args.error("needs an attribute"))?;
    select(state, args, Some(path), keep)
}

/// A group: a pair that also has names, as in Jinja.
#[derive(Debug)]
struct Group {
    grouper: Value,
    list: Value,
}

impl Object for Group {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match (key.as_str(), key.as_usize()) {
            (Some("grouper"), _) | (_, Some(0)) => Some(self.grouper.clone()),
            (Some("list"), _) | (_, Some(1)) => Some(self.list.clone()),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(2)
    }
}

/// The items in groups with the same attribute, sorted by it.
fn groupby(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let path = args.need("attribute")?;
    let default = args.get("default");
    let case_sensitive = args.flag("case_sensitive", false);
    let mut all = Vec::new();
    for item in args.input_items()? {
        let found = attribute(&item, &path)?;
        let value = match (found.is_undefined(), &default) {
            (true, Some(default)) => default.clone(),
            (true, None) => return Err(no_attribute(&item, &path)),
            (false, _) => found,
        };
        all.push((sort_key(value.clone(), case_sensitive), value, item));
    }
    compare::try_sort(&mut all, &mut |a, b| compare::compare("<", &a.0, &b.0))?;
    let mut groups: Vec<(Value, Value, Vec<Value>)> = Vec::new();
    for (key, value, item) in all {
        match groups.last_mut() {
            Some((last, _, members)) if compare::equal(last, &key)? => members.push(item),
            _ => groups.push((key, value, vec![item])),
        }
    }
    let group = |(_, grouper, members)| Value::from_object(Group { grouper, list: Value::from(members) });
    Ok(groups.into_iter().map(group).collect())
}

/// `key | extract(container)`: the other way round to write a subscript, for `map`.
fn extract(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let mut value = args.need("container")?.get_item(args.input())?;
    let more = match args.get("morekeys") {
        Some(keys) if matches!(keys.kind(), ValueKind::Seq | ValueKind::Iterable) => items(&keys)?,
        Some(key) => vec![key],
        None => Vec::new(),
    };
    for key in more {
        value = value.get_item(&key)?;
    }
    Ok(value)
}

/// Each item paired with each member of a list within it.
fn subelements(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let path = repr::text(&args.need("subelements")?)?;
    let skip_missing = args.flag("skip_missing", false);
    let elements = match args.input().kind() {
        ValueKind::Map => {
            items(args.input())?.iter().map(|key| args.input().get_item(key)).collect::<Result<_, _>>()?
        }
        _ => args.input_items()?,
    };
    let mut out: Vec<Value> = Vec::new();
    for element in elements {
        let found = attribute_of(&element, &path)?;
        if found.is_undefined() {
            match skip_missing {
                true => continue,
                false => return Err(no_attribute(&element, &Value::from(path))),
            }
        }
        for member in items(&found)? {
            out.push(Value::from(vec![element.clone(), member]));
        }
    }
    Ok(out.into())
}
