//! Host keys: what `known_hosts` files say, and whether a key that a server shows is the right one.

mod accept;
mod judge;
mod line;
mod pattern;
mod store;

pub(crate) use judge::{Identity, Verdict, judge};
pub use line::Place;
pub(crate) use pattern::matches as pattern_matches;
pub(crate) use store::{Known, Store, check_file};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest as _, Sha256};

/// `ssh-ed25519 SHA256:…`, as `ssh-keygen -l` has it.
pub(crate) fn fingerprint(kind: &str, blob: &[u8]) -> String {
    format!("{kind} SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(blob)))
}
