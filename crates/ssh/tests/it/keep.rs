//! Connections that are kept for later runs, against real servers: what is shared, what is not, and what ends.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use windlass_ssh::keep::{connections, end};
use windlass_ssh::{Again, Ahead, Client, Endpoint, Error, Exit, HostKeys, Keep, Options, Secret, Transport};

use crate::sshd::{Site, Sshd, dead_port, fails, is_root, output, run, user, works};

/// Longer than any test here.
const LONG: Duration = Duration::from_secs(600);

/// The process that keeps connections: this program, called with the one test that does so, and a socket.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the others"]
async fn the_process() {
    let last = std::env::args().next_back().unwrap_or_default();
    if last.ends_with(".sock") {
        windlass_ssh::keep::serve(Path::new(&last)).await.unwrap_or_else(|e| panic!("{e}"));
    }
}

/// Clients of one user, each as a process of its own would have one.
struct Fleet {
    site: Site,
    complaints: Arc<Mutex<Vec<String>>>,
}

impl Fleet {
    fn new() -> Self {
        Self { site: Site::with_key(), complaints: Arc::default() }
    }

    fn folder(&self) -> PathBuf {
        self.site.path("run")
    }

    fn options(&self) -> Options {
        let heard = self.complaints.clone();
        let this = std::env::current_exe().expect("it runs");
        let words = ["keep::the_process", "--exact", "--ignored"];
        let keep = Keep {
            folder: self.folder(),
            persist: Some(LONG),
            command: [this.into()].into_iter().chain(words.map(Into::into)).collect(),
            complaints: Some(Arc::new(move |why| heard.lock().expect("no panic").push(why.into()))),
        };
        Options { keep: Some(keep), ..self.site.options() }
    }

    fn client(&self) -> Client {
        Client::new(self.options())
    }

    /// A client that keeps connections in some other way.
    fn client_with(&self, change: impl Fn(&mut Keep)) -> Client {
        let mut options = self.options();
        change(options.keep.as_mut().expect("it has one"));
        Client::new(options)
    }

    fn complaints(&self) -> Vec<String> {
        self.complaints.lock().expect("no panic").clone()
    }

    /// The processes that keep connections here.
    fn keepers(&self) -> Vec<u32> {
        let folder = self.folder();
        let folder = folder.to_str().expect("text");
        let said = Command::new("pgrep").args(["-f", folder]).output().expect("procps is installed");
        String::from_utf8_lossy(&said.stdout).lines().filter_map(|line| line.parse().ok()).collect()
    }

    fn kill_keepers(&self) {
        for keeper in self.keepers() {
            // The shell that started it may have become it meanwhile.
            let _ = Command::new("kill").args(["-9", &keeper.to_string()]).status();
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.kill_keepers();
    }
}

/// How many connections the server has let in.
fn logins(sshd: &Sshd) -> usize {
    sshd.log().matches("Accepted publickey for").count()
}

/// Waits for what has to come, for as long as a busy machine may need.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn listed(fleet: &Fleet) -> Vec<windlass_ssh::keep::Connection> {
    connections(&fleet.folder()).await.unwrap_or_else(|e| panic!("{e}"))
}

/// Lets go, and waits until that has arrived: whoever comes next finds the connection free.
async fn let_go(fleet: &Fleet, transport: Arc<dyn Transport>) {
    let before: usize = listed(fleet).await.iter().map(|one| one.held_by).sum();
    transport.close().await;
    drop(transport);
    let begun = Instant::now();
    while listed(fleet).await.iter().map(|one| one.held_by).sum::<usize>() >= before {
        assert!(begun.elapsed() < Duration::from_secs(60), "the hold ends");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_later_client_takes_the_connection_that_is_there() {
    let fleet = Fleet::new();
    let sshd = Sshd::known(&fleet.site, "");
    for round in 0..4 {
        let transport = works(&fleet.client(), &sshd.endpoint()).await;
        assert_eq!(transport.kind(), "kept");
        let how = if round == 0 { "opened by process" } else { "used again by process" };
        assert!(transport.note().contains(how), "{}", transport.note());
        let_go(&fleet, transport).await;
    }
    assert_eq!(logins(&sshd), 1);
    let [one] = listed(&fleet).await.try_into().expect("one connection");
    assert_eq!((one.uses, one.held_by), (4, 0));
    assert_eq!(one.to, format!("{}@127.0.0.1:{}", user(), sshd.port));
    assert!(one.left_s.is_some_and(|left| left > 500), "{one:?}");
    assert_eq!(fleet.complaints(), [""; 0]);
}

#[tokio::test]
async fn nothing_is_kept_unless_it_is_asked_for() {
    let fleet = Fleet::new();
    let sshd = Sshd::known(&fleet.site, "");
    let transport = works(&fleet.client_with(|keep| keep.persist = None), &sshd.endpoint()).await;
    assert_eq!(transport.kind(), "russh");
    assert!(!fleet.folder().exists());
}

#[tokio::test]
async fn clients_at_once_share_a_connection_and_the_third_has_another() {
    let fleet = Fleet::new();
    let sshd = Sshd::known(&fleet.site, "");
    let (one, two, endpoint) = (fleet.client(), fleet.client(), sshd.endpoint());
    let (a, b) = tokio::join!(works(&one, &endpoint), works(&two, &endpoint));
    assert_eq!(logins(&sshd), 1);
    let c = works(&fleet.client(), &endpoint).await;
    assert_eq!(logins(&sshd), 2, "no more than two hold one connection");
    drop((a, b, c));
}

#[tokio::test]
async fn what_the_client_does_with_streams_arrives_whole() {
    let fleet = Fleet::new();
    let sshd = Sshd::known(&fleet.site, "");
    let transport = works(&fleet.client(), &sshd.endpoint()).await;
    let mut channel = transport.exec("cat; echo done >&2").await.unwrap_or_else(|e| panic!("{e}"));
    let sent: Vec<u8> = (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let copy = sent.clone();
    let mut stdin = std::mem::replace(&mut channel.stdin, Box::new(tokio::io::sink()));
    let writing = tokio::spawn(async move {
        stdin.write_all(&copy).await.expect("it takes everything");
        stdin.shutdown().await.expect("the end arrives");
    });
    let mut came = Vec::new();
    channel.stdout.read_to_end(&mut came).await.expect("it comes back");
    writing.await.expect("no panic");
    assert!(came == sent, "{} of {} bytes", came.len(), sent.len());
    let mut words = String::new();
    channel.stderr.read_to_string(&mut words).await.expect("it can be read");
    assert_eq!((words.as_str(), channel.exit.await.expect("it ended")), ("done\n", Exit::Code(0)));
    let channel = transport.exec("kill -TERM $$").await.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(output(channel).await.2.expect("it ended"), Exit::Signal("TERM".into()));
}

#[tokio::test]
async fn a_command_ends_with_the_interest_in_it_and_the_connection_stays() {
    let fleet = Fleet::new();
    let sshd = Sshd::known(&fleet.site, "");
    let transport = works(&fleet.client(), &sshd.endpoint()).await;
    let there = fleet.site.path("ended");
    let command = format!("cat >/dev/null; echo yes >{}", there.display());
    let channel = transport.exec(&command).await.unwrap_or_else(|e| panic!("{e}"));
    drop(channel);
    until("the command ends with the channel", || there.exists()).await;
    assert!(transport.is_open());
    std::fs::remove_file(&there).expect("it is there");
    let channel = transport.exec(&command).await.unwrap_or_else(|e| panic!("{e}"));
    let_go(&fleet, transport).await;
    until("the command ends with the hold", || there.exists()).await;
    assert!(matches!(channel.exit.await, Err(Error::Lost { .. })));
    works(&fleet.client(), &sshd.endpoint()).await;
    assert_eq!(logins(&sshd), 1);
}

#[tokio::test]
async fn a_keeper_that_is_killed_is_replaced() {
    let fleet = Fleet::new();
    let sshd = Sshd::known(&fleet.site, "");
    let client = fleet.client();
    let transport = works(&client, &sshd.endpoint()).await;
    let channel = transport.exec("sleep 100").await.unwrap_or_else(|e| panic!("{e}"));
    fleet.kill_keepers();
    assert!(matches!(channel.exit.await, Err(Error::Lost { .. })));
    until("the end is noticed", || !transport.is_open()).await;
    assert!(transport.exec("true").await.is_err());
    assert_eq!(works(&client, &sshd.endpoint()).await.kind(), "kept");
    assert_eq!((logins(&sshd), fleet.complaints()), (2, Vec::new()));
}

#[tokio::test]
async fn a_connection_that_the_server_ends_is_made_anew() {
    let fleet = Fleet::new();
    let sshd = Sshd::known(&fleet.site, "");
    let transport = works(&fleet.client(), &sshd.endpoint()).await;
    sshd.cut_connections();
    until("the end is noticed", || !transport.is_open()).await;
    let again = works(&fleet.client(), &sshd.endpoint()).await;
    assert_eq!(logins(&sshd), 2);
    let_go(&fleet, again).await;
    // Nobody says that this one is no good; whoever wants to take it finds out.
    sshd.freeze_connections();
    works(&fleet.client(), &sshd.endpoint()).await;
    assert_eq!(logins(&sshd), 3);
}

#[tokio::test]
async fn what_nobody_uses_ends_and_so_does_the_process() {
    let fleet = Fleet::new();
    let sshd = Sshd::known(&fleet.site, "");
    let short = fleet.client_with(|keep| keep.persist = Some(Duration::from_secs(1)));
    let transport = works(&short, &sshd.endpoint()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(listed(&fleet).await.len(), 1, "it is in use");
    let_go(&fleet, transport).await;
    let begun = Instant::now();
    while !listed(&fleet).await.is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is kept for a second");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    until("the server sees the end", || {
        sshd.log().contains("Close session") || sshd.log().contains("Disconnected")
    })
    .await;
    until("the process ends", || fleet.keepers().is_empty()).await;
    assert_eq!(std::fs::read_dir(fleet.folder()).expect("it is there").count(), 0, "its socket goes with it");
}

#[tokio::test]
async fn a_person_can_end_them() {
    let fleet = Fleet::new();
    let sshd = Sshd::known(&fleet.site, "");
    let transport = works(&fleet.client(), &sshd.endpoint()).await;
    assert_eq!(end(&fleet.folder(), &["10.0.0.1".into()]).await.expect("it answers"), 0);
    assert!(transport.is_open());
    assert_eq!(end(&fleet.folder(), &["127.0.0.1".into()]).await.expect("it answers"), 1);
    until("it is gone", || !transport.is_open()).await;
    assert_eq!(listed(&fleet).await, []);
    works(&fleet.client(), &sshd.endpoint()).await;
    assert_eq!(fleet.client().forget(&sshd.endpoint()).await.expect("it answers"), 1);
    assert_eq!(logins(&sshd), 2);
}

#[tokio::test]
async fn whoever_is_not_the_same_has_another_connection() {
    let fleet = Fleet::new();
    let sshd = Sshd::known(&fleet.site, "");
    let lax = Endpoint { host_key_checking: HostKeys::Off, ..sshd.endpoint() };
    let named = Endpoint { identity_files: vec![fleet.site.path("home/.ssh/id_ed25519")], ..sshd.endpoint() };
    let alone = Endpoint { ssh_args: vec!["-o".into(), "IdentitiesOnly=yes".into()], ..sshd.endpoint() };
    for (count, endpoint) in [lax, sshd.endpoint(), named, alone].iter().enumerate() {
        let_go(&fleet, works(&fleet.client(), endpoint).await).await;
        let_go(&fleet, works(&fleet.client(), endpoint).await).await;
        assert_eq!(logins(&sshd), count + 1);
    }
    // The file has the same name, and another key in it.
    std::fs::remove_file(fleet.site.path("home/.ssh/id_ed25519")).expect("it is there");
    fleet.site.keygen("home/.ssh/id_ed25519", &["-t", "ed25519"]);
    let error = fails(&fleet.client(), &sshd.endpoint()).await;
    assert!(error.to_string().contains("permission denied") && !error.is_transient(), "{error}");
}

#[tokio::test]
async fn a_host_key_is_looked_at_each_time() {
    let fleet = Fleet::new();
    let sshd = Sshd::known(&fleet.site, "");
    let_go(&fleet, works(&fleet.client(), &sshd.endpoint()).await).await;
    let known = fleet.site.read("home/.ssh/known_hosts");
    for (change, said) in [
        (String::new(), "is not known"),
        (format!("{known}@revoked * {}\n", fleet.site.public("host")), "is revoked"),
    ] {
        fleet.site.write("home/.ssh/known_hosts", &change);
        let error = fails(&fleet.client(), &sshd.endpoint()).await;
        assert!(error.to_string().contains(said), "{error}");
    }
    assert_eq!(listed(&fleet).await, [], "one that is no longer trusted is not kept");
    fleet.site.write("home/.ssh/known_hosts", &known);
    works(&fleet.client(), &sshd.endpoint()).await;
}

#[tokio::test]
async fn what_goes_wrong_is_told_as_it_is_without() {
    let fleet = Fleet::new();
    let endpoint = Endpoint { port: Some(dead_port()), ..Endpoint::new("127.0.0.1") };
    let direct = fails(&fleet.client_with(|keep| keep.persist = None), &endpoint).await;
    let error = fails(&fleet.client(), &endpoint).await;
    assert_eq!((error.to_string(), error.is_transient()), (direct.to_string(), true));
    assert!(matches!(error, Error::Kept { .. }), "{error:?}");
}

#[tokio::test]
async fn a_host_behind_another_is_kept_with_it() {
    let fleet = Fleet::new();
    let (jump, target) = (Sshd::known(&fleet.site, ""), Sshd::known(&fleet.site, ""));
    let words = ["-o", &format!("ProxyJump=127.0.0.1:{}", jump.port)].map(str::to_owned);
    let endpoint = Endpoint { ssh_args: words.to_vec(), ..target.endpoint() };
    // A jump host has its own configuration, which has to name the keys that are known.
    let config = fleet.site.write(
        "home/.ssh/config",
        &format!(
            "Host *\n  UserKnownHostsFile {}\n  IdentityFile {}\n",
            fleet.site.known_hosts().display(),
            fleet.site.path("home/.ssh/id_ed25519").display()
        ),
    );
    let client =
        || Client::new(Options { config: windlass_ssh::ConfigFile::File(config.clone()), ..fleet.options() });
    for _ in 0..3 {
        let_go(&fleet, works(&client(), &endpoint).await).await;
    }
    assert_eq!((logins(&jump), logins(&target)), (1, 1));
    let [one] = listed(&fleet).await.try_into().expect("one connection");
    assert!(one.to.ends_with("through 127.0.0.1"), "{one:?}");
    // It goes with the way to it.
    jump.cut_connections();
    let_go(&fleet, works(&client(), &endpoint).await).await;
    assert_eq!((logins(&jump), logins(&target)), (2, 2));
}

#[tokio::test]
async fn one_command_of_a_kind_is_started_ahead() {
    let fleet = Fleet::new();
    let sshd = Sshd::known(&fleet.site, "");
    let kind =
        Ahead { name: "cat".into(), next: "echo ahead; cat".into(), opening: "hello\n".into(), again: None };
    for (round, expected) in ["now\n", "ahead\nhello\n", "ahead\nhello\n"].into_iter().enumerate() {
        let transport = works(&fleet.client(), &sshd.endpoint()).await;
        let channel = transport.exec_ahead("echo now; cat", &kind).await.unwrap_or_else(|e| panic!("{e}"));
        let (out, _, exit) = output(channel).await;
        assert_eq!((out.as_str(), exit.expect("it ended")), (expected, Exit::Code(0)), "round {round}");
        let_go(&fleet, transport).await;
        let begun = Instant::now();
        while listed(&fleet).await[0].ready == 0 {
            assert!(begun.elapsed() < Duration::from_secs(60), "the next one is started");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let transport = works(&fleet.client(), &sshd.endpoint()).await;
    let other = Ahead { name: "other".into(), ..kind };
    let channel = transport.exec_ahead("echo now", &other).await.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(output(channel).await.0, "now\n", "it is of another kind");
    assert_eq!(logins(&sshd), 1);
}

#[tokio::test]
async fn one_that_has_ended_meanwhile_is_not_taken() {
    let fleet = Fleet::new();
    let sshd = Sshd::known(&fleet.site, "");
    let ended = fleet.site.path("ended");
    let next = format!("echo ahead; echo >{}", ended.display());
    let kind = Ahead { name: "k".into(), next, opening: String::new(), again: None };
    for _ in 0..2 {
        let transport = works(&fleet.client(), &sshd.endpoint()).await;
        let channel = transport.exec_ahead("echo now", &kind).await.unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(output(channel).await.0, "now\n");
        let_go(&fleet, transport).await;
        until("the next one ran", || ended.exists()).await;
        std::fs::remove_file(&ended).expect("it is there");
        // The server tells of the end after the file is written.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn where_nobody_can_keep_it_the_connection_is_made_here_and_the_reason_told() {
    let fleet = Fleet::new();
    let sshd = Sshd::known(&fleet.site, "");
    let open = fleet.site.path("open");
    std::fs::create_dir(&open).expect("it is new");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    let clients = [
        (fleet.client_with(|keep| keep.folder = open.clone()), "is open to others (mode 755)"),
        (fleet.client_with(|keep| keep.folder = fleet.site.path(&"x".repeat(120))), "no more than 107"),
        (fleet.client_with(|keep| keep.command = vec!["/bin/false".into()]), "ended (exit status: 1)"),
        (fleet.client_with(|keep| keep.command = vec!["/nonexistent".into()]), "cannot be looked at"),
    ];
    for (client, why) in clients {
        for _ in 0..2 {
            assert_eq!(works(&client, &sshd.endpoint()).await.kind(), "russh");
        }
        let told = fleet.complaints();
        assert!(told.last().is_some_and(|last| last.contains(why)), "{why}: {told:?}");
        assert_eq!(told.iter().filter(|one| one.contains(why)).count(), 1, "it is told once");
    }
}

#[tokio::test]
async fn a_password_is_nowhere_to_be_seen() {
    if !is_root() {
        return;
    }
    let fleet = Fleet::new();
    let sshd = Sshd::known(&fleet.site, "PubkeyAuthentication yes\n");
    let secret = "swordfish-4711";
    let endpoint = Endpoint { password: Some(Secret::new(secret.into())), ..sshd.endpoint() };
    let_go(&fleet, works(&fleet.client(), &endpoint).await).await;
    let_go(&fleet, works(&fleet.client(), &endpoint).await).await;
    assert_eq!(logins(&sshd), 1);
    let other = Endpoint { password: Some(Secret::new("another".into())), ..sshd.endpoint() };
    let_go(&fleet, works(&fleet.client(), &other).await).await;
    let_go(&fleet, works(&fleet.client(), &sshd.endpoint()).await).await;
    assert_eq!(logins(&sshd), 3, "who has another password, or none, has another connection");
    let keepers = fleet.keepers();
    assert!(!keepers.is_empty());
    for keeper in keepers {
        for file in ["cmdline", "environ"] {
            let bytes = std::fs::read(format!("/proc/{keeper}/{file}")).expect("root may");
            assert!(!String::from_utf8_lossy(&bytes).contains(secret), "{file}");
        }
        let environment = std::fs::read(format!("/proc/{keeper}/environ")).expect("root may");
        let names = environment.split(|byte| *byte == 0).filter(|variable| !variable.is_empty());
        let names: Vec<_> = names.map(|variable| String::from_utf8_lossy(variable)).collect();
        // The shell that starts it makes some of its own.
        assert!(
            names
                .iter()
                .all(|name| ["PWD=", "OLDPWD=", "SHLVL=", "_="].iter().any(|own| name.starts_with(own))),
            "{names:?}"
        );
        let open = std::fs::read_dir(format!("/proc/{keeper}/fd")).expect("root may");
        let open = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        let files: Vec<PathBuf> =
            open.filter(|path| path.starts_with("/") && path != Path::new("/dev/null")).collect();
        assert!(files.is_empty(), "it holds nothing of others: {files:?}");
        let session = run(Command::new("ps").args(["-o", "sid=", "-p", &keeper.to_string()]));
        assert_eq!(session.trim(), keeper.to_string(), "its session is its own");
    }
    let names: Vec<String> = std::fs::read_dir(fleet.folder())
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    assert!(names.iter().all(|name| name.starts_with("ssh-") && name.len() == 25), "{names:?}");
    let listed = format!("{:?}", listed(&fleet).await);
    assert!(!listed.contains(secret), "{listed}");
}

/// A command that can be used again: it says what it has heard, and forgets when it is asked to. Where there is a file
/// `bad` it does not: it says what is in it on the other output, or ends if that is nothing.
fn echo(fleet: &Fleet, nonce: &str) -> (String, Ahead) {
    let bad = fleet.site.path("bad");
    let bad = bad.display();
    let command = format!(
        "echo started $$; seen=; while read -r word rest; do case $word in \
         forget) if [ -s {bad} ]; then cat {bad} >&2; elif [ -e {bad} ]; then exit 1; \
         else seen=; echo \"clean $rest\"; fi;; \
         *) seen=\"$seen $word\"; echo \"seen$seen\";; esac; done"
    );
    let again = Again {
        ask: format!("forget {nonce}\n"),
        answer: format!("clean {nonce}\n"),
        greeting: "again\n".into(),
    };
    let kind =
        Ahead { name: "echo".into(), next: command.clone(), opening: String::new(), again: Some(again) };
    (command, kind)
}

/// Tells the command a word, and reads until it has said this.
async fn told(channel: &mut windlass_ssh::Channel, word: &str, last: &str) -> String {
    channel.stdin.write_all(format!("{word}\n").as_bytes()).await.expect("it takes it");
    channel.stdin.flush().await.expect("it takes it");
    let (mut said, mut byte) = (String::new(), [0]);
    while !said.ends_with(&format!("{last}\n")) {
        let count = channel.stdout.read(&mut byte).await.expect("it says something");
        assert!(count > 0, "it ended after {said:?}");
        said.push(char::from(byte[0]));
    }
    said
}

/// Gives it back, and waits until the process that keeps it has it.
async fn give_back(mut channel: windlass_ssh::Channel) {
    channel.back.take().expect("it may be used again").give();
    channel.stdin.shutdown().await.expect("the end arrives");
    let mut rest = Vec::new();
    channel.stdout.read_to_end(&mut rest).await.expect("it ends for us");
}

async fn ready(fleet: &Fleet, count: usize) {
    let begun = Instant::now();
    while listed(fleet).await.iter().map(|one| one.ready).sum::<usize>() != count {
        assert!(begun.elapsed() < Duration::from_secs(60), "{count} are ready");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_command_that_is_given_back_is_used_again_and_has_forgotten() {
    let fleet = Fleet::new();
    let sshd = Sshd::known(&fleet.site, "");
    for round in 0..4 {
        // Each client has a word of its own that nobody else knows.
        let (command, kind) = echo(&fleet, &format!("nonce-{round}"));
        let transport = works(&fleet.client(), &sshd.endpoint()).await;
        let mut channel = transport.exec_ahead(&command, &kind).await.unwrap_or_else(|e| panic!("{e}"));
        let said = told(&mut channel, "a", "seen a").await;
        assert_eq!(said.starts_with("again\nseen a"), round > 0, "round {round}: {said}");
        assert_eq!(said.starts_with("started "), round == 0, "round {round}: {said}");
        // What it still says is thrown away, and nobody sees it later.
        channel.stdin.write_all(b"late\nlater\n").await.expect("it takes it");
        give_back(channel).await;
        let_go(&fleet, transport).await;
        ready(&fleet, 1).await;
    }
    assert_eq!(logins(&sshd), 1);
    // It is one process of that host, and it ends with the connection.
    assert_eq!(end(&fleet.folder(), &[]).await.expect("it answers"), 1);
}

#[tokio::test]
async fn what_is_not_given_back_is_ended_and_another_one_started() {
    let fleet = Fleet::new();
    let sshd = Sshd::known(&fleet.site, "");
    let (command, kind) = echo(&fleet, "n");
    let started = |said: &str| said.lines().next().unwrap_or_default().to_owned();
    let transport = works(&fleet.client(), &sshd.endpoint()).await;
    let mut channel = transport.exec_ahead(&command, &kind).await.unwrap_or_else(|e| panic!("{e}"));
    let first = started(&told(&mut channel, "secret", "seen secret").await);
    // As if its process had been killed: in the middle of a word.
    channel.stdin.write_all(b"hal").await.expect("it takes it");
    drop(channel);
    let_go(&fleet, transport).await;
    ready(&fleet, 1).await;
    let transport = works(&fleet.client(), &sshd.endpoint()).await;
    let mut channel = transport.exec_ahead(&command, &kind).await.unwrap_or_else(|e| panic!("{e}"));
    let said = told(&mut channel, "a", "seen a").await;
    assert!(said.starts_with("started ") && started(&said) != first, "{first}: {said}");
    give_back(channel).await;
    // With another kind nobody takes it, and what is no longer of use is ended.
    for name in ["other", "third"] {
        let other = Ahead { name: name.into(), ..kind.clone() };
        let channel = transport.exec_ahead("echo now", &other).await.unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(output(channel).await.0, "now\n");
    }
}

#[tokio::test]
async fn one_that_does_not_say_that_it_has_forgotten_is_not_taken() {
    let fleet = Fleet::new();
    let sshd = Sshd::known(&fleet.site, "");
    let (command, kind) = echo(&fleet, "n");
    for words in ["", "words\n"] {
        let transport = works(&fleet.client(), &sshd.endpoint()).await;
        let mut channel = transport.exec_ahead(&command, &kind).await.unwrap_or_else(|e| panic!("{e}"));
        told(&mut channel, "a", "seen a").await;
        give_back(channel).await;
        let_go(&fleet, transport).await;
        ready(&fleet, 1).await;
        let bad = fleet.site.write("bad", words);
        // It is asked once more before it is taken: meanwhile it has gone bad.
        let transport = works(&fleet.client(), &sshd.endpoint()).await;
        std::fs::remove_file(bad).expect("it is there");
        let mut channel = transport.exec_ahead(&command, &kind).await.unwrap_or_else(|e| panic!("{e}"));
        let said = told(&mut channel, "a", "seen a").await;
        assert!(said.starts_with("started "), "{said}");
        drop(channel);
        let_go(&fleet, transport).await;
        end(&fleet.folder(), &[]).await.expect("it answers");
    }
    assert_eq!(logins(&sshd), 2);
}
