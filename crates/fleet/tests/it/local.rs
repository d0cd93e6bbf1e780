//! The local runner by itself, as a Rust caller uses it.

use std::time::{Duration, Instant};

use serde_json::json;
use windlass_fleet::{LocalRunner, Surroundings, THREADS};
use windlass_model::Code;

fn here() -> Surroundings {
    Surroundings::new(std::env::temp_dir())
}

#[tokio::test]
async fn a_module_runs_with_parameters_as_they_are_written() {
    let runner = LocalRunner::new();
    let reply = runner.run("command", "echo hello".into(), here()).await.unwrap();
    assert_eq!(reply.fields["stdout"], "hello");
    let reply = runner.run("ansible.builtin.ping", json!({"data": "x"}), here()).await.unwrap();
    assert_eq!(reply.fields["ping"], "x");
    let error = runner.run("pong", json!({}), here()).await.unwrap_err();
    assert_eq!((error.code, error.permanent), (Code::UnknownModule, true));
    let error = runner.run("stat", json!({"pth": "x"}), here()).await.unwrap_err();
    assert_eq!((error.code, error.permanent), (Code::BadParams, true));
}

#[tokio::test]
async fn modules_past_the_bound_wait_and_end_on_cancel_without_a_start() {
    let runner = LocalRunner::new();
    let dir = tempfile::tempdir().unwrap();
    let long = || Surroundings::new(dir.path());
    let around = long();
    let cancel = around.cancel.clone();
    let running: Vec<_> = (0..THREADS)
        .map(|n| {
            let (runner, around) = (runner.clone(), around.clone());
            tokio::spawn(async move {
                runner.run("shell", format!("touch begun-{n}; sleep 60").into(), around).await
            })
        })
        .collect();
    let all_begun = || (0..THREADS).all(|n| dir.path().join(format!("begun-{n}")).exists());
    while !all_begun() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let begun = Instant::now();
    let late = Surroundings { deadline: Some(begun + Duration::from_millis(50)), ..long() };
    let error = runner.run("command", "touch started".into(), late).await.unwrap_err();
    assert_eq!(error.code, Code::StepTimeout);
    cancel.cancel();
    for job in running {
        assert_eq!(job.await.unwrap().unwrap_err().code, Code::Cancelled);
    }
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert!(!dir.path().join("started").exists());
}

#[tokio::test]
async fn a_caller_that_stops_waiting_ends_the_module() {
    let dir = tempfile::tempdir().unwrap();
    let runner = LocalRunner::new();
    let around = Surroundings::new(dir.path());
    let job =
        runner.run("shell", "trap 'touch ended; exit' TERM; touch begun; sleep 60 & wait".into(), around);
    let begun = dir.path().join("begun");
    let seen = async {
        while !begun.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        _ = job => panic!("it ended by itself"),
        () = seen => {}
    }
    let ended = dir.path().join("ended");
    let limit = Instant::now() + Duration::from_secs(20);
    while !ended.exists() && Instant::now() < limit {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(ended.exists());
}
