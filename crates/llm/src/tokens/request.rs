//! The tokens of a whole request: its texts, and what providers put around them.

use std::borrow::Cow;

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
    let texts = texts(request);
    let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();
    frame(request).plus(estimator.prompt(&texts))
}

/// Teaches an estimator by what a prompt was billed as.
pub fn teach(estimator: &dyn Estimator, request: &Request, billed: u64) {
    let texts = texts(request);
    let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();
    estimator.learn(&texts, billed.saturating_sub(frame(request).likely));
}

/// What providers put around it.
fn frame(request: &Request) -> Size {
    let parts: usize = request.messages.iter().map(|message| message.parts.len().max(1)).sum();
    let each = parts + request.tools.len() + usize::from(request.system.is_some());
    let many = |size: Size| Size { likely: size.likely * each as u64, bound: size.bound * each as u64 };
    let tools = if request.tools.is_empty() { Size::default() } else { TOOLS };
    WHOLE.plus(many(EACH)).plus(tools)
}

/// Every text that the model reads.
fn texts(request: &Request) -> Vec<Cow<'_, str>> {
    let mut texts: Vec<Cow<'_, str>> = request.system.iter().map(|text| text.as_str().into()).collect();
    for part in request.messages.iter().flat_map(|message| &message.parts) {
        match part {
            Part::Text { text } => texts.push(text.as_str().into()),
            Part::ToolCall { id, name, input } => {
                texts.extend([id.as_str().into(), name.as_str().into(), input.to_string().into()]);
            }
            Part::ToolResult { id, content, .. } => {
                texts.extend([id.as_str().into(), content.as_str().into()]);
            }
            Part::Own { value } => texts.push(value.to_string().into()),
        }
    }
    for tool in &request.tools {
        let [name, about] = [&tool.name, &tool.description].map(|text| text.as_str().into());
        texts.extend([name, about, tool.schema.to_string().into()]);
    }
    if let Some(schema) = &request.schema {
        texts.extend([schema.name.as_str().into(), schema.schema.to_string().into()]);
    }
    texts
}
