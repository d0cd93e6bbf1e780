//! How fast texts are counted, on one core: `cargo run --release -p windlass-llm --example tokens [FILE]`.

#![allow(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use std::time::Instant;

use windlass_llm::catalogue::Catalogue;
use windlass_llm::tokens::Estimators;

fn main() -> std::io::Result<()> {
    let text = match std::env::args().nth(1) {
        Some(path) => std::fs::read_to_string(path)?,
        None => concat!(include_str!("../src/tokens/mod.rs"), include_str!("../../../ARCHITECTURE.md"))
            .repeat(300),
    };
    let (catalogue, estimators) = (Catalogue::builtin(), Estimators::default());
    println!("{} MB of text", text.len() as f64 / 1e6);
    for id in ["gpt-4o", "claude-opus-5-5"] {
        let estimator = estimators.of(catalogue.get(id).expect("it comes with the program"));
        let begun = Instant::now();
        estimator.count("x");
        let ready = begun.elapsed();
        let begun = Instant::now();
        let both = estimator.both(&text);
        let rate = text.len() as f64 / 1e6 / begun.elapsed().as_secs_f64();
        println!(
            "{id}: {rate:.1} MB/s; {} tokens, {} at most; ready after {ready:?}",
            both.likely, both.bound
        );
    }
    Ok(())
}
