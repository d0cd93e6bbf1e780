//! Splits a host's line into words as Python's `shlex.split(line, comments=True)` does.

/// A word, and where it begins in the line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) start: usize,
    pub(super) text: String,
}

/// Where the reader stands.
enum State {
    Space,
    Bare,
    Quoted(char),
    /// After a backslash, which stood inside of the quotes named, or bare.
    Escaped(Option<char>),
}

/// The words of a line, up to a comment. Quotes and backslashes are taken away.
pub(super) fn split(line: &str) -> Result<Vec<Word>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut state = State::Space;
    for (at, c) in line.char_indices() {
        let open = |word: &mut Option<Word>| {
            word.get_or_insert_with(|| Word { start: at, text: String::new() });
        };
        state = match state {
            State::Space | State::Bare => match c {
                ' ' | '\t' | '\r' | '\n' => {
                    words.extend(word.take());
                    State::Space
                }
                // A hash begins a comment even inside of a word.
                '#' => break,
                '\'' | '"' => {
                    open(&mut word);
                    State::Quoted(c)
                }
                '\\' => {
                    open(&mut word);
                    State::Escaped(None)
                }
                _ => {
                    open(&mut word);
                    push(&mut word, c);
                    State::Bare
                }
            },
            State::Quoted(quote) if c == quote => State::Bare,
            State::Quoted('"') if c == '\\' => State::Escaped(Some('"')),
            State::Quoted(quote) => {
                push(&mut word, c);
                State::Quoted(quote)
            }
            State::Escaped(None) => {
                push(&mut word, c);
                State::Bare
            }
            State::Escaped(Some(quote)) => {
                if c != quote && c != '\\' {
                    push(&mut word, '\\');
                }
                push(&mut word, c);
                State::Quoted(quote)
            }
        };
    }
    match state {
        State::Quoted(_) => return Err("a quote is not closed"),
        State::Escaped(_) => return Err("nothing follows the backslash"),
        State::Space | State::Bare => words.extend(word),
    }
    Ok(words)
}

fn push(word: &mut Option<Word>, c: char) {
    if let Some(word) = word {
        word.text.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `shlex.split(line, comments=True)` gives.
    #[test]
    fn words_are_those_of_python() {
        for (line, want) in [
            ("web1 a=1 b=2", Ok(vec!["web1", "a=1", "b=2"])),
            (r#"h a="x y" b='p q'"#, Ok(vec!["h", "a=x y", "b=p q"])),
            (r#"h a="'03#pa33'""#, Ok(vec!["h", "a='03#pa33'"])),
            ("h a=b#c d=e", Ok(vec!["h", "a=b"])),
            ("h # c 'x", Ok(vec!["h"])),
            (r"h a=b\ c\#d", Ok(vec!["h", "a=b c#d"])),
            (r#"h a="\"\\\n" b='\'"#, Ok(vec!["h", r#"a="\\n"#, r"b=\"])),
            (r#"h """#, Ok(vec!["h", ""])),
            ("h 'x", Err("a quote is not closed")),
            ("h x\\", Err("nothing follows the backslash")),
            ("h\u{a0}x", Ok(vec!["h\u{a0}x"])),
        ] {
            let words = split(line).map(|words| words.into_iter().map(|word| word.text).collect::<Vec<_>>());
            assert_eq!(words, want.map(|words| words.into_iter().map(str::to_owned).collect()), "{line}");
        }
    }
}
