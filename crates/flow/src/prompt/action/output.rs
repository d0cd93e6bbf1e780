//! Answers that have to match a schema: found in what a model wrote, and judged.

use serde_json::Value;
use windlass_llm::{Reply, Stop};

use crate::prompt::schema;

/// How many bytes of what does not match are told to the model; a token has one byte at least.
pub(super) const TOLD: u64 = 800;

/// The value that a reply holds, or what is wrong with it, for the model to read.
pub(super) fn answer(of: &Value, reply: &Reply) -> Result<Value, String> {
    if reply.stop == Stop::Length {
        return Err("the answer was cut off: it has more tokens than it may. Answer more briefly.".to_owned());
    }
    let text = reply.text();
    let value: Value =
        serde_json::from_str(bare(&text)).map_err(|error| format!("the answer is not JSON: {error}"))?;
    let wrong = schema::mismatches(of, &value);
    if wrong.is_empty() { Ok(value) } else { Err(wrong.join("\n")) }
}

/// What the model is told about an answer that does not match.
pub(super) fn told(wrong: &str) -> String {
    let head = "Your answer does not match the JSON schema that it has to match:\n\n";
    let tail = "\n\nAnswer again with JSON alone that does.";
    let room = TOLD as usize - head.len() - tail.len();
    format!("{head}{}{tail}", &wrong[..wrong.floor_char_boundary(room)])
}

/// A text without the fence that models like to put around JSON.
fn bare(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    inner.map_or(text, |inner| inner.strip_prefix("json").unwrap_or(inner).trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use windlass_llm::{Part, Tokens};

    fn reply(text: &str, stop: Stop) -> Reply {
        let parts = vec![Part::Text { text: text.to_owned() }];
        Reply {
            id: String::new(),
            model: "m".into(),
            parts,
            stop,
            usage: Tokens::default(),
            estimated: false,
        }
    }

    #[test]
    fn answers_are_found_and_judged() {
        let schema =
            json!({"type": "object", "required": ["score"], "properties": {"score": {"type": "integer"}}});
        for text in ["{\"score\": 7}", "```json\n{\"score\": 7}\n```", " ```\n{\"score\":7}``` "] {
            assert_eq!(answer(&schema, &reply(text, Stop::End)), Ok(json!({"score": 7})), "{text}");
        }
        for (text, stop, why) in [
            ("seven", Stop::End, "not JSON"),
            ("{}", Stop::End, "required"),
            ("{\"score\": \"x\"}", Stop::End, "/score"),
            ("{\"score\": 7}", Stop::Length, "cut off"),
        ] {
            let wrong = answer(&schema, &reply(text, stop)).expect_err(text);
            assert!(wrong.contains(why), "{wrong}");
        }
        assert!(told(&"ä".repeat(5000)).len() <= TOLD as usize);
    }
}
