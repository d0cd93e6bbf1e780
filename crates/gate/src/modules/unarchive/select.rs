//! Which members are unpacked.

use crate::{Args, glob, pack::Format};

/// The members that were asked for, by their names.
pub(super) struct Select {
    include: Vec<String>,
    exclude: Vec<String>,
    /// A pattern matches any part of a name between slashes, as with `tar`; else it matches the whole name.
    parts: bool,
}

impl Select {
    pub(super) fn read(args: &Args, format: Format) -> Self {
        let list = |name: &str| {
            args.strs(name).into_iter().map(|text| text.trim_end_matches('/').to_owned()).collect()
        };
        Self { include: list("include"), exclude: list("exclude"), parts: format != Format::Zip }
    }

    pub(super) fn takes(&self, name: &str) -> bool {
        let name = name.trim_end_matches('/');
        if !self.include.is_empty() {
            return self.include.iter().any(|pattern| includes(pattern, name));
        }
        !self.exclude.iter().any(|pattern| self.excludes(pattern, name))
    }

    /// A pattern of `include` that none of these names matches: most likely a mistake.
    pub(super) fn idle<'a>(&'a self, names: &[&str]) -> Option<&'a str> {
        let idle =
            |pattern: &&String| !names.iter().any(|name| includes(pattern, name.trim_end_matches('/')));
        self.include.iter().find(idle).map(String::as_str)
    }

    fn excludes(&self, pattern: &str, name: &str) -> bool {
        if glob::fnmatch(pattern, name) {
            return true;
        }
        let bounds = || name.match_indices('/').map(|(at, _)| at);
        let starts = || std::iter::once(0).chain(bounds().map(|at| at + 1));
        let ends = || bounds().chain([name.len()]);
        self.parts
            && starts()
                .any(|start| ends().any(|end| start < end && glob::fnmatch(pattern, &name[start..end])))
    }
}

/// A name, a folder that it is in, or a pattern that it matches.
fn includes(pattern: &str, name: &str) -> bool {
    let pattern = pattern.trim_start_matches("./");
    let name = name.trim_start_matches("./");
    glob::fnmatch(pattern, name) || name.strip_prefix(pattern).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(include: &str, exclude: &str, parts: bool) -> Select {
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Select { include: list(include), exclude: list(exclude), parts }
    }

    #[test]
    fn names_are_taken_or_left() {
        for (include, exclude, parts, name, expected) in [
            ("", "", true, "a/b", true),
            ("a", "", true, "a/b", true),
            ("a/b", "", true, "./a/b", true),
            ("a", "", true, "ab", false),
            ("*.txt", "", false, "a/b.txt", true),
            ("", "b", true, "a/b/c", false),
            ("", "a/b", true, "a/b/c", false),
            ("", "*.o", true, "a/x.o", false),
            ("", "b", false, "a/b", true),
            ("", "a/*", false, "a/b/c", false),
            ("", "bb", true, "a/b", true),
        ] {
            assert_eq!(select(include, exclude, parts).takes(name), expected, "+{include} -{exclude} {name}");
        }
        assert_eq!(select("a z", "", true).idle(&["a/b"]), Some("z"));
    }
}
