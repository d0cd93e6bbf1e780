//! Stands between the key exchange and everything else: looks at the host key, and remembers how it all ended.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use russh::client::{DisconnectReason, Handler, Session};
use russh::keys::{Algorithm, PublicKeyOrCertificate};

use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::known::{Known, Store, Verdict, judge};
use crate::{Error, HostKeys, error::HostKeyError};

/// What a connection tells the one who made it.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// The host key is not surely the right one, and the user wants to go on.
    pub(crate) doubtful: AtomicBool,
    /// Cancelled when the connection has ended.
    pub(crate) over: CancellationToken,
    /// What the server showed.
    shown: Mutex<Option<Arc<PublicKeyOrCertificate>>>,
    kex: Mutex<Option<String>>,
    end: Mutex<Option<String>>,
}

impl Report {
    /// The key or certificate that the server showed.
    pub(crate) fn shown(&self) -> Option<Arc<PublicKeyOrCertificate>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Which key exchange the two sides agreed on.
    pub(crate) fn kex(&self) -> Option<String> {
        self.kex.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the connection ended.
    pub(crate) fn end(&self) -> Option<String> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Looks at host keys.
pub(crate) struct Guard {
    pub(crate) store: Arc<Store>,
    pub(crate) settings: Arc<Settings>,
    /// What is known under the host's name, and under its name without the port.
    pub(crate) known: Known,
    pub(crate) bare: Known,
    pub(crate) report: Arc<Report>,
}

impl Guard {
    /// Reads what is known of the host.
    pub(crate) fn new(store: Arc<Store>, settings: Arc<Settings>) -> Result<Self, Error> {
        let files = files(&settings);
        let known = store.lookup(&files, &settings.known_as.name)?;
        let bare = match &settings.known_as.bare {
            Some(name) => store.lookup(&files, name)?,
            None => Known::default(),
        };
        Ok(Self { store, settings, known, bare, report: Arc::default() })
    }

    /// Whether the server is who it should be. The error says why not.
    pub(crate) async fn check(&self, shown: &PublicKeyOrCertificate) -> Result<bool, Error> {
        self.acceptable(shown)?;
        let settings = &self.settings;
        let verdict = judge(&settings.known_as, &self.known, &self.bare, shown, SystemTime::now());
        match (verdict, settings.host_keys) {
            (Verdict::Trusted, _) => Ok(true),
            (Verdict::Refused(why @ HostKeyError::Revoked { .. }), _) => Err(why.into()),
            (Verdict::Refused(_), HostKeys::Off) => {
                self.report.doubtful.store(true, Ordering::Relaxed);
                Ok(true)
            }
            (Verdict::Refused(why), _) => Err(why.into()),
            (Verdict::Unknown, HostKeys::Off) => Ok(true),
            (Verdict::Unknown, HostKeys::AcceptNew) => self.accept(shown).await,
            (Verdict::Unknown, HostKeys::Strict) => Err(HostKeyError::Unknown {
                host: settings.known_as.name.clone(),
                shown: shown_as(shown),
                files: listed(&files(settings)),
            }
            .into()),
        }
    }

    /// The user's own rules about keys: sizes, and algorithms of authorities.
    fn acceptable(&self, shown: &PublicKeyOrCertificate) -> Result<(), Error> {
        let refuse = |why: String| {
            Err(HostKeyError::Certificate { host: self.settings.known_as.name.clone(), why }.into())
        };
        if let Some(rsa) = shown.public_key().key_data().rsa()
            && rsa.key_size() < self.settings.min_rsa_bits
        {
            return refuse(format!("its RSA key has {} bits, fewer than allowed", rsa.key_size()));
        }
        let (Some(certificate), Some(allowed)) = (shown.certificate(), &self.settings.algorithms.authorities)
        else {
            return Ok(());
        };
        let algorithm = certificate.signature().algorithm();
        if allowed.iter().any(|name| name == algorithm.as_str()) {
            Ok(())
        } else {
            refuse(format!("it is signed by {algorithm}, which CASignatureAlgorithms does not allow"))
        }
    }

    async fn accept(&self, shown: &PublicKeyOrCertificate) -> Result<bool, Error> {
        let (store, settings) = (self.store.clone(), self.settings.clone());
        let shown = PublicKeyOrCertificate::from(shown.public_key());
        // The disk may take its time, and others share this thread.
        let write = move || {
            store.accept(&settings.user_known_hosts, &settings.known_as, &shown, settings.hash_known_hosts)
        };
        let verdict = tokio::task::spawn_blocking(write)
            .await
            .map_err(|why| Error::Config(format!("the new host key could not be written: {why}")))??;
        match verdict {
            Verdict::Trusted => Ok(true),
            Verdict::Unknown => Ok(false),
            Verdict::Refused(why) => Err(why.into()),
        }
    }
}

impl Handler for Guard {
    type Error = Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Error> {
        let same = match shown.certificate() {
            Some(certificate) => PublicKeyOrCertificate::from(certificate.clone()),
            None => PublicKeyOrCertificate::from(shown.public_key()),
        };
        *self.report.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(same));
        self.check(shown).await
    }

    async fn kex_done(
        &mut self,
        _: Option<&[u8]>,
        names: &russh::Names,
        _: &mut Session,
    ) -> Result<(), Error> {
        let kex = names.kex.as_ref().to_owned();
        *self.report.kex.lock().unwrap_or_else(PoisonError::into_inner) = Some(kex);
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Error>) -> Result<(), Error> {
        let (words, result) = match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                (format!("the server says: {}", info.message.escape_debug()), Ok(()))
            }
            DisconnectReason::Error(error) => (words(&error), Err(error)),
        };
        self.report.end.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(words);
        self.report.over.cancel();
        result
    }
}

/// Errors of the library that reach us inside the session carry no address; whoever waits knows it.
impl From<russh::Error> for Error {
    fn from(error: russh::Error) -> Self {
        let address = String::new();
        match error {
            russh::Error::IO(_) | russh::Error::Disconnect | russh::Error::HUP | russh::Error::SendError => {
                Self::Closed { address, why: error.to_string() }
            }
            russh::Error::KeepaliveTimeout => {
                Self::Closed { address, why: "the server no longer answers".into() }
            }
            other => Self::Protocol { address, why: other.to_string() },
        }
    }
}

fn words(error: &Error) -> String {
    match error {
        Error::Closed { why, .. } | Error::Protocol { why, .. } => why.clone(),
        other => other.to_string(),
    }
}

fn files(settings: &Settings) -> Vec<PathBuf> {
    settings.user_known_hosts.iter().chain(&settings.global_known_hosts).cloned().collect()
}

fn listed(files: &[PathBuf]) -> String {
    let words: Vec<String> =
        files.iter().filter(|file| file.is_file()).map(|file| file.display().to_string()).collect();
    if words.is_empty() { "any known_hosts file: there is none".into() } else { words.join(", ") }
}

fn shown_as(shown: &PublicKeyOrCertificate) -> String {
    let key = shown.public_key();
    let kind = match key.algorithm() {
        Algorithm::Rsa { .. } => "ssh-rsa".to_owned(),
        other => other.to_string(),
    };
    crate::known::fingerprint(&kind, &key.to_bytes().unwrap_or_default())
}
