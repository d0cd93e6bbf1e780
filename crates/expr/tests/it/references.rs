//! Which variables a text refers to.

use serde_json::json;
use windlass_expr::{Expression, References, Template, references_of_tree};

fn names(references: &References) -> Vec<&str> {
    references.names.iter().map(String::as_str).collect()
}

#[test]
fn expressions_tell_their_variables() {
    let cases: [(&str, &[&str]); 18] = [
        ("now ~ x", &["now", "x"]),
        ("hostvars['web-01'].port", &["hostvars.web-01.port"]),
        ("version != ''", &["version"]),
        ("tasks.compile.outputs.sha", &["tasks.compile.outputs.sha"]),
        ("tasks['sign-off'].output", &["tasks.sign-off.output"]),
        ("tasks[which].output", &["tasks", "which"]),
        ("tasks['a']['b'][0].c", &["tasks.a.b"]),
        ("version.split('.') | first", &["version"]),
        ("tasks.a.output.strip()", &["tasks.a.output"]),
        ("a.b + c.d * e", &["a.b", "c.d", "e"]),
        ("env.HOME ~ '/x'", &["env.HOME"]),
        ("x | default(y.z)", &["x", "y.z"]),
        ("range(n) | list", &["n"]),
        ("x is version(minimum, '>=')", &["minimum", "x"]),
        ("a if b else c", &["a", "b", "c"]),
        ("{'k': v, w: 1}", &["v", "w"]),
        ("mode | default(omit)", &["mode"]),
        ("list[from:to]", &["from", "list", "to"]),
    ];
    for (text, expected) in cases {
        assert_eq!(names(Expression::parse(text).unwrap().references()), expected, "{text}");
    }
}

#[test]
fn templates_bind_names_of_their_own() {
    let cases: [(&str, &[&str]); 9] = [
        ("{% for x in xs %}{{ x.name }}{{ loop.index }}{% else %}{{ y }}{% endfor %}", &["xs", "y"]),
        ("{% for x in xs %}{% endfor %}{{ x }}", &["x", "xs"]),
        ("{% for k, v in d.items() if v > low %}{{ k }}{% endfor %}", &["d", "low"]),
        ("{% set a = b %}{{ a }}", &["b"]),
        ("{{ a }}{% set a = b %}", &["a", "b"]),
        ("{% if c %}{% set a = 1 %}{% endif %}{{ a }}", &["c"]),
        ("{% with a = b %}{{ a }}{% endwith %}{{ a }}", &["a", "b"]),
        ("{% macro m(p, q=d) %}{{ p }}{{ q }}{{ r }}{% endmacro %}{{ m(s) }}", &["d", "r", "s"]),
        ("{% set ns = namespace(n=0) %}{% set ns.n = ns.n + step %}{{ ns.n }}", &["step"]),
    ];
    for (text, expected) in cases {
        assert_eq!(names(Template::parse(text).unwrap().references()), expected, "{text}");
    }
}

#[test]
fn guarded_names_may_be_undefined() {
    let cases: [(&str, &[&str]); 5] = [
        ("a.b | default('x')", &["a.b"]),
        ("a is defined and a.b == 1", &["a", "a.b"]),
        ("a.b is defined and c", &["a.b"]),
        ("x | default(y)", &["x", "y"]),
        ("a.b + c", &[]),
    ];
    for (text, expected) in cases {
        let expression = Expression::parse(text).unwrap();
        let guarded: Vec<&str> = expression.references().guarded.iter().map(String::as_str).collect();
        assert_eq!(guarded, expected, "{text}");
    }
}

#[test]
fn functions_of_the_moment_are_not_pure() {
    for (text, pure) in [("now()", false), ("now(fmt='%Y')", false), ("range(3)", true), ("now", true)] {
        assert_eq!(Expression::parse(text).unwrap().references().pure, pure, "{text}");
    }
    let shadowed = Template::parse("{% macro now() %}x{% endmacro %}{{ now() }}").unwrap();
    assert!(shadowed.references().pure);
}

#[test]
fn offsets_point_into_the_source() {
    let text = "sha {{ tasks.compile.output }} of {{ version }}";
    let template = Template::parse(text).unwrap();
    for name in ["tasks.compile.output", "version"] {
        assert_eq!(template.references().offset(name), text.find(name));
    }
    let text = "  {{ version }} ";
    assert_eq!(Expression::parse(text).unwrap().references().offset("version"), text.find("version"));
}

#[test]
fn trees_sum_up_their_strings() {
    let tree = json!({ "a": ["{{ x }}", { "b": "{{ y | default(1) }} {{ x.z }}" }], "n": 1, "plain": "x" });
    let references = references_of_tree(&tree).unwrap();
    assert_eq!(names(&references), ["x", "x.z", "y"]);
    assert_eq!(references.guarded.iter().collect::<Vec<_>>(), ["y"]);
    assert!(references.mentions("x") && !references.mentions("plain"));
    let error = references_of_tree(&json!({ "a": ["ok", { "b": "{{ x | }}" }] })).unwrap_err();
    assert_eq!(error.path.as_deref(), Some("a[1].b"));

    let mut merged = Expression::parse("x is defined").unwrap().references().clone();
    assert!(merged.guarded.contains("x"));
    merged.merge(Expression::parse("x + 1").unwrap().references());
    assert!(!merged.guarded.contains("x"), "one of the two texts does not guard it");
}
