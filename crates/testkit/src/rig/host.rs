//! One host: booting, powering off, cutting off, and running commands in it.

use std::fs::{self, File};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::cgroup::Group;
use super::net::Subnet;
use super::{Disk, Error, tool};
use crate::{Output, Running};

/// Keeps a host for as long as this process lives.
const KEEP: &str = include_str!("keep.sh");

/// Runs as the host's first process.
const BOOT: &str = include_str!("boot.sh");

/// How long a host may take to come up: a busy machine boots many at once.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long a command in a host may take.
const COMMAND: Duration = Duration::from_secs(120);

/// How often something is looked at while it is waited for.
const LOOK: Duration = Duration::from_millis(10);

/// The `PATH` of commands in a host.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// One test host. Dropping it turns it off.
#[derive(Debug)]
pub struct Host {
    number: u8,
    folder: PathBuf,
    base: PathBuf,
    subnet: Subnet,
    group: Group,
    life: Mutex<Option<Life>>,
}

/// A host that is on.
#[derive(Debug)]
struct Life {
    /// The process that keeps it, until its standard input ends.
    keeper: Child,
    /// The host's first process.
    pid: u32,
}

impl Host {
    pub(super) fn new(number: u8, folder: PathBuf, base: &Path, subnet: Subnet, group: Group) -> Self {
        Self { number, folder, base: base.to_owned(), subnet, group, life: Mutex::new(None) }
    }

    /// Its name, as in `h1`.
    pub fn name(&self) -> String {
        format!("h{}", self.number)
    }

    /// Its address; sshd listens on port 22.
    pub fn addr(&self) -> Ipv4Addr {
        self.subnet.host(self.number)
    }

    /// Its public key as it stands in a `known_hosts` file after the name: `ssh-ed25519 AAAA…`.
    pub fn host_key(&self) -> String {
        let line = fs::read_to_string(self.folder.join("host_key")).expect("it was written with the host");
        line.split(' ').take(2).collect::<Vec<_>>().join(" ").trim().to_owned()
    }

    /// The id of its first process outside, if it is on: it may have turned itself off.
    pub fn pid(&self) -> Option<u32> {
        self.life().as_mut().and_then(|life| life.lasts().then_some(life.pid))
    }

    /// The overlay's upper folder: everything that the host has beyond the base.
    pub fn upper(&self) -> PathBuf {
        self.folder.join("upper")
    }

    /// What is on its disk now, to be compared with another moment.
    pub fn disk(&self) -> Disk {
        Disk::read(&self.upper())
    }

    /// A command inside the host as root, past its network: `sh -c SCRIPT`. The caller says what becomes of its
    /// streams.
    pub fn command(&self, script: &str) -> Result<Command, Error> {
        let pid = self.pid().ok_or_else(|| Error::Off(self.name()))?;
        let mut command = tool::command("nsenter");
        command.args([
            "--target",
            &pid.to_string(),
            "--mount",
            "--uts",
            "--ipc",
            "--net",
            "--pid",
            "--cgroup",
        ]);
        command.args(["--root", "--wd", "--", "/bin/sh", "-c", script]);
        command.env_clear().envs([("PATH", PATH), ("HOME", "/root"), ("LANG", "C.UTF-8")]);
        Ok(command)
    }

    /// Runs a script inside the host as root, past its network, and waits for its end. Panics if it takes
    /// longer than two minutes, or if the host is off.
    pub fn exec(&self, script: &str) -> Output {
        let command = self.command(script).unwrap_or_else(|error| panic!("{error}"));
        Running::start(command, COMMAND, Stdio::piped()).wait()
    }

    /// Turns the power off at once; the disk stays.
    pub fn kill(&self) -> Result<(), Error> {
        self.off(&mut self.life())
    }

    /// Turns the power on and waits until sshd answers. A host that is on stays on.
    pub fn start(&self) -> Result<(), Error> {
        let mut life = self.life();
        if life.as_mut().is_none_or(|life| !life.lasts()) {
            self.off(&mut life)?;
            *life = Some(self.boot()?);
        }
        life.as_mut().map_or(Ok(()), |life| self.answered(life))
    }

    /// Cuts it off from the network: what is sent to it or by it is lost, and nobody is told.
    pub fn partition(&self) -> Result<(), Error> {
        self.subnet.cut(self.number, true)
    }

    /// Ends a partition.
    pub fn heal(&self) -> Result<(), Error> {
        self.subnet.cut(self.number, false)
    }

    fn life(&self) -> MutexGuard<'_, Option<Life>> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn boot(&self) -> Result<Life, Error> {
        self.group.create()?;
        for trace in ["pid", "plugged"] {
            fs::remove_file(self.folder.join(trace)).ok();
        }
        let mut life = Life { keeper: self.keep()?, pid: 0 };
        let begun = self.first_process(&mut life).and_then(|pid| {
            life.pid = pid;
            self.subnet.plug(self.number, pid)?;
            let plugged = self.folder.join("plugged");
            fs::write(&plugged, "").map_err(Error::io(format!("writing {}", plugged.display())))
        });
        match begun {
            Ok(()) => Ok(life),
            Err(error) => {
                self.off(&mut Some(life)).ok();
                Err(error)
            }
        }
    }

    /// Starts the process that keeps the host.
    fn keep(&self) -> Result<Child, Error> {
        let path = self.folder.join("boot.log");
        let failed = || Error::io(format!("booting {}", self.name()));
        let log = File::create(path).map_err(failed())?;
        let mut keeper = tool::command("sh");
        keeper.args(["-c", KEEP, "keep"]).arg(self.group.door());
        keeper.args([BOOT, "boot"]).arg(&self.folder).arg(self.name()).arg(&self.base);
        keeper.env_clear().env("PATH", PATH).current_dir("/");
        keeper.stdin(Stdio::piped()).stdout(log.try_clone().map_err(failed())?).stderr(log);
        keeper.spawn().map_err(failed())
    }

    /// Waits until the host's first process has said who it is.
    fn first_process(&self, life: &mut Life) -> Result<u32, Error> {
        let begun = Instant::now();
        loop {
            let pid = fs::read_to_string(self.folder.join("pid")).unwrap_or_default();
            if let Ok(pid) = pid.trim().parse() {
                return Ok(pid);
            }
            if !life.lasts() || begun.elapsed() > PATIENCE {
                return Err(self.stuck("did not begin to boot"));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until sshd says its name.
    fn answered(&self, life: &mut Life) -> Result<(), Error> {
        let begun = Instant::now();
        let address = SocketAddr::new(IpAddr::V4(self.addr()), 22);
        while life.lasts() && begun.elapsed() < PATIENCE {
            if greets(address) {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        Err(self.stuck("does not answer on port 22"))
    }

    fn stuck(&self, what: &'static str) -> Error {
        let log = fs::read_to_string(self.folder.join("boot.log")).unwrap_or_default();
        Error::Boot { host: self.name(), what, log: tool::last_lines(&log) }
    }

    fn off(&self, life: &mut Option<Life>) -> Result<(), Error> {
        let Some(mut life) = life.take() else { return Ok(()) };
        drop(life.keeper.stdin.take());
        life.keeper.wait().map_err(Error::io(format!("turning {} off", self.name())))?;
        self.group.end()?;
        self.subnet.unplug(self.number)
    }
}

impl Life {
    /// Whether the host is on: its keeper ends with it.
    fn lasts(&mut self) -> bool {
        self.keeper.try_wait().is_ok_and(|status| status.is_none())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // The rig ends all groups once more, and says what does not end.
        self.kill().ok();
    }
}

/// Whether an SSH server answers.
fn greets(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) else {
        return false;
    };
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok();
    let mut name = [0; 4];
    stream.read_exact(&mut name).is_ok_and(|()| &name == b"SSH-")
}
