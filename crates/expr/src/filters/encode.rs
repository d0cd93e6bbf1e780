//! Filters that encode, decode, quote and digest.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use md5::Md5;
use minijinja::{Error, State, Value};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use crate::args::{Args, Entry, entry};
use crate::convert::{from_json, json_of};
use crate::meter::{charge, charge_nodes};
use crate::{json, yaml};

pub(super) static FILTERS: &[Entry] = &[
    entry("to_json", &["sort_keys", "ensure_ascii", "indent", "separators"], to_json),
    entry("tojson", &["indent"], to_json),
    entry("to_nice_json", &["indent", "sort_keys", "ensure_ascii"], to_nice_json),
    entry("from_json", &[], parse_json),
    entry("to_yaml", &["indent", "sort_keys", "default_flow_style"], to_yaml),
    entry("to_nice_yaml", &["indent", "sort_keys"], to_nice_yaml),
    entry("b64encode", &[], |_, args| {
        let input = args.input_text()?;
        charge(input.len() * 2)?;
        Ok(STANDARD.encode(input).into())
    }),
    entry("b64decode", &[], b64decode),
    entry("hash", &["hashtype"], |_, args| digest(args, &args.text_or("hashtype", "sha1")?)),
    entry("checksum", &[], |_, args| digest(args, "sha1")),
    entry("sha1", &[], |_, args| digest(args, "sha1")),
    entry("md5", &[], |_, args| digest(args, "md5")),
    entry("quote", &[], quote),
    entry("urlencode", &[], urlencode),
    entry("urldecode", &[], urldecode),
];

fn to_json(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let style = json::Style {
        indent: args.get("indent").map(|_| args.size("indent", 4)).transpose()?,
        sort: args.flag("sort_keys", false),
        ascii: args.flag("ensure_ascii", true),
    };
    json::write(args.input(), &style).map(Value::from)
}

fn to_nice_json(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let style = json::Style {
        indent: Some(args.size("indent", 4)?),
        sort: args.flag("sort_keys", true),
        ascii: args.flag("ensure_ascii", true),
    };
    json::write(args.input(), &style).map(Value::from)
}

fn parse_json(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let Some(text) = args.input().as_str() else {
        // A value that is data already stays what it is.
        return json_of(args.input()).map(|json| from_json(&json));
    };
    charge(text.len())?;
    // Each of these signs stands for one value at most.
    charge_nodes(text.bytes().filter(|byte| matches!(byte, b',' | b':' | b'[' | b'{')).count())?;
    let parsed: serde_json::Value =
        serde_json::from_str(text).map_err(|e| args.error(format!("cannot read this JSON: {e}")))?;
    Ok(from_json(&parsed))
}

fn to_yaml(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let flow_leaves = args.get("default_flow_style").is_none_or(|style| style.is_true());
    let style =
        yaml::Style { indent: args.size("indent", 2)?, flow_leaves, sort: args.flag("sort_keys", true) };
    yaml::write(args.input(), &style).map(Value::from)
}

fn to_nice_yaml(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let style = yaml::Style {
        indent: args.size("indent", 4)?,
        flow_leaves: false,
        sort: args.flag("sort_keys", true),
    };
    yaml::write(args.input(), &style).map(Value::from)
}

fn b64decode(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let text: String = args.input_text()?.split_whitespace().collect();
    let unpadded = text.trim_end_matches('=');
    let bytes = STANDARD_NO_PAD.decode(unpadded).map_err(|_| args.error("needs valid base64"))?;
    String::from_utf8(bytes).map(Value::from).map_err(|_| args.error("decodes to bytes that are no text"))
}

fn digest(args: &Args<'_>, kind: &str) -> Result<Value, Error> {
    let input = args.input_text()?;
    // A digest takes some cycles for each byte.
    charge(input.len())?;
    let bytes: Vec<u8> = match kind {
        "md5" => Md5::digest(input).to_vec(),
        "sha1" => Sha1::digest(input).to_vec(),
        "sha224" => Sha224::digest(input).to_vec(),
        "sha256" => Sha256::digest(input).to_vec(),
        "sha384" => Sha384::digest(input).to_vec(),
        "sha512" => Sha512::digest(input).to_vec(),
        _ => return Err(args.error("knows md5, sha1, sha224, sha256, sha384 and sha512")),
    };
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
}

/// Quotes a text for a shell, if it needs that.
fn quote(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let text = if args.input().is_none() { String::new() } else { args.input_text()? };
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !text.is_empty() && text.chars().all(is_safe) {
        return Ok(text.into());
    }
    charge(text.len().saturating_mul(5))?;
    Ok(format!("'{}'", text.replace('\'', r#"'"'"'"#)).into())
}

fn urlencode(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let input = args.input_text()?;
    charge(input.len().saturating_mul(3))?;
    let mut out = String::with_capacity(input.len());
    for byte in input.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                out.push(byte.into())
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    Ok(out.into())
}

fn urldecode(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let input = args.input_text()?;
    let mut out = Vec::with_capacity(input.len());
    let mut rest = input.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match (byte, hex.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(decoded)) => {
                out.push(decoded);
                rest = &after[2..];
            }
            (b'+', _) => {
                out.push(b' ');
                rest = after;
            }
            _ => {
                out.push(byte);
                rest = after;
            }
        }
    }
    Ok(String::from_utf8_lossy(&out).into_owned().into())
}
