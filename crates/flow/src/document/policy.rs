//! How a run, a stage, a task or a step goes: parallelism, time, budget, retries.

use std::time::Duration;

use windlass_model::{Budget, Code, Cost, Money, Policy, Retry, RetryOn, Strategy};
use windlass_yaml::{Map, Reader};

/// Takes the run's policy, with the order of starts apart where the document says it.
pub(super) fn run(reader: &Reader, map: &mut Map<'_, '_>) -> (Policy, Option<Strategy>) {
    let Some(mut map) = map.map("policy") else { return Default::default() };
    let strategy = map.choice("strategy", &[("eager", Strategy::Eager), ("batched", Strategy::Batched)]);
    let budget = budget(reader, &mut map);
    let policy = Policy { budget, ..common(reader, &mut map) };
    map.finish();
    (policy, strategy.map(|strategy| strategy.value))
}

/// Takes a stage's policy, which has no strategy and no budget.
pub(super) fn stage(reader: &Reader, map: &mut Map<'_, '_>) -> Policy {
    let Some(mut map) = map.map("policy") else { return Policy::default() };
    for key in ["strategy", "budget"] {
        if let Some(span) = map.key_span(key) {
            let message = format!("`{key}` is the whole run's and cannot be a stage's");
            let hint = format!("move it to the document's `policy`; a stage has {STAGE}");
            reader.note(reader.problem(Code::Misplaced, span, message).hint(hint));
            map.node(key);
        }
    }
    let policy = common(reader, &mut map);
    map.finish();
    policy
}

const STAGE: &str = "`max_parallelism`, `fail_fast`, `timeout` and `retry`";

fn common(reader: &Reader, map: &mut Map<'_, '_>) -> Policy {
    Policy {
        max_parallelism: map.int_in("max_parallelism", 1..=100_000).map(|n| n.value as u32),
        fail_fast: map.bool("fail_fast").map(|flag| flag.value),
        timeout_ms: map.duration("timeout").map(|timeout| millis(timeout.value)),
        retry: retry(reader, map, RetryOn::Transient),
        ..Policy::default()
    }
}

/// Takes `transaction` of a stage or a task.
pub(super) fn transaction(map: &mut Map<'_, '_>) -> bool {
    map.bool("transaction").is_some_and(|flag| flag.value)
}

/// Takes `retry`. Which failures count where the document does not say is the caller's word.
pub(super) fn retry(reader: &Reader, map: &mut Map<'_, '_>, on: RetryOn) -> Option<Retry> {
    let mut map = map.map("retry")?;
    let base = Retry { on, ..Retry::default() };
    let initial = map.duration("initial_delay");
    let most = map.duration("max_delay");
    let multiplier = map.float("multiplier");
    if let Some(bad) = multiplier.filter(|m| !(1.0..=1000.0).contains(&m.value)) {
        let message = format!("`multiplier`: expected a number from 1 to 1000, found {}", bad.value);
        reader.note(reader.problem(Code::BadValue, bad.span, message).hint("2 doubles each wait"));
    }
    if let (Some(initial), Some(most)) = (initial, most)
        && initial.value > most.value
    {
        let problem =
            reader.problem(Code::BadValue, initial.span, "`initial_delay` is longer than `max_delay`");
        let place = reader.location(most.span);
        reader.note(
            problem.related(place, "`max_delay` stands here").hint("make it shorter, or `max_delay` longer"),
        );
    }
    let initial_delay_ms = initial.map_or(base.initial_delay_ms, |delay| millis(delay.value));
    let retry = Retry {
        max_attempts: map.int_in("max_attempts", 1..=10_000).map_or(base.max_attempts, |n| n.value as u32),
        initial_delay_ms,
        max_delay_ms: most.map_or(base.max_delay_ms.max(initial_delay_ms), |delay| millis(delay.value)),
        multiplier: multiplier.map_or(base.multiplier, |m| m.value),
        jitter: map.bool("jitter").map_or(base.jitter, |flag| flag.value),
        on: map
            .choice("errors", &[("transient", RetryOn::Transient), ("any", RetryOn::Any)])
            .map_or(base.on, |on| on.value),
    };
    map.finish();
    Some(retry)
}

fn budget(reader: &Reader, map: &mut Map<'_, '_>) -> Option<Budget> {
    map.map("budget").map(|map| limit(reader, map))
}

/// A limit of money and tokens: `amount` with its `currency`, `tokens`, or both.
pub(crate) fn limit(reader: &Reader, mut map: Map<'_, '_>) -> Budget {
    let amount = map.money("amount");
    let currency = map.text("currency");
    let tokens = map.int_in("tokens", 0..).map(|n| n.value as u64);
    if let Some(amount) = amount.filter(|amount| amount.value < 0) {
        let problem = reader.problem(Code::BadMoney, amount.span, "`amount`: a budget cannot be negative");
        reader.note(problem.hint("write what may be spent at most"));
    }
    if let Some(bad) =
        currency.as_ref().filter(|c| c.len() != 3 || !c.bytes().all(|b| b.is_ascii_uppercase()))
    {
        let message =
            format!("`currency`: expected three capital letters such as `USD`, found `{}`", bad.value);
        reader.note(reader.problem(Code::BadValue, bad.span, message));
    }
    match (&amount, &currency) {
        (Some(_), None) if !map.has("currency") => drop(map.required("currency")),
        (None, Some(_)) if !map.has("amount") => drop(map.required("amount")),
        (None, None) if !map.has("amount") && !map.has("tokens") => drop(map.one_of(&["amount", "tokens"])),
        _ => {}
    }
    map.finish();
    let cost = amount
        .zip(currency)
        .map(|(amount, currency)| Cost { amount: Money(amount.value), currency: currency.value });
    Budget { cost, tokens }
}

/// A duration in milliseconds, as plans have it.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
