//! The meter bounds what one evaluation may cost; every operation that is not constant work charges it.
//!
//! The engine's own fuel counts instructions, but one instruction can copy megabytes or compare lists of
//! a million items. So each such operation charges one unit for each byte or [`NODE`] units for each value
//! that it touches or makes. The sum bounds both the time and the memory of an evaluation.
//!
//! The meter is thread-local because filters are plain functions without a context of ours; an evaluation
//! never leaves its thread.

use std::cell::Cell;

use minijinja::{Error, ErrorKind};

/// How many instructions one evaluation may execute: a template that writes some 100,000 items passes.
pub(crate) const FUEL: u64 = 1_000_000;
/// How many units one evaluation may spend; at a unit per byte this bounds its memory to well under 100 MB: a
/// growing buffer holds its old and its new content for a moment.
pub(crate) const WORK: u64 = 32 << 20;
/// What a value costs besides the bytes of its text: about what it takes in a list or a map.
pub(crate) const NODE: usize = 32;
/// How many bytes a rendered text may have.
pub(crate) const MAX_OUTPUT: usize = 16 << 20;
/// How deep values may nest: as deep as JSON documents may.
pub(crate) const MAX_DEPTH: usize = 128;

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(WORK) };
}

/// What the message of a refused charge says; `explain` recognises limits by it.
pub(crate) const TOO_MUCH: &str = "the expression costs too much time or memory";

/// Refills the meter for one evaluation; an outer evaluation gets its rest back on drop.
pub(crate) struct Metered(u64);

impl Metered {
    pub(crate) fn start() -> Metered {
        Metered(LEFT.replace(WORK))
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        LEFT.set(self.0);
    }
}

/// Spends some units, or refuses when they are used up.
pub(crate) fn charge(units: usize) -> Result<(), Error> {
    let left = LEFT.get();
    match left.checked_sub(units as u64) {
        Some(rest) => {
            LEFT.set(rest);
            Ok(())
        }
        None => Err(spent()),
    }
}

/// The error of an evaluation that has spent what it may.
pub(crate) fn spent() -> Error {
    Error::new(ErrorKind::InvalidOperation, TOO_MUCH)
}

/// Spends what a list of so many items costs.
pub(crate) fn charge_nodes(count: usize) -> Result<(), Error> {
    charge(count.saturating_mul(NODE))
}
