//! `windlass runs prune`: forgets finished runs.

use std::time::Duration;

use serde_json::json;
use windlass_store::Retention;

use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;
use crate::render::now;

/// Forgets finished runs, with their events, outputs and artifacts
///
/// A run that can still go on is never forgotten, a failed one included once it is old enough only. Without an
/// age or a size, every finished run goes but those that `--keep` leaves.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass runs prune --older-than 30d
  windlass runs prune --keep 20 --dry-run
  windlass runs prune --max-size 500MB")]
pub(crate) struct Args {
    /// Runs that ended longer ago than this: 12h, 30d
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<Duration>,

    /// Keep so many of the newest finished runs in any case
    #[arg(long, value_name = "N", required_unless_present_any = ["older_than", "max_size"])]
    keep: Option<usize>,

    /// The oldest ones, until all runs together take at most this: 500MB, 2GiB
    #[arg(long, value_name = "SIZE", value_parser = windlass_yaml::size)]
    max_size: Option<u64>,

    /// Say what would go, and keep it
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let rule = Retention {
            older_than: self.older_than,
            keep_last: self.keep.unwrap_or(0),
            max_bytes: self.max_size,
            dry_run: self.dry_run,
        };
        let pruned =
            app.existing_store()?.map(|store| store.prune(&rule, now())).transpose()?.unwrap_or_default();
        if app.json {
            app.out.json(&json!({ "runs": pruned.runs, "bytes": pruned.bytes, "dry_run": self.dry_run }))?;
            return Ok(Exit::Done);
        }
        for run in &pruned.runs {
            app.out.block(run.as_str())?;
        }
        let verb = if self.dry_run { "would forget" } else { "forgot" };
        let count = pruned.runs.len();
        let runs = if count == 1 { "1 run".to_owned() } else { format!("{count} runs") };
        app.ui.say(&format!("{verb} {runs}, {} bytes", pruned.bytes));
        Ok(Exit::Done)
    }
}

/// A duration as documents have it, or a number of days: `30d`.
fn age(text: &str) -> Result<Duration, String> {
    match text.strip_suffix('d').map(str::parse::<u64>) {
        Some(Ok(days)) => Ok(Duration::from_secs(days.saturating_mul(86_400))),
        _ => windlass_yaml::duration(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_may_be_in_days() {
        assert_eq!(age("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(age("12h"), Ok(Duration::from_secs(12 * 3600)));
        assert!(age("xd").is_err() && age("").is_err());
    }
}
