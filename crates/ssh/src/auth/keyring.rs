//! The keys of this process: each file is read once, and each passphrase asked for once, however many hosts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use russh::keys::{Certificate, PrivateKey};

use super::file::{Held, certificate_beside, read, unlock};
use crate::options::Passphrase;

/// Keys by the files they come from.
pub(crate) struct Keyring {
    passphrase: Option<Passphrase>,
    files: Mutex<HashMap<PathBuf, (Held, Option<Certificate>)>>,
    /// Also the lock that makes those wait who need the same passphrase.
    opened: tokio::sync::Mutex<HashMap<PathBuf, Result<Arc<PrivateKey>, String>>>,
}

impl Keyring {
    pub(crate) fn new(passphrase: Option<Passphrase>) -> Self {
        Self { passphrase, files: Mutex::default(), opened: tokio::sync::Mutex::default() }
    }

    /// What the file holds, and the certificate beside it.
    pub(super) fn get(&self, path: &Path) -> (Held, Option<Certificate>) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let load = || (read(path), certificate_beside(path));
        files.entry(path.to_owned()).or_insert_with(load).clone()
    }

    /// Whether a locked key can be opened at all.
    pub(super) fn can_ask(&self) -> bool {
        self.passphrase.is_some()
    }

    /// Opens a locked key: asks, the first time.
    pub(super) async fn open(&self, path: &Path) -> Result<Arc<PrivateKey>, String> {
        let mut opened = self.opened.lock().await;
        if let Some(known) = opened.get(path) {
            return known.clone();
        }
        let key = self.ask(path).await;
        opened.insert(path.to_owned(), key.clone());
        key
    }

    async fn ask(&self, path: &Path) -> Result<Arc<PrivateKey>, String> {
        let ask =
            self.passphrase.as_ref().ok_or("is encrypted, and there is nobody to ask for its passphrase")?;
        let secret = ask(path).await.ok_or("is encrypted, and nobody gave its passphrase")?;
        let path = path.to_owned();
        // The key derivation takes a tenth of a second on purpose.
        tokio::task::spawn_blocking(move || unlock(&path, secret.expose()))
            .await
            .map_err(|_| "could not be opened".to_owned())?
    }
}
