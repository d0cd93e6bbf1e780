//! A run as one file, to carry it elsewhere: written by [`Store::export`], read back by [`Store::import`].
//!
//! The file is JSON lines: a header; the plan's canonical bytes; one line for each record; each kept output that
//! a result names, as a line that announces it and lines of base64; last a line with the SHA-256 of all before
//! it. It has what the journal has, from which secrets were taken when it was captured, and neither the files
//! that the plan stands on nor what an undo would put back.
//!
//! [`Store::export`]: crate::Store::export
//! [`Store::import`]: crate::Store::import

mod export;
mod import;
mod lines;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use windlass_model::{BlobId, Event, RunId};

pub use self::export::Exported;
pub use self::import::{Import, Imported, Limits};

/// The version of the file's format that this program writes.
const VERSION: u32 = 1;

/// How many bytes of an output one line has: a multiple of three, so that only the last line is padded.
const PART: usize = 48 << 10;

/// The first line: what the file is, and what a store knows of a run besides its plan and its records.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    /// The format's version; its name says what the file is.
    windlass_run: u32,
    /// The version of the program that wrote the file.
    program: String,
    /// When it was written, in milliseconds since 1970.
    exported_at: u64,
    id: RunId,
    invoker: String,
    created_at: u64,
    /// The folder of the document, where the run happened.
    root: String,
    document: Option<String>,
    options: Value,
    /// The plan's digest.
    plan: String,
    /// How many records there are.
    records: u64,
}

/// What stands behind the records.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Section {
    /// An output follows in base64, so many bytes long.
    Output { id: String, bytes: u64 },
    /// The store that wrote the file had lost this output.
    Lost { id: String },
    /// All is said; the digest of every byte before this line.
    End { sha256: String },
}

/// Adds the outputs that a record's result names, as `stdout_blob` names one.
fn named(event: &Event, into: &mut BTreeSet<BlobId>) {
    if let Event::StepFinished { outcome, .. } = event {
        gather(outcome.result(), into);
    }
}

fn gather(value: &Value, into: &mut BTreeSet<BlobId>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value.as_str().filter(|_| key.ends_with("_blob")).and_then(BlobId::new) {
                    Some(id) => drop(into.insert(id)),
                    None => gather(value, into),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| gather(value, into)),
        _ => {}
    }
}
