//! Filters that encode, decode, quote and digest.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use md5::Md5;
use minijinja::{Error, State, Value};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use crate::args::{Args, Entry, entry, is_charge};
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
    entry("from_yaml", &[], from_yaml),
    entry("from_yaml_all", &[], from_yaml_all),
    entry("b64encode", &["encoding", "urlsafe"], b64encode),
    entry("b64decode", &["encoding", "urlsafe"], b64decode),
    entry("hash", &["hashtype"], |_, args| digest(args, &args.text_or("hashtype", "sha1")?)),
    entry("checksum", &[], |_, args| digest(args, "sha1")),
    entry("sha1", &[], |_, args| digest(args, "sha1")),
    entry("md5", &[], |_, args| digest(args, "md5")),
    entry("quote", &[], quote),
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

fn from_yaml(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    // A value that is data already stays what it is.
    let Some(text) = args.input().as_str() else { return Ok(args.input().clone()) };
    let mut documents = documents(args, text)?;
    match documents.len() {
        0 | 1 => Ok(documents.pop().unwrap_or_else(|| Value::from(()))),
        _ => Err(args.error("needs a text with one document; `from_yaml_all` takes several")),
    }
}

fn from_yaml_all(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    match args.input().as_str() {
        Some(text) => documents(args, text).map(Value::from),
        None if args.input().is_none() => Ok(Vec::<Value>::new().into()),
        None => Ok(args.input().clone()),
    }
}

fn documents(args: &Args<'_>, text: &str) -> Result<Vec<Value>, Error> {
    yaml::read_all(text).map_err(|error| match error.detail() {
        Some(detail) if !is_charge(&error) => args.error(format!("cannot read this YAML: {detail}")),
        _ => error,
    })
}

fn b64encode(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let input = args.input_text()?;
    charge(input.len() * 4)?;
    let bytes = match args.text_or("encoding", "utf-8")?.to_lowercase().as_str() {
        "utf-8" | "utf8" | "ascii" => input.into_bytes(),
        "utf-16-le" => input.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16-be" => input.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        other => return Err(unknown_encoding(args, other)),
    };
    Ok(if args.flag("urlsafe", false) { URL_SAFE.encode(bytes) } else { STANDARD.encode(bytes) }.into())
}

fn unknown_encoding(args: &Args<'_>, name: &str) -> Error {
    args.error(format!("knows the encodings utf-8, ascii, utf-16-le and utf-16-be, not `{name}`"))
}

fn b64decode(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let text: String = args.input_text()?.split_whitespace().collect();
    let unpadded = text.trim_end_matches('=');
    let decoded = match args.flag("urlsafe", false) {
        true => URL_SAFE_NO_PAD.decode(unpadded),
        false => STANDARD_NO_PAD.decode(unpadded),
    };
    let bytes = decoded.map_err(|_| args.error("needs valid base64"))?;
    let words = |join: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        rest.is_empty()
            .then(|| String::from_utf16(&pairs.iter().map(|pair| join(*pair)).collect::<Vec<_>>()).ok())
    };
    let text = match args.text_or("encoding", "utf-8")?.to_lowercase().as_str() {
        "utf-8" | "utf8" | "ascii" => String::from_utf8(bytes).ok(),
        "utf-16-le" => words(u16::from_le_bytes).flatten(),
        "utf-16-be" => words(u16::from_be_bytes).flatten(),
        other => return Err(unknown_encoding(args, other)),
    };
    text.map(Value::from).ok_or_else(|| args.error("decodes to bytes that are no text"))
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
