//! `windlass runs replay`: shows a run as it was seen.

use crate::app::App;
use crate::drive::{self, Pace};
use crate::error::Error;
use crate::exit::Exit;

/// Shows how a run went, as it was seen while it went on
///
/// Times are those of the run; the time in which nobody drove it is left out. With `--events` the events come in
/// the same rhythm.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass runs replay latest
  windlass runs replay 3fz --speed 20
  windlass runs replay 3fz --instant -v   all lines at once, with outputs")]
pub(crate) struct Args {
    /// The run: its id, the beginning of one, or `latest`
    run: String,

    /// So many times as fast as it went: 10, 0.5
    #[arg(long, value_name = "N", default_value = "1", value_parser = speed)]
    speed: f64,

    /// All at once, in plain lines
    #[arg(long, conflicts_with = "speed")]
    instant: bool,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let pace = if self.instant { Pace::Instant } else { Pace::Times(self.speed) };
        drive::replay(app, &self.run, pace)
    }
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "this is no number".to_owned())?;
    let fits = (0.001..=1_000_000.0).contains(&speed);
    fits.then_some(speed).ok_or_else(|| "a speed lies between 0.001 and 1000000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_number_above_nothing() {
        assert_eq!(speed("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "NaN", "inf", "fast", ""] {
            assert!(speed(wrong).is_err(), "{wrong}");
        }
    }
}
