//! Error codes: each has a page, and each is used.

use std::collections::BTreeSet;

use super::tree::{files, none, sources, text};

/// Every code as `(name, number)`, read out of the table.
fn table() -> Vec<(String, String)> {
    let source = text("crates/model/src/code.rs");
    let entry = |line: &str| {
        let (name, number) = line.trim().strip_suffix("\",")?.split_once(" = \"")?;
        number.starts_with("WL").then(|| (name.to_owned(), number.to_owned()))
    };
    let all: Vec<_> = source.lines().filter_map(entry).collect();
    assert!(all.len() > 50, "the table of codes is not read rightly");
    all
}

#[test]
fn every_code_has_a_page_that_says_what_to_do() {
    let mut wrong = Vec::new();
    for (name, number) in table() {
        let page = text(&format!("crates/model/codes/{number}.md"));
        if !page.starts_with(&format!("# {number}: ")) {
            wrong.push(format!("{number} ({name}): its page does not begin with its title"));
        }
        if !page.contains("\n## What to do\n") {
            wrong.push(format!("{number} ({name}): its page does not say what to do"));
        }
    }
    none("pages that help nobody", wrong);
}

#[test]
fn every_page_belongs_to_a_code() {
    let numbers: BTreeSet<String> = table().into_iter().map(|(_, number)| number).collect();
    let pages = files("crates/model/codes").into_iter().map(|(name, _)| name);
    let lost = pages.filter(|name| {
        let stem = name.rsplit('/').next().and_then(|file| file.strip_suffix(".md"));
        stem.is_none_or(|stem| !numbers.contains(stem))
    });
    none("pages without a code", lost.collect());
}

#[test]
fn every_code_is_used() {
    let sources: Vec<_> = sources()
        .into_iter()
        .filter(|(name, _)| name.contains("/src/") && name != "crates/model/src/code.rs")
        .collect();
    let used = |name: &str| {
        let path = format!("Code::{name}");
        sources.iter().any(|(_, text)| {
            text.match_indices(&path).any(|(at, _)| {
                text[at + path.len()..].chars().next().is_none_or(|c| !c.is_alphanumeric() && c != '_')
            })
        })
    };
    let unused = table().into_iter().filter(|(name, _)| !used(name));
    none("codes that nothing uses", unused.map(|(name, number)| format!("{number} {name}")).collect());
}

#[test]
fn numbers_are_in_order_and_stand_once() {
    let numbers: Vec<String> = table().into_iter().map(|(_, number)| number).collect();
    let mut sorted = numbers.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(numbers, sorted);
}
