//! `windlass runs logs`: what the steps of a run printed.

use std::ops::ControlFlow;
use std::time::Duration;

use serde_json::{Value, json};
use windlass_model::{At, Code, Event, Outcome, Plan, Record, RunId};
use windlass_store::Store;

use super::shown::Shown;
use crate::app::App;
use crate::compose;
use crate::error::Error;
use crate::exit::Exit;
use crate::lines::Ear;
use crate::render::{Palette, Tone, step_name, tame};

/// The time between two looks at a run that goes on.
const LOOK: Duration = Duration::from_millis(200);

/// Shows what the steps of a run printed, each line behind its step's name
///
/// Outputs are shown whole, where the store has them whole, as each step ends. With `--follow` the lines of a step that
/// runs are shown as they come, also where another process runs it, and those of before when it ends; on another host, of
/// steps that begin from then on.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass runs logs latest
  windlass runs logs 3fz build          one task only
  windlass runs logs 3fz build/test     one step only
  windlass runs logs 3fz -f             go on until the run ends")]
pub(crate) struct Args {
    /// The run: its id, the beginning of one, or `latest`
    run: String,

    /// Only this task, or this step of one, as `task/step`
    step: Option<String>,

    /// Go on until the run ends
    #[arg(short, long)]
    follow: bool,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let (store, id) = app.find(&self.run)?;
        let (_, state) = compose::runtime(app, store.clone())?.load(&id)?;
        let plan = state.plan();
        if let Some(step) = &self.step {
            check(plan, step)?;
        }
        if app.json && self.follow {
            let message = "one JSON document cannot follow a run";
            return Err(Error::told(Code::BadArgument, message).hint("use `runs events -f --events`"));
        }
        let (step, ear) = (self.step.as_deref(), Ear::new(&store, &id));
        let mut pages =
            Pages { app, store: &store, plan, step, ear, shown: Shown::default(), all: Vec::new() };
        follow(Follow { store: &store, id: &id, endless: self.follow, app }, &mut pages)?;
        if app.json {
            app.out.json(&pages.all)?;
        }
        Ok(Exit::Done)
    }
}

/// What steps printed, on its way to who reads it.
struct Pages<'a> {
    app: &'a App,
    store: &'a Store,
    plan: &'a Plan,
    step: Option<&'a str>,
    ear: Ear,
    shown: Shown,
    all: Vec<Value>,
}

impl Pages<'_> {
    /// The name of an execution that is asked for.
    fn wanted(&self, at: At) -> Option<String> {
        let name = step_name(self.plan, at);
        self.step.is_none_or(|step| is_of(&name, step)).then_some(name)
    }

    fn finished(&mut self, at: At, outcome: &Outcome) -> Result<(), Error> {
        let Some(name) = self.wanted(at) else { return Ok(()) };
        if self.app.json {
            let stream = |name: &str| stream_text(self.store, outcome.result(), name).0;
            let (stdout, stderr) = (stream("stdout"), stream("stderr"));
            let state = outcome.status.word();
            self.all.push(json!({ "step": name, "state": state, "stdout": stdout, "stderr": stderr }));
            return Ok(());
        }
        let mut text = String::new();
        for (stream, stderr) in [("stdout", false), ("stderr", true)] {
            let (whole, lost) = stream_text(self.store, outcome.result(), stream);
            let palette = self.app.ui.data;
            let late = self.shown.was_live((at, stderr));
            let rest = self.shown.rest((at, stderr), &whole);
            if late && !rest.is_empty() {
                // They stand behind lines that came later.
                let told = palette.paint(Tone::Faint, "… earlier, and not shown yet:");
                text.push_str(&format!("{} {told}\n", head(&name, stderr, palette)));
            }
            for line in rest {
                text.push_str(&self.line(&name, stderr, line));
            }
            if lost > 0 {
                let told = palette.paint(Tone::Faint, &format!("… {lost} bytes were not kept"));
                text.push_str(&format!("{} {told}\n", head(&name, stderr, palette)));
            }
        }
        text.push_str(&failure(&name, outcome, self.app.ui.data));
        self.app.out.text(&text)
    }

    fn line(&self, name: &str, stderr: bool, line: &str) -> String {
        format!("{} {}\n", head(name, stderr, self.app.ui.data), tame(line))
    }
}

impl Reader for Pages<'_> {
    fn record(&mut self, record: &Record) -> Result<(), Error> {
        match &record.event {
            Event::StepStarted { at, .. } => self.shown.began(*at),
            Event::StepFinished { at, outcome } => return self.finished(*at, outcome),
            _ => {}
        }
        Ok(())
    }

    fn wait(&mut self, time: Duration) -> Result<(), Error> {
        let mut lines = Vec::new();
        self.ear.hear(time, &mut |line| lines.push(line));
        for line in lines {
            if let Some(name) = self.wanted(line.at)
                && self.shown.live((line.at, line.stderr), &line.text)
            {
                self.app.out.text(&self.line(&name, line.stderr, &line.text))?;
            }
        }
        Ok(())
    }
}

/// A run whose records are read, now or until it ends.
pub(super) struct Follow<'a> {
    pub(super) store: &'a Store,
    pub(super) id: &'a RunId,
    pub(super) endless: bool,
    pub(super) app: &'a App,
}

/// Who reads the records of a run.
pub(super) trait Reader {
    /// The next one.
    fn record(&mut self, record: &Record) -> Result<(), Error>;

    /// Waits for more, for so long.
    fn wait(&mut self, time: Duration) -> Result<(), Error> {
        std::thread::sleep(time);
        Ok(())
    }
}

impl<F: FnMut(&Record) -> Result<(), Error>> Reader for F {
    fn record(&mut self, record: &Record) -> Result<(), Error> {
        self(record)
    }
}

/// Reads every record. An endless one goes on until the run's driver has gone, or the reader.
pub(super) fn follow(follow: Follow<'_>, reader: &mut dyn Reader) -> Result<(), Error> {
    let Follow { store, id, endless, app } = follow;
    let mut next = 1;
    loop {
        // Asked before reading: what a driver wrote before it went is read in this round.
        let over = !endless || !store.is_driven(id);
        let mut failed = None;
        store.visit(id, next, &mut |records| {
            for record in &records {
                next = record.seq + 1;
                if let Err(error) = reader.record(record) {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
            if app.out.is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        match failed {
            Some(error) => return Err(error),
            None if over || app.out.is_closed() => return Ok(()),
            None => reader.wait(LOOK)?,
        }
    }
}

/// What stands before each line.
fn head(name: &str, stderr: bool, palette: Palette) -> String {
    palette.paint(if stderr { Tone::Change } else { Tone::Faint }, &format!("{name} │"))
}

/// Why a step failed; nothing where it did not.
fn failure(name: &str, outcome: &Outcome, palette: Palette) -> String {
    let Some(error) = outcome.error() else { return String::new() };
    let head = palette.paint(Tone::Bad, &format!("{name} │"));
    format!("{head} {}: {} [{}]\n", outcome.status.word(), tame(&error.message), error.code)
}

/// A stream of a result, whole where the store kept it, and how many bytes are lost.
fn stream_text(store: &Store, result: &Value, stream: &str) -> (String, u64) {
    let field = |name: &str| result.get(format!("{stream}{name}"));
    let blob = field("_blob").and_then(Value::as_str).and_then(windlass_model::BlobId::new);
    if let Some(whole) = blob.and_then(|id| store.blobs().get(&id).ok()) {
        return (String::from_utf8_lossy(&whole).into_owned(), 0);
    }
    let text = field("").and_then(Value::as_str).unwrap_or("").to_owned();
    (text, field("_truncated_bytes").and_then(Value::as_u64).unwrap_or(0))
}

/// Whether the execution `task/step[n]@host` belongs to `task` or `task/step`.
fn is_of(name: &str, wanted: &str) -> bool {
    name.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '[', '@']))
}

/// Names a task or step that is not there, before nothing is shown for it.
fn check(plan: &Plan, wanted: &str) -> Result<(), Error> {
    let (task, step) = wanted.split_once('/').map_or((wanted, None), |(task, step)| (task, Some(step)));
    let found = plan.task(task).map(|task| &plan.tasks[task as usize]);
    let steps = |step: &str| found.is_some_and(|task| task.steps.iter().any(|s| is_of(step, s.id.as_str())));
    if found.is_some() && step.is_none_or(steps) {
        return Ok(());
    }
    let error = Error::told(Code::NoSuchTask, format!("the run has no task or step {wanted:?}"));
    let near = windlass_yaml::nearest(task, plan.tasks.iter().map(|task| task.id.as_str()));
    Err(match near {
        Some(near) => error.hint(format!("did you mean {near:?}?")),
        None => error.hint("`windlass runs show` lists its tasks and steps"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_named_by_its_task_too() {
        for (name, wanted, fits) in [
            ("build/test", "build", true),
            ("build/test@web1", "build/test", true),
            ("build/test[3]", "build/test", true),
            ("builder/test", "build", false),
            ("build/test", "build/te", false),
        ] {
            assert_eq!(is_of(name, wanted), fits, "{name} {wanted}");
        }
    }

    #[test]
    fn a_task_that_is_not_there_is_told() {
        let plan = crate::fixture::release();
        assert!(check(&plan, "config").is_ok() && check(&plan, "config/render").is_ok());
        let error = check(&plan, "confg").expect_err("it is not there");
        assert!(error.diagnostics().to_string().contains("did you mean \"config\"?"));
        assert!(check(&plan, "config/rendr").is_err());
    }
}
