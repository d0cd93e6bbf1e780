//! The files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// What holds no source of ours; `.git` is a file in a second working tree.
const OTHERS: &[&str] = &[".git", "target", ".windlass", "results"];

/// The workspace's root.
pub(super) fn root() -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("testkit lies in crates/");
    crates.parent().expect("crates/ lies in the workspace").to_owned()
}

/// Every file below `folder` of the workspace, with its path from the root, sorted.
pub(super) fn files(folder: &str) -> Vec<(String, PathBuf)> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            let name = path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
            if OTHERS.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else {
                let short = path.strip_prefix(&root).expect("it lies below").to_string_lossy().into_owned();
                found.push((short, path));
            }
        }
    }
    found.sort();
    found
}

/// Every Rust file with its text.
pub(super) fn sources() -> Vec<(String, String)> {
    let all = ["crates", "xtask"].into_iter().flat_map(files);
    let rust = all.filter(|(name, _)| name.ends_with(".rs"));
    let texts = rust.map(|(name, path)| (name, fs::read_to_string(path).expect("sources are UTF-8")));
    let texts: Vec<_> = texts.collect();
    assert!(texts.len() > 50, "the sources are looked for in the wrong place");
    texts
}

/// The text of one file.
pub(super) fn text(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Fails with everything that was found, one on each line.
pub(super) fn none(what: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}
