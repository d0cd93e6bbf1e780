//! How many records a second the journal makes durable, beside what the disk does: `cargo run --release -p
//! windlass-store --example throughput [folder]`.
#![allow(clippy::print_stdout, reason = "a measurement for people")]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use windlass_model::projection::RunMeta;
use windlass_model::{
    At, Draft, Event, LOCALHOST, Outcome, Plan, Record, RunId, RunState, Status, Step, StepId, TaskDraft,
    TaskEnd, TaskId,
};
use windlass_store::artifacts::Writer;
use windlass_store::{Journal, Memory, NewRun, Sqlite, Store};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir_in(std::env::args().nth(1).unwrap_or_else(|| ".".into()))?;
    println!("fdatasync of 4 KiB: p50 {:?}", sync_time(folder.path())?);
    let mut draft = Draft::new(LOCALHOST, "workflow/dag");
    draft.tasks.push(TaskDraft::new(TaskId::new("t")?).step(Step::new(StepId::new("s")?, "noop", ().into())));
    let plan = draft.finish()?;
    for batch in [1, 64, 512, 10_000] {
        let journal = Sqlite::open(&folder.path().join(format!("{batch}.db")))?;
        let run = NewRun::of(RunId::new("r")?, &plan, ".", 0);
        measure("sqlite", &journal, &run, batch, (batch as u64 * 2_000).clamp(2_000, 1_000_000))?;
        let read = Instant::now();
        let count = journal.scan(&run.id, 1)?.len();
        let bytes = journal.size(&run.id)? as usize * 3 / count;
        println!("    read back in {:?}, {bytes} bytes for a step", read.elapsed());
    }
    let run = NewRun::of(RunId::new("r")?, &plan, ".", 0);
    measure("memory", &Memory::default(), &run, 512, 1_000_000)?;
    artifacts(folder.path(), 300_000)
}

/// Appends `count` records, each batch waiting for the one before it (as a chain of steps does), then all at
/// once with waiting only for the end.
fn measure(
    name: &str,
    journal: &dyn Journal,
    run: &NewRun,
    batch: usize,
    count: u64,
) -> Result<(), windlass_store::Error> {
    journal.create(run)?;
    for (way, wait) in [("waiting for each", true), ("in one go", false)] {
        let first = journal.run(&run.id)?.row.seq;
        let records: Vec<Record> = (first + 1..=first + count).map(record).collect();
        let begun = Instant::now();
        for part in records.chunks(batch) {
            journal.append(&run.id, part.to_vec())?;
            if wait {
                journal.flush()?;
            }
        }
        journal.flush()?;
        let rate = count as f64 / begun.elapsed().as_secs_f64();
        println!("{name}, batches of {batch}, {way}: {rate:.0} records/s");
    }
    Ok(())
}

fn record(seq: u64) -> Record {
    let task = (seq / 3) as u32;
    let at = At { task, step: 0, host: 0, item: None };
    let event = match seq % 3 {
        0 => Event::StepStarted { at, attempt: 1, reserved: None },
        1 => Event::StepFinished { at, outcome: Outcome { duration_ms: 12, ..Outcome::bare(Status::Ok) } },
        _ => Event::TaskFinished { task, end: TaskEnd::Completed, reason: None, outputs: None, error: None },
    };
    Record { seq, time: 1_759_000_000_000 + seq / 100, event }
}

/// Writes all artifacts of a run of so many tasks that completed.
fn artifacts(folder: &Path, tasks: u32) -> Result<(), Box<dyn std::error::Error>> {
    let store = Store::open(&folder.join("state"))?;
    let mut draft = Draft::new("large", "workflow/dag");
    for n in 0..tasks {
        let task = TaskDraft::new(TaskId::new(format!("t{n:07}"))?);
        draft.tasks.push(task.step(Step::new(StepId::new("s")?, "noop", ().into())));
    }
    let run = NewRun::of(RunId::new("large")?, &draft.finish()?, ".", 0);
    store.create(&run)?;
    let started = Record { seq: 1, time: 0, event: Event::RunStarted { pid: 1, resumed: false } };
    let steps = (3..3 + 3 * u64::from(tasks)).map(|n| Record { seq: n - 1, ..record(n) });
    let mut records: Vec<Record> = std::iter::once(started).chain(steps).collect();
    for record in &mut records[1..] {
        match &mut record.event {
            Event::StepStarted { at, .. } | Event::StepFinished { at, .. } => at.task -= 1,
            Event::TaskFinished { task, .. } => *task -= 1,
            _ => {}
        }
    }
    let fold = Instant::now();
    let state = RunState::replay(Plan::from_bytes(&run.plan_bytes)?.into(), &records)?;
    println!("{tasks} tasks: read and folded in {:?}", fold.elapsed());
    store.append(&run.id, records)?;
    store.flush()?;
    let meta = RunMeta::new(run.id.clone(), "local", run.digest.clone());
    let begun = Instant::now();
    let (mut writer, first) = Writer::open(&store, &meta, &state).ok_or("it has a folder")?;
    first?;
    println!("    artifacts begun in {:?}", begun.elapsed());
    let begun = Instant::now();
    writer.end(&state)?;
    println!("    and ended in {:?}", begun.elapsed());
    Ok(())
}

fn sync_time(folder: &Path) -> std::io::Result<Duration> {
    let mut file = File::create(folder.join("sync"))?;
    let mut once = || {
        file.write_all(&[1; 4096])?;
        let begun = Instant::now();
        file.sync_data()?;
        Ok(begun.elapsed())
    };
    let mut times: Vec<Duration> = (0..200).map(|_| once()).collect::<std::io::Result<_>>()?;
    times.sort();
    Ok(times[times.len() / 2])
}
