//! Cookies for the length of one request: taken from its answers, and sent along its redirects.

use crate::Url;

/// One cookie, as far as a single request needs to know it.
#[derive(Debug, Clone)]
struct Cookie {
    name: String,
    value: String,
    host: String,
    path: String,
    secure: bool,
}

/// The cookies of one request.
#[derive(Debug, Default)]
pub(crate) struct Jar(Vec<Cookie>);

impl Jar {
    /// Takes a `Set-Cookie`; what is not one, or is for another host, is left out.
    pub(crate) fn take(&mut self, header: &str, url: &Url) {
        let mut parts = header.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        let whole = url.path.split('?').next().unwrap_or_default();
        let folder = &whole[..whole.rfind('/').unwrap_or(0).max(1).min(whole.len())];
        let mut cookie = Cookie {
            name: name.trim().into(),
            value: value.trim().into(),
            host: url.host.to_ascii_lowercase(),
            path: folder.into(),
            secure: false,
        };
        let mut gone = false;
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key.to_ascii_lowercase().as_str() {
                "path" if value.starts_with('/') => cookie.path = value.into(),
                "secure" => cookie.secure = true,
                "max-age" => gone = value.parse::<i64>().is_ok_and(|seconds| seconds <= 0),
                "domain" if !below(&cookie.host, value.trim_start_matches('.')) => return,
                _ => {}
            }
        }
        self.0.retain(|old| (&old.name, &old.host, &old.path) != (&cookie.name, &cookie.host, &cookie.path));
        if !gone && !cookie.name.is_empty() {
            self.0.push(cookie);
        }
    }

    /// The `Cookie` header for an address.
    pub(crate) fn header(&self, url: &Url) -> Option<String> {
        let fits = |cookie: &&Cookie| {
            cookie.host.eq_ignore_ascii_case(&url.host)
                && url.path.starts_with(&cookie.path)
                && (!cookie.secure || url.scheme == crate::Scheme::Https)
        };
        let pairs: Vec<_> = self.0.iter().filter(fits).map(|c| format!("{}={}", c.name, c.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Names and values, those of the longest path first.
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        let mut cookies: Vec<&Cookie> = self.0.iter().collect();
        cookies.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        cookies.into_iter().map(|cookie| (cookie.name.clone(), cookie.value.clone())).collect()
    }
}

fn below(host: &str, domain: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host.strip_suffix(&domain.to_ascii_lowercase()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_go_back_to_where_they_came_from() {
        let url = Url::parse("http://h.example/a/b").unwrap();
        let mut jar = Jar::default();
        for header in [
            "x=1",
            "y=2; Path=/; Secure",
            "z=3; Domain=other.example",
            "broken",
            "w=4; Path=/",
            "w=; Max-Age=0; Path=/",
            "v=5; domain=.example",
        ] {
            jar.take(header, &url);
        }
        assert_eq!(jar.header(&url).as_deref(), Some("x=1; v=5"));
        assert_eq!(jar.header(&Url::parse("https://h.example/").unwrap()).as_deref(), Some("y=2"));
        assert_eq!(jar.header(&Url::parse("http://k.example/a/").unwrap()), None);
        assert_eq!(jar.pairs().len(), 3);
    }
}
