//! Reads a text as YAML: the parser's events become a tree.

use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use windlass_model::{Code, Diagnostic, Diagnostics, Location, Source, Span};

use crate::build::Builder;
use crate::place::Places;
use crate::{Kind, Limits, Node, Style, scalar, syntax, tag};

/// Reads the one document of a text. An empty text is null.
///
/// Returns every problem that leaves the rest of the text readable, and the first that does not.
pub fn parse(source: &Arc<Source>, limits: &Limits) -> Result<Node, Diagnostics> {
    let mut documents = read(source, limits)?;
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
    Ok(read(source, limits)?.into_iter().map(|(node, _)| node).collect())
}

/// The documents with the place where each begins.
fn read(source: &Arc<Source>, limits: &Limits) -> Result<Vec<(Node, Span)>, Diagnostics> {
    check_size(source, limits)?;
    let mut reading = Reading {
        source,
        places: Places::new(&source.text),
        builder: Builder::new(source, limits),
        documents: Vec::new(),
        start: Span::default(),
    };
    let end = reading.run();
    let Reading { builder, documents, .. } = reading;
    let mut problems = builder.problems;
    if let Err(problem) = end {
        problems.push(problem);
    }
    problems.into_result(documents)
}

fn check_size(source: &Arc<Source>, limits: &Limits) -> Result<(), Diagnostic> {
    let place = Location { source: source.clone(), span: Span::default() };
    let text = &source.text;
    if text.len() > limits.bytes {
        return Err(crate::file::too_big(text.len() as u64, limits).at(place));
    }
    let marks = |b: &u8| matches!(b, b',' | b':' | b'[' | b']' | b'{' | b'}');
    if text.len() > limits.indicators
        && text.as_bytes().iter().filter(|b| marks(b)).count() > limits.indicators
    {
        let message = format!("the text has more than {} brackets, commas and colons", limits.indicators);
        return Err(Diagnostic::new(Code::TooBig, message)
            .at(place)
            .hint("move data out into files that steps read"));
    }
    Ok(())
}

struct Reading<'s> {
    source: &'s Arc<Source>,
    places: Places<'s>,
    builder: Builder<'s>,
    documents: Vec<(Node, Span)>,
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
                self.builder.open_list(span, anchor)
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
            Some(tag) => match tag::scalar(tag, text) {
                Ok(value) => value,
                Err(refusal) => {
                    let problem =
                        self.builder.problem(refusal.code, span, refusal.message).hint(refusal.hint);
                    self.builder.note(problem)?;
                    Kind::Str(text.to_owned())
                }
            },
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

    fn check_tag(&mut self, tag: Option<&Tag>, fits: &str, span: Span) -> Result<(), Diagnostic> {
        let Some(refusal) = tag.and_then(|tag| tag::collection(tag, fits).err()) else { return Ok(()) };
        let problem = self.builder.problem(refusal.code, span, refusal.message).hint(refusal.hint);
        self.builder.note(problem)
    }

    /// Where a closing bracket ends. The event that ends a block carries the place of what comes next.
    fn closing(&self, span: Span, bracket: u8) -> Option<usize> {
        let (start, end) = (span.start as usize, span.end as usize);
        (end == start + 1 && self.source.text.as_bytes().get(start) == Some(&bracket)).then_some(end)
    }
}
