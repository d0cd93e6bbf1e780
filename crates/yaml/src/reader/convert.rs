//! What each type accepts: from a node to a value, or to words that say what was expected and found.

use std::ops::{Bound, RangeBounds};
use std::time::Duration;

use windlass_model::Code;

use crate::build::shown;
use crate::{Kind, Node, nearest, scalar};

/// Why a value does not fit.
pub(super) struct Bad {
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

type Result<T> = std::result::Result<T, Bad>;

impl Bad {
    fn new(code: Code, message: String) -> Self {
        Self { code, message, hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

fn wrong(node: &Node, expected: &str) -> Bad {
    Bad::new(Code::WrongType, format!("expected {expected}, found {}", found(node)))
}

/// What stands there, with its text where it has one.
fn found(node: &Node) -> String {
    let name = node.kind_name();
    match node.text() {
        Some(text) if !text.contains('\n') => format!("{} `{}`", name.replacen("a ", "the ", 1), shown(text)),
        _ => name.to_owned(),
    }
}

pub(super) fn entries(node: &Node) -> Result<&[(Node, Node)]> {
    node.as_map().ok_or_else(|| match node.value {
        Kind::List(_) => wrong(node, "a mapping").hint("write `key: value` lines without the dashes"),
        Kind::Str(ref text) if text.contains(':') => {
            wrong(node, "a mapping").hint("put a space after the colon: `key: value`")
        }
        _ => wrong(node, "a mapping").hint("write `key: value` lines, indented below it"),
    })
}

pub(super) fn list(node: &Node) -> Result<&[Node]> {
    node.as_list()
        .ok_or_else(|| wrong(node, "a list").hint("write `[a, b]`, or a line with `- ` for each element"))
}

/// A list's elements, or the node itself as the only one.
pub(super) fn one_or_many(node: &Node) -> Result<&[Node]> {
    match &node.value {
        Kind::List(items) => Ok(items),
        Kind::Map(_) | Kind::Null => Err(wrong(node, "a text or a list of texts")),
        _ => Ok(std::slice::from_ref(node)),
    }
}

pub(super) fn text(node: &Node) -> Result<String> {
    let unquoted = |node: &Node| match &node.value {
        Kind::Map(_) => {
            wrong(node, "a text").hint("quote it if it is meant as a text with braces or colons in it")
        }
        _ => wrong(node, "a text"),
    };
    node.text().map(str::to_owned).ok_or_else(|| unquoted(node))
}

pub(super) fn bool(node: &Node) -> Result<bool> {
    let word = node.text().filter(|_| !matches!(node.value, Kind::Int(_) | Kind::Float(_)));
    match word.map(str::to_ascii_lowercase).as_deref() {
        Some("true" | "yes" | "on") => Ok(true),
        Some("false" | "no" | "off") => Ok(false),
        _ => Err(wrong(node, "a boolean").hint("write true or false")),
    }
}

pub(super) fn int(node: &Node, range: &impl RangeBounds<i64>) -> Result<i64> {
    let expected = bounds(range);
    let value = match number(node) {
        Some(Kind::Int(value)) => value,
        _ => return Err(wrong(node, &expected)),
    };
    if range.contains(&value) {
        return Ok(value);
    }
    Err(Bad::new(Code::BadValue, format!("expected {expected}, found {value}")))
}

fn bounds(range: &impl RangeBounds<i64>) -> String {
    let least = match range.start_bound() {
        Bound::Included(&n) => Some(n),
        Bound::Excluded(&n) => Some(n.saturating_add(1)),
        Bound::Unbounded => None,
    };
    let most = match range.end_bound() {
        Bound::Included(&n) => Some(n),
        Bound::Excluded(&n) => Some(n.saturating_sub(1)),
        Bound::Unbounded => None,
    };
    match (least, most) {
        (Some(least), Some(most)) => format!("a whole number from {least} to {most}"),
        (Some(least), None) => format!("a whole number of at least {least}"),
        (None, Some(most)) => format!("a whole number of at most {most}"),
        (None, None) => "a whole number".to_owned(),
    }
}

pub(super) fn float(node: &Node) -> Result<f64> {
    match number(node) {
        Some(Kind::Int(value)) => Ok(value as f64),
        Some(Kind::Float(value)) if value.is_finite() => Ok(value),
        Some(_) => Err(Bad::new(Code::BadValue, format!("expected a finite number, found {}", found(node)))),
        None => Err(wrong(node, "a number")),
    }
}

/// The number that a scalar is, in quotes or not.
fn number(node: &Node) -> Option<Kind> {
    match &node.value {
        Kind::Int(_) | Kind::Float(_) => Some(node.value.clone()),
        Kind::Str(text) => scalar::number(text),
        _ => None,
    }
}

const DURATION: &str = "a duration like 30s or 5m";

pub(super) fn duration(node: &Node) -> Result<Duration> {
    let text = scalar_text(node, DURATION)?;
    crate::duration(text).map_err(|problem| {
        let hint = match node.value {
            Kind::Int(_) => format!("write the unit: {text}s or {text}ms"),
            _ => "durations are written like 250ms, 30s, 5m, 2h, 1d or 1h30m".to_owned(),
        };
        Bad::new(Code::BadDuration, format!("expected {DURATION}: {problem}")).hint(hint)
    })
}

/// Seconds as a number, as Ansible has them, or a duration.
pub(super) fn seconds(node: &Node) -> Result<Duration> {
    let too_long =
        || Bad::new(Code::BadDuration, "expected seconds or a duration: it is negative or too long".into());
    match number(node) {
        Some(Kind::Int(seconds)) => u64::try_from(seconds).map(Duration::from_secs).map_err(|_| too_long()),
        Some(Kind::Float(seconds)) => Duration::try_from_secs_f64(seconds).map_err(|_| too_long()),
        _ => duration(node),
    }
}

pub(super) fn money(node: &Node) -> Result<i64> {
    let text = scalar_text(node, "an amount like 2.50")?;
    crate::nanos(text).map_err(|problem| {
        let hint = "write a decimal number such as 2.50, with at most 9 decimals, and the currency beside it";
        Bad::new(Code::BadMoney, problem).hint(hint)
    })
}

pub(super) fn size(node: &Node) -> Result<u64> {
    let text = scalar_text(node, "a size like 64KiB")?;
    crate::size(text).map_err(|problem| {
        Bad::new(Code::BadValue, format!("expected a size like 64KiB: {problem}"))
            .hint("the units are B, kB, MB, GB, TB, KiB, MiB, GiB and TiB")
    })
}

fn scalar_text<'n>(node: &'n Node, expected: &str) -> Result<&'n str> {
    node.text().filter(|_| !matches!(node.value, Kind::Bool(_))).ok_or_else(|| wrong(node, expected))
}

pub(super) fn choice<T: Copy>(node: &Node, choices: &[(&str, T)]) -> Result<T> {
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    let expected = format!("one of {}", quoted(&names));
    let text = node.text().ok_or_else(|| wrong(node, &expected))?;
    if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
        return Ok(*value);
    }
    let bad = Bad::new(Code::BadValue, format!("expected {expected}, found `{}`", shown(text)));
    Err(match nearest(text, names) {
        Some(name) => bad.hint(format!("did you mean `{name}`?")),
        None => bad,
    })
}

/// The names in backticks, with commas between them.
pub(super) fn quoted<S: AsRef<str>>(names: &[S]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}
