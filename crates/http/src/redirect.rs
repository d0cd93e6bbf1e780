//! Where a redirect leads, by Ansible's rules.

use crate::{Payload, Request};

/// Which redirects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Every one.
    All,
    /// Those of requests that only read (GET, HEAD).
    Safe,
    /// As Python's urllib does by itself: those of GET and HEAD, and of POST by a GET.
    Urllib,
    /// None.
    None,
}

/// How many are followed in a row.
pub(crate) const LIMIT: usize = 10;

/// The request that comes after an answer with this status and `Location`; none if the answer stands.
pub(crate) fn next(
    request: &Request,
    status: u16,
    location: Option<&str>,
    follow: Follow,
) -> Option<Request> {
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let method = request.method.as_str();
    let reads = matches!(method, "GET" | "HEAD");
    let may = match follow {
        Follow::None => false,
        Follow::All => true,
        Follow::Safe => reads,
        Follow::Urllib => reads || (method == "POST" && matches!(status, 301..=303)),
    };
    let url = request.url.join(location.filter(|_| may)?).ok()?;
    let mut next = request.clone();
    next.headers.retain(|(name, _)| !request.unredirected.iter().any(|held| held.eq_ignore_ascii_case(name)));
    if follow == Follow::Urllib || !matches!(status, 307 | 308) {
        next.payload = Payload::None;
        let kept = |name: &str| !matches!(name, "content-length" | "content-type" | "transfer-encoding");
        next.headers.retain(|(name, _)| kept(&name.to_ascii_lowercase()));
    }
    let get = match follow {
        Follow::Urllib => method != "HEAD",
        _ => (matches!(status, 302 | 303) && method != "HEAD") || (status == 301 && method == "POST"),
    };
    if get {
        next.method = "GET".into();
    }
    if !url.same_place(&request.url) {
        // What was meant for one server is nobody else's business.
        let secret = |name: &str| matches!(name, "authorization" | "cookie" | "proxy-authorization");
        next.headers.retain(|(name, _)| !secret(&name.to_ascii_lowercase()));
    }
    next.url = url;
    next.url.user = None;
    Some(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Url;

    #[test]
    fn methods_and_bodies_change_as_with_ansible() {
        let request = |method: &str| {
            let mut request = Request::new(method, Url::parse("http://h/a").unwrap());
            request.payload = Payload::Bytes(b"x".to_vec());
            request.headers.push(("Content-Type".into(), "a/b".into()));
            request.headers.push(("Authorization".into(), "secret".into()));
            request
        };
        for (method, status, follow, expected) in [
            ("GET", 301, Follow::Safe, Some(("GET", false))),
            ("GET", 308, Follow::Safe, Some(("GET", true))),
            ("POST", 302, Follow::Safe, None),
            ("POST", 301, Follow::All, Some(("GET", false))),
            ("PUT", 301, Follow::All, Some(("PUT", false))),
            ("PUT", 302, Follow::All, Some(("GET", false))),
            ("PUT", 307, Follow::All, Some(("PUT", true))),
            ("HEAD", 303, Follow::All, Some(("HEAD", false))),
            ("POST", 303, Follow::Urllib, Some(("GET", false))),
            ("POST", 307, Follow::Urllib, None),
            ("PUT", 302, Follow::Urllib, None),
            ("GET", 302, Follow::None, None),
            ("GET", 304, Follow::All, None),
        ] {
            let found = next(&request(method), status, Some("/b"), follow);
            let shape =
                found.as_ref().map(|next| (next.method.as_str(), matches!(next.payload, Payload::Bytes(_))));
            assert_eq!(shape, expected, "{method} {status} {follow:?}");
        }
        let here = next(&request("GET"), 302, Some("/b"), Follow::All).unwrap();
        assert_eq!((here.url.to_string().as_str(), here.headers.len()), ("http://h/b", 1));
        let away = next(&request("GET"), 302, Some("http://k/b"), Follow::All).unwrap();
        assert!(away.headers.is_empty());
        assert!(next(&request("GET"), 302, None, Follow::All).is_none());
    }
}
