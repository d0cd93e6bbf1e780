//! Names of hosts as inventories write them: a name, an IPv4 or an IPv6 address, any of them with ranges, and
//! perhaps with a port.

use std::sync::LazyLock;

use regex::Regex;

/// A label of a host's name. It cannot end in a hyphen or an underscore, which takes two forms to say without
/// looking back.
const LABEL: &str = r"(?:(?:\w|R)(?:[\w-]|R)*(?:[^\W_]|R)|[^\W_]|R)";
const LABEL_RANGE: &str = r"\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]";
const PART_4: &str = r"(?:[01]?[0-9]{1,2}|2[0-4][0-9]|25[0-5]|\[(?:[0-9]+:[0-9]+)(?::[0-9]+)?\])";
const PART_6: &str = r"(?:[0-9a-f]{1,4}|\[(?:[0-9a-f]+:[0-9a-f]+)(?::[0-9]+)?\])";

static BRACKETED: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\[(.+)\]:([0-9]+)$"));
static WITH_PORT: LazyLock<Regex> = LazyLock::new(|| pattern(r"^((?:[^:\[\]]|\[[^\]]*\])*):([0-9]+)$"));
static HOSTNAME: LazyLock<Regex> = LazyLock::new(|| {
    let label = LABEL.replace('R', LABEL_RANGE);
    pattern(&format!(r"(?i)^{label}(?:\.{label})*$"))
});
static IPV4: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"(?i)^(?:{PART_4}\.){{3}}{PART_4}$")));
static IPV6: LazyLock<Regex> = LazyLock::new(|| {
    let forms = [
        "(?:0:){7}0",
        "(?:0:){1,6}:",
        "(?:0:)(?::0){1,6}",
        "(?:0:){2}(?::0){1,5}",
        "(?:0:){3}(?::0){1,4}",
        "(?:0:){4}(?::0){1,3}",
        "(?:0:){5}(?::0){1,2}",
        "(?:0:){6}(?::0)",
        ":(?::0){1,6}",
        "0?::",
        "(?:Z:){6}(?:0.){3}0",
        "::(?:ffff:)?(?:0.){3}0",
        "(?:Z:){5}ffff:(?:0.){3}0",
    ];
    // `0` stands for a part, `Z` for a literal zero.
    let whole = forms.join("|").replace('.', r"\.").replace('0', PART_6).replace('Z', "0");
    pattern(&format!("(?i)^(?:{whole})$"))
});

fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("the pattern is a constant, and the tests compile it")
}

/// A host and its port, if `text` is the name of a host, an address or a range of such.
pub(super) fn parse(text: &str) -> Option<(&str, Option<u64>)> {
    let (mut host, mut port) = (text, None);
    for form in [&*BRACKETED, &*WITH_PORT] {
        if let Some(parts) = form.captures(host) {
            port = Some(parts.get(2)?.as_str().parse().ok()?);
            host = parts.get(1)?.as_str();
        }
    }
    let fits = IPV4.is_match(host) || IPV6.is_match(host) || HOSTNAME.is_match(host);
    fits.then_some((host, port))
}

/// Whether a name is an address rather than a name.
pub(super) fn is_ip(name: &str) -> bool {
    IPV4.is_match(name) || IPV6.is_match(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `ansible.parsing.utils.addresses.parse_address(text, allow_ranges=True)` gives.
    #[test]
    fn hosts_and_ports_are_told_apart_as_in_ansible() {
        for (text, want) in [
            ("web1", Some(("web1", None))),
            ("web1:22", Some(("web1", Some(22)))),
            ("web[1:3].example.com:2222", Some(("web[1:3].example.com", Some(2222)))),
            ("web[01:10:3]-x[a:c]", Some(("web[01:10:3]-x[a:c]", None))),
            ("10.0.0.1:22", Some(("10.0.0.1", Some(22)))),
            ("10.0.0.[1:9]", Some(("10.0.0.[1:9]", None))),
            ("::1", Some(("::1", None))),
            ("2001:db8::1", Some(("2001:db8::1", None))),
            ("[2001:db8::1]:22", Some(("2001:db8::1", Some(22)))),
            ("[web1]:22", Some(("web1", Some(22)))),
            ("2001:db8::[a:f]", Some(("2001:db8::[a:f]", None))),
            ("::ffff:192.0.2.3", Some(("::ffff:192.0.2.3", None))),
            ("1:2:3:4:5:6:7:8", Some(("1:2:3:4:5:6:7:8", None))),
            ("bücher.example", Some(("bücher.example", None))),
            ("under_score", Some(("under_score", None))),
            ("a-b", Some(("a-b", None))),
            ("a_", None),
            ("a-", None),
            ("_", None),
            ("-a", None),
            ("_a", Some(("_a", None))),
            ("a b", None),
            ("web1:", None),
            ("web1:x", None),
            ("a..b", None),
            ("", None),
            ("web*", None),
            ("[1:3]", Some(("[1:3]", None))),
            ("x[a:3]", None),
        ] {
            assert_eq!(parse(text), want, "{text:?}");
        }
    }
}
