//! The tokens of a whole request: its texts, and what providers put around them.

use super::Estimator;
use crate::{Part, Request};

/// How many tokens something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Most likely.
    pub likely: u64,
    /// At most.
    pub bound: u64,
}

impl Size {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Size) -> Size {
        Size {
            likely: self.likely.saturating_add(other.likely),
            bound: self.bound.saturating_add(other.bound),
        }
    }
}

/// What providers put around a request, around each message or part of one, and before the first tool. OpenAI's
/// formats add 3 tokens to a message and 3 to the whole; Claude has about 7, and some 300 to 500 as soon as there
/// are tools.
const WHOLE: Size = Size { likely: 7, bound: 24 };
const EACH: Size = Size { likely: 4, bound: 12 };
const TOOLS: Size = Size { likely: 350, bound: 600 };

/// How many tokens a request's prompt is, with what providers put around it.
pub fn size(estimator: &dyn Estimator, request: &Request) -> Size {
    let mut size = frame(request);
    texts(request, &mut |text| size = size.plus(estimator.both(text)));
    size
}

/// Teaches an estimator by what a prompt was billed as.
pub fn teach(estimator: &dyn Estimator, request: &Request, billed: u64) {
    let mut estimated = 0u64;
    texts(request, &mut |text| estimated = estimated.saturating_add(estimator.count(text)));
    estimator.learn(estimated, billed.saturating_sub(frame(request).likely));
}

/// What providers put around it.
fn frame(request: &Request) -> Size {
    let parts: usize = request.messages.iter().map(|message| message.parts.len().max(1)).sum();
    let each = parts + request.tools.len() + usize::from(request.system.is_some());
    let many = |size: Size| Size { likely: size.likely * each as u64, bound: size.bound * each as u64 };
    let tools = if request.tools.is_empty() { Size::default() } else { TOOLS };
    WHOLE.plus(many(EACH)).plus(tools)
}

/// Hands over every text that the model reads.
fn texts(request: &Request, with: &mut dyn FnMut(&str)) {
    if let Some(system) = &request.system {
        with(system);
    }
    for part in request.messages.iter().flat_map(|message| &message.parts) {
        match part {
            Part::Text { text } => with(text),
            Part::ToolCall { id, name, input } => {
                with(id);
                with(name);
                with(&input.to_string());
            }
            Part::ToolResult { id, content, .. } => {
                with(id);
                with(content);
            }
            Part::Own { value } => with(&value.to_string()),
        }
    }
    for tool in &request.tools {
        with(&tool.name);
        with(&tool.description);
        with(&tool.schema.to_string());
    }
    if let Some(schema) = &request.schema {
        with(&schema.name);
        with(&schema.schema.to_string());
    }
}
