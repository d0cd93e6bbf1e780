//! Reads YAML 1.1 as PyYAML's safe loader does: `yes` is true, `0755` is octal, a key that stands twice has
//! its last value.
//!
//! Documents of workflows are read elsewhere, under YAML 1.2 and with the place of each value; here a text is
//! data that some program wrote for Ansible. So this reader stands on the same parser and shares nothing else.

use std::collections::HashMap;

use minijinja::value::ValueKind;
use minijinja::{Error, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::scalar;
use crate::args::{invalid, items};
use crate::meter::{MAX_DEPTH, charge, charge_nodes};
use crate::ops::key;

/// Reads all documents of a text.
pub(crate) fn read_all(text: &str) -> Result<Vec<Value>, Error> {
    // The parser holds back what it sees until a bracket closes, at some hundred bytes for each sign.
    let is_sign = |byte: &u8| b",:[]{}&*!?\"'".contains(byte);
    charge(text.len())?;
    charge_nodes(4 * text.bytes().filter(is_sign).count())?;
    let mut tree = Tree::default();
    let mut documents = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let place = error.marker();
            invalid(format!("line {}, column {}: {}", place.line(), place.col() + 1, error.info()))
        })?;
        charge_nodes(2)?;
        let line = span.start.line();
        match event {
            Event::DocumentEnd => documents.push(tree.finish()),
            event => tree.take(event).map_err(|error| at_line(error, line))?,
        }
    }
    Ok(documents)
}

fn at_line(error: Error, line: usize) -> Error {
    match error.detail() {
        Some(detail) if !crate::args::is_charge(&error) => invalid(format!("line {line}: {detail}")),
        _ => error,
    }
}

/// A tree that grows: each part goes to the innermost list or map that is open.
#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    anchors: HashMap<usize, Part>,
    root: Option<Part>,
}

/// A value, and how deep it is: an alias can hang a deep value into a deep place.
#[derive(Clone)]
struct Part {
    value: Value,
    depth: usize,
    /// Whether it is the plain key `<<`.
    merges: bool,
}

/// A list or a map whose end has not come.
struct Open {
    anchor: usize,
    depth: usize,
    kind: Kind,
}

enum Kind {
    List(Vec<Value>),
    Map { entries: Vec<(Value, Value)>, merged: Vec<(Value, Value)>, key: Option<Part>, is_set: bool },
}

impl Tree {
    /// The document that has been read, and the beginning of another one.
    fn finish(&mut self) -> Value {
        self.anchors.clear();
        self.root.take().map_or_else(|| Value::from(()), |part| part.value)
    }

    fn take(&mut self, event: Event<'_>) -> Result<(), Error> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = matches!(style, ScalarStyle::Plain);
                let value = match tag.as_deref() {
                    Some(tag) => tagged(tag, &text)?,
                    None if plain => scalar::resolve(&text)?,
                    None => Value::from(&*text),
                };
                charge(text.len())?;
                let merges = plain && tag.is_none() && text == "<<";
                self.put(Part { value, depth: 1, merges }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                collection(tag.as_deref(), &["seq", "omap", "pairs"])?;
                self.begin(anchor, Kind::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                let is_set = collection(tag.as_deref(), &["map", "set"])? == Some("set");
                let kind = Kind::Map { entries: Vec::new(), merged: Vec::new(), key: None, is_set };
                self.begin(anchor, kind)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(part) => self.put(part, 0),
                None => Err(invalid("an alias stands for something that is not complete")),
            },
            _ => Ok(()),
        }
    }

    fn begin(&mut self, anchor: usize, kind: Kind) -> Result<(), Error> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep());
        }
        self.open.push(Open { anchor, depth: 1, kind });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.kind {
            Kind::List(items) => Value::from(items),
            Kind::Map { entries, is_set: true, .. } => entries.into_iter().map(|(key, _)| key).collect(),
            Kind::Map { entries, merged, .. } => {
                // What stands in the map itself wins over what is merged in, and keeps its place.
                let own = Value::from_pairs(entries.iter().cloned());
                let mut all: Vec<(Value, Value)> = Vec::new();
                for (key, value) in merged {
                    if own.get_item(&key)?.is_undefined() {
                        all.push((key, value));
                    }
                }
                all.extend(entries);
                Value::from_pairs(all)
            }
        };
        self.put(Part { value, depth: open.depth, merges: false }, open.anchor)
    }

    fn put(&mut self, part: Part, anchor: usize) -> Result<(), Error> {
        if anchor > 0 {
            self.anchors.insert(anchor, part.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(part);
            return Ok(());
        };
        open.depth = open.depth.max(part.depth + 1);
        if open.depth > MAX_DEPTH {
            return Err(too_deep());
        }
        match &mut open.kind {
            Kind::List(items) => items.push(part.value),
            Kind::Map { entries, merged, key: held, .. } => match held.take() {
                None => *held = Some(part),
                Some(key) if key.merges => merge(merged, &part.value)?,
                Some(name) => entries.push((key(&name.value)?, part.value)),
            },
        }
        Ok(())
    }
}

fn too_deep() -> Error {
    invalid("lists and maps lie too deep in each other")
}

/// Adds what `<<` brings: the members of a map, or of several, of which the first has the word.
fn merge(merged: &mut Vec<(Value, Value)>, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Map => {
            let mut brought = Vec::new();
            for key in items(value)? {
                let member = value.get_item(&key)?;
                brought.push((key, member));
            }
            // Of two that bring the same key the later pair counts, so the first map comes last.
            brought.append(merged);
            *merged = brought;
            Ok(())
        }
        ValueKind::Seq | ValueKind::Iterable => {
            for map in items(value)? {
                if map.kind() != ValueKind::Map {
                    return Err(invalid("`<<` takes maps"));
                }
                merge(merged, &map)?;
            }
            Ok(())
        }
        _ => Err(invalid("`<<` takes a map or a list of maps")),
    }
}

const CORE: &str = "tag:yaml.org,2002:";

/// The name of a tag of YAML itself; others are refused.
fn core_name(tag: &Tag) -> Option<&str> {
    match tag.handle.as_str() {
        CORE => Some(&tag.suffix),
        "" => tag.suffix.strip_prefix(CORE),
        _ => None,
    }
}

fn collection<'t>(tag: Option<&'t Tag>, fits: &[&str]) -> Result<Option<&'t str>, Error> {
    match tag.map(|tag| (tag, core_name(tag))) {
        None => Ok(None),
        Some((_, Some(name))) if fits.contains(&name) => Ok(Some(name)),
        Some((tag, _)) => Err(unknown(tag)),
    }
}

fn tagged(tag: &Tag, text: &str) -> Result<Value, Error> {
    let resolved = scalar::resolve(text)?;
    let fits = match core_name(tag) {
        Some("str") => return Ok(Value::from(text)),
        Some("null") => return Ok(Value::from(())),
        Some("int") => resolved.is_integer(),
        Some("bool") => resolved.kind() == ValueKind::Bool,
        Some("float") if resolved.is_integer() => {
            return Ok(Value::from(f64::try_from(resolved).unwrap_or(f64::NAN)));
        }
        Some("float") => resolved.is_number(),
        Some("timestamp") => true,
        _ => return Err(unknown(tag)),
    };
    if fits { Ok(resolved) } else { Err(invalid(format!("`{text}` does not fit its tag"))) }
}

fn unknown(tag: &Tag) -> Error {
    match tag.handle == "!" && tag.suffix.starts_with("vault") {
        true => invalid("vaults are not supported; declare a secret instead"),
        false => invalid(format!("the tag `{}{}` is not supported", tag.handle, tag.suffix)),
    }
}
