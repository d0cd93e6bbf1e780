//! What expressions and templates evaluate to, and how they fail.

use serde_json::{Value as Json, json};
use windlass_expr::{ErrorKind, Expression, Scope, Template, Value};

fn scope() -> Value {
    Scope::from_json(&json!({
        "version": "1.4.2",
        "empty": "",
        "n": 3,
        "list": [3, 1, 2],
        "tasks": {
            "compile": {"state": "completed", "outputs": {"sha": "abc"}},
            "sign-off": {"output": "yes"},
        },
        "result": {"rc": 0, "changed": true, "stdout": "a\nb"},
    }))
}

#[test]
fn a_lone_expression_keeps_its_type() {
    let cases = [
        ("{{ n }}", json!(3)),
        ("{{ n > 2 }}", json!(true)),
        ("{{ list | sort }}", json!([1, 2, 3])),
        ("{{ none }}", Json::Null),
        ("{{ tasks.compile.outputs }}", json!({"sha": "abc"})),
        ("n is {{ n }}", json!("n is 3")),
        ("{{ n }}{{ n }}", json!("33")),
        ("{{ n > 2 }} {{ list }} {{ none }}.", json!("True [3, 1, 2] .")),
        ("plain", json!("plain")),
        ("{{ tasks['sign-off'].output }}", json!("yes")),
    ];
    for (text, expected) in cases {
        assert_eq!(Template::parse(text).unwrap().render(&scope()).unwrap(), expected, "{text}");
    }
}

#[test]
fn conditions_are_true_or_false() {
    let cases = [
        ("version != ''", true),
        ("empty", false),
        ("'false'", true),
        ("{{ n == 3 }}", true),
        ("missing is defined", false),
        ("a.b.c is not defined", true),
        ("a.b.c | default('x') == 'x'", true),
        ("version is version('1.4', '>=')", true),
        ("result is changed and result is succeeded", true),
        ("'a' in result.stdout.splitlines()", true),
        ("n > 1 and n < 5 and not empty", true),
        ("1 < n <= 3", true),
    ];
    for (text, expected) in cases {
        assert_eq!(Expression::parse(text).unwrap().test(&scope()).unwrap(), expected, "{text}");
    }
}

/// Text, kind, message, hint, offset.
type Failure = (&'static str, ErrorKind, &'static str, Option<&'static str>, Option<usize>);

#[test]
fn failures_say_what_where_and_what_to_do() {
    let cases: &[Failure] = &[
        ("versoin", ErrorKind::Undefined, "`versoin` is undefined", Some("did you mean `version`?"), Some(0)),
        (
            "1 + tasks.compile.outputs.shaa",
            ErrorKind::Undefined,
            "`tasks.compile.outputs` has no `shaa`",
            Some("did you mean `sha`?"),
            Some(0),
        ),
        ("x.y.z", ErrorKind::Undefined, "`x` is undefined", None, Some(0)),
        (
            "tasks.sign-off.output",
            ErrorKind::Syntax,
            "`tasks.sign-off` reads as a subtraction",
            Some("write `tasks['sign-off']`"),
            Some(0),
        ),
        ("n | uper", ErrorKind::Unknown, "there is no filter `uper`", Some("did you mean `upper`?"), Some(4)),
        (
            "n is defind",
            ErrorKind::Unknown,
            "there is no test `defind`",
            Some("did you mean `defined`?"),
            Some(5),
        ),
        (
            "lookup('env', 'HOME')",
            ErrorKind::Value,
            "the lookup `env` fails: nothing outside of the variables is in reach here",
            None,
            Some(0),
        ),
        (
            "lookup('fiel', 'x')",
            ErrorKind::Value,
            "there is no lookup `fiel`; did you mean `file`?",
            None,
            Some(0),
        ),
        (
            "{{ n }} == '3'",
            ErrorKind::Syntax,
            "unexpected `}`, expected `:`",
            Some("write it without braces: the whole text is one expression already"),
            Some(5),
        ),
        (
            "{% if n %}",
            ErrorKind::Syntax,
            "a condition is one expression, without `{% %}`",
            Some("write it bare, as in `when: version != ''`"),
            Some(0),
        ),
        ("", ErrorKind::Syntax, "the expression is empty", None, Some(0)),
        ("n | upper(1, 2)", ErrorKind::Value, "`upper` takes at most 0 arguments", None, Some(4)),
        ("n | default(3, bool=true)", ErrorKind::Value, "`default` has no parameter `bool`", None, Some(4)),
        ("'a' + 1", ErrorKind::Value, "`+` does not work on a text and an integer", None, Some(0)),
        ("list.nope()", ErrorKind::Unknown, "a list has no method `nope`", None, Some(0)),
        (
            "version.splt('.')",
            ErrorKind::Unknown,
            "a text has no method `splt`; did you mean `split`?",
            None,
            Some(0),
        ),
        (
            "version | regex_search('(?=a)')",
            ErrorKind::Value,
            "look-around is not supported in a pattern: `(?=a)`",
            None,
            Some(10),
        ),
        (
            "[n, versoin]",
            ErrorKind::Undefined,
            "`versoin` is undefined",
            Some("did you mean `version`?"),
            Some(4),
        ),
        ("missing | mandatory('set it with -e')", ErrorKind::Value, "set it with -e", None, Some(10)),
        ("n +", ErrorKind::Syntax, "unexpected end of input, expected expression", None, Some(2)),
    ];
    for (text, kind, message, hint, offset) in cases {
        let error = match Expression::parse(text) {
            Ok(expression) => expression.eval(&scope()).unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(
            (error.kind, error.message.as_str(), error.hint.as_deref(), error.offset),
            (*kind, *message, *hint, *offset),
            "{text}"
        );
    }
}

#[test]
fn what_is_parsed_can_be_shared_between_threads() {
    fn shared<T: Clone + Send + Sync + std::fmt::Debug + 'static>(it: T) -> String {
        let other = it.clone();
        let thread = std::thread::spawn(move || format!("{other:?}"));
        assert_eq!(thread.join().unwrap(), format!("{it:?}"));
        format!("{it:?}")
    }
    assert_eq!(shared(Expression::parse("version != ''").unwrap()), "Expression(\"version != ''\")");
    assert_eq!(shared(Template::parse("v{{ version }}").unwrap()), "Template(\"v{{ version }}\")");
    assert!(!shared(scope()).is_empty());
}

#[test]
fn numbers_keep_their_kind() {
    let scope = Scope::from_json(&json!({ "big": u64::MAX, "small": i64::MIN, "float": 2.0 }));
    let cases = [
        ("{{ big }}", json!(u64::MAX)),
        ("{{ small }}", json!(i64::MIN)),
        ("{{ float }}", json!(2.0)),
        ("{{ big + 1 }}", json!("18446744073709551616")),
        ("{{ float * 2 }}", json!(4.0)),
        ("{{ 7 // 2 }}", json!(3)),
        ("{{ 1e308 * 10 }}", json!("inf")),
    ];
    for (text, expected) in cases {
        assert_eq!(Template::parse(text).unwrap().render(&scope).unwrap(), expected, "{text}");
    }
}
