//! The store's tests: one binary, a file for each concern.

mod contract;
mod support;
