//! What is accepted as parameters, and what is said of the rest.

use serde_json::{Value, json};

use crate::{Args, Check, Effect, Kind, Param, ParamError, Rule, Spec};

static SPEC: Spec = Spec {
    name: "demo",
    summary: "",
    params: &[
        Param::new("path", Kind::Path, "Where.").required().aliases(&["dest"]),
        Param::new("text", Kind::Str, ""),
        Param::new("count", Kind::Int, "").default("3"),
        Param::new("ratio", Kind::Float, ""),
        Param::new("force", Kind::Bool, "").default("false"),
        Param::new("state", Kind::Str, "").choices(&["present", "absent"]),
        Param::new("names", Kind::List(&Kind::Str), ""),
        Param::new("ports", Kind::List(&Kind::Int), ""),
        Param::new("map", Kind::Dict, ""),
        Param::new("mode", Kind::Mode, "").choices(&["preserve"]),
        Param::new("any", Kind::Raw, ""),
    ],
    free_form: None,
    open: false,
    effect: Effect::Changes,
    check: Check::Predicts,
    rules: &[Rule::Exclusive(&["text", "any"])],
};

static COMMAND: Spec = Spec {
    name: "cmd",
    summary: "",
    params: &[
        Param::new("_raw_params", Kind::Str, ""),
        Param::new("cmd", Kind::Str, ""),
        Param::new("chdir", Kind::Path, ""),
        Param::new("creates", Kind::Path, ""),
        Param::new("stdin", Kind::Str, ""),
    ],
    free_form: Some("_raw_params"),
    open: false,
    effect: Effect::Changes,
    check: Check::Predicts,
    rules: &[Rule::OneOf(&["_raw_params", "cmd"]), Rule::Together(&["chdir", "creates"])],
};

fn one(name: &str, value: Value) -> Result<Value, Vec<ParamError>> {
    let args = Args::check(&SPEC, json!({"path": "/p", name: value}))?;
    Ok(args.get(name).cloned().unwrap_or_default())
}

#[test]
fn values_become_what_the_parameter_takes() {
    for (name, value, expected) in [
        ("text", json!("a"), json!("a")),
        ("text", json!(5), json!("5")),
        ("text", json!(1.5), json!("1.5")),
        ("text", json!(true), json!("True")),
        ("text", json!(null), json!(null)),
        ("count", json!("5"), json!(5)),
        ("count", json!(" -7 "), json!(-7)),
        ("count", json!(4.0), json!(4)),
        ("count", json!(null), json!(3)),
        ("ratio", json!("0.5"), json!(0.5)),
        ("ratio", json!(2), json!(2.0)),
        ("force", json!("yes"), json!(true)),
        ("force", json!("Off"), json!(false)),
        ("force", json!(1), json!(true)),
        ("force", json!("0"), json!(false)),
        ("names", json!("a,b"), json!(["a", "b"])),
        ("names", json!(["a", 1]), json!(["a", "1"])),
        ("names", json!(7), json!(["7"])),
        ("ports", json!("80, 443"), json!([80, 443])),
        ("map", json!("{\"a\": 1}"), json!({"a": 1})),
        ("map", json!("a=1, b='x, y'"), json!({"a": "1", "b": "x, y"})),
        ("mode", json!("644"), json!("0644")),
        ("mode", json!("preserve"), json!("preserve")),
        ("any", json!({"a": [1]}), json!({"a": [1]})),
        ("state", json!("absent"), json!("absent")),
    ] {
        assert_eq!(one(name, value.clone()), Ok(expected), "{name}: {value}");
    }
}

#[test]
fn wrong_values_are_named() {
    for (name, value, message) in [
        ("text", json!([1]), "`text` of demo: expected text, found a list"),
        ("count", json!("five"), "`count` of demo: expected a whole number, found \"five\""),
        ("count", json!(1.5), "`count` of demo: expected a whole number, found 1.5"),
        ("count", json!(true), "`count` of demo: expected a whole number, found true"),
        ("ratio", json!("inf"), "`ratio` of demo: expected a number, found \"inf\""),
        ("force", json!("maybe"), "`force` of demo: expected yes or no, found \"maybe\""),
        ("ports", json!(["80", "x"]), "`ports` of demo: item 2: expected a whole number, found \"x\""),
        ("names", json!({"a": 1}), "`names` of demo: expected a list, found a map"),
        ("map", json!("x"), "`map` of demo: expected a map, found \"x\""),
        ("mode", json!("u+q"), "`mode` of demo: 'q' is not a permission in \"u+q\""),
        ("state", json!("presnt"), "`state` of demo: \"presnt\" is not one of present, absent"),
    ] {
        let problems = one(name, value).unwrap_err();
        assert_eq!(problems.len(), 1);
        assert_eq!((problems[0].param.as_deref(), problems[0].message.as_str()), (Some(name), message));
    }
}

#[test]
fn every_problem_comes_at_once_with_a_hint() {
    let raw = json!({"pth": "/p", "count": "x", "state": "presnt", "text": "a", "any": 1});
    let problems = Args::check(&SPEC, raw).unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "`count` of demo: expected a whole number, found \"x\"",
            "demo has no parameter `pth` (did you mean `path`?)",
            "`state` of demo: \"presnt\" is not one of present, absent (did you mean \"present\"?)",
            "demo needs the parameter `path` (Where.)",
            "demo takes only one of `text` and `any`",
        ]
    );
}

#[test]
fn aliases_and_defaults_are_resolved() {
    let args = Args::check(&SPEC, json!({"dest": "/x"})).unwrap();
    assert_eq!((args.path("path"), args.int("count"), args.bool("force")), (Some("/x"), 3, false));
    assert_eq!((args.opt_str("text"), args.str("text"), args.has("ratio")), (None, "", false));
    let problems = Args::check(&SPEC, json!({"dest": "/x", "path": "/y"})).unwrap_err();
    assert_eq!(problems.len(), 1);
    let problems = Args::check(&SPEC, json!({"dest": ""})).unwrap_err();
    assert_eq!(problems[0].to_string(), "`dest` of demo is empty (Where.)");
}

#[test]
fn text_in_place_of_a_map_is_pairs() {
    let args = Args::check(&SPEC, json!("path='/a b' count=4 text=\"x\\ny\"")).unwrap();
    assert_eq!((args.path("path"), args.int("count"), args.str("text")), (Some("/a b"), 4, "x\ny"));
    for text in ["path", "path='x", "=x", "path=/x and"] {
        assert!(Args::check(&SPEC, json!(text)).is_err(), "{text}");
    }
    assert!(Args::check(&SPEC, json!(["path"])).is_err());
}

#[test]
fn commands_keep_their_text_but_for_the_options() {
    for (text, expected) in [
        ("ls -l", json!({"_raw_params": "ls -l"})),
        ("  make  all\n\tclean ", json!({"_raw_params": "make  all\n\tclean"})),
        ("chdir=/tmp ls", json!({"_raw_params": "ls", "chdir": "/tmp"})),
        ("ls 'a  b' chdir='/a b'", json!({"_raw_params": "ls 'a  b'", "chdir": "/a b"})),
        ("a chdir=/x  b", json!({"_raw_params": "a b", "chdir": "/x"})),
        ("env FOO=bar cmd=x", json!({"_raw_params": "env FOO=bar cmd=x"})),
        ("echo 'chdir=/x'", json!({"_raw_params": "echo 'chdir=/x'"})),
        ("creates={{ d ~ ' x' }}/f run", json!({"_raw_params": "run", "creates": "{{ d ~ ' x' }}/f"})),
        ("echo it's", json!({"_raw_params": "echo it's"})),
        ("", json!({})),
    ] {
        assert_eq!(Value::from(COMMAND.expand(json!(text)).unwrap()), expected, "{text}");
    }
    let problems = Args::check(&COMMAND, json!("chdir=/x")).unwrap_err();
    let told: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(told, ["cmd needs free-form text or `cmd`", "cmd takes `chdir` and `creates` together"]);
}

#[test]
fn lint_takes_templates_on_trust() {
    let raw = json!({"path": "{{ p }}", "count": "{{ n }}", "state": "{% if x %}present{% endif %}",
        "ports": ["{{ a }}", 80], "mode": "{{ m }}"});
    assert_eq!(SPEC.lint(raw.clone()), Ok(()));
    assert!(Args::check(&SPEC, raw).is_err());
    assert_eq!(SPEC.lint(json!("{{ everything }}")), Ok(()));
    assert_eq!(SPEC.lint(json!({"path": "x", "ports": ["{{ a }}", "b"]})).unwrap_err().len(), 1);
    assert_eq!(SPEC.lint(json!({"count": "{{ n }}"})).unwrap_err().len(), 1);
    assert_eq!(COMMAND.lint(json!("{{ run }} chdir={{ d }} creates=x")), Ok(()));
}
