//! Expressions and templates: any text is parsed and evaluated, or refused, in bounded time and memory.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::Value as Json;
use windlass_expr::{Error, Expression, Scope, Template, TextOptions, Value, Vars};

/// The variables that the texts of the expression crate's own tests use.
static SCOPE: LazyLock<Value> = LazyLock::new(|| {
    let corpus: Json = serde_json::from_str(include_str!("../../crates/expr/tests/it/corpus.json"))
        .expect("the corpus is JSON");
    let Some(Json::Object(scope)) = corpus.get("scope").cloned() else { panic!("the corpus has a scope") };
    Scope::builder().layer(std::sync::Arc::new(Vars::new(scope))).build()
});

/// What a rendered text may have at most, with room for the text around its values.
const MAX_OUTPUT: usize = 20 << 20;

fuzz_target!(|text: &str| {
    expression(text);
    template(text, Template::parse(text));
    let options = TextOptions { lstrip_blocks: true, ..TextOptions::default() };
    template(text, Template::parse_with(text, &options));
});

fn expression(text: &str) {
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => return told(text, &error),
    };
    let references = expression.references();
    for name in &references.names {
        assert!(references.offset(name).is_none_or(|at| text.is_char_boundary(at)), "{name} stands nowhere");
    }
    let value = expression.eval(&SCOPE).map_err(|error| told(text, &error));
    let truth = expression.test(&SCOPE).map_err(|error| told(text, &error));
    if references.pure {
        assert_eq!(expression.eval(&SCOPE).ok(), value.ok(), "twice the same");
        assert_eq!(expression.test(&SCOPE).ok(), truth.ok(), "twice the same");
    }
}

fn template(text: &str, parsed: Result<Template, Error>) {
    let template = match parsed {
        Ok(template) => template,
        Err(error) => return told(text, &error),
    };
    match template.render(&SCOPE) {
        Ok(value) => assert!(value.to_string().len() < 2 * MAX_OUTPUT, "a large result"),
        Err(error) => told(text, &error),
    }
    if let Err(error) = template.render_text(&SCOPE) {
        told(text, &error);
    }
}

/// An error has a place in the text, and says something.
fn told(text: &str, error: &Error) {
    let offset = error.offset.unwrap_or(0);
    assert!(text.is_char_boundary(offset), "{error:?} stands at no character of {} bytes", text.len());
    assert!(
        !error.message.is_empty() && error.message.len() < 16 << 10,
        "a message of {}",
        error.message.len()
    );
}
