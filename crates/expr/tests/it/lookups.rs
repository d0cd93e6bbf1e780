//! What lookups reach, and how a text tells beforehand what it will ask for.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json, json};
use windlass_expr::{
    Asked, ErrorKind, Expression, Local, Outside, Place, PlaceKind, References, Scope, Template, Value, Way,
    references_of_tree, render_tree,
};

fn machine(root: &Path) -> Local {
    Local::new(root, BTreeMap::from([("HOME".to_owned(), "/home/someone".to_owned())]))
}

fn scope(outside: impl Outside + 'static) -> Value {
    Scope::builder().value("name", "web-1").outside(Arc::new(outside)).build()
}

fn rendered(text: &str, scope: &Value) -> Result<Json, windlass_expr::Error> {
    Template::parse(text)?.render(scope)
}

fn asked(text: &str) -> References {
    Template::parse(text).expect(text).references().clone()
}

#[test]
fn a_password_is_made_once_and_kept_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let scope = scope(machine(folder.path()));
    let text = "{{ lookup('password', 'secrets/' ~ name ~ ' length=12 chars=ascii_lowercase') }}";
    let first = rendered(text, &scope).unwrap();
    let password = first.as_str().unwrap();
    assert!(password.len() == 12 && password.bytes().all(|byte| byte.is_ascii_lowercase()), "{password}");
    assert_eq!(rendered(text, &scope).unwrap(), first);
    let file = folder.path().join("secrets/web-1");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{password}\n"));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "no draft is left");
}

#[test]
fn a_hashed_password_keeps_its_salt() {
    let folder = tempfile::tempdir().unwrap();
    let scope = scope(machine(folder.path()));
    std::fs::write(folder.path().join("old"), "secret\n").unwrap();
    let hashed = rendered("{{ 'secret' | password_hash('sha256', 'ab', rounds=1000) }}", &scope).unwrap();
    std::fs::write(folder.path().join("salted"), "secret salt=ab\n").unwrap();
    assert!(hashed.as_str().unwrap().starts_with("$5$rounds=1000$ab$"));
    let plain = "{{ lookup('password', 'salted') }} {{ lookup('password', 'old') }}";
    assert_eq!(rendered(plain, &scope).unwrap(), json!("secret secret"));
    if cfg!(debug_assertions) {
        // The usual number of rounds takes a minute without optimisation.
        return;
    }
    let text = "{{ lookup('password', 'old', encrypt='sha512_crypt') }}";
    let first = rendered(text, &scope).unwrap();
    assert_eq!(rendered(text, &scope).unwrap(), first);
    assert!(std::fs::read_to_string(folder.path().join("old")).unwrap().starts_with("secret salt="));
}

#[test]
fn of_two_that_make_a_password_at_once_one_is_first() {
    let folder = tempfile::tempdir().unwrap();
    let made: Vec<Json> = std::thread::scope(|threads| {
        let make = || rendered("{{ lookup('password', 'p') }}", &scope(machine(folder.path()))).unwrap();
        let all: Vec<_> = (0..8).map(|_| threads.spawn(make)).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(made.iter().all(|password| *password == made[0]), "{made:?}");
}

#[test]
fn a_machine_shows_what_lies_at_a_path() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    std::fs::create_dir(root.join("real")).unwrap();
    std::fs::write(root.join("real/file"), "x").unwrap();
    symlink("real", root.join("alias")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    let local = machine(&root);
    let whole = |path: &str| root.join(path).to_str().unwrap().to_owned();
    let cases = [
        ("real/file", "real/file", "real/file", PlaceKind::File, false),
        ("./real/../alias", "alias", "real", PlaceKind::Folder, true),
        ("alias/file", "alias/file", "real/file", PlaceKind::File, false),
        ("alias/new", "alias/new", "real/new", PlaceKind::Nothing, false),
        ("dangling", "dangling", "dangling", PlaceKind::Nothing, true),
        ("real/file/below", "real/file/below", "real/file/below", PlaceKind::Nothing, false),
    ];
    for (path, own, real, kind, link) in cases {
        let expected = Place { path: whole(own), real: whole(real), kind, link };
        assert_eq!(local.look(path).unwrap(), expected, "{path}");
    }
    assert_eq!(local.look("/dev/null").unwrap().kind, PlaceKind::Other);
    assert_eq!(local.look("~/x").unwrap().path, "/home/someone/x");
    let shown = format!("{local:?}");
    assert!(shown.contains("HOME") && !shown.contains("someone"), "{shown}");
}

#[test]
fn commands_end_in_time_with_all_that_they_started() {
    let folder = tempfile::tempdir().unwrap();
    let scope = scope(machine(folder.path()).timeout(Duration::from_millis(300)));
    let start = Instant::now();
    let error = rendered("{{ lookup('pipe', '(sleep 2; touch late) | cat') }}", &scope).unwrap_err();
    assert_eq!(error.message, "the lookup `pipe` fails: the command takes too long");
    let error = rendered("{{ lookup('pipe', 'exec >&-; sleep 5') }}", &scope).unwrap_err();
    assert_eq!(error.message, "the lookup `pipe` fails: the command takes too long");
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    let error = rendered("{{ lookup('pipe', 'echo no such luck >&2; exit 7') }}", &scope).unwrap_err();
    assert_eq!(error.message, "the lookup `pipe` fails: the command fails with exit status 7: no such luck");
    let output = rendered("{{ lookup('pipe', 'head -c 17000000 /dev/zero') }}", &scope).unwrap_err();
    assert!(output.message.contains("larger than 16 MB") || output.message.contains("too long"), "{output}");
    std::thread::sleep(Duration::from_millis(2200).saturating_sub(start.elapsed()));
    assert!(!folder.path().join("late").exists());
}

#[test]
fn files_and_templates_have_limits() {
    let folder = tempfile::tempdir().unwrap();
    let scope = scope(machine(folder.path()));
    let large = std::fs::File::create(folder.path().join("large")).unwrap();
    large.set_len((16 << 20) + 1).unwrap();
    std::fs::write(folder.path().join("bytes"), [0xff]).unwrap();
    std::fs::write(folder.path().join("loop"), "{% for i in range(10**6) %}xxxxxxxx{% endfor %}").unwrap();
    let cases = [
        ("{{ lookup('file', 'large') }}", ErrorKind::Value, "larger than 16 MB"),
        ("{{ lookup('file', 'bytes') }}", ErrorKind::Value, "no text"),
        ("{{ lookup('template', 'loop', errors='ignore') }}", ErrorKind::Limit, "too much time or memory"),
        (
            "{% for i in range(10000) %}{{ lookup('env', 'HOME', errors='ignore') }}{% endfor %}",
            ErrorKind::Limit,
            "too much",
        ),
    ];
    for (text, kind, message) in cases {
        let error = rendered(text, &scope).unwrap_err();
        assert_eq!(error.kind, kind, "{text}: {error}");
        assert!(error.message.contains(message), "{text}: {error}");
    }
}

/// An outside that notes what passes and knows one address.
#[derive(Debug, Default)]
struct Watched(Mutex<Vec<String>>);

impl Outside for Watched {
    fn url(&self, url: &str, options: &Map<String, Json>) -> io::Result<Vec<u8>> {
        self.0.lock().expect("no test panics with it").push(format!("{url} {}", Json::from(options.clone())));
        Ok(b"one\ntwo\n".to_vec())
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        bytes.fill(0);
        Ok(())
    }

    fn warn(&self, message: &str) {
        self.0.lock().expect("no test panics with it").push(message.to_owned());
    }
}

#[test]
fn whoever_evaluates_holds_the_door() {
    let outside = Arc::new(Watched::default());
    let scope = Scope::builder().outside(outside.clone()).build();
    let text = "{{ query('url', 'http://x/', headers={'a': 'b'}, timeout=3) }}";
    assert_eq!(rendered(text, &scope).unwrap(), json!(["one", "two"]));
    let text = "{{ lookup('url', 'http://x/', split_lines=False) }}";
    assert_eq!(rendered(text, &scope).unwrap(), json!("one\ntwo\n"));
    assert_eq!(rendered("{{ lookup('pipe', 'rm -rf x', errors='warn') }}", &scope).unwrap(), Json::Null);
    assert_eq!(
        rendered("{{ [5, 6] | random }} {{ [5, 6, 7] | shuffle }}", &scope).unwrap(),
        json!("5 [6, 7, 5]")
    );
    assert_eq!(
        *outside.0.lock().unwrap(),
        [
            r#"http://x/ {"headers":{"a":"b"},"timeout":3}"#,
            "http://x/ {}",
            "the lookup `pipe` fails: the command `rm -rf x` is out of reach here"
        ]
    );
    let error = rendered("{{ lookup('file', 'x') }}", &Scope::builder().build()).unwrap_err();
    assert!(error.message.contains("in reach"), "{error}");
}

#[test]
fn a_scope_within_a_scope_keeps_its_door() {
    let inner = scope(Watched::default());
    let outer = Scope::builder().value("name", "other").scope(inner).build();
    let tree = json!({ "a": ["{{ lookup('url', 'x') }} {{ name }}"] });
    assert_eq!(render_tree(&tree, &outer).unwrap(), json!({ "a": ["one,two other"] }));
}

#[test]
fn texts_tell_what_they_will_ask_for() {
    use Way::{Filter, Lookup, Test};
    let cases: [(&str, Way, Option<&str>, Option<Json>); 14] = [
        ("{{ lookup('file', 'a.txt', \"b\") }}", Lookup, Some("file"), Some(json!(["a.txt", "b"]))),
        ("{{ lookup('file', name ~ '.txt') }}", Lookup, Some("file"), None),
        ("{{ q('ansible.builtin.env', 'HOME') }}", Lookup, Some("env"), Some(json!(["HOME"]))),
        ("{{ lookup(which, 'x') }}", Lookup, None, Some(json!(["x"]))),
        ("{{ query('pipe', *all) }}", Lookup, Some("pipe"), None),
        (r"{{ lookup('pipe', 'grep \. x') }}", Lookup, Some("pipe"), Some(json!([r"grep \. x"]))),
        (r"{% if lookup('pipe', 'a\tb') %}{% endif %}", Lookup, Some("pipe"), Some(json!(["a\tb"]))),
        ("{{ 'x' is exists }}", Test, Some("exists"), Some(json!(["x"]))),
        ("{{ path | realpath }}", Filter, Some("realpath"), None),
        ("{{ all | map('realpath') | list }}", Filter, Some("realpath"), None),
        ("{{ all | selectattr('path', 'is_dir') | list }}", Test, Some("is_dir"), None),
        ("{{ all | random }}", Filter, Some("random"), None),
        ("{{ 'x' | password_hash }}", Filter, Some("password_hash"), Some(json!(["x"]))),
        (
            "{{ lookup('first_found', {'files': ['a']}, skip=true) }}",
            Lookup,
            Some("first_found"),
            Some(json!([{"files": ["a"]}])),
        ),
    ];
    for (text, way, name, terms) in cases {
        let references = asked(text);
        let terms = terms.and_then(|terms| terms.as_array().cloned());
        let offset = references.asked.first().map_or(0, |asked| asked.offset);
        let name = name.map(str::to_owned);
        assert_eq!(references.asked, [Asked { way, name, terms, offset }], "{text}");
        assert!(!references.pure, "{text}");
    }
}

#[test]
fn what_asks_for_nothing_is_pure() {
    let texts = [
        "{{ lookup('items', [1, 2]) }}",
        "{{ query('sequence', 'count=3') }}",
        "{{ all | random(seed=name) }}",
        "{{ all | shuffle('x') }}",
        "{{ 'x' | password_hash('sha512', 'salt') }}",
        "{{ '%Y' | strftime(0) }}",
        "{{ all | map('upper') | select('match', 'x') | list }}",
        "{{ lookup('vars', 'x') }}",
        "{% macro lookup(x) %}{{ x }}{% endmacro %}{{ lookup('file') }}",
    ];
    for text in texts {
        let references = asked(text);
        assert!(references.pure && references.asked.is_empty(), "{text}");
    }
    assert!(!asked("{{ '%Y' | strftime }}").pure);
    assert!(!asked("{{ all | map(which) | list }}").pure);
}

#[test]
fn variables_that_are_looked_up_are_references() {
    let references = asked("{{ lookup('vars', 'a', \"b\") }} {{ lookup('vars', 'c', default=1) }}");
    assert_eq!(references.names.iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(references.guarded.iter().collect::<Vec<_>>(), ["c"]);
    let references = asked("{{ lookup('vars', 'a_' ~ x) }}{{ q('varnames', '^a') }}");
    let names: Vec<_> = references.asked.iter().map(|asked| asked.name.as_deref()).collect();
    assert_eq!((names, references.pure), (vec![Some("vars"), Some("varnames")], true));
}

#[test]
fn offsets_of_questions_point_into_the_source() {
    let text = "  {{ lookup('env', 'X') }}";
    assert_eq!(Some(Expression::parse(text).unwrap().references().asked[0].offset), text.find("lookup"));
    let text = "x {{ a }} {{ q('env', 'X') }}";
    assert_eq!(Some(asked(text).asked[0].offset), text.find("q("));
    let tree = json!(["{{ lookup('env', 'A') }}", { "b": "{{ lookup('env', 'B') }}" }]);
    assert_eq!(references_of_tree(&tree).unwrap().asked.len(), 2);
}

#[test]
fn a_text_tells_which_files_and_variables_its_lookups_read() {
    let files = |text: &str| asked(text).asked.iter().flat_map(Asked::files).collect::<Vec<_>>();
    assert_eq!(files("{{ lookup('file', 'a', '/b') }}"), [vec!["files/a", "a"], vec!["/b"]]);
    assert_eq!(files("{{ lookup('ansible.builtin.template', 't.j2') }}"), [vec!["templates/t.j2", "t.j2"]]);
    assert!(
        files("{{ lookup('file', name) }}{{ lookup('pipe', 'date') }}{{ lookup('env', 'A') }}").is_empty()
    );
    let references = asked("{{ lookup('env', 'A b', 'C') }}{{ lookup('file', 'D') }}");
    let variables: Vec<&str> = references.asked.iter().flat_map(Asked::variables).collect();
    assert_eq!(variables, ["A", "C"]);
}

#[test]
fn a_text_tells_which_files_its_patterns_name() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["files/a.conf", "b.conf", "c.conf", "sub/one/x.txt", "sub/two/y.txt"] {
        std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        std::fs::write(root.join(name), "").unwrap();
    }
    std::fs::create_dir(root.join("d.conf")).unwrap();
    let globs = |text: &str| {
        let here: Arc<dyn Outside> = Arc::new(machine(root));
        asked(text).asked.iter().map(|asked| asked.globs(here.clone())).collect::<Vec<_>>()
    };
    let found = |pairs: &[(&str, &[&str])]| {
        let pair = |(pattern, names): &(&str, &[&str])| {
            (pattern.to_string(), names.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        Some(pairs.iter().map(pair).collect::<BTreeMap<_, _>>())
    };
    let both = found(&[("*.conf", &["files/a.conf"]), ("sub/one/*", &["sub/one/x.txt"])]);
    assert_eq!(globs("{{ query('fileglob', '*.conf', 'sub/one/*') }}"), [both]);
    assert_eq!(globs("{{ '*.conf' | fileglob }}"), [found(&[("*.conf", &["b.conf", "c.conf"])])]);
    let deep = found(&[("sub/*/*", &["sub/one/x.txt", "sub/two/y.txt"])]);
    assert_eq!(globs("{{ 'sub/*/*' | fileglob }}"), [deep]);
    assert_eq!(globs("{{ q('fileglob', 'gone/*') }}"), [found(&[("gone/*", &[])])]);
    assert_eq!(
        globs("{{ q('fileglob', name) }}{{ lookup('file', 'b.conf') }}{{ name | fileglob }}"),
        [None, None, None]
    );
}

#[test]
fn chance_and_variables_are_not_outside() {
    let leaves = |text: &str| asked(text).asked.iter().any(Asked::leaves_variables);
    for text in
        ["{{ q('pipe', 'x') }}", "{{ lookup(x) }}", "{{ 'x' is exists }}", "{{ all | map(x) | list }}"]
    {
        assert!(leaves(text), "{text}");
    }
    for text in [
        "{{ all | random }}",
        "{{ q('random_choice', 1, 2) }}",
        "{{ lookup('vars', x) }}",
        "{{ q('varnames', x) }}",
    ] {
        assert!(!leaves(text), "{text}");
    }
}
