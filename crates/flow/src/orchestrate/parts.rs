//! The parts that a run is made of, each of which a caller may replace.

use std::sync::Arc;

use windlass_llm::catalogue::Catalogue;
use windlass_llm::context::{self, Memory};
use windlass_llm::price::{self, Calculator};

use super::budget::{Enforcer, Ledger, Refusing};
use super::estimate::{Bytes, Sizer, Whole};
use super::graph::{AsWritten, Distinct, Resolver};
use super::pool::{Pool, Threads};
use super::queue::{Fifo, MakeQueue};
use super::schedule::{Frontier, MakeScheduler, Scan};
use super::usage::{ByModel, TokensOnly, Tracker};

/// What a run does where claude-workflow does otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// What is right.
    #[default]
    Corrected,
    /// What claude-workflow does, its mistakes included.
    Compatible,
}

/// The parts that a run is made of.
#[derive(Clone)]
pub struct Parts {
    /// Which rules hold between the parts.
    pub mode: Mode,
    /// The models.
    pub catalogue: Arc<Catalogue>,
    /// Counts tokens.
    pub sizer: Arc<dyn Sizer>,
    /// Turns tokens into money.
    pub calculator: Arc<dyn Calculator>,
    /// Says what may be spent.
    pub enforcer: Arc<dyn Enforcer>,
    /// Hears what was used.
    pub tracker: Arc<dyn Tracker>,
    /// Gathers what is sent along.
    pub builder: Arc<dyn context::Builder>,
    /// Makes it fit.
    pub compactor: Arc<dyn context::Compactor>,
    /// Brings outputs to those who need them.
    pub router: Arc<dyn context::Router>,
    /// What the run remembers.
    pub memory: Arc<dyn Memory>,
    /// Finds out which task needs which.
    pub resolver: Arc<dyn Resolver>,
    /// Says which tasks can start.
    pub scheduler: Arc<MakeScheduler>,
    /// Holds those that wait for a place.
    pub queue: Arc<MakeQueue>,
    /// Does the asking beside the loop.
    pub pool: Arc<dyn Pool>,
}

impl Parts {
    /// The parts that do what is right.
    pub fn corrected() -> Self {
        Self {
            mode: Mode::Corrected,
            catalogue: Arc::new(Catalogue::builtin()),
            sizer: Arc::new(Whole::default()),
            calculator: Arc::new(price::Exact::default()),
            enforcer: Arc::new(Ledger),
            tracker: Arc::new(ByModel::default()),
            builder: Arc::new(context::Once),
            compactor: Arc::new(context::Fitting),
            router: Arc::new(context::Beside),
            memory: Arc::new(context::Shared::default()),
            resolver: Arc::new(Distinct),
            scheduler: Arc::new(|graph| Box::new(Frontier::new(graph))),
            queue: Arc::new(|| Box::new(Fifo::default())),
            pool: Arc::new(Threads),
        }
    }

    /// The parts as claude-workflow has them, to compare with and to move over from it.
    pub fn compatible() -> Self {
        Self {
            mode: Mode::Compatible,
            catalogue: Arc::new(Catalogue::compatible()),
            sizer: Arc::new(Bytes::default()),
            calculator: Arc::new(price::Average::default()),
            enforcer: Arc::new(Refusing),
            tracker: Arc::new(TokensOnly),
            builder: Arc::new(context::AsGiven),
            compactor: Arc::new(context::Plain),
            router: Arc::new(context::Over),
            resolver: Arc::new(AsWritten),
            scheduler: Arc::new(|graph| Box::new(Scan::new(graph))),
            ..Self::corrected()
        }
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("mode", &self.mode).finish_non_exhaustive()
    }
}

/// What callers change most.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The models, in place of those that come with the program.
    pub catalogue: Option<Catalogue>,
    /// The currency of the catalogue's prices; US dollars where nothing is said.
    pub currency: Option<String>,
    /// What holds between the parts, and which they are.
    pub mode: Mode,
}

impl Options {
    /// The parts with these changes.
    pub fn parts(self) -> Parts {
        let mut parts = match self.mode {
            Mode::Corrected => Parts::corrected(),
            Mode::Compatible => Parts::compatible(),
        };
        if let Some(catalogue) = self.catalogue {
            parts.catalogue = Arc::new(catalogue);
        }
        if let Some(currency) = self.currency {
            parts.calculator = match self.mode {
                Mode::Corrected => Arc::new(price::Exact { currency }),
                Mode::Compatible => Arc::new(price::Average { currency }),
            };
        }
        parts
    }
}
