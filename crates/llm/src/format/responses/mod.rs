//! OpenAI's Responses.

pub(super) mod fold;

use serde_json::{Map, Value, json};

use super::{Ask, and_extra, ask, bearer, garbled, small, written};
use crate::{
    Choice, Delta, Error, Kind, Message, Part, Patience, Provider, Reply, Request, Role, Service,
    service::Line,
};

/// A service that speaks OpenAI's Responses. Its base is `https://api.openai.com/v1`; `/responses` is put behind it.
///
/// Nothing is stored there: each request has the whole conversation. The format knows no stop texts, so that a
/// request with some is an error, and no seed. It cannot say that a tool failed; its result has to. What a model
/// thought comes back only where `include: [reasoning.encrypted_content]` is asked for ([`Request::extra`]).
pub struct Responses {
    line: Line,
}

impl Responses {
    /// A provider at a service.
    pub fn new(service: Service) -> Self {
        Self { line: Line::new(service) }
    }

    fn headers(&self) -> Vec<(String, String)> {
        bearer(self.line.service.key.as_ref())
    }
}

impl Provider for Responses {
    fn name(&self) -> &str {
        &self.line.service.name
    }

    fn ask(
        &self,
        request: &Request,
        tell: &mut dyn FnMut(Delta<'_>),
        patience: &Patience,
    ) -> Result<Reply, Error> {
        if !request.stop.is_empty() {
            let why =
                "the format openai-responses knows no stop texts: leave `stop` out, or use the format openai";
            return Err(Error::before(Kind::BadRequest, why));
        }
        let what = Ask { path: "/responses", headers: self.headers(), body: whole_body(request) };
        ask(&self.line, what, request, &mut fold::Folding::default(), tell, patience)
    }

    fn count(&self, request: &Request, patience: &Patience) -> Result<Option<u64>, Error> {
        let what = Ask {
            path: "/responses/input_tokens",
            headers: self.headers(),
            body: Value::Object(body(request)),
        };
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

/// What is counted: all that the model reads.
fn body(request: &Request) -> Map<String, Value> {
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            body.insert(key.into(), value);
        }
    };
    put("model", json!(request.model));
    put("instructions", json!(request.system));
    put("input", request.messages.iter().flat_map(items).collect());
    if !request.tools.is_empty() {
        put("tools", request.tools.iter().map(tool).collect());
        put("tool_choice", choice(&request.tool_choice));
    }
    if let Some(schema) = &request.schema {
        put(
            "text",
            json!({"format": {
                "type": "json_schema", "name": schema.name, "schema": schema.schema, "strict": schema.strict,
            }}),
        );
    }
    body
}

fn whole_body(request: &Request) -> Value {
    let mut body = body(request);
    body.insert("max_output_tokens".into(), json!(request.max_output_tokens));
    body.insert("stream".into(), json!(true));
    body.insert("store".into(), json!(false));
    for (key, value) in [("temperature", request.temperature), ("top_p", request.top_p)] {
        body.extend(value.map(|value| (key.to_owned(), json!(value))));
    }
    body.extend(request.user.as_ref().map(|user| ("safety_identifier".to_owned(), json!(user))));
    and_extra(Value::Object(body), request)
}

fn tool(tool: &crate::Tool) -> Value {
    // Not strict: a strict schema has rules of its own, which the caller may not know.
    json!({
        "type": "function", "name": tool.name, "description": tool.description, "parameters": tool.schema,
        "strict": false,
    })
}

fn choice(choice: &Choice) -> Value {
    match choice {
        Choice::Auto => Value::Null,
        Choice::Any => json!("required"),
        Choice::None => json!("none"),
        Choice::Tool(name) => json!({"type": "function", "name": name}),
    }
}

/// The items of one message: its texts are one, each thought, each call and each result is one.
fn items(message: &Message) -> Vec<Value> {
    let thoughts = message.parts.iter().filter_map(|part| part.own(&["reasoning"]).cloned());
    let mut items: Vec<Value> = thoughts.collect();
    let (first, mut some) = (items.len(), false);
    for part in &message.parts {
        match part {
            Part::Text { .. } => some = true,
            Part::Own { .. } => {}
            Part::ToolCall { id, name, input } => items.push(json!({
                "type": "function_call", "call_id": id, "name": name, "arguments": written(input),
            })),
            Part::ToolResult { id, content, .. } => {
                items.push(json!({"type": "function_call_output", "call_id": id, "output": content}));
            }
        }
    }
    if some {
        // A model thinks, speaks and calls; a user speaks after results.
        let (role, at) = match message.role {
            Role::User => ("user", items.len()),
            Role::Assistant => ("assistant", first),
        };
        items.insert(at, json!({"role": role, "content": message.text()}));
    }
    items
}
