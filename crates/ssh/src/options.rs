//! What the process knows of its user: the library itself reads no environment.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::{BoxFuture, Keep, Secret};

/// Asks for the passphrase of a key file; nothing means that there is none to be had. A server waits meanwhile,
/// no longer than [`Options::auth_timeout`]; another attempt finds the answer.
pub type Passphrase = Arc<dyn Fn(&Path) -> BoxFuture<'static, Option<Secret>> + Send + Sync>;

/// What a [`crate::Client`] needs to know.
#[derive(Clone)]
pub struct Options {
    /// The user's home: `~` in the configuration. OpenSSH takes it from the user database, not from `HOME`.
    pub home: PathBuf,
    /// The user's name here: who connects where nobody says otherwise.
    pub user: String,
    /// The agent's socket (`SSH_AUTH_SOCK`).
    pub agent: Option<PathBuf>,
    /// Which configuration counts.
    pub config: ConfigFile,
    /// The `ssh` program.
    pub program: PathBuf,
    /// How many handshakes with one address, or through one jump host, may be under way at once. Servers drop
    /// what is more than `MaxStartups`, ten by default.
    pub handshakes: usize,
    /// After this silence a connection is probed, where the configuration names no `ServerAliveInterval`.
    pub keepalive: Duration,
    /// How long the authentication may take.
    pub auth_timeout: Duration,
    /// Who is asked for passphrases.
    pub passphrase: Option<Passphrase>,
    /// How connections are kept for later runs. The process that keeps them asks nobody for passphrases.
    pub keep: Option<Keep>,
}

/// Which `ssh_config` counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigFile {
    /// The user's and the system's.
    Default,
    /// This one alone, like `ssh -F`.
    File(PathBuf),
    /// None at all.
    None,
}

impl Options {
    /// The usual options for this user.
    #[must_use]
    pub fn new(home: PathBuf, user: String) -> Self {
        Self {
            home,
            user,
            agent: None,
            config: ConfigFile::Default,
            program: "ssh".into(),
            handshakes: 8,
            keepalive: Duration::from_secs(15),
            auth_timeout: Duration::from_secs(30),
            passphrase: None,
            keep: None,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("home", &self.home)
            .field("user", &self.user)
            .field("agent", &self.agent)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl ConfigFile {
    /// As words of `ssh`'s command line.
    pub(crate) fn words(&self) -> Vec<String> {
        match self {
            Self::Default => Vec::new(),
            Self::File(file) => vec!["-F".into(), file.to_string_lossy().into_owned()],
            Self::None => vec!["-F".into(), "none".into()],
        }
    }
}
