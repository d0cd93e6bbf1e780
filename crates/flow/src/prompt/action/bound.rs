//! The most that a step can use, worked out before it begins.

use windlass_engine::redact::Redactor;
use windlass_llm::tokens::{Estimator, Size, size};
use windlass_llm::{Request, Tokens};
use windlass_model::{Code, Cost, Failure, Money, Usage};

use super::asked::{self, Asked};
use super::rounds::{self, Entry};
use super::{Shared, memo};
use crate::prompt::Deed;

/// The currency of the catalogue's prices.
const CURRENCY: &str = "USD";

/// How many bytes the results of tools may have in one round. A token has one byte at least.
pub(super) const RESULTS: usize = 16 << 10;

/// What a turn has around its texts, in tokens.
const AROUND: u64 = 256;

/// What a step will use at most: all requests that it may still send, each with all that came of those before it.
/// What earlier attempts wrote down is not asked again.
pub(super) fn of(shared: &Shared, deed: &Deed, noted: &[Entry]) -> Result<Usage, Failure> {
    let estimator = shared.estimators.of(&deed.model);
    let mut summary = None;
    let asked = Asked::new(deed, &Redactor::default(), &shared.counts, &mut |pieces, room| {
        let request = asked::summary(deed, pieces, room);
        if let Some(text) = rounds::text_of(noted, &memo::question(deed, &request)) {
            return Ok(text);
        }
        let read: u64 = pieces.iter().map(|piece| estimator.bound(&piece.text)).sum();
        summary = Some((read + AROUND, room));
        Ok(String::new())
    })?;
    let (mut tokens, mut cost) = (0u64, Money::ZERO);
    let mut add = |input: u64, output: u64| {
        tokens = tokens.saturating_add(input).saturating_add(output);
        cost = cost.plus(deed.model.bound(input, output));
    };
    let mut first = prompt(&*estimator, deed, &asked.request)?.bound;
    if let Some((read, room)) = summary {
        add(read, room);
        first += room;
    }
    let output = u64::from(deed.max_output_tokens);
    let turn = output + AROUND + if deed.tools.is_empty() { super::output::TOLD } else { RESULTS as u64 };
    let room = deed.model.max_context.saturating_sub(output).max(first);
    let answered = rounds::answered(noted, &memo::question(deed, &asked.request));
    for request in answered..requests(deed) {
        add(first.saturating_add(turn.saturating_mul(request)).min(room), output);
    }
    let amount = deed.max_cost.map_or(cost, |limit| cost.min(limit));
    Ok(Usage { tokens, cost: money(amount), ..Usage::default() })
}

/// How many requests a step may send.
pub(super) fn requests(deed: &Deed) -> u64 {
    u64::from(deed.max_rounds.max(1)) + u64::from(deed.schema_retries)
}

/// How many tokens a request's prompt has, likely and at most. One that the model cannot read with its reply is refused.
pub(super) fn prompt(estimator: &dyn Estimator, deed: &Deed, request: &Request) -> Result<Size, Failure> {
    let size = size(estimator, request);
    let all = size.likely.saturating_add(u64::from(request.max_output_tokens));
    if all > deed.model.max_context {
        let message = format!(
            "the prompt has about {} tokens and its reply up to {}, and {} reads and writes {} in all",
            size.likely, request.max_output_tokens, deed.model.id, deed.model.max_context
        );
        let hint =
            "send less: `context: { strategy: truncate, max_tokens: … }`, or ask a model with more room";
        return Err(Failure::new(Code::PromptTooLong, message).hint(hint).permanent());
    }
    Ok(size)
}

/// An amount in the currency of the prices.
fn money(amount: Money) -> Cost {
    Cost { amount, currency: CURRENCY.to_owned() }
}

/// What tokens cost, as the engine counts it.
pub(super) fn usage(deed: &Deed, tokens: Tokens) -> Usage {
    let kinds = windlass_model::Tokens {
        input: tokens.input,
        output: tokens.output,
        cache_read: tokens.cache_read,
        cache_write: tokens.cache_write,
    };
    Usage::of(kinds, money(deed.model.cost(&tokens)))
}

/// The most that one request can use.
pub(super) fn most(deed: &Deed, input: u64, output: u32) -> Usage {
    let output = u64::from(output);
    let kinds = windlass_model::Tokens { input, output, ..Default::default() };
    Usage::of(kinds, money(deed.model.bound(input, output)))
}
