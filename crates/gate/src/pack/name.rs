//! Names in archives, and where they lead.

use std::path::{Component, Path, PathBuf};

/// The path that a name means below the folder that an archive is unpacked in: without a slash at its start,
/// as `tar` takes it. None if it leads upwards.
pub(super) fn inside(name: &Path) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for part in name.components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// Whether a link at a path below the folder leads to something below it too. Ways up are only allowed at its
/// start: what comes after a name could be another link, and the way up from there lead out.
pub(super) fn stays(path: &Path, target: &Path) -> bool {
    let (mut depth, mut down) = (path.components().count().saturating_sub(1), false);
    for part in target.components() {
        match part {
            Component::Normal(_) => down = true,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 && !down => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_down_or_nowhere() {
        for (name, expected) in [
            ("a/b", Some("a/b")),
            ("./a//b/", Some("a/b")),
            ("/etc/passwd", Some("etc/passwd")),
            (".", Some("")),
            ("../a", None),
            ("a/../../b", None),
            ("a/..", None),
        ] {
            assert_eq!(inside(Path::new(name)).as_deref(), expected.map(Path::new), "{name}");
        }
    }

    #[test]
    fn links_stay_inside() {
        for (path, target, expected) in [
            ("l", "a", true),
            ("d/l", "../a", true),
            ("d/l", "../../a", false),
            ("l", "..", false),
            ("l", "/etc", false),
            ("d/l", "x/../a", false),
            ("d/l", "../d/../../x", false),
        ] {
            assert_eq!(stays(Path::new(path), Path::new(target)), expected, "{path} -> {target}");
        }
    }
}
