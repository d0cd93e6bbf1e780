//! The fields that `uri` makes of an answer.

use std::time::Instant;

use serde_json::{Map, Value};
use windlass_http::{Request, Response, Url};

use crate::{
    Args, Reply,
    fetch::masked,
    modules::get_url::name,
};

/// An answer without its body.
pub(super) struct Answer {
    pub(super) status: u16,
    reason: &'static str,
    headers: Map<String, Value>,
    cookies: Vec<(String, String)>,
    length: Option<String>,
    redirected: Option<Url>,
    /// Where a `Location` leads.
    location: Option<String>,
    /// What a file of it is called.
    pub(super) file_name: String,
    /// Whether its type says so.
    pub(super) is_json: bool,
    latin: bool,
    pub(super) content: Option<Vec<u8>>,
}

impl Answer {
    pub(super) fn of(response: &Response, request: &Request, args: &Args) -> Self {
        let mut headers = Map::new();
        for (header, value) in &response.headers {
            let key = header.replace('-', "_");
            let joined = match headers.get(&key).and_then(Value::as_str) {
                Some(before) => format!("{before}, {value}"),
                None => value.clone(),
            };
            headers.insert(key, joined.into());
        }
        let kind = response.header("content-type").unwrap_or_default().to_ascii_lowercase();
        let sub = kind.split(';').next().unwrap_or_default().split('/').nth(1).unwrap_or_default().trim();
        let last = sub.rsplit('+').next().unwrap_or_default();
        let moved = response.url != request.url && (200..300).contains(&response.status);
        let location = response.header("location");
        let base = Url::parse(args.str("url")).ok();
        Self {
            status: response.status,
            reason: response.reason,
            headers,
            cookies: response.cookies.clone(),
            length: response.header("content-length"),
            redirected: moved.then(|| response.url.clone()),
            location: location.and_then(|to| base?.join(&to).ok()).map(|url| url.to_string()),
            file_name: name::of(response.header("content-disposition").as_deref(), &response.url),
            is_json: matches!(last, "json" | "javascript"),
            latin: kind.contains("charset=iso-8859-1") || kind.contains("charset=latin1"),
            content: None,
        }
    }

    /// The result, as Ansible has it.
    pub(super) fn reply(self, wanted: bool, start: Instant, args: &Args) -> Reply {
        let ok = (200..300).contains(&self.status);
        let msg = match &self.length {
            _ if !ok => format!("HTTP Error {}: {}", self.status, self.reason),
            Some(length) => format!("OK ({length} bytes)"),
            None => "OK (unknown bytes)".into(),
        };
        let mut reply = Reply::ok();
        reply.fields = self.headers;
        if ok {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let cookies = self.cookies.into_iter().map(|(name, value)| (name, Value::from(value)));
            reply = reply.with("cookies", cookies.collect::<Map<_, _>>()).with("cookies_string", pairs.join("; "));
        }
        if let Some(location) = self.location {
            reply = reply.with("location", location);
        }
        if let Some(bytes) = self.content {
            let text = match self.latin {
                true => bytes.iter().map(|byte| char::from(*byte)).collect(),
                false => String::from_utf8_lossy(&bytes).into_owned(),
            };
            if self.is_json && let Ok(json) = serde_json::from_str::<Value>(&text) {
                reply = reply.with("json", json);
            }
            if args.bool("return_content") {
                reply = reply.with("content", text);
            }
        }
        let redirected = self.redirected.is_some();
        let url = self.redirected.map_or_else(|| masked(args.str("url")), |url| url.to_string());
        reply.failed = !wanted;
        reply
            .with("status", self.status)
            .with("url", url)
            .with("redirected", redirected)
            .with("elapsed", start.elapsed().as_secs())
            .msg(match wanted {
                true => msg,
                false => {
                    let codes = codes(args.list("status_code"));
                    format!("Status code was {} and not {codes}: {msg}", self.status)
                }
            })
    }
}

/// A list as Python shows it.
pub(super) fn codes(codes: &[Value]) -> String {
    let codes: Vec<_> = codes.iter().map(ToString::to_string).collect();
    format!("[{}]", codes.join(", "))
}
