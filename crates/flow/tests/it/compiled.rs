//! Good documents and their plans.

use serde_json::{Value, json};
use windlass_engine::Request;
use windlass_model::{Intent, OnDoubt, RetryOn, Step, Strategy};

use crate::setup::{document, plan, plan_with, problems};

/// The document of the issue.
const RELEASE: &str = r#"
workflow: release
description: builds and signs
vars: { version: "1.4.2" }
secrets: { token: { env: RELEASE_TOKEN } }
policy:
  strategy: eager
  max_parallelism: 8
  fail_fast: true
  timeout: 30m
  budget: { amount: 2.50, currency: USD, tokens: 200000 }
  retry: { max_attempts: 3, initial_delay: 200ms, max_delay: 30s, multiplier: 2.0, jitter: true, errors: transient }
stages:
  - name: build
    tasks:
      - id: prepare
        run: mkdir -p out
tasks:
  - id: compile
    run: cargo build --release
    outputs: { sha: "{{ stdout | trim }}" }
  - id: config
    needs: [compile]
    when: version != ''
    timeout: 2m
    retry: { max_attempts: 5 }
    steps:
      - name: render
        debug: { msg: "{{ version }}" }
        register: rendered
      - copy: { content: "{{ tasks.compile.outputs.sha }}", dest: out/sha }
        when: rendered.changed
    cleanup:
      - file: { path: out/tmp, state: absent }
  - id: sign-off
    needs: [config]
    approve: "Release {{ version }}?"
"#;

#[test]
fn the_document_of_the_readme_becomes_a_plan() {
    let plan = plan(RELEASE);
    assert_eq!(plan.backend, "workflow/dag");
    assert_eq!(plan.policy.strategy, Strategy::Eager);
    assert_eq!(plan.policy.timeout_ms, Some(1_800_000));
    assert_eq!(plan.policy.retry.map(|retry| retry.on), Some(RetryOn::Transient));
    let ids: Vec<&str> = plan.tasks.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(ids, ["compile", "config", "prepare", "sign-off"]);
    let compile = &plan.tasks[0];
    assert_eq!(
        (&*compile.steps[0].action, &compile.steps[0].input),
        ("shell", &json!({"cmd": "cargo build --release"}))
    );
    assert_eq!(compile.more().outputs["sha"], "{{ stdout | trim }}");
    let config = &plan.tasks[1];
    assert_eq!(config.more().when, ["version != ''"]);
    assert_eq!(
        config.more().policy.retry.map(|retry| (retry.max_attempts, retry.on)),
        Some((5, RetryOn::Any))
    );
    assert_eq!(config.more().policy.timeout_ms, Some(120_000));
    assert_eq!(step_ids(&config.steps), ["render", "copy", "file"]);
    assert_eq!(config.cleanup, 2);
    assert_eq!(config.steps[0].input["msg"], "1.4.2");
    assert_eq!(config.steps[1].input["content"], "{{ tasks.compile.outputs.sha }}");
    assert_eq!(config.steps[1].more().when, ["rendered.changed"]);
    assert_eq!(plan.tasks[3].steps[0].input, json!({"prompt": "Release 1.4.2?"}));
    assert_eq!(&*plan.tasks[3].steps[0].action, "approve");
    assert_eq!(plan.stages[0].name.as_str(), "build");
    assert_eq!(plan.tasks[2].stage, Some(0));
}

#[test]
fn run_is_short_for_shell_and_takes_its_shortcuts() {
    let step = first(&document(
        "- id: a\n  run: make {{ target }}\n  creates: out/x\n  chdir: sub\n  changed_when: no\n  vars: { target: all }\n",
    ));
    assert_eq!(&*step.action, "shell");
    assert_eq!(step.input, json!({"cmd": "make all", "creates": "out/x", "chdir": "sub"}));
    assert_eq!(step.more().changed_when.as_deref(), Some(&["false".to_owned()][..]));
}

#[test]
fn what_is_known_is_worked_out_and_what_is_not_is_left() {
    let text = "\
workflow: test
vars: { base: /opt, app: '{{ base }}/app', port: 80, both: '{{ found.stdout }}:{{ port }}' }
tasks:
  - id: a
    steps:
      - run: find
        register: found
      - debug: { msg: '{{ app }}:{{ port }}' }
      - debug: { msg: '{{ port }}' }
      - debug: { msg: '{{ both }}' }
      - debug: { msg: '{{ found.rc }}' }
      - debug: { msg: '{% raw %}{{ x }}{% endraw %}' }
      - debug: { msg: '{{ now() }}' }
";
    let plan = plan(text);
    let inputs: Vec<&Value> = plan.tasks[0].steps[1..].iter().map(|step| &step.input["msg"]).collect();
    assert_eq!(
        inputs,
        [
            &json!("/opt/app:80"),
            &json!(80),
            &json!("{{ both }}"),
            &json!("{{ found.rc }}"),
            &json!("{% raw %}{{ x }}{% endraw %}"),
            &json!("{{ now() }}"),
        ]
    );
    let vars =
        json!({"base": "/opt", "app": "/opt/app", "port": 80, "both": "{{ found.stdout }}:{{ port }}"});
    assert_eq!(Value::from(plan.vars), vars);
}

#[test]
fn a_variable_that_means_another_thing_further_in_is_left_to_the_run() {
    let text = "\
workflow: test
vars: { base: /opt, app: '{{ base }}/app' }
tasks:
  - { id: a, run: 'ls {{ app }}', vars: { base: /srv } }
  - { id: b, run: 'ls {{ app }}' }
";
    let plan = plan(text);
    assert_eq!(plan.vars["app"], "{{ base }}/app");
    assert_eq!(plan.tasks[0].steps[0].input["cmd"], "ls /srv/app");
    assert_eq!(plan.tasks[1].steps[0].input["cmd"], "ls /opt/app");
}

#[test]
fn variables_of_the_command_line_win_over_all_levels() {
    let text = "\
workflow: test
vars: { v: run, w: 'x{{ v }}' }
stages:
  - name: s
    vars: { v: stage }
    tasks:
      - id: a
        vars: { v: task }
        steps:
          - run: echo {{ v }} {{ w }}
            vars: { v: step }
";
    let request = Request {
        extra_vars: [("v".to_owned(), json!("extra"))].into_iter().collect(),
        ..Request::default()
    };
    let plan = plan_with(text, &request);
    assert_eq!(plan.tasks[0].steps[0].input["cmd"], "echo extra xextra");
    assert_eq!(Value::from(plan.vars), json!({"v": "extra", "w": "xextra"}));
    assert!(plan.stages[0].vars.is_empty() && plan.tasks[0].more().vars.is_empty());
    assert!(plan.tasks[0].steps[0].more().vars.is_empty());
}

#[test]
fn only_the_environment_that_is_named_is_recorded() {
    let env = [("HOME", "/root"), ("OTHER", "x")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let request = Request { env, ..Request::default() };
    let text = document(
        "  - { id: a, run: 'ls {{ env.HOME }} {{ env.NONE | default(1) }}', when: env.SOME is defined }\n",
    );
    let plan = plan_with(&text, &request);
    assert_eq!(plan.tasks[0].steps[0].input["cmd"], "ls /root 1");
    let recorded: Vec<_> = plan.inputs.env.iter().map(|(k, v)| (k.as_str(), v.as_deref())).collect();
    assert_eq!(recorded, [("HOME", Some("/root")), ("NONE", None), ("SOME", None)]);
}

#[test]
fn names_of_the_run_hide_nothing_and_are_hidden_by_results_and_items() {
    let text = "\
workflow: test
vars: { out: before, item: none }
tasks:
  - id: a
    steps:
      - debug: { msg: '{{ out }} {{ item }}' }
      - run: x
        register: out
      - debug: { msg: '{{ out }}' }
      - debug: { msg: '{{ item }}' }
        loop: [1, 2]
";
    let plan = plan(text);
    let inputs: Vec<&Value> = plan.tasks[0].steps.iter().map(|step| &step.input["msg"]).collect();
    assert_eq!(inputs[0], "before none");
    assert_eq!(inputs[2..], [&json!("{{ out }}"), &json!("{{ item }}")]);
}

#[test]
fn omitted_parameters_are_left_out() {
    let text = document(
        "- id: a\n  vars: { mode: '' }\n  steps:\n  - copy: { content: x, dest: y, mode: '{{ mode if mode else omit }}' }\n",
    );
    assert_eq!(first(&text).input, json!({"content": "x", "dest": "y"}));
}

#[test]
fn blocks_are_ranges_and_hand_down_their_keywords() {
    let text = document(
        "
  - id: a
    tags: t
    environment: { A: 1, B: '{{ 1 + 1 }}' }
    on_doubt: hold
    steps:
      - run: before
      - block:
          - run: one
            when: x is defined
          - block: [ { run: two } ]
            always: [ { run: three } ]
        rescue:
          - run: four
            ignore_errors: off
        always: [ { run: five } ]
        when: [ y is defined ]
        ignore_errors: yes
        ignore_unreachable: yes
        no_log: true
        environment: { A: 2 }
        tags: [b, t]
        vars: { v: 7 }
      - run: after
",
    );
    let plan = plan(&text);
    let task = &plan.tasks[0];
    let ranges: Vec<_> = task.blocks.iter().map(|b| (b.start, b.rescue, b.always, b.end)).collect();
    assert_eq!(ranges, [(1, 4, 5, 6), (2, 3, 3, 4)]);
    assert_eq!(step_ids(&task.steps), ["run", "run-2", "run-3", "run-4", "run-5", "run-6", "run-7"]);
    let one = task.steps[1].more();
    assert_eq!(one.when, ["y is defined", "x is defined"]);
    assert_eq!(Value::from(one.environment.clone()), json!({"A": "2", "B": 2}));
    assert_eq!((one.ignore_errors, one.no_log, one.on_doubt), (true, true, OnDoubt::Hold));
    assert!(one.ignore_unreachable && !task.steps[6].more().ignore_unreachable);
    assert_eq!(one.tags, ["b", "t"]);
    assert_eq!(one.vars["v"], 7);
    assert!(!task.steps[4].more().ignore_errors);
    let after = task.steps[6].more();
    assert!(after.when.is_empty() && after.vars.is_empty() && !after.no_log);
    assert_eq!(after.environment["A"], "1");
}

#[test]
fn loops_and_repetitions_are_kept_with_their_names() {
    let step = first(&document(
        "
  - id: a
    steps:
      - run: echo {{ f.name }} {{ n }}
        loop: [ { name: x }, { name: '{{ 1 + 1 }}' } ]
        loop_control: { loop_var: f, index_var: n, label: '{{ f.name }}', pause: 1.5 }
        until: out.rc == 0
        retries: 5
        delay: 2
        register: out
",
    ));
    let more = step.more();
    let repeat = more.repeat.as_ref().expect("it loops");
    assert_eq!(repeat.over, json!([{"name": "x"}, {"name": 2}]));
    assert_eq!((repeat.item.as_str(), repeat.index.as_deref(), repeat.pause_ms), ("f", Some("n"), 1500));
    assert_eq!(repeat.label.as_deref(), Some("{{ f.name }}"));
    let until = more.until.as_ref().expect("it repeats");
    assert_eq!(
        (until.conditions.as_slice(), until.retries, until.delay_ms),
        (&["out.rc == 0".to_owned()][..], 5, 2000)
    );
    let items =
        first(&document("- { id: a, steps: [ { run: 'echo {{ item }}', with_items: [ a, [ b, c ] ] } ] }\n"));
    assert_eq!(items.more().repeat.as_ref().map(|r| r.over.clone()), Some(json!(["a", "b", "c"])));
}

#[test]
fn cleanup_runs_the_last_one_first() {
    let plan = plan(&document(
        "- id: a\n  run: x\n  cleanup:\n  - { name: one, run: a }\n  - { name: two, run: b }\n  - { id: run, run: c }\n",
    ));
    assert_eq!(step_ids(&plan.tasks[0].steps), ["run-2", "run", "two", "one"]);
    assert_eq!(plan.tasks[0].cleanup, 1);
}

#[test]
fn tags_choose_steps_as_in_ansible() {
    let text = document(
        "
  - id: a
    steps:
      - { run: plain }
      - { run: x, tags: x }
      - { run: always, tags: always }
      - { run: never, tags: 'never, z' }
",
    );
    let chosen = |tags: &[&str], skip: &[&str]| -> Vec<usize> {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let request = Request { tags: set(tags), skip_tags: set(skip), ..Request::default() };
        let plan = plan_with(&text, &request);
        let steps = plan.tasks[0].steps.iter().enumerate();
        steps.filter(|(_, step)| step.intent == Intent::Run).map(|(at, _)| at).collect()
    };
    for (tags, skip, want) in [
        (&[][..], &[][..], &[0, 1, 2][..]),
        (&["x"], &[], &[1, 2]),
        (&["x"], &["always"], &[1]),
        (&[], &["x"], &[0, 2]),
        (&["z"], &[], &[2, 3]),
        (&["never"], &[], &[2, 3]),
        (&["all"], &[], &[0, 1, 2]),
        (&["tagged"], &[], &[1, 2]),
        (&["untagged"], &[], &[0, 2]),
        (&[], &["all"], &[2]),
    ] {
        assert_eq!(chosen(tags, skip), want, "{tags:?} without {skip:?}");
    }
}

#[test]
fn a_run_can_begin_at_a_task() {
    let text = document(
        "
  - { id: a, run: a, outputs: { x: '{{ stdout }}' } }
  - { id: b, run: b, needs: a }
  - { id: c, run: 'echo {{ tasks.a.state }} {{ tasks.a.outputs.x | default(1) }}', needs: b }
  - { id: other, run: d }
",
    );
    let request = Request { from: Some("c".to_owned()), ..Request::default() };
    let plan = plan_with(&text, &request);
    let declined: Vec<bool> =
        plan.tasks.iter().map(|task| task.steps[0].intent == Intent::Declined).collect();
    assert_eq!(declined, [true, true, false, false]);
    assert!(plan.tasks[0].more().outputs.is_empty());
}

#[test]
fn a_request_overrides_the_policy() {
    let text = "workflow: x\npolicy: { fail_fast: true, max_parallelism: 2 }\ntasks: [ { id: a, run: x } ]\n";
    let request = Request { fail_fast: Some(false), max_parallelism: Some(9), ..Request::default() };
    let policy = plan_with(text, &request).policy;
    assert_eq!((policy.fail_fast, policy.max_parallelism), (Some(false), Some(9)));
}

#[test]
fn json_is_the_same() {
    let yaml =
        plan("workflow: x\nvars: { a: yes }\ntasks:\n  - id: t\n    run: echo {{ a }}\n    when: off\n");
    let json = plan(
        r#"{"tasks": [{"when": false, "run": "echo {{ a }}", "id": "t"}], "vars": {"a": "yes"}, "workflow": "x"}"#,
    );
    assert_eq!(yaml.digest(), json.digest());
}

#[test]
fn secrets_are_references_that_only_the_run_fills_in() {
    let text = "\
workflow: x
secrets: { a: { env: A }, b: { file: /run/b }, c: { command: pass c } }
tasks:
  - id: t
    when: secrets.a != ''
    steps:
      - run: login
        environment: { TOKEN: '{{ secrets.a }}' }
      - shell: { cmd: login, stdin: '{{ secrets.b }}' }
      - copy: { content: '{{ secrets.c }}', dest: x, mode: '0600' }
";
    let plan = plan(text);
    assert_eq!(
        serde_json::to_value(&plan.secrets).expect("it serialises"),
        json!({"a": {"env": "A"}, "b": {"file": "/run/b"}, "c": {"command": "pass c"}})
    );
    assert_eq!(plan.tasks[0].steps[0].more().environment["TOKEN"], "{{ secrets.a }}");
    assert_eq!(plan.tasks[0].steps[1].input["stdin"], "{{ secrets.b }}");
}

#[test]
fn keys_of_state_belong_to_the_first_and_the_last_step() {
    let plan = plan(&document(
        "- id: a\n  consumes: in\n  produces: [out]\n  steps: [ { run: a, produces: x }, { run: b } ]\n",
    ));
    let steps = &plan.tasks[0].steps;
    assert_eq!(
        (steps[0].more().consumes.as_slice(), steps[0].more().produces.as_slice()),
        (&["in".to_owned()][..], &["x".to_owned()][..])
    );
    assert_eq!(steps[1].more().produces, ["out"]);
}

fn step_ids(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|step| step.id.as_str()).collect()
}

/// The first step of the first task.
fn first(text: &str) -> Step {
    plan(text).tasks[0].steps[0].clone()
}

#[test]
fn facts_are_gathered_first_where_a_task_says_so() {
    let text = document(
        "
  - id: a
    gather_facts: true
    gather_subset: ['!all', network]
    steps: [ { run: 'echo {{ ansible_facts.kernel }} {{ ansible_kernel }}' } ]
  - { id: b, gather_facts: yes, name: only one, run: x }
  - { id: c, gather_facts: false, run: x }
",
    );
    let plan = plan(&text);
    let steps: Vec<_> = plan.tasks.iter().map(|task| step_ids(&task.steps)).collect();
    assert_eq!(steps, [vec!["gather_facts", "run"], vec!["gather_facts", "run"], vec!["run"]]);
    let first = &plan.tasks[0].steps[0];
    assert_eq!((&*first.action, &first.input), ("setup", &json!({"gather_subset": ["!all", "network"]})));
    assert_eq!(plan.tasks[0].steps[1].input["cmd"], "echo {{ ansible_facts.kernel }} {{ ansible_kernel }}");
    assert_eq!(plan.tasks[1].steps[0].input, json!({}));
    let wrong = problems(&document("  - { id: a, gather_subset: all, run: x }\n"));
    assert!(wrong.to_string().contains("`gather_subset` stands without"), "{wrong}");
}
