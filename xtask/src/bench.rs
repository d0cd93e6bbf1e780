//! The benches, in a release build.

use crate::Chore;
use crate::cargo::{cargo, go};

/// Measures the engine with steps that do nothing.
pub(crate) fn engine(args: &[&str]) -> Chore {
    go(cargo()
        .args(["run", "--quiet", "--release", "--package", "windlass-testkit", "--bin", "bench-engine", "--"])
        .args(args))
}
