//! How fast texts are counted and contexts are built, on one core.

use std::time::Instant;

use serde_json::{Value, json};
use windlass_llm::catalogue::Catalogue;
use windlass_llm::context::{Builder, Compactor, Fitting, Given, Once, Policy, Strategy};
use windlass_llm::tokens::{Estimators, Tiktoken};

use crate::Result;

/// Counts source code and prose: what is known of a model exactly, and what is estimated with its bound.
pub(crate) fn tokens() -> Result<Vec<Value>> {
    let own = concat!(include_str!("../../src/tokens/mod.rs"), include_str!("../../../../ARCHITECTURE.md"));
    let text = own.repeat(16_000_000 / own.len());
    let (catalogue, estimators) = (Catalogue::builtin(), Estimators::default());
    let mut all = Vec::new();
    for (name, id) in [("exactly", "gpt-4o"), ("by an estimate", "claude-opus-5-5")] {
        let estimator = estimators.of(catalogue.get(id)?);
        let begun = Instant::now();
        estimator.count("x");
        let ready = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        let both = estimator.both(&text);
        let rate = text.len() as f64 / 1e6 / begun.elapsed().as_secs_f64();
        println!(
            "tokens {name}: {rate:.1} MB/s; {} of {} bytes, ready after {:.0} ms",
            both.likely,
            text.len(),
            ready * 1e3
        );
        all.push(json!({ "case": format!("tokens {name}"), "mb_per_second": rate, "ready_seconds": ready }));
    }
    Ok(all)
}

/// 10,000 outputs of some 300 bytes each, every tenth of them twice, by every strategy that asks no model. The goal
/// is for the slowest.
pub(crate) fn contexts() -> Result<Value> {
    let text = |n: usize| {
        format!("Output number {}: {}", n - usize::from(n % 10 == 9), "all went well. ".repeat(20))
    };
    let given = Given::outputs((0..10_000).map(|n| (format!("task-{n:05}"), text(n))));
    let policy = |strategy, keep_last_n, max_tokens| Policy { strategy, keep_last_n, max_tokens };
    let policies = [
        ("none", Policy::default()),
        ("keep_last_n", policy(Strategy::KeepLastN, Some(100), None)),
        ("truncate", policy(Strategy::Truncate, None, Some(8000))),
        ("head_tail", policy(Strategy::HeadTail, None, Some(8000))),
    ];
    let (mut slowest, mut each) = (0f64, json!({}));
    for (name, policy) in policies {
        let begun = Instant::now();
        let built = Once.build(&given);
        let fit = Fitting.compact(built, &policy, &Tiktoken::O200k, &mut |_, _| Err("nobody asks".into()));
        let fit = fit.map_err(|misfit| misfit.to_string())?;
        let (messages, _) = fit.bundle.messages("Go on.");
        let ms = begun.elapsed().as_secs_f64() * 1e3;
        let parts: usize = messages.iter().map(|message| message.parts.len()).sum();
        println!("a context of 10,000 outputs, {name}: {ms:.1} ms, {parts} parts");
        slowest = slowest.max(ms);
        each[name] = ms.into();
    }
    Ok(json!({ "case": "context of 10,000 outputs", "slowest_ms": slowest, "ms": each }))
}
