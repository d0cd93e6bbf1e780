//! Regular expressions as Python writes them, run by an engine whose time is linear.
//!
//! What that engine lacks (look-around, references back into the match, atomic groups) is refused by name.
//! Everything else means what it means in Python.

mod class;
mod escape;
mod replacement;
mod translate;

use regex::bytes::{Captures, Regex, RegexBuilder};

use crate::Error;

pub(crate) use replacement::Replacement;

/// How a pattern is applied, besides what flags in it say.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flags {
    /// `^` and `$` match at every line (`re.MULTILINE`).
    pub(crate) multiline: bool,
    /// `.` matches line ends too (`re.DOTALL`).
    pub(crate) dotall: bool,
    /// Classes such as `\w` know all of Unicode, as in Python patterns over text; else they are those of its
    /// patterns over bytes.
    pub(crate) unicode: bool,
    /// The match begins where the text does (`re.match`).
    pub(crate) anchored: bool,
}

/// A pattern that can be searched for.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    /// It has a `$` that matches at the end of the text, and, being Python's, before a line end there.
    trims: bool,
    multiline: bool,
}

impl Pattern {
    /// Reads a pattern, or says what is wrong with it.
    pub(crate) fn parse(source: &str, flags: Flags) -> Result<Self, String> {
        let translate::Translated { text, trims, multiline } = translate::run(source, flags.multiline)?;
        let text = if flags.anchored { format!(r"\A(?:{text})") } else { text };
        let build =
            |unicode| RegexBuilder::new(&text).unicode(unicode).dot_matches_new_line(flags.dotall).build();
        let regex = match build(flags.unicode) {
            // A set of letters beyond ASCII has no meaning over bytes; over text it has the one that was meant.
            Err(_) if !flags.unicode && !source.is_ascii() => build(true),
            built => built,
        };
        let regex = regex.map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
            _ => format!("{source:?} is not a pattern"),
        })?;
        Ok(Self { regex, trims, multiline })
    }

    /// Reads the pattern of a parameter, which its check has let pass.
    pub(crate) fn new(source: &str, flags: Flags) -> Result<Self, Error> {
        Self::parse(source, flags).map_err(Error::Failed)
    }

    /// Whether `^` and `$` match at every line, by its own flags or those that it was given.
    pub(crate) fn is_multiline(&self) -> bool {
        self.multiline
    }

    /// Whether it matches anywhere.
    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        self.regex.is_match(text) || self.trimmed(text).is_some_and(|text| self.regex.is_match(text))
    }

    /// The first match.
    pub(crate) fn captures<'t>(&self, text: &'t [u8]) -> Option<Captures<'t>> {
        self.regex.captures(text).or_else(|| self.regex.captures(self.trimmed(text)?))
    }

    /// The first match from an offset on; what lies before it is seen by `^` and `\b`.
    pub(crate) fn captures_at<'t>(&self, text: &'t [u8], at: usize) -> Option<Captures<'t>> {
        let trimmed = || self.trimmed(text).filter(|text| at <= text.len());
        self.regex.captures_at(text, at).or_else(|| self.regex.captures_at(trimmed()?, at))
    }

    /// The text without the line end before which `$` matches too, if that can make a difference.
    fn trimmed<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        text.strip_suffix(b"\n").filter(|_| self.trims)
    }
}

/// Whether a pattern as Python writes it matches anywhere in a text; or what is wrong with it.
pub fn search(pattern: &str, text: &str) -> Result<bool, String> {
    let flags = Flags { unicode: true, ..Flags::default() };
    Pattern::parse(pattern, flags).map(|pattern| pattern.is_match(text.as_bytes()))
}

/// Tells of texts whether a pattern as Python writes it matches at their beginning, as `re.match` does.
pub fn matcher(pattern: &str) -> Result<impl Fn(&str) -> bool + use<>, String> {
    let flags = Flags { unicode: true, anchored: true, ..Flags::default() };
    Pattern::parse(pattern, flags).map(|pattern| move |text: &str| pattern.is_match(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, text: &str, flags: Flags) -> Option<(usize, usize)> {
        let pattern = Pattern::parse(pattern, flags).unwrap_or_else(|why| panic!("{pattern}: {why}"));
        let whole = pattern.captures(text.as_bytes())?.get(0)?;
        Some((whole.start(), whole.end()))
    }

    /// What Python's `re.search` finds in text.
    #[test]
    fn patterns_match_as_in_python() {
        for (pattern, text, expected) in [
            ("^a$", "a\n", Some((0, 1))),
            ("^$", "a\n", None),
            ("^$", "\n", Some((0, 0))),
            ("(?m)^b", "a\nb", Some((2, 3))),
            ("^b", "a\nb", None),
            ("a(?m:$)", "a\nb", Some((0, 1))),
            (r"a\Z", "a\n", None),
            (r"\Aa", "a", Some((0, 1))),
            ("[[]a[]]", "[a]", Some((0, 3))),
            ("[]a]+", "]a", Some((0, 2))),
            ("[^]]", "]a", Some((1, 2))),
            ("[a&&b]+", "a&b", Some((0, 3))),
            ("[+--]+", "+,-", Some((0, 3))),
            ("[a-]+", "-a", Some((0, 2))),
            (r"[\w.-]+", "é.-x", Some((0, 5))),
            (r"[\]\\]+", "]\\", Some((0, 2))),
            ("[[:alpha:]]", "a:]", Some((1, 3))),
            ("[[:alpha:]]", ":]", Some((0, 2))),
            ("a{,2}b", "aab", Some((0, 3))),
            ("{mark}", "{mark}", Some((0, 6))),
            ("a{1", "a{1", Some((0, 3))),
            ("x{}", "x{}", Some((0, 3))),
            (r"\<a\>", "<a>", Some((0, 3))),
            (r"\/\-\ \@\=\'", "/- @='", Some((0, 6))),
            (r"\x41\u00e9\101", "AéA", Some((0, 4))),
            ("(?P<n>a)|b", "b", Some((0, 1))),
            ("(?i)A(?-i:B)", "aB", Some((0, 2))),
            ("(?x) a b # (", "ab", Some((0, 2))),
            ("a(?#no)b", "ab", Some((0, 2))),
            ("(?s)a.b", "a\nb", Some((0, 3))),
            ("é+", "éé", Some((0, 4))),
            ("a.?", "aé", Some((0, 3))),
        ] {
            let flags = Flags { unicode: true, ..Flags::default() };
            assert_eq!(found(pattern, text, flags), expected, "{pattern} in {text:?}");
        }
    }

    #[test]
    fn flags_change_what_matches() {
        let flags = Flags::default();
        assert_eq!(found("b$", "b\nc", Flags { multiline: true, ..flags }), Some((0, 1)));
        assert_eq!(found("a.b", "a\nb", Flags { dotall: true, ..flags }), Some((0, 3)));
        assert_eq!(found("b|a", "cb", Flags { anchored: true, ..flags }), None);
        assert_eq!(found(r"\w+", "é", flags), None);
        assert_eq!(found("[é]", "é", flags), Some((0, 2)));
        assert_eq!(found("é.", "é\u{20ac}", flags), Some((0, 3)));
    }

    #[test]
    fn what_cannot_be_done_is_named() {
        for (pattern, why) in [
            ("a(?=b)", "look-around"),
            ("(?!b)", "look-around"),
            ("(?<=a)b", "look-around"),
            ("(?<!a)b", "look-around"),
            (r"(a)\1", "references back"),
            ("(?P<a>a)(?P=a)", "references back"),
            ("(?>a)", "atomic"),
            ("a++", "possessive"),
            ("a{2}+", "possessive"),
            ("(a)?(?(1)b|c)", "conditional"),
            ("(", "is not a pattern"),
            ("a)", "is not a pattern"),
            ("[a", "not closed"),
            ("*a", "is not a pattern"),
            (r"\q", r"bad escape \q"),
            ("a\\", "ends with a backslash"),
            ("(?<n>a)", "unknown extension"),
            ("(?P<n", "is not a pattern"),
            ("(a{1000}){1000}", "too large"),
        ] {
            let told = Pattern::parse(pattern, Flags::default()).unwrap_err();
            assert!(told.contains(why), "{pattern}: {told}");
        }
    }
}
