//! Problems of parameters, found while planning, each at its place.

use windlass_engine::StepCompiler;
use windlass_fleet::ModuleWords;

use crate::context::{World, problems};

#[test]
fn every_problem_is_told_at_its_key_with_a_hint() {
    for (text, expected) in [
        (
            "copy:\n  content: x\n  dset: y\n  moed: '0644'",
            vec![
                "3:3 WL0401 copy has no parameter `dset` (did you mean `dest`?)",
                "4:3 WL0401 copy has no parameter `moed` (did you mean `mode`?)",
                "1:1 WL0401 copy needs the parameter `dest`",
            ],
        ),
        ("file: { path: x, state: dir }", vec!["1:18 WL0401 `state` of file: \"dir\" is not one of"]),
        ("command: { cmd: ls, argv: [ls] }", vec!["1:1 WL0401 command takes only one of"]),
        ("command:", vec!["1:1 WL0401 command needs"]),
        ("ansible.builtin.stat: {}", vec!["1:1 WL0401 stat needs the parameter `path`"]),
        ("ping: [1]", vec!["1:1 WL0401 ping: the parameters are neither a map nor text"]),
        ("copy: src=a dest", vec!["1:1 WL0401 copy: expected `name=value`, found \"dest\""]),
        (
            "shell: { cmd: a, chdri: b }",
            vec!["1:18 WL0401 shell has no parameter `chdri` (did you mean `chdir`?)"],
        ),
        (
            "shell: a\nargs: { chdri: b }",
            vec!["2:9 WL0401 shell has no parameter `chdri` (did you mean `chdir`?)"],
        ),
        ("assert: that=x\nargs: { that: 'a ==' }", vec!["2:15 WL0301 `a ==`"]),
        ("assert: { that: [a == , b] }", vec!["1:18 WL0301 `a ==`"]),
        ("assert: { that: 'x is nonsense' }", vec!["1:17 WL0301 `x is nonsense`"]),
        ("debug: { var: 'a |' }", vec!["1:15 WL0301 `a |`"]),
    ] {
        let found = problems(&World::new(), text);
        assert_eq!(found.len(), expected.len(), "{text}: {found:?}");
        for want in expected {
            assert!(found.iter().any(|problem| problem.starts_with(want)), "{text}: {want} not in {found:?}");
        }
    }
}

#[test]
fn templates_are_taken_on_trust_and_numbers_as_they_are_written() {
    let world = World::new();
    for (text, field, expected) in [
        ("file: { path: x, mode: 0644 }", "mode", "0644"),
        ("file: { path: x, mode: '{{ mode }}' }", "mode", "{{ mode }}"),
        ("file: { dest: 1.10 }", "path", "1.10"),
        ("command: { argv: [echo, 1.10], chdir: null }", "argv", "[\"echo\",\"1.10\"]"),
        ("assert: { that: '{{ a == 1 }}' }", "that", "a == 1"),
        ("shell: echo {{ a b }}", "_raw_params", "echo {{ a b }}"),
    ] {
        let step = world.compile(text).unwrap().step;
        let value = &step.input[field];
        assert_eq!(value.as_str().map_or_else(|| value.to_string(), str::to_owned), expected, "{text}");
        assert!(step.input.get("chdir").is_none());
    }
}

#[test]
fn the_same_step_has_the_same_input_in_whatever_order_it_is_written() {
    let world = World::new();
    world.write("tree/b", "").write("tree/a", "");
    let one = world.compile("copy: { src: tree, dest: x, mode: preserve }").unwrap();
    let other = world.compile("copy: { mode: preserve, dest: x, src: tree }").unwrap();
    assert_eq!(one.step.input.to_string(), other.step.input.to_string());
    assert_eq!(one.files, other.files);
}

#[test]
fn every_word_has_a_schema_with_its_parameters() {
    let words = ModuleWords::new();
    for word in words.words() {
        let schema = words.schema(word);
        assert!(schema["description"].is_string(), "{word}");
        assert!(schema["anyOf"][0]["properties"].is_object(), "{word}");
    }
    let copy = &words.schema("ansible.builtin.copy")["anyOf"][0];
    assert_eq!(copy["additionalProperties"], false);
    assert!(copy["properties"]["dest"]["description"].is_string());
    assert_eq!(copy["allOf"][0]["anyOf"][0]["required"][0], "dest");
    assert!(words.schema("template")["anyOf"][0]["properties"].get("content").is_none());
    assert_eq!(words.schema("set_fact")["anyOf"][0]["additionalProperties"], true);
}
