//! Where runs are remembered: a journal of records, contents by hash, leases, artifacts, and their retention.
//!
//! Start at [`Store::open`]; [`Journal`] says what is promised about crashes.

pub mod artifacts;
mod audit;
mod backup;
mod blobs;
pub mod codec;
mod doctor;
mod error;
mod files;
mod journal;
mod lease;
mod ledger;
mod memo;
mod memory;
mod portable;
mod relay;
mod retention;
mod scope;
mod sqlite;
mod store;

pub use backup::Backup;
pub use blobs::{BlobDraft, Blobs};
pub use doctor::{Findings, Leftover};
pub use error::{Error, Result};
pub use journal::{Durable, Filter, Journal, NewRun, Position, Posted, RunRow, StoredRun, Tally};
pub use lease::Lease;
pub use ledger::{Account, Claim, Holder, Holding, LEDGER_FILE, Ledger, Pot, Refusal, Sum};
pub use memo::Memos;
pub use memory::Memory;
pub use portable::{Exported, Import, Imported, Limits};
pub use retention::{Pruned, Retention};
pub use scope::Scope;
pub use sqlite::Sqlite;
pub use store::{OUTPUT_QUOTA, Store};
