//! A text with expressions in it.

use std::fmt;
use std::io;
use std::sync::{Arc, LazyLock};

use minijinja::Value;
use minijinja::syntax::SyntaxConfig;
use serde_json::Value as Json;

use crate::cache::Cache;
use crate::compile::{self, Body, NAME, Text};
use crate::emitted::Watch;
use crate::error::{Error, ErrorKind};
use crate::explain::{self, runtime_error};
use crate::expression::{evaluate, to_data};
use crate::here::Placed;
use crate::meter::{MAX_OUTPUT, Metered};
use crate::refs::References;
use crate::repr;
use crate::rewrite::Dialect;

/// How a text is read: the parameters of Ansible's `template` module, with its defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextOptions {
    /// Whether the newline after a block tag is dropped.
    pub trim_blocks: bool,
    /// Whether blanks before a block tag at the start of a line are dropped.
    pub lstrip_blocks: bool,
    /// What newlines become: `\n`, `\r\n` or `\r`.
    pub newline_sequence: String,
    /// What opens and closes a block.
    pub block: (String, String),
    /// What opens and closes an expression.
    pub variable: (String, String),
    /// What opens and closes a comment.
    pub comment: (String, String),
}

impl Default for TextOptions {
    fn default() -> TextOptions {
        let pair = |open: &str, close: &str| (open.to_owned(), close.to_owned());
        TextOptions {
            trim_blocks: true,
            lstrip_blocks: false,
            newline_sequence: "\n".to_owned(),
            block: pair("{%", "%}"),
            variable: pair("{{", "}}"),
            comment: pair("{#", "#}"),
        }
    }
}

impl TextOptions {
    fn syntax(&self) -> Result<SyntaxConfig, Error> {
        let mut syntax = SyntaxConfig::builder();
        syntax
            .trim_blocks(self.trim_blocks)
            .lstrip_blocks(self.lstrip_blocks)
            // Newlines at the end are counted and topped up instead, as Ansible does.
            .keep_trailing_newline(false)
            .block_delimiters(self.block.0.clone(), self.block.1.clone())
            .variable_delimiters(self.variable.0.clone(), self.variable.1.clone())
            .comment_delimiters(self.comment.0.clone(), self.comment.1.clone());
        syntax.build().map_err(|e| Error::new(ErrorKind::Syntax, e.detail().unwrap_or("bad delimiters")))
    }
}

/// A text that may contain `{{ }}`, `{% %}` and `{# #}`. Cloning is cheap.
#[derive(Clone)]
pub struct Template(Arc<Inner>);

struct Inner {
    source: String,
    body: Body,
    references: References,
    newline: String,
}

impl Template {
    /// Parses a text of a document. A backslash in a string between `{{ }}` is itself there, as in Ansible:
    /// `'\1'` needs no doubling. In a `{% %}` it is an escape.
    ///
    /// Texts parsed before are kept (a bounded number of them), so that asking again costs next to nothing.
    pub fn parse(source: &str) -> Result<Template, Error> {
        static PARSED: LazyLock<Cache<Template>> = LazyLock::new(Cache::new);
        PARSED.get(source, || Template::new(source, &TextOptions::default(), &Dialect::DOCUMENT))
    }

    /// Parses a template file, as the `template` module was told to. A backslash in a string of an
    /// expression is an escape there: `'\n'` is a newline.
    pub fn parse_with(source: &str, options: &TextOptions) -> Result<Template, Error> {
        Template::new(source, options, &Dialect { escapes: true, newline: &options.newline_sequence })
    }

    fn new(source: &str, options: &TextOptions, dialect: &Dialect<'_>) -> Result<Template, Error> {
        let syntax = options.syntax()?;
        let opens = [&options.variable.0, &options.block.0, &options.comment.0];
        let (body, references) = match opens.into_iter().any(|open| source.contains(open)) {
            true => compile::template(source, syntax, dialect)?,
            // A text without any Jinja stays as it is, its newlines included.
            false => (Body::Literal(source.to_owned()), References::default()),
        };
        let newline = dialect.newline.to_owned();
        Ok(Template(Arc::new(Inner { source: source.to_owned(), body, references, newline })))
    }

    /// The text as it was written.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Whether there is no Jinja in it at all: it renders to itself.
    pub fn is_literal(&self) -> bool {
        matches!(&self.0.body, Body::Literal(text) if self.topped_up(text.clone()) == self.0.source)
    }

    /// The variables that it refers to.
    pub fn references(&self) -> &References {
        &self.0.references
    }

    /// Renders to a value. A text that is one `{{ expression }}` alone keeps the expression's type, and so
    /// does one that writes a single value (`{% if a %}{{ list }}{% endif %}`); every other becomes a string.
    pub fn render(&self, scope: &Value) -> Result<Json, Error> {
        let _metered = Metered::start();
        let _placed = Placed::start(&self.0.references, scope);
        self.value(scope).map_err(|e| explain::named(e, &self.0.references, scope))
    }

    /// As [`Template::render`], within a running evaluation and at its cost.
    pub(crate) fn value(&self, scope: &Value) -> Result<Json, Error> {
        match &self.0.body {
            Body::Literal(text) => Ok(Json::String(self.topped_up(text.clone()))),
            Body::Single(compiled) => {
                let value = evaluate(compiled, scope)?;
                to_data(&value, &compiled.rewritten, scope).map(|json| self.topped_up_json(json))
            }
            Body::Text(text) => {
                let watch = Watch::start();
                let written = render_body(text, scope)?;
                match watch.only().filter(|value| text.direct && !value.is_undefined()) {
                    Some(value) => {
                        to_data(&value, &text.rewritten, scope).map(|json| self.topped_up_json(json))
                    }
                    None => Ok(Json::String(self.topped_up(written))),
                }
            }
        }
    }

    /// Renders to text, as Python would write it: `True`, `['a', 'b']`; but `none` is the empty text.
    pub fn render_text(&self, scope: &Value) -> Result<String, Error> {
        let _metered = Metered::start();
        let _placed = Placed::start(&self.0.references, scope);
        self.text(scope).map_err(|e| explain::named(e, &self.0.references, scope))
    }

    fn text(&self, scope: &Value) -> Result<String, Error> {
        let text = match &self.0.body {
            Body::Literal(text) => text.clone(),
            Body::Single(compiled) => {
                let value = evaluate(compiled, scope)?;
                match value.is_none() {
                    true => String::new(),
                    false => {
                        repr::written(&value).map_err(|e| runtime_error(&e, &compiled.rewritten, scope))?
                    }
                }
            }
            Body::Text(text) => render_body(text, scope)?,
        };
        Ok(self.topped_up(text))
    }

    /// The text with as many newlines at its end as the source has: Jinja drops the last one, and those
    /// after blocks.
    fn topped_up(&self, mut text: String) -> String {
        let newlines = |text: &str| text.len() - text.trim_end_matches('\n').len();
        for _ in newlines(&text)..newlines(&self.0.source) {
            text.push_str(&self.0.newline);
        }
        text
    }

    fn topped_up_json(&self, json: Json) -> Json {
        match json {
            Json::String(text) => Json::String(self.topped_up(text)),
            other => other,
        }
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.0.source).finish()
    }
}

fn render_body(text: &Text, scope: &Value) -> Result<String, Error> {
    let mut out = Limited(Vec::new());
    text.env
        .get_template(NAME)
        .and_then(|template| template.render_captured_to(scope.clone(), &mut out).map(drop))
        .map_err(|e| runtime_error(&e, &text.rewritten, scope))?;
    String::from_utf8(out.0).map_err(|_| Error::new(ErrorKind::Value, "the text is not UTF-8"))
}

/// A buffer that refuses to grow past the limit.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            return Err(io::Error::other("too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
