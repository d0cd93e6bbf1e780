//! The filter that makes a comment of a text.

use minijinja::{Error, State, Value};

use crate::args::{Args, Entry, entry};
use crate::meter::charge;

const OPTIONS: &[&str] = &[
    "style",
    "decoration",
    "newline",
    "beginning",
    "prefix",
    "prefix_count",
    "postfix",
    "postfix_count",
    "end",
];

pub(super) static FILTERS: &[Entry] = &[entry("comment", OPTIONS, comment)];

/// Each line behind a comment sign, with empty comment lines around.
fn comment(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let (open, sign, close) = match args.text_or("style", "plain")?.as_str() {
        "plain" => ("", "# ", ""),
        "erlang" => ("", "% ", ""),
        "c" => ("", "// ", ""),
        "cblock" => ("/*", " * ", " */"),
        "xml" => ("<!--", " - ", "-->"),
        _ => return Err(args.error("knows the styles plain, erlang, c, cblock and xml")),
    };
    let sign = args.text_or("decoration", sign)?;
    let newline = args.text_or("newline", "\n")?;
    let (beginning, end) = (args.text_or("beginning", open)?, args.text_or("end", close)?);
    let prefix = args.text_or("prefix", sign.trim_end())?;
    let postfix = args.text_or("postfix", sign.trim_end())?;
    let (before, after) = (args.size("prefix_count", 1)?, args.size("postfix_count", 1)?);
    let input = args.input_text()?;
    let lines = if newline.is_empty() { 1 } else { input.matches(&newline).count() + 1 };
    let around = before
        .saturating_mul(prefix.len() + newline.len())
        .saturating_add(after.saturating_mul(postfix.len() + newline.len()));
    charge(around.saturating_add(input.len() + lines * (sign.len() + newline.len())))?;
    let mut out = String::new();
    if !beginning.is_empty() {
        out.extend([beginning.as_str(), &newline]);
    }
    if !prefix.is_empty() {
        let line = if prefix == newline { newline.clone() } else { format!("{prefix}{newline}") };
        out.push_str(&line.repeat(before));
    }
    let signed = format!("{sign}{}", input.replace(&newline, &format!("{newline}{sign}")));
    out.push_str(&signed.replace(&format!("{sign}{newline}"), &format!("{}{newline}", sign.trim_end())));
    out.push_str(&format!("{newline}{postfix}").repeat(after));
    if !end.is_empty() {
        out.extend([newline.as_str(), &end]);
    }
    Ok(out.into())
}
