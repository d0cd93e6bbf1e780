//! OpenAI's Chat Completions, which many servers speak.

pub(super) mod fold;

use serde_json::{Map, Value, json};

use super::{Ask, and_extra, ask, bearer, written};
use crate::{
    Choice, Delta, Error, Message, Part, Patience, Provider, Reply, Request, Role, Service, service::Line,
};

/// Where a server differs from OpenAI's. The default is OpenAI's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// The bound of the reply is called `max_tokens`, as it was before `max_completion_tokens`.
    pub max_tokens: bool,
    /// It refuses `stream_options`. Usage is estimated then, unless it tells some all the same.
    pub no_stream_options: bool,
    /// It holds no reply to a schema: it is asked for any JSON, and the schema is put into the system prompt.
    pub no_json_schema: bool,
    /// It cannot stream.
    pub no_stream: bool,
}

impl Quirks {
    /// What is so of most servers that are not OpenAI's: vLLM, llama.cpp, Ollama, LM Studio.
    pub fn of_others() -> Self {
        Self { max_tokens: true, ..Self::default() }
    }
}

/// A service that speaks OpenAI's Chat Completions. Its base is `https://api.openai.com/v1` or what a server has like
/// it; `/chat/completions` is put behind it.
///
/// The format cannot say that a tool failed; its result has to. It tells no stop text from the end of a reply.
pub struct Chat {
    line: Line,
    quirks: Quirks,
}

impl Chat {
    /// A provider at a service.
    pub fn new(service: Service, quirks: Quirks) -> Self {
        Self { line: Line::new(service), quirks }
    }

    fn body(&self, request: &Request) -> Value {
        let mut body = Map::new();
        let mut put = |key: &str, value: Value| {
            if !value.is_null() {
                body.insert(key.into(), value);
            }
        };
        put("model", json!(request.model));
        put("messages", Value::Array(self.messages(request)));
        let bound = if self.quirks.max_tokens { "max_tokens" } else { "max_completion_tokens" };
        put(bound, json!(request.max_output_tokens));
        if !self.quirks.no_stream {
            put("stream", json!(true));
            if !self.quirks.no_stream_options {
                put("stream_options", json!({"include_usage": true}));
            }
        }
        put("temperature", json!(request.temperature));
        put("top_p", json!(request.top_p));
        put("seed", json!(request.seed));
        put("user", json!(request.user));
        if !request.stop.is_empty() {
            put("stop", json!(request.stop));
        }
        if !request.tools.is_empty() {
            put("tools", request.tools.iter().map(tool).collect());
            put("tool_choice", choice(&request.tool_choice));
        }
        put("response_format", self.shape(request));
        and_extra(Value::Object(body), request)
    }

    fn shape(&self, request: &Request) -> Value {
        match &request.schema {
            None => Value::Null,
            Some(_) if self.quirks.no_json_schema => json!({"type": "json_object"}),
            Some(schema) => json!({"type": "json_schema", "json_schema": {
                "name": schema.name, "schema": schema.schema, "strict": schema.strict,
            }}),
        }
    }

    fn messages(&self, request: &Request) -> Vec<Value> {
        let mut system = request.system.clone().unwrap_or_default();
        if let Some(schema) = request.schema.as_ref().filter(|_| self.quirks.no_json_schema) {
            let gap = if system.is_empty() { "" } else { "\n\n" };
            system.push_str(&format!("{gap}Answer with JSON alone, of this JSON schema:\n{}", schema.schema));
        }
        let mut messages = Vec::new();
        if !system.is_empty() {
            messages.push(json!({"role": "system", "content": system}));
        }
        for message in &request.messages {
            turn(message, &mut messages);
        }
        messages
    }
}

impl Provider for Chat {
    fn name(&self) -> &str {
        &self.line.service.name
    }

    fn ask(
        &self,
        request: &Request,
        tell: &mut dyn FnMut(Delta<'_>),
        patience: &Patience,
    ) -> Result<Reply, Error> {
        let headers = bearer(self.line.service.key.as_ref());
        let what = Ask { path: "/chat/completions", headers, body: self.body(request) };
        ask(&self.line, what, request, &mut fold::Folding::default(), tell, patience)
    }

    /// The format has no way to count.
    fn count(&self, _: &Request, _: &Patience) -> Result<Option<u64>, Error> {
        Ok(None)
    }
}

fn tool(tool: &crate::Tool) -> Value {
    json!({"type": "function", "function": {
        "name": tool.name, "description": tool.description, "parameters": tool.schema,
    }})
}

fn choice(choice: &Choice) -> Value {
    match choice {
        Choice::Auto => Value::Null,
        Choice::Any => json!("required"),
        Choice::None => json!("none"),
        Choice::Tool(name) => json!({"type": "function", "function": {"name": name}}),
    }
}

/// One message; each result of a tool is a message of its own, before what the user says.
fn turn(message: &Message, messages: &mut Vec<Value>) {
    let (mut calls, mut some) = (Vec::new(), false);
    for part in &message.parts {
        match part {
            Part::ToolResult { id, content, .. } => {
                messages.push(json!({"role": "tool", "tool_call_id": id, "content": content}));
            }
            Part::ToolCall { id, name, input } => calls.push(json!({
                "id": id, "type": "function", "function": {"name": name, "arguments": written(input)},
            })),
            Part::Text { .. } => some = true,
            Part::Own { .. } => {}
        }
    }
    if !some && calls.is_empty() {
        return;
    }
    let content = if some { json!(message.text()) } else { Value::Null };
    let role = match message.role {
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let mut turn = json!({"role": role, "content": content});
    if !calls.is_empty() {
        turn["tool_calls"] = Value::Array(calls);
    }
    messages.push(turn);
}
