//! Hostile texts: each is refused soon, and without taking the machine's memory.

use std::time::{Duration, Instant};

use serde_json::json;
use windlass_expr::{ErrorKind, Expression, Scope, Template, Value};

/// A release build takes less than a second; a debug build on a busy machine takes its time.
const SOON: Duration = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 2 });

/// Spends most of what an evaluation may cost, for next to no time: what is metered is refused soon after it,
/// and what is not would run as long as ever.
const SPENT: &str = "{% if 'a' * 30 * 10 ** 6 %}{% endif %}";

fn scope() -> Value {
    Scope::from_json(&json!({ "text": "x".repeat(1000), "list": [1, 2, 3] }))
}

fn refused(text: &str) {
    let start = Instant::now();
    let result = Template::parse(text).and_then(|template| template.render(&scope()));
    let shown: String = text.chars().take(80).collect();
    match result {
        Ok(_) => panic!("passes: {shown}"),
        Err(error) => assert!(
            matches!(error.kind, ErrorKind::Limit | ErrorKind::Syntax | ErrorKind::Value),
            "{shown}: {error:?}"
        ),
    }
    assert!(start.elapsed() < SOON, "{shown} takes {:?}", start.elapsed());
}

#[test]
fn time_and_memory_are_bounded() {
    assert_eq!(Template::parse(&format!("{SPENT}ok")).unwrap().render(&scope()), Ok(json!("ok")));
    let doubled = "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set ns.x = STEP %}{% endfor %}{{ ns.x }}";
    let twice =
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = STEP %}{% endfor %}{{ ns.x }}";
    let twin = "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}END";
    let texts = [
        "{% for i in range(10**9) %}x{% endfor %}".to_owned(),
        "{% for i in range(10**5) %}{% for j in range(10**5) %}x{% endfor %}{% endfor %}".to_owned(),
        "{% for i in range(10**5) %}{% for j in range(10**5) %}{% endfor %}{% endfor %}".to_owned(),
        "{{ 'a' * 10**9 }}".to_owned(),
        "{{ ('a' * 10**7) * 10**7 }}".to_owned(),
        "{{ [0] * 10**9 }}".to_owned(),
        "{{ [[0] * 10**5] * 10**5 }}".to_owned(),
        "{{ range(10**18) | list }}".to_owned(),
        "{{ range(-2**63, 2**63 - 1) | length }}".to_owned(),
        "{{ 'a' | center(10**12) }}".to_owned(),
        "{{ 'a'.ljust(10**12) }}".to_owned(),
        "{{ 'a'.zfill(10**12) }}".to_owned(),
        "{{ '%1000000000s' | format('a') }}".to_owned(),
        "{{ '%.1000000000f' % 1.5 }}".to_owned(),
        "{{ '{:>1000000000}'.format('a') }}".to_owned(),
        "{{ 'a' | indent(10**10, true) }}".to_owned(),
        "{{ [1] | batch(10**10, 0) }}".to_owned(),
        "{{ [1] | slice(10**10) }}".to_owned(),
        "{{ {'a': [[[[1]]]]} | to_nice_json(indent=10**9) }}".to_owned(),
        "{{ {'a': [[[[1]]]]} | to_nice_yaml(indent=10**9) }}".to_owned(),
        "{{ 10 ** 10 ** 10 }}".to_owned(),
        "{{ text | replace('x', text) | replace('x', text) | replace('x', text) }}".to_owned(),
        "{{ text | regex_replace('x', text) | regex_replace('x', text) | regex_replace('x', text) }}"
            .to_owned(),
        "{{ 'x' | regex_search('((((a{99}){99}){99}){99})') }}".to_owned(),
        "{{ range(1000) | product(range(1000), range(1000)) }}".to_owned(),
        doubled.replace("STEP", "ns.x ~ ns.x"),
        doubled.replace("STEP", "ns.x + ns.x"),
        doubled.replace("STEP", "ns.x * 2"),
        doubled.replace("STEP", "[ns.x, ns.x] | join"),
        doubled.replace("STEP", "'%s%s' % (ns.x, ns.x)"),
        doubled.replace("STEP", "ns.x.replace('a', 'aa')"),
        twice.replace("STEP", "ns.x + ns.x"),
        twice.replace("STEP", "[ns.x, ns.x]"),
        twice.replace("STEP", "{'a': ns.x, 'b': ns.x}"),
        twice.replace("STEP", "ns.x | zip(ns.x) | flatten"),
        twin.replace("END", "{{ ns.x == ns.y }}"),
        twin.replace("END", "{{ ns.x in [ns.y] }}"),
        twin.replace("END", "{{ ns.x < ns.y }}"),
        twin.replace("END", "{{ {ns.x: 1} }}"),
        twin.replace("END", "{{ [ns.x, ns.y] | unique }}"),
        twin.replace("END", "{{ ns.x | to_json }}"),
        twin.replace("END", "{{ ns.x | to_yaml }}"),
        twin.replace("END", "{{ ns.x ~ '' }}"),
        twin.replace("END", "{% for i in [1, 2] %}{{ loop.changed(ns.x) }}{% endfor %}"),
        twice.replace("STEP", "[ns.x]").replace("range(60)", "range(100000)"),
        twice.replace("STEP", "ns.x | batch(1)").replace("range(60)", "range(100000)"),
        "{% set x = [] %}".to_owned() + &"{% set x = [x] %}".repeat(20_000),
        "{% set ns = namespace() %}{% set m = namespace(n=ns) %}{% set ns.x = [m] %}".to_owned(),
        "{{ ('01' * 500000) | regex_search('[01]*1[01]{3000}[^01y]') }}".to_owned(),
        "{{ ('01' * 500000) | regex_findall('(([01]*){50}){50}[^01y]') }}".to_owned(),
        "{{ ('a' * 500000) | regex_findall('a.*z|a') }}".to_owned(),
        "{{ '%.70000f' % 1.5 }}".to_owned(),
        "{{ '%.70000d' % 1 }}".to_owned(),
        "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}".to_owned(),
        "{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns.x == [ns] }}".to_owned(),
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}".to_owned(),
        "{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}".to_owned(),
        "{% for i in [[1]] recursive %}{{ loop([i]) }}{% endfor %}".to_owned(),
        "{% set x %}{% for i in range(100000) %}TEXT{% endfor %}{% endset %}"
            .replace("TEXT", &"y".repeat(10_000)),
        "{% for i in range(100000) %}TEXT{% endfor %}".replace("TEXT", &"y".repeat(10_000)),
        format!("{{{{ 1 | json_query('{}to_string(@)') }}}}", "[@, @] | ".repeat(60)),
        "{{ list | json_query('QUERY') }}".replace("QUERY", &"map(&[@, @], @) | ".repeat(60)),
        "{{ text | list | random(seed=1) }}{{ 'x' | password_hash('sha512', 'a', rounds=999999999) }}"
            .to_owned(),
        "{{ range(20) | permutations | list }}".to_owned(),
        "{{ range(100) | combinations(50) | list }}".to_owned(),
        "{{ lookup('sequence', 'count=999999999') }}".to_owned(),
        "{{ lookup('nested', text, text, text) }}".to_owned(),
        "{{ 'a' | comment(prefix_count=10**12) }}".to_owned(),
        "{{ ('a: [' ~ '*x, ' * 10 ** 6) | from_yaml }}".to_owned(),
        "{% for i in range(100000) %}{{ text[::-1] }}{% endfor %}".to_owned(),
        "{% for i in range(100000) %}{{ text.upper() | hash | length }}{% endfor %}".to_owned(),
    ];
    for text in texts {
        refused(&format!("{SPENT}{text}"));
    }
}

#[test]
fn a_whole_allowance_is_soon_spent() {
    let texts = [
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = {'a': ns.x, 'b': ns.x} %}{% endfor %}",
        "{% for i in range(10**5) %}{% for j in range(10**5) %}x{% endfor %}{% endfor %}",
        "{{ text | regex_replace('x', text) | regex_replace('x', text) | regex_replace('x', text) }}",
    ];
    for text in texts {
        refused(text);
    }
}

#[test]
fn depth_is_bounded() {
    let texts = [
        format!("{{{{ {}1{} }}}}", "(".repeat(10_000), ")".repeat(10_000)),
        format!("{{{{ {}1{} }}}}", "[".repeat(10_000), "]".repeat(10_000)),
        format!("{{{{ {}1 }}}}", "not ".repeat(10_000)),
        format!("{{{{ {}1 }}}}", "-".repeat(10_000)),
        format!("{{{{ 1{} }}}}", " + 1".repeat(10_000)),
        format!("{{{{ list{} }}}}", " | list".repeat(10_000)),
        format!("{{{{ list{} }}}}", ".a".repeat(10_000)),
        format!("{{{{ list{} }}}}", "[0]".repeat(10_000)),
        format!("{{{{ list{} }}}}", "()".repeat(10_000)),
        format!("{{{{ 1{} }}}}", " if 1 else 1".repeat(10_000)),
        format!("{{% if 1 %}}{}{{% endif %}}", "{% elif 1 %}".repeat(10_000)),
        format!("{}{}", "{% if 1 %}".repeat(10_000), "{% endif %}".repeat(10_000)),
        format!("{}{}", "{% for i in [1] %}".repeat(10_000), "{% endfor %}".repeat(10_000)),
        format!("{{{{ '{}' | from_json }}}}", "[".repeat(100_000)),
        format!("{{{{ '{}' | from_yaml }}}}", "[".repeat(100_000)),
        format!("{{{{ '{}' | from_yaml }}}}", "- ".repeat(100_000)),
        format!("{{{{ 1 | json_query('{}') }}}}", "[".repeat(100_000)),
        format!("{{{{ 1 | json_query('{}') }}}}", "a.".repeat(100_000)),
        format!("{{{{ 1 | json_query('{}a') }}}}", "!".repeat(100_000)),
    ];
    for text in texts {
        refused(&text);
    }
}

#[test]
fn what_people_write_stays_far_from_the_limits() {
    let sum = format!("{}0", "1 + ".repeat(100));
    let conditions = format!("{}true", "version.a == '1' and ".repeat(60));
    let scope = Scope::from_json(&json!({ "version": { "a": "1" }, "big": "line\n".repeat(40_000) }));
    assert_eq!(Expression::parse(&sum).unwrap().eval(&scope).unwrap(), json!(100));
    assert!(Expression::parse(&conditions).unwrap().test(&scope).unwrap());
    let lines = Template::parse(
        "{% for line in big.splitlines() %}{{ loop.index }}: {{ line | upper }}\n{% endfor %}",
    )
    .unwrap();
    let small = Scope::from_json(&json!({ "big": "line\n".repeat(10_000) }));
    assert_eq!(lines.render_text(&small).unwrap().lines().count(), 10_000);
    let count = Expression::parse("big.splitlines() | select('match', 'l') | list | length").unwrap();
    assert_eq!(count.eval(&scope).unwrap(), json!(40_000));
}

#[test]
fn parsing_takes_time_in_proportion() {
    let start = Instant::now();
    let list = format!("[{}]", "a.b + 1, ".repeat(20_000));
    assert_eq!(Expression::parse(&list).unwrap().references().names.len(), 1);
    let lines = "{{ a }} text\n".repeat(20_000);
    assert!(Template::parse(&lines).is_ok());
    assert_eq!(Template::parse(&"x".repeat(5 << 20)).unwrap().render(&scope()).unwrap(), "x".repeat(5 << 20));
    assert_eq!(Template::parse(&format!("{{{{{}", "x".repeat(5 << 20))).unwrap_err().kind, ErrorKind::Limit);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}
