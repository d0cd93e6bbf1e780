//! Filters over texts.

use minijinja::value::ValueKind;
use minijinja::{Error, State, Value};

use crate::args::{Args, Entry, entry, items};
use crate::meter::{charge, charge_nodes};
use crate::{percent, repr, text};

pub(super) static FILTERS: &[Entry] = &[
    entry("string", &[], |_, args| Ok(args.input_text()?.into())),
    entry("lower", &[], |_, args| Ok(args.input_text()?.to_lowercase().into())),
    entry("upper", &[], |_, args| Ok(args.input_text()?.to_uppercase().into())),
    entry("capitalize", &[], |_, args| Ok(text::capitalize(&args.input_text()?).into())),
    entry("title", &[], title),
    entry("trim", &["chars"], trim),
    entry("replace", &["old", "new", "count"], replace),
    entry("split", &["sep", "maxsplit"], split),
    entry("splitlines", &[], |_, args| {
        let input = args.input_text()?;
        charge_nodes(input.len() / 8)?;
        Ok(text::lines(&input).map(Value::from).collect::<Vec<_>>().into())
    }),
    entry("center", &["width"], center),
    entry("indent", &["width", "first", "blank"], indent),
    entry("wordwrap", &["width", "break_long_words", "wrapstring"], wordwrap),
    entry("wordcount", &[], wordcount),
    entry("truncate", &["length", "killwords", "end", "leeway"], truncate),
    entry("format", &["*"], format),
    entry("safe", &[], |_, args| Ok(args.input().clone())),
    entry("escape", &[], escape),
    entry("e", &[], escape),
    entry("forceescape", &[], escape),
    entry("pprint", &["verbose"], |_, args| repr::repr(args.input()).map(Value::from)),
    entry("striptags", &[], striptags),
    entry("xmlattr", &["autospace"], xmlattr),
];

/// Jinja's `title` starts a word after blanks and opening punctuation, not after every non-letter.
fn title(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let input = args.input_text()?;
    let mut start = true;
    let mut out = String::with_capacity(input.len());
    for c in input.chars() {
        match start {
            true => out.extend(c.to_uppercase()),
            false => out.extend(c.to_lowercase()),
        }
        start = c.is_whitespace() || "-([{<".contains(c);
    }
    Ok(out.into())
}

fn trim(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let chars = args.text("chars")?;
    let drop = |c: char| chars.as_ref().map_or(c.is_whitespace(), |chars| chars.contains(c));
    Ok(args.input_text()?.trim_matches(drop).into())
}

fn replace(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let (old, new) = (repr::text(&args.need("old")?)?, repr::text(&args.need("new")?)?);
    text::replace(&args.input_text()?, &old, &new, args.int("count")?).map(Value::from)
}

fn split(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let separator = args.text("sep")?;
    text::split(&args.input_text()?, separator.as_deref(), args.int("maxsplit")?.unwrap_or(-1), false)
}

fn center(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let width = args.size("width", 80)?;
    charge(width)?;
    Ok(text::center(&args.input_text()?, width, |count| " ".repeat(count)).into())
}

/// Indents every line but the first, and but the blank ones, unless told otherwise.
fn indent(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let prefix = match args.get("width") {
        Some(width) if width.kind() == ValueKind::String => repr::text(&width)?,
        _ => {
            let width = args.size("width", 4)?;
            charge(width)?;
            " ".repeat(width)
        }
    };
    let (first, blank) = (args.flag("first", false), args.flag("blank", false));
    let input = args.input_text()?;
    let mut out = String::new();
    for (index, line) in input.split('\n').enumerate() {
        charge(line.len() + prefix.len())?;
        if index > 0 {
            out.push('\n');
        }
        let wanted = if index == 0 { first } else { blank || !line.is_empty() };
        out.push_str(if wanted { &prefix } else { "" });
        out.push_str(line);
    }
    Ok(out.into())
}

/// Breaks lines at blanks so that none is longer than the width.
fn wordwrap(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let width = args.size("width", 79)?.max(1);
    let breaks_words = args.flag("break_long_words", true);
    let newline = args.text_or("wrapstring", "\n")?;
    let input = args.input_text()?;
    charge(input.len().saturating_mul(1 + newline.len()))?;
    let wrapped = text::lines(&input).map(|line| wrap(line, width, breaks_words).join(&newline));
    Ok(wrapped.collect::<Vec<_>>().join(&newline).into())
}

fn wrap(line: &str, width: usize, breaks_words: bool) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in line.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        let fits = used + usize::from(used > 0) + word.len() <= width;
        if used > 0 && !fits {
            lines.push(String::new());
            used = 0;
        }
        let last = lines.len() - 1;
        if used > 0 {
            lines[last].push(' ');
            used += 1;
        }
        while breaks_words && word.len() > width {
            let rest = word.split_off(width);
            let last = lines.len() - 1;
            lines[last].extend(word);
            lines.push(String::new());
            word = rest;
        }
        let last = lines.len() - 1;
        used += word.len();
        lines[last].extend(word);
    }
    lines
}

fn wordcount(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let input = args.input_text()?;
    let words = input.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    Ok(Value::from(words.count()))
}

fn truncate(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let (length, leeway) = (args.size("length", 255)?, args.size("leeway", 5)?);
    let end = args.text_or("end", "...")?;
    let input: Vec<char> = args.input_text()?.chars().collect();
    if input.len() <= length.saturating_add(leeway) {
        return Ok(String::from_iter(input).into());
    }
    let kept = length.saturating_sub(end.chars().count()).min(input.len());
    let kept = String::from_iter(&input[..kept]);
    let whole = match args.flag("killwords", false) {
        true => kept.as_str(),
        false => kept.rsplit_once(' ').map_or(kept.as_str(), |(whole, _)| whole),
    };
    Ok(format!("{whole}{end}").into())
}

/// `'%s-%s' | format(a, b)`.
fn format(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let values = match args.all_named() {
        Some(named) if args.rest().is_empty() => named,
        _ => Value::from(minijinja::value::Tuple::from(args.rest().to_vec())),
    };
    percent::format(&args.input_text()?, &values).map(Value::from)
}

fn escape(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    escaped(&args.input_text()?).map(Value::from)
}

fn escaped(text: &str) -> Result<String, Error> {
    charge(text.len().saturating_mul(2))?;
    let safe = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    Ok(safe.replace('\'', "&#39;").replace('"', "&#34;"))
}

/// Without the tags and comments of HTML, and with one blank where there were several.
fn striptags(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let input = args.input_text()?;
    charge(input.len().saturating_mul(2))?;
    let mut out = String::with_capacity(input.len());
    let mut rest = input.as_str();
    while let Some(open) = rest.find('<') {
        let (opening, closing) = if rest[open..].starts_with("<!--") { (4, "-->") } else { (1, ">") };
        let Some(close) = rest[open + opening..].find(closing) else { break };
        out.push_str(&rest[..open]);
        rest = &rest[open + opening + close + closing.len()..];
    }
    out.push_str(rest);
    let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
    let unescaped = words.replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'");
    Ok(unescaped.replace("&#34;", "\"").replace("&quot;", "\"").replace("&amp;", "&").into())
}

/// The members of a map as the attributes of a tag; those that are none are left out.
fn xmlattr(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let mut out = String::new();
    for key in args.input_items()? {
        let value = args.input().get_item(&key)?;
        if value.is_none() || value.is_undefined() {
            continue;
        }
        let name = repr::text(&key)?;
        if name.contains(|c: char| c.is_whitespace() || "/>=".contains(c)) {
            return Err(args.error(format!("cannot use the name `{name}`")));
        }
        let gap = if out.is_empty() && !args.flag("autospace", true) { "" } else { " " };
        out.push_str(&format!("{gap}{}=\"{}\"", escaped(&name)?, escaped(&repr::text(&value)?)?));
    }
    Ok(out.into())
}

/// The items as texts; also for other files of filters.
pub(super) fn texts(value: &Value) -> Result<Vec<String>, Error> {
    items(value)?.iter().map(repr::text).collect()
}
