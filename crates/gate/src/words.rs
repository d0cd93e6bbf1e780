//! Splitting text into words as a POSIX shell does, without expanding anything (Python's `shlex.split`).

/// The words of a command line, or what is wrong with its quotes.
pub(crate) fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or("no closing quotation")? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => double(&mut chars, word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().push(chars.next().ok_or("no escaped character")?),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// The first word of a command line, and the text after it as it was written; None if there is none, or its
/// quotes are not closed.
pub fn first_word(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start_matches([' ', '\t', '\r', '\n']);
    let ends = text.match_indices([' ', '\t', '\r', '\n']).map(|(at, _)| at).chain([text.len()]);
    // A space may be part of the word: the word ends at the first one where what is before it stands by itself.
    for end in ends {
        if let Ok(mut words) = split(&text[..end])
            && words.len() == 1
        {
            return words.pop().map(|word| (word, &text[end..]));
        }
    }
    None
}

/// Between double quotes a backslash escapes only itself and the quote.
fn double(chars: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), &'static str> {
    loop {
        match chars.next().ok_or("no closing quotation")? {
            '"' => return Ok(()),
            '\\' => match chars.next().ok_or("no closing quotation")? {
                c @ ('"' | '\\') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_split_as_in_python() {
        for (text, expected) in [
            ("", &[][..]),
            ("  a  b\tc\nd ", &["a", "b", "c", "d"]),
            ("echo 'a b' \"c d\"", &["echo", "a b", "c d"]),
            ("a'b'\"c\"d", &["abcd"]),
            ("'' \"\"", &["", ""]),
            (r#"a\ b "x\"y" "\n" '\n' \n"#, &["a b", "x\"y", "\\n", "\\n", "n"]),
            ("# not a comment", &["#", "not", "a", "comment"]),
            ("é 'ü ö'", &["é", "ü ö"]),
        ] {
            assert_eq!(split(text).unwrap(), expected, "{text}");
        }
        for (text, expected) in [
            (" a  b c", Some(("a", "  b c"))),
            ("'a b' 'c d'", Some(("a b", " 'c d'"))),
            ("a\\ b c", Some(("a b", " c"))),
            ("one", Some(("one", ""))),
            ("", None),
            ("'a b", None),
        ] {
            let found = first_word(text);
            assert_eq!(found.as_ref().map(|(word, rest)| (word.as_str(), *rest)), expected, "{text}");
        }
        for text in ["'", "a \"b", "a\\", "\"\\"] {
            assert!(split(text).is_err(), "{text}");
        }
    }
}
