//! What the parser's errors mean to a person: the likely mistake, its place, and what to do.

use std::sync::Arc;

use windlass_model::{Code, Diagnostic, Location, Source, Span};

/// A mistake that was recognised.
struct Guess {
    at: usize,
    message: &'static str,
    hint: &'static str,
}

/// Says what is wrong at `at`, where the parser stopped with `info`.
pub(crate) fn explain(source: &Arc<Source>, at: usize, info: &str) -> Diagnostic {
    let text = source.text.as_str();
    let at = at.min(text.len());
    let (at, message, hint) = match guess(text, at, info) {
        Some(guess) => (guess.at, guess.message.to_owned(), guess.hint),
        None => (at, plain(info), "look at this line and at the one before it"),
    };
    let width = text[at..].chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
    let place = Location { source: source.clone(), span: Span::new(at, at + width) };
    Diagnostic::new(Code::Syntax, message).at(place).hint(hint)
}

fn guess(text: &str, at: usize, info: &str) -> Option<Guess> {
    tab(text, at, info)
        .or_else(|| template(text, at))
        .or_else(|| unclosed(text, at, info))
        .or_else(|| indicator(text, at, info))
        .or_else(|| colon(text, at, info))
        .or_else(|| indentation(at, info))
}

fn tab(text: &str, at: usize, info: &str) -> Option<Guess> {
    let start = line_start(text, at);
    let tab = indent(&text[start..]).find('\t').map(|n| start + n);
    if tab.is_none() && !info.contains("tab") {
        return None;
    }
    let hint = "indent with spaces; YAML allows no tabs there";
    Some(Guess { at: tab.unwrap_or(at), message: "a tab is used for indentation", hint })
}

/// `key: {{ value }}/rest`, on the line of the error or on the one before it.
fn template(text: &str, at: usize) -> Option<Guess> {
    let here = line_start(text, at);
    let before = line_start(text, here.saturating_sub(1));
    [here, before].into_iter().find_map(|start| {
        let line = line(&text[start..]);
        let value = value_start(line);
        line[value..].starts_with("{{").then_some(Guess {
            at: start + value,
            message: "a value begins with `{{`",
            hint: "quote the whole value: \"{{ … }}\"",
        })
    })
}

fn unclosed(text: &str, at: usize, info: &str) -> Option<Guess> {
    if info.contains("quoted scalar")
        && (info.contains("end of stream") || info.contains("document indicator"))
    {
        let hint = "close the quote; inside double quotes write \\\" for a quote, inside single ones ''";
        return Some(Guess { at, message: "a quote is not closed", hint });
    }
    if info.contains("quoted scalar") && info.contains("indentation") {
        let hint = "close the quote, or indent the lines that go on inside of it";
        return Some(Guess { at, message: "a quoted text goes on in a line that is not indented", hint });
    }
    if info.contains("unknown escape") || info.contains("escape code") || info.contains("hexadecimal") {
        let hint =
            "write a backslash as \\\\ inside double quotes, or use single quotes, where it means itself";
        return Some(Guess { at, message: "a backslash begins no known escape", hint });
    }
    if info.contains("trailing content after double-quoted") {
        let hint = "put the whole value in quotes, and write \\\" for a quote inside of them";
        return Some(Guess { at, message: "text follows a closing quote", hint });
    }
    let open = ["expected ',' or", "flow construct", "unexpected end of plain", "misplaced bracket"];
    if open.iter().any(|part| info.contains(part))
        || (at == text.len() && info.contains("expected node content"))
    {
        return Some(bracket(text, at));
    }
    None
}

fn bracket(text: &str, at: usize) -> Guess {
    let hint = "check that each `[` and `{` has its end and that commas stand between the values; quote a text with brackets in it";
    let message = match text[at..].chars().next() {
        Some(']' | '}') => "a bracket closes nothing that is open",
        _ => "a bracket is not closed, or a comma is missing",
    };
    Guess { at, message, hint }
}

fn indicator(text: &str, at: usize, info: &str) -> Option<Guess> {
    if info.contains("unexpected character") {
        let hint = "quote the whole value";
        return Some(Guess { at, message: "a plain value cannot begin with this character", hint });
    }
    if info.contains("unknown anchor") {
        let hint = "quote the value if it is meant as a text, such as \"*.conf\"; otherwise define `&name` before it";
        return Some(Guess {
            at,
            message: "a value that begins with `*` is an alias, and its anchor is not defined",
            hint,
        });
    }
    if info.contains("anchor or alias") {
        let hint = "quote the whole value if it is meant as a text";
        return Some(Guess { at, message: "a plain value cannot begin with `*` or `&`", hint });
    }
    if info.contains("tag") && text[line_start(text, at)..].contains('!') && info.contains("scanning a tag") {
        let hint = "quote the whole value if it is meant as a text";
        return Some(Guess { at, message: "a plain value cannot begin with `!`", hint });
    }
    None
}

fn colon(text: &str, at: usize, info: &str) -> Option<Guess> {
    if info.contains("mapping values are not allowed") || info.contains("illegal placement of ':'") {
        let hint =
            "quote a value with a colon and a space in it; keys of one mapping begin in the same column";
        return Some(Guess { at, message: "a second `: ` stands where no key can be", hint });
    }
    if !info.contains("simple key expect") {
        return None;
    }
    // The parser notices after the line; the culprit is the last line with something on it.
    let start = last_line(text, at);
    let line = line(&text[start..]);
    let begin = start + indent(line).len();
    let spaceless =
        line.find(':').filter(|n| line[n + 1..].starts_with(|c: char| !c.is_whitespace() && c != '/'));
    Some(match spaceless {
        Some(n) => Guess {
            at: start + n,
            message: "a colon needs a space after it",
            hint: "write `key: value`; quote a text with a colon in it",
        },
        None => Guess {
            at: begin,
            message: "this line has no `key:`",
            hint: "write `key: value`; indent the lines that go on with a value",
        },
    })
}

fn indentation(at: usize, info: &str) -> Option<Guess> {
    let parts = [
        "did not find expected key",
        "invalid indentation",
        "expected '-' indicator",
        "not allowed in this context",
        "wrongly indented",
        "expected <document start>",
    ];
    parts.iter().any(|part| info.contains(part)).then_some(Guess {
        at,
        message: "the indentation does not fit what stands above",
        hint: "keys of one mapping, and dashes of one list, begin in the same column",
    })
}

/// The parser's own words, without the part that names its state.
fn plain(info: &str) -> String {
    let words =
        info.split_once(", ").filter(|(state, _)| state.starts_with("while ")).map_or(info, |(_, rest)| rest);
    format!("this is not YAML: {words}")
}

fn line_start(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().rposition(|&b| b == b'\n').map_or(0, |n| n + 1)
}

/// The beginning of the last line that is not blank, at or before `at`.
fn last_line(text: &str, at: usize) -> usize {
    let before = text.as_bytes()[..at].iter().rposition(|b| !b.is_ascii_whitespace()).unwrap_or(0);
    line_start(text, before)
}

fn line(rest: &str) -> &str {
    rest.split('\n').next().unwrap_or_default()
}

fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Where the value of a line begins: after its dashes and its key.
fn value_start(line: &str) -> usize {
    let mut start = indent(line).len();
    while let Some(rest) = line[start..].strip_prefix("- ") {
        start = line.len() - rest.trim_start().len();
    }
    match line[start..].find(": ") {
        Some(n) if !line[start..start + n].contains(['"', '\'', '{', '#']) => {
            start + n + 2 + indent(&line[start + n + 2..]).len()
        }
        _ => start,
    }
}
