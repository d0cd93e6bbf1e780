//! Secrets: planted, used in every way, and found nowhere.

use std::sync::atomic::{AtomicBool, Ordering};

use windlass_testkit::TestEnv;

use crate::e2e_support::with;

/// Values that no machine has by accident. One has letters that JSON escapes, one has several lines.
const TOKEN: &str = "tok-7f3a91c2e85d4b06";
const QUOTED: &str = "p\"w\\6b1e0d93f7a24c58";
const KEY: &str = "key-line-one-51d7c2\nkey-line-two-e94b08";

const DOCUMENT: &str = r#"
workflow: secrets
secrets:
  token: { env: RELEASE_TOKEN }
  quoted: { file: secret.txt }
  key: { command: cat key.txt }
vars:
  header: "Bearer {{ secrets.token }}"
tasks:
  - id: echoes
    environment: { TOKEN: "{{ secrets.token }}", QUOTED: "{{ secrets.quoted }}", KEY: "{{ secrets.key }}" }
    run: |
      echo "token $TOKEN"
      echo "quoted $QUOTED" >&2
      echo "$KEY"
      printf %s "$TOKEN" | wc -c > length
    outputs: { said: "{{ stdout }}" }
  - id: renders
    steps:
      - template: { src: app.j2, dest: out.conf, mode: "0600" }
      - copy: { content: "{{ header }} {{ secrets.quoted }}", dest: out.header, mode: "0600" }
      - debug: { msg: "{{ header }}" }
      - set_fact: { kept: "{{ secrets.token }}" }
      - debug: { msg: "{{ kept }}" }
      - loop: ["{{ secrets.token }}", "{{ secrets.quoted }}"]
        debug: { msg: "{{ item }}" }
  - id: passes-on
    needs: [echoes]
    steps:
      - debug: { msg: "{{ tasks.echoes.outputs.said }}" }
  - id: fails
    needs: [passes-on, renders]
    environment: { TOKEN: "{{ secrets.token }}" }
    run: echo "cannot use $TOKEN" >&2; exit 7
"#;

/// The files that the document itself writes secrets to, and those that it reads them from.
const MEANT: &[&str] = &["secret.txt", "key.txt", "out.conf", "out.header"];

fn planted() -> TestEnv {
    let env = with(DOCUMENT).var("RELEASE_TOKEN", TOKEN);
    env.file("secret.txt", format!("{QUOTED}\n")).file("key.txt", format!("{KEY}\n"));
    env.file("app.j2", "token={{ secrets.token }}\n");
    env
}

/// All texts under which the secrets may show: as they are, as JSON has them, and each line of the key.
fn needles() -> Vec<String> {
    let escaped = serde_json::to_string(QUOTED).expect("a string is JSON");
    let mut all = vec![TOKEN.to_owned(), QUOTED.to_owned(), escaped.trim_matches('"').to_owned()];
    all.extend(KEY.lines().map(str::to_owned));
    all
}

#[track_caller]
fn clean(what: &str, content: &[u8]) {
    for needle in needles() {
        let found = content.windows(needle.len()).any(|window| window == needle.as_bytes());
        assert!(!found, "{needle:?} is in {what}");
    }
}

#[test]
fn a_secret_is_found_nowhere() {
    for options in [&[][..], &["--events"], &["--json"], &["-v"], &["--log-level", "trace"], &["--diff"]] {
        let env = planted();
        let output = env.run([&["run", "w.yaml"], options].concat());
        output.status(1);
        clean(&format!("stdout with {options:?}"), output.stdout().as_bytes());
        clean(&format!("stderr with {options:?}"), output.stderr().as_bytes());
        // It was there for those who need it.
        assert_eq!(env.read("length"), Some(format!("{}\n", TOKEN.len())));
        assert_eq!(env.read("out.conf"), Some(format!("token={TOKEN}\n")));
        assert_eq!(env.read("out.header"), Some(format!("Bearer {TOKEN} {QUOTED}")));
        for more in
            [&["runs", "show", "latest"][..], &["runs", "logs", "latest"], &["runs", "events", "latest"]]
        {
            let output = env.run(more);
            output.success();
            clean(&format!("{more:?}"), output.stdout().as_bytes());
        }
        let mut files = 0;
        for (path, content) in env.everything() {
            let name = path.strip_prefix(env.project()).map(|p| p.display().to_string()).unwrap_or_default();
            if !MEANT.contains(&name.as_str()) {
                files += 1;
                clean(&path.display().to_string(), &content);
            }
        }
        assert!(files > 5, "the state was looked at");
    }
}

#[test]
fn a_plan_holds_references_only() {
    let env = planted();
    for options in [&["plan", "w.yaml", "--json"][..], &["run", "w.yaml", "--dry-run"], &["graph", "w.yaml"]]
    {
        let output = env.run(options);
        output.success();
        clean(&format!("{options:?}"), output.stdout().as_bytes());
        clean(&format!("{options:?}"), output.stderr().as_bytes());
    }
    let plan = env.run(["plan", "w.yaml", "--json"]).stdout();
    assert!(plan.contains("RELEASE_TOKEN"), "it says where they come from");
}

#[test]
fn no_process_has_a_secret_in_its_arguments() {
    let env = with(
        "workflow: argv
secrets: { token: { env: RELEASE_TOKEN } }
tasks:
  - id: slow
    environment: { TOKEN: '{{ secrets.token }}' }
    run: sleep 0.4; printf %s \"$TOKEN\" | wc -c > length
",
    )
    .var("RELEASE_TOKEN", TOKEN);
    let running = env.call(["run", "w.yaml"]).start();
    let over = AtomicBool::new(false);
    let looked = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut looked = 0;
            while !over.load(Ordering::Relaxed) {
                for (pid, args) in arguments() {
                    assert!(!args.contains(TOKEN), "process {pid}: {args}");
                }
                looked += 1;
            }
            looked
        });
        let output = running.wait();
        over.store(true, Ordering::Relaxed);
        output.success();
        watcher.join().expect("no process shows it")
    });
    assert!(looked > 3, "looked {looked} times only");
    assert_eq!(env.read("length"), Some(format!("{}\n", TOKEN.len())));
    // Where a document would put it there itself, the plan refuses.
    env.file(
        "w.yaml",
        "workflow: argv
secrets: { token: { env: RELEASE_TOKEN } }
tasks: [{ id: bad, command: 'curl -H {{ secrets.token }}' }]
",
    );
    env.run(["run", "w.yaml"]).status(1).says("WL0307");
}

/// The arguments of every process of the machine.
fn arguments() -> Vec<(u32, String)> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| {
        let args = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        Some((pid, String::from_utf8_lossy(&args).into_owned()))
    })
    .collect()
}

#[test]
fn a_resume_gets_secrets_again_or_says_which_is_missing() {
    let env = with(
        "workflow: again
secrets: { token: { env: RELEASE_TOKEN } }
tasks:
  - { id: first, run: 'true' }
  - { id: second, needs: [first], environment: { T: '{{ secrets.token }}' }, run: 'test \"$T\" = new-value-49152' }
",
    );
    let kill = windlass_testkit::Fault::KillAfter(3);
    env.call(["run", "w.yaml"]).var("RELEASE_TOKEN", TOKEN).fault(&kill).run().killed();
    env.run(["resume"]).status(1).says("RELEASE_TOKEN");
    env.call(["resume"]).var("RELEASE_TOKEN", "new-value-49152").run().success();
    assert_eq!(env.state()["state"], "completed");
}
