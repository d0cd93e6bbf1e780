//! Which proxy a request goes through, by variables that somebody else has read.

use crate::{Scheme, Url};

/// What an environment says of proxies, as Python's urllib reads it.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    http: Option<String>,
    https: Option<String>,
    except: Vec<String>,
}

impl Proxies {
    /// Reads `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` through `get`; lower-case names come first.
    /// `HTTP_PROXY` is not read: a server could be made to set it.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let of = |names: &[&str]| names.iter().find_map(|name| get(name)).filter(|value| !value.is_empty());
        let except = of(&["no_proxy", "NO_PROXY"]).unwrap_or_default();
        Self {
            http: of(&["http_proxy", "all_proxy", "ALL_PROXY"]),
            https: of(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            except: except.split(',').map(|name| name.trim().to_ascii_lowercase()).collect(),
        }
    }

    /// The proxy for an address.
    pub(crate) fn of(&self, url: &Url) -> Option<&str> {
        let proxy = match url.scheme {
            Scheme::Http => self.http.as_deref(),
            Scheme::Https => self.https.as_deref(),
        }?;
        (!self.skips(&url.host, url.port())).then_some(proxy)
    }

    /// A name stands for itself and for all below it, `*` for every name.
    fn skips(&self, host: &str, port: u16) -> bool {
        let host = host.to_ascii_lowercase();
        let full = format!("{host}:{port}");
        self.except.iter().filter(|name| !name.is_empty()).any(|name| {
            let name = name.trim_start_matches('.');
            let below = |whole: &str| {
                whole.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            };
            name == "*" || below(&host) || below(&full)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_below_an_exception_go_straight() {
        let vars = [
            ("http_proxy", "http://p:1"),
            ("HTTPS_PROXY", "q:2"),
            ("no_proxy", "example.org, .local,h:81,10.0.0.1"),
            ("HTTP_PROXY", "evil"),
        ];
        let proxies =
            Proxies::read(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()));
        for (url, expected) in [
            ("http://a/", Some("http://p:1")),
            ("https://a/", Some("q:2")),
            ("http://example.org/", None),
            ("https://www.EXAMPLE.org/", None),
            ("http://badexample.org/", Some("http://p:1")),
            ("http://x.local/", None),
            ("http://h:81/", None),
            ("http://h:82/", Some("http://p:1")),
            ("http://10.0.0.1/", None),
        ] {
            assert_eq!(proxies.of(&Url::parse(url).unwrap()), expected, "{url}");
        }
        assert_eq!(Proxies::default().of(&Url::parse("http://a/").unwrap()), None);
    }
}
