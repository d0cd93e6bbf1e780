//! Filters over addresses of the web, and names made from them.

use minijinja::{Error, State, Value};
use sha1::{Digest, Sha1};

use crate::args::{Args, Entry, entry, invalid};
use crate::meter::charge;

pub(super) static FILTERS: &[Entry] = &[
    entry("urlencode", &[], urlencode),
    entry("urldecode", &[], urldecode),
    entry("urlsplit", &["query"], urlsplit),
    entry("to_uuid", &["namespace"], to_uuid),
];

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

/// The parts of an address, as Python's `urlsplit` names them.
pub(crate) struct Url<'a> {
    pub scheme: String,
    pub netloc: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub fragment: &'a str,
}

impl<'a> Url<'a> {
    pub(crate) fn new(text: &'a str) -> Url<'a> {
        let is_scheme = |text: &&str| {
            text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        };
        let (scheme, rest) = match text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) {
            Some((scheme, rest)) => (scheme.to_lowercase(), rest),
            None => (String::new(), text),
        };
        let (netloc, rest) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())),
            None => ("", rest),
        };
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        Url { scheme, netloc, path, query, fragment }
    }

    /// Who is asked, if anybody: the name and the password.
    fn user(&self) -> (Option<&'a str>, Option<&'a str>) {
        match self.netloc.rsplit_once('@') {
            Some((user, _)) => match user.split_once(':') {
                Some((name, password)) => (Some(name), Some(password)),
                None => (Some(user), None),
            },
            None => (None, None),
        }
    }

    /// The host, in small letters, and what is said to be its port.
    fn host(&self) -> (Option<String>, Option<&'a str>) {
        let place = self.netloc.rsplit_once('@').map_or(self.netloc, |(_, place)| place);
        let (host, port) = match place.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let host = (!host.is_empty()).then(|| host.to_lowercase());
        (host, port.filter(|port| !port.is_empty()))
    }
}

fn urlsplit(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let input = args.input_text()?;
    charge(input.len().saturating_mul(2))?;
    let url = Url::new(&input);
    let ((username, password), (hostname, port)) = (url.user(), url.host());
    let port = port
        .map(|port| port.parse::<u16>().map_err(|_| args.error(format!("cannot read the port `{port}`"))));
    let parts = [
        ("fragment", Value::from(url.fragment)),
        ("hostname", hostname.into()),
        ("netloc", url.netloc.into()),
        ("password", password.into()),
        ("path", url.path.into()),
        ("port", port.transpose()?.into()),
        ("query", url.query.into()),
        ("scheme", url.scheme.into()),
        ("username", username.into()),
    ];
    let Some(wanted) = args.text("query")?.filter(|part| !part.is_empty()) else {
        return Ok(Value::from_pairs(parts));
    };
    let found = parts.into_iter().find(|(name, _)| *name == wanted);
    found.map(|(_, value)| value).ok_or_else(|| args.error(format!("knows no part `{wanted}`")))
}

/// Ansible's own namespace, below which names become identifiers.
const NAMESPACE: &str = "361E6D51-FAEC-444A-9079-341386DA8E2E";

/// The identifier that belongs to a name: version 5, the same at any time.
fn to_uuid(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let namespace = args.text_or("namespace", NAMESPACE)?;
    let digits: String = namespace.chars().filter(|c| !"-{}".contains(*c)).collect();
    let number = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32);
    let number = number.ok_or_else(|| invalid(format!("`{namespace}` is no UUID")))?;
    let input = args.input_text()?;
    charge(input.len())?;
    let digest = Sha1::new().chain_update(number.to_be_bytes()).chain_update(input).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x50;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-").into())
}
