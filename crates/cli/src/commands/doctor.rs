//! `windlass doctor`: whether everything that runs need is there and whole.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;
use windlass_engine::CleanupReport;
use windlass_model::{RunStatus, Usage};
use windlass_store::{Filter, Leftover, Store};

use super::budget::waiting::{self, Waiting};
use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;
use crate::render::{Tone, pad, tame};
use crate::{compose, drive};

/// Looks whether everything that runs need is there and whole
///
/// It checks the store, the state folder and who may read it, the shell that steps use, the terminal, runs that were
/// cut off, and what such runs hold back on shared budgets. With `--repair` it puts right what can be put right without losing anything.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass doctor
  windlass doctor --repair
  windlass doctor --json | jq '.checks[] | select(.level != \"ok\")'")]
pub(crate) struct Args {
    /// Put right what can be put right
    #[arg(long)]
    repair: bool,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Ok,
    /// Worth knowing; nothing is wrong.
    Note,
    Bad,
}

/// One thing that was looked at.
#[derive(Debug)]
struct Check {
    what: &'static str,
    level: Level,
    found: String,
    hint: Option<String>,
}

impl Check {
    fn new(what: &'static str, level: Level, found: impl Into<String>) -> Self {
        Self { what, level, found: found.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let mut checks = vec![version(), shell(), terminal(app)];
        checks.extend(state(app, self.repair));
        checks.push(
            budgets(app, self.repair)
                .unwrap_or_else(|error| Check::new("budgets", Level::Bad, error.to_string())),
        );
        let bad = checks.iter().any(|check| check.level == Level::Bad);
        if app.json {
            let all: Vec<_> = checks.iter().map(as_json).collect();
            app.out.json(&json!({ "healthy": !bad, "checks": all }))?;
        } else {
            app.out.text(&checks.iter().map(|check| shown(check, app)).collect::<String>())?;
        }
        Ok(if bad { Exit::Failed } else { Exit::Done })
    }
}

fn as_json(check: &Check) -> serde_json::Value {
    let level = match check.level {
        Level::Ok => "ok",
        Level::Note => "note",
        Level::Bad => "bad",
    };
    json!({ "check": check.what, "level": level, "found": check.found, "hint": check.hint })
}

fn shown(check: &Check, app: &App) -> String {
    let (sign, tone) = match check.level {
        Level::Ok => ("✓", Tone::Good),
        Level::Note => ("·", Tone::Skip),
        Level::Bad => ("✗", Tone::Bad),
    };
    let palette = app.ui.data;
    let mut text = format!("{} {}  {}\n", palette.paint(tone, sign), pad(check.what, 13), check.found);
    if let Some(hint) = &check.hint {
        text.push_str(&format!("  {}  {} {hint}\n", pad("", 13), palette.paint(Tone::Skip, "hint:")));
    }
    text
}

fn version() -> Check {
    let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let plans = windlass_model::PLAN_VERSION;
    let found = format!("windlass {} on {system}, plan format {plans}", env!("CARGO_PKG_VERSION"));
    Check::new("version", Level::Ok, found)
}

fn shell() -> Check {
    let shell = Path::new("/bin/sh");
    match shell.metadata() {
        Ok(meta) if meta.is_file() && meta.permissions().mode() & 0o111 != 0 => {
            Check::new("shell", Level::Ok, "/bin/sh")
        }
        Ok(_) => Check::new("shell", Level::Bad, "/bin/sh cannot be executed"),
        Err(error) => Check::new("shell", Level::Bad, format!("/bin/sh: {error}"))
            .hint("steps with `run` or `shell` need it"),
    }
}

fn terminal(app: &App) -> Check {
    if !app.ui.draws {
        return Check::new("terminal", Level::Ok, "none: progress is plain lines");
    }
    let (width, height) = crate::live::size();
    let colours = if app.ui.palette.is_on() { "colours" } else { "no colours" };
    let check = Check::new("terminal", Level::Ok, format!("{width} by {height}, {colours}"));
    let utf8 =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| app.env.get(*name).filter(|v| !v.is_empty()));
    match utf8 {
        Some(locale) if !locale.to_ascii_lowercase().replace('-', "").contains("utf8") => Check {
            level: Level::Note,
            ..check.hint(format!("the locale {locale} is not UTF-8: lines and marks may look odd"))
        },
        _ => check,
    }
}

/// The state folder and the store in it.
fn state(app: &App, repair: bool) -> Vec<Check> {
    let scope = app.scope();
    let place = scope.state.display();
    if !scope.state.is_dir() {
        let found = format!("{place} is not there yet: the first run makes it");
        return vec![Check::new("state", Level::Ok, found)];
    }
    let mut checks = vec![permissions(&scope.state, repair)];
    match Store::open(&scope.state) {
        Ok(store) => {
            checks.push(runs(&store));
            checks.push(leftovers(&store, repair, app));
            checks.push(integrity(&store, repair));
        }
        Err(error) => {
            let check = Check::new("store", Level::Bad, error.to_string());
            checks.push(Check { hint: error.hint(), ..check });
        }
    }
    checks
}

fn permissions(state: &Path, repair: bool) -> Check {
    let place = state.display();
    let mode = || state.metadata().map(|meta| meta.permissions().mode() & 0o777);
    match mode() {
        Ok(mode) if mode & 0o077 == 0 => Check::new("state", Level::Ok, format!("{place}, yours alone")),
        Ok(_) if repair => match std::fs::set_permissions(state, std::fs::Permissions::from_mode(0o700)) {
            Ok(()) => Check::new("state", Level::Ok, format!("{place}, now yours alone")),
            Err(error) => Check::new("state", Level::Bad, format!("{place}: {error}")),
        },
        Ok(mode) => {
            Check::new("state", Level::Bad, format!("{place} has mode {mode:03o}: others may read it"))
                .hint(format!("`windlass doctor --repair`, or `chmod 700 {place}`"))
        }
        Err(error) => Check::new("state", Level::Bad, format!("{place}: {error}")),
    }
}

/// Runs that say that they go on, and that nobody drives.
fn runs(store: &Store) -> Check {
    let rows = match store.runs(&Filter::default()) {
        Ok(rows) => rows,
        Err(error) => return Check::new("runs", Level::Bad, error.to_string()),
    };
    let open = |status: RunStatus| matches!(status, RunStatus::Running | RunStatus::Pending);
    let cut: Vec<String> = rows
        .iter()
        .filter(|row| open(row.status) && !row.imported && !store.is_driven(&row.id))
        .map(|row| row.id.to_string())
        .collect();
    if cut.is_empty() {
        return Check::new("runs", Level::Ok, format!("{}, none cut off", rows.len()));
    }
    let found = format!("{}, of which {} cut off: {}", rows.len(), cut.len(), cut.join(", "));
    Check::new("runs", Level::Note, found).hint(format!("`windlass resume {}` goes on", cut[0]))
}

/// What drivers were to take back, and died before they did.
fn leftovers(store: &Store, repair: bool, app: &App) -> Check {
    let bad = |error: Error| Check::new("cleanup", Level::Bad, error.to_string());
    let left = match store.check() {
        Ok(findings) => findings.leftovers,
        Err(error) => return bad(error.into()),
    };
    if left.is_empty() {
        return Check::new("cleanup", Level::Ok, "nothing is left behind");
    }
    if repair {
        return taken_back(store, &left, app).unwrap_or_else(bad);
    }
    let name = |left: &Leftover| format!("{} of run {}", left.labels.join(", "), left.run);
    let found = format!("left behind: {}", left.iter().map(name).collect::<Vec<_>>().join("; "));
    Check::new("cleanup", Level::Note, tame(&found))
        .hint("`windlass doctor --repair` takes it back; so does `windlass resume`, before it goes on")
}

fn taken_back(store: &Store, left: &[Leftover], app: &App) -> Result<Check, Error> {
    let runtime = compose::runtime(app, store.clone())?;
    let mut report = CleanupReport::default();
    for Leftover { run, .. } in left {
        match drive::block_on(async { Ok(runtime.take_back(run).await?) }) {
            Ok(taken) => report.merge(taken),
            // Somebody goes on with it, and takes it back first.
            Err(error) if is_busy(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(match report.failure() {
        None => Check::new("cleanup", Level::Ok, format!("took back {} things", report.done)),
        Some(failure) => Check::new("cleanup", Level::Bad, tame(&failure.message)),
    })
}

/// What runs hold back on shared budgets that nobody drives. What belongs to another project is left to who works
/// there, as long as that is there.
fn budgets(app: &App, repair: bool) -> Result<Check, Error> {
    let (mut found, mut hints, mut level) = (Vec::new(), Vec::new(), Level::Ok);
    for waiting in waiting::all(app)? {
        let ours = waiting.elsewhere.is_none() || !waiting.has_home();
        let settled = if repair && ours { settle(&waiting, app)? } else { None };
        match settled {
            Some(used) => {
                found.push(format!("run {}: {}", waiting.holding.run, waiting::settled(&used)));
                if used.iter().any(|used| used.bound) {
                    level = Level::Note;
                }
            }
            None => {
                found.push(waiting.told());
                hints.push(waiting.advice());
                level = Level::Note;
            }
        }
    }
    if found.is_empty() {
        return Ok(Check::new("budgets", Level::Ok, "no run that is gone holds anything back"));
    }
    let check = Check::new("budgets", level, tame(&found.join("; ")));
    if hints.is_empty() {
        return Ok(check);
    }
    let all = if repair { "" } else { "; `windlass doctor --repair` counts what those of this project hold" };
    Ok(check.hint(tame(&format!("{}{all}", hints.join("; ")))))
}

/// What a run held, as it is counted now; none where somebody goes on with it.
fn settle(waiting: &Waiting, app: &App) -> Result<Option<Vec<Usage>>, Error> {
    match waiting.settle(app) {
        Ok(used) => Ok(Some(used)),
        Err(error) if is_busy(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_busy(error: &Error) -> bool {
    matches!(error, Error::Engine(windlass_engine::Error::Store(windlass_store::Error::Busy { .. })))
}

fn integrity(store: &Store, repair: bool) -> Check {
    let findings = match if repair { store.repair() } else { store.check() } {
        Ok(findings) => findings,
        Err(error) => {
            let check = Check::new("store", Level::Bad, error.to_string());
            return Check { hint: error.hint(), ..check };
        }
    };
    if findings.is_clean() && findings.stale.is_empty() && findings.abandoned.is_empty() {
        let unused = findings.unused_bytes;
        let found = if unused == 0 { "whole".into() } else { format!("whole, {unused} bytes can be freed") };
        let check = Check::new("store", Level::Ok, found);
        return if unused == 0 { check } else { check.hint("`windlass doctor --repair` frees them") };
    }
    let mut found = findings.damage.clone();
    if !findings.missing.is_empty() {
        found.push(format!("{} contents are missing", findings.missing.len()));
    }
    if !findings.orphans.is_empty() {
        found.push(format!("{} folders belong to no run", findings.orphans.len()));
    }
    if !findings.stale.is_empty() {
        found.push(format!(
            "the files of {} runs are missing, torn, or not what the journal has",
            findings.stale.len()
        ));
    }
    if !findings.abandoned.is_empty() {
        found.push(format!("{} leases are of drivers that died", findings.abandoned.len()));
    }
    let level =
        if findings.damage.is_empty() && findings.missing.is_empty() { Level::Note } else { Level::Bad };
    let hint = if level == Level::Bad {
        "runs that need what is damaged cannot be resumed; start them anew from their documents"
    } else {
        "`windlass doctor --repair` puts that right"
    };
    Check::new("store", level, found.join("; ")).hint(hint)
}
