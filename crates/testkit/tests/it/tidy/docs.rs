//! The pages for people: what they name is there.

use super::tree::{files, none, root, text};

/// The pages that the repository has.
const PAGES: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "docs/glossary.md",
    "docs/inventory.md",
    "docs/workflows.md",
];

#[test]
fn the_pages_are_there() {
    let missing = PAGES.iter().filter(|page| !root().join(page).is_file());
    none("pages that are missing", missing.map(|page| (*page).to_owned()).collect());
}

/// The Markdown pages outside the codes.
fn pages() -> Vec<(String, String)> {
    let all = files("").into_iter().map(|(name, _)| name);
    let pages = all.filter(|name| name.ends_with(".md") && !name.starts_with("crates/model/codes/"));
    pages.map(|name| (name.clone(), text(&name))).collect()
}

#[test]
fn commands_that_pages_name_are_there() {
    let chores = text("xtask/src/main.rs");
    let mut wrong = Vec::new();
    for (page, text) in pages() {
        for line in text.lines() {
            for (at, _) in line.match_indices("cargo xtask ") {
                let word = word(&line[at + "cargo xtask ".len()..]);
                if !word.is_empty() && !chores.contains(&format!("\"{word}\"")) {
                    wrong.push(format!("{page}: cargo xtask {word}"));
                }
            }
            // At the beginning of a line, after a prompt or after a backtick it is a command; elsewhere a name.
            for (at, _) in line.match_indices("windlass ") {
                let before = line[..at].trim_end_matches("$ ");
                if !(before.is_empty() || before.ends_with('`')) {
                    continue;
                }
                let word = word(&line[at + "windlass ".len()..]);
                let file = |name: &str| root().join(format!("crates/cli/src/commands/{name}")).exists();
                if !word.is_empty() && !file(&format!("{word}.rs")) && !file(word) {
                    wrong.push(format!("{page}: windlass {word}"));
                }
            }
        }
    }
    none("commands that are not there", wrong);
}

/// The command's word at the beginning of a text; empty for options and places to fill in.
fn word(text: &str) -> &str {
    if text.starts_with('-') {
        return "";
    }
    let end = text.find(|c: char| !c.is_ascii_lowercase() && c != '-').unwrap_or(text.len());
    &text[..end]
}

#[test]
fn links_lead_somewhere() {
    let mut wrong = Vec::new();
    for (page, text) in pages() {
        let folder = root().join(&page).parent().expect("a page lies in a folder").to_owned();
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap_or_default();
            let target = target.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.contains(char::is_whitespace) {
                continue;
            }
            if !folder.join(target).exists() {
                wrong.push(format!("{page}: {target}"));
            }
        }
    }
    none("links to nowhere", wrong);
}
