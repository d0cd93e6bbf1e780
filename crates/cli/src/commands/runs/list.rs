//! `windlass runs list`: the runs of this folder's project.

use clap::ValueEnum;
use serde_json::{Value, json};
use windlass_model::RunStatus;
use windlass_store::{Filter, RunRow, Store};

use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;
use crate::render::{Grid, Tone, ago, duration, now, run_tone};

/// Lists runs, the newest first
///
/// A run that says that it goes on, and that no process drives, was cut off: `windlass resume` goes on with it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass runs list
  windlass runs list --status failed --limit 5
  windlass runs list --json | jq -r '.[].run_id'")]
pub(crate) struct Args {
    /// Only runs that stand like this
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<Standing>,

    /// Only runs of this workflow
    #[arg(long, value_name = "WORKFLOW")]
    name: Option<String>,

    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Standing {
    Pending,
    Running,
    Interrupted,
    Completed,
    Failed,
    Aborted,
}

impl From<Standing> for RunStatus {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Pending => RunStatus::Pending,
            Standing::Running => RunStatus::Running,
            Standing::Interrupted => RunStatus::Interrupted,
            Standing::Completed => RunStatus::Completed,
            Standing::Failed => RunStatus::Failed,
            Standing::Aborted => RunStatus::Aborted,
        }
    }
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let status = self.status.iter().map(|&standing| standing.into()).collect();
        let filter = Filter { status, name: self.name, limit: Some(self.limit) };
        let store = app.existing_store()?;
        let rows = store.as_ref().map(|store| store.runs(&filter)).transpose()?.unwrap_or_default();
        let driven = |row: &RunRow| store.as_ref().is_some_and(|store: &Store| store.is_driven(&row.id));
        if app.json {
            app.out.json(&rows.iter().map(|row| as_json(row, driven(row))).collect::<Vec<_>>())?;
        } else if rows.is_empty() {
            app.ui.say("no runs");
        } else {
            app.out.text(&table(&rows, &driven, app))?;
        }
        Ok(Exit::Done)
    }
}

fn as_json(row: &RunRow, driven: bool) -> Value {
    json!({
        "run_id": row.id,
        "name": row.name,
        "backend": row.backend,
        "invoker": row.invoker,
        "state": row.status.word(),
        "driven": driven,
        "imported": row.imported,
        "plan_digest": row.digest,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "tasks": row.tasks,
    })
}

fn table(rows: &[RunRow], driven: &dyn Fn(&RunRow) -> bool, app: &App) -> String {
    let palette = app.ui.data;
    let now = now();
    let mut grid = Grid::new(&["RUN", "WORKFLOW", "STATUS", ">TASKS", ">TOOK", "STARTED"]);
    for row in rows {
        let open = matches!(row.status, RunStatus::Running | RunStatus::Pending);
        let cut = open && !row.imported && !driven(row);
        let status = if cut {
            palette.paint(Tone::Change, "cut off")
        } else {
            palette.paint(run_tone(row.status), row.status.word())
        };
        let status = if row.imported { format!("{status}, imported") } else { status };
        let took = match (row.started_at, row.finished_at) {
            (Some(from), Some(to)) => duration(to.saturating_sub(from)),
            (Some(from), None) if !cut => duration(now.saturating_sub(from)),
            _ => "-".to_owned(),
        };
        grid.row([
            row.id.to_string(),
            row.name.clone(),
            status,
            tasks(row),
            took,
            ago(row.started_at.unwrap_or(row.created_at), now),
        ]);
    }
    grid.show(palette, app.ui.data_width())
}

/// How many tasks ended well, of how many.
fn tasks(row: &RunRow) -> String {
    format!("{}/{}", row.tasks.completed + row.tasks.skipped, row.tasks.total)
}
