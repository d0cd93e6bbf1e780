//! The gate as releases have it: what it weighs.

use crate::Chore;
use crate::cargo::{cargo, said};

/// What it may weigh, in bytes: every host takes it in.
const LIMIT: usize = 4_000_000;

/// Builds the gate as for a release, and fails if it is too large.
pub(crate) fn weigh() -> Chore {
    let words = ["build", "--release", "--package", "windlass-image", "--message-format", "json"];
    let told = said(cargo().args(words))?;
    let size = size(&told).ok_or("cargo does not say how large the gate is")?;
    println!("xtask: the gate has {size} bytes of {LIMIT}");
    if size > LIMIT { Err(format!("the gate has {size} bytes, and may have {LIMIT}")) } else { Ok(()) }
}

/// What the build script of `windlass-image` said, among cargo's messages.
fn size(told: &str) -> Option<usize> {
    let (_, rest) = told.split_once(r#"["GATE_SIZE",""#)?;
    rest.split_once('"')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn the_size_is_found_among_messages() {
        let told = r#"{"reason":"a"}
{"reason":"build-script-executed","env":[["GATE_SIZE","3803112"],["GATE_ARCH","x86_64"]]}"#;
        assert_eq!(size(told), Some(3_803_112));
        assert_eq!(size("{}"), None);
    }
}
