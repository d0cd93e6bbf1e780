//! What a file is called that comes from a server.

use windlass_http::{Url, decode};

/// The name by `Content-Disposition`, else the last part of the address. It is a name and no path, whatever the
/// server says.
pub(in crate::modules) fn of(disposition: Option<&str>, url: &Url) -> String {
    let said = disposition.and_then(file_name).and_then(|name| last(&name));
    let path = url.path.split('?').next().unwrap_or_default().trim_end_matches('/');
    said.or_else(|| last(&decode(path))).unwrap_or_else(|| "index.html".into())
}

/// The last part of a path, if it can be the name of a file.
fn last(path: &str) -> Option<String> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let good = !matches!(name, "" | "." | "..") && !name.contains('\0') && name.len() < 256;
    good.then(|| name.to_owned())
}

/// The `filename` of a `Content-Disposition`, or its newer form `filename*`.
fn file_name(header: &str) -> Option<String> {
    let (mut plain, mut coded) = (None, None);
    for (key, value) in params(header) {
        match key.to_ascii_lowercase().as_str() {
            "filename" => plain = Some(value),
            "filename*" => coded = value.splitn(3, '\'').nth(2).map(decode),
            _ => {}
        }
    }
    coded.or(plain)
}

/// The `key=value` parts after the first, with quotes taken off.
fn params(header: &str) -> Vec<(String, String)> {
    let (mut parts, mut part, mut quoted) = (vec![], String::new(), false);
    let mut chars = header.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted => part.extend(chars.next()),
            '"' => quoted = !quoted,
            ';' if !quoted => parts.push(std::mem::take(&mut part)),
            c => part.push(c),
        }
    }
    parts.push(part);
    let pair = |part: &String| part.split_once('=').map(|(key, value)| (key.trim().into(), value.trim().into()));
    parts.iter().skip(1).filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_path() {
        for (header, url, expected) in [
            (None, "http://h/a/b.tar.gz?x=/y", "b.tar.gz"),
            (None, "http://h/a/", "a"),
            (None, "http://h", "index.html"),
            (None, "http://h/a%20b", "a b"),
            (None, "http://h/..%2f..%2fetc%2fpasswd", "passwd"),
            (None, "http://h/%2e%2e", "index.html"),
            (None, "http://h/a%00b", "index.html"),
            (Some("attachment; filename=\"x;y.txt\"; size=1"), "http://h/a", "x;y.txt"),
            (Some("attachment; filename=../../etc/passwd"), "http://h/a", "passwd"),
            (Some("attachment; filename=\"..\""), "http://h/a", "a"),
            (Some("attachment; filename=a; filename*=UTF-8''%c3%a4%2f%e2%82%ac"), "http://h/a", "€"),
            (Some("inline"), "http://h/a", "a"),
            (Some("attachment; filename=\"unclosed"), "http://h/a", "unclosed"),
        ] {
            assert_eq!(of(header, &Url::parse(url).unwrap()), expected, "{header:?} {url}");
        }
    }
}
