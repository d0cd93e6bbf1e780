//! What the errors of services mean: statuses, texts, and how long they want to be left alone.

use std::time::{Duration, SystemTime};

use jiff::{Timestamp, fmt::rfc2822};
use serde_json::Value;
use windlass_http::{Response, Url};

use crate::{Error, Kind};

/// The longest text of a service that goes into a message.
const LONGEST: usize = 600;

/// What an answer means that is no good one.
pub(crate) fn of_answer(response: &Response, body: &[u8]) -> Error {
    let status = response.status;
    if (300..400).contains(&status) {
        let to = response.header("location").and_then(|to| response.url.join(&to).ok());
        return moved(status, to);
    }
    let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let mut error = match value.get("error").or_else(|| value.get("message").map(|_| &value)) {
        Some(said) => of_value(said, Some(status)),
        None => {
            let text = plain(&String::from_utf8_lossy(body));
            let text = if text.is_empty() { response.reason.to_owned() } else { text };
            Error::new(kind(Some(status), "", &text), format!("status {status}: {text}"))
        }
    };
    error.status = Some(status);
    error.retry_after = wait(&|name| response.header(name), status);
    error
}

/// Where a key would be sent along, nobody follows.
fn moved(status: u16, to: Option<Url>) -> Error {
    let to = to.map_or_else(|| "elsewhere".to_owned(), |to| format!("to {}", to.authority()));
    let message = format!("status {status}: the address leads {to}; name that place itself if you trust it");
    Error { status: Some(status), ..Error::new(Kind::NotFound, message) }
}

/// What an error object says, from an answer or from the middle of a stream. All formats have `message`, `type`
/// and `code` in some form; some servers give the text alone.
pub(crate) fn of_value(said: &Value, status: Option<u16>) -> Error {
    let field = |name: &str| match said.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let (word, code) = (field("type"), field("code"));
    let message = said.as_str().map_or_else(|| field("message"), str::to_owned);
    // In a stream some servers have the status as the code.
    let status = status.or_else(|| code.parse().ok());
    let kind = kind(status, &format!("{word} {code}"), &message);
    let message = plain(&message);
    let named = [word, code].into_iter().find(|word| !word.is_empty());
    let message = match (named, message.is_empty()) {
        (Some(word), false) => format!("{message} ({word})"),
        (Some(word), true) => word,
        (None, false) => message,
        (None, true) => "an error without a text".into(),
    };
    Error { status, ..Error::new(kind, message) }
}

/// Words say more than a status: an empty account is 429 with one provider, 400 with another.
fn kind(status: Option<u16>, words: &str, message: &str) -> Kind {
    let message = message.to_ascii_lowercase();
    let said = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    let named = |texts: &[&str]| texts.iter().any(|text| words.contains(text));
    if named(&["insufficient_quota", "billing", "spend_limit"]) || said(&["credit balance is too low"]) {
        return Kind::Billing;
    }
    let long = ["prompt is too long", "maximum context length", "context window", "available context size"];
    if named(&["context_length_exceeded", "exceed_context_size"]) || said(&long) {
        return Kind::TooLong;
    }
    if named(&["content_filter", "content_policy", "bio_policy", "misalignment_policy"]) {
        return Kind::Refused;
    }
    if named(&["overloaded", "server_error", "api_error"]) && status.is_none_or(|status| status >= 500) {
        return Kind::Overloaded;
    }
    match status {
        Some(401 | 403) => Kind::Auth,
        Some(402) => Kind::Billing,
        Some(404 | 405) => Kind::NotFound,
        Some(408 | 504) => Kind::Timeout,
        Some(413) => Kind::TooLong,
        Some(429) => Kind::RateLimited,
        Some(500..) => Kind::Overloaded,
        Some(400..) => Kind::BadRequest,
        _ if named(&["rate_limit"]) => Kind::RateLimited,
        _ if named(&["authentication", "permission"]) => Kind::Auth,
        _ if named(&["timeout"]) => Kind::Timeout,
        _ if named(&["invalid"]) => Kind::BadRequest,
        _ => Kind::Overloaded,
    }
}

/// A text of somebody else's, fit for a message: one line, no controls, not long.
pub(crate) fn plain(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST * 4).collect();
    let mut words: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = words.char_indices().nth(LONGEST) {
        words.truncate(end);
        words.push('…');
    }
    words
}

/// How long a service wants to be left alone: what it says for that, else when what is used up comes back.
fn wait(header: &dyn Fn(&str) -> Option<String>, status: u16) -> Option<Duration> {
    let number = |text: String| text.trim().parse::<f64>().ok().filter(|number| (0.0..1e9).contains(number));
    if let Some(ms) = header("retry-after-ms").and_then(number) {
        return Some(Duration::from_secs_f64(ms / 1000.0));
    }
    let now = header("date")
        .and_then(|date| date_of(&date))
        .or_else(|| Timestamp::try_from(SystemTime::now()).ok())?;
    let from_now = |then: Timestamp| Duration::try_from(then.duration_since(now)).unwrap_or_default();
    if let Some(text) = header("retry-after") {
        let date = || date_of(&text).map(from_now);
        return number(text.clone()).map(Duration::from_secs_f64).or_else(date);
    }
    if status != 429 {
        return None;
    }
    let used_up = |name: &str| header(name).is_some_and(|left| left.trim() == "0");
    let resets = ["requests", "tokens", "input-tokens", "output-tokens"].into_iter().filter_map(|what| {
        if used_up(&format!("anthropic-ratelimit-{what}-remaining")) {
            let text = header(&format!("anthropic-ratelimit-{what}-reset"))?;
            return text.trim().parse().ok().map(from_now);
        }
        if used_up(&format!("x-ratelimit-remaining-{what}")) {
            return span_of(header(&format!("x-ratelimit-reset-{what}"))?.trim());
        }
        None
    });
    resets.max()
}

fn date_of(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

/// A span as OpenAI writes it: `1s`, `6m0s`, `20ms`, `1h2m3.5s`.
fn span_of(text: &str) -> Option<Duration> {
    let (mut sum, mut rest) = (0.0, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |end| digits + end);
        sum += number
            * match &rest[digits..unit] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    (0.0..1e9).contains(&sum).then(|| Duration::from_secs_f64(sum))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_are_understood_by_what_they_say() {
        for (status, said, expected) in [
            (401, json!({"type": "authentication_error", "message": "invalid x-api-key"}), Kind::Auth),
            (403, json!({"type": "permission_error", "message": "no"}), Kind::Auth),
            (
                400,
                json!({"type": "invalid_request_error", "message": "max_tokens: required"}),
                Kind::BadRequest,
            ),
            (
                400,
                json!({"type": "invalid_request_error", "message": "Your credit balance is too low"}),
                Kind::Billing,
            ),
            (
                400,
                json!({"type": "invalid_request_error", "message": "prompt is too long: 5 > 4"}),
                Kind::TooLong,
            ),
            (400, json!({"code": "context_length_exceeded", "message": "x"}), Kind::TooLong),
            (400, json!({"code": 400, "type": "exceed_context_size_error", "message": "x"}), Kind::TooLong),
            (413, json!({"type": "request_too_large", "message": "x"}), Kind::TooLong),
            (404, json!({"type": "not_found_error", "message": "model: x"}), Kind::NotFound),
            (429, json!({"type": "rate_limit_error", "message": "x"}), Kind::RateLimited),
            (429, json!({"code": "insufficient_quota", "message": "x"}), Kind::Billing),
            (400, json!({"code": "content_filter", "message": "x"}), Kind::Refused),
            (500, json!({"type": "api_error", "message": "x"}), Kind::Overloaded),
            (529, json!({"type": "overloaded_error", "message": "x"}), Kind::Overloaded),
            (503, json!("model is loading"), Kind::Overloaded),
            (504, json!({"type": "timeout_error", "message": "x"}), Kind::Timeout),
        ] {
            assert_eq!(of_value(&said, Some(status)).kind, expected, "{status} {said}");
        }
        let streamed = json!({"type": "overloaded_error", "message": "Overloaded"});
        assert_eq!(of_value(&streamed, None).kind, Kind::Overloaded);
        assert_eq!(of_value(&streamed, None).message, "Overloaded (overloaded_error)");
        assert_eq!(of_value(&json!({"type": "rate_limit_error"}), None).kind, Kind::RateLimited);
    }

    #[test]
    fn waits_are_read_from_whatever_header_has_them() {
        let date = "Date: Wed, 21 Oct 2026 07:28:00 GMT";
        for (headers, status, expected) in [
            (&["Retry-After: 7"][..], 429, Some(7000)),
            (&["Retry-After: 0.5"], 503, Some(500)),
            (&["retry-after-ms: 20", "Retry-After: 7"], 429, Some(20)),
            (&[date, "Retry-After: Wed, 21 Oct 2026 07:28:30 GMT"], 429, Some(30_000)),
            (&[date, "Retry-After: Wed, 21 Oct 2026 07:00:00 GMT"], 429, Some(0)),
            (&["Retry-After: soon"], 429, None),
            (&["Retry-After: -3"], 429, None),
            (&["x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 6m0.5s"], 429, Some(360_500)),
            (&["x-ratelimit-remaining-tokens: 5", "x-ratelimit-reset-tokens: 6m0s"], 429, None),
            (&["x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 20ms"], 429, Some(20)),
            (
                &[
                    date,
                    "anthropic-ratelimit-requests-remaining: 0",
                    "anthropic-ratelimit-requests-reset: 2026-10-21T07:28:12Z",
                ],
                429,
                Some(12_000),
            ),
            (&["x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 1s"], 500, None),
        ] {
            let header = |name: &str| {
                let found = headers.iter().filter_map(|line| line.split_once(": "));
                found
                    .filter(|(own, _)| own.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value.to_owned())
                    .next()
            };
            assert_eq!(wait(&header, status), expected.map(Duration::from_millis), "{headers:?}");
        }
    }

    #[test]
    fn foreign_texts_are_made_harmless() {
        assert_eq!(plain(" a\u{1b}[31m\r\n b\u{7} "), "a [31m b");
        assert!(plain(&"ä".repeat(9999)).chars().count() <= LONGEST + 1);
    }
}
