//! Cleanup under every way to end: whatever was registered is taken back, by this process or by the one that
//! goes on after it.

use std::time::Duration;

use windlass_testkit::{Fault, Signal, TestEnv};

use crate::e2e_support::{is_alive, lines, with};

/// Everything that a document can leave behind: files that task cleanups remove (last in, first out), a child
/// process, a secret in a process's environment, temporary files.
const DOCUMENT: &str = "workflow: cleanup
secrets: { token: { env: RELEASE_TOKEN } }
tasks:
  - id: work
    environment: { TOKEN: '{{ secrets.token }}' }
    steps:
      - name: make
        run: touch left-1 left-2 left-3; sleep 97.5 & echo $! > pid
      - name: act
        run: echo begun >> begun; sleep 0.4; END
      - template: { src: app.j2, dest: made }
    cleanup:
      - name: one
        run: rm left-1; echo one >> cleaned
      - name: two
        run: rm left-2; echo two >> cleaned
      - name: three
        run: rm left-3; kill $(cat pid); echo three >> cleaned
  - { id: after, needs: [work], run: echo after >> after }
";

/// A value that no machine has by accident.
const SECRET: &str = "cln-93be07d15f42a86c";

/// A way to end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Return,
    Error,
    Panic,
    Signal(Signal),
    Twice(Signal),
    Kill,
}

const ENDS: &[End] = &[
    End::Return,
    End::Error,
    End::Panic,
    End::Signal(Signal::INT),
    End::Signal(Signal::TERM),
    End::Signal(Signal::HUP),
    End::Twice(Signal::INT),
    End::Kill,
];

/// How long any end may take, from the signal on.
const LIMIT: Duration = Duration::from_secs(5);

fn lay_out(end: End) -> TestEnv {
    let last = if end == End::Error { "exit 5" } else { "true" };
    let env = with(&DOCUMENT.replace("END", last)).var("RELEASE_TOKEN", SECRET);
    env.file("app.j2", "made\n");
    env
}

/// Ends a run in this way, and says whether it is to be resumed.
fn end(env: &TestEnv, end: End) -> bool {
    let call = env.call(["run", "w.yaml"]);
    let mut running = match end {
        // The panic comes once the second step is under way.
        End::Panic => call.fault(&Fault::PanicAfter(4)).start(),
        _ => call.start(),
    };
    if end != End::Panic {
        running.until("the second step", || lines(env, "begun") == 1);
    }
    let begun = std::time::Instant::now();
    let (code, resume) = match end {
        End::Return => (Some(0), false),
        End::Error => (Some(1), false),
        End::Panic => (Some(1), true),
        End::Signal(signal) => {
            running.signal(signal);
            (Some(2), true)
        }
        End::Twice(signal) => {
            running.signal(signal);
            std::thread::sleep(Duration::from_millis(50));
            running.signal(signal);
            (Some(2), true)
        }
        End::Kill => {
            running.signal(Signal::KILL);
            (None, true)
        }
    };
    let output = running.wait();
    assert_eq!(output.code(), code, "{end:?}: {output:?}");
    assert!(begun.elapsed() < LIMIT, "{end:?} took {:?}", begun.elapsed());
    resume
}

#[test]
fn whatever_ends_a_run_leaves_nothing_behind() {
    std::thread::scope(|scope| {
        for way in ENDS {
            scope.spawn(|| ends_clean(*way));
        }
    });
}

fn ends_clean(way: End) {
    /// Last in, first out, and none left out.
    const ONCE: &str = "three\ntwo\none\n";
    let env = lay_out(way);
    let resume = end(&env, way);
    if !matches!(way, End::Panic | End::Kill) {
        // Whoever ends in order takes back what there is, even if the task goes on later.
        assert_eq!(env.read("cleaned").as_deref(), Some(ONCE), "{way:?}");
        nothing_left(&env, way);
    }
    if resume {
        env.run(["resume"]).success();
    }
    let cleaned = env.read("cleaned").unwrap_or_default();
    assert!(cleaned == ONCE || (resume && cleaned == ONCE.repeat(2)), "{way:?}: {cleaned:?}");
    nothing_left(&env, way);
    let completed = env.state()["state"] == "completed";
    assert_eq!(completed, way != End::Error, "{way:?}");
}

/// Fails where a file, a process, a temporary file or the secret is still there.
fn nothing_left(env: &TestEnv, way: End) {
    for file in ["left-1", "left-2", "left-3"] {
        assert!(!env.has(file), "{way:?}: {file}");
    }
    let pid = env.read("pid").unwrap_or_default();
    assert!(!is_alive(pid.trim()), "{way:?}: a process is left");
    let temporary: Vec<_> = std::fs::read_dir(env.root().join("tmp")).expect("it is there").collect();
    assert!(temporary.is_empty(), "{way:?}: {temporary:?}");
    for (path, content) in env.everything() {
        let found = content.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!found, "{way:?}: the secret is in {}", path.display());
    }
}

/// A cleanup step that fails does not stop the others, whichever it is.
#[test]
fn a_cleanup_that_fails_stops_no_other() {
    for broken in ["one", "two", "three"] {
        let document =
            DOCUMENT.replace("END", "true").replace(&format!("echo {broken} >>"), "false; echo no >>");
        let document = document.replace("false; echo no >> cleaned", "false");
        let env = with(&document).var("RELEASE_TOKEN", SECRET);
        env.file("app.j2", "made\n");
        let output = env.run(["run", "w.yaml"]);
        let rest: Vec<&str> = ["three", "two", "one"].into_iter().filter(|name| *name != broken).collect();
        let cleaned = env.read("cleaned").unwrap_or_default();
        assert_eq!(cleaned.lines().collect::<Vec<_>>(), rest, "{broken}: {output:?}");
        assert!(!env.has("left-1") && !env.has("left-2") && !env.has("left-3"), "{broken}");
    }
}
