//! Documents that are refused: each with all that is wrong with it, as people see it.
//!
//! `WINDLASS_BLESS=1 cargo test -p windlass-flow` writes the golden files anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use windlass_engine::{Error, Request};
use windlass_model::Source;

use crate::setup::flow;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/bad")
}

/// The bad documents; what only they include lies in folders below.
fn documents() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).expect("the corpus is there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    paths.sort();
    paths
}

/// What is wrong with a document, a line each, with the other places that explain it.
fn told(path: &Path) -> String {
    let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
    let source: Arc<Source> = Source::new(name, fs::read_to_string(path).expect("it can be read"));
    let from = source.text.lines().find_map(|line| line.strip_prefix("# --from ")).map(str::to_owned);
    let request = Request { from, ..Request::default() };
    match flow().compile_text(&source, &folder(), &request) {
        Ok(_) => panic!("{} is accepted", path.display()),
        Err(Error::Document(problems)) => problems.iter().map(line).collect(),
        Err(other) => panic!("{}: {other}", path.display()),
    }
}

fn line(problem: &windlass_model::Diagnostic) -> String {
    let mut out = format!("{problem}\n");
    for (place, label) in &problem.related {
        out.push_str(&format!("    {place}: {label}\n"));
    }
    out
}

#[test]
fn every_bad_document_is_told_what_is_wrong_with_it() {
    let bless = std::env::var_os("WINDLASS_BLESS").is_some();
    let mut different = Vec::new();
    for path in documents() {
        let (told, golden) = (told(&path), path.with_extension("golden"));
        if fs::read_to_string(&golden).unwrap_or_default() == told {
            continue;
        }
        if bless {
            fs::write(&golden, &told).expect("it can be written");
        } else {
            different.push(format!("{}:\n{told}", path.display()));
        }
    }
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
}

#[test]
fn the_corpus_is_large_and_shows_each_code() {
    assert!(documents().len() >= 60, "{} documents", documents().len());
    let golden: String = documents()
        .iter()
        .map(|path| fs::read_to_string(path.with_extension("golden")).unwrap_or_default())
        .collect();
    let missing: Vec<&str> = windlass_model::Code::ALL
        .iter()
        .map(|code| code.as_str())
        // From WL0230 on it is configurations of claude-workflow: `config.rs`.
        .filter(|code| ("WL0201".."WL0230").contains(code) || ("WL0301".."WL0320").contains(code))
        .filter(|code| !golden.contains(&format!("[{code}]")))
        .collect();
    assert!(missing.is_empty(), "no document shows {missing:?}");
}
