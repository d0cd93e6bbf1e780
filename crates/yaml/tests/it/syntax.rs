//! What mistakes are called, where they are shown, and what the hint says.

use crate::problems;

/// Text, place and message, a part of the hint.
const MISTAKES: &[(&str, &str, &str)] = &[
    // Tabs.
    ("a:\n\tb: 1\n", "2:1: a tab is used for indentation", "with spaces"),
    ("a: 1\n\tb: 2\n", "2:1: a tab is used for indentation", "with spaces"),
    ("tasks:\n  - id: x\n\t run: y\n", "3:1: a tab is used for indentation", "with spaces"),
    ("a: |\n\tx\n", "2:1: a tab is used for indentation", "with spaces"),
    // Expressions without quotes.
    ("dest: {{ folder }}/out\n", "1:7: a value begins with `{{`", "quote the whole value"),
    ("dest: {{ folder }}\n", "1:7: a value begins with `{{`", "quote the whole value"),
    ("- {{ x }} and more\n", "1:3: a value begins with `{{`", "quote the whole value"),
    ("a:\n  b: {{ x }} y\nc: 1\n", "2:6: a value begins with `{{`", "quote the whole value"),
    ("a: [{{ x }}]\n", "1:5: a value begins with `{{`", "quote the whole value"),
    // Colons.
    ("a: 1\nb:2\n", "2:2: a colon needs a space after it", "`key: value`"),
    ("tasks:\n  - id:x\n    run: y\n", "2:7: a colon needs a space after it", "`key: value`"),
    ("bar: 1\nname foo\nbaz: 2\n", "2:1: this line has no `key:`", "`key: value`"),
    ("name foo\nbar: 1\n", "1:1: this line has no `key:`", "`key: value`"),
    ("a: |\nb\n", "2:1: this line has no `key:`", "indent the lines"),
    ("run: echo a: b\n", "1:12: a plain value cannot contain a colon", "quote the whole value"),
    (": x\n", "1:1: a key is missing before the colon", "`key: value`"),
    // Indentation.
    ("a:\n   b: 1\n  c: 2\n", "3:3: the indentation does not fit", "same column"),
    ("a: 1\n  b: 2\n", "2:3: the indentation does not fit", "same column"),
    ("tasks:\n  - id: a\n   run: b\n", "3:4: the indentation does not fit", "same column"),
    ("tasks:\n  - id: a\n     run: b\n", "3:6: the indentation does not fit", "same column"),
    ("a:\n  - 1\n - 2\n", "3:2: the indentation does not fit", "same column"),
    ("- a: 1\nb: 2\n", "2:1: the indentation does not fit", "same column"),
    ("a: 1\n- b\n", "2:1: the indentation does not fit", "same column"),
    ("a: - b\n", "1:4: a list cannot begin in the line of its key", "next line"),
    // Quotes.
    ("a: \"open\nb: 1\n", "1:4: a quote is not closed", "close it"),
    ("a: 'open\n", "1:4: a quote is not closed", "close it"),
    ("a: 'it's'\nb: 1\n", "1:8: text follows a closing quote", "single ones ''"),
    ("run: \"C:\\dir\"\n", "1:6: a backslash begins no known escape", "\\\\"),
    // Brackets.
    ("a: [1, 2\n", "1:4: this bracket is not closed", "close it"),
    ("{\n  'a': 1,\n  b: 2,\n", "1:1: this bracket is not closed", "close it"),
    ("a: [1, 2\nb: 1\n", "2:2: a comma is missing, or a bracket is not closed", "`[` in line 1"),
    ("{\n  \"a\": 1\n  \"b\": 2\n}\n", "3:6: a comma is missing, or", "`{` in line 1"),
    ("a: {b: 1]\n", "1:9: this bracket closes another kind", "`{` in line 1"),
    ("a: ]\n", "1:4: this bracket closes nothing", "remove it"),
    ("a: [x] y\n", "1:8: text follows a closing bracket", "quote the whole value"),
    ("a: [1,,2]\n", "1:7: a value is missing", "remove the comma"),
    // Characters that mean something.
    ("a: *.txt\n", "1:4: a value that begins with `*` is an alias", "\"*.conf\""),
    ("a: * x\n", "1:4: a plain value cannot begin with `*` or `&`", "quote the whole value"),
    ("a: %x\n", "1:4: a plain value cannot begin with this character", "quote the whole value"),
    ("a: @x\n", "1:4: a plain value cannot begin with this character", "quote the whole value"),
    ("a: !<x\n", "1:4: a value that begins with `!` has a tag", "quote the whole value"),
    ("a: | x\n", "1:4: text follows `|` or `>`", "next line"),
    ("a: x #c\n b\n", "1:6: a comment stands inside of a text", "quote the text"),
    ("%YAML 1.2\na: 1\n", "2:1: a directive needs a line with `---`", "`---`"),
    ("a: x\0y\n", "1:5: a control character stands in the text", "\"\\0\""),
];

#[test]
fn mistakes_have_names_places_and_hints() {
    for (text, message, hint) in MISTAKES {
        let found = problems(text);
        assert!(found.starts_with(&format!("test.yaml:{message}")), "{text:?}: {found}");
        assert!(found.contains("[WL0101] (") && found.contains(hint), "{text:?}: {found}");
        assert_eq!(found.lines().count(), 1, "{text:?}: {found}");
    }
}

#[test]
fn what_the_core_schema_lacks_is_refused_with_a_way_out() {
    for (text, message, hint) in [
        ("a: !vault |\n  xx\n", "1:4: the tag `!vault` is not supported [WL0111]", "`secrets`"),
        ("a: !unsafe '{{ x }}'\n", "1:4: the tag `!unsafe` is not supported [WL0111]", "{% raw %}"),
        ("a: !mine {}\n", "1:4: the tag `!mine` is not supported [WL0111]", "remove the tag"),
        ("a: !!set {x}\n", "1:4: the tag `!!set` is not supported [WL0111]", "remove the tag"),
        ("a: !!binary xx\n", "1:4: the tag `!!binary` is not supported [WL0111]", "remove the tag"),
        ("a: !!int x\n", "1:4: the tag `!!int` does not fit this value [WL0109]", "remove the tag"),
        ("a: !!map [x]\n", "1:4: the tag `!!map` does not fit this value [WL0109]", "remove the tag"),
        ("a: !!str [x]\n", "1:4: the tag `!!str` does not fit this value [WL0109]", "remove the tag"),
        ("[a, b]: c\n", "1:1: a key must be a text, found a list [WL0106]", "quote the key"),
        ("a: &a [*a]\n", "1:8: an alias stands for something that is not complete here [WL0115]", "inside"),
        ("a: 1\n---\nb: 2\n", "2:1: a second document begins here [WL0110]", "`---`"),
        (
            "x: &x 1\na:\n  <<: *x\n",
            "1:4: `<<` takes a mapping or a list of mappings [WL0106]",
            "`<<: *name`",
        ),
    ] {
        let found = problems(text);
        assert!(found.starts_with(&format!("test.yaml:{message}")), "{text:?}: {found}");
        assert!(found.contains(hint), "{text:?}: {found}");
    }
}

#[test]
fn duplicates_are_all_reported_with_both_places() {
    let text = "a: 1\nb:\n  c: 1\n  'c': 2\na: 2\n5: x\n\"5\": y\n<<: {z: 1}\nz: 2\n";
    let found = crate::read(text).unwrap_err();
    let places: Vec<(usize, usize)> = found
        .iter()
        .map(|problem| {
            assert_eq!(problem.code, windlass_model::Code::DuplicateKey);
            let line = |place: &windlass_model::Location| place.line_column().0;
            (line(&problem.related[0].0), line(problem.location.as_ref().unwrap()))
        })
        .collect();
    assert_eq!(places, [(3, 4), (1, 5), (6, 7)]);
}
