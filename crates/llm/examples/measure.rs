//! How fast texts are counted and contexts are built, on one core:
//! `cargo run --release -p windlass-llm --example measure [FILE]`.

#![allow(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use std::time::Instant;

use windlass_llm::catalogue::Catalogue;
use windlass_llm::context::{Builder, Compactor, Fitting, Given, Once, Policy, Strategy};
use windlass_llm::tokens::{Estimators, Tiktoken};

fn main() -> std::io::Result<()> {
    let text = match std::env::args().nth(1) {
        Some(path) => std::fs::read_to_string(path)?,
        None => concat!(include_str!("../src/tokens/mod.rs"), include_str!("../../../ARCHITECTURE.md"))
            .repeat(300),
    };
    tokens(&text);
    contexts();
    Ok(())
}

fn tokens(text: &str) {
    let (catalogue, estimators) = (Catalogue::builtin(), Estimators::default());
    println!("{:.1} MB of text", text.len() as f64 / 1e6);
    for id in ["gpt-4o", "claude-opus-5-5"] {
        let estimator = estimators.of(catalogue.get(id).expect("it comes with the program"));
        let begun = Instant::now();
        estimator.count("x");
        let ready = begun.elapsed();
        let begun = Instant::now();
        let both = estimator.both(text);
        let rate = text.len() as f64 / 1e6 / begun.elapsed().as_secs_f64();
        println!(
            "{id}: {rate:.1} MB/s; {} tokens, {} at most; ready after {ready:.0?}",
            both.likely, both.bound
        );
    }
}

/// 10,000 outputs of some 300 bytes each, every tenth of them twice.
fn contexts() {
    let text = |n: usize| {
        format!("Output number {}: {}", n - usize::from(n % 10 == 9), "all went well. ".repeat(20))
    };
    let given = Given::outputs((0..10_000).map(|n| (format!("task-{n:05}"), text(n))));
    let policies = [
        ("none", Policy::default()),
        (
            "keep_last_n 100",
            Policy { strategy: Strategy::KeepLastN, keep_last_n: Some(100), max_tokens: None },
        ),
        ("truncate 8000", Policy { strategy: Strategy::Truncate, keep_last_n: None, max_tokens: Some(8000) }),
        (
            "head_tail 8000",
            Policy { strategy: Strategy::HeadTail, keep_last_n: None, max_tokens: Some(8000) },
        ),
    ];
    for (name, policy) in policies {
        let begun = Instant::now();
        let built = Once.build(&given);
        let fit = Fitting.compact(built, &policy, &Tiktoken::O200k, &mut |_, _| Err("nobody asks".into()));
        let fit = fit.expect("it fits");
        let (messages, _) = fit.bundle.messages("Go on.");
        let parts: usize = messages.iter().map(|message| message.parts.len()).sum();
        println!("a context of 10,000 outputs, {name}: {:.1?}, {parts} parts", begun.elapsed());
    }
}
