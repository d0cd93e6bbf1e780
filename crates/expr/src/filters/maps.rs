//! Filters over maps.

use minijinja::value::ValueKind;
use minijinja::{Error, State, Value};

use super::lists::sort_key;
use crate::args::{Args, Entry, entry, invalid, items};
use crate::meter::{MAX_DEPTH, charge_nodes};
use crate::{compare, ops, repr};

pub(super) static FILTERS: &[Entry] = &[
    entry("dict2items", &["key_name", "value_name"], dict2items),
    entry("items2dict", &["key_name", "value_name"], items2dict),
    entry("items", &[], |_, args| pairs(args.input()).map(|all| all.into_iter().map(Value::from).collect())),
    entry("dictsort", &["case_sensitive", "by", "reverse"], dictsort),
    entry("rekey_on_member", &["key", "duplicates"], rekey_on_member),
    entry("combine", &["*", "recursive", "list_merge"], combine),
];

/// The members of a map in order.
fn pairs(map: &Value) -> Result<Vec<(Value, Value)>, Error> {
    if map.kind() != ValueKind::Map {
        return Err(invalid(format!("needs a map, not {}", ops::type_name(map))));
    }
    items(map)?.into_iter().map(|key| map.get_item(&key).map(|value| (key, value))).collect()
}

fn dict2items(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let (key_name, value_name) = (args.text_or("key_name", "key")?, args.text_or("value_name", "value")?);
    let item = |(key, value)| Value::from_pairs([(key_name.as_str(), key), (value_name.as_str(), value)]);
    Ok(pairs(args.input())?.into_iter().map(item).collect())
}

fn items2dict(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let name = |parameter, default: &str| args.get(parameter).unwrap_or_else(|| Value::from(default));
    let (key_name, value_name) = (name("key_name", "key"), name("value_name", "value"));
    let part = |item: &Value, name: &Value| {
        let found = item.get_item(name)?;
        if found.is_undefined() {
            Err(args.error(format!("needs `{name}` in every item")))
        } else {
            Ok(found)
        }
    };
    let mut out = Vec::new();
    for item in args.input_items()? {
        out.push((ops::key(&part(&item, &key_name)?)?, part(&item, &value_name)?));
    }
    Ok(Value::from_pairs(out))
}

fn dictsort(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let by_value = args.text_or("by", "key")? == "value";
    let (case_sensitive, reverse) = (args.flag("case_sensitive", false), args.flag("reverse", false));
    let mut all = pairs(args.input())?;
    compare::try_sort(&mut all, &mut |a, b| {
        let (a, b) = if by_value { (&a.1, &b.1) } else { (&a.0, &b.0) };
        let key = |value: &Value| sort_key(value.clone(), case_sensitive);
        let ordering = compare::compare("<", &key(a), &key(b))?;
        Ok(if reverse { ordering.reverse() } else { ordering })
    })?;
    Ok(all.into_iter().map(Value::from).collect())
}

/// The maps of a list, or of a map, by one of their members.
fn rekey_on_member(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let name = args.need("key")?;
    let overwrite = match args.text_or("duplicates", "error")?.as_str() {
        "error" => false,
        "overwrite" => true,
        _ => return Err(args.error("treats `duplicates` as error or overwrite")),
    };
    let maps = match args.input().kind() {
        ValueKind::Map => pairs(args.input())?.into_iter().map(|(_, map)| map).collect(),
        _ => args.input_items()?,
    };
    let mut out: Vec<(Value, Value)> = Vec::new();
    for map in maps {
        let found = if map.kind() == ValueKind::Map { map.get_item(&name)? } else { Value::UNDEFINED };
        if found.is_undefined() {
            return Err(args.error(format!("needs maps with `{}`", repr::text(&name)?)));
        }
        out.push((ops::key(&found)?, map));
    }
    let (length, rekeyed) = (out.len(), Value::from_pairs(out));
    match overwrite || rekeyed.len() == Some(length) {
        true => Ok(rekeyed),
        false => Err(args.error(format!("finds the same `{}` twice", repr::text(&name)?))),
    }
}

/// How lists under the same key come together.
#[derive(Clone, Copy)]
enum ListMerge {
    Replace,
    Keep,
    Append,
    Prepend,
    AppendRp,
    PrependRp,
}

/// Later maps win; with `recursive`, maps under the same key are combined in turn.
fn combine(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let recursive = args.named_flag("recursive");
    let merge = match args.named("list_merge").map(|name| repr::text(&name)).transpose()?.as_deref() {
        None | Some("replace") => ListMerge::Replace,
        Some("keep") => ListMerge::Keep,
        Some("append") => ListMerge::Append,
        Some("prepend") => ListMerge::Prepend,
        Some("append_rp") => ListMerge::AppendRp,
        Some("prepend_rp") => ListMerge::PrependRp,
        Some(_) => {
            return Err(
                args.error("knows the merges replace, keep, append, prepend, append_rp and prepend_rp")
            );
        }
    };
    let mut out = Value::from_pairs(Vec::<(Value, Value)>::new());
    for given in std::iter::once(args.input()).chain(args.rest()) {
        // A list of maps stands for its maps.
        let maps = match given.kind() {
            ValueKind::Seq | ValueKind::Iterable => items(given)?,
            _ => vec![given.clone()],
        };
        for map in &maps {
            out = merged(&out, map, recursive, merge, 0)?;
        }
    }
    Ok(out)
}

fn merged(a: &Value, b: &Value, recursive: bool, merge: ListMerge, depth: usize) -> Result<Value, Error> {
    if depth > MAX_DEPTH {
        return Err(invalid("the map is nested too deeply"));
    }
    let mut out = pairs(a)?;
    for (key, theirs) in pairs(b)? {
        let ours = a.get_item(&key)?;
        if ours.is_undefined() {
            out.push((key, theirs));
            continue;
        }
        let value = member(&ours, &theirs, recursive, merge, depth)?;
        out.push((key, value));
    }
    charge_nodes(out.len())?;
    // A key that comes again takes the place of the first.
    Ok(Value::from_pairs(out))
}

fn member(
    ours: &Value,
    theirs: &Value,
    recursive: bool,
    merge: ListMerge,
    depth: usize,
) -> Result<Value, Error> {
    let is_list = |value: &Value| matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable);
    match (ours.kind(), theirs.kind()) {
        (ValueKind::Map, ValueKind::Map) if recursive => merged(ours, theirs, recursive, merge, depth + 1),
        _ if is_list(ours) && is_list(theirs) => lists(ours, theirs, merge),
        _ => Ok(theirs.clone()),
    }
}

fn lists(ours: &Value, theirs: &Value, merge: ListMerge) -> Result<Value, Error> {
    let without = |list: Vec<Value>, other: &Value| {
        let mut kept = Vec::new();
        for item in list {
            if !compare::contains(other, &item)? {
                kept.push(item);
            }
        }
        Ok::<_, Error>(kept)
    };
    let (mut front, back) = match merge {
        ListMerge::Replace => return Ok(theirs.clone()),
        ListMerge::Keep => return Ok(ours.clone()),
        ListMerge::Append => (items(ours)?, items(theirs)?),
        ListMerge::Prepend => (items(theirs)?, items(ours)?),
        ListMerge::AppendRp => (without(items(ours)?, theirs)?, items(theirs)?),
        ListMerge::PrependRp => (items(theirs)?, without(items(ours)?, theirs)?),
    };
    front.extend(back);
    Ok(front.into())
}
