//! What the modules that speak HTTP share: their parameters, the client that these describe, and what must not
//! be seen in a result.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::read::MultiGzDecoder;
use serde_json::Value;
use windlass_http::{Client, Credentials, Follow, Identity, Options, Proxies, Request, Response, Trust, Url};

use crate::{Args, Context, Error, Kind, Param, Reply, args::text_of, fsops::replace::nameless};

pub(crate) const HEADERS: Param = Param::new("headers", Kind::Dict, "Headers of the request, by name.");
pub(crate) const UNREDIRECTED: Param = Param::new(
    "unredirected_headers",
    Kind::List(&Kind::Str),
    "Names of headers that are not sent along a redirect.",
)
.default("[]");
pub(crate) const BASIC: Param = Param::new(
    "force_basic_auth",
    Kind::Bool,
    "Whether user and password are sent at once, and not only when the server asks.",
)
.default("false");
pub(crate) const AGENT: Param =
    Param::new("http_agent", Kind::Str, "What the client calls itself.").default("\"ansible-httpget\"");
pub(crate) const CERTS: Param =
    Param::new("validate_certs", Kind::Bool, "Whether a server must prove who it is.").default("true");
pub(crate) const CERT: Param =
    Param::new("client_cert", Kind::Path, "A file with the certificate that shows who we are.");
pub(crate) const KEY: Param =
    Param::new("client_key", Kind::Path, "A file with its key, unless that is in `client_cert`.");
pub(crate) const PROXY: Param =
    Param::new("use_proxy", Kind::Bool, "Whether `http_proxy` and the like in the step's environment count.")
        .default("true");
pub(crate) const DECOMPRESS: Param =
    Param::new("decompress", Kind::Bool, "Whether an answer that comes compressed by gzip is unpacked.")
        .default("true");
pub(crate) const CIPHERS: Param =
    Param::new("ciphers", Kind::List(&Kind::Str), "Refused: TLS has no ciphers here that need a choice.");
pub(crate) const GSSAPI: Param =
    Param::new("use_gssapi", Kind::Bool, "Refused if true: Kerberos is not spoken here.").default("false");
pub(crate) const NETRC: Param =
    Param::new("use_netrc", Kind::Bool, "Taken for Ansible's sake: passwords in `~/.netrc` are never used.")
        .default("true");

/// Refuses what would be something else than what was asked for.
pub(crate) fn refuse(args: &Args) -> Result<(), Error> {
    if !args.list("ciphers").is_empty() {
        let why = "`ciphers` are OpenSSL's, which is not used here: every cipher that is used is a good one";
        return Err(Error::Failed(why.into()));
    }
    if args.bool("use_gssapi") {
        return Err(Error::Failed("`use_gssapi` asks for Kerberos, which is not spoken here".into()));
    }
    Ok(())
}

/// The client that the parameters describe.
pub(crate) fn client(args: &Args, follow: Follow, cx: &Context<'_>) -> Client {
    let (cancel, deadline) = (cx.cancel.clone(), cx.deadline);
    let alive = move || !cancel.is_cancelled() && deadline.is_none_or(|deadline| Instant::now() < deadline);
    let seconds = args.opt_int("timeout").unwrap_or(10).clamp(0, 1 << 30).unsigned_abs();
    let proxies = match on(args, "use_proxy") {
        true => Proxies::read(|name| cx.env.get(name).cloned()),
        false => Proxies::default(),
    };
    let path = |name: &str| args.path(name).map(|path| cx.path(path));
    // OpenSSL looks there too.
    let bundle = path("ca_path").or_else(|| cx.env.get("SSL_CERT_FILE").map(|path| cx.path(path)));
    let trust = match bundle {
        _ if !on(args, "validate_certs") => Trust::Anyone,
        Some(path) => Trust::Of(path),
        None => Trust::System,
    };
    Client::new(Options {
        // Nothing can come in no time: that much is meant by 0.
        timeout: if seconds == 0 { Duration::from_secs(1 << 30) } else { Duration::from_secs(seconds) },
        alive: Arc::new(alive),
        follow,
        trust,
        identity: path("client_cert").map(|cert| Identity { cert, key: path("client_key") }),
        proxies,
        unix: path("unix_socket"),
    })
}

/// A request with the headers and credentials of the parameters.
pub(crate) fn request(args: &Args, method: &str, url: Url) -> Request {
    let mut request = Request::new(method, url);
    let headers = args.get("headers").and_then(Value::as_object);
    for (name, value) in headers.into_iter().flatten() {
        request.headers.push((name.clone(), text_of(value).unwrap_or_default()));
    }
    request.unredirected = args.strs("unredirected_headers").into_iter().map(str::to_owned).collect();
    set(&mut request, "User-Agent", args.opt_str("http_agent").unwrap_or("ansible-httpget"));
    let at_once = args.bool("force_basic_auth");
    let pair = match args.path("url_username") {
        Some(user) => Some((user.to_owned(), args.str("url_password").to_owned())),
        None => request.url.user.clone(),
    };
    request.credentials = pair.map(|(user, password)| Credentials { user, password, at_once });
    request
}

/// Adds a header, unless it is there.
pub(crate) fn set(request: &mut Request, name: &str, value: &str) {
    if !value.is_empty() && !request.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
        request.headers.push((name.into(), value.into()));
    }
}

/// The body, unpacked where that is asked for.
pub(crate) fn body(response: Response, args: &Args) -> Box<dyn Read> {
    let packed =
        response.header("content-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("gzip"));
    if packed && on(args, "decompress") {
        return Box::new(MultiGzDecoder::new(response.body));
    }
    Box::new(response.body)
}

/// Fetches a file into a place of the folder that has no name.
pub(crate) fn file(text: &str, args: &Args, folder: &Path, cx: &Context<'_>) -> Result<File, Error> {
    let url = Url::parse(text).map_err(|error| Error::Failed(error.to_string()))?;
    let said = |why: String| Error::Failed(format!("Failure downloading {}, {why}", masked(text)));
    let request = request(args, "GET", url);
    let response = match client(args, Follow::Urllib, cx).send(&request) {
        Ok(response) if response.status == 200 => response,
        Ok(other) => return Err(said(format!("HTTP Error {}: {}", other.status, other.reason))),
        Err(error) => return Err(said(failure(error, cx)?)),
    };
    let mut file = nameless(folder)?;
    match pour(&mut body(response, args), &mut file, folder)? {
        Ok(_) => {
            rewound(&file)?;
            Ok(file)
        }
        Err(error) => Err(said(failure(windlass_http::Error::from_io(error), cx)?)),
    }
}

/// A truth value that is true where the module has no such parameter.
fn on(args: &Args, name: &str) -> bool {
    !args.has(name) || args.bool(name)
}

/// Copies what comes into a file; the inner error is one of reading.
pub(crate) fn pour(from: &mut dyn Read, to: &mut File, place: &Path) -> Result<io::Result<u64>, Error> {
    let (mut buffer, mut total) = (vec![0; 1 << 16], 0);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(Ok(total)),
            Ok(length) => {
                to.write_all(&buffer[..length]).map_err(Error::io("write what is fetched for", place))?;
                total += length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// A file that was fetched, to be read from its start.
pub(crate) fn rewound(mut file: &File) -> Result<&File, Error> {
    file.rewind().map_err(Error::io("read", "what was fetched"))?;
    Ok(file)
}

/// What a failure means for the run: where it has to end, that; any other is said in the result.
pub(crate) fn failure(error: windlass_http::Error, cx: &Context<'_>) -> Result<String, Error> {
    cx.alive()?;
    Ok(error.to_string())
}

/// An address as results show it: with asterisks in place of user and password.
pub(crate) fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rsplit_once('@') {
        Some((user, host)) => {
            let stars = if user.contains(':') { "****:****" } else { "****" };
            format!("{scheme}://{stars}@{host}{}", &rest[end..])
        }
        None => url.to_owned(),
    }
}

/// What must not be seen in results, whoever says it.
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// Passwords, and what is sent of them.
    pub(crate) fn of(request: &Request) -> Self {
        let mut found = Vec::new();
        if let Some(credentials) = &request.credentials {
            let pair = format!("{}:{}", credentials.user, credentials.password);
            found.extend([BASE64_STANDARD.encode(pair), credentials.password.clone()]);
        }
        let secret = |name: &str| {
            name.eq_ignore_ascii_case("authorization") || name.eq_ignore_ascii_case("proxy-authorization")
        };
        for (_, value) in request.headers.iter().filter(|(name, _)| secret(name)) {
            let word = value.split_once(' ').map_or("", |(_, word)| word.trim());
            found.extend([value.clone(), word.to_owned()]);
        }
        found.retain(|secret| !secret.is_empty());
        // The longest first: one may be part of another.
        found.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(found)
    }

    /// Text without them.
    pub(crate) fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "********"))
    }

    /// Takes them out of a reply.
    pub(crate) fn clean(&self, reply: &mut Reply) {
        reply.msg = reply.msg.take().map(|msg| self.hide(&msg));
        reply.fields.values_mut().for_each(|value| self.scrub(value));
    }

    /// The same for all text in a value.
    fn scrub(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.hide(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.scrub(item)),
            Value::Object(map) => map.values_mut().for_each(|item| self.scrub(item)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_masked_and_found_wherever_they_stand() {
        for (url, expected) in [
            ("http://u:p@h/x@y", "http://****:****@h/x@y"),
            ("http://u@h", "http://****@h"),
            ("http://h/a?b=c@d", "http://h/a?b=c@d"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(masked(url), expected);
        }
        let mut request = Request::new("GET", Url::parse("http://h/").unwrap());
        request.headers.push(("authorization".into(), "Bearer tok".into()));
        request.credentials = Some(Credentials { user: "u".into(), password: "pw".into(), at_once: false });
        let mut value = serde_json::json!({"a": ["Bearer tok", "x tok pw dTpwdw=="], "b": 1});
        Secrets::of(&request).scrub(&mut value);
        assert_eq!(value, serde_json::json!({"a": ["********", "x ******** ******** ********"], "b": 1}));
    }
}
