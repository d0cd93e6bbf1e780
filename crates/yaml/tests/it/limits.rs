//! Broken and hostile documents are refused at once.

use std::fs::File;
use std::time::{Duration, Instant};

use windlass_model::Code;
use windlass_yaml::{Limits, decode, parse, read_file};

use crate::{problems, source};

/// Runs `f` and fails if it took far longer than the second that a released program has for it: what grows
/// faster than its input takes minutes. An unoptimised build on a busy machine is some times slower.
fn at_once<T>(f: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let value = f();
    assert!(begin.elapsed() < Duration::from_secs(10), "took {:?}", begin.elapsed());
    value
}

#[test]
fn a_file_of_100_mb_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big.yaml");
    File::create(&path).unwrap().set_len(100 << 20).unwrap();
    let problem = at_once(|| read_file(&path, "big.yaml", &Limits::default())).unwrap_err();
    assert_eq!(problem.code, Code::TooBig);
}

#[test]
fn a_text_of_100_mb_is_refused() {
    let source = source(&"a: b\n".repeat(20 << 20));
    let problems = at_once(|| parse(&source, &Limits::default())).unwrap_err();
    assert!(problems.to_string().contains("WL0102"), "{problems}");
}

#[test]
fn nesting_is_refused_at_the_limit() {
    let deep = 100_000;
    for text in [
        "[".repeat(deep),
        "{a: ".repeat(deep),
        "- ".repeat(deep),
        "? ".repeat(deep),
        "? - ".repeat(deep),
        "[".repeat(deep) + &"]".repeat(deep),
        "a: [".to_owned() + &"[".repeat(deep),
        r#"{"a":"#.repeat(deep) + "1" + &"}".repeat(deep),
        "[{".repeat(deep),
        (0..4000).map(|n| " ".repeat(n) + "a:\n").collect::<String>(),
    ] {
        let shown = text[..20].to_owned();
        let found = at_once(|| problems(&text));
        assert!(found.contains("WL0102") && found.contains("deep"), "{shown}: {found}");
    }
}

#[test]
fn nesting_up_to_the_limit_is_fine() {
    let deep = Limits::default().depth;
    let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
    assert!(crate::read(&nested(deep)).is_ok());
    assert!(crate::read(&nested(deep + 1)).is_err());
    assert!(crate::read(&format!("- {}", nested(deep - 1))).is_ok());
    assert!(crate::read(&format!("- {}", nested(deep))).is_err());
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut laughs = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for n in 1..30 {
        let before = format!("*a{}, ", n - 1).repeat(9);
        laughs += &format!("a{n}: &a{n} [{before}]\n");
    }
    assert!(at_once(|| problems(&laughs)).contains("values, aliases expanded"));
}

#[test]
fn a_few_aliases_of_a_long_text_are_a_bomb_too() {
    let bomb = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(1000));
    assert!(at_once(|| problems(&bomb)).contains("bytes of text"));
}

#[test]
fn a_bomb_of_merge_keys_is_refused() {
    let keys: String = (0..1000).map(|n| format!("  k{n}: 1\n")).collect();
    let merges: String = (0..2000).map(|n| format!("m{n}:\n  <<: *a\n")).collect();
    let found = at_once(|| problems(&format!("a: &a\n{keys}{merges}")));
    assert!(found.contains("WL0102"), "{found}");
}

#[test]
fn aliases_cannot_pass_the_depth() {
    let chain: String = (1..200).map(|n| format!("a{n}: &a{n} [*a{}]\n", n - 1)).collect();
    assert!(at_once(|| problems(&format!("a0: &a0 []\n{chain}"))).contains("deep"));
}

#[test]
fn a_tower_of_anchors_is_refused() {
    let tower: String = (0..100).map(|n| format!("&a{n} [")).collect();
    let text = tower + &"x, ".repeat(50_000) + &"]".repeat(100);
    assert!(at_once(|| problems(&text)).contains("WL0102"));
}

#[test]
fn large_flow_collections_are_refused_or_read_at_once() {
    for unit in ["[],", "a,", "{a: b},", ",", "[[", "{{", "&a ", "*a ", "? ", "'' ", "!a "] {
        let text = format!("[{}", unit.repeat((7 << 20) / unit.len()));
        at_once(|| problems(&text));
    }
}

#[test]
fn problems_are_not_reported_without_end() {
    let text = "a: 1\n".repeat(20_000);
    let found = at_once(|| problems(&text));
    assert_eq!(found.lines().count(), Limits::default().problems);
}

#[test]
fn bytes_that_are_not_utf_8_are_shown_at_their_line() {
    let problem = at_once(|| decode(b"a: 1\nb: caf\xe9\n".to_vec(), "latin.yaml")).unwrap_err();
    assert_eq!(problem.code, Code::NotUtf8);
    assert!(problem.to_string().starts_with("latin.yaml:2:7: the byte 0xe9 is not UTF-8"), "{problem}");
    let problem = decode(b"\xff\xfea\0".to_vec(), "utf16.yaml").unwrap_err();
    assert!(problem.to_string().contains("UTF-16"), "{problem}");
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let source = decode(b"\xef\xbb\xbfa: [1]\n".to_vec(), "bom.yaml").unwrap();
    let node = parse(&source, &Limits::default()).unwrap();
    assert_eq!(node.to_json(), serde_json::json!({"a": [1]}));
    assert_eq!(node.location(&source).line_column().0, 1);
}

#[test]
fn only_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits::default();
    let refused = |path: &std::path::Path| read_file(path, "x", &limits).unwrap_err().to_string();
    assert!(refused(folder.path()).contains("a folder"));
    assert!(refused(&folder.path().join("none.yaml")).contains("WL0113"));
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(at_once(|| refused(&pipe)).contains("a pipe"));
    let file = folder.path().join("flow.yaml");
    std::fs::write(&file, "a: 1").unwrap();
    assert_eq!(read_file(&file, "flow.yaml", &limits).unwrap().text, "a: 1");
}
