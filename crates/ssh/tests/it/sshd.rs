//! A real `sshd` on a port of its own, with its keys, and a home for the one who connects.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use windlass_ssh::{Channel, Client, ConfigFile, Endpoint, Error, Exit, Options, Transport};

/// A folder with a home in it, where keys and servers are made.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("wl-ssh-").tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("home/.ssh")).expect("a home");
        Self { folder }
    }

    /// With a key that the server takes and the client has.
    pub(crate) fn with_key() -> Self {
        let site = Self::new();
        site.keygen("home/.ssh/id_ed25519", &["-t", "ed25519"]);
        site.authorize("home/.ssh/id_ed25519");
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.path("home/.ssh/known_hosts")
    }

    /// Makes a key without a passphrase, unless `-N` is among the words.
    pub(crate) fn keygen(&self, name: &str, words: &[&str]) -> PathBuf {
        let path = self.path(name);
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-C", name]).args(words).arg("-f").arg(&path);
        if !words.contains(&"-N") {
            command.args(["-N", ""]);
        }
        run(&mut command);
        path
    }

    /// Lets a key in.
    pub(crate) fn authorize(&self, name: &str) {
        let key = self.read(&format!("{name}.pub"));
        self.append("authorized_keys", &key);
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("it can be read")
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("it can be written");
        path
    }

    pub(crate) fn append(&self, name: &str, text: &str) {
        let old = std::fs::read_to_string(self.path(name)).unwrap_or_default();
        self.write(name, &format!("{old}{text}"));
    }

    /// `KIND BASE64` of a public key.
    pub(crate) fn public(&self, name: &str) -> String {
        let text = self.read(&format!("{name}.pub"));
        text.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// `SHA256:…` of a key, by `ssh-keygen`.
    pub(crate) fn fingerprint(&self, name: &str) -> String {
        let output = Command::new("ssh-keygen").arg("-lf").arg(self.path(&format!("{name}.pub"))).output();
        let output = String::from_utf8(output.expect("it runs").stdout).expect("text");
        output.split(' ').nth(1).expect("a fingerprint").to_owned()
    }

    /// Options of a client that lives here, and knows nothing of the machine's configuration.
    pub(crate) fn options(&self) -> Options {
        Options { config: ConfigFile::None, ..Options::new(self.home(), user()) }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.options())
    }

    /// A client whose configuration is this text.
    pub(crate) fn client_with(&self, config: &str) -> Client {
        let known = self.known_hosts();
        let text = format!("{config}\nHost *\n  UserKnownHostsFile {}\n", known.display());
        let file = self.write("home/.ssh/config", &text);
        Client::new(Options { config: ConfigFile::File(file), ..self.options() })
    }
}

/// A server.
pub(crate) struct Sshd {
    pub(crate) port: u16,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Sshd {
    /// Starts a server whose host key the client knows.
    pub(crate) fn known(site: &Site, config: &str) -> Self {
        let sshd = Self::start(site, config);
        site.append("home/.ssh/known_hosts", &format!("[127.0.0.1]:{} {}\n", sshd.port, site.public("host")));
        sshd
    }

    /// Starts a server. Options that stand in `config` go before the usual ones, so that they count.
    pub(crate) fn start(site: &Site, config: &str) -> Self {
        if !site.path("host").exists() {
            site.keygen("host", &["-t", "ed25519"]);
        }
        if is_root() {
            // Where `sshd` puts its children before anybody is let in; a service would make it.
            std::fs::create_dir_all("/run/sshd").expect("root may");
        }
        // The shell over there must not read what its user has at home on this machine.
        let mut rest = format!(
            "SetEnv HOME={}\nAuthorizedKeysFile {}\nStrictModes no\nPidFile none\nPermitRootLogin yes\nUsePAM no\n\
             LogLevel VERBOSE\nPerSourcePenalties no\n",
            site.home().display(),
            site.path("authorized_keys").display()
        );
        if !config.contains("HostKey ") {
            rest.push_str(&format!("HostKey {}\n", site.path("host").display()));
        }
        // Of this option the last one counts.
        if !config.contains("MaxStartups ") {
            rest.push_str("MaxStartups 100\n");
        }
        if !Self::has("PerSourcePenalties") {
            rest = rest.replace("PerSourcePenalties no\n", "");
        }
        for _ in 0..5 {
            let port = free_port();
            let file = site.write(&format!("sshd_{port}"), &format!("{config}\n{rest}"));
            if let Some(sshd) = Self::launch(&file, port) {
                return sshd;
            }
        }
        panic!("sshd does not start");
    }

    /// Options that older servers do not know would keep them from starting.
    fn has(option: &str) -> bool {
        let option = format!("{option}=no");
        let mut command = Command::new("/usr/sbin/sshd");
        let output =
            command.args(["-T", "-f", "/dev/null", "-o", &option]).output().expect("sshd can be asked");
        !String::from_utf8_lossy(&output.stderr).contains("Bad configuration option")
    }

    fn launch(file: &Path, port: u16) -> Option<Self> {
        let mut child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(file)
            .args(["-o", "ListenAddress=127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("openssh-server is installed (`cargo xtask test` does it)");
        let log = Arc::new(Mutex::new(String::new()));
        let (stderr, into) = (child.stderr.take().expect("it is piped"), log.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                into.lock().expect("nobody panics with it").push_str(&format!("{line}\n"));
            }
        });
        let sshd = Self { port, child, log };
        sshd.listens().then_some(sshd)
    }

    /// Waits for the server's own word: a connection to try it would count as one.
    fn listens(&self) -> bool {
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            let log = self.log();
            if log.contains(&format!("Server listening on 127.0.0.1 port {}", self.port)) {
                return true;
            }
            if log.contains("Address already in use") || log.contains("fatal") {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("sshd says: {}", self.log());
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("nobody panics with it").clone()
    }

    /// How to get there.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint { port: Some(self.port), ..Endpoint::new("127.0.0.1") }
    }

    /// Ends the server and everything that it started for connections.
    pub(crate) fn stop(&mut self) {
        for child in descendants(self.child.id()) {
            let _ = Command::new("kill").args(["-9", &child.to_string()]).stderr(Stdio::null()).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Kills the processes that serve connections; the server itself stays.
    pub(crate) fn cut_connections(&self) {
        self.signal_connections("-KILL");
    }

    /// Stops those processes: nobody answers any more, and nobody says so.
    pub(crate) fn freeze_connections(&self) {
        self.signal_connections("-STOP");
    }

    fn signal_connections(&self, signal: &str) {
        let children = descendants(self.child.id());
        assert!(!children.is_empty(), "there is a connection");
        for child in children {
            // One may have ended by the end of another.
            let _ = Command::new("kill").args([signal, &child.to_string()]).stderr(Stdio::null()).status();
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "sshd on port {} says:\n{}", self.port, self.log());
        }
    }
}

fn descendants(of: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let Ok(tasks) = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children")) else { return found };
    for child in tasks.split_whitespace().filter_map(|word| word.parse().ok()) {
        found.push(child);
        found.extend(descendants(child));
    }
    found
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it has one").port()
}

/// A port where nobody listens.
pub(crate) fn dead_port() -> u16 {
    let port = free_port();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    port
}

pub(crate) fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn user() -> String {
    run(Command::new("id").arg("-un")).trim().to_owned()
}

pub(crate) fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

/// What a command printed, and how it ended.
pub(crate) async fn output(channel: Channel) -> (String, String, Result<Exit, Error>) {
    let Channel { stdin, mut stdout, mut stderr, exit, .. } = channel;
    drop(stdin);
    let (mut out, mut err) = (String::new(), String::new());
    let (a, b, exit) = tokio::join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err), exit);
    a.expect("stdout can be read");
    b.expect("stderr can be read");
    (out, err, exit)
}

/// Connects, runs a command that echoes, and hands the connection back.
pub(crate) async fn works(client: &Client, endpoint: &Endpoint) -> Arc<dyn Transport> {
    let transport = client.connect(endpoint).await.unwrap_or_else(|e| panic!("{e}"));
    let channel = transport.exec("echo out; echo err >&2; exit 7").await.unwrap_or_else(|e| panic!("{e}"));
    let (out, err, exit) = output(channel).await;
    assert_eq!((out.as_str(), err.as_str()), ("out\n", "err\n"));
    assert_eq!(exit.unwrap_or_else(|e| panic!("{e}")), Exit::Code(7));
    transport
}

/// The error of a connection that must fail.
pub(crate) async fn fails(client: &Client, endpoint: &Endpoint) -> Error {
    match client.connect(endpoint).await {
        Ok(_) => panic!("it must not work"),
        Err(error) => error,
    }
}
