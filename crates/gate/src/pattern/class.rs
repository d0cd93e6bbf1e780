//! Sets of letters: `[a-z]`. In the engine's own syntax they know more than in Python (sets in sets,
//! differences), so that every letter of theirs is escaped.

use super::{escape, translate::Rest};

/// Reads a set after its opening bracket.
pub(super) fn read(rest: &mut Rest<'_>) -> Result<String, String> {
    let mut out = String::from("[");
    if rest.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    loop {
        match rest.next() {
            None => return Err("a set of letters is not closed in a pattern".into()),
            // As the first it is a letter.
            Some(']') if !first => break,
            Some(c) => out.push_str(&item(c, rest)?),
        }
        first = false;
        // A range, unless the dash is the last letter of the set.
        let mut ahead = rest.clone();
        if ahead.next() == Some('-')
            && let Some(end) = ahead.next().filter(|c| *c != ']')
        {
            *rest = ahead;
            out.push('-');
            out.push_str(&item(end, rest)?);
        }
    }
    out.push(']');
    Ok(out)
}

fn item(c: char, rest: &mut Rest<'_>) -> Result<String, String> {
    match c {
        '\\' => escape::inside(rest),
        c => Ok(escape::literal(c)),
    }
}
