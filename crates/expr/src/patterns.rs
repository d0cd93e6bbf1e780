//! Regular expressions as Python writes them, run by an engine whose time is linear.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use minijinja::Error;
use regex::{Regex, RegexBuilder};

use crate::args::invalid;
use crate::meter::{TOO_MUCH, charge};

/// How many compiled patterns are kept; a document has a handful.
const KEPT: usize = 256;
/// How much memory one compiled pattern may take.
const MAX_COMPILED: usize = 2 << 20;

/// How long one filter may look for matches in one text.
const MAX_MATCHING: Duration = Duration::from_millis(750);

/// How a pattern is to be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Flags {
    pub ignorecase: bool,
    pub multiline: bool,
    /// Whether the match must start at the start of the text.
    pub anchored: bool,
}

/// Compiles a pattern, or takes it from those compiled before, and pays for applying it to a text.
pub(crate) fn compiled(pattern: &str, flags: Flags, text: &str) -> Result<Regex, Error> {
    // At worst, each sign of the text is tried in each state of the pattern, at some nanoseconds each.
    charge(text.len().saturating_mul(1 + weight(pattern) / 16))?;
    from_cache(pattern, flags)
}

/// About how many signs a pattern can match: `(ab{2}){3}` has nine.
fn weight(pattern: &str) -> usize {
    let mut groups: Vec<usize> = Vec::new();
    let (mut total, mut last) = (0usize, 0usize);
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '(' => {
                groups.push(total);
                (total, last) = (0, 0);
            }
            ')' => {
                last = total;
                total = groups.pop().unwrap_or(0).saturating_add(last);
            }
            '{' => {
                let (counts, after) = rest.split_once('}').unwrap_or((rest, ""));
                let times = counts.split(',').filter_map(|n| n.trim().parse::<usize>().ok()).max();
                let repeated = last.saturating_mul(times.unwrap_or(1));
                total = (total - last).saturating_add(repeated);
                (last, rest) = (repeated, after);
            }
            _ => {
                if c == '\\' {
                    rest = rest.get(rest.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
                }
                total = total.saturating_add(1);
                last = 1;
            }
        }
    }
    total
}

/// The patience with a pattern that is applied over and over to one text.
///
/// Each single match takes linear time, which is paid for. But every match of `a.*z|a` may look at the whole
/// rest of the text, and nothing that could be counted tells. So this one limit is of time: far above what
/// any honest pattern takes.
pub(crate) struct Patience(Instant);

impl Patience {
    pub(crate) fn new() -> Patience {
        Patience(Instant::now())
    }

    /// Refuses to go on when it is used up. Cheap enough to ask at every match.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.0.elapsed() > MAX_MATCHING {
            true => Err(invalid(TOO_MUCH)),
            false => Ok(()),
        }
    }
}

fn from_cache(pattern: &str, flags: Flags) -> Result<Regex, Error> {
    type Kept = Mutex<HashMap<(String, Flags), Regex>>;
    static CACHE: OnceLock<Kept> = OnceLock::new();
    // Compiling costs far more than matching: some hundred times the length of the pattern.
    let key = (pattern.to_owned(), flags);
    let cache = CACHE.get_or_init(Kept::default);
    if let Some(regex) = cache.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(regex.clone());
    }
    charge(pattern.len().saturating_mul(512) + 16_384)?;
    let regex = build(pattern, flags)?;
    let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
    if cache.len() >= KEPT {
        cache.clear();
    }
    cache.insert(key, regex.clone());
    Ok(regex)
}

fn build(pattern: &str, flags: Flags) -> Result<Regex, Error> {
    let translated = pattern.replace(r"\Z", r"\z");
    let source = if flags.anchored { format!(r"\A(?:{translated})") } else { translated };
    RegexBuilder::new(&source)
        .case_insensitive(flags.ignorecase)
        .multi_line(flags.multiline)
        .size_limit(MAX_COMPILED)
        .build()
        .map_err(|error| refused(pattern, &error))
}

fn refused(pattern: &str, error: &regex::Error) -> Error {
    let backreference = (1..=9).any(|digit| pattern.contains(&format!("\\{digit}")));
    let lookaround = ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|part| pattern.contains(part));
    match error {
        _ if lookaround => invalid(format!("look-around is not supported in a pattern: `{pattern}`")),
        _ if backreference => invalid(format!("backreferences are not supported in a pattern: `{pattern}`")),
        regex::Error::CompiledTooBig(_) => invalid(format!("the pattern is too large: `{pattern}`")),
        _ => invalid(format!("the pattern is not valid: `{pattern}`")),
    }
}

/// A replacement as Python writes it (`\1`, `\g<name>`) as the engine reads it (`${1}`).
pub(crate) fn replacement(python: &str) -> String {
    let mut out = String::with_capacity(python.len());
    let mut rest = python;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '$' => out.push_str("$$"),
            '\\' => rest = escape(&mut out, rest),
            c => out.push(c),
        }
    }
    out
}

/// What follows a backslash in a replacement; returns what is left.
fn escape<'a>(out: &mut String, rest: &'a str) -> &'a str {
    if let Some((name, after)) = rest.strip_prefix("g<").and_then(|named| named.split_once('>')) {
        out.push_str(&format!("${{{name}}}"));
        return after;
    }
    let digits = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
    if digits > 0 {
        out.push_str(&format!("${{{}}}", &rest[..digits]));
        return &rest[digits..];
    }
    let (c, after) = match rest.chars().next() {
        Some(c) => (c, &rest[c.len_utf8()..]),
        None => ('\\', rest),
    };
    match c {
        'n' => out.push('\n'),
        't' => out.push('\t'),
        'r' => out.push('\r'),
        '\\' => out.push('\\'),
        c => out.extend(['\\', c]),
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacements_translate() {
        let cases =
            [(r"\1-\g<name>", "${1}-${name}"), ("$5", "$$5"), (r"a\\b\n", "a\\b\n"), (r"\12", "${12}")];
        for (python, expected) in cases {
            assert_eq!(replacement(python), expected, "{python}");
        }
    }

    #[test]
    fn weights_multiply_where_groups_nest() {
        for (pattern, expected) in
            [("abc", 3), ("a{5}b", 6), ("(ab{2}){3}", 9), (r"\d+", 2), ("((a{9}){9}){9}", 729)]
        {
            assert_eq!(weight(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn what_the_engine_lacks_is_named() {
        let message = |pattern| compiled(pattern, Flags::default(), "").unwrap_err().to_string();
        assert!(message("a(?=b)").contains("look-around"));
        assert!(message(r"(a)\1").contains("backreferences"));
        assert!(message("(").contains("not valid"));
    }
}
