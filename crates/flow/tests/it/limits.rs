//! Hostile documents are refused at once, on the way that every document takes.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use windlass_engine::{Backend, Request};
use windlass_model::{Code, Diagnostics};
use windlass_yaml::Limits;

use crate::setup::flow;

/// Reads and loads a file as the lifecycle does; gives what is wrong with it.
fn refused(bytes: &[u8]) -> Diagnostics {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("flow.yaml");
    fs::write(&path, bytes).expect("it can be written");
    let start = Instant::now();
    let problems = load(&path);
    assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
    problems
}

fn load(path: &Path) -> Diagnostics {
    let source = match windlass_yaml::read_file(path, "flow.yaml", &Limits::default()) {
        Ok(source) => source,
        Err(problem) => return problem.into(),
    };
    match flow().load(&source, path.parent().expect("it has a parent"), &Request::default()) {
        Err(windlass_engine::Error::Document(problems)) => problems,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it is accepted"),
    }
}

fn code(problems: &Diagnostics) -> Code {
    problems.iter().next().expect("a problem").code
}

#[test]
fn an_alias_bomb() {
    let mut text = "workflow: x\na0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let last = format!("*a{}, ", n - 1);
        text.push_str(&format!("a{n}: &a{n} [{}]\n", last.repeat(9).trim_end_matches(", ")));
    }
    assert_eq!(code(&refused(text.as_bytes())), Code::TooBig);
}

#[test]
fn a_document_of_100_megabytes() {
    let mut text = b"workflow: x\ntasks:\n".to_vec();
    text.resize(100 << 20, b'#');
    assert_eq!(code(&refused(&text)), Code::TooBig);
}

#[test]
fn a_nesting_100_000_deep() {
    for (open, close) in [("[", "]"), ("{a: ", "}")] {
        let text = format!("workflow: x\nvars: {}1{}\n", open.repeat(100_000), close.repeat(100_000));
        assert_eq!(code(&refused(text.as_bytes())), Code::TooBig);
    }
    let block: String = (0..2000).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    assert_eq!(code(&refused(block.as_bytes())), Code::TooBig);
}

#[test]
fn bytes_that_are_no_text() {
    assert_eq!(code(&refused(b"workflow: caf\xe9\ntasks: []\n")), Code::NotUtf8);
}

#[test]
fn a_deep_expression_is_told_where_it_stands() {
    let deep = format!("{}1{}", "(".repeat(50_000), ")".repeat(50_000));
    let text = format!("workflow: x\ntasks:\n  - {{ id: a, run: x, when: '{deep}' }}\n");
    let start = Instant::now();
    let problems = crate::setup::problems(&text);
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(problems.to_string().starts_with("flow.yaml:3:"), "{problems}");
}

#[test]
fn a_large_document_is_compiled_in_a_moment() {
    let mut text = "workflow: x\nvars: { v: 1 }\ntasks:\n  - { id: t0, run: x }\n".to_owned();
    for n in 1..2000 {
        let last = n - 1;
        text.push_str(&format!(
            "  - {{ id: t{n}, needs: t{last}, run: 'echo {{{{ v }}}} {{{{ tasks.t0.state }}}}' }}\n"
        ));
    }
    let start = Instant::now();
    assert_eq!(crate::setup::plan(&text).tasks.len(), 2000);
    assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
}
