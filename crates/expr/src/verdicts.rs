//! The tests (`is defined`, `is failed`, `is version(…)`): Jinja's and Ansible's.

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, State, Value};

use crate::args::{Args, Entry, entry, forgiving, invalid, items};
use crate::compare;
use crate::filters::{Url, place};
use crate::ops::as_float;
use crate::outside::{Place, PlaceKind};
use crate::patterns::{Flags, compiled};
use crate::unforeseen::sound;
use crate::{env::Known, version};

pub(crate) fn add_to(env: &mut Environment<'static>) {
    TESTS.iter().for_each(|test| test.add_test(env));
}

/// The names of all tests.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TESTS.iter().map(|test| test.name)
}

const PATTERN: &[&str] = &["pattern", "ignorecase", "multiline"];
const VERSION: &[&str] = &["version", "operator", "strict", "version_type"];

static TESTS: &[Entry] = &[
    forgiving("defined", &[], |_, args| yes(!args.input().is_undefined())),
    forgiving("undefined", &[], |_, args| yes(args.input().is_undefined())),
    entry("none", &[], |_, args| yes(args.input().is_none())),
    entry("boolean", &[], |_, args| yes(args.input().kind() == ValueKind::Bool)),
    entry("true", &[], |_, args| yes(args.input().kind() == ValueKind::Bool && args.input().is_true())),
    entry("false", &[], |_, args| yes(args.input().kind() == ValueKind::Bool && !args.input().is_true())),
    entry("integer", &[], |_, args| yes(args.input().is_integer())),
    entry("float", &[], |_, args| yes(args.input().is_number() && !args.input().is_integer())),
    // A boolean is a number in Python.
    entry("number", &[], |_, args| yes(as_float(args.input()).is_some())),
    entry("string", &[], |_, args| yes(args.input().kind() == ValueKind::String)),
    entry("mapping", &[], |_, args| yes(args.input().kind() == ValueKind::Map)),
    entry("sequence", &[], |_, args| yes(has_items(args.input()))),
    entry("iterable", &[], |_, args| yes(has_items(args.input()))),
    entry("callable", &[], |_, args| yes(args.input().kind() == ValueKind::Plain)),
    entry("lower", &[], |_, args| yes(is_cased(&args.input_text()?, char::is_lowercase, char::is_uppercase))),
    entry("upper", &[], |_, args| yes(is_cased(&args.input_text()?, char::is_uppercase, char::is_lowercase))),
    entry("odd", &[], |_, args| yes(remainder(args, 2)? != 0)),
    entry("even", &[], |_, args| yes(remainder(args, 2)? == 0)),
    entry("divisibleby", &["num"], divisible),
    entry("nan", &[], |_, args| yes(as_float(args.input()).is_some_and(f64::is_nan))),
    entry("filter", &[], |_, args| yes(Known::filters().resolve(&args.input_text()?).is_ok())),
    entry("test", &[], |_, args| yes(Known::tests().resolve(&args.input_text()?).is_ok())),
    entry("sameas", &["other"], equal),
    entry("eq", &["other"], equal),
    entry("equalto", &["other"], equal),
    entry("==", &["other"], equal),
    entry("ne", &["other"], unequal),
    entry("!=", &["other"], unequal),
    entry("lt", &["other"], |_, args| yes(order(args)?.is_lt())),
    entry("lessthan", &["other"], |_, args| yes(order(args)?.is_lt())),
    entry("<", &["other"], |_, args| yes(order(args)?.is_lt())),
    entry("le", &["other"], |_, args| yes(order(args)?.is_le())),
    entry("<=", &["other"], |_, args| yes(order(args)?.is_le())),
    entry("gt", &["other"], |_, args| yes(order(args)?.is_gt())),
    entry("greaterthan", &["other"], |_, args| yes(order(args)?.is_gt())),
    entry(">", &["other"], |_, args| yes(order(args)?.is_gt())),
    entry("ge", &["other"], |_, args| yes(order(args)?.is_ge())),
    entry(">=", &["other"], |_, args| yes(order(args)?.is_ge())),
    entry("in", &["container"], |_, args| yes(compare::contains(&args.need("container")?, args.input())?)),
    entry("contains", &["item"], |_, args| yes(compare::contains(args.input(), &args.need("item")?)?)),
    entry("any", &[], |_, args| yes(args.input_items()?.iter().any(Value::is_true))),
    entry("all", &[], |_, args| yes(args.input_items()?.iter().all(Value::is_true))),
    entry("subset", &["other"], |_, args| yes(is_within(args.input(), &args.need("other")?)?)),
    entry("issubset", &["other"], |_, args| yes(is_within(args.input(), &args.need("other")?)?)),
    entry("superset", &["other"], |_, args| yes(is_within(&args.need("other")?, args.input())?)),
    entry("issuperset", &["other"], |_, args| yes(is_within(&args.need("other")?, args.input())?)),
    entry("truthy", &["convert_bool"], |_, args| yes(truth(args))),
    entry("falsy", &["convert_bool"], |_, args| yes(!truth(args))),
    entry("failed", &[], |_, args| yes(field(args, "failed")?)),
    entry("failure", &[], |_, args| yes(field(args, "failed")?)),
    entry("succeeded", &[], |_, args| yes(!field(args, "failed")?)),
    entry("success", &[], |_, args| yes(!field(args, "failed")?)),
    entry("successful", &[], |_, args| yes(!field(args, "failed")?)),
    entry("changed", &[], |_, args| yes(changed(args)?)),
    entry("change", &[], |_, args| yes(changed(args)?)),
    entry("skipped", &[], |_, args| yes(field(args, "skipped")?)),
    entry("skip", &[], |_, args| yes(field(args, "skipped")?)),
    entry("unreachable", &[], |_, args| yes(field(args, "unreachable")?)),
    entry("reachable", &[], |_, args| yes(!field(args, "unreachable")?)),
    entry("started", &[], |_, args| yes(field(args, "started")?)),
    entry("finished", &[], |_, args| yes(field(args, "finished")?)),
    entry("timedout", &[], |_, args| {
        let period = field(args, "timedout")?;
        yes(period
            && args.input().get_attr("timedout")?.get_attr("period").is_ok_and(|period| period.is_true()))
    }),
    entry("abs", &[], |_, args| yes(args.input_text()?.starts_with('/'))),
    entry("is_abs", &[], |_, args| yes(args.input_text()?.starts_with('/'))),
    entry("exists", &[], |_, args| lies(args, |place| place.kind != PlaceKind::Nothing)),
    entry("file", &[], |_, args| lies(args, |place| place.kind == PlaceKind::File)),
    entry("is_file", &[], |_, args| lies(args, |place| place.kind == PlaceKind::File)),
    entry("directory", &[], |_, args| lies(args, |place| place.kind == PlaceKind::Folder)),
    entry("is_dir", &[], |_, args| lies(args, |place| place.kind == PlaceKind::Folder)),
    entry("link", &[], |_, args| lies(args, |place| place.link)),
    entry("is_link", &[], |_, args| lies(args, |place| place.link)),
    entry("link_exists", &[], |_, args| lies(args, |place| place.link || place.kind != PlaceKind::Nothing)),
    entry("same_file", &["other"], same_file),
    entry("is_same_file", &["other"], same_file),
    entry("uri", &["schemes"], |_, args| is_url(args, |_| true)),
    entry("url", &["schemes"], |_, args| is_url(args, |url| !url.netloc.is_empty() || url.scheme == "file")),
    entry("urn", &[], |_, args| is_url(args, |url| url.scheme == "urn" && !url.path.is_empty())),
    entry("match", PATTERN, |_, args| matches(args, true)),
    entry("search", PATTERN, |_, args| matches(args, false)),
    entry("regex", &["pattern", "ignorecase", "multiline", "match_type"], |_, args| {
        let anchored = args.text_or("match_type", "search")? == "match";
        matches(args, anchored)
    }),
    entry("version", VERSION, compare_versions),
    entry("version_compare", VERSION, compare_versions),
];

fn yes(flag: bool) -> Result<Value, Error> {
    Ok(Value::from(flag))
}

fn has_items(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Iterable | ValueKind::Map)
}

/// Python's `islower`: at least one letter of the case, none of the other.
pub(crate) fn is_cased(text: &str, want: fn(char) -> bool, other: fn(char) -> bool) -> bool {
    text.chars().any(want) && !text.chars().any(other)
}

fn remainder(args: &Args<'_>, by: i64) -> Result<i64, Error> {
    let number = args.input().as_i64().ok_or_else(|| args.error("needs a whole number"))?;
    number.checked_rem_euclid(by).ok_or_else(|| args.error("cannot divide by zero"))
}

fn divisible(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let by = args.int("num")?.ok_or_else(|| args.error("needs a number"))?;
    yes(remainder(args, by)? == 0)
}

fn equal(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    yes(compare::equal(args.input(), &args.need("other")?)?)
}

fn unequal(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    yes(!compare::equal(args.input(), &args.need("other")?)?)
}

fn order(args: &Args<'_>) -> Result<std::cmp::Ordering, Error> {
    compare::compare("<", args.input(), &args.need("other")?)
}

/// Whether every item of one list is in the other.
fn is_within(part: &Value, whole: &Value) -> Result<bool, Error> {
    for item in items(part)? {
        if !compare::contains(whole, &item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn truth(args: &Args<'_>) -> bool {
    let value = args.input();
    match (args.flag("convert_bool", false), value.as_str()) {
        (true, Some(text)) => {
            let word = text.to_lowercase();
            match word.as_str() {
                "no" | "off" | "0" | "false" | "n" | "f" => false,
                _ => value.is_true(),
            }
        }
        _ => value.is_true(),
    }
}

/// A flag of a registered result.
fn field(args: &Args<'_>, name: &str) -> Result<bool, Error> {
    if args.input().kind() != ValueKind::Map {
        return Err(args.error("needs the result of a step (what `register` names)"));
    }
    Ok(sound(args.input().get_attr(name)?)?.is_true())
}

/// A loop changed something if any of its rounds did.
fn changed(args: &Args<'_>) -> Result<bool, Error> {
    let own = field(args, "changed")?;
    let rounds = args.input().get_attr("results")?;
    if !args.input().get_attr("changed")?.is_undefined() || rounds.kind() != ValueKind::Seq {
        return Ok(own);
    }
    for round in items(&rounds)? {
        if round.kind() == ValueKind::Map && round.get_attr("changed")?.is_true() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether something lies at a path.
fn lies(args: &Args<'_>, holds: fn(&Place) -> bool) -> Result<Value, Error> {
    yes(holds(&place(args.input_text()?)?))
}

fn same_file(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let (one, other) = (place(args.input_text()?)?, place(args.text_or("other", "")?)?);
    yes(one.kind != PlaceKind::Nothing && one.real == other.real)
}

/// Whether a text is an address with one of some schemes, if these are given.
fn is_url(args: &Args<'_>, holds: fn(&Url<'_>) -> bool) -> Result<Value, Error> {
    let text = args.input_text()?;
    let url = Url::new(&text);
    let wanted = match args.get("schemes") {
        Some(schemes) => compare::contains(&schemes, &Value::from(url.scheme.as_str()))?,
        // Python takes every text for an address, if only of a path.
        None => true,
    };
    yes(wanted && holds(&url))
}

fn matches(args: &Args<'_>, anchored: bool) -> Result<Value, Error> {
    let pattern = args.text("pattern")?.ok_or_else(|| args.error("needs a pattern"))?;
    let flags = Flags {
        ignorecase: args.flag("ignorecase", false),
        multiline: args.flag("multiline", false),
        anchored,
    };
    let input = args.input_text()?;
    yes(compiled(&pattern, flags, &input)?.is_match(&input))
}

/// `is version('1.2', '>=')`, also as a filter.
pub(crate) fn compare_versions(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let right = args.text("version")?.ok_or_else(|| args.error("needs a version to compare with"))?;
    let kind = match (args.flag("strict", false), args.text("version_type")?) {
        (true, Some(_)) => return Err(args.error("takes `strict` or `version_type`, not both")),
        (true, None) => "strict".to_owned(),
        (false, kind) => kind.unwrap_or_else(|| "loose".to_owned()),
    };
    let left = args.input_text()?;
    if left.is_empty() || right.is_empty() {
        return Err(invalid("an empty text is no version"));
    }
    yes(version::compare(&left, &right, &args.text_or("operator", "==")?, &kind)?)
}
