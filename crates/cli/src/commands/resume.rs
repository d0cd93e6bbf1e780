//! `windlass resume`: a run goes on where it was.

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use windlass_engine::Command;
use windlass_model::projection::RunMeta;
use windlass_model::{At, BlobId, OnDoubt, Phase, RunId, RunState, RunStatus, Verdict};
use windlass_store::{Filter, Store, StoredRun, artifacts};

use crate::app::App;
use crate::compose;
use crate::drive::{self, InDoubt, Settings};
use crate::error::Error;
use crate::exit::Exit;
use crate::render::{Tone, step_name};

/// Goes on with a run that did not complete
///
/// What is finished stays finished. An interrupted run goes on where it was; a failed one tries again what
/// failed, and what was left out because of it. Without a run it takes the newest that can go on. Steps that
/// were cut off run again, unless they say `on_doubt: hold`: then you are asked.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass resume
  windlass resume 3fz                    the beginning of an id is enough
  windlass resume --in-doubt skip        take held steps as done, for scripts")]
pub(crate) struct Args {
    /// The run: its id, the beginning of one, or `latest`
    run: Option<String>,

    /// What to do with held steps of which it is not known whether they ran
    #[arg(long, value_name = "WHAT")]
    in_doubt: Option<InDoubt>,

    /// Show how texts and files change
    #[arg(long)]
    diff: bool,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let (store, id) = match &self.run {
            Some(run) => app.find(run)?,
            None => match latest(app)? {
                Some(found) => found,
                None => {
                    mend_newest(app)?;
                    return nothing("there is nothing to resume", None, app);
                }
            },
        };
        let runtime = compose::runtime(app, store.clone())?;
        let (stored, state) = runtime.load(&id)?;
        stored.row.check_own()?;
        if !state.status.is_resumable() {
            mend(&store, &stored, &state);
            let what = format!("run {id} is {}: there is nothing to resume", state.status.word());
            return nothing(&what, Some(&id), app);
        }
        changes(&stored, &state).iter().for_each(|change| app.ui.warn(change));
        let asks = app.ui.asks && self.in_doubt.is_none() && !store.is_driven(&id);
        let commands = if asks { ask(&state, app) } else { Vec::new() };
        let settings = Settings { in_doubt: self.in_doubt, commands, diff: self.diff, ..Settings::default() };
        drive::resume(app, &runtime, &id, settings)
    }
}

/// The newest run that can go on and that nobody drives.
fn latest(app: &App) -> Result<Option<(Store, RunId)>, Error> {
    let Some(store) = app.existing_store()? else { return Ok(None) };
    let status = [RunStatus::Pending, RunStatus::Running, RunStatus::Interrupted, RunStatus::Failed];
    let rows = store.runs(&Filter { status: status.to_vec(), ..Filter::default() })?;
    let free = rows.into_iter().find(|row| !row.imported && !store.is_driven(&row.id));
    Ok(free.map(|row| (store, row.id)))
}

/// Makes the newest run's files whole, where it is finished.
fn mend_newest(app: &App) -> Result<(), Error> {
    let Some(store) = app.existing_store()? else { return Ok(()) };
    let newest = store.runs(&Filter { limit: Some(1), ..Filter::default() })?;
    if let Some(row) = newest.into_iter().find(|row| row.status.is_finished()) {
        let (stored, state) = compose::runtime(app, store.clone())?.load(&row.id)?;
        mend(&store, &stored, &state);
    }
    Ok(())
}

/// Makes the files of a finished run whole, where its driver died between its last record and its last file.
fn mend(store: &Store, stored: &StoredRun, state: &RunState) {
    let run = &stored.row.id;
    let file = store.run_folder(run).map(|folder| folder.join("run_state.json"));
    let text = file.and_then(|file| std::fs::read(file).ok()).unwrap_or_default();
    let told = serde_json::from_slice::<Value>(&text).unwrap_or_default();
    if told["state"] == state.status.word() {
        return;
    }
    // Who cannot have the lease leaves the files to who has it.
    let Ok(_lease) = store.lease(run) else { return };
    let meta = RunMeta::new(run.clone(), &stored.row.invoker, stored.row.digest.clone());
    if let Some((mut writer, _)) = artifacts::Writer::open(store, &meta, state) {
        // Files that cannot be written are no reason to fail: the journal has all that they say.
        writer.end(state).ok();
    }
}

fn nothing(what: &str, run: Option<&RunId>, app: &App) -> Result<Exit, Error> {
    if app.json {
        app.out.json(&json!({ "resumed": null, "run_id": run, "message": what }))?;
    } else {
        app.ui.say(what);
    }
    Ok(Exit::Done)
}

/// What has changed since the run was planned. It goes on with what it had all the same.
fn changes(stored: &StoredRun, state: &RunState) -> Vec<String> {
    let told =
        |name: &str| format!("{name} has changed since the run was planned; the run goes on as planned");
    let mut changed = Vec::new();
    let document = stored
        .document
        .as_ref()
        .map(|name| stored.root.join(Path::new(name).file_name().unwrap_or_default()));
    let written = document.as_ref().and_then(|path| path.metadata().ok()?.modified().ok());
    let planned = UNIX_EPOCH + Duration::from_millis(stored.row.created_at);
    if let (Some(name), true) = (&stored.document, written.is_some_and(|written| written > planned)) {
        changed.push(told(name));
    }
    for (name, blob) in &state.plan().inputs.files {
        match std::fs::read(stored.root.join(name)) {
            Ok(content) if BlobId::of(&content) != *blob => changed.push(told(name)),
            // A file that has gone is not missed: the store has what the run stands on.
            _ => {}
        }
    }
    changed
}

/// Asks about each held step. What is not answered stays held.
fn ask(state: &RunState, app: &App) -> Vec<Command> {
    held(state)
        .into_iter()
        .filter_map(|at| Some(Command::Resolve { at, verdict: verdict(state, at, app)? }))
        .collect()
}

/// Steps of which it is not known whether they ran, and that a person is to decide about.
fn held(state: &RunState) -> Vec<At> {
    let open = |phase: Phase| matches!(phase, Phase::Running | Phase::InDoubt | Phase::Held);
    let mut held = Vec::new();
    for (task, spec) in state.plan().tasks.iter().enumerate() {
        for host in 0..state.plan().hosts_of(spec).len() {
            for (step, item) in spec.steps.iter().enumerate() {
                let at = At { task: task as u32, step: step as u32, host: host as u32, item: None };
                let doubt = item.more().on_doubt == OnDoubt::Hold;
                if !doubt || !state.step(at).is_some_and(|run| open(run.phase)) {
                    continue;
                }
                match state.expansions.get(&at) {
                    None => held.push(at),
                    Some(expansion) => {
                        let items = expansion.runs.iter().enumerate().filter(|(_, run)| open(run.phase));
                        held.extend(items.map(|(item, _)| at.item(item as u32)));
                    }
                }
            }
        }
    }
    held
}

fn verdict(state: &RunState, at: At, app: &App) -> Option<Verdict> {
    let name = step_name(state.plan(), at);
    let palette = app.ui.palette;
    app.ui.complain(&format!(
        "{} {name} was under way when the run was cut off: it may have run to its end, or not",
        palette.paint(Tone::Ask, "!"),
    ));
    loop {
        let mut stderr = std::io::stderr().lock();
        // A prompt that cannot be shown ends in an empty answer.
        let _ = write!(
            stderr,
            "  {} ",
            palette.paint(Tone::Strong, "[r]un it again, [s]kip it, [f]ail it, [h]old it?")
        )
        .and_then(|()| stderr.flush());
        drop(stderr);
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        if !matches!(read, Ok(count) if count > 0) {
            return None;
        }
        match line.trim().to_lowercase().as_str() {
            "r" | "run" | "rerun" => return Some(Verdict::Rerun),
            "s" | "skip" => return Some(Verdict::Skip),
            "f" | "fail" => return Some(Verdict::Fail),
            "h" | "hold" => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Story;

    #[test]
    fn only_steps_under_way_that_say_so_are_held() {
        let mut plan = crate::fixture::release();
        let test = plan.task("test").expect("it is there") as usize;
        plan.tasks[test].steps[0].more.get_or_insert_default().on_doubt = OnDoubt::Hold;
        let mut story = Story::new(plan);
        story.start().begin("compile/run");
        assert_eq!(held(&story.state), []);
        story.begin("test/run");
        assert_eq!(held(&story.state), [story.at("test/run")]);
    }
}
