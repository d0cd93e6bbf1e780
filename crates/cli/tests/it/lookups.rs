//! Lookups in documents: what they read while a run goes on, and that saved plans stand on it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use serde_json::json;
use windlass_testkit::{Fault, Output, Signal};

use super::e2e_signals::alive;
use super::e2e_support::{env, lines, with};

const DOCUMENT: &str = "workflow: l
vars: { note: \"{{ lookup('file', 'note.txt') }}\" }
tasks:
  - id: read
    steps:
      - id: say
        debug:
          msg: >-
            {{ note }}; {{ lookup('env', 'WHO') }}; {{ lookup('pipe', 'pwd | grep -c .') }};
            {{ lookup('template', 'hello.j2') }}; {{ query('file', 'note.txt', 'files/two.txt') | length }};
            {{ lookup('env', 'NOT_SET', default='none') }}; {{ lookup('file', 'gone', errors='ignore') }}
    outputs: { said: '{{ msg }}' }
";

#[test]
fn lookups_reach_files_variables_commands_and_templates() {
    let env = with(DOCUMENT).var("WHO", "ada");
    env.file("note.txt", "from a file\n")
        .file("files/two.txt", "")
        .file("templates/hello.j2", "hi {{ note }}");
    env.run(["run", "w.yaml"]).success();
    let said = &env.state()["tasks"]["read"]["outputs"]["said"];
    assert_eq!(said, "from a file; ada; 1; hi from a file; 2; none; ");
}

#[test]
fn a_template_file_looks_things_up_too() {
    let env = with("workflow: l\ntasks: [{ id: t, template: { src: t.j2, dest: out } }]\n");
    env.file("t.j2", "{{ lookup('file', 'note.txt') }}").file("note.txt", "one");
    env.run(["run", "w.yaml"]).success();
    assert_eq!(env.read("out").as_deref(), Some("one"));
    env.run(["plan", "w.yaml", "-o", "p.plan"]).success();
    env.file("note.txt", "two");
    env.run(["apply", "p.plan"]).status(1).says("note.txt");
}

#[test]
fn a_password_is_made_once_and_not_in_check_mode() {
    let env = with(
        "workflow: l
tasks:
  - { id: p, copy: { content: \"{{ lookup('password', 'keys/db length=12') }}\", dest: out } }
",
    );
    env.run(["run", "w.yaml", "--check"]).success();
    assert!(!env.has("keys/db"));
    env.run(["run", "w.yaml"]).success();
    let made = env.read("out").expect("it was written");
    assert_eq!(made.len(), 12);
    assert_eq!(env.read("keys/db").map(|kept| kept.trim().to_owned()), Some(made));
    env.run(["run", "w.yaml"]).success();
    assert_eq!(env.state()["tasks"]["p"]["changed"], false);
}

#[test]
fn what_cannot_be_reached_says_so() {
    let env = with("workflow: l\ntasks: [{ id: u, debug: { msg: \"{{ lookup('url', 'ftp://x/') }}\" } }]\n");
    env.run(["run", "w.yaml"]).status(1).says("only http and https");
    let env = with("workflow: l\ntasks: [{ id: u, debug: { msg: \"{{ lookup('file', 'gone') }}\" } }]\n");
    env.run(["run", "w.yaml"]).status(1).says("gone");
}

#[test]
fn a_saved_plan_stands_on_what_lookups_read() {
    let document = "workflow: l
tasks: [{ id: c, copy: { content: \"{{ lookup('file', 'note.txt') ~ lookup('env', 'WHO') }}\", dest: out } }]
";
    let lay_out = || {
        let env = with(document).var("WHO", "ada");
        env.file("note.txt", "one").file("other.txt", "x");
        env.run(["plan", "w.yaml", "-o", "p.plan"]).success();
        env
    };
    let env = lay_out();
    env.file("note.txt", "two");
    env.run(["apply", "p.plan"]).status(1).says("note.txt");
    let env = lay_out().var("WHO", "eve");
    env.run(["apply", "p.plan"]).status(1).says("WHO");
    let env = lay_out();
    env.file("other.txt", "y");
    env.run(["apply", "p.plan"]).success();
    assert_eq!(env.read("out").as_deref(), Some("oneada"));
}

#[test]
fn a_saved_plan_stands_on_the_files_that_patterns_name() {
    let env = with("workflow: l
tasks: [{ id: c, copy: { content: \"{{ query('fileglob', 'conf/*.txt') | map('basename') | join(' ') }}\", dest: out } }]
");
    env.file("conf/a.txt", "1").file("conf/b.txt", "1").file("conf/note.md", "1");
    let planned = env.run(["plan", "w.yaml", "-o", "p.plan", "--json"]);
    assert_eq!(planned.json()["inputs"]["lists"]["conf/*.txt"], json!(["conf/a.txt", "conf/b.txt"]));
    assert_eq!(planned.json()["unchecked"], json!([]));
    // Contents are not what a pattern names, and other names do not fit it.
    env.file("conf/a.txt", "2").file("conf/other.md", "1");
    env.run(["show", "p.plan"]).success();
    env.file("conf/c.txt", "1");
    let stale = env.run(["apply", "p.plan"]);
    stale.status(1).says("WL0821").says("the list of files conf/*.txt has changed (conf/c.txt)");
    assert!(!env.has("out"));
    std::fs::remove_file(env.project().join("conf/c.txt")).expect("removed");
    env.run(["apply", "p.plan"]).success();
    assert_eq!(env.read("out").as_deref(), Some("a.txt b.txt"));
}

#[test]
fn a_pattern_sees_the_files_that_the_run_itself_makes() {
    let env = with(
        "workflow: l
tasks:
  - id: make
    copy: { content: x, dest: made/one.txt }
  - id: read
    needs: [make]
    copy: { content: \"{{ query('fileglob', 'made/*') | length }}\", dest: out }
",
    );
    env.file("made/two.txt", "x");
    env.run(["run", "w.yaml"]).success();
    assert_eq!(env.read("out").as_deref(), Some("2"));
}

#[test]
fn a_plan_says_what_applying_it_cannot_compare() {
    let env = with("workflow: l
vars: { which: { a: note.txt } }
tasks:
  - id: known
    debug: { msg: \"{{ lookup('file', 'note.txt') }} {{ query('fileglob', '*.txt') }} {{ lookup('env', 'WHO') }}\" }
  - id: unknown
    with_items: [a]
    debug: { msg: \"{{ lookup('file', which[item]) }} {{ lookup('pipe', 'date') }} {{ [1, 2] | random }}\" }
  - id: deep
    debug: { msg: \"{{ lookup('template', 't.j2') }}\" }
  - id: file
    template: { src: file.j2, dest: out }
  - id: guarded
    when: \"'x' is exists\"
    debug: { msg: y }
");
    env.file("note.txt", "n")
        .file("t.j2", "one\n{{ lookup('lines', 'ls') }}")
        .file("file.j2", "{{ q('fileglob', dirs) }}");
    env.file("w.yaml", env.read("w.yaml").expect("it is there").replace("vars: {", "vars: { dirs: x,"));
    let told = |planned: Output| {
        let all = planned.json()["unchecked"].as_array().cloned().expect("a list");
        all.iter().map(|one| format!("{} {}", one["at"], one["what"]).replace('"', "")).collect::<Vec<_>>()
    };
    let expected = [
        "t.j2:2:4 the lookup `lines`",
        "w.yaml:12:22, in the file that is named there the lookup `fileglob` of what only the run knows",
        "w.yaml:14:19 the test `exists`",
        "w.yaml:8:23 the lookup `file` of what only the run knows",
        "w.yaml:8:57 the lookup `pipe`",
    ];
    assert_eq!(told(env.run(["plan", "w.yaml", "--json"])), expected);
    assert_eq!(told(env.run(["plan", "w.yaml", "-o", "p.plan", "--json"])), expected);
    let kept = env.run(["show", "p.plan", "--json"]).json()["provenance"]["unchecked"].clone();
    assert_eq!(kept.as_array().map(Vec::len), Some(expected.len()));
    for args in [&["plan", "w.yaml"][..], &["show", "p.plan"]] {
        let shown = env.run(args).stdout();
        assert!(shown.contains("`windlass apply` does not compare:"), "{shown}");
        assert!(shown.contains("  w.yaml:8:57: the lookup `pipe`"), "{shown}");
    }
}

#[test]
fn a_resume_reads_what_was_planned() {
    let env = env();
    env.file(
        "w.yaml",
        "workflow: l
tasks:
  - id: c
    steps:
      - run: test -e go
      - copy: { content: \"{{ lookup('file', 'note.txt') }}\", dest: out }
",
    );
    env.file("note.txt", "as planned");
    env.run(["run", "w.yaml"]).status(1);
    std::fs::remove_file(env.project().join("note.txt")).expect("removed");
    env.file("go", "");
    env.run(["resume"]).success();
    assert_eq!(env.read("out").as_deref(), Some("as planned"));
}

/// Answers as many requests as there are answers, and gives back what it was asked.
fn server(answers: Vec<&'static str>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let heard = std::thread::spawn(move || {
        let answer = |answer: &str| {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut head = String::new();
            let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
            while reader.read_line(&mut head).is_ok_and(|length| length > 2) {}
            stream.write_all(answer.as_bytes()).expect("the client listens");
            head.to_lowercase()
        };
        answers.into_iter().map(answer).collect()
    });
    (address, heard)
}

const TWO_LINES: &str = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\none\ntwo\n";

#[test]
fn addresses_are_fetched_with_ansibles_options() {
    let missing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (address, heard) = server(vec![TWO_LINES, TWO_LINES, missing, missing]);
    let env = with(
        "workflow: l
tasks:
  - id: read
    steps:
      - debug:
          msg: >-
            {{ query('url', env.SERVER ~ '/a') | join('+') }};
            {{ lookup('url', env.SERVER ~ '/b', split_lines=false, headers={'X-Mine': 'yes'}, username='ada',
                      password='pw', force_basic_auth=true, timeout=20, validate_certs=false) | length }};
            {{ lookup('url', env.SERVER ~ '/c', errors='ignore') or 'nothing' }}
        register: said
    outputs: { said: '{{ said.msg }}' }
  - { id: lost, needs: [read], debug: { msg: \"{{ lookup('url', env.SERVER ~ '/d') }}\" } }
",
    )
    .var("SERVER", &address)
    .var("no_proxy", "127.0.0.1");
    let output = env.run(["run", "w.yaml"]);
    output.status(1).says("HTTP Error 404");
    assert_eq!(env.state()["tasks"]["read"]["outputs"]["said"], "one+two; 8;\nnothing");
    let heard = heard.join().expect("the server ended well");
    assert!(
        heard[1].contains("x-mine: yes") && heard[1].contains("authorization: basic ywrhonb3"),
        "{}",
        heard[1]
    );
}

#[test]
fn a_command_runs_only_when_the_record_of_its_step_is_durable() {
    for vars in ["", "vars: { count: \"{{ lookup('pipe', 'echo x >> ran; wc -l < ran') }}\" }\n"] {
        let text = if vars.is_empty() {
            "{{ lookup('pipe', 'echo x >> ran; wc -l < ran') }}"
        } else {
            "{{ count }}"
        };
        let document = format!(
            "workflow: l\n{vars}tasks:\n  - id: a\n    steps:\n      - debug: {{ msg: before }}\n      - copy: {{ content: \"{text}\", dest: out }}\n"
        );
        // Whatever record the program is killed after: what ran has a start in the journal.
        for after in 1.. {
            let env = with(&document);
            let ended = env.call(["run", "w.yaml"]).fault(&Fault::KillAfter(after)).run();
            let started =
                |event: &serde_json::Value| event["event"] == "step_started" && event["step"] == "copy";
            if env.has("ran") {
                let events = env.run(["runs", "events", "latest", "--json"]).json();
                let found = events.as_array().is_some_and(|events| events.iter().any(started));
                assert!(found, "killed after record {after}: {events:#}");
            }
            if ended.code() == Some(0) {
                assert!(env.read("out").is_some_and(|out| out.trim() == "1"));
                break;
            }
        }
    }
}

#[test]
fn a_slow_command_in_a_condition_holds_nothing_else_up() {
    let env = with(
        "workflow: l
tasks:
  - { id: a, run: echo a, when: \"lookup('pipe', 'while [ ! -e go ]; do sleep 0.05; done; echo yes') == 'yes'\" }
  - { id: b, steps: [ { run: echo b }, { run: touch go } ] }
",
    );
    // Were the command waited for before anything else is done, it would be given up after a minute.
    env.run(["run", "w.yaml"]).success();
    assert_eq!(env.state()["tasks"]["a"]["state"], "completed");
}

#[test]
fn a_command_that_is_asked_ends_with_the_run_and_with_its_step() {
    let slow = "sleep 61.5 & echo $! >> pids; echo $$ >> pids; sleep 62.5";
    let places = [
        format!("when: \"lookup('pipe', '{slow}') == ''\""),
        format!("loop: \"{{{{ query('pipe', '{slow}') }}}}\""),
        format!("until: \"lookup('pipe', '{slow}') == ''\""),
        format!("delegate_to: \"{{{{ lookup('pipe', '{slow}') }}}}\""),
    ];
    for place in places {
        let env =
            with(&format!("workflow: l\ntasks: [{{ id: t, steps: [{{ run: echo one, {place} }}] }}]\n"));
        let mut running = env.call(["run", "w.yaml"]).start();
        running.until("the command", || lines(&env, "pids") == 2);
        running.signal(Signal::INT);
        // Two that come at once are one.
        std::thread::sleep(std::time::Duration::from_millis(100));
        running.signal(Signal::INT);
        running.wait().status(2);
        assert_eq!(env.state()["state"], "interrupted", "{place}");
        assert_eq!(alive(&env), Vec::<String>::new(), "{place}");
    }
    // The time of a step counts for what it asks, too.
    let env = with(&format!(
        "workflow: l\ntasks: [{{ id: t, steps: [{{ run: echo, timeout: 300ms, when: \"lookup('pipe', '{slow}') == ''\" }}] }}]\n"
    ));
    env.run(["run", "w.yaml"]).status(1).says("took longer than 300ms");
    assert_eq!(alive(&env), Vec::<String>::new());
}

#[test]
fn what_a_file_asks_ends_with_the_run_and_with_its_step() {
    let slow = "{{ lookup('pipe', 'sleep 61.5 & echo $! >> pids; echo $$ >> pids; sleep 62.5') }}";
    let lay_out = |key: &str, file: &str| {
        let env = with(&format!("workflow: l\ntasks: [{{ id: t, steps: [{{ {key}, {file} }}] }}]\n"));
        env.file("t.j2", slow).file("vars.yaml", format!("made: \"{slow}\"\n"));
        env
    };
    for file in ["template: { src: t.j2, dest: out }", "include_vars: vars.yaml"] {
        let env = lay_out("id: ask", file);
        let mut running = env.call(["run", "w.yaml"]).start();
        running.until("the command", || lines(&env, "pids") == 2);
        running.signal(Signal::INT);
        // Two that come at once are one.
        std::thread::sleep(std::time::Duration::from_millis(100));
        running.signal(Signal::INT);
        let began = std::time::Instant::now();
        running.wait().status(2);
        // The command would take over a minute, and an order that nobody hears is waited for.
        assert!(began.elapsed() < std::time::Duration::from_secs(40), "{file}");
        assert_eq!((env.state()["state"].as_str(), alive(&env)), (Some("interrupted"), vec![]), "{file}");
        let env = lay_out("timeout: 300ms", file);
        env.run(["run", "w.yaml"]).status(1).says("took longer than 300ms");
        assert_eq!(alive(&env), Vec::<String>::new(), "{file}");
    }
}

/// Commands wherever an expression may stand. Each writes down that it was asked.
const EVERYWHERE: &str = "workflow: l
tasks:
  - id: a
    when: \"lookup('pipe', 'echo task >> asked; echo yes') == 'yes'\"
    steps:
      - { id: go, run: echo go >> ran, when: \"lookup('pipe', 'echo when >> asked; echo yes') == 'yes'\" }
      - { id: no, run: echo no >> ran, when: \"lookup('pipe', 'echo never >> asked; echo no') == 'yes'\" }
      - { id: each, run: 'echo {{ item }} >> ran', loop: \"{{ query('pipe', 'echo loop >> asked; echo x', 'echo y') }}\" }
      - { id: place, run: echo here >> ran, delegate_to: \"{{ lookup('pipe', 'echo place >> asked; echo localhost') }}\" }
      - { id: judged, run: echo judged >> ran, until: \"lookup('pipe', 'echo until >> asked; echo yes') == 'yes'\",
          changed_when: \"lookup('pipe', 'echo changed >> asked; echo no') == 'yes'\" }
      - { assert: { that: \"lookup('pipe', 'echo that >> asked; echo yes') == 'yes'\" } }
    outputs: { made: \"{{ lookup('pipe', 'echo output >> asked; echo made') }}\" }
  - { id: b, needs: [a], run: 'echo {{ tasks.a.outputs.made }} >> ran' }
";

#[test]
fn what_asks_survives_a_crash_after_every_record() {
    let asked = |env: &windlass_testkit::TestEnv| {
        let mut all: Vec<String> = env.read("asked").unwrap_or_default().lines().map(str::to_owned).collect();
        all.sort();
        all
    };
    let env = with(EVERYWHERE);
    env.run(["run", "w.yaml"]).success();
    let whole = ["changed", "loop", "never", "output", "place", "task", "that", "until", "when"];
    assert_eq!(asked(&env), whole, "each is asked once");
    let steps = env.state()["tasks"].clone();
    for after in 1.. {
        let env = with(EVERYWHERE);
        let ended = env.call(["run", "w.yaml"]).fault(&Fault::KillAfter(after)).run();
        if ended.code() == Some(0) {
            break;
        }
        env.run(["resume"]).success();
        let now = asked(&env);
        let twice = now.len() - whole.len();
        // What was asked about the one step that the kill met may be asked again.
        assert!(whole.iter().all(|word| now.contains(&(*word).to_owned())) && twice <= 2, "{after}: {now:?}");
        assert!(now.iter().filter(|word| *word == "loop").count() <= 2, "{after}: {now:?}");
        assert_eq!(env.state()["tasks"]["a"]["outputs"], steps["a"]["outputs"], "{after}");
        assert_eq!(env.state()["state"], "completed", "{after}");
    }
}
