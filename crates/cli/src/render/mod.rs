//! Texts for people, made of data by pure functions: nothing here reads or writes anything.

mod answers;
mod costs;
mod diagnostic;
mod diff;
mod failure;
mod grid;
mod markdown;
mod plan;
mod saved;
mod status;
mod style;
mod summary;
mod time;
mod tree;
mod width;

pub(crate) use answers::answers;
pub(crate) use costs::costs;
pub(crate) use diagnostic::diagnostics;
pub(crate) use diff::diffs;
pub(crate) use failure::{failure, step_name};
pub(crate) use grid::Grid;
pub(crate) use markdown::markdown;
pub(crate) use plan::plan;
pub(crate) use saved::{Standing, outlook, saved, unchecked};
pub(crate) use status::{Counts, Mark, counts, run_tone, status_mark, step_mark, task_mark};
pub(crate) use style::{Palette, Tone};
pub(crate) use summary::{Ending, steps, summary};
pub(crate) use time::{ago, date, duration, now};
pub(crate) use tree::tree;
pub(crate) use width::{columns, fit, pad, pad_left, tame};
