//! Filters that make and change numbers.

use minijinja::value::ValueKind;
use minijinja::{Error, State, Value};

use crate::args::{Args, Entry, entry};
use crate::ops::{as_float, integer};
use crate::repr;

pub(super) static FILTERS: &[Entry] = &[
    entry("int", &["default", "base"], int),
    entry("float", &["default"], float),
    entry("abs", &[], abs),
    entry("round", &["precision", "method"], round),
    entry("log", &["base"], |_, args| {
        let base = args.get("base").as_ref().and_then(as_float);
        Ok(Value::from(base.map_or(number(args)?.ln(), |base| number(args).unwrap_or(f64::NAN).log(base))))
    }),
    entry("pow", &["power"], |_, args| Ok(Value::from(number(args)?.powf(exponent(args, "power", 1.0)?)))),
    entry("root", &["base"], |_, args| {
        Ok(Value::from(number(args)?.powf(1.0 / exponent(args, "base", 2.0)?)))
    }),
    entry("human_readable", &["isbits", "unit"], human_readable),
    entry("human_to_bytes", &[], human_to_bytes),
    entry("filesizeformat", &["binary"], filesizeformat),
];

fn number(args: &Args<'_>) -> Result<f64, Error> {
    as_float(args.input()).ok_or_else(|| args.error("needs a number"))
}

fn exponent(args: &Args<'_>, name: &str, default: f64) -> Result<f64, Error> {
    match args.get(name) {
        Some(value) => as_float(&value).ok_or_else(|| args.error("needs a number")),
        None => Ok(default),
    }
}

/// An integer from a number or a text; the default where there is none in it.
fn int(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let value = args.input();
    let base = args.int("base")?.unwrap_or(10);
    let found = match value.kind() {
        ValueKind::Number if value.is_integer() => return Ok(value.clone()),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default().trim();
            parse(text, base).or_else(|| text.parse::<f64>().ok().and_then(truncate))
        }
        _ => as_float(value).and_then(truncate),
    };
    Ok(found.map(integer).unwrap_or_else(|| args.given("default").unwrap_or_else(|| Value::from(0))))
}

fn truncate(number: f64) -> Option<i128> {
    number.is_finite().then(|| number.trunc() as i128)
}

/// `int(text, base)` of Python: a sign, a prefix that fits the base, underscores between digits.
fn parse(text: &str, base: i64) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_lowercase();
    let prefixed = [("0x", 16), ("0o", 8), ("0b", 2)].into_iter().find_map(|(prefix, radix)| {
        let rest = lower.strip_prefix(prefix)?;
        (base == radix || base == 0).then(|| (rest.to_owned(), radix))
    });
    let (digits, radix) = prefixed.unwrap_or((lower, if base == 0 { 10 } else { base }));
    let radix = u32::try_from(radix).ok().filter(|radix| (2..=36).contains(radix))?;
    if digits.starts_with(['_', '+', '-']) || digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    let magnitude = i128::from_str_radix(&digits.replace('_', ""), radix).ok()?;
    Some(if negative { -magnitude } else { magnitude })
}

fn float(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let value = args.input();
    let found = match value.as_str() {
        Some(text) => text.trim().replace('_', "").parse::<f64>().ok(),
        None => as_float(value),
    };
    Ok(found.map(Value::from).unwrap_or_else(|| args.given("default").unwrap_or_else(|| Value::from(0.0))))
}

fn abs(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    match i128::try_from(args.input().clone()) {
        Ok(number) if args.input().kind() != ValueKind::Number || args.input().is_integer() => {
            Ok(integer(number.abs()))
        }
        _ => Ok(Value::from(number(args)?.abs())),
    }
}

/// Rounds halves to the even neighbour as Python does. Integers stay integers.
fn round(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let value = number(args)?;
    if args.input().is_integer() && args.text_or("method", "common")? == "common" {
        return round_integer(args);
    }
    let precision = args.int("precision")?.unwrap_or(0).clamp(-308, 308) as i32;
    let scaled = |step: fn(f64) -> f64| step(value * 10f64.powi(precision)) / 10f64.powi(precision);
    Ok(Value::from(match args.text_or("method", "common")?.as_str() {
        "ceil" => scaled(f64::ceil),
        "floor" => scaled(f64::floor),
        // Formatting rounds the exact value, where scaling would round twice.
        "common" if precision >= 0 => format!("{value:.*}", precision as usize).parse().unwrap_or(value),
        "common" => scaled(f64::round_ties_even),
        _ => return Err(args.error("knows the methods common, ceil and floor")),
    }))
}

fn round_integer(args: &Args<'_>) -> Result<Value, Error> {
    let value = i128::try_from(args.input().clone())?;
    let digits = args.int("precision")?.unwrap_or(0).min(0).unsigned_abs();
    let step = u32::try_from(digits).ok().and_then(|digits| 10i128.checked_pow(digits));
    let Some(step) = step else { return Ok(Value::from(0)) };
    let (down, rest) = (value.div_euclid(step), value.rem_euclid(step));
    let up = 2 * rest > step || (2 * rest == step && down % 2 != 0);
    Ok(integer((down + i128::from(up)) * step))
}

const UNITS: &str = "YZEPTGMK";

/// `1048576` → `1.00 MB`.
fn human_readable(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let size = match args.input().as_str() {
        Some(text) => text.parse().map_err(|_| args.error("needs a number"))?,
        None => number(args)?,
    };
    let base = if args.flag("isbits", false) { "bits" } else { "Bytes" };
    let wanted = args.text("unit")?.map(|unit| unit.to_uppercase());
    for (index, letter) in UNITS.chars().enumerate() {
        let limit = 1024f64.powi((UNITS.len() - index) as i32);
        let fits = match &wanted {
            Some(unit) => unit.starts_with(letter),
            None => size >= limit,
        };
        if fits {
            let suffix = if base == "bits" { "b" } else { "B" };
            return Ok(Value::from(format!("{:.2} {letter}{suffix}", size / limit)));
        }
    }
    Ok(Value::from(format!("{size:.2} {base}")))
}

/// `1.5 GB` → `1610612736`.
fn human_to_bytes(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let text = repr::text(args.input())?;
    let refuse = || args.error(format!("cannot read `{text}` as a size"));
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let end = compact.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(compact.len());
    let (digits, unit) = compact.split_at(end);
    let size: f64 = digits.parse().map_err(|_| refuse())?;
    let unit = unit.to_uppercase();
    let factor = match UNITS.chars().position(|letter| unit.starts_with(letter)) {
        Some(index) if unit.len() == 1 || &unit[1..] == "B" => 1024f64.powi((UNITS.len() - index) as i32),
        None if unit.is_empty() || unit == "B" => 1.0,
        _ => return Err(refuse()),
    };
    Ok(integer((size * factor).round() as i128))
}

/// `1500000` → `1.5 MB`, or `1.4 MiB`.
fn filesizeformat(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let size = match args.input().as_str() {
        Some(text) => text.trim().parse().map_err(|_| args.error("needs a number"))?,
        None => number(args)?,
    };
    let (base, tail) = if args.flag("binary", false) { (1024.0f64, "iB") } else { (1000.0, "B") };
    if size == 1.0 {
        return Ok("1 Byte".into());
    }
    if size < base {
        return Ok(format!("{} Bytes", size.trunc()).into());
    }
    let letters = if base == 1000.0 { "kMGTPEZY" } else { "KMGTPEZY" };
    let power = (1..8).find(|power| size < base.powi(power + 1)).unwrap_or(8);
    let letter = letters.chars().nth(power as usize - 1).unwrap_or('Y');
    Ok(format!("{:.1} {letter}{tail}", size / base.powi(power)).into())
}
