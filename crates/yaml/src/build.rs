//! Builds a tree from the parts of a document in their order, without recursion and within the limits.

use std::collections::HashMap;
use std::sync::Arc;

use windlass_model::{Code, Diagnostic, Diagnostics, Location, Source, Span};

use crate::{Kind, Limits, Node, keys, syntax};

/// A tree that grows: each part goes to the innermost list or mapping that is open.
///
/// Errors that are returned end the reading; problems that leave the rest readable are only noted.
pub(crate) struct Builder<'s> {
    source: &'s Arc<Source>,
    limits: &'s Limits,
    open: Vec<Frame>,
    anchors: HashMap<usize, Anchored>,
    root: Option<Node>,
    nodes: usize,
    text: usize,
    /// Whether the text is data for Ansible, where a key that stands twice has its last value.
    lenient: bool,
    pub(crate) problems: Diagnostics,
    pub(crate) warnings: Diagnostics,
}

/// A list or mapping whose end has not come.
struct Frame {
    start: usize,
    /// The end of what it holds so far; a block ends where its last value does.
    end: usize,
    anchor: usize,
    parts: Parts,
}

enum Parts {
    List(Vec<Node>),
    Map { entries: Vec<(Node, Node)>, key: Option<Node> },
}

struct Anchored {
    node: Node,
    size: Size,
}

/// What a tree adds to the budgets.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    text: usize,
    depth: usize,
}

impl<'s> Builder<'s> {
    pub(crate) fn new(source: &'s Arc<Source>, limits: &'s Limits) -> Self {
        Self {
            source,
            limits,
            open: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            nodes: 0,
            text: 0,
            lenient: false,
            problems: Diagnostics::default(),
            warnings: Diagnostics::default(),
        }
    }

    /// Only warns of keys that stand twice, and lets the last one count.
    pub(crate) fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// The document that has been built, and the beginning of another one. Budgets are for the whole text.
    pub(crate) fn finish(&mut self) -> Option<Node> {
        self.anchors.clear();
        self.root.take()
    }

    pub(crate) fn scalar(&mut self, node: Node, anchor: usize) -> Result<(), Diagnostic> {
        self.spend(size_of(&node), node.span)?;
        self.attach(node, anchor)
    }

    pub(crate) fn open_list(&mut self, span: Span, anchor: usize) -> Result<(), Diagnostic> {
        self.open(span, anchor, Parts::List(Vec::new()))
    }

    pub(crate) fn open_map(&mut self, span: Span, anchor: usize) -> Result<(), Diagnostic> {
        self.open(span, anchor, Parts::Map { entries: Vec::new(), key: None })
    }

    fn open(&mut self, span: Span, anchor: usize, parts: Parts) -> Result<(), Diagnostic> {
        self.spend(Size { nodes: 1, text: 0, depth: 1 }, span)?;
        let (start, end) = (span.start as usize, span.end as usize);
        self.open.push(Frame { start, end, anchor, parts });
        Ok(())
    }

    /// Ends the innermost list or mapping; `end` is where its closing bracket ends, if it has one.
    pub(crate) fn close(&mut self, end: Option<usize>) -> Result<(), Diagnostic> {
        let Some(frame) = self.open.pop() else { return Ok(()) };
        let span = Span::new(frame.start, end.unwrap_or(frame.end));
        // Most lists and mappings are small, and a vector begins with room for four.
        let value = match frame.parts {
            Parts::List(mut items) => {
                items.shrink_to_fit();
                Kind::List(items)
            }
            Parts::Map { entries, .. } => {
                let mut entries = self.settle(entries)?;
                entries.shrink_to_fit();
                Kind::Map(entries)
            }
        };
        self.attach(Node::new(span, value), frame.anchor)
    }

    /// Refuses keys that stand twice and puts in what merge keys bring.
    fn settle(&mut self, entries: Vec<(Node, Node)>) -> Result<Vec<(Node, Node)>, Diagnostic> {
        for (first, second) in keys::duplicates(&entries) {
            let text = second.as_str().unwrap_or_default();
            let problem = self
                .problem(Code::DuplicateKey, second.span, format!("the key `{}` stands twice", shown(text)))
                .hint("remove one of the two, or merge what they say")
                .related(first.location(self.source), "it stands here first");
            if !self.lenient {
                self.note(problem)?;
            } else if self.warnings.len() < self.limits.problems {
                self.warnings.push(problem);
            }
        }
        let entries = if self.lenient { keys::last_wins(entries) } else { entries };
        if !entries.iter().any(|(key, _)| keys::is_merge(key)) {
            return Ok(entries);
        }
        let (merged, wrong) = keys::merge(entries);
        for span in wrong {
            let problem = self
                .problem(Code::WrongType, span, "`<<` takes a mapping or a list of mappings")
                .hint("write `<<: *name`, where the anchor `&name` stands at a mapping");
            self.note(problem)?;
        }
        for (key, value) in &merged.brought {
            self.spend(size_of(key), value.span)?;
            self.spend(size_of(value), value.span)?;
        }
        Ok(merged.into_entries())
    }

    /// Puts in what an anchor holds.
    pub(crate) fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Diagnostic> {
        let Some(Anchored { node, size }) = self.anchors.get(&anchor) else {
            return Err(self
                .problem(Code::BadAlias, span, "an alias stands for something that is not complete here")
                .hint("an alias cannot stand inside of what its own anchor holds, or in another document"));
        };
        let (node, size) = (node.clone(), *size);
        self.spend(size, span)?;
        // The place of what it brings in lies elsewhere; the block still ends after the alias.
        if let Some(frame) = self.open.last_mut() {
            frame.end = frame.end.max(span.end as usize);
        }
        self.attach(node, 0)
    }

    fn attach(&mut self, node: Node, anchor: usize) -> Result<(), Diagnostic> {
        if anchor > 0 {
            let size = size_of(&node);
            // The anchor's copy takes memory as well, so it counts.
            self.spend(Size { depth: 0, ..size }, node.span)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), size });
        }
        let Some(frame) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        frame.end = frame.end.max(node.span.end as usize);
        match &mut frame.parts {
            Parts::List(items) => items.push(node),
            Parts::Map { entries, key } => match key.take() {
                Some(key) => entries.push((key, node)),
                None => return self.take_key(node),
            },
        }
        Ok(())
    }

    /// Keys are texts: other scalars are taken as they are written, everything else is refused.
    fn take_key(&mut self, mut node: Node) -> Result<(), Diagnostic> {
        let written = node.written().filter(|text| !text.is_empty() || node.as_str().is_some());
        if let Some(text) = written.map(str::to_owned) {
            node.value = Kind::Str(text);
        } else {
            let problem = self.bad_key(&node);
            self.note(problem)?;
        }
        if let Some(Frame { parts: Parts::Map { key, .. }, .. }) = self.open.last_mut() {
            *key = Some(node);
        }
        Ok(())
    }

    fn bad_key(&self, node: &Node) -> Diagnostic {
        let start = self.open.last().map_or(0, |frame| frame.start);
        if self.source.text.get(start..).is_some_and(|text| text.starts_with("{{")) {
            return self
                .problem(Code::Syntax, Span::new(start, start + 2), syntax::TEMPLATE)
                .hint(syntax::TEMPLATE_HINT);
        }
        if node.is_null() {
            return self
                .problem(Code::Syntax, node.span, "a key is missing before the colon")
                .hint("write `key: value`, or quote a text that begins with a colon");
        }
        self.problem(Code::WrongType, node.span, format!("a key must be a text, found {}", node.kind_name()))
            .hint("quote the key if it is meant as a text")
    }

    fn spend(&mut self, size: Size, span: Span) -> Result<(), Diagnostic> {
        self.nodes = self.nodes.saturating_add(size.nodes);
        self.text = self.text.saturating_add(size.text);
        let Limits { depth, nodes, text, .. } = *self.limits;
        let passed = if size.depth > 0 && self.open.len() + size.depth > depth {
            format!("lists and mappings lie more than {depth} deep in each other")
        } else if self.nodes > nodes {
            format!("the document holds more than {nodes} values, aliases expanded")
        } else if self.text > text {
            format!("the document holds more than {text} bytes of text, aliases expanded")
        } else {
            return Ok(());
        };
        Err(self
            .problem(Code::TooBig, span, passed)
            .hint("split the document, or move data out into files that steps read"))
    }

    /// Notes a problem after which the reading goes on, up to the limit.
    pub(crate) fn note(&mut self, problem: Diagnostic) -> Result<(), Diagnostic> {
        if self.problems.len() + 1 >= self.limits.problems {
            return Err(problem);
        }
        self.problems.push(problem);
        Ok(())
    }

    /// The key whose value comes next, or that of the list it belongs to.
    pub(crate) fn pending_key(&self) -> Option<&str> {
        self.open.iter().rev().find_map(|frame| match &frame.parts {
            Parts::Map { key, .. } => key.as_ref().and_then(Node::as_str),
            Parts::List(_) => None,
        })
    }

    pub(crate) fn problem(&self, code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, message).at(Location { source: self.source.clone(), span })
    }
}

/// Walks the tree; it is at most as deep as the limit, which bounds the recursion.
fn size_of(node: &Node) -> Size {
    let mut size = Size { nodes: 1, text: node.written().map_or(0, str::len), depth: 0 };
    let mut add = |child: &Node| {
        let inner = size_of(child);
        size.nodes += inner.nodes;
        size.text += inner.text;
        size.depth = size.depth.max(inner.depth);
    };
    match &node.value {
        Kind::List(items) => items.iter().for_each(&mut add),
        Kind::Map(entries) => entries.iter().for_each(|(key, value)| {
            add(key);
            add(value);
        }),
        _ => return size,
    }
    size.depth += 1;
    size
}

/// A name for a message, cut where it is long.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
