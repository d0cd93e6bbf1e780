//! Python's methods of texts, lists and maps, as people write them: `name.split('.')`, `map.items()`.

use minijinja::value::{Kwargs, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use crate::args::{invalid, items};
use crate::compare::equal;
use crate::meter::charge;
use crate::nearest::nearest;
use crate::ops::type_name;
use crate::unforeseen::sound;
use crate::{repr, text};

const OF_TEXT: &[&str] = &[
    "capitalize",
    "center",
    "count",
    "endswith",
    "find",
    "format",
    "index",
    "isalnum",
    "isalpha",
    "isdigit",
    "islower",
    "isnumeric",
    "isspace",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "upper",
    "zfill",
];
const OF_LIST: &[&str] = &["count", "index"];
const OF_MAP: &[&str] = &["get", "items", "keys", "values"];

/// Calls a method of a value that has none of its own.
pub(crate) fn call(
    _: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    if let Some(missing) = args.iter().find(|arg| arg.is_undefined()) {
        return Err(repr::undefined(missing));
    }
    let (args, named): (&[Value], Kwargs) = from_args(args)?;
    let known = match value.kind() {
        ValueKind::String => OF_TEXT,
        ValueKind::Seq | ValueKind::Iterable => OF_LIST,
        ValueKind::Map => OF_MAP,
        _ => &[],
    };
    if !known.contains(&method) {
        return Err(unknown(value, method, known));
    }
    match value.kind() {
        ValueKind::Map => of_map(value, method, args),
        ValueKind::String => of_text(value.as_str().unwrap_or_default(), method, args, &named),
        _ => of_list(value, method, args),
    }
}

fn unknown(value: &Value, method: &str, known: &[&str]) -> Error {
    let near = match nearest(method, known.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    };
    Error::new(ErrorKind::UnknownMethod, format!("{} has no method `{method}`{near}", type_name(value)))
}

fn of_map(map: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    let keys = || items(map);
    match method {
        "keys" => Ok(keys()?.into()),
        "values" => {
            keys()?.iter().map(|key| map.get_item(key)).collect::<Result<Vec<_>, _>>().map(Value::from)
        }
        "items" => {
            let pair = |key: &Value| Ok(Value::from((key.clone(), map.get_item(key)?)));
            keys()?.iter().map(pair).collect::<Result<Vec<_>, Error>>().map(Value::from)
        }
        _ => {
            let (key, default): (&Value, Option<Value>) = from_args(args)?;
            let found = sound(map.get_item(key)?)?;
            Ok(if found.is_undefined() { default.unwrap_or(Value::from(())) } else { found })
        }
    }
}

fn of_list(list: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    let (wanted,): (&Value,) = from_args(args)?;
    let mut count = 0;
    for (index, item) in items(list)?.iter().enumerate() {
        if equal(item, wanted)? {
            if method == "index" {
                return Ok(Value::from(index));
            }
            count += 1;
        }
    }
    match method {
        "index" => Err(invalid("the value is not in the list")),
        _ => Ok(Value::from(count)),
    }
}

fn of_text(it: &str, method: &str, args: &[Value], named: &Kwargs) -> Result<Value, Error> {
    charge(it.len())?;
    let ascii = |test: fn(char) -> bool| Value::from(!it.is_empty() && it.chars().all(test));
    Ok(match method {
        "lower" => it.to_lowercase().into(),
        "upper" => it.to_uppercase().into(),
        "title" => text::title(it).into(),
        "capitalize" => text::capitalize(it).into(),
        "swapcase" => text::swapcase(it).into(),
        "isdigit" | "isnumeric" => ascii(char::is_numeric),
        "isalpha" => ascii(char::is_alphabetic),
        "isalnum" => ascii(char::is_alphanumeric),
        "isspace" => ascii(char::is_whitespace),
        "islower" => crate::verdicts::is_cased(it, char::is_lowercase, char::is_uppercase).into(),
        "isupper" => crate::verdicts::is_cased(it, char::is_uppercase, char::is_lowercase).into(),
        "splitlines" => text::lines(it).map(Value::from).collect::<Vec<_>>().into(),
        "split" | "rsplit" => split(it, method, args, named)?,
        "strip" | "lstrip" | "rstrip" => strip(it, method, args)?.into(),
        "startswith" => affix(args, |part| it.starts_with(part))?.into(),
        "endswith" => affix(args, |part| it.ends_with(part))?.into(),
        "removeprefix" => it.strip_prefix(one(args)?).unwrap_or(it).into(),
        "removesuffix" => it.strip_suffix(one(args)?).unwrap_or(it).into(),
        "replace" => {
            let (old, new, count): (&str, &str, Option<i64>) = from_args(args)?;
            text::replace(it, old, new, count)?.into()
        }
        "find" | "rfind" | "index" => position(it, method, one(args)?)?,
        "count" => text::count(it, one(args)?).into(),
        "join" => join(it, args)?,
        "partition" | "rpartition" => partition(it, method, one(args)?)?,
        "ljust" | "rjust" | "center" | "zfill" => justify(it, method, args)?.into(),
        _ => text::braces(it, args, named)?.into(),
    })
}

fn one(args: &[Value]) -> Result<&str, Error> {
    from_args::<(&str,)>(args).map(|(part,)| part)
}

fn split(it: &str, method: &str, args: &[Value], named: &Kwargs) -> Result<Value, Error> {
    let (separator, limit): (Option<&str>, Option<i64>) = from_args(args)?;
    let limit = named.peek::<Option<i64>>("maxsplit")?.or(limit).unwrap_or(-1);
    let separator = match separator {
        Some(separator) => Some(separator.to_owned()),
        None => named.peek::<Option<String>>("sep")?,
    };
    text::split(it, separator.as_deref(), limit, method == "rsplit")
}

fn strip(it: &str, method: &str, args: &[Value]) -> Result<String, Error> {
    let (chars,): (Option<&str>,) = from_args(args)?;
    let drop = |c: char| chars.map_or(c.is_whitespace(), |chars| chars.contains(c));
    Ok(match method {
        "lstrip" => it.trim_start_matches(drop),
        "rstrip" => it.trim_end_matches(drop),
        _ => it.trim_matches(drop),
    }
    .to_owned())
}

/// A prefix or suffix: one text, or a tuple of which any may fit.
fn affix(args: &[Value], fits: impl Fn(&str) -> bool) -> Result<bool, Error> {
    let (parts,): (&Value,) = from_args(args)?;
    match parts.as_str() {
        Some(part) => Ok(fits(part)),
        None => Ok(items(parts)?.iter().any(|part| part.as_str().is_some_and(&fits))),
    }
}

fn position(it: &str, method: &str, part: &str) -> Result<Value, Error> {
    let found = if method == "rfind" { it.rfind(part) } else { it.find(part) };
    match found {
        Some(byte) => Ok(it[..byte].chars().count().into()),
        None if method == "index" => Err(invalid("the part is not in the text")),
        None => Ok(Value::from(-1)),
    }
}

fn join(it: &str, args: &[Value]) -> Result<Value, Error> {
    let (parts,): (&Value,) = from_args(args)?;
    let mut out = String::new();
    for (index, part) in items(parts)?.iter().enumerate() {
        if index > 0 {
            charge(it.len())?;
            out.push_str(it);
        }
        match part.as_str() {
            Some(_) => repr::write_text(&mut out, part)?,
            None => return Err(invalid(format!("only texts can be joined, not {}", type_name(part)))),
        }
    }
    Ok(out.into())
}

fn partition(it: &str, method: &str, separator: &str) -> Result<Value, Error> {
    let parts = match method {
        "partition" => it.split_once(separator),
        _ => it.rsplit_once(separator),
    };
    Ok(match (parts, method) {
        (Some((before, after)), _) => Value::from((before, separator, after)),
        (None, "partition") => Value::from((it, "", "")),
        (None, _) => Value::from(("", "", it)),
    })
}

fn justify(it: &str, method: &str, args: &[Value]) -> Result<String, Error> {
    let (width, fill): (i64, Option<char>) = from_args(args)?;
    let width = usize::try_from(width).unwrap_or(0);
    charge(width)?;
    let missing = width.saturating_sub(it.chars().count());
    let fill = |count: usize| String::from_iter(std::iter::repeat_n(fill.unwrap_or(' '), count));
    Ok(match method {
        "ljust" => it.to_owned() + &fill(missing),
        "rjust" => fill(missing) + it,
        "zfill" => text::zero_fill(it, missing),
        _ => text::center(it, width, fill),
    })
}
