//! From the syntax of Python's patterns to that of the engine.

use std::{iter::Peekable, str::Chars};

use super::{class, escape};

/// What is left of a pattern to read.
pub(super) type Rest<'p> = Peekable<Chars<'p>>;

/// A pattern in the engine's own syntax.
pub(super) struct Translated {
    pub(super) text: String,
    /// Some `$` in it matches at the very end alone.
    pub(super) trims: bool,
    /// Its flags say that `^` and `$` match at every line.
    pub(super) multiline: bool,
}

/// The flags that the engine reads otherwise, and so are read here.
#[derive(Clone, Copy)]
struct Modes {
    multiline: bool,
    /// Spaces and comments mean nothing.
    verbose: bool,
}

struct Translator<'p> {
    rest: Rest<'p>,
    out: Translated,
    modes: Modes,
    /// The modes outside of each open group.
    outer: Vec<Modes>,
}

/// Translates a pattern, or says what the engine lacks. What is wrong beyond that is the engine's to find.
pub(super) fn run(source: &str, multiline: bool) -> Result<Translated, String> {
    let mut translator = Translator {
        rest: source.chars().peekable(),
        out: Translated { text: String::with_capacity(source.len() + 16), trims: false, multiline },
        modes: Modes { multiline, verbose: false },
        outer: Vec::new(),
    };
    while let Some(c) = translator.rest.next() {
        translator.one(c)?;
    }
    Ok(translator.out)
}

impl Translator<'_> {
    fn one(&mut self, c: char) -> Result<(), String> {
        match c {
            '\\' => {
                let text = escape::outside(&mut self.rest)?;
                self.push(&text);
            }
            '[' => {
                let class = class::read(&mut self.rest)?;
                self.push(&class);
            }
            '(' => self.open()?,
            ')' => {
                self.modes = self.outer.pop().unwrap_or(self.modes);
                self.push(")");
            }
            '^' => self.push(if self.modes.multiline { "(?m:^)" } else { r"\A" }),
            '$' if self.modes.multiline => self.push("(?m:$)"),
            '$' => {
                self.out.trims = true;
                self.push(r"\z");
            }
            '{' => self.count()?,
            '*' | '+' | '?' => {
                self.out.text.push(c);
                self.after_quantifier()?;
            }
            '#' if self.modes.verbose => while self.rest.next().is_some_and(|c| c != '\n') {},
            c if self.modes.verbose && c.is_ascii_whitespace() => {}
            c => self.out.text.push(c),
        }
        Ok(())
    }

    fn push(&mut self, text: &str) {
        self.out.text.push_str(text);
    }

    /// `{2,3}`; braces that count nothing are letters.
    fn count(&mut self) -> Result<(), String> {
        let mut ahead = self.rest.clone();
        let inner: String =
            std::iter::from_fn(|| ahead.next_if(|c| c.is_ascii_digit() || *c == ',')).collect();
        let (low, high) = inner.split_once(',').unwrap_or((&inner, &inner));
        if ahead.next() != Some('}') || high.contains(',') || inner.is_empty() {
            self.push(r"\{");
            return Ok(());
        }
        self.rest = ahead;
        let low = if low.is_empty() { "0" } else { low };
        let text = if inner.contains(',') { format!("{{{low},{high}}}") } else { format!("{{{low}}}") };
        self.push(&text);
        self.after_quantifier()
    }

    fn after_quantifier(&mut self) -> Result<(), String> {
        match self.rest.peek() {
            Some('+') => Err("possessive quantifiers are not supported in a pattern".into()),
            Some('?') => {
                self.rest.next();
                self.push("?");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What follows an opening parenthesis.
    fn open(&mut self) -> Result<(), String> {
        if self.rest.next_if_eq(&'?').is_none() {
            self.outer.push(self.modes);
            self.push("(");
            return Ok(());
        }
        let refuse = |what: &str| Err(format!("{what} not supported in a pattern"));
        let (first, second) = (self.rest.next(), self.rest.peek().copied());
        match (first, second) {
            (Some('=' | '!'), _) | (Some('<'), Some('=' | '!')) => refuse("look-around is"),
            (Some('>'), _) => refuse("atomic groups are"),
            (Some('('), _) => refuse("conditional groups are"),
            (Some('P'), Some('=')) => refuse("references back into the match are"),
            (Some('#'), _) => {
                while self.rest.next().is_some_and(|c| c != ')') {}
                Ok(())
            }
            (Some('P'), Some('<')) => self.group("(?P"),
            (Some(':'), _) => self.group("(?:"),
            (Some(c), _) => self.flags(c),
            (None, _) => self.group("(?"),
        }
    }

    fn group(&mut self, text: &str) -> Result<(), String> {
        self.outer.push(self.modes);
        self.push(text);
        Ok(())
    }

    /// `(?im)` for all that follows, or `(?i-m:…)` for a group.
    fn flags(&mut self, first: char) -> Result<(), String> {
        let (mut modes, mut on, mut off, mut minus) = (self.modes, String::new(), String::new(), false);
        let mut next = Some(first);
        loop {
            match next {
                Some('m') => modes.multiline = !minus,
                Some('x') => modes.verbose = !minus,
                Some(c @ ('i' | 's')) => if minus { &mut off } else { &mut on }.push(c),
                // The classes of ASCII alone.
                Some('a') if !minus => off.push('u'),
                Some('u' | 'L') if !minus => {}
                Some('-') if !minus => minus = true,
                Some(')' | ':') => break,
                _ => return Err("unknown extension after `(?` in a pattern".into()),
            }
            next = self.rest.next();
        }
        if next == Some(')') {
            self.out.multiline |= modes.multiline;
        }
        let off = if off.is_empty() { off } else { format!("-{off}") };
        if next == Some(':') {
            self.outer.push(self.modes);
            self.push(&format!("(?{on}{off}:"));
        } else if !(on.is_empty() && off.is_empty()) {
            self.push(&format!("(?{on}{off})"));
        }
        self.modes = modes;
        Ok(())
    }
}
