//! Filters over lists: parts, order, sums.

use std::cmp::Ordering;

use minijinja::value::ValueKind;
use minijinja::{Error, State, Value};

use super::walks::{attribute, attribute_of};
use crate::args::{Args, Entry, entry, items};
use crate::meter::{charge, charge_nodes};
use crate::{compare, ops, repr};

pub(super) static FILTERS: &[Entry] = &[
    entry("length", &[], length),
    entry("count", &[], length),
    entry("first", &[], |_, args| Ok(args.input_items()?.first().cloned().unwrap_or_default())),
    entry("last", &[], |_, args| Ok(args.input_items()?.last().cloned().unwrap_or_default())),
    entry("list", &[], |_, args| Ok(args.input_items()?.into())),
    entry("join", &["d", "attribute"], join),
    entry("reverse", &[], reverse),
    entry("sort", &["reverse", "case_sensitive", "attribute"], sort),
    entry("min", &["case_sensitive", "attribute"], |_, args| extreme(args, Ordering::Less)),
    entry("max", &["case_sensitive", "attribute"], |_, args| extreme(args, Ordering::Greater)),
    entry("sum", &["attribute", "start"], sum),
    entry("batch", &["linecount", "fill_with"], batch),
    entry("slice", &["slices", "fill_with"], slice),
    entry("flatten", &["levels", "skip_nulls"], flatten),
    entry("zip", &["*"], |_, args| zip(args, None)),
    entry("zip_longest", &["*", "fillvalue"], |_, args| {
        zip(args, Some(args.named("fillvalue").unwrap_or_else(|| Value::from(()))))
    }),
    entry("product", &["*"], product),
    entry("permutations", &["length"], |_, args| chosen(args, true)),
    entry("combinations", &["length"], |_, args| chosen(args, false)),
];

fn length(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    match (args.input().as_str(), args.input().len()) {
        (Some(text), _) => {
            charge(text.len())?;
            Ok(Value::from(text.chars().count()))
        }
        (None, Some(length)) => Ok(Value::from(length)),
        (None, None) => Ok(Value::from(args.input_items()?.len())),
    }
}

fn join(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let separator = args.text_or("d", "")?;
    let attribute = args.text("attribute")?;
    let mut out = String::new();
    for (index, item) in args.input_items()?.iter().enumerate() {
        if index > 0 {
            charge(separator.len())?;
            out.push_str(&separator);
        }
        match &attribute {
            Some(path) => repr::write_text(&mut out, &attribute_of(item, path)?)?,
            None => repr::write_text(&mut out, item)?,
        }
    }
    Ok(out.into())
}

fn reverse(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let mut all = args.input_items()?;
    all.reverse();
    Ok(match args.input().as_str() {
        Some(text) => text.chars().rev().collect::<String>().into(),
        None => all.into(),
    })
}

/// The value by which an item is sorted: texts without regard to case, unless asked for.
pub(super) fn sort_key(value: Value, case_sensitive: bool) -> Value {
    match value.as_str() {
        Some(text) if !case_sensitive => Value::from(text.to_lowercase()),
        _ => value,
    }
}

fn keyed(args: &Args<'_>) -> Result<Vec<(Vec<Value>, Value)>, Error> {
    let case_sensitive = args.flag("case_sensitive", false);
    let attributes = match args.get("attribute") {
        Some(name) => repr::text(&name)?.split(',').map(str::to_owned).collect(),
        None => Vec::new(),
    };
    let key = |item: Value| {
        let keys = match attributes.as_slice() {
            [] => vec![sort_key(item.clone(), case_sensitive)],
            names => names
                .iter()
                .map(|name| attribute_of(&item, name).map(|value| sort_key(value, case_sensitive)))
                .collect::<Result<Vec<_>, _>>()?,
        };
        Ok((keys, item))
    };
    args.input_items()?.into_iter().map(key).collect()
}

fn compare_keys(a: &[Value], b: &[Value]) -> Result<Ordering, Error> {
    for (x, y) in a.iter().zip(b) {
        match compare::compare("<", x, y)? {
            Ordering::Equal => {}
            other => return Ok(other),
        }
    }
    Ok(Ordering::Equal)
}

fn sort(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let mut all = keyed(args)?;
    let reverse = args.flag("reverse", false);
    compare::try_sort(&mut all, &mut |(a, _), (b, _)| {
        let ordering = compare_keys(a, b)?;
        Ok(if reverse { ordering.reverse() } else { ordering })
    })?;
    Ok(all.into_iter().map(|(_, item)| item).collect())
}

fn extreme(args: &Args<'_>, wanted: Ordering) -> Result<Value, Error> {
    let mut best: Option<(Vec<Value>, Value)> = None;
    for (key, item) in keyed(args)? {
        let better = match &best {
            Some((held, _)) => compare_keys(&key, held)? == wanted,
            None => true,
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map(|(_, item)| item).unwrap_or_default())
}

fn sum(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let path = args.get("attribute");
    let mut total = args.get("start").unwrap_or_else(|| Value::from(0));
    for item in args.input_items()? {
        let term = match &path {
            Some(path) => attribute(&item, path)?,
            None => item,
        };
        total = ops::add(&total, &term)?;
    }
    Ok(total)
}

fn batch(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let size = args.size("linecount", 0)?;
    if size == 0 {
        return Err(args.error("needs a size of at least one"));
    }
    let fill = args.get("fill_with");
    let mut rows = Vec::new();
    for chunk in args.input_items()?.chunks(size) {
        let mut row = chunk.to_vec();
        if let Some(fill) = &fill {
            charge_nodes(size - row.len())?;
            row.resize(size, fill.clone());
        }
        rows.push(Value::from(row));
    }
    Ok(rows.into())
}

fn slice(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let count = args.size("slices", 0)?;
    if count == 0 {
        return Err(args.error("needs a number of at least one"));
    }
    charge_nodes(count)?;
    let fill = args.get("fill_with");
    let all = args.input_items()?;
    let (each, longer) = (all.len() / count, all.len() % count);
    let mut rest = all.as_slice();
    let mut columns = Vec::new();
    for index in 0..count {
        let (column, after) = rest.split_at(each + usize::from(index < longer));
        rest = after;
        let mut column = column.to_vec();
        if let (Some(fill), true) = (&fill, longer > 0 && index >= longer) {
            column.push(fill.clone());
        }
        columns.push(Value::from(column));
    }
    Ok(columns.into())
}

fn flatten(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let levels = args.int("levels")?.unwrap_or(i64::MAX);
    let mut out = Vec::new();
    flat(&mut out, args.input(), levels, args.flag("skip_nulls", true), 0)?;
    Ok(out.into())
}

/// A list without any list in it, and without nulls.
pub(crate) fn flattened(list: &Value) -> Result<Vec<Value>, Error> {
    let mut out = Vec::new();
    flat(&mut out, list, i64::MAX, true, 0)?;
    Ok(out)
}

fn flat(
    out: &mut Vec<Value>,
    list: &Value,
    levels: i64,
    skip_nulls: bool,
    depth: usize,
) -> Result<(), Error> {
    if depth > crate::meter::MAX_DEPTH {
        return Err(crate::args::invalid("the list is nested too deeply"));
    }
    for item in items(list)? {
        let is_list = matches!(item.kind(), ValueKind::Seq | ValueKind::Iterable);
        // Ansible takes these texts for nulls, too.
        let is_null = item.is_none() || matches!(item.as_str(), Some("None" | "null"));
        match () {
            () if skip_nulls && is_null => {}
            () if is_list && levels >= 1 => flat(out, &item, levels - 1, skip_nulls, depth + 1)?,
            () => out.push(item),
        }
    }
    Ok(())
}

fn columns(args: &Args<'_>) -> Result<Vec<Vec<Value>>, Error> {
    let others = args.rest().iter().map(items);
    std::iter::once(args.input_items()).chain(others).collect()
}

fn zip(args: &Args<'_>, fill: Option<Value>) -> Result<Value, Error> {
    let columns = columns(args)?;
    let lengths = columns.iter().map(Vec::len);
    let length = if fill.is_some() { lengths.max() } else { lengths.min() }.unwrap_or(0);
    let mut rows: Vec<Value> = Vec::new();
    for index in 0..length {
        charge_nodes(columns.len() + 1)?;
        let cell = |column: &Vec<Value>| column.get(index).or(fill.as_ref()).cloned().unwrap_or_default();
        rows.push(columns.iter().map(cell).collect::<Vec<_>>().into());
    }
    Ok(Value::from(rows))
}

fn product(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for column in columns(args)? {
        let mut longer = Vec::new();
        for row in &rows {
            for item in &column {
                charge_nodes(row.len() + 2)?;
                longer.push(row.iter().cloned().chain([item.clone()]).collect());
            }
        }
        rows = longer;
    }
    Ok(rows.into_iter().map(Value::from).collect())
}

/// Every way to choose so many items, in each order or in one.
fn chosen(args: &Args<'_>, in_each_order: bool) -> Result<Value, Error> {
    let all = args.input_items()?;
    let length = match args.get("length") {
        Some(_) => args.size("length", 0)?,
        None if in_each_order => all.len(),
        None => return Err(args.error("needs `length`")),
    };
    let mut out: Vec<Value> = Vec::new();
    if length <= all.len() {
        charge_nodes(length)?;
        choose(&all, length, in_each_order, &mut Vec::new(), &mut out)?;
    }
    Ok(out.into())
}

fn choose(
    all: &[Value],
    length: usize,
    in_each_order: bool,
    taken: &mut Vec<usize>,
    out: &mut Vec<Value>,
) -> Result<(), Error> {
    if taken.len() == length {
        charge_nodes(length + 1)?;
        out.push(taken.iter().map(|index| all[*index].clone()).collect::<Vec<_>>().into());
        return Ok(());
    }
    if taken.len() >= crate::meter::MAX_DEPTH {
        return Err(crate::args::invalid("so many items cannot be chosen at once"));
    }
    let first = if in_each_order { 0 } else { taken.last().map_or(0, |last| last + 1) };
    for index in first..all.len() {
        charge_nodes(1)?;
        if in_each_order && taken.contains(&index) {
            continue;
        }
        taken.push(index);
        choose(all, length, in_each_order, taken, out)?;
        taken.pop();
    }
    Ok(())
}
