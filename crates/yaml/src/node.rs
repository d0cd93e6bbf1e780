//! A document as a tree: values with the place of each in the text.

use std::sync::Arc;

use windlass_model::{Location, Source, Span};

/// One value of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it stands in the text. What an alias brings in keeps the place where it was written.
    pub span: Span,
    /// What it is.
    pub value: Kind,
    /// How it was written.
    pub style: Style,
    /// The text of a plain scalar that is not a string, as written: `1.10` is not `1.1`.
    raw: Option<Box<str>>,
}

/// What a value is, by the core schema of YAML 1.2.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `null`, `~`, or nothing at all.
    Null,
    /// `true` or `false`. Words like `yes` are strings, which a reader of booleans accepts.
    Bool(bool),
    /// A whole number that fits.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Quoted text, or plain text that is nothing else.
    Str(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping: keys in the order of the text, each only once, and each of them [`Kind::Str`].
    Map(Vec<(Node, Node)>),
}

/// How a value was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes; lists and mappings too.
    Plain,
    /// In single or double quotes.
    Quoted,
    /// As a block, with `|` or `>`.
    Block,
}

impl Node {
    /// A value at a place, as if written plainly.
    pub fn new(span: Span, value: Kind) -> Self {
        Self { span, value, style: Style::Plain, raw: None }
    }

    /// A scalar with its style and, where it is not a string, the text that it was written as.
    pub(crate) fn scalar(span: Span, value: Kind, style: Style, raw: &str) -> Self {
        let raw = (!matches!(value, Kind::Str(_))).then(|| raw.into());
        Self { span, value, style, raw }
    }

    /// What it is, for messages: `a mapping`, `the number 5`.
    pub fn kind_name(&self) -> &'static str {
        match &self.value {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Int(_) => "a whole number",
            Kind::Float(_) => "a number",
            Kind::Str(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }

    /// The value of `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.iter().find(|(k, _)| k.as_str() == Some(key)).map(|(_, v)| v)
    }

    /// The text of a string; numbers and booleans are none, see [`Node::text`].
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Kind::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The text of any scalar but null, as it was written.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Kind::Str(text) => Some(text),
            Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) => self.raw.as_deref(),
            Kind::Null | Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// Whether this key was written as something other than a text, such as a number. Keys are taken as texts.
    pub fn is_odd_key(&self) -> bool {
        self.raw.is_some()
    }

    /// What stands in the text for a scalar, null included.
    pub(crate) fn written(&self) -> Option<&str> {
        self.text().or(self.raw.as_deref())
    }

    /// The boolean, if it is one by the core schema.
    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            Kind::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self.value {
            Kind::Int(value) => Some(value),
            _ => None,
        }
    }

    /// The number, whole or not.
    pub fn as_float(&self) -> Option<f64> {
        match self.value {
            Kind::Int(value) => Some(value as f64),
            Kind::Float(value) => Some(value),
            _ => None,
        }
    }

    /// The elements, if this is a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, if this is a mapping.
    pub fn as_map(&self) -> Option<&[(Node, Node)]> {
        match &self.value {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// Whether this is null: written so, or nothing at all.
    pub fn is_null(&self) -> bool {
        self.value == Kind::Null
    }

    /// Whether this is a text with an expression or a statement of a template in it.
    pub fn is_template(&self) -> bool {
        self.as_str().is_some_and(|text| text.contains("{{") || text.contains("{%"))
    }

    /// Its place in `source`, which must be the text that it was read from.
    pub fn location(&self, source: &Arc<Source>) -> Location {
        Location { source: source.clone(), span: self.span }
    }

    /// The value as JSON.
    ///
    /// Numbers that JSON lacks (`.inf`, `.nan`) become their text. Whole numbers between the largest
    /// signed and the largest unsigned of 64 bits stay whole.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.value {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Int(value) => Value::from(*value),
            Kind::Float(value) => self.float_json(*value),
            Kind::Str(text) => Value::String(text.clone()),
            Kind::List(items) => items.iter().map(Node::to_json).collect(),
            Kind::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.as_str().unwrap_or_default().to_owned(), value.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    fn float_json(&self, value: f64) -> serde_json::Value {
        let whole = self.raw.as_deref().and_then(|raw| raw.parse::<u64>().ok());
        if let Some(whole) = whole.filter(|whole| i64::try_from(*whole).is_err()) {
            return whole.into();
        }
        match serde_json::Number::from_f64(value) {
            Some(number) => number.into(),
            None => self.raw.as_deref().unwrap_or(".nan").into(),
        }
    }
}
