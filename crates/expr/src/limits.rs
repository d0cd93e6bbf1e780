//! Refuses texts that are too long, or too deep for a recursive parser, before anything recurses into them.

use minijinja::machinery::{Token, Tokenizer};
use minijinja::syntax::SyntaxConfig;

use crate::error::Error;

/// How long a text may be. The largest template files known are a few hundred kilobytes.
const MAX_SOURCE: usize = 4 << 20;
/// How many operators, filters, attributes and so on one item of an expression may chain. Each may deepen
/// the syntax tree by one, and every pass over the tree recurses: this many fit into a 2 MB stack with ease.
const MAX_CHAIN: usize = 300;
/// How many `elif` branches a text may have in a row: they nest in the tree as well.
const MAX_ELIF: usize = 100;

/// Checks a whole text (`bare`: a text that is one expression without braces).
pub(crate) fn check(source: &str, bare: bool, syntax: &SyntaxConfig) -> Result<(), Error> {
    if source.len() > MAX_SOURCE {
        return Err(Error::limit(format!("the text is longer than {} MB", MAX_SOURCE >> 20)));
    }
    let mut tokens = Tokenizer::new(source, "", bare, syntax.clone());
    let mut chain = Chain::default();
    // A lexical error ends the check: the parser meets it at the same place, and no later token matters.
    while let Ok(Some((token, span))) = tokens.next_token() {
        chain.follow(&token);
        if chain.total > MAX_CHAIN || chain.elifs > MAX_ELIF {
            return Err(Error::limit("the expression chains too many operations")
                .at(span.start_offset as usize)
                .hint("split it: set parts of it as variables of their own"));
        }
    }
    Ok(())
}

/// Counts the links since the last separator, on each level of brackets.
#[derive(Default)]
struct Chain {
    outer: Vec<usize>,
    here: usize,
    total: usize,
    elifs: usize,
}

impl Chain {
    fn follow(&mut self, token: &Token<'_>) {
        match token {
            Token::VariableStart | Token::BlockStart => {
                *self = Chain { elifs: self.elifs, ..Chain::default() };
            }
            Token::Comma | Token::Colon => {
                self.total -= self.here;
                self.here = 0;
            }
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => {
                self.link();
                self.outer.push(std::mem::take(&mut self.here));
            }
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                self.total -= self.here;
                self.here = self.outer.pop().unwrap_or_default();
            }
            Token::Ident("elif") => self.elifs += 1,
            Token::Ident("endif") => self.elifs = 0,
            Token::Ident("and" | "or" | "not" | "is" | "in" | "if" | "else") => self.link(),
            Token::Ident(_) | Token::Str(_) | Token::String(_) | Token::TemplateData(_) => {}
            Token::Int(_) | Token::Int128(_) | Token::Float(_) => {}
            Token::VariableEnd | Token::BlockEnd => {}
            _ => self.link(),
        }
    }

    fn link(&mut self) {
        self.here += 1;
        self.total += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_pass_and_long_chains_do_not() {
        let syntax = SyntaxConfig::default();
        let cases = [
            (format!("[{}]", "a.b + 1, ".repeat(10_000)), true),
            (format!("{{{}}}", "'k': a.b, ".repeat(10_000)), true),
            ("a.b + 1".to_owned(), true),
            (format!("a{}", " + a".repeat(100_000)), false),
            (format!("a{}", "|lower".repeat(100_000)), false),
            (format!("a{}", ".b".repeat(100_000)), false),
            (format!("{}a", "not ".repeat(100_000)), false),
            ("(".repeat(100_000), false),
        ];
        for (source, passes) in cases {
            assert_eq!(check(&source, true, &syntax).is_ok(), passes, "{:.20}", source);
        }
    }
}
