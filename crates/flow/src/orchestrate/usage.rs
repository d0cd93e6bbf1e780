//! What was used, and by what: the usage tracker.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use windlass_model::Usage;

/// Hears of everything that was used. A caller may bring its own.
pub trait Tracker: Send + Sync {
    /// A task used this of a model. `run` is the sum of the run, to which the budget's enforcer has added what it
    /// counts.
    fn add(&self, task: &Arc<str>, model: &str, used: &Usage, run: &mut Usage);
}

/// Sums by model.
#[derive(Debug, Default)]
pub struct ByModel(Mutex<BTreeMap<String, Usage>>);

impl ByModel {
    /// What was used of each model.
    pub fn sums(&self) -> BTreeMap<String, Usage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Tracker for ByModel {
    fn add(&self, _: &Arc<str>, model: &str, used: &Usage, _: &mut Usage) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sums.entry(model.to_owned()).or_default().add(used);
    }
}

/// As claude-workflow has it: adds tokens to the sum of the run, and nothing else.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokensOnly;

impl Tracker for TokensOnly {
    fn add(&self, _: &Arc<str>, _: &str, used: &Usage, run: &mut Usage) {
        run.tokens = run.tokens.saturating_add(used.tokens);
    }
}
