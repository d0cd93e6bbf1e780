//! Test hosts on one machine: each has its own network, processes, mounts, name and disk, systemd as its first
//! process and sshd on port 22 of its own address. Begin at [`Rig::up`].
//!
//! A host is nothing but processes in namespaces of their own: its root folder is mounted and its network card
//! plugged in *inside*, so that both go with its last process. What lies outside is one bridge, one folder and
//! one control group for each rig; dropping the [`Rig`] takes them down, and where a test process was killed,
//! the next `up` does it.

mod base;
mod cgroup;
mod disk;
mod error;
mod home;
mod host;
mod machine;
mod net;
mod seed;
mod tool;

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use cgroup::Group;
use home::Home;
use net::Subnet;

pub use disk::Disk;
pub use error::Error;
pub use host::Host;

/// The environment variable that asks for tests on test hosts.
pub const ASKED: &str = "WINDLASS_RIG";

/// The password of the user `pw`.
pub const PASSWORD: &str = "rigpass";

/// Test hosts `h1` to `hN`, with the users root (by key), `ops` (by key; sudo and doas without a password) and
/// `pw` (by [`PASSWORD`]; sudo and doas with it). They reach each other and nothing else.
#[derive(Debug)]
pub struct Rig {
    hosts: Vec<Host>,
    home: Home,
    number: u16,
    folder: PathBuf,
    /// Held for as long as the rig lives: this is how others know that somebody owns it.
    _owner: File,
}

impl Rig {
    /// The folder of the hosts' common root system; it is made if it is not there yet, which takes minutes.
    pub fn base() -> Result<PathBuf, Error> {
        machine::check()?;
        base::ready(&Home::open()?)
    }

    /// Takes down what dead test processes left, and says how many rigs that were.
    pub fn sweep() -> Result<usize, Error> {
        machine::check()?;
        let home = Home::open()?;
        let _one_at_a_time = home.lock()?;
        sweep(&home)
    }

    /// Boots `count` hosts and waits until their sshd answers.
    pub fn up(count: u8) -> Result<Self, Error> {
        let base = Self::base()?;
        let mut rig = Self::claim()?;
        let key = seed::key(&rig.folder)?;
        let subnet = Subnet::new(rig.number);
        let names: Vec<(String, Ipv4Addr)> = (1..=count).map(|n| (format!("h{n}"), subnet.host(n))).collect();
        for number in 1..=count {
            let folder = rig.folder.join(format!("h{number}"));
            seed::host(&folder, &names, number, &key)?;
            let group = Group::new(rig.home.groups(), rig.number, number);
            rig.hosts.push(Host::new(number, folder, &base, subnet, group));
        }
        seed::known_hosts(&rig.folder, &rig.hosts)?;
        rig.boot()?;
        Ok(rig)
    }

    /// The hosts of a test, where they were asked for by the variable [`ASKED`]; `cargo xtask test` does. Else
    /// says that the test was not run. Panics where they were asked for and cannot be had.
    pub fn for_test(count: u8) -> Option<Self> {
        if std::env::var_os(ASKED).is_none_or(|word| word.is_empty() || word == "0") {
            let test = std::thread::current();
            let test = test.name().unwrap_or("a test");
            // Past the harness, which would keep it to itself.
            writeln!(
                std::io::stderr(),
                "{test} needs test hosts and was not run: `cargo xtask test` runs it"
            )
            .ok();
            return None;
        }
        Some(Self::up(count).unwrap_or_else(|error| panic!("no test hosts: {}", error.whole())))
    }

    /// The hosts, `h1` first.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Host `number`, counted from 1 as in the names.
    pub fn host(&self, number: usize) -> &Host {
        &self.hosts[number - 1]
    }

    /// The private key (OpenSSH, ed25519, no passphrase) that root and `ops` accept.
    pub fn key(&self) -> PathBuf {
        self.folder.join("key")
    }

    /// A `known_hosts` file with the key of every host, under its address.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.join("known_hosts")
    }

    /// An inventory of the hosts, as Ansible's INI text, for root by key.
    pub fn inventory(&self) -> String {
        let mut text = String::new();
        let mut line = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("a string takes all");
        for host in &self.hosts {
            line(format_args!("{} ansible_host={}", host.name(), host.addr()));
        }
        line(format_args!("\n[all:vars]\nansible_user=root"));
        line(format_args!("ansible_ssh_private_key_file={}", self.key().display()));
        line(format_args!("ansible_ssh_common_args=-o UserKnownHostsFile={}", self.known_hosts().display()));
        text
    }

    /// The folder in which the rig keeps everything of its own; it goes with the rig.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes a number that nobody has, with its bridge and folder.
    fn claim() -> Result<Self, Error> {
        let home = Home::open()?;
        let _one_at_a_time = home.lock()?;
        sweep(&home)?;
        let number = net::claim(|number| !home.rig(number).exists())?;
        let (folder, owner) = home.create(number)?;
        Ok(Self { hosts: Vec::new(), home, number, folder, _owner: owner })
    }

    /// Boots every host, side by side.
    fn boot(&self) -> Result<(), Error> {
        std::thread::scope(|scope| {
            let boots: Vec<_> = self.hosts.iter().map(|host| scope.spawn(|| host.start())).collect();
            boots.into_iter().try_for_each(|boot| boot.join().expect("booting does not panic"))
        })
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.hosts.clear();
        let one_at_a_time = self.home.lock();
        // A test that goes well and leaves something behind did not go well; one that panics has said why.
        if let Err(error) = one_at_a_time.and_then(|_lock| take_down(&self.home, self.number))
            && !std::thread::panicking()
        {
            panic!("a rig cannot be taken down: {}", error.whole());
        }
    }
}

/// Takes down every rig without an owner. The caller holds the home's lock.
fn sweep(home: &Home) -> Result<usize, Error> {
    let left = home.left_behind()?;
    for number in &left {
        take_down(home, *number)?;
    }
    Ok(left.len())
}

/// Takes down everything of a rig: processes first, for they hold the rest.
fn take_down(home: &Home, number: u16) -> Result<(), Error> {
    Group::end_all(home.groups(), number)?;
    net::release(number)?;
    home.remove(number)
}
