//! Configurations of claude-workflow: what is refused, in its words and its order.

use std::path::Path;

use windlass_engine::{Error, Request};
use windlass_model::{Code, Diagnostics, Source};

use super::setup::flow;

/// What is wrong with a configuration.
fn refused(text: &str) -> Diagnostics {
    let source = Source::new("workflow.json", text);
    match flow().compile_text(&source, Path::new("/nonexistent"), &Request::default()) {
        Err(Error::Document(problems)) => problems,
        other => panic!("{text}: {other:?}"),
    }
}

/// The first thing that is wrong, and how many there are.
fn told(text: &str) -> (Code, String, usize) {
    let problems = refused(text);
    let first = problems.iter().next().expect("a refusal has a problem");
    assert!(first.location.is_some(), "{first}");
    (first.code, first.message.clone(), problems.len())
}

/// A specification whose steps are these roles in this order, each after the one before.
fn spec(roles: &[&str], more: &str) -> String {
    let steps = roles.iter().enumerate().map(|(n, role)| {
        let deps = if n > 0 { format!(r#", "depends_on": ["s{}"]"#, n - 1) } else { String::new() };
        format!(r#"{{"id": "s{n}", "role": "{role}"{deps}}}"#)
    });
    let steps = steps.collect::<Vec<_>>().join(", ");
    format!(r#"{{"workflow": {{"name": "n", "type": "spec-default"{more}, "steps": [{steps}]}}}}"#)
}

const ROLES: [&str; 4] = ["spec-analyst", "spec-architect", "spec-developer", "spec-validator"];

fn custom(steps: &str) -> String {
    format!(r#"{{"workflow": {{"name": "n", "type": "custom", "steps": [{steps}]}}}}"#)
}

macro_rules! errors {
    ($($name:ident: $text:expr => $code:ident, $message:literal;)*) => {$(
        #[test]
        fn $name() {
            assert_eq!(told(&$text), (Code::$code, $message.to_owned(), 1));
        }
    )*};
}

errors! {
    error_01_empty: *"" => ConfigEmpty, "workflow configuration is empty";
    error_02_name: *r#"{"workflow": {"name": "", "steps": []}}"# => ConfigName, "workflow.name is required";
    error_03_no_steps: *r#"{"workflow": {"name": "n", "steps": []}}"# =>
        ConfigNoSteps, "workflow.steps must not be empty";
    error_04_step_id: custom(r#"{"id": "a", "role": "r"}, {"id": "", "role": "r"}"#) =>
        ConfigStepId, "step[1]: step.id is required";
    error_05_step_id_twice: custom(r#"{"id": "a", "role": "r"}, {"id": "a", "role": "r"}"#) =>
        ConfigStepTwice, "step.id=a: duplicate step.id";
    error_06_step_role: custom(r#"{"id": "a", "role": ""}"#) =>
        ConfigStepRole, "step[0] id=a: step.role is required";
    error_07_dependency: custom(r#"{"id": "a", "role": "r", "depends_on": ["z"]}"#) =>
        ConfigDependency, "step.id=a depends_on=z: depends_on references unknown step id";
    error_08_circle:
        custom(r#"{"id": "a", "role": "r", "depends_on": ["b"]}, {"id": "b", "role": "r", "depends_on": ["a"]}"#) =>
        ConfigCircle, "starting from step.id=a: cycle detected in step dependencies";
    error_09_optional_not_allowed: spec(&ROLES, r#", "optional_enabled": ["spec-writer"]"#) =>
        ConfigRoleDisabled, "role=spec-writer: optional_enabled contains role not in optional_roles";
    error_10_unknown_role: spec(&[&ROLES[..], &["spec-writer"]].concat(), "") =>
        ConfigRoleUnknown, "step.id=s4 role=spec-writer: unknown role for spec-default workflow";
    error_11_role_missing: spec(&ROLES[..3], "") =>
        ConfigRoleMissing, "role=spec-validator: required role is missing";
    error_12_role_twice: spec(&[&ROLES[..], &ROLES[..1]].concat(), "") =>
        ConfigRoleTwice, "role=spec-analyst: required role appears more than once";
    error_14_chain: spec(&ROLES, "").replace(r#""depends_on": ["s1"]"#, r#""depends_on": ["s0"]"#) =>
        ConfigChain,
        "step.id=s2 (role=spec-developer) must depend on step.id=s1 (role=spec-architect): required step must depend \
         on previous required step";
    error_15_placement:
        spec(&[&ROLES[..], &["spec-tester"]].concat(), "").replace(r#""depends_on": ["s3"]"#, r#""depends_on": ["s2"]"#) =>
        ConfigPlacement,
        "step.id=s4 (role=spec-tester) must depend on s3: optional role must depend on spec-validator";
}

#[test]
fn error_13_role_order() {
    // Two that changed places are two that stand wrong; claude-workflow tells the first.
    let order = [ROLES[0], ROLES[2], ROLES[1], ROLES[3]];
    let first = "step.id=s1: expected role=spec-architect at position 1, got spec-developer: required roles must be in \
                 canonical order";
    assert_eq!(told(&spec(&order, "")), (Code::ConfigRoleOrder, first.to_owned(), 2));
}

#[test]
fn each_check_comes_before_the_next() {
    // Everything is wrong at first; what is told is put right, one after the other.
    let mut text =
        r#"{"workflow": {"name": "", "type": "spec-default", "optional_enabled": ["x"], "steps": []}}"#
            .to_owned();
    let step = |id: &str, role: &str, dep: &str| {
        format!(r#"{{"id": "{id}", "role": "{role}", "depends_on": ["{dep}"]}}"#)
    };
    let steps = |steps: &[String]| format!(r#""steps": [{}]"#, steps.join(", "));
    let mut step_text = steps(&[]);
    let mut put = |text: &mut String, next: &[String]| {
        let next = steps(next);
        *text = text.replace(&step_text, &next);
        step_text = next;
    };
    let code = |text: &str| told(text).0;
    assert_eq!(code(&text), Code::ConfigName);
    text = text.replace(r#""name": """#, r#""name": "n""#);
    assert_eq!(code(&text), Code::ConfigNoSteps);
    put(&mut text, &[step("", "", "z"), step("a", "odd", "a")]);
    assert_eq!(code(&text), Code::ConfigStepId);
    put(&mut text, &[step("b", "", "z"), step("a", "odd", "a")]);
    assert_eq!(code(&text), Code::ConfigStepRole);
    put(&mut text, &[step("b", "odd", "z"), step("a", "odd", "a")]);
    assert_eq!(code(&text), Code::ConfigDependency);
    put(&mut text, &[step("b", "odd", "a"), step("a", "odd", "a")]);
    assert_eq!(code(&text), Code::ConfigCircle);
    put(&mut text, &[r#"{"id": "b", "role": "odd"}"#.into()]);
    assert_eq!(code(&text), Code::ConfigRoleDisabled);
    text = text.replace(r#""optional_enabled": ["x"], "#, "");
    assert_eq!(code(&text), Code::ConfigRoleUnknown);
    put(&mut text, &[r#"{"id": "b", "role": "spec-architect"}"#.into()]);
    assert_eq!(code(&text), Code::ConfigRoleMissing);
}

#[test]
fn without_a_type_the_required_roles_are_there_in_any_order() {
    let reversed: Vec<&str> = ROLES.into_iter().rev().collect();
    for kind in [r#""type": """#, r#""type": "another""#] {
        let text = spec(&reversed[1..], "").replace(r#""type": "spec-default""#, kind);
        assert_eq!(told(&text).0, Code::ConfigRoleMissing, "{kind}");
    }
}

#[test]
fn values_of_a_wrong_type_are_told_on_their_lines() {
    let text = "{\"workflow\": {\n\"name\": \"n\",\n\"type\": \"custom\",\n\"steps\": [{\"id\": [1], \"role\": \"r\"}],\n\"policy\": {\"max_parallelism\": \"many\"}}}";
    let lines: Vec<String> = refused(text).iter().map(|problem| problem.to_string()).collect();
    assert!(lines[0].starts_with("workflow.json:4:18: `id`"), "{lines:?}");
    assert!(lines[1].starts_with("workflow.json:5:"), "{lines:?}");
}
