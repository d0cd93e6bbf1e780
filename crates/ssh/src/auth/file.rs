//! One private key file: read without its passphrase, as far as that goes.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{Certificate, Error as KeyError, PrivateKey, PublicKey};

/// What a file holds.
#[derive(Debug, Clone)]
pub(super) enum Held {
    /// A key, ready to sign.
    Open(Arc<PrivateKey>),
    /// A key under a passphrase. Its public half may be known.
    Locked(Option<PublicKey>),
    /// No more than the public half is here: the rest is in an agent, or on hardware.
    Public(PublicKey),
    /// Nothing that can be used, and why.
    Useless(String),
    /// There is no such file.
    Absent,
}

/// Larger than any key.
const MAX_KEY: u64 = 1 << 20;

/// Reads a private key file, or the public half beside it.
pub(super) fn read(path: &Path) -> Held {
    let text = match private_text(path) {
        Ok(Some(text)) => text,
        Ok(None) => return public_half(path).map_or(Held::Absent, Held::Public),
        Err(why) => return Held::Useless(why),
    };
    // `IdentityFile` may name a public key, whose other half is in an agent.
    if let Ok(key) = PublicKey::from_openssh(&text) {
        return Held::Public(key);
    }
    if let Ok(key) = PrivateKey::from_openssh(&*text) {
        return openssh(key);
    }
    match russh::keys::decode_secret_key(&text, None) {
        Ok(key) => openssh(key),
        Err(KeyError::KeyIsEncrypted) => Held::Locked(public_half(path)),
        // Other formats tell a missing passphrase only by failing.
        Err(_) if text.contains("ENCRYPTED") => Held::Locked(public_half(path)),
        Err(why) => Held::Useless(format!("cannot be read: {why}")),
    }
}

/// Opens a locked key.
pub(super) fn unlock(path: &Path, passphrase: &str) -> Result<Arc<PrivateKey>, String> {
    let text = private_text(path)?.ok_or("is gone")?;
    russh::keys::decode_secret_key(&text, Some(passphrase))
        .map(Arc::new)
        .map_err(|_| "does not open with its passphrase".to_owned())
}

/// The certificate that OpenSSH expects beside a key: `KEY-cert.pub`.
pub(super) fn certificate_beside(path: &Path) -> Option<Certificate> {
    certificate(&with_suffix(path, "-cert.pub"))
}

/// A certificate file; none if it is not there or is none.
pub(super) fn certificate(path: &Path) -> Option<Certificate> {
    Certificate::from_openssh(std::fs::read_to_string(path).ok()?.trim()).ok()
}

/// Whether all the keys there are lie on hardware. Then only an agent or the `ssh` program can use them.
pub(crate) fn hardware_only(files: &[PathBuf]) -> bool {
    let mut there =
        files.iter().map(|file| read(file)).filter(|held| !matches!(held, Held::Absent)).peekable();
    let hardware = |held: Held| match held {
        Held::Public(key) | Held::Locked(Some(key)) => on_hardware(&key),
        _ => false,
    };
    there.peek().is_some() && there.all(hardware)
}

/// Keys of FIDO tokens: their private half is a handle for the token.
pub(super) fn on_hardware(key: &PublicKey) -> bool {
    key.algorithm().as_str().starts_with("sk-")
}

fn openssh(key: PrivateKey) -> Held {
    if on_hardware(key.public_key()) {
        return Held::Public(key.public_key().clone());
    }
    match key.key_data() {
        KeypairData::Encrypted(_) => Held::Locked(Some(key.public_key().clone())),
        _ => Held::Open(Arc::new(key)),
    }
}

/// The text of a private key that nobody else can read: OpenSSH takes no other either.
fn private_text(path: &Path) -> Result<Option<zeroize::Zeroizing<String>>, String> {
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot be read: {error}")),
    };
    if !meta.is_file() || meta.len() > MAX_KEY {
        return Err("is no key file".into());
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    let text = zeroize::Zeroizing::new(text);
    let ours = meta.uid() == rustix::process::getuid().as_raw();
    if ours && meta.mode() & 0o077 != 0 && text.contains("PRIVATE KEY") {
        return Err(format!("can be read by others (mode {:04o})", meta.mode() & 0o7777));
    }
    Ok(Some(text))
}

fn public_half(path: &Path) -> Option<PublicKey> {
    let text = std::fs::read_to_string(with_suffix(path, ".pub")).ok()?;
    PublicKey::from_openssh(text.trim()).ok()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
