//! Makes a context fit, and says what was left out.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use windlass_model::Code;

use super::cut::cut;
use super::{Bundle, Piece, Policy, Strategy};
use crate::tokens::{Chars4, Estimator};

/// What was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// The tasks whose output it was.
    pub ids: Vec<Arc<str>>,
    /// About how many tokens went: a token for every four bytes.
    pub tokens: u64,
    /// Whether a part of it is still sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partly: bool,
}

/// A context that fits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fit {
    /// What is sent.
    pub bundle: Bundle,
    /// What is not.
    pub dropped: Vec<Dropped>,
}

/// Why a context cannot be made to fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// It is still too large.
    #[error("the context has {tokens} tokens and may have {max}")]
    TooLarge {
        /// How many tokens there are.
        tokens: u64,
        /// How many there may be.
        max: u64,
    },
    /// The policy contradicts itself.
    #[error("`{key}`: {why}")]
    Policy {
        /// The key that is wrong.
        key: &'static str,
        /// Why.
        why: String,
    },
    /// No summary could be had.
    #[error("no summary of the context could be had: {0}")]
    Summary(String),
}

impl Misfit {
    /// The code whose page says what to do.
    pub fn code(&self) -> Code {
        match self {
            Misfit::TooLarge { .. } | Misfit::Summary(_) => Code::ContextTooLarge,
            Misfit::Policy { .. } => Code::BadContext,
        }
    }
}

/// Writes a summary of some pieces in at most so many tokens. That is a request to a model, with a price: the
/// caller makes it, under its budget.
pub type Summarize<'a> = dyn FnMut(&[Piece], u64) -> Result<String, String> + 'a;

/// Makes contexts fit. A caller may bring its own.
pub trait Compactor: Send + Sync {
    /// Leaves out what is too much by a policy.
    fn compact(
        &self,
        bundle: Bundle,
        policy: &Policy,
        tokens: &dyn Estimator,
        summarize: &mut Summarize<'_>,
    ) -> Result<Fit, Misfit>;
}

/// Does what the policy says, and refuses one that contradicts itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fitting;

impl Compactor for Fitting {
    fn compact(
        &self,
        bundle: Bundle,
        policy: &Policy,
        tokens: &dyn Estimator,
        summarize: &mut Summarize<'_>,
    ) -> Result<Fit, Misfit> {
        if let Some((key, why)) = policy.problems().into_iter().next() {
            return Err(Misfit::Policy { key, why });
        }
        let max = policy.max_tokens.unwrap_or(u64::MAX);
        let mut work = Work { bundle, dropped: Vec::new(), tokens, max };
        match policy.strategy {
            Strategy::None => {}
            Strategy::KeepLastN => work.keep_last(policy.keep_last_n.unwrap_or(u32::MAX) as usize),
            Strategy::Truncate => work.truncate(),
            Strategy::HeadTail => work.head_tail(),
            Strategy::Summarize => work.summarize(summarize)?,
        }
        work.finish()
    }
}

struct Work<'a> {
    bundle: Bundle,
    dropped: Vec<Dropped>,
    tokens: &'a dyn Estimator,
    max: u64,
}

impl Work<'_> {
    fn count(&self, text: &str) -> u64 {
        self.tokens.count(text)
    }

    /// What memory leaves of the tokens; memory itself always stays.
    fn room(&self) -> u64 {
        let memory: u64 = self.bundle.memory.values().map(|text| self.count(text)).sum();
        self.max.saturating_sub(memory)
    }

    /// Whether all of it fits. A token has a byte at least, so most small contexts need no counting; of large ones
    /// no more is counted than fits.
    fn fits(&self) -> bool {
        let mut left = self.max;
        self.bundle.bytes() as u64 <= left
            || self.bundle.texts().all(|text| take(&mut left, self.count(text)))
    }

    /// Leaves the pieces in a range out.
    fn drop(&mut self, range: std::ops::Range<usize>) -> Vec<Piece> {
        let gone: Vec<Piece> = self.bundle.pieces.drain(range).collect();
        self.dropped.extend(gone.iter().map(|piece| dropped(piece, piece.text.len(), false)));
        gone
    }

    fn keep_last(&mut self, n: usize) {
        let old = self.bundle.pieces.len().saturating_sub(n);
        self.drop(0..old);
    }

    /// How many of the newest pieces fit in so many tokens. What comes before them is not counted at all.
    fn newest(&self, room: u64) -> usize {
        let mut left = room;
        let newest = self.bundle.pieces.iter().rev();
        newest.take_while(|piece| take(&mut left, self.count(&piece.text))).count()
    }

    fn truncate(&mut self) {
        let old = self.bundle.pieces.len() - self.newest(self.room());
        self.drop(0..old);
    }

    /// Half of the room is for the beginning, the rest for the end. What stands where one of them is full is cut.
    fn head_tail(&mut self) {
        if self.fits() {
            return;
        }
        let room = self.room();
        let mut head_left = room.div_ceil(2);
        let oldest = self.bundle.pieces.iter();
        let head = oldest.take_while(|piece| take(&mut head_left, self.count(&piece.text))).count();
        let mut tail_left = room / 2;
        let newest = self.bundle.pieces[head..].iter().rev();
        let tail = newest.take_while(|piece| take(&mut tail_left, self.count(&piece.text))).count();
        let (from, to) = (head, self.bundle.pieces.len() - tail);
        if from < to {
            self.cut_middle(from, to, head_left, tail_left);
        }
    }

    /// Leaves the pieces of the middle out but for the beginning of the first and the end of the last.
    fn cut_middle(&mut self, from: usize, to: usize, head: u64, tail: u64) {
        let (first, last) = (from, to - 1);
        if first == last {
            return self.cut_piece(first, head, tail);
        }
        self.cut_piece(last, 0, tail);
        self.drop(first + 1..last);
        self.cut_piece(first, head, 0);
    }

    fn cut_piece(&mut self, at: usize, head: u64, tail: u64) {
        let piece = &mut self.bundle.pieces[at];
        let short = cut(&piece.text, head, tail, self.tokens);
        let gone = piece.text.len().saturating_sub(short.len());
        self.dropped.push(dropped(piece, gone, !short.is_empty()));
        piece.text = short.into();
        if piece.text.is_empty() {
            self.bundle.pieces.remove(at);
        }
    }

    /// The newest pieces stay in half of the room; the rest of it is for the summary of those before.
    fn summarize(&mut self, summarize: &mut Summarize<'_>) -> Result<(), Misfit> {
        if self.fits() {
            return Ok(());
        }
        let room = self.room();
        let kept = self.newest(room / 2);
        let old = self.bundle.pieces.len() - kept;
        let gone = self.drop(0..old);
        if gone.is_empty() {
            return Ok(());
        }
        let used: u64 = self.bundle.pieces.iter().map(|piece| self.count(&piece.text)).sum();
        let text = summarize(&gone, room.saturating_sub(used)).map_err(Misfit::Summary)?;
        let ids = gone.into_iter().flat_map(|piece| piece.ids).collect();
        self.bundle.pieces.insert(0, Piece { ids, text: text.into(), summary: true });
        Ok(())
    }

    fn finish(self) -> Result<Fit, Misfit> {
        if !self.fits() {
            let tokens = self.bundle.tokens(self.tokens);
            return Err(Misfit::TooLarge { tokens, max: self.max });
        }
        Ok(Fit { bundle: self.bundle, dropped: self.dropped })
    }
}

fn dropped(piece: &Piece, bytes: usize, partly: bool) -> Dropped {
    Dropped { ids: piece.ids.clone(), tokens: Chars4::default().of_bytes(bytes as u64), partly }
}

/// Takes so much of what is left, if there is so much.
fn take(left: &mut u64, wanted: u64) -> bool {
    left.checked_sub(wanted).inspect(|rest| *left = *rest).is_some()
}
