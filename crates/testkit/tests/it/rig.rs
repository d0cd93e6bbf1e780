//! Test hosts: they are what they say, live through what is done to them, and leave nothing behind.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use windlass_testkit::Rig;
use windlass_testkit::rig::{Host, PASSWORD};

/// The program behind `cargo xtask rig`.
const PROGRAM: &str = env!("CARGO_BIN_EXE_rig");

/// Runs a command over ssh, which takes no other host key than the one that the rig wrote down.
fn ssh(rig: &Rig, user: &str, host: &Host, command: &str) -> Output {
    let mut ssh = Command::new("ssh");
    ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]);
    ssh.args(["-o", "GlobalKnownHostsFile=none", "-o", "ConnectTimeout=3", "-i"]).arg(rig.key());
    ssh.arg("-o").arg(format!("UserKnownHostsFile={}", rig.known_hosts().display()));
    ssh.arg(format!("{user}@{}", host.addr())).arg(command).output().expect("ssh is installed")
}

/// What a command over ssh printed. Fails unless it went well.
#[track_caller]
fn said(rig: &Rig, user: &str, host: &Host, command: &str) -> String {
    let output = ssh(rig, user, host, command);
    assert!(output.status.success(), "{user}@{}: {command}: {output:?}", host.name());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn reachable(host: &Host) -> bool {
    let address = SocketAddr::new(host.addr().into(), 22);
    TcpStream::connect_timeout(&address, Duration::from_millis(700)).is_ok()
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(30), "not in 30 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn hosts_are_reached_by_their_users_and_by_each_other() {
    let Some(rig) = Rig::for_test(2) else { return };
    for host in rig.hosts() {
        assert_eq!(said(&rig, "root", host, "hostname; id -u"), format!("{}\n0", host.name()));
        assert_eq!(said(&rig, "ops", host, "id -un; sudo -n id -u; doas id -u"), "ops\n0\n0");
    }
    let first = rig.host(1);
    assert_eq!(first.exec("cat /proc/1/comm").success().stdout(), "systemd\n");
    until("the system runs", || first.exec("systemctl is-system-running").stdout() == "running\n");
    first.exec(&format!("su pw -c 'echo {PASSWORD} | sudo -S id -u' | grep -qx 0")).success();
    assert_ne!(first.exec("su pw -c 'sudo -n id -u'").code(), Some(0));
    assert_ne!(first.exec("su pw -c 'echo wrong | sudo -S id -u'").code(), Some(0));
    // By name, and with hardware of its own in between.
    first.exec("ping -c 1 -W 5 h2").success();
    assert_eq!(first.exec("exit 7").code(), Some(7));
    assert!(rig.inventory().starts_with(&format!("h1 ansible_host={}\n", first.addr())));
}

#[test]
fn a_host_with_another_key_is_refused() {
    let Some(rig) = Rig::for_test(1) else { return };
    let host = rig.host(1);
    assert!(host.host_key().starts_with("ssh-ed25519 AAAA"));
    host.exec("cd /etc/ssh && rm ssh_host_* && ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key && systemctl restart ssh")
        .success();
    until("sshd is back", || reachable(host));
    let refused = ssh(&rig, "root", host, "true");
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("HOST IDENTIFICATION HAS CHANGED"),
        "{refused:?}"
    );
}

#[test]
fn the_disk_outlives_the_power() {
    let Some(rig) = Rig::for_test(2) else { return };
    let host = rig.host(1);
    host.exec("echo kept > /root/file; echo kept > /var/lib/etcd/file; echo lost > /run/file; sync")
        .success();
    let before = host.exec("cat /proc/sys/kernel/random/boot_id").stdout();
    host.kill().unwrap();
    assert_eq!(host.pid(), None);
    assert!(!reachable(host) && reachable(rig.host(2)));
    host.start().unwrap();
    let files = "cat /root/file /var/lib/etcd/file; test ! -e /run/file && echo gone";
    assert_eq!(said(&rig, "root", host, files), "kept\nkept\ngone");
    assert_eq!(host.exec("cat /proc/sys/kernel/random/boot_id").stdout(), before, "one kernel for all");
    // Off and on again leaves no time for anything to be cleared away.
    for _ in 0..5 {
        host.kill().unwrap();
        host.start().unwrap();
    }
    // It may also turn itself off.
    ssh(&rig, "root", host, "systemctl poweroff");
    until("the host is off", || host.pid().is_none());
    host.start().unwrap();
    assert_eq!(said(&rig, "root", host, "cat /root/file"), "kept");
}

#[test]
fn a_partition_is_silent_and_heals() {
    let Some(rig) = Rig::for_test(2) else { return };
    let (host, other) = (rig.host(1), rig.host(2));
    host.partition().unwrap();
    let begun = Instant::now();
    let address = SocketAddr::new(host.addr().into(), 22);
    let error = TcpStream::connect_timeout(&address, Duration::from_secs(1)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut, "{error}");
    assert!(begun.elapsed() >= Duration::from_secs(1) && reachable(other));
    assert_ne!(other.exec("ping -c 1 -W 1 h1").code(), Some(0));
    // It lives on meanwhile.
    host.exec("true").success();
    host.heal().unwrap();
    assert_eq!(said(&rig, "root", host, "echo back"), "back");
}

#[test]
fn the_upper_folder_shows_what_was_written() {
    let Some(rig) = Rig::for_test(1) else { return };
    let host = rig.host(1);
    until("the system runs", || host.exec("systemctl is-system-running").stdout() == "running\n");
    let before = host.disk();
    said(&rig, "root", host, "cat /etc/passwd >/dev/null; ls -lR /etc >/dev/null; sudo -n true");
    assert_eq!(
        host.disk().changes_since(&before),
        Vec::<PathBuf>::new(),
        "reading and logging in write nothing"
    );
    said(
        &rig,
        "root",
        host,
        "mkdir /opt/new; echo 1 > /opt/new/file; chmod 600 /etc/fstab; rm /etc/issue; echo > /tmp/x",
    );
    let changes = host.disk().changes_since(&before);
    let due = ["etc/fstab", "etc/issue", "opt", "opt/new", "opt/new/file", "tmp/x"].map(PathBuf::from);
    assert_eq!(changes, due);
    assert_eq!(fs::read_to_string(host.upper().join("opt/new/file")).unwrap(), "1\n");
    // What a host writes never reaches the base or another host.
    assert_eq!(
        fs::metadata(Rig::base().unwrap().join("etc/fstab")).unwrap().permissions().mode() & 0o777,
        0o644
    );
}

/// What a rig is made of, to be looked for after its end.
struct Traces {
    folder: PathBuf,
    pids: Vec<u32>,
    networks: Vec<PathBuf>,
    address: Ipv4Addr,
}

impl Traces {
    fn of(rig: &Rig) -> Self {
        let pids: Vec<u32> = rig.hosts().iter().map(|host| host.pid().expect("it is on")).collect();
        let networks = pids.iter().map(|pid| fs::read_link(format!("/proc/{pid}/ns/net")).unwrap()).collect();
        Self { folder: rig.folder().to_owned(), pids, networks, address: rig.host(1).addr() }
    }

    /// Everything that is still there.
    fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        if mounts.contains(&*self.folder.to_string_lossy()) {
            left.push("a mount".to_owned());
        }
        left.extend(self.folder.exists().then(|| "its folder".to_owned()));
        left.extend(
            self.pids
                .iter()
                .filter(|pid| Path::new(&format!("/proc/{pid}")).exists())
                .map(|pid| format!("process {pid}")),
        );
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let network = fs::read_link(entry.path().join("ns/net")).ok();
            if network.is_some_and(|network| self.networks.contains(&network)) {
                left.push(format!("process {} in a host's network", entry.file_name().to_string_lossy()));
            }
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command);
            if command.contains("\0-c\0# Keeps") && command.contains(&*self.folder.to_string_lossy()) {
                left.push(format!("process {} that keeps a host", entry.file_name().to_string_lossy()));
            }
        }
        let route = Command::new("ip").args(["route", "get", &self.address.to_string()]).output().unwrap();
        if String::from_utf8_lossy(&route.stdout).contains("wlrig") {
            left.push("its bridge".into());
        }
        left
    }
}

#[test]
fn a_rig_leaves_nothing_behind() {
    let Some(rig) = Rig::for_test(2) else { return };
    let traces = Traces::of(&rig);
    assert!(traces.left().len() >= 7, "the search finds a rig that is there: {:?}", traces.left());
    rig.host(2).exec("(setsid sleep 1000 >/dev/null 2>&1 </dev/null &)").success();
    drop(rig);
    assert_eq!(traces.left(), Vec::<String>::new());
}

#[test]
fn a_test_that_panics_leaves_nothing_behind() {
    let Some(rig) = Rig::for_test(1) else { return };
    let traces = Traces::of(&rig);
    let rig = AssertUnwindSafe(rig);
    catch_unwind(|| {
        let _rig = rig;
        std::panic::resume_unwind(Box::new("on purpose"));
    })
    .unwrap_err();
    assert_eq!(traces.left(), Vec::<String>::new());
}

#[test]
fn what_a_killed_test_left_is_taken_down_by_the_next() {
    // Also the second of two rigs at once.
    let Some(other) = Rig::for_test(1) else { return };
    let mut killed = Command::new(PROGRAM)
        .args(["up", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it was built with the tests");
    let first = BufReader::new(killed.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let address: Ipv4Addr = first.rsplit('=').next().unwrap().parse().unwrap();
    assert_ne!(address, other.host(1).addr());
    let [_, _, low, _] = address.octets();
    let folder = other.folder().with_file_name(low.to_string());
    assert!(folder.is_dir(), "{}", folder.display());
    killed.kill().unwrap();
    killed.wait().unwrap();
    // Its host ends at once; the rest is for whoever comes next, here or in another test.
    let bridge = PathBuf::from(format!("/sys/class/net/wlrig{low}/brif"));
    until("the host is off", || fs::read_dir(&bridge).map_or(true, |mut cables| cables.next().is_none()));
    Rig::sweep().unwrap();
    let traces = Traces { folder, pids: Vec::new(), networks: Vec::new(), address };
    // Another test may have taken the number since, with all that was left of it gone.
    let mine = |left: &String| !left.contains("process");
    until("nothing is left", || traces.left().iter().all(mine) || traces.folder.join("key").exists());
    assert!(reachable(other.host(1)), "a rig with an owner stays");
}

#[test]
fn a_machine_that_cannot_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("rig");
    // Not by this process: a child of another test could hold the file open for writing.
    assert!(Command::new("cp").arg(PROGRAM).arg(&program).status().unwrap().success());
    let mut command = Command::new(program);
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let output = command.args(["up", "1"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("this machine cannot hold test hosts: not root"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}
