//! Counts what plans and runs take from the heap, by an allocator that counts. A program of its own: the counting
//! would slow down what `bench-engine` times.

#![allow(clippy::print_stdout, reason = "it talks to the program that measures")]

#[path = "../bench-engine/graph.rs"]
mod graph;

use std::alloc::System;
use std::sync::Arc;

use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use windlass_engine::{Compiled, RunOptions, Runtime};
use windlass_model::RunState;
use windlass_store::Store;

use graph::Shape;

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The bytes that are taken and not given back.
fn live() -> isize {
    let stats = HEAP.stats();
    stats.bytes_allocated as isize - stats.bytes_deallocated as isize
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let steps: usize = std::env::args().nth(1).map_or(Ok(100_000), |steps| steps.parse())?;
    for (name, shape) in [("fan", Shape::Fan), ("layered", Shape::Layered), ("chain", Shape::Chain)] {
        let empty = live();
        let plan = Arc::new(shape.plan(steps, "noop")?);
        let planned = live();
        let state = RunState::new(plan.clone());
        let stated = live();
        drop(state);
        let payload = plan.to_bytes().len();
        let count = plan.tasks.len();
        let each = |bytes: isize| bytes as f64 / count as f64;
        println!(
            "{}",
            json!({
                "case": format!("memory of {name}"),
                "steps": count,
                "plan_bytes_per_step": each(planned - empty),
                "state_bytes_per_step": each(stated - planned),
                // What the plan says, as text.
                "payload_bytes_per_step": each(payload as isize),
                "beyond_payload_per_step": each(stated - empty - payload as isize),
                "allocations_per_step": allocations((*plan).clone())? as f64 / count as f64,
            })
        );
    }
    Ok(())
}

/// How many pieces of memory a run takes while it goes on.
fn allocations(plan: windlass_model::Plan) -> Result<usize, Box<dyn std::error::Error>> {
    let runtime = Runtime::builder().store(Store::memory()).build()?;
    let compiled = Compiled::new(plan, ".");
    let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let before = HEAP.stats().allocations;
    threads.block_on(async {
        let run = runtime.start(compiled, RunOptions::default())?;
        run.wait().await
    })?;
    Ok(HEAP.stats().allocations - before)
}
