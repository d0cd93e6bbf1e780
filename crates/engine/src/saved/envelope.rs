//! What a saved plan's file holds: one JSON object with sorted keys, and a checksum of the rest of it.
//!
//! The digest of a plan covers the plan alone, so that two plannings of one document have one digest and two
//! ids. The checksum (`seal`) covers everything, so that a damaged file is never taken for another plan; it is
//! no signature, and says nothing about who wrote the file.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use windlass_model::{BadPlan, BlobId, Plan, PlanId};

use super::Provenance;
use crate::run::{now_ms, random};

/// The version of the file's format that this program writes.
pub const FORMAT: u32 = 1;

/// A plan that was made to be applied later, once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedPlan {
    /// The version of the file's format.
    pub version: u32,
    /// Which planning this is: no other has its id.
    pub plan_id: PlanId,
    /// When it was made, in milliseconds since 1970.
    pub created_at: u64,
    /// What it was made from.
    pub provenance: Provenance,
    /// What will be done.
    pub plan: Plan,
}

/// Why a file holds no saved plan that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFile {
    /// It is no JSON, or is cut off.
    #[error("it cannot be read: {0}")]
    Json(String),
    /// It is JSON, and something else.
    #[error("it is something else than a saved plan")]
    Other,
    /// It is larger than any plan that is written.
    #[error("it has more than {} MiB", super::MAX_FILE >> 20)]
    Large,
    /// It is a folder, a device, a pipe.
    #[error("it is no regular file")]
    Kind,
    /// A later program wrote it.
    #[error("it has format {0}; this program reads up to {FORMAT}")]
    Newer(u32),
    /// It is not as it was written.
    #[error("it is damaged: its checksum is another")]
    Damaged,
    /// A part of it makes no sense.
    #[error("it is malformed: {0}")]
    Shape(String),
    /// Its plan is none.
    #[error(transparent)]
    Plan(#[from] BadPlan),
}

impl SavedPlan {
    /// A plan with what it was made from, under an id that no other has.
    pub fn new(plan: Plan, provenance: Provenance) -> Self {
        Self { version: FORMAT, plan_id: fresh(), created_at: now_ms(), provenance, plan }
    }

    /// The file's content.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut value = self.to_value();
        let seal = seal(&value);
        if let Value::Object(map) = &mut value {
            map.insert("seal".into(), seal.as_str().into());
        }
        let mut bytes = value.to_string().into_bytes();
        bytes.push(b'\n');
        bytes
    }

    /// Reads a file's content, whoever wrote it: nothing in it is taken for granted.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadFile> {
        if bytes.len() as u64 > super::MAX_FILE {
            return Err(BadFile::Large);
        }
        let value: Value = serde_json::from_slice(bytes).map_err(|error| BadFile::Json(error.to_string()))?;
        let Value::Object(mut map) = value else { return Err(BadFile::Other) };
        check_kind(&map)?;
        let written = map.remove("seal");
        let value = Value::Object(map);
        if written.as_ref().and_then(Value::as_str) != Some(seal(&value).as_str()) {
            return Err(BadFile::Damaged);
        }
        let saved: Self = serde_json::from_value(value).map_err(|error| BadFile::Shape(error.to_string()))?;
        saved.plan.check()?;
        if saved.plan.digest() != saved.provenance.digest {
            return Err(BadFile::Damaged);
        }
        Ok(saved)
    }

    /// The file's content without its checksum.
    pub(super) fn to_value(&self) -> Value {
        // `Value` sorts the keys of every map, the structs' own fields included.
        serde_json::to_value(self).expect("a plan has string keys and finite numbers only")
    }
}

/// Whether it is a saved plan at all, and one that this program can read.
fn check_kind(map: &Map<String, Value>) -> Result<(), BadFile> {
    if !["plan_id", "plan", "provenance"].iter().all(|key| map.contains_key(*key)) {
        return Err(BadFile::Other);
    }
    match map.get("version").and_then(Value::as_u64).map(u32::try_from) {
        Some(Ok(version)) if (1..=FORMAT).contains(&version) => Ok(()),
        Some(Ok(version)) if version > FORMAT => Err(BadFile::Newer(version)),
        _ => Err(BadFile::Other),
    }
}

fn seal(value: &Value) -> BlobId {
    BlobId::of(value.to_string().as_bytes())
}

/// An id of a hundred random bits, in letters and digits that are not mistaken for each other.
fn fresh() -> PlanId {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
    let ten = |bits: u64| (0..10).map(move |n| LETTERS[(bits >> (n * 5)) as usize & 31] as char);
    let name: String = ten(random()).chain(ten(random())).collect();
    PlanId::new(name).expect("letters and digits are an id")
}
