//! Parameters written as text: `src=a dest=b`, and commands with options among them.

use serde_json::{Map, Value};

use crate::{ParamError, Spec};

/// The options that free-form text may hold; any other `k=v` in it belongs to the command. The same ones as in
/// Ansible, so that `env cmd=x` stays a command.
const OPTIONS: [&str; 8] = [
    "creates",
    "removes",
    "chdir",
    "executable",
    "stdin",
    "stdin_add_newline",
    "strip_empty_ends",
    "expand_argument_vars",
];

/// Turns what was written for a module into a map of parameters.
pub(crate) fn expand(spec: &Spec, raw: Value) -> Result<Map<String, Value>, ParamError> {
    match raw {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        Value::String(text) => match spec.free_form {
            // Where it is no command, words that name parameters are those parameters.
            Some(param) if param != "_raw_params" => match pairs(&text, false) {
                Ok(map) if map.keys().all(|name| spec.param(name).is_some()) && !map.is_empty() => Ok(map),
                _ => Ok(command(param, &text)),
            },
            Some(param) => Ok(command(param, &text)),
            None if text.trim().is_empty() => Ok(Map::new()),
            None => pairs(&text, false).map_err(|why| {
                ParamError::whole(format!("{}: {why}", spec.name))
                    .hint("parameters are written as `name: value`")
            }),
        },
        _ => Err(ParamError::whole(format!("{}: the parameters are neither a map nor text", spec.name))),
    }
}

/// Takes the options out of a command; what is left of the text stays as it was written.
fn command(param: &str, text: &str) -> Map<String, Value> {
    let mut map = Map::new();
    let mut rest = String::new();
    let mut kept = 0;
    for token in tokens(text, false).0 {
        let (start, end) = token;
        if let Some((name, value)) = text[start..end].split_once('=')
            && OPTIONS.contains(&name)
        {
            rest.push_str(&text[kept..start]);
            kept = end + text[end..].len() - text[end..].trim_start_matches([' ', '\t']).len();
            map.insert(name.into(), unquote(value).into());
        }
    }
    rest.push_str(&text[kept..]);
    let rest = rest.trim();
    if !rest.is_empty() {
        map.insert(param.into(), rest.into());
    }
    map
}

/// Reads `k=v k2="v 2"`, or with commas `k=v, k2="v 2"`.
pub(super) fn pairs(text: &str, commas: bool) -> Result<Map<String, Value>, String> {
    let (tokens, balanced) = tokens(text, commas);
    if !balanced {
        return Err("a quote or a template is not closed".into());
    }
    tokens
        .into_iter()
        .map(|(start, end)| match text[start..end].split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), unquote(value).into())),
            _ => Err(format!("expected `name=value`, found {:?}", &text[start..end])),
        })
        .collect()
}

/// Where the words of the text lie, and whether every quote and template in it was closed. A template is part
/// of its word, whatever spaces and quotes it holds.
fn tokens(text: &str, commas: bool) -> (Vec<(usize, usize)>, bool) {
    let bytes = text.as_bytes();
    let (mut tokens, mut start, mut quote, mut closer) = (Vec::new(), None, None, None::<&[u8]>);
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let mut step = 1;
        if let Some(end) = closer {
            if bytes[at..].starts_with(end) {
                (closer, step) = (None, 2);
            }
        } else if let Some(end) = opens_template(&bytes[at..]) {
            (closer, step) = (Some(end), 2);
            start.get_or_insert(at);
        } else if byte == b'\\' {
            start.get_or_insert(at);
            step = 2;
        } else if quote == Some(byte) {
            quote = None;
        } else if quote.is_none() && matches!(byte, b'"' | b'\'') {
            quote = Some(byte);
            start.get_or_insert(at);
        } else if quote.is_none() && (byte.is_ascii_whitespace() || commas && byte == b',') {
            tokens.extend(start.take().map(|start| (start, at)));
        } else {
            start.get_or_insert(at);
        }
        at += step;
    }
    tokens.extend(start.map(|start| (start, bytes.len())));
    (tokens, quote.is_none() && closer.is_none())
}

fn opens_template(bytes: &[u8]) -> Option<&'static [u8]> {
    match bytes {
        [b'{', b'{', ..] => Some(b"}}"),
        [b'{', b'%', ..] => Some(b"%}"),
        [b'{', b'#', ..] => Some(b"#}"),
        _ => None,
    }
}

/// A value without the quotes around all of it, and with the usual escapes read.
fn unquote(value: &str) -> String {
    let inner = ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .filter(|_| value.len() > 1)
        .unwrap_or(value);
    if inner.contains('\\') { unescape(inner) } else { inner.to_owned() }
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some(c @ ('\\' | '"' | '\'')) => out.push(c),
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
    }
    out
}
