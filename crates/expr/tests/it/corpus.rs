//! The corpus: what Ansible makes of each text (see `corpus.py`), and what we make of it.

use std::sync::Arc;

use serde_json::Value as Json;
use windlass_expr::{Expression, Local, Scope, Template, TextOptions};

/// Files on which we differ by intent, with the reason.
const DIFFERENT: &[(&str, &str)] = &[
    ("{{ list }}\n", "a file keeps the newline at its end, whatever the type of the value before it"),
    ("{# c #}\n", "a file keeps the newline at its end, even with nothing before it"),
];

/// What the corpus was made in: its folder, and the same environment.
fn world() -> Arc<Local> {
    let env = [
        ("HOME", "/home/corpus"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("WINDLASS_CORPUS", "from the environment"),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Arc::new(Local::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/corpus"), env))
}

#[test]
fn texts_mean_what_they_mean_in_ansible() {
    let corpus: Json = serde_json::from_str(include_str!("corpus.json")).unwrap();
    let scope = Scope::builder().scope(Scope::from_json(&corpus["scope"])).outside(world()).build();
    let cases = corpus["cases"].as_array().unwrap();
    let mut wrong = Vec::new();
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let ours = match (case.get("file"), case.get("bare")) {
            (Some(_), _) => Template::parse_with(text, &TextOptions::default())
                .and_then(|template| template.render_text(&scope).map(Json::String)),
            (_, Some(_)) => Expression::parse(text).and_then(|expression| expression.eval(&scope)),
            _ => Template::parse(text).and_then(|template| template.render(&scope)),
        };
        let same = match (&ours, case.get("result")) {
            (Ok(ours), Some(theirs)) => ours == theirs,
            (Err(_), None) => true,
            _ => false,
        };
        let excused = case.get("file").is_some() && DIFFERENT.iter().any(|(different, _)| *different == text);
        if same == excused {
            wrong.push(format!(
                "{text:?}\n    ours   {ours:?}\n    theirs {}",
                case.get("result").unwrap_or(&Json::Null)
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
