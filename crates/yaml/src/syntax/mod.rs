//! What the parser's errors mean to a person: the likely mistake, its place, and what to do.

mod lines;

use std::sync::Arc;

use windlass_model::{Code, Diagnostic, Location, Source, Span};

/// A mistake that was recognised.
struct Guess {
    at: usize,
    message: &'static str,
    hint: String,
}

impl Guess {
    fn new(at: usize, message: &'static str, hint: impl Into<String>) -> Self {
        Self { at, message, hint: hint.into() }
    }
}

/// Says what is wrong at `at`, where the parser stopped with `info`.
pub(crate) fn explain(source: &Arc<Source>, at: usize, info: &str) -> Diagnostic {
    let text = source.text.as_str();
    let at = at.min(text.len());
    let problem = |code, at: usize, message: &str| {
        let width = text[at..].chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
        let place = Location { source: source.clone(), span: Span::new(at, at + width) };
        Diagnostic::new(code, message).at(place)
    };
    // The parser has a bound of its own on brackets, for what it reads ahead.
    if info.contains("recursion limit") {
        return problem(Code::TooBig, at, "brackets lie too deep in each other").hint("flatten the data");
    }
    match guess(text, at, info) {
        Some(guess) => problem(Code::Syntax, guess.at, guess.message).hint(guess.hint),
        None => problem(Code::Syntax, at, &plain(info)).hint("look at this line and at the one before it"),
    }
}

fn guess(text: &str, at: usize, info: &str) -> Option<Guess> {
    tab(text, at, info)
        .or_else(|| template(text, at))
        .or_else(|| quote(at, info))
        .or_else(|| bracket(text, at, info))
        .or_else(|| indicator(at, info))
        .or_else(|| block(text, at, info))
        .or_else(|| colon(text, at, info))
        .or_else(|| indentation(text, at, info))
}

fn tab(text: &str, at: usize, info: &str) -> Option<Guess> {
    let tab_in = |start: usize| lines::indent(lines::line(text, start)).find('\t').map(|n| start + n);
    let start = lines::start(text, at);
    // A plain value that goes on in the next line is blamed at its beginning.
    let next = start + lines::line(text, start).len() + 1;
    let told = info.split(' ').any(|word| matches!(word, "tab" | "tabs"));
    let tab = tab_in(start).or_else(|| (told && next < text.len()).then(|| tab_in(next)).flatten());
    if tab.is_none() && !told {
        return None;
    }
    let hint = "indent with spaces; YAML allows no tabs there";
    Some(Guess::new(tab.unwrap_or(at), "a tab is used for indentation", hint))
}

/// `key: {{ value }}/rest`, on the line of the error or on the one before it.
fn template(text: &str, at: usize) -> Option<Guess> {
    let here = lines::start(text, at);
    let before = lines::start(text, here.saturating_sub(1));
    [here, before].into_iter().find_map(|start| {
        let line = lines::line(text, start);
        let value = lines::value(line);
        let begins = line[value..].starts_with("{{");
        begins.then(|| Guess::new(start + value, TEMPLATE, TEMPLATE_HINT))
    })
}

pub(crate) const TEMPLATE: &str = "a value begins with `{{`";
pub(crate) const TEMPLATE_HINT: &str = "quote the whole value: \"{{ … }}\"";

fn quote(at: usize, info: &str) -> Option<Guess> {
    let (message, hint) = match info {
        _ if info.contains("trailing content after double-quoted") => (
            "text follows a closing quote",
            "put the whole value in quotes; inside of double quotes a quote is \\\", inside of single ones ''",
        ),
        _ if !info.contains("quoted scalar") => return None,
        _ if info.contains("end of stream")
            || info.contains("document indicator")
            || info.contains("indentation") =>
        {
            ("a quote is not closed", "close it; the lines that go on inside of quotes must be indented")
        }
        _ if info.contains("escape") || info.contains("hexadecimal") => (
            "a backslash begins no known escape",
            "write a backslash as \\\\ inside double quotes, or use single quotes, where it means itself",
        ),
        _ => return None,
    };
    Some(Guess::new(at, message, hint))
}

fn bracket(text: &str, at: usize, info: &str) -> Option<Guess> {
    let open = lines::open_bracket(text, at);
    if info.contains("expected node content") && open.is_some() && at < text.trim_end().len() {
        return Some(Guess::new(
            at,
            "a value is missing",
            "remove the comma, or write a value; '' is an empty one",
        ));
    }
    if info.contains("did not find expected key") && text[..at].trim_end_matches(' ').ends_with(['}', ']']) {
        let hint = "quote the whole value if it is meant as a text";
        return Some(Guess::new(at, "text follows a closing bracket", hint));
    }
    let parts = [
        "expected ',' or",
        "flow construct",
        "unexpected end of plain",
        "misplaced",
        "illegal placement",
        "node content",
    ];
    if !parts.iter().any(|part| info.contains(part)) {
        return None;
    }
    let next = text[at..].chars().next();
    let fits = |open: usize| matches!((text.as_bytes()[open], next), (b'[', Some(']')) | (b'{', Some('}')));
    Some(match open {
        Some(open) if text[at..].trim().is_empty() => {
            Guess::new(open, "this bracket is not closed", "close it, or quote a text with brackets in it")
        }
        Some(open) if matches!(next, Some(']' | '}')) && !fits(open) => {
            Guess::new(at, "this bracket closes another kind", opened(text, open))
        }
        Some(open) => Guess::new(at, "a comma is missing, or a bracket is not closed", opened(text, open)),
        None => {
            Guess::new(at, "this bracket closes nothing", "remove it, or quote a text with brackets in it")
        }
    })
}

fn opened(text: &str, open: usize) -> String {
    let bracket = char::from(text.as_bytes()[open]);
    format!(
        "the `{bracket}` in line {} is open here; quote a text with brackets in it",
        lines::number(text, open)
    )
}

fn indicator(at: usize, info: &str) -> Option<Guess> {
    let quote = "quote the whole value if it is meant as a text";
    let (message, hint) = match info {
        _ if info.contains("unprintable") => (
            "a control character stands in the text",
            "write it as an escape in double quotes, such as \"\\0\"",
        ),
        _ if info.contains("unexpected character") => {
            ("a plain value cannot begin with this character", quote)
        }
        _ if info.contains("unknown anchor") => (
            "a value that begins with `*` is an alias, and its anchor is not defined",
            "quote the value if it is meant as a text, such as \"*.conf\"; otherwise define `&name` before it",
        ),
        _ if info.contains("anchor or alias") => ("a plain value cannot begin with `*` or `&`", quote),
        _ if info.contains(" tag,") || info.contains("handle wasn't") => {
            ("a value that begins with `!` has a tag, and this is none", quote)
        }
        _ => return None,
    };
    Some(Guess::new(at, message, hint))
}

fn block(text: &str, at: usize, info: &str) -> Option<Guess> {
    let (message, hint) = match info {
        _ if info.contains("sequence entries are not allowed") => (
            "a list cannot begin in the line of its key",
            "begin the list in the next line, or quote the value if it is meant as a text",
        ),
        _ if info.contains("block scalar, did not find") => (
            "text follows `|` or `>` in the same line",
            "begin the text in the next line, indented; or quote a value that is meant to begin so",
        ),
        _ if info.contains("comment intercepting") => {
            ("a comment stands inside of a text that goes on", "move the comment, or quote the text")
        }
        _ if info.contains("<document start>") && text.starts_with('%') => (
            "a directive needs a line with `---` after it",
            "write `---` before the document, or remove the directive",
        ),
        _ => return None,
    };
    Some(Guess::new(at, message, hint))
}

fn colon(text: &str, at: usize, info: &str) -> Option<Guess> {
    if info.contains("simple key expect") {
        // The parser notices after the line; the culprit is the last line with something on it.
        let start = lines::last(text, at);
        return spaceless(text, start).or_else(|| Some(keyless(lines::first(text, start))));
    }
    if !info.contains("mapping values are not allowed") {
        return None;
    }
    let start = lines::start(text, at);
    if text[start..at].contains(": ") {
        return Some(Guess::new(
            at,
            "a plain value cannot contain a colon with a space",
            "quote the whole value",
        ));
    }
    // This line has its key; what stands above is then no mapping that the key could belong to.
    let above = lines::last(text, start);
    if above == start {
        return None;
    }
    let line = lines::line(text, above).trim_end();
    spaceless(text, above).or_else(|| {
        (!line.contains(": ") && !line.ends_with(':')).then(|| keyless(lines::first(text, above)))
    })
}

/// `key:value`, but not `http://…`.
fn spaceless(text: &str, start: usize) -> Option<Guess> {
    let line = lines::line(text, start);
    if line.contains(": ") {
        return None;
    }
    let colon = line.find(':')?;
    let tight = line[colon + 1..].starts_with(|c: char| !c.is_whitespace() && c != '/');
    let hint = "write `key: value`; quote a text with a colon in it";
    tight.then(|| Guess::new(start + colon, "a colon needs a space after it", hint))
}

fn keyless(at: usize) -> Guess {
    Guess::new(at, "this line has no `key:`", "write `key: value`; indent the lines that go on with a value")
}

fn indentation(text: &str, at: usize, info: &str) -> Option<Guess> {
    let parts = [
        "did not find expected key",
        "invalid indentation",
        "expected '-' indicator",
        "not allowed in this context",
        "wrongly indented",
        "<document start>",
    ];
    let hint = "keys of one mapping, and dashes of one list, begin in the same column";
    let at = lines::first(text, at);
    let known = parts.iter().any(|part| info.contains(part));
    known.then(|| Guess::new(at, "the indentation does not fit what stands above", hint))
}

/// The parser's own words, without the part that names its state.
fn plain(info: &str) -> String {
    let words =
        info.split_once(", ").filter(|(state, _)| state.starts_with("while ")).map_or(info, |(_, rest)| rest);
    format!("this is not YAML: {words}")
}
