//! The gate as bytes: the static program that is sent to hosts, for this machine's architecture in this very
//! library, for others from a folder.
//!
//! ```
//! let image = windlass_image::gate(std::env::consts::ARCH).expect("it is built with this library");
//! assert!(image.bytes().starts_with(b"\x7fELF"));
//! ```

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use sha2::{Digest, Sha256};

/// The gate for one architecture.
#[derive(Debug, Clone, Copy)]
pub struct Image {
    /// How many bytes the program has.
    pub size: usize,
    /// Its SHA-256, in lower-case hexadecimal digits.
    pub sha256: &'static str,
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Plain(&'static [u8]),
    /// By gzip; only the embedded one.
    Packed,
}

impl Image {
    /// The program.
    pub fn bytes(&self) -> &'static [u8] {
        static UNPACKED: OnceLock<Vec<u8>> = OnceLock::new();
        match self.form {
            Form::Plain(bytes) => bytes,
            Form::Packed => UNPACKED.get_or_init(|| {
                let mut bytes = Vec::with_capacity(self.size);
                let unpacked = flate2::read::GzDecoder::new(PACKED).read_to_end(&mut bytes);
                unpacked.expect("the build packed it");
                bytes
            }),
        }
    }

    /// The program as gzip packs it, where that was done while building: less than half to send.
    pub fn packed(&self) -> Option<&'static [u8]> {
        matches!(self.form, Form::Packed).then_some(PACKED)
    }
}

/// Architectures by the kernel's names, which hosts call themselves by, that a gate may be looked for.
pub const ARCHES: [&str; 7] = ["x86_64", "aarch64", "armv7l", "riscv64", "ppc64le", "s390x", "i686"];

const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/gate.gz"));

/// The gate that is embedded, if it is for this architecture.
pub fn gate(arch: &str) -> Option<Image> {
    let size = env!("GATE_SIZE").parse().expect("the build wrote a number");
    let own = Image { size, sha256: env!("GATE_SHA256"), form: Form::Packed };
    (arch == env!("GATE_ARCH") && size > 0).then_some(own)
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
            Ok(Some(Image { size: bytes.len(), sha256: sha256.leak(), form: Form::Plain(bytes.leak()) }))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Unreadable { path, source }),
    }
}
