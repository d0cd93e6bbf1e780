//! What a dead driver left is taken back without going on with its run, and an imported run is nobody's.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use windlass_engine::cleanup::{CleanupFuture, CleanupHandler};
use windlass_engine::{Command, Error, RunOptions, Runtime};
use windlass_model::{CleanupEntry, Draft, Event, Record, RunId, RunStatus, Step, StepId, TaskDraft, TaskId};
use windlass_store::{Import, NewRun, Store};

/// Remembers what it took back; refuses what is called `stuck`.
#[derive(Clone, Default)]
struct Taker(Arc<Mutex<Vec<Value>>>);

impl CleanupHandler for Taker {
    fn kind(&self) -> &str {
        "thing"
    }

    fn take_back<'a>(&'a self, data: &'a Value, _: CancellationToken) -> CleanupFuture<'a> {
        self.0.lock().unwrap().push(data.clone());
        let stuck = data == "stuck";
        Box::pin(async move { if stuck { Err("it is stuck".to_owned()) } else { Ok(()) } })
    }
}

/// A run whose driver died after it had registered these things.
fn died(store: &Store, things: &[&str]) -> RunId {
    let id = RunId::new("dead").unwrap();
    let mut draft = Draft::new("flow", "workflow/dag");
    let step = Step::new(StepId::new("run").unwrap(), "noop", json!(null));
    draft.tasks.push(TaskDraft::new(TaskId::new("a").unwrap()).step(step));
    store.create(&NewRun::of(id.clone(), &draft.finish().unwrap(), "/", 1)).unwrap();
    let mut events = vec![Event::RunStarted { pid: 7, resumed: false }];
    for (n, thing) in (1..).zip(things) {
        let entry = CleanupEntry { kind: "thing".into(), label: format!("the {thing}"), data: json!(thing) };
        events.push(Event::CleanupAdded { id: n, entry: entry.into() });
    }
    let records = (1..).zip(events).map(|(seq, event)| Record { seq, time: 5, event }).collect();
    store.append(&id, records).unwrap();
    store.flush().unwrap();
    id
}

fn runtime(store: &Store, taker: &Taker) -> Runtime {
    Runtime::builder().store(store.clone()).cleanup_handler(Arc::new(taker.clone())).build().unwrap()
}

#[tokio::test]
async fn what_is_left_is_taken_back_once_the_last_thing_first() {
    let (store, taker) = (Store::memory(), Taker::default());
    let id = died(&store, &["folder", "stuck", "lock"]);
    let runtime = runtime(&store, &taker);
    let lease = store.lease(&id).unwrap();
    assert!(matches!(runtime.take_back(&id).await, Err(Error::Store(windlass_store::Error::Busy { .. }))));
    drop(lease);
    let report = runtime.take_back(&id).await.unwrap();
    assert_eq!((report.done, report.failures.len()), (2, 1));
    assert_eq!(*taker.0.lock().unwrap(), [json!("lock"), json!("stuck"), json!("folder")]);
    let (_, state) = runtime.load(&id).unwrap();
    assert!(state.cleanups.is_empty(), "it is written down");
    assert_eq!(state.status, RunStatus::Running, "the run stands where it stood");
    assert_eq!(store.check().unwrap().leftovers, []);
    assert_eq!(runtime.take_back(&id).await.unwrap().done, 0);
    let finished = runtime.resume(&id, RunOptions::default()).unwrap().wait().await.unwrap();
    assert_eq!(finished.state.status, RunStatus::Completed);
    assert_eq!(taker.0.lock().unwrap().len(), 3, "and nothing is taken back twice");
}

#[tokio::test]
async fn nobody_goes_on_with_an_imported_run() {
    let (there, here, taker) = (Store::memory(), Store::memory(), Taker::default());
    let id = died(&there, &["folder"]);
    let mut file = Vec::new();
    there.export(&id, 5, &mut file).unwrap();
    here.import(&mut &file[..], &Import::default()).unwrap();
    let runtime = runtime(&here, &taker);
    let refused = |error: Error| {
        assert_eq!(error.to_string(), "run dead was imported: what it stood on is not here");
    };
    refused(runtime.resume(&id, RunOptions::default()).err().unwrap());
    refused(runtime.undo(&id, true, RunOptions::default()).err().unwrap());
    refused(runtime.take_back(&id).await.err().unwrap());
    refused(runtime.post(&id, &Command::Abort { by: "me".into() }).err().unwrap());
    assert_eq!(*taker.0.lock().unwrap(), [json!(null); 0]);
    assert_eq!(here.scan(&id, 1).unwrap().len(), 2);
    assert!(!here.is_driven(&id), "the lease was let go");
}
