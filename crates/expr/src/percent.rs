//! Python's `'%s-%03d' % (a, b)`, which is also Jinja's `format` filter.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use crate::args::{invalid, items};
use crate::meter::charge;
use crate::ops::as_float;
use crate::repr;

/// How wide or precise a number may be. What Rust can format ends not far above; what people read, far below.
const MAX_DIGITS: usize = 1000;

/// One `%…` of a format.
struct Spec<'a> {
    key: Option<&'a str>,
    left: bool,
    zero: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
    conversion: char,
}

/// Formats a text. The arguments are a tuple or a list, a map for `%(name)s`, or one value alone.
pub(crate) fn format(format: &str, args: &Value) -> Result<String, Error> {
    let mut values = match args.kind() {
        ValueKind::Seq | ValueKind::Iterable if args.is_tuple() => items(args)?,
        _ => vec![args.clone()],
    }
    .into_iter();
    let mut out = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        charge(before.len())?;
        out.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let (spec, after) = parse(after)?;
        let value = match spec.key {
            Some(key) => args.get_item(&Value::from(key))?,
            None => {
                values.next().ok_or_else(|| invalid("the format has more places than there are values"))?
            }
        };
        write(&mut out, &spec, &value)?;
        rest = after;
    }
    charge(rest.len())?;
    out.push_str(rest);
    if args.kind() != ValueKind::Map && values.next().is_some() {
        return Err(invalid("not all values were used by the format"));
    }
    Ok(out)
}

fn parse(text: &str) -> Result<(Spec<'_>, &str), Error> {
    let incomplete = || invalid("the format is not complete");
    let (key, mut rest) = match text.strip_prefix('(') {
        Some(rest) => rest.split_once(')').map(|(key, rest)| (Some(key), rest)).ok_or_else(incomplete)?,
        None => (None, text),
    };
    let flags_end = rest.find(|c| !"-0+ #".contains(c)).unwrap_or(rest.len());
    let (flags, after) = rest.split_at(flags_end);
    rest = after;
    let width = digits(&mut rest)?.unwrap_or(0);
    let precision = match rest.strip_prefix('.') {
        Some(after) => {
            rest = after;
            Some(digits(&mut rest)?.unwrap_or(0))
        }
        None => None,
    };
    let conversion = rest.chars().next().ok_or_else(incomplete)?;
    let has = |flag: char| flags.contains(flag);
    let (left, zero, plus, space, alternate) = (has('-'), has('0'), has('+'), has(' '), has('#'));
    let spec = Spec { key, left, zero, plus, space, alternate, width, precision, conversion };
    Ok((spec, &rest[conversion.len_utf8()..]))
}

fn digits(rest: &mut &str) -> Result<Option<usize>, Error> {
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    *rest = after;
    match digits {
        "" => Ok(None),
        digits => digits.parse().map(Some).map_err(|_| invalid(crate::meter::TOO_MUCH)),
    }
}

fn write(out: &mut String, spec: &Spec<'_>, value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        return Err(repr::undefined(value));
    }
    charge(spec.width)?;
    if spec.precision.is_some_and(|digits| digits > MAX_DIGITS) && spec.conversion != 's' {
        return Err(invalid(format!("the format asks for more than {MAX_DIGITS} digits")));
    }
    let text = match spec.conversion {
        's' => cut(repr::text(value)?, spec.precision),
        'r' => cut(repr::repr(value)?, spec.precision),
        'd' | 'i' | 'u' => signed(spec, whole(value)?, 10),
        'x' => signed(spec, whole(value)?, 16),
        'X' => signed(spec, whole(value)?, 16).to_uppercase(),
        'o' => signed(spec, whole(value)?, 8),
        'f' | 'F' => {
            let number = as_float(value).ok_or_else(|| invalid("`%f` needs a number"))?;
            with_sign(spec, number < 0.0, format!("{:.*}", spec.precision.unwrap_or(6), number.abs()))
        }
        'c' => repr::text(value)?.chars().take(1).collect(),
        other => return Err(invalid(format!("the format has no conversion `%{other}`"))),
    };
    pad(out, spec, &text);
    Ok(())
}

fn cut(text: String, precision: Option<usize>) -> String {
    match precision {
        Some(length) => text.chars().take(length).collect(),
        None => text,
    }
}

fn whole(value: &Value) -> Result<i128, Error> {
    let number = as_float(value).filter(|number| number.is_finite());
    match (value.is_integer(), number) {
        (true, _) => i128::try_from(value.clone()),
        (false, Some(number)) => Ok(number.trunc() as i128),
        _ => Err(invalid("the format needs a number")),
    }
}

fn signed(spec: &Spec<'_>, number: i128, radix: u32) -> String {
    let magnitude = number.unsigned_abs();
    let (prefix, digits) = match radix {
        16 => ("0x", format!("{magnitude:x}")),
        8 => ("0o", format!("{magnitude:o}")),
        _ => ("", magnitude.to_string()),
    };
    let digits = format!("{digits:0>width$}", width = spec.precision.unwrap_or(0));
    let prefix = if spec.alternate { prefix } else { "" };
    with_sign(spec, number < 0, format!("{prefix}{digits}"))
}

fn with_sign(spec: &Spec<'_>, negative: bool, digits: String) -> String {
    let sign = match (negative, spec.plus, spec.space) {
        (true, _, _) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        _ => "",
    };
    let missing = spec.width.saturating_sub(sign.len() + digits.chars().count());
    let zeros = if spec.zero && !spec.left { "0".repeat(missing) } else { String::new() };
    format!("{sign}{zeros}{digits}")
}

fn pad(out: &mut String, spec: &Spec<'_>, text: &str) {
    let missing = spec.width.saturating_sub(text.chars().count());
    if !spec.left {
        out.extend(std::iter::repeat_n(' ', missing));
    }
    out.push_str(text);
    if spec.left {
        out.extend(std::iter::repeat_n(' ', missing));
    }
}
