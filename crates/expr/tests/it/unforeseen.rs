//! What nobody can know yet fails wherever it is used, and says why.

use windlass_expr::{ErrorKind, Expression, Scope, Template, Value, unforeseen};

fn scope() -> Value {
    let result =
        Value::from_pairs([("skipped", Value::from(true)), ("stdout", unforeseen("what build/run does"))]);
    Scope::builder().value("r", result).value("bare", unforeseen("what build/run does")).build()
}

#[test]
fn whatever_uses_it_fails_and_names_the_cause() {
    for text in [
        "bare",
        "bare | default('x')",
        "bare is defined",
        "r.stdout",
        "r['stdout']",
        "r.stdout == ''",
        "r.stdout | length > 0",
        "r.get('stdout', '')",
        "r is changed or r.stdout",
        "'x' in r.stdout",
        "[r] | map(attribute='stdout') | list",
        "[r] | selectattr('stdout', 'equalto', 'x') | list",
        "r | to_json",
        "r == {'skipped': true, 'stdout': 'x'}",
        "r.stdout if r.skipped else ''",
    ] {
        let error = Expression::parse(text).unwrap().test(&scope()).expect_err(text);
        assert_eq!(error.kind, ErrorKind::Unforeseen, "{text}: {error}");
        assert_eq!(error.message, "unknown before it runs, for it depends on what build/run does", "{text}");
    }
    for text in ["{{ r }}", "{{ r.stdout }}", "a {{ r.stdout }} b", "{% if r.stdout %}x{% endif %}"] {
        let error = Template::parse(text).unwrap().render(&scope()).expect_err(text);
        assert_eq!(error.kind, ErrorKind::Unforeseen, "{text}: {error}");
    }
}

#[test]
fn what_does_not_use_it_goes_on() {
    for text in ["r.skipped", "r is skipped", "r.stdout if not r.skipped else 'x'", "true or r.stdout"] {
        assert!(Expression::parse(text).unwrap().test(&scope()).unwrap(), "{text}");
    }
}
