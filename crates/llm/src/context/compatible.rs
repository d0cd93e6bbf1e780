//! Contexts as claude-workflow has them, for comparison: repeated outputs stay, options without sense do nothing.

use std::sync::Arc;

use super::{Builder, Bundle, Compactor, Dropped, Fit, Given, Misfit, Piece, Policy, Strategy, Summarize};
use crate::tokens::Estimator;

/// The output of every completed task before, in the order of needs, as often as it is there.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsGiven;

impl Builder for AsGiven {
    fn build(&self, given: &Given) -> Bundle {
        let done = given.outputs.iter().filter(|output| output.completed);
        let pieces = done.filter_map(|output| {
            let text: &Arc<str> = output.text.as_ref().filter(|text| !text.is_empty())?;
            Some(Piece::new(output.id.clone(), text.clone()))
        });
        Bundle { memory: given.memory.clone(), pieces: pieces.collect() }
    }
}

/// `keep_last_n` and `truncate`; everything else, and a number that makes no sense, leaves a context as it is. A
/// token is four bytes of the whole, rounded down.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Compactor for Plain {
    fn compact(
        &self,
        mut bundle: Bundle,
        policy: &Policy,
        _: &dyn Estimator,
        _: &mut Summarize<'_>,
    ) -> Result<Fit, Misfit> {
        let max = policy.max_tokens.filter(|max| *max > 0);
        let n = bundle.pieces.len();
        let old = match (policy.strategy, policy.keep_last_n, max) {
            (Strategy::KeepLastN, Some(keep), _) if keep > 0 => n.saturating_sub(keep as usize),
            (Strategy::Truncate, _, Some(max)) => too_many(&bundle, max),
            _ => 0,
        };
        let gone: Vec<Piece> = bundle.pieces.drain(..old).collect();
        let tokens = quarter(bundle.bytes());
        match max {
            Some(max) if tokens > max => Err(Misfit::TooLarge { tokens, max }),
            _ => Ok(Fit { bundle, dropped: gone.iter().map(dropped).collect() }),
        }
    }
}

/// How many of the oldest pieces are too many.
fn too_many(bundle: &Bundle, max: u64) -> usize {
    let mut bytes = bundle.bytes();
    let too_large = |piece: &&Piece| {
        let over = quarter(bytes) > max;
        bytes -= piece.text.len();
        over
    };
    bundle.pieces.iter().take_while(too_large).count()
}

fn dropped(piece: &Piece) -> Dropped {
    Dropped { ids: piece.ids.clone(), tokens: quarter(piece.text.len()), partly: false }
}

fn quarter(bytes: usize) -> u64 {
    bytes as u64 / 4
}
