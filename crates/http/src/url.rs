//! Addresses: taken apart, put together, and shown without their credentials.

use std::fmt;

use crate::Error;

/// What an address begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

/// An address of HTTP. Shown, it has no credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// The host, without the brackets of an IPv6 address.
    pub host: String,
    /// The port, unless it is the usual one.
    pub port: Option<u16>,
    /// The path with its query; it begins with a slash.
    pub path: String,
    /// User and password, if they were in the address.
    pub user: Option<(String, String)>,
    /// As it was written, without credentials.
    written: String,
}

impl Scheme {
    /// Its usual port.
    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl Url {
    /// Reads an address. Letters that cannot be in one must be written as `%20` and the like.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |why: &str| Err(Error::BadUrl(format!("the URL {why}")));
        let Some((scheme, rest)) = text.split_once("://") else { return bad("has no http:// or https://") };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => return bad(&format!("has the scheme {other:?}; only http and https can be spoken")),
        };
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return bad("has a space or a letter beyond ASCII in it; write it as %20 and the like");
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority),
        };
        let user = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            (decode(name), decode(password))
        });
        let Some((host, port)) = place_of(place) else { return bad("has a host or port that cannot be") };
        let tail_path = tail.split('#').next().unwrap_or_default();
        let path = if tail_path.starts_with('/') { tail_path.to_owned() } else { format!("/{tail_path}") };
        let written = format!("{}://{place}{tail}", scheme.name());
        Ok(Self { scheme, host, port: port.filter(|port| *port != scheme.port()), path, user, written })
    }

    /// Where a `Location` leads from here.
    pub fn join(&self, location: &str) -> Result<Self, Error> {
        // Spaces in it are seen in the wild.
        let location = location.trim().replace(' ', "%20");
        let head = location.split(['/', '?', '#']).next().unwrap_or_default();
        if head.contains(':') {
            return Self::parse(&location);
        }
        let scheme = self.scheme.name();
        if location.starts_with("//") {
            return Self::parse(&format!("{scheme}:{location}"));
        }
        let base = format!("{scheme}://{}", self.authority());
        let path = self.path.split('?').next().unwrap_or_default();
        if location.starts_with('/') {
            return Self::parse(&format!("{base}{}", plain(&location)));
        }
        if location.starts_with('?') || location.is_empty() {
            return Self::parse(&format!("{base}{path}{location}"));
        }
        let folder = &path[..=path.rfind('/').unwrap_or(0)];
        Self::parse(&format!("{base}{}", plain(&format!("{folder}{location}"))))
    }

    /// Host and port, as in a `Host` header.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match self.port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }

    /// The port that is spoken to.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.port())
    }

    /// What is sent: without credentials and fragment.
    pub fn target(&self) -> String {
        format!("{}://{}{}", self.scheme.name(), self.authority(), self.path)
    }

    /// Whether both are spoken to at one place.
    pub fn same_place(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.host.eq_ignore_ascii_case(&other.host)
            && self.port() == other.port()
    }

    /// The last part of the path, as it stands there; empty if the path ends with a slash.
    pub fn file_name(&self) -> &str {
        self.path.split('?').next().unwrap_or_default().rsplit('/').next().unwrap_or_default()
    }
}

/// Without credentials.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

fn place_of(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, rest.strip_prefix(':').or(rest.is_empty().then_some("")))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, Some("")),
        },
    };
    let port = match port? {
        "" => None,
        digits => Some(digits.parse().ok()?),
    };
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:%!$&'()*+,;=".contains(&byte);
    (!host.is_empty() && host.bytes().all(good)).then(|| (host.to_owned(), port))
}

/// A path without `.` and `..`.
fn plain(path: &str) -> String {
    let end = path.find(['?', '#']).unwrap_or(path.len());
    let (path, tail) = path.split_at(end);
    let mut parts: Vec<&str> = Vec::new();
    let count = path.split('/').count();
    for (index, part) in path.split('/').enumerate().skip(1) {
        let last = index + 1 == count;
        match part {
            "." | ".." => {
                if part == ".." {
                    parts.pop();
                }
                if last {
                    parts.push("");
                }
            }
            part => parts.push(part),
        }
    }
    format!("/{}{tail}", parts.join("/"))
}

/// Text with its `%41` made letters again.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or_default());
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Text as a form sends it: a space is `+`, and what is not plain is `%41`.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => out.push(byte.into()),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        for (text, authority, port, path) in [
            ("http://h", "h", 80, "/"),
            ("HTTPS://h:8443/a/b?c=d#e", "h:8443", 8443, "/a/b?c=d"),
            ("https://h:443?x", "h", 443, "/?x"),
            ("http://[::1]:81/x", "[::1]:81", 81, "/x"),
            ("http://u:p%40@h/x", "h", 80, "/x"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(
                (url.authority().as_str(), url.port(), url.path.as_str()),
                (authority, port, path),
                "{text}"
            );
        }
        let url = Url::parse("http://us%65r:p%40ss@h/x#f").unwrap();
        assert_eq!(url.user, Some(("user".into(), "p@ss".into())));
        assert_eq!((url.to_string().as_str(), url.target().as_str()), ("http://h/x#f", "http://h/x"));
        for text in [
            "",
            "h",
            "ftp://h",
            "http://",
            "http://h:x/",
            "http://h:99999",
            "http://a b/",
            "http://h/ä",
            "http://[::1",
            "http://[x]/",
            "http://u:secret@/",
        ] {
            let error = Url::parse(text).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn locations_are_joined() {
        let base = Url::parse("https://u:p@h:1/a/b?q").unwrap();
        for (location, expected) in [
            ("c", "https://h:1/a/c"),
            ("/c d", "https://h:1/c%20d"),
            ("../c", "https://h:1/c"),
            ("./", "https://h:1/a/"),
            ("?x", "https://h:1/a/b?x"),
            ("//k/x", "https://k/x"),
            ("http://k", "http://k"),
            ("/a/../../b?c=../d", "https://h:1/b?c=../d"),
        ] {
            assert_eq!(base.join(location).unwrap().to_string(), expected, "{location}");
        }
        assert!(base.join("file:///etc/passwd").is_err() && base.join("javascript:1").is_err());
    }

    #[test]
    fn text_goes_through_a_form_and_back() {
        assert_eq!(encode("a b&ä="), "a+b%26%C3%A4%3D");
        assert_eq!(decode("%41%zz%4"), "A%zz%4");
    }
}
