//! `command` and `shell`: results, environment, ends before their time.

use std::time::{Duration, Instant};

use serde_json::json;
use windlass_engine::Stream;
use windlass_fleet::CAPTURE;
use windlass_model::{BlobId, Code};

use crate::context::World;

#[tokio::test]
async fn a_command_answers_with_ansibles_fields() {
    let world = World::new();
    let output = world.run("command: printf 'a\\nb\\n'").await.unwrap();
    assert!(output.changed && !output.failed && !output.skipped && output.error.is_none());
    let result = &output.result;
    for (field, value) in [
        ("cmd", json!(["printf", "a\\nb\\n"])),
        ("rc", json!(0)),
        ("stdout", json!("a\nb")),
        ("stdout_lines", json!(["a", "b"])),
        ("stderr", json!("")),
        ("stderr_lines", json!([])),
        ("changed", json!(true)),
        ("failed", json!(false)),
    ] {
        assert_eq!(result[field], value, "{field}");
    }
    assert!(["start", "end", "delta"].iter().all(|field| result[*field].is_string()));
}

#[tokio::test]
async fn a_failed_command_says_its_status_and_keeps_its_output() {
    let world = World::new();
    let output = world.run("shell: echo out; echo err >&2; exit 2").await.unwrap();
    let error = output.error.unwrap();
    assert_eq!((error.code, error.message.as_str()), (Code::CommandFailed, "command exited with 2"));
    assert!(error.hint.is_some() && !error.permanent && !error.transient);
    assert!(output.failed);
    assert_eq!(output.result["msg"], "non-zero return code");
    assert_eq!((&output.result["stdout"], &output.result["stderr"]), (&json!("out"), &json!("err")));
    let lines = world.lines.0.lock().unwrap().clone();
    assert!(
        lines.contains(&(Stream::Stdout, "out".into())) && lines.contains(&(Stream::Stderr, "err".into()))
    );
}

#[tokio::test]
async fn a_program_that_is_not_there_is_a_failure_with_a_hint() {
    let output = World::new().run("command: no-such-program-anywhere").await.unwrap();
    let error = output.error.unwrap();
    assert_eq!(error.code, Code::CommandFailed);
    assert!(error.message.contains("no-such-program-anywhere"), "{error}");
    assert!(error.hint.unwrap().contains("shell"));
}

#[tokio::test]
async fn children_have_the_marker_and_start_in_the_documents_folder() {
    let mut world = World::new();
    world.environment.insert("WINDLASS_STEP".into(), "t/s@localhost".into());
    let output = world.run("shell: echo $WINDLASS_STEP; pwd -P").await.unwrap();
    let root = world.root().canonicalize().unwrap();
    assert_eq!(output.result["stdout"], format!("t/s@localhost\n{}", root.display()));
}

#[tokio::test]
async fn a_command_whose_work_is_done_does_not_run() {
    for text in [
        "shell: { cmd: 'touch made', creates: made }",
        "shell: touch made creates=made",
        "shell: touch made creates=never\nargs: { creates: made }",
        "shell: { cmd: 'touch ../made', removes: x, chdir: sub, creates: ../made }",
    ] {
        let world = World::new();
        world.write("sub/x", "");
        assert!(world.run(text).await.unwrap().changed, "{text}");
        let again = world.run(text).await.unwrap();
        assert!(!again.changed && !again.failed, "{text}: {again:?}");
        assert!(again.result["stdout"].as_str().unwrap().starts_with("skipped"), "{text}");
    }
}

#[tokio::test]
async fn check_mode_runs_nothing() {
    let world = World::new().check();
    let output = world.run("shell: touch made").await.unwrap();
    assert!(output.skipped && !output.changed && !world.exists("made"));
    let output = world.run("shell: { cmd: touch made, creates: made }").await.unwrap();
    assert!(output.changed && !world.exists("made"));
}

#[tokio::test]
async fn a_cancelled_command_ends_with_all_its_children() {
    let world = World::new();
    let cancel = world.cancel.clone();
    let (begun, file) = (Instant::now(), world.path("pid"));
    tokio::spawn(async move {
        while std::fs::read_to_string(&file).map_or(true, |pid| !pid.ends_with('\n')) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
    });
    let error = world.run("shell: sleep 60 & echo $! > pid; wait").await.unwrap_err();
    assert_eq!(error.code, Code::Cancelled);
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert!(ended(world.read("pid").trim()).await, "a child of the command lives on");
}

#[tokio::test]
async fn a_deadline_ends_a_command() {
    let mut world = World::new();
    world.timeout = Some(Duration::from_millis(100));
    let begun = Instant::now();
    let error = world.run("command: sleep 60").await.unwrap_err();
    assert_eq!(error.code, Code::StepTimeout);
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn long_output_is_cut_with_a_notice_and_kept_whole_without_secrets() {
    let world = World::new().vars(json!({"secrets": {"token": "s3cr3t"}}));
    let step = "shell: echo s3cr3t; head -c 1500000 /dev/zero | tr '\\0' x; echo; echo end";
    let output = world.run(step).await.unwrap();
    let kept = output.result["stdout"].as_str().unwrap();
    assert_eq!(kept.len(), CAPTURE);
    assert_eq!(output.result["stdout_lines"].as_array().unwrap().len(), 2);
    assert_eq!(output.result["stdout_truncated_bytes"], 1_500_011 - CAPTURE);
    let whole = world.kept.lock().unwrap().pop().unwrap();
    assert_eq!(output.result["stdout_blob"], BlobId::of(&whole).as_str());
    assert!(whole.starts_with(b"********\nxxx") && whole.ends_with(b"x\nend"));
}

#[tokio::test]
async fn output_past_what_is_kept_whole_is_counted_too() {
    let world = World::new();
    let output = world.run("shell: head -c 9000000 /dev/zero | tr '\\0' x").await.unwrap();
    assert_eq!(output.result["stdout_truncated_bytes"], 9_000_000 - CAPTURE);
    assert_eq!(world.kept.lock().unwrap()[0].len(), 8 << 20);
}

#[tokio::test]
async fn a_secret_argument_is_in_no_error() {
    let world = World::new().vars(json!({"token": "s3cr3t-t0ken"}));
    for text in [
        "command: 'false {{ token }}'",
        "shell: 'test {{ token }} = x'",
        "shell: { cmd: 'exit 127', stdin: '{{ token }}' }",
        "command: { argv: ['no-such-program', '{{ token }}'] }",
    ] {
        let error = world.run(text).await.unwrap().error.unwrap();
        assert!(!format!("{error:?}").contains("s3cr3t"), "{text}: {error:?}");
    }
}

/// Whether a process ends soon; one that nobody waits for stays as a zombie, which is an end too.
async fn ended(pid: &str) -> bool {
    for _ in 0..500 {
        match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            Err(_) => return true,
            Ok(stat) if stat.rsplit(')').next().is_some_and(|rest| rest.trim().starts_with('Z')) => {
                return true;
            }
            Ok(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    false
}
