//! The lookup of a sequence of numbers: `5-8`, `2-10/2`, `4:host%02d`, or named parts.

use minijinja::{Error, Value};

use super::{Entry, Source, Terms, entry};
use crate::meter::charge_nodes;
use crate::ops::integer;
use crate::pairs;
use crate::percent;

pub(super) static LOOKUPS: &[Entry] =
    &[entry("sequence", &["start", "end", "count", "stride", "format"], Source::Terms, sequence)];

/// The parts of a sequence, as texts.
#[derive(Default)]
struct Parts {
    start: Option<String>,
    end: Option<String>,
    count: Option<String>,
    stride: Option<String>,
    format: Option<String>,
}

impl Parts {
    fn place(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            "start" => Some(&mut self.start),
            "end" => Some(&mut self.end),
            "count" => Some(&mut self.count),
            "stride" => Some(&mut self.stride),
            "format" => Some(&mut self.format),
            _ => None,
        }
    }
}

fn sequence(terms: &Terms<'_>) -> Result<Vec<Value>, Error> {
    let mut written = terms.texts()?;
    if written.is_empty() && terms.given().next().is_some() {
        written.push(String::new());
    }
    let mut out = Vec::new();
    for term in written {
        let mut parts = Parts::default();
        for name in ["start", "end", "count", "stride", "format"] {
            if let Some(place) = parts.place(name) {
                *place = terms.text(name)?;
            }
        }
        if !short(&term, &mut parts) {
            for (name, value) in pairs::parse(&term).named {
                *parts.place(&name).ok_or_else(|| terms.error(format!("has no option `{name}`")))? =
                    Some(value);
            }
        }
        numbers(terms, &parts, &mut out)?;
    }
    Ok(out)
}

/// Reads `[start-]end[/stride][:format]`; false for anything else.
fn short(term: &str, parts: &mut Parts) -> bool {
    let (range, format) = match term.split_once(':') {
        Some((range, format)) if !format.is_empty() => (range, Some(format)),
        None => (term, None),
        Some(_) => return false,
    };
    let (range, stride) =
        range.split_once('/').map_or((range, None), |(range, stride)| (range, Some(stride)));
    let (start, end) = range.split_once('-').map_or((None, range), |(start, end)| (Some(start), end));
    let is_number =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'x');
    if ![start, Some(end), stride].into_iter().flatten().all(is_number) {
        return false;
    }
    let owned = |part: Option<&str>| part.map(str::to_owned);
    for (place, part) in [
        (&mut parts.start, owned(start)),
        (&mut parts.end, owned(Some(end))),
        (&mut parts.stride, owned(stride)),
        (&mut parts.format, owned(format)),
    ] {
        *place = part.or(place.take());
    }
    true
}

fn numbers(terms: &Terms<'_>, parts: &Parts, out: &mut Vec<Value>) -> Result<(), Error> {
    let number = |part: &Option<String>| {
        let read = |text: &String| {
            text.trim().parse::<i64>().map_err(|_| terms.error(format!("cannot read `{text}` as a number")))
        };
        part.as_ref().map(read).transpose().map(|number| number.map(i128::from))
    };
    let (start, stride) = (number(&parts.start)?.unwrap_or(1), number(&parts.stride)?.unwrap_or(1));
    let end = match (number(&parts.end)?, number(&parts.count)?) {
        (Some(end), None) => end,
        (None, Some(0)) => return Ok(()),
        (None, Some(count)) => start + count * stride - 1,
        (None, None) => return Err(terms.error("needs `end` or `count`")),
        (Some(_), Some(_)) => return Err(terms.error("takes `end` or `count`, not both")),
    };
    match stride {
        0 => return Ok(()),
        1.. if end < start => return Err(terms.error("needs a negative `stride` to count backwards")),
        ..0 if end > start => return Err(terms.error("needs a positive `stride` to count forwards")),
        _ => {}
    }
    let format = parts.format.as_deref().unwrap_or("%d");
    if format.matches('%').count() != 1 {
        return Err(terms.error("needs a `format` with one `%`"));
    }
    let length = usize::try_from((end - start) / stride + 1).unwrap_or(usize::MAX);
    charge_nodes(length)?;
    for index in 0..length as i128 {
        out.push(percent::format(format, &Value::from((integer(start + index * stride),)))?.into());
    }
    Ok(())
}
