//! Documents: any bytes are compiled to a plan or refused with problems that have a place in the text.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use windlass_engine::{Error, Request};
use windlass_flow::Flow;
use windlass_fuzz::plans;
use windlass_model::{Diagnostic, Plan};
use windlass_yaml::{Limits, decode, parse_all};

static FLOW: LazyLock<Flow> = LazyLock::new(plans::flow);
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| plans::folder("crates/flow/tests/it/good/release.yaml"));
static REQUEST: LazyLock<Request> = LazyLock::new(plans::request);

fuzz_target!(|data: &[u8]| {
    let source = match decode(data.to_vec(), "fuzz.yaml") {
        Ok(source) => source,
        Err(problem) => return told(&problem),
    };
    if let Err(problems) = parse_all(&source, &Limits::default()) {
        problems.iter().for_each(told);
    }
    match FLOW.compile_text(&source, &FOLDER, &REQUEST) {
        Ok(compiled) => {
            let bytes = compiled.plan.to_bytes();
            let read = Plan::from_bytes(&bytes).expect("a plan that was made can be read");
            assert_eq!(read.to_bytes(), bytes, "a plan that was read is the plan that was written");
        }
        Err(Error::Document(problems)) => {
            assert!(!problems.is_empty(), "refused without a reason");
            problems.iter().for_each(told);
        }
        Err(other) => panic!("a document's problem is no {other}"),
    }
});

/// Looks at a problem as its renderer does: its places lie in their texts, on the boundaries of characters.
fn told(problem: &Diagnostic) {
    let related = problem.related.iter().map(|(place, _)| place);
    for place in problem.location.iter().chain(related) {
        let (start, end) = (place.span.start as usize, place.span.end as usize);
        assert!(place.source.text.get(start..end).is_some(), "{problem} stands at {start}..{end}");
    }
    assert!(problem.to_string().len() < 64 << 10, "a message of {} bytes", problem.to_string().len());
}
