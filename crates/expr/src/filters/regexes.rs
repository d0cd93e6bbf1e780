//! Filters with regular expressions.

use minijinja::{Error, State, Value};
use regex::{Captures, Regex};

use crate::args::{Args, Entry, entry};
use crate::meter::{charge, charge_nodes};
use crate::patterns::{Flags, Patience, compiled, replacement};
use crate::repr;

pub(super) static FILTERS: &[Entry] = &[
    entry("regex_search", &["regex", "ignorecase", "multiline", "*"], search),
    entry("regex_findall", &["regex", "multiline", "ignorecase"], findall),
    entry(
        "regex_replace",
        &["pattern", "replacement", "ignorecase", "multiline", "count", "mandatory_count"],
        replace,
    ),
    entry("regex_escape", &["re_type"], escape),
];

fn pattern(args: &Args<'_>, name: &str, input: &str) -> Result<Regex, Error> {
    let (ignorecase, multiline) = (args.flag("ignorecase", false), args.flag("multiline", false));
    let source = args.text(name)?.ok_or_else(|| args.error("needs a pattern"))?;
    compiled(&source, Flags { ignorecase, multiline, anchored: false }, input)
}

/// The first match, or `none`; with groups (`'\\1'`, `'\\g<name>'`) the list of their texts.
fn search(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let groups: Vec<String> = args.rest().iter().skip(1).map(repr::text).collect::<Result<_, _>>()?;
    let source = args.text("regex")?.ok_or_else(|| args.error("needs a pattern"))?;
    let (ignorecase, multiline) = (args.named_flag("ignorecase"), args.named_flag("multiline"));
    let input = args.input_text()?;
    let regex = compiled(&source, Flags { ignorecase, multiline, anchored: false }, &input)?;
    let Some(found) = regex.captures(&input) else { return Ok(Value::from(())) };
    if groups.is_empty() {
        return Ok(Value::from(&found[0]));
    }
    groups.iter().map(|group| captured(args, &found, group)).collect::<Result<Vec<_>, _>>().map(Value::from)
}

fn captured(args: &Args<'_>, found: &Captures<'_>, group: &str) -> Result<Value, Error> {
    let name = group.strip_prefix("\\g<").and_then(|named| named.strip_suffix('>'));
    let number = group.strip_prefix('\\').or(name).and_then(|digits| digits.parse::<usize>().ok());
    let found = match (number, name) {
        (Some(number), _) if number < found.len() => found.get(number),
        (None, Some(name)) => found.name(name),
        _ => return Err(args.error(format!("has no group `{group}`"))),
    };
    Ok(found.map_or_else(|| Value::from(()), |text| Value::from(text.as_str())))
}

/// Every match: its text, the text of its one group, or the list of its groups.
fn findall(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let input = args.input_text()?;
    let regex = pattern(args, "regex", &input)?;
    let mut out = Vec::new();
    let patience = Patience::new();
    for found in regex.captures_iter(&input) {
        patience.check()?;
        charge_nodes(found.len())?;
        let group = |index: usize| Value::from(found.get(index).map_or("", |text| text.as_str()));
        out.push(match found.len() {
            1 => group(0),
            2 => group(1),
            groups => (1..groups).map(group).collect::<Vec<_>>().into(),
        });
    }
    Ok(out.into())
}

fn replace(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let input = args.input_text()?;
    let regex = pattern(args, "pattern", &input)?;
    let template = replacement(&args.text_or("replacement", "")?);
    let (count, mandatory) = (args.size("count", 0)?, args.size("mandatory_count", 0)?);
    let limit = if count == 0 { usize::MAX } else { count };
    let mut out = String::new();
    let mut last = 0;
    let mut replaced = 0;
    let patience = Patience::new();
    for found in regex.captures_iter(&input).take(limit) {
        patience.check()?;
        let Some(whole) = found.get(0) else { continue };
        let before = out.len();
        out.push_str(&input[last..whole.start()]);
        found.expand(&template, &mut out);
        charge(out.len() - before + 16)?;
        last = whole.end();
        replaced += 1;
    }
    if mandatory > 0 && replaced != mandatory {
        return Err(args.error(format!("replaced {replaced} places, not {mandatory}")));
    }
    out.push_str(&input[last..]);
    Ok(out.into())
}

/// A backslash before each sign that a pattern reads as more than itself.
fn escape(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let special = match args.text_or("re_type", "python")?.as_str() {
        "python" => "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}",
        "posix_basic" => "[].*^$\\",
        _ => return Err(args.error("knows the types python and posix_basic")),
    };
    let input = args.input_text()?;
    charge(input.len())?;
    let mut out = String::with_capacity(input.len());
    for c in input.chars() {
        if special.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    Ok(out.into())
}
