//! What `ssh -G` prints: one option a line, in lower case, with its value.

/// The effective configuration for one host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Dump(Vec<(String, String)>);

impl Dump {
    /// Reads the output. Lines without a value mean an empty one.
    pub(crate) fn parse(text: &str) -> Self {
        let pair = |line: &str| {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            // Some options are printed in mixed case (`canonicalizePermittedcnames`).
            (key.to_ascii_lowercase(), value.to_owned())
        };
        Self(text.lines().filter(|line| !line.is_empty()).map(pair).collect())
    }

    /// The value of an option, the first if there are several.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// All values of an option.
    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// Whether an option is on.
    pub(crate) fn on(&self, key: &str) -> bool {
        matches!(self.get(key), Some("yes" | "true"))
    }

    /// The value of an option, unless it is `none` or missing.
    pub(crate) fn some(&self, key: &str) -> Option<&str> {
        self.get(key).filter(|value| !value.is_empty() && !value.eq_ignore_ascii_case("none"))
    }

    /// Whether a word stands in any value but those that name the host.
    pub(super) fn mentions(&self, word: &str) -> bool {
        self.0.iter().any(|(key, value)| key != "host" && key != "hostname" && value.contains(word))
    }

    /// The same with these options in place of its own.
    pub(super) fn with(&self, own: &[(&str, String)]) -> Self {
        let kept = self.0.iter().filter(|(key, _)| own.iter().all(|(other, _)| other != key)).cloned();
        Self(own.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).chain(kept).collect())
    }

    /// The options in which the two differ, in the order of the first.
    pub(crate) fn differing<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        let mut keys: Vec<&str> = Vec::new();
        for (key, _) in self.0.iter().chain(&other.0) {
            if !keys.contains(&key.as_str()) && !self.all(key).eq(other.all(key)) {
                keys.push(key);
            }
        }
        keys
    }
}

/// Splits a list of paths, which `ssh` prints with nothing around names that hold a space: a word that is no
/// absolute path belongs to the one before it.
pub(super) fn paths(value: &str) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for word in value.split(' ') {
        match paths.last_mut() {
            Some(last) if !word.starts_with(['/', '~']) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => paths.push(word.to_owned()),
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_read_line_by_line() {
        let dump = Dump::parse("host a\nport 22\nidentityfile ~/a b\nidentityfile ~/c\nproxyjump none\nx\n");
        assert_eq!(dump.get("port"), Some("22"));
        assert_eq!(dump.all("identityfile").collect::<Vec<_>>(), ["~/a b", "~/c"]);
        assert_eq!(dump.some("proxyjump"), None);
        assert_eq!(dump.get("x"), Some(""));
    }

    #[test]
    fn differences_are_found_both_ways() {
        let (a, b) = (Dump::parse("a 1\nb 1\nb 2\nc 3"), Dump::parse("a 1\nb 2\nb 1\nd 4"));
        assert_eq!(a.differing(&b), ["b", "c", "d"]);
    }

    #[test]
    fn paths_with_spaces_stay_whole() {
        assert_eq!(paths("/a /b c ~/d"), ["/a", "/b c", "~/d"]);
    }
}
