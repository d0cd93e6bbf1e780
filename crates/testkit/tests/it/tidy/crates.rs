//! Which crate may use which: arrows point down only, and a heavy dependency has one owner.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{none, root, text};

/// What each crate may use of the others. `expr` and `yaml` are leaves that every crate above may use; the
/// testkit and the chores are no part of the program.
const EDGES: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("expr", &[]),
    ("yaml", &["model"]),
    ("store", &["model"]),
    ("engine", &["store", "model", "expr", "yaml"]),
    ("ssh", &[]),
    ("http", &[]),
    ("llm", &["http", "model", "yaml"]),
    ("gate", &["http", "expr", "yaml"]),
    ("image", &[]),
    ("fleet", &["gate", "http", "image", "ssh", "engine", "model", "expr", "yaml"]),
    ("flow", &["fleet", "llm", "engine", "model", "expr", "yaml"]),
    ("cli", &["flow", "fleet", "llm", "ssh", "gate", "engine", "store", "model", "expr", "yaml"]),
    ("swarm", &["gate"]),
    ("testkit", &["engine", "store", "model"]),
    ("xtask", &[]),
];

/// Dependencies that cost much to build or bind the code that uses them: each has one owner.
const OWNERS: &[(&str, &[&str])] = &[
    ("rusqlite", &["store"]),
    // Documents are YAML 1.2 with places; what `from_yaml` reads is YAML 1.1, and data.
    ("saphyr-parser", &["yaml", "expr"]),
    // The engine hands variables to expressions one by one, as objects of its own.
    ("minijinja", &["expr", "engine"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("annotate-snippets", &["cli"]),
    // One end of it is ours, and the other that of a test's many hosts.
    ("russh", &["ssh", "swarm"]),
    ("tiktoken-rs", &["llm"]),
    ("jsonschema", &["flow"]),
    ("ureq", &["http"]),
    ("rustls", &["http"]),
    ("aho-corasick", &["engine"]),
];

/// How many packages the lock file may have. Raise it only with the reason in the commit. SSH brings a hundred
/// and thirty: each algorithm is a crate of its own. JSON Schema brings thirty.
const LOCKED: usize = 340;

/// The dependencies of one crate, by section of its manifest.
fn manifest(name: &str) -> BTreeMap<String, BTreeSet<String>> {
    let path = if name == "xtask" { "xtask/Cargo.toml".into() } else { format!("crates/{name}/Cargo.toml") };
    let mut sections: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut section = String::new();
    for line in text(&path).lines().map(str::trim) {
        if let Some(head) = line.strip_prefix('[') {
            section = head.trim_end_matches(']').to_owned();
        } else if let Some((key, _)) = line.split_once('=')
            && !line.starts_with('#')
        {
            let key = key.trim().split('.').next().expect("a split has a first part").trim();
            sections.entry(section.clone()).or_default().insert(key.to_owned());
        }
    }
    sections
}

fn members() -> BTreeSet<String> {
    let folders = std::fs::read_dir(root().join("crates")).expect("crates/ can be read");
    let names = folders.map(|f| f.expect("it can be read").file_name().to_string_lossy().into_owned());
    names.chain(["xtask".to_owned()]).collect()
}

#[test]
fn every_crate_has_its_edges_written_down() {
    let listed: BTreeSet<String> = EDGES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(members(), listed);
}

#[test]
fn arrows_point_down_only() {
    let mut wrong = Vec::new();
    for (name, allowed) in EDGES {
        let sections = manifest(name);
        for used in sections.get("dependencies").into_iter().flatten() {
            if let Some(used) = used.strip_prefix("windlass-")
                && !allowed.contains(&used)
            {
                wrong.push(format!("{name} uses {used}"));
            }
        }
        // Tests may use what is for tests, and what is below, never a crate above.
        for used in sections.get("dev-dependencies").into_iter().flatten() {
            if let Some(used) = used.strip_prefix("windlass-")
                && !["testkit", "swarm"].contains(&used)
                && !allowed.contains(&used)
            {
                wrong.push(format!("the tests of {name} use {used}"));
            }
        }
    }
    none("edges that DESIGN does not have", wrong);
}

#[test]
fn a_heavy_dependency_has_one_owner() {
    let mut wrong = Vec::new();
    for name in members() {
        for used in manifest(&name).get("dependencies").into_iter().flatten() {
            if let Some((_, owners)) = OWNERS.iter().find(|(heavy, _)| heavy == used)
                && !owners.contains(&name.as_str())
            {
                wrong.push(format!("{name} uses {used}, which belongs to {}", owners.join(", ")));
            }
        }
    }
    none("dependencies with several owners", wrong);
}

#[test]
fn versions_live_in_the_workspace_and_lints_apply_everywhere() {
    let mut wrong = Vec::new();
    for name in members() {
        let path =
            if name == "xtask" { "xtask/Cargo.toml".into() } else { format!("crates/{name}/Cargo.toml") };
        let manifest = text(&path);
        let mut dependencies = false;
        for line in manifest.lines().map(str::trim) {
            if line.starts_with('[') {
                dependencies = line.ends_with("dependencies]");
            } else if dependencies && line.contains('=') && !line.contains("workspace = true") {
                wrong.push(format!("{path}: {line}"));
            }
        }
        if !manifest.contains("[lints]\nworkspace = true") {
            wrong.push(format!("{path}: no [lints] workspace = true"));
        }
    }
    none("manifests with a will of their own", wrong);
}

#[test]
fn the_lock_file_stays_small() {
    let locked = text("Cargo.lock").matches("[[package]]").count();
    assert!(locked <= LOCKED, "{locked} locked packages, at most {LOCKED}");
}
