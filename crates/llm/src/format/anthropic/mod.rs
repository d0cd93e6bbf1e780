//! Anthropic's Messages.

pub(super) mod fold;

use serde_json::{Map, Value, json};

use super::{Ask, and_extra, ask, garbled, small, written};
use crate::{
    Choice, Delta, Error, Kind, Message, OutputSchema, Part, Patience, Provider, Reply, Request, Role,
    Service, service::Line,
};

/// The version of the format. 2026-10-21 takes no `temperature` and no `top_p` any more; whoever wants it all the same
/// says so by a header of the service.
const VERSION: &str = "2023-06-01";
/// What of a reply is the service's own, and has to come back to it as it was when tools have been called.
const THOUGHTS: [&str; 2] = ["thinking", "redacted_thinking"];

/// A service that speaks Anthropic's Messages. Its base is `https://api.anthropic.com`; `/v1/messages` is put behind
/// it.
///
/// A strict schema becomes `output_config`. One that is not strict becomes a tool that the model must call, unless
/// the request has tools of its own: the model could call none of those then. There is no `seed`.
pub struct Anthropic {
    line: Line,
    /// Schemas always become a tool that must be called: for models and servers that know no `output_config`.
    by_tool: bool,
}

impl Anthropic {
    /// A provider at a service.
    pub fn new(service: Service) -> Self {
        Self { line: Line::new(service), by_tool: false }
    }

    /// Has every schema become a tool that must be called: for models and servers that know no `output_config`.
    #[must_use]
    pub fn by_tool(mut self) -> Self {
        self.by_tool = true;
        self
    }

    fn headers(&self) -> Vec<(String, String)> {
        let mut headers = vec![("anthropic-version".to_owned(), VERSION.to_owned())];
        let key = self.line.service.key.as_ref();
        headers.extend(key.map(|key| ("x-api-key".to_owned(), key.expose().to_owned())));
        headers
    }

    /// The schema that becomes a tool, if one does.
    fn forced<'a>(&self, request: &'a Request) -> Option<&'a OutputSchema> {
        let schema = request.schema.as_ref()?;
        (request.tools.is_empty() && (self.by_tool || !schema.strict)).then_some(schema)
    }

    fn body(&self, request: &Request) -> Map<String, Value> {
        let mut body = Map::new();
        let mut put = |key: &str, value: Value| {
            if !value.is_null() {
                body.insert(key.into(), value);
            }
        };
        let stable = request.stable.min(request.messages.len());
        put("model", json!(request.model));
        put("system", system(request));
        let messages = request.messages.iter().enumerate();
        put("messages", messages.map(|(at, message)| turn(message, at + 1 == stable)).collect());
        let tools = request.tools.iter();
        let mut tools: Vec<Value> = tools
            .map(|tool| json!({"name": tool.name, "description": tool.description, "input_schema": tool.schema}))
            .collect();
        let mut choice = match &request.tool_choice {
            _ if tools.is_empty() => Value::Null,
            Choice::Auto => Value::Null,
            Choice::Any => json!({"type": "any"}),
            Choice::None => json!({"type": "none"}),
            Choice::Tool(name) => json!({"type": "tool", "name": name}),
        };
        match (self.forced(request), &request.schema) {
            (Some(schema), _) => {
                let description = "Gives the answer. Call it once, with the whole answer.";
                tools.push(json!({
                    "name": schema.name, "description": description, "input_schema": schema.schema,
                }));
                choice = json!({"type": "tool", "name": schema.name});
            }
            (None, Some(schema)) => {
                put("output_config", json!({"format": {"type": "json_schema", "schema": schema.schema}}));
            }
            (None, None) => {}
        }
        put("tools", if tools.is_empty() { Value::Null } else { Value::Array(tools) });
        put("tool_choice", choice);
        body
    }

    fn whole_body(&self, request: &Request) -> Value {
        let mut body = self.body(request);
        body.insert("max_tokens".into(), json!(request.max_output_tokens));
        body.insert("stream".into(), json!(true));
        for (key, value) in [("temperature", request.temperature), ("top_p", request.top_p)] {
            body.extend(value.map(|value| (key.to_owned(), json!(value))));
        }
        if !request.stop.is_empty() {
            body.insert("stop_sequences".into(), json!(request.stop));
        }
        body.extend(request.user.as_ref().map(|user| ("metadata".to_owned(), json!({"user_id": user}))));
        and_extra(Value::Object(body), request)
    }
}

impl Provider for Anthropic {
    fn name(&self) -> &str {
        &self.line.service.name
    }

    fn ask(
        &self,
        request: &Request,
        tell: &mut dyn FnMut(Delta<'_>),
        patience: &Patience,
    ) -> Result<Reply, Error> {
        let what = Ask { path: "/v1/messages", headers: self.headers(), body: self.whole_body(request) };
        let forced = self.forced(request).map(|schema| schema.name.clone());
        ask(&self.line, what, request, &mut fold::Folding::new(forced), tell, patience)
    }

    fn count(&self, request: &Request, patience: &Patience) -> Result<Option<u64>, Error> {
        let body = Value::Object(self.body(request));
        let what = Ask { path: "/v1/messages/count_tokens", headers: self.headers(), body };
        match small(&self.line, what, patience) {
            Ok(answer) => match answer.get("input_tokens").and_then(Value::as_u64) {
                Some(count) => Ok(Some(count)),
                None => Err(garbled(answer.to_string().as_bytes())),
            },
            // Servers of others that speak the format mostly cannot count.
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The system prompt: one text, or a block that ends what is cached.
fn system(request: &Request) -> Value {
    match request.system.as_deref().filter(|text| !text.is_empty()) {
        None => Value::Null,
        Some(text) if request.stable == 0 => json!(text),
        Some(text) => json!([{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]),
    }
}

/// One message. Results of tools stand first in it, as the format wants them; empty texts, which it refuses, are
/// left out.
fn turn(message: &Message, cached: bool) -> Value {
    let mut parts: Vec<&Part> = message.parts.iter().collect();
    parts.sort_by_key(|part| !matches!(part, Part::ToolResult { .. }));
    let mut content: Vec<Value> = parts.into_iter().filter_map(block).collect();
    let thought = |block: &Value| block["type"].as_str().is_some_and(|kind| THOUGHTS.contains(&kind));
    if let Some(Value::Object(last)) = content.last_mut().filter(|block| cached && !thought(block)) {
        last.insert("cache_control".into(), json!({"type": "ephemeral"}));
    }
    let role = match message.role {
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    json!({"role": role, "content": content})
}

fn block(part: &Part) -> Option<Value> {
    Some(match part {
        Part::Text { text } if text.is_empty() => return None,
        Part::Own { .. } => part.own(&THOUGHTS)?.clone(),
        Part::Text { text } => json!({"type": "text", "text": text}),
        Part::ToolCall { id, name, input } => {
            // The format takes objects only.
            let input = if input.is_object() { input.clone() } else { json!({"arguments": written(input)}) };
            json!({"type": "tool_use", "id": id, "name": name, "input": input})
        }
        Part::ToolResult { id, content, failed } => {
            let mut block = json!({"type": "tool_result", "tool_use_id": id, "content": content});
            if *failed {
                block["is_error"] = json!(true);
            }
            block
        }
    })
}
