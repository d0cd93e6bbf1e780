//! How many tokens a request and a reply are about, where nobody has counted them.

use crate::{Part, Reply, Request, Tokens};

/// About so many tokens are so many letters: four to one, and never none.
pub(crate) fn letters(count: usize) -> u64 {
    (count as u64).div_ceil(4)
}

/// What a reply took, by its letters and the request's.
pub(crate) fn of(request: &Request, reply: &Reply) -> Tokens {
    Tokens { input: prompt(request), output: letters(size(&reply.parts)), ..Tokens::default() }
}

/// What a request is.
pub(crate) fn prompt(request: &Request) -> u64 {
    let system = request.system.as_ref().map_or(0, |text| text.chars().count());
    let messages: usize = request.messages.iter().map(|message| size(&message.parts)).sum();
    let tools = request.tools.iter();
    let tools: usize =
        tools.map(|tool| tool.description.chars().count() + tool.schema.to_string().len()).sum();
    let schema = request.schema.as_ref().map_or(0, |schema| schema.schema.to_string().len());
    letters(system + messages + tools + schema)
}

fn size(parts: &[Part]) -> usize {
    let sizes = parts.iter().map(|part| match part {
        Part::Text { text } => text.chars().count(),
        Part::ToolCall { name, input, .. } => name.len() + input.to_string().len(),
        Part::ToolResult { content, .. } => content.chars().count(),
        Part::Own { value } => value.to_string().len(),
    });
    sizes.sum()
}
