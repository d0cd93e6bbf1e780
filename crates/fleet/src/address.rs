//! What `lookup('url', …)` in documents fetches, with the options that Ansible's has.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use windlass_expr::{OnUrl, patience};
use windlass_http::{Client, Credentials, Follow, Options, Proxies, Request, Trust, Url};

/// The largest answer, as with files: no expression could hold more.
const LIMIT: u64 = 16 << 20;

/// How long all of it may take, whatever the server says meanwhile.
const WHOLE: Duration = Duration::from_secs(60);

/// Options that would need what is not here; `false` asks for nothing.
const REFUSED: [&str; 2] = ["ciphers", "use_gssapi"];

/// Fetches addresses for lookups. The environment is that of the program: it names proxies and authorities.
pub fn on_url(env: &BTreeMap<String, String>) -> OnUrl {
    let env = env.clone();
    Arc::new(move |url, options| fetch(url, &Asked(options), &env))
}

/// The options of a lookup, with the defaults that Ansible has.
struct Asked<'a>(&'a Map<String, Value>);

impl Asked<'_> {
    fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    fn flag(&self, name: &str, default: bool) -> io::Result<bool> {
        let Some(text) = self.text(name) else { return Ok(default) };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" | "y" | "t" => Ok(true),
            "false" | "no" | "off" | "0" | "n" | "f" => Ok(false),
            _ => Err(bad(format!("`{name}` is yes or no, not {text:?}"))),
        }
    }

    fn check(&self) -> io::Result<()> {
        const KNOWN: [&str; 15] = [
            "ca_path",
            "follow_redirects",
            "force",
            "force_basic_auth",
            "headers",
            "http_agent",
            "password",
            "timeout",
            "unix_socket",
            "unredirected_headers",
            "use_netrc",
            "use_proxy",
            "username",
            "validate_certs",
            "wantlist",
        ];
        for name in self.0.keys().map(String::as_str) {
            if REFUSED.contains(&name) {
                if self.flag(name, false).is_ok_and(|on| !on) {
                    continue;
                }
                return Err(bad(format!("`{name}` asks for what is not spoken here")));
            }
            if !KNOWN.contains(&name) && name != "errors" {
                return Err(bad(format!("`url` has no option `{name}`")));
            }
        }
        Ok(())
    }

    fn follow(&self) -> io::Result<Follow> {
        match self.text("follow_redirects").as_deref() {
            None | Some("urllib2") => Ok(Follow::Urllib),
            Some("all" | "yes" | "True" | "true") => Ok(Follow::All),
            Some("safe") => Ok(Follow::Safe),
            Some("none" | "no" | "False" | "false") => Ok(Follow::None),
            Some(other) => {
                Err(bad(format!("`follow_redirects` is all, none, safe or urllib2, not {other:?}")))
            }
        }
    }

    fn timeout(&self) -> io::Result<Duration> {
        let Some(text) = self.text("timeout") else { return Ok(Duration::from_secs(10)) };
        let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        seconds.ok_or_else(|| bad(format!("`timeout` is a number of seconds, not {text:?}")))
    }

    fn request(&self, url: Url) -> io::Result<Request> {
        let mut request = Request::new("GET", url);
        for (name, value) in self.0.get("headers").and_then(Value::as_object).into_iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            request.headers.push((name.clone(), value));
        }
        let agent = self.text("http_agent").unwrap_or_else(|| "ansible-httpget".into());
        request.headers.push(("User-Agent".into(), agent));
        if self.flag("force", false)? {
            request.headers.push(("Cache-Control".into(), "no-cache".into()));
        }
        let unredirected = self.0.get("unredirected_headers").and_then(Value::as_array);
        request.unredirected =
            unredirected.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        let at_once = self.flag("force_basic_auth", false)?;
        let given = self.text("username").map(|user| (user, self.text("password").unwrap_or_default()));
        request.credentials = given
            .or_else(|| request.url.user.clone())
            .map(|(user, password)| Credentials { user, password, at_once });
        Ok(request)
    }
}

fn fetch(url: &str, asked: &Asked<'_>, env: &BTreeMap<String, String>) -> io::Result<Vec<u8>> {
    asked.check()?;
    let (end, wanted) = (Instant::now() + WHOLE, patience());
    let bundle = asked.text("ca_path").or_else(|| env.get("SSL_CERT_FILE").cloned()).map(PathBuf::from);
    let proxies = match asked.flag("use_proxy", true)? {
        true => Proxies::read(|name| env.get(name).cloned()),
        false => Proxies::default(),
    };
    let client = Client::new(Options {
        timeout: asked.timeout()?,
        alive: Arc::new(move || Instant::now() < end && wanted()),
        follow: asked.follow()?,
        trust: match bundle {
            _ if !asked.flag("validate_certs", true)? => Trust::Anyone,
            Some(path) => Trust::Of(path),
            None => Trust::System,
        },
        proxies,
        unix: asked.text("unix_socket").map(PathBuf::from),
        ..Options::default()
    });
    let request = asked.request(Url::parse(url).map_err(|error| bad(error.to_string()))?)?;
    let shown = request.url.to_string();
    let failed = |why: String| io::Error::other(format!("cannot fetch {shown}: {why}"));
    let answer = client.send(&request).map_err(|error| failed(error.to_string()))?;
    if !(200..300).contains(&answer.status) {
        return Err(failed(format!("HTTP Error {}: {}", answer.status, answer.reason)));
    }
    let mut body = Vec::new();
    let read = answer.body.take(LIMIT + 1).read_to_end(&mut body);
    read.map_err(|error| failed(windlass_http::Error::from_io(error).to_string()))?;
    if body.len() as u64 > LIMIT {
        return Err(failed(format!("it is larger than {} MB", LIMIT >> 20)));
    }
    Ok(body)
}

fn bad(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(url: &str, options: Value) -> String {
        let options = options.as_object().cloned().unwrap_or_default();
        on_url(&BTreeMap::new())(url, &options).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_named_and_nothing_is_asked() {
        for (url, options, why) in [
            ("nonsense", json!({}), "has no http:// or https://"),
            ("file:///etc/passwd", json!({}), "only http and https"),
            ("http://h", json!({"timeot": 3}), "no option `timeot`"),
            ("http://h", json!({"timeout": "soon"}), "number of seconds"),
            ("http://h", json!({"validate_certs": "maybe"}), "yes or no"),
            ("http://h", json!({"use_gssapi": true}), "not spoken here"),
            ("http://h", json!({"follow_redirects": "far"}), "all, none, safe"),
        ] {
            let said = refused(url, options);
            assert!(said.contains(why), "{url}: {said}");
        }
        let said = refused("http://user:hidden@127.0.0.1:1/x", json!({"timeout": 2}));
        assert!(said.contains("127.0.0.1:1") && !said.contains("hidden"), "{said}");
    }
}
