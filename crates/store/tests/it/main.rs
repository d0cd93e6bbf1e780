//! The store's tests: one binary, a file for each concern.

mod artifacts;
mod audit;
mod backup;
mod blobs;
mod contract;
mod crash;
mod format;
mod lease;
mod ledger;
mod noted;
mod portable;
mod retention;
mod scope;
mod sharing;
mod support;
