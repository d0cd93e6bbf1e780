//! Many hosts in one process, for tests and benches: an SSH server at many addresses, behind which something
//! answers as a gate does and does nothing.
//!
//! What is real is everything on the way: connections, key exchange, host keys, authentication, channels, frames.
//! [`Swarm::start`] brings them up; [`Swarm::inventory`] is how to reach them; [`Swarm::seen`] is what they saw.

mod gate;
mod host;

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::{Ed25519Keypair, PrivateKey};
use russh::server::Config;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// So many hosts in one process.
pub struct Swarm {
    folder: TempDir,
    inventory: String,
    counts: Arc<Counts>,
    /// Ends all that it runs when it goes.
    _runtime: Runtime,
}

/// What the hosts have seen so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Users who were let in.
    pub logins: usize,
    /// Modules that were run.
    pub modules: usize,
    /// The most hosts at work on a module at the same time.
    pub most: usize,
}

#[derive(Default)]
struct Counts {
    logins: AtomicUsize,
    modules: AtomicUsize,
    busy: AtomicUsize,
    most: AtomicUsize,
}

impl Swarm {
    /// Brings up `count` hosts, named `s1` and so on, on which each module takes `takes`.
    pub fn start(count: u16, takes: Duration) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let counts = Arc::<Counts>::default();
        // The keys protect nothing: the same ones each time are as good as others.
        let (server, user) = (key(1), key(2));
        let known = server.public_key().to_openssh().map_err(io::Error::other)?;
        std::fs::write(folder.path().join("known_hosts"), format!("* {known}\n"))?;
        private(&folder.path().join("key"), &user)?;
        let config = Arc::new(Config {
            keys: vec![server],
            nodelay: true,
            auth_rejection_time: Duration::ZERO,
            inactivity_timeout: None,
            ..Config::default()
        });
        let mut inventory = String::new();
        for number in 1..=count {
            // All of 127.0.0.0/8 is this machine: each host has an address of its own.
            let [high, low] = number.to_be_bytes();
            let address = Ipv4Addr::new(127, 87, high, low);
            let listener = runtime.block_on(TcpListener::bind((address, 0)))?;
            let port = listener.local_addr()?.port();
            inventory += &format!("s{number} ansible_host={address} ansible_port={port}\n");
            runtime.spawn(host::listen(listener, config.clone(), counts.clone(), takes));
        }
        inventory += &format!(
            "[all:vars]\nansible_user=root\nansible_ssh_private_key_file={}\nansible_ssh_common_args=-o \
             UserKnownHostsFile={}\n",
            folder.path().join("key").display(),
            folder.path().join("known_hosts").display(),
        );
        Ok(Self { folder, inventory, counts, _runtime: runtime })
    }

    /// An inventory of all of them, as an INI file has it.
    #[must_use]
    pub fn inventory(&self) -> &str {
        &self.inventory
    }

    /// The folder with the user's key and the hosts'.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What they have seen so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let Counts { logins, modules, most, .. } = &*self.counts;
        let read = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        Seen { logins: read(logins), modules: read(modules), most: read(most) }
    }
}

impl std::fmt::Debug for Swarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Swarm").field("seen", &self.seen()).finish_non_exhaustive()
    }
}

fn key(number: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[number; 32]))
}

/// Writes a key as clients want it: nobody else may read it.
fn private(path: &Path, key: &PrivateKey) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let text = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}
