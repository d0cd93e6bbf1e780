//! Reads a text as YAML: the parser's events become a tree.

use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use windlass_model::{Code, Diagnostic, Diagnostics, Location, Source, Span};

use crate::build::{Builder, shown};
use crate::json::{self, Stop};
use crate::place::Places;
use crate::{Kind, Limits, Node, Style, data, scalar, syntax, tag};

const VAULT_HINT: &str = "leave the value out of the inventory, and give it as a secret: `secrets` of a workflow takes env, file or command";

/// Reads the one document of a text. An empty text is null.
///
/// Returns every problem that leaves the rest of the text readable, and the first that does not.
pub fn parse(source: &Arc<Source>, limits: &Limits) -> Result<Node, Diagnostics> {
    only(source, read(source, limits, Dialect::Core)?.0)
}

/// Reads the one document of a text that was written for Ansible: inventories and files with variables.
///
/// It is YAML 1.1 as Ansible reads it: `yes` is true, `0644` is octal, and a key that stands twice has its
/// last value, of which the second part of the result warns. Encrypted values are refused by name.
pub fn parse_data(source: &Arc<Source>, limits: &Limits) -> Result<(Node, Diagnostics), Diagnostics> {
    let (documents, warnings) = read(source, limits, Dialect::Data)?;
    Ok((only(source, documents)?, warnings))
}

/// Which YAML a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    /// The core schema of YAML 1.2, strict.
    Core,
    /// YAML 1.1 as Ansible has it.
    Data,
}

fn only(source: &Arc<Source>, mut documents: Documents) -> Result<Node, Diagnostics> {
    if let Some((_, start)) = documents.get(1) {
        let place = Location { source: source.clone(), span: *start };
        let problem = Diagnostic::new(Code::SeveralDocuments, "a second document begins here")
            .at(place)
            .hint("write one document to a file; remove the `---` if the rest belongs to the first");
        return Err(problem.into());
    }
    Ok(documents.pop().map_or_else(|| Node::new(Span::default(), Kind::Null), |(node, _)| node))
}

/// Reads all documents of a text, which `---` separates. An empty text has none.
pub fn parse_all(source: &Arc<Source>, limits: &Limits) -> Result<Vec<Node>, Diagnostics> {
    Ok(read(source, limits, Dialect::Core)?.0.into_iter().map(|(node, _)| node).collect())
}

/// Documents with the place where each begins.
type Documents = Vec<(Node, Span)>;

fn read(
    source: &Arc<Source>,
    limits: &Limits,
    dialect: Dialect,
) -> Result<(Documents, Diagnostics), Diagnostics> {
    let place = Location { source: source.clone(), span: Span::default() };
    if source.text.len() > limits.bytes {
        return Err(crate::file::too_big(source.text.len() as u64, limits).at(place).into());
    }
    let mut builder = builder(source, limits, dialect);
    let end = match json::read(&source.text, &mut builder) {
        Ok(()) => Ok(()),
        Err(Stop::Refused(problem)) => Err(problem),
        Err(Stop::Foreign) => return read_yaml(source, limits, dialect),
    };
    let documents = builder.finish().map(|node| (node, Span::default()));
    conclude(builder, end, documents.into_iter().collect())
}

fn builder<'s>(source: &'s Arc<Source>, limits: &'s Limits, dialect: Dialect) -> Builder<'s> {
    let builder = Builder::new(source, limits);
    if dialect == Dialect::Data { builder.lenient() } else { builder }
}

fn read_yaml(
    source: &Arc<Source>,
    limits: &Limits,
    dialect: Dialect,
) -> Result<(Documents, Diagnostics), Diagnostics> {
    check_marks(source, limits)?;
    let mut reading = Reading {
        source,
        places: Places::new(&source.text),
        builder: builder(source, limits, dialect),
        dialect,
        documents: Vec::new(),
        start: Span::default(),
    };
    let end = reading.run();
    conclude(reading.builder, end, reading.documents)
}

fn conclude(
    builder: Builder<'_>,
    end: Result<(), Diagnostic>,
    documents: Documents,
) -> Result<(Documents, Diagnostics), Diagnostics> {
    let mut problems = builder.problems;
    if let Err(problem) = end {
        // The parser may stumble over the very thing that was noted before.
        let place = |problem: &Diagnostic| problem.location.as_ref().map(|at| at.span.start);
        if !problems.iter().any(|other| other.message == problem.message && place(other) == place(&problem)) {
            problems.push(problem);
        }
    }
    problems.into_result((documents, builder.warnings))
}

/// Bounds the tokens that the parser holds back, which it does until a flow collection ends.
fn check_marks(source: &Arc<Source>, limits: &Limits) -> Result<(), Diagnostic> {
    let is_mark = |b: &&u8| {
        matches!(b, b',' | b':' | b'[' | b']' | b'{' | b'}' | b'&' | b'*' | b'!' | b'?' | b'"' | b'\'')
    };
    let text = source.text.as_bytes();
    if text.len() <= limits.marks || text.iter().filter(is_mark).count() <= limits.marks {
        return Ok(());
    }
    let place = Location { source: source.clone(), span: Span::default() };
    let message = format!("the text has more than {} brackets, commas, quotes and the like", limits.marks);
    let hint = "move data out into files that steps read, or write it as strict JSON";
    Err(Diagnostic::new(Code::TooBig, message).at(place).hint(hint))
}

struct Reading<'s> {
    source: &'s Arc<Source>,
    places: Places<'s>,
    builder: Builder<'s>,
    dialect: Dialect,
    documents: Documents,
    start: Span,
}

impl Reading<'_> {
    fn run(&mut self) -> Result<(), Diagnostic> {
        for event in Parser::new_from_str(&self.source.text) {
            let (event, span) = event.map_err(|error| {
                syntax::explain(self.source, self.places.offset(error.marker()), error.info())
            })?;
            let span = Span::new(self.places.offset(&span.start), self.places.offset(&span.end));
            self.take(event, span)?;
        }
        Ok(())
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.start = span;
                Ok(())
            }
            Event::DocumentEnd => {
                let start = self.start;
                self.documents.extend(self.builder.finish().map(|node| (node, start)));
                Ok(())
            }
            Event::Alias(anchor) => self.builder.alias(anchor, span),
            Event::Scalar(text, style, anchor, tag) => {
                let node = self.scalar(&text, style, tag.as_deref(), span)?;
                self.builder.scalar(node, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", span)?;
                self.builder.open_list(self.with_dash(span), anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", span)?;
                self.builder.open_map(span, anchor)
            }
            Event::SequenceEnd => self.builder.close(self.closing(span, b']')),
            Event::MappingEnd => self.builder.close(self.closing(span, b'}')),
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<Node, Diagnostic> {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        };
        let value = match tag {
            Some(tag) if self.dialect == Dialect::Data && tag::is_own(tag, "unsafe") => {
                self.unsafe_text(text, span)?
            }
            Some(tag) if self.dialect == Dialect::Data && tag::is_own(tag, "vault") => {
                self.vaulted(span)?;
                Kind::Null
            }
            Some(tag) => match tag::scalar(tag, text) {
                Ok(value) => value,
                Err(refusal) => {
                    let problem =
                        self.builder.problem(refusal.code, span, refusal.message).hint(refusal.hint);
                    self.builder.note(problem)?;
                    Kind::Str(text.to_owned())
                }
            },
            None if style == Style::Plain && self.dialect == Dialect::Data => data::resolve(text),
            None if style == Style::Plain => scalar::resolve(text),
            None => Kind::Str(text.to_owned()),
        };
        // An absent value has no width; its event carries the place of what stands next to it.
        let span = if style == Style::Plain && text.is_empty() {
            Span::new(span.start as usize, span.start as usize)
        } else {
            span
        };
        Ok(Node::scalar(span, value, style, text))
    }

    /// A text that must not be rendered: any text without the signs of a template is one.
    fn unsafe_text(&mut self, text: &str, span: Span) -> Result<Kind, Diagnostic> {
        if ["{{", "{%", "{#"].iter().any(|sign| text.contains(sign)) {
            let problem = self
                .builder
                .problem(Code::UnsupportedTag, span, "the tag `!unsafe` is not supported before a text with `{{`, `{%` or `{#`")
                .hint("write the text without the tag, and put `{% raw %}…{% endraw %}` around what must not be rendered");
            self.builder.note(problem)?;
        }
        Ok(Kind::Str(text.to_owned()))
    }

    fn vaulted(&mut self, span: Span) -> Result<(), Diagnostic> {
        let message = match self.builder.pending_key() {
            Some(key) => format!(
                "the value of `{}` is encrypted with Ansible Vault, which is not supported",
                shown(key)
            ),
            None => "a value is encrypted with Ansible Vault, which is not supported".to_owned(),
        };
        let problem = self.builder.problem(Code::Vaulted, span, message).hint(VAULT_HINT);
        self.builder.note(problem)
    }

    fn check_tag(&mut self, tag: Option<&Tag>, fits: &str, span: Span) -> Result<(), Diagnostic> {
        let Some(refusal) = tag.and_then(|tag| tag::collection(tag, fits).err()) else { return Ok(()) };
        let problem = self.builder.problem(refusal.code, span, refusal.message).hint(refusal.hint);
        self.builder.note(problem)
    }

    /// A list in the column of its key begins, for the parser, after its first dash.
    fn with_dash(&self, span: Span) -> Span {
        let text = self.source.text.as_bytes();
        let start = span.start as usize;
        let before = text[..start].iter().rposition(|b| *b != b' ');
        match (text.get(start), before) {
            (Some(b'-' | b'[' | b'&' | b'!'), _) | (_, None) => span,
            (_, Some(dash)) if text[dash] == b'-' => Span::new(dash, span.end as usize),
            _ => span,
        }
    }

    /// Where a closing bracket ends. The event that ends a block carries the place of what comes next.
    fn closing(&self, span: Span, bracket: u8) -> Option<usize> {
        let (start, end) = (span.start as usize, span.end as usize);
        (end == start + 1 && self.source.text.as_bytes().get(start) == Some(&bracket)).then_some(end)
    }
}
