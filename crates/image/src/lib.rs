//! The gate as bytes: the static program that is sent to hosts, for this machine's architecture in this very
//! library, for others from a folder.
//!
//! ```
//! let image = windlass_image::gate(std::env::consts::ARCH).expect("it is built with this library");
//! assert!(image.bytes.starts_with(b"\x7fELF"));
//! ```

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// The gate for one architecture.
#[derive(Debug, Clone, Copy)]
pub struct Image {
    /// The program.
    pub bytes: &'static [u8],
    /// Its SHA-256, in lower-case hexadecimal digits.
    pub sha256: &'static str,
}

/// Architectures by the kernel's names, which hosts call themselves by, that a gate may be looked for.
pub const ARCHES: [&str; 7] = ["x86_64", "aarch64", "armv7l", "riscv64", "ppc64le", "s390x", "i686"];

const OWN: Image =
    Image { bytes: include_bytes!(concat!(env!("OUT_DIR"), "/gate")), sha256: env!("GATE_SHA256") };

/// The gate that is embedded, if it is for this architecture.
pub fn gate(arch: &str) -> Option<Image> {
    (arch == env!("GATE_ARCH") && !OWN.bytes.is_empty()).then_some(OWN)
}

/// A gate that could not be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Its file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot read the gate {}: {}", self.path.display(), self.source)
    }
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// All gates there are, by architecture: those in a folder, as `windlass-gate-ARCH`, and the embedded one where
/// the folder has none for its architecture. Their bytes stay in memory: read a folder once.
pub fn gates(folder: Option<&Path>) -> Result<Vec<(&'static str, Image)>, Unreadable> {
    let mut gates = Vec::new();
    for arch in ARCHES {
        let path = folder.map(|folder| folder.join(format!("windlass-gate-{arch}")));
        let found = path.map(read).transpose()?.flatten();
        gates.extend(found.or_else(|| gate(arch)).map(|image| (arch, image)));
    }
    Ok(gates)
}

fn read(path: PathBuf) -> Result<Option<Image>, Unreadable> {
    match fs::read(&path) {
        Ok(bytes) => {
            let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            Ok(Some(Image { bytes: bytes.leak(), sha256: sha256.leak() }))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Unreadable { path, source }),
    }
}
