//! Bodies as forms send them.

use std::{fs, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};
use windlass_http::encode;

use crate::{Context, Error, args::text_of, fsops::replace::random};

/// `a=1&b=2`, of a map, or of a list of pairs; what is nothing is left out.
pub(super) fn encoded(body: &Value) -> Result<String, Error> {
    let pairs: Vec<(String, &Value)> = match body {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => items.iter().map(pair).collect::<Option<_>>().ok_or_else(|| {
            Error::Failed("a form that is a list must be one of pairs, as in [[name, value]]".into())
        })?,
        scalar => return Ok(text_of(scalar).unwrap_or_default()),
    };
    let mut out = Vec::new();
    for (key, value) in pairs {
        let values = match value {
            Value::Array(items) => items.iter().collect(),
            one => vec![one],
        };
        for value in values.into_iter().filter(|value| !value.is_null()) {
            let text = text_of(value).unwrap_or_else(|| value.to_string());
            out.push(format!("{}={}", encode(&key), encode(&text)));
        }
    }
    Ok(out.join("&"))
}

fn pair(item: &Value) -> Option<(String, &Value)> {
    match item.as_array().map(Vec::as_slice) {
        Some([key, value]) => Some((text_of(key)?, value)),
        _ => None,
    }
}

/// A form in parts, and its type.
pub(super) fn multipart(body: &Value, cx: &Context<'_>) -> Result<(Vec<u8>, String), Error> {
    let Some(fields) = body.as_object() else {
        return Err(Error::Failed("a body for form-multipart must be a map".into()));
    };
    // Nobody can guess it, so that no content can hold it on purpose.
    let boundary = format!("==============={:016x}{:016x}==", random(), random());
    let mut names: Vec<&String> = fields.keys().collect();
    names.sort();
    let mut out = Vec::new();
    for name in names {
        out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        out.extend(part(name, &fields[name], cx)?);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok((out, format!("multipart/form-data; boundary=\"{boundary}\"")))
}

fn part(name: &str, field: &Value, cx: &Context<'_>) -> Result<Vec<u8>, Error> {
    let bad = |why: &str| Error::Failed(format!("the form field {name:?} {why}"));
    let head = |kind: &str, coding: &str, file: Option<&str>| {
        let file = file.map(|file| format!("; filename=\"{}\"", quoted(file))).unwrap_or_default();
        let name = quoted(name);
        format!("Content-Type: {kind}\r\n{coding}Content-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").into_bytes()
    };
    let map = match field {
        Value::Object(map) => map,
        scalar => {
            let text = text_of(scalar).ok_or_else(|| bad("must be text or a map"))?;
            return Ok([head("text/plain", "", None), text.into_bytes()].concat());
        }
    };
    let of = |key: &str| text(map, key);
    let kind = of("mime_type").unwrap_or_else(|| "application/octet-stream".into());
    if kind.contains(['\r', '\n']) {
        return Err(bad("has a line break in its `mime_type`"));
    }
    let file = of("filename");
    let base = file.as_deref().and_then(|file| Path::new(file).file_name()).map(|base| base.to_string_lossy());
    match (of("content"), file.as_deref()) {
        (Some(content), _) => Ok([head(&kind, "", base.as_deref()), content.into_bytes()].concat()),
        (None, Some(file)) => {
            let path = cx.path(file);
            let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
            match of("multipart_encoding").as_deref().unwrap_or("base64") {
                "base64" => {
                    let coding = "Content-Transfer-Encoding: base64\r\n";
                    Ok([head(&kind, coding, base.as_deref()), lines(&bytes)].concat())
                }
                "7or8bit" => {
                    let coding = format!("Content-Transfer-Encoding: {}\r\n", if bytes.is_ascii() { "7bit" } else { "8bit" });
                    Ok([head(&kind, &coding, base.as_deref()), bytes].concat())
                }
                _ => Err(bad("has a `multipart_encoding` that is neither base64 nor 7or8bit")),
            }
        }
        (None, None) => Err(bad("needs `content` or `filename`")),
    }
}

fn text(map: &Map<String, Value>, key: &str) -> Option<String> {
    map.get(key).and_then(text_of).filter(|text| !text.is_empty())
}

/// Base64 in lines of 76 letters, as mail has them.
fn lines(bytes: &[u8]) -> Vec<u8> {
    let text = BASE64_STANDARD.encode(bytes);
    let lines: Vec<&[u8]> = text.as_bytes().chunks(76).collect();
    let mut out = lines.join(&b"\r\n"[..]);
    out.extend_from_slice(b"\r\n");
    out
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\r', '\n'], " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_are_encoded_as_python_does() {
        for (body, expected) in [
            (json!({"a": "x y", "b": 1, "c": null, "d": true}), "a=x+y&b=1&d=True"),
            (json!([["a", ["1", "2"]], ["b", "ä&"]]), "a=1&a=2&b=%C3%A4%26"),
            (json!("as=it+is"), "as=it+is"),
        ] {
            assert_eq!(encoded(&body).unwrap(), expected);
        }
        assert!(encoded(&json!([1])).is_err());
    }
}
