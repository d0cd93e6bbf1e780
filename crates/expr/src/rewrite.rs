//! Writes a syntax tree back as source for the engine, with the operations that we do differently replaced.
//!
//! The engine's own operators know no [meter](crate::meter) and treat `a.b.c` as an error as soon as `a.b`
//! is undefined, where people expect `a.b.c | default(1)` to work. So operators become filters of ours
//! (`a + b` → `a|op.add(b)`), chains under `default` and `is defined` become forgiving look-ups, and
//! literal text becomes output that is metered. A list of marks leads from the new text back to the old.

mod calls;
mod constants;
mod expressions;
mod statements;

use std::borrow::Cow;

use minijinja::machinery::ast::{Expr, Stmt};

use crate::error::Error;

/// The new source, and the way back to the old one.
#[derive(Debug, Default)]
pub(crate) struct Rewritten {
    /// What the engine compiles.
    pub source: String,
    marks: Vec<(usize, usize)>,
}

impl Rewritten {
    /// The offset in the old source for one in the new.
    pub(crate) fn original(&self, offset: usize) -> Option<usize> {
        let after = self.marks.partition_point(|(new, _)| *new <= offset);
        self.marks.get(after.checked_sub(1)?).map(|(_, old)| *old)
    }
}

/// In what the texts of documents differ from template files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect<'a> {
    /// Whether a backslash in a string is an escape wherever the string stands. In the `{{ }}` of a document
    /// it is not, as in Ansible: `'\1'` are two signs there, so that patterns need no doubling. In a file, in
    /// a bare condition, and in the `{% %}` of a document, `'\n'` is a newline.
    pub escapes: bool,
    /// What a newline of the text becomes.
    pub newline: &'a str,
}

impl Dialect<'_> {
    /// The dialect of documents.
    pub(crate) const DOCUMENT: Dialect<'static> = Dialect { escapes: false, newline: "\n" };

    /// The dialect of a condition without braces.
    pub(crate) const BARE: Dialect<'static> = Dialect { escapes: true, newline: "\n" };

    /// A literal part of the text with its newlines as they are wanted.
    pub(crate) fn newlines<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.newline == "\n" && !text.contains('\r') {
            return Cow::Borrowed(text);
        }
        text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', self.newline).into()
    }
}

/// Rewrites an expression that stands alone, in braces or bare.
pub(crate) fn expression(source: &str, expr: &Expr<'_>, dialect: &Dialect<'_>) -> Result<Rewritten, Error> {
    let mut writer = Writer::new(source, dialect);
    writer.raw = !dialect.escapes;
    writer.expr(expr)?;
    Ok(writer.out)
}

/// Rewrites a template. The flag says whether it writes only to its end: no block, macro or filter catches
/// what is written.
pub(crate) fn template(
    source: &str,
    root: &Stmt<'_>,
    dialect: &Dialect<'_>,
) -> Result<(Rewritten, bool), Error> {
    let mut writer = Writer::new(source, dialect);
    writer.statement(root)?;
    Ok((writer.out, !writer.catches))
}

struct Writer<'s> {
    source: &'s str,
    dialect: &'s Dialect<'s>,
    out: Rewritten,
    /// Whether a backslash is itself in the strings of the expression that is being written.
    raw: bool,
    /// Whether a part of the text catches what is written in it.
    catches: bool,
    /// Names that the text may call besides the functions: its macros and variables.
    callable: Vec<String>,
}

/// What every part of the writer returns.
type Done = Result<(), Error>;

impl<'s> Writer<'s> {
    fn new(source: &'s str, dialect: &'s Dialect<'s>) -> Writer<'s> {
        let callable = vec!["loop".to_owned(), "caller".to_owned()];
        Writer { source, dialect, out: Rewritten::default(), raw: false, catches: false, callable }
    }

    fn put(&mut self, text: &str) {
        self.out.source.push_str(text);
    }

    fn mark(&mut self, old: usize) {
        self.out.marks.push((self.out.source.len(), old));
    }

    fn comma(&mut self, index: usize) {
        if index > 0 {
            self.put(", ");
        }
    }
}
