//! Templates as files: the options of the `template` module.

use proptest::prelude::*;
use serde_json::json;
use windlass_expr::{ErrorKind, Expression, Scope, Template, TextOptions, Value};

fn scope() -> Value {
    Scope::from_json(&json!({ "name": "web", "list": [1, 2], "flag": true, "crlf": "a\r\nb" }))
}

fn rendered(source: &str, options: &TextOptions) -> String {
    Template::parse_with(source, options).and_then(|template| template.render_text(&scope())).expect(source)
}

#[test]
fn files_render_as_the_template_module_renders_them() {
    let file = "server {{ name }};\n{% for x in list %}\n  listen {{ x }};\n{% endfor %}\n  {% if flag %}\nend\n  {% endif %}\n";
    let usual = TextOptions::default();
    assert_eq!(rendered(file, &usual), "server web;\n  listen 1;\n  listen 2;\n  end\n  \n");
    let stripped = TextOptions { lstrip_blocks: true, ..TextOptions::default() };
    assert_eq!(rendered(file, &stripped), "server web;\n  listen 1;\n  listen 2;\nend\n");
    let untrimmed = TextOptions { trim_blocks: false, ..TextOptions::default() };
    assert_eq!(rendered("{% if flag %}\nx\n{% endif %}\n", &untrimmed), "\nx\n");
    assert_eq!(rendered("{{ 'a\\tb' }}", &usual), "a\tb", "a backslash is an escape in a file");
    assert_eq!(rendered("{{ list }} {{ flag }} {{ none }}|\n\n", &usual), "[1, 2] True |\n\n");
}

#[test]
fn newlines_become_what_was_asked_for() {
    let windows = TextOptions { newline_sequence: "\r\n".to_owned(), ..TextOptions::default() };
    assert_eq!(rendered("a\nb {{ name }}\n", &windows), "a\r\nb web\r\n");
    assert_eq!(rendered("a\nb\r\n", &windows), "a\nb\r\n", "a text without Jinja stays as it is");
    assert_eq!(
        rendered("a\r\nb {{ crlf }}\r\n", &TextOptions::default()),
        "a\nb a\r\nb\n",
        "values stay as they are"
    );
}

#[test]
fn delimiters_can_be_others() {
    let pair = |open: &str, close: &str| (open.to_owned(), close.to_owned());
    let latex = TextOptions {
        variable: pair("<<", ">>"),
        block: pair("<%", "%>"),
        comment: pair("<#", "#>"),
        ..TextOptions::default()
    };
    assert_eq!(
        rendered("{{x}} << name >> <% for x in list %><< x >><% endfor %><# no #>", &latex),
        "{{x}} web 12"
    );
    let clash = TextOptions { variable: pair("{%", "%}"), ..TextOptions::default() };
    assert_eq!(Template::parse_with("x", &clash).unwrap_err().kind, ErrorKind::Syntax);
}

#[test]
fn what_is_literal_says_so() {
    let cases = [
        ("plain", true),
        ("a\r\n\n", true),
        ("", true),
        ("{{ x }}", false),
        ("{# c #}", false),
        ("{ x }", true),
    ];
    for (text, literal) in cases {
        assert_eq!(Template::parse(text).unwrap().is_literal(), literal, "{text}");
    }
}

#[test]
fn what_a_template_cannot_do_is_said() {
    let cases = [
        ("{% include 'x' %}", "`{% include %}` is not supported"),
        ("{% extends 'x' %}", "`{% extends %}` is not supported"),
        ("a{% import 'x' as y %}", "`{% import %}` is not supported"),
        ("{% block b %}{% endblock %}", "`{% block %}` is not supported"),
        ("{{ nope() }}", "there is no function `nope`"),
        ("{{ x | unvault }}", "there is no filter `unvault`"),
    ];
    for (text, message) in cases {
        assert_eq!(Template::parse(text).unwrap_err().message, message);
    }
}

#[test]
fn errors_in_a_text_point_at_the_place() {
    let text = "line one\nline {{ name }} {{ list | frist }}\n";
    let error = Template::parse(text).unwrap_err();
    assert_eq!(error.offset, text.find("frist"));
    let text = "line one\n{% for x in list %}{{ x }} {{ nmae }}{% endfor %}\n";
    let error = Template::parse(text).unwrap().render(&scope()).unwrap_err();
    assert_eq!((error.offset, error.hint.as_deref()), (text.find("nmae"), Some("did you mean `name`?")));
    let text = "  {{ name ~ (list + 1) }}";
    let error = Expression::parse(text).unwrap().eval(&scope()).unwrap_err();
    assert_eq!(error.offset, text.find("list"));
}

/// Texts that look like templates more often than chance makes them.
fn jinja() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{{ ".to_owned()),
        Just(" }}".to_owned()),
        Just("{% ".to_owned()),
        Just(" %}".to_owned()),
        Just("{#".to_owned()),
        Just("#}".to_owned()),
        "(if|for x in|endfor|endif|else|set|macro m\\(\\)|endmacro|raw|endraw|filter) ?",
        "[a-c](\\.[a-c]|\\[[0-9'a]\\]|\\(\\))?",
        "( \\| (default\\('x'\\)|list|map\\('upper'\\)|join|sort|int|to_json|combine\\(c\\)))",
        " (and|or|not|in|is defined|==|<|\\+|-|\\*|/|~|%|\\*\\*|if|else) ",
        "('[^']{0,3}'|[0-9]{1,3}(\\.[0-9])?|true|none)",
        "[ \\n,:\\[\\](){}'\"-]",
        "\\PC{0,4}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(text in prop_oneof![any::<String>(), jinja()]) {
        let scope = Scope::from_json(&json!({ "a": { "b": [1, "x"] }, "b": "text", "c": { "k": null } }));
        if let Ok(template) = Template::parse(&text) {
            let rendered = template.render(&scope);
            prop_assert_eq!(rendered, template.clone().render(&scope), "it is deterministic");
        }
        let bare = text.trim_matches(['{', '}', '%', ' ']);
        for expression in [&text, bare].into_iter().flat_map(Expression::parse) {
            if let Err(error) = expression.eval(&scope) {
                prop_assert!(error.offset.is_none_or(|offset| offset <= text.len()));
            }
        }
    }

    #[test]
    fn literal_text_renders_to_itself(text in any::<String>()) {
        prop_assume!(!["{{", "{%", "{#"].iter().any(|open| text.contains(open)));
        let template = Template::parse(&text).unwrap();
        prop_assert!(template.is_literal());
        prop_assert_eq!(template.render(&Scope::builder().build()).unwrap(), json!(text));
    }

    #[test]
    fn values_pass_through_unchanged(number in any::<i64>(), float in -1e300..1e300f64, text in any::<String>()) {
        let value = json!({ "n": number, "f": float, "t": text, "l": [null, true, [number]] });
        let scope = Scope::from_json(&json!({ "v": value.clone() }));
        prop_assert_eq!(&Template::parse("{{ v }}").unwrap().render(&scope).unwrap(), &value);
        prop_assert_eq!(&Template::parse("{{ v | to_json | from_json }}").unwrap().render(&scope).unwrap(), &value);
    }
}
