//! `user`, `group` and `hostname`, and something that goes wrong at each point where it can: ended, a full disk,
//! nothing that may be written, somebody else who changes accounts at the same time.
//!
//! The host's own programs do the work, on an `/etc` and a `/home` of the test's own: each test starts itself again
//! in namespaces, which needs root.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use windlass_gate::{Cancel, Error, Reply};

use crate::{env::Env, everywhere::Mount};

/// Says that the test is in its namespaces.
const INSIDE: &str = "WINDLASS_TEST_ACCOUNTS";

/// What the files of accounts and the home folders come from.
const BASE: &str = "/mnt/etc";

/// The files that modules change by the host's programs.
const FILES: [&str; 7] = ["group", "gshadow", "hostname", "passwd", "shadow", "subgid", "subuid"];

struct Case {
    module: &'static str,
    /// What was done before.
    before: &'static str,
    params: Value,
}

/// The cases, or in everyday tests a part of them.
fn cases() -> Vec<Case> {
    let case = |module, before, params| Case { module, before, params };
    let all = [
        case("user", "groupadd web", json!({"name": "ann", "uid": 3100, "groups": ["web"], "password": "*"})),
        case("hostname", "", json!({"name": "other"})),
        case("group", "groupadd -g 2000 web", json!({"name": "web", "gid": 2001})),
        case("group", "", json!({"name": "web", "gid": 2000})),
        case("group", "groupadd web", json!({"name": "web", "state": "absent"})),
        case(
            "user",
            "useradd -m ann; groupadd web",
            json!({"name": "ann", "comment": "Ann", "groups": ["web"], "append": true}),
        ),
        case("user", "useradd -m ann", json!({"name": "ann", "password": "*", "password_expire_max": 90})),
        case("user", "useradd -m ann", json!({"name": "ann", "home": "/home/anna", "move_home": true})),
        case("user", "useradd -m ann", json!({"name": "ann", "state": "absent", "remove": true})),
    ];
    let wide = std::env::var_os("WINDLASS_SEEDS").is_some();
    all.into_iter().take(if wide { usize::MAX } else { 3 }).collect()
}

/// Whether this is the inside of a test's namespaces; if not, the test of this name is run there, if we are root.
fn inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    if !rustix::process::geteuid().is_root() {
        return false;
    }
    // Without `/run` no system manager is asked to name the host.
    let script = r#"mount --make-rprivate /; for at in /mnt /run /var/log /var/mail; do
            test ! -d $at || mount -t tmpfs -o mode=755 tmpfs $at; done
        mkdir -p /mnt/etc; cd /etc; cp -aL --parents default group gshadow login.defs nsswitch.conf pam.d passwd \
            security shadow skel subgid subuid /mnt/etc/ 2>/dev/null || true; cp -a ld.so.cache /mnt/etc/ || true
        exec "$0" --exact "$1" --nocapture"#;
    let ran = Command::new("unshare")
        .args(["--mount", "--uts", "--", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let (said, told) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && said.contains("1 passed"), "{said}{told}");
    false
}

fn sh(script: &str) {
    let ran = Command::new("sh").args(["-ec", script]).output().unwrap();
    assert!(ran.status.success(), "{script}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// Fresh files of accounts, on a small disk of their own, until this goes.
struct Fresh {
    env: Env,
    disks: Vec<Mount>,
}

impl Fresh {
    fn new(case: &Case) -> Self {
        let disks = ["/etc", "/home"].map(|at| Mount::over(Path::new(at)).expect("root may mount"));
        sh(&format!("cp -a {BASE}/. /etc/; echo first >/etc/hostname; hostname first; {}", case.before));
        Self { env: Env::new(), disks: disks.into() }
    }

    fn run(&self, case: &Case) -> Result<Reply, Error> {
        self.env.run(case.module, case.params.clone())
    }
}

type Tree = BTreeMap<PathBuf, String>;

/// The accounts, the homes and the name.
fn tree() -> Tree {
    let mut found = Tree::new();
    for name in FILES {
        let path = Path::new("/etc").join(name);
        found.insert(path.clone(), fs::read_to_string(path).unwrap_or_default());
    }
    let mut folders = vec![PathBuf::from("/home")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            folders.extend(path.is_dir().then(|| path.clone()));
            found.insert(path.clone(), fs::read_to_string(&path).unwrap_or_default());
        }
    }
    let now = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    found.insert("now".into(), now);
    found
}

fn told(case: &Case) -> String {
    format!("{} {} after {:?}", case.module, case.params, case.before)
}

fn clean(case: &Case) -> (Tree, Tree) {
    let fresh = Fresh::new(case);
    let before = tree();
    let done = fresh.run(case).unwrap();
    assert!(done.changed && !done.failed, "{}: {}", told(case), done.to_json());
    (before, tree())
}

/// The accounts that cases are about.
const OWN: [&str; 3] = ["ann:", "web:", "zoe:"];

/// Holds that no file is torn: each account of others is as it was, and each of ours has all its fields. A run may do
/// its work by several programs, and be ended between them.
fn assert_whole(now: &Tree, before: &Tree, told: &str) {
    for name in FILES {
        let path = Path::new("/etc").join(name);
        let others = |tree: &Tree| -> Vec<String> {
            let lines = tree[&path].lines().filter(|line| OWN.iter().all(|own| !line.starts_with(own)));
            lines.map(str::to_owned).collect()
        };
        if name == "hostname" {
            assert!(["first\n", "other\n"].contains(&now[&path].as_str()), "{told}: {:?}", now[&path]);
            continue;
        }
        assert_eq!(others(now), others(before), "{told}: {}", path.display());
        let fields = match name {
            "passwd" => 7,
            "shadow" => 9,
            "subgid" | "subuid" => 3,
            _ => 4,
        };
        let whole = |line: &str| line.split(':').count() == fields;
        let text = &now[&path];
        assert!((text.is_empty() || text.ends_with('\n')) && text.lines().all(whole), "{told}: {text}");
    }
}

fn failed(done: &Result<Reply, Error>) -> bool {
    done.as_ref().map_or(true, |reply| reply.failed)
}

/// Holds that a run that nothing is in the way of does the rest.
fn assert_repeats(fresh: &mut Fresh, case: &Case, after: &Tree, told: &str) {
    fresh.env.cancel = Cancel::new();
    let again = fresh.run(case);
    assert!(!failed(&again), "{told}, and again: {again:?}");
    assert_eq!(&tree(), after, "{told}, and again");
}

#[test]
fn an_account_that_is_ended_at_any_point_is_whole() {
    if !inside("accounts::an_account_that_is_ended_at_any_point_is_whole") {
        return;
    }
    for case in cases() {
        let (before, after) = clean(&case);
        for at in 0.. {
            let told = format!("{} ended at look {at}", told(&case));
            let mut fresh = Fresh::new(&case);
            let looks = AtomicUsize::new(0);
            fresh.env.cancel = Cancel::asking(move || looks.fetch_add(1, Ordering::Relaxed) == at);
            let done = fresh.run(&case);
            assert_whole(&tree(), &before, &told);
            match done {
                Err(Error::Cancelled) => assert_repeats(&mut fresh, &case, &after, &told),
                Err(error) => panic!("{told}: {error}"),
                Ok(_) => {
                    assert_eq!(tree(), after, "{told}: it says that it is done");
                    break;
                }
            }
        }
    }
}

#[test]
fn an_account_on_a_full_disk_is_whole() {
    if !inside("accounts::an_account_on_a_full_disk_is_whole") {
        return;
    }
    for case in cases() {
        let (before, after) = clean(&case);
        for left in 0.. {
            let told = format!("{} with {left} pages left", told(&case));
            let fresh = Fresh::new(&case);
            for disk in &fresh.disks {
                let (pages, _) = disk.used();
                disk.set(&format!("size={}", ((pages + left) * 4096).max(4096)));
            }
            let done = fresh.run(&case);
            assert_whole(&tree(), &before, &told);
            if !failed(&done) {
                assert_eq!(tree(), after, "{told}: it says that it is done");
                break;
            }
            assert!(left < 64, "{told}: it never ends well");
            fresh.disks.iter().for_each(|disk| disk.set("size=64m"));
            // A program that found no room may have left a part of its work: that is its own.
            let again = fresh.run(&case);
            assert!(!failed(&again), "{told}, and again: {again:?}");
            assert_whole(&tree(), &before, &told);
            // The second run completes it: the user, its own group, and the groups that it is in.
            for file in ["/etc/passwd", "/etc/group"].map(Path::new) {
                assert_eq!(tree()[file], after[file], "{told}, and again: {}", file.display());
            }
        }
    }
}

#[test]
fn an_account_where_nothing_may_be_written_stays() {
    if !inside("accounts::an_account_where_nothing_may_be_written_stays") {
        return;
    }
    for case in cases() {
        let fresh = Fresh::new(&case);
        let before = tree();
        fresh.disks.iter().for_each(|disk| disk.set("ro"));
        assert!(failed(&fresh.run(&case)), "{} was done on a disk that cannot be written", told(&case));
        assert_eq!(tree(), before, "{}", told(&case));
    }
}

#[test]
fn an_account_leaves_others_alone_that_come_meanwhile() {
    if !inside("accounts::an_account_leaves_others_alone_that_come_meanwhile") {
        return;
    }
    for case in cases().into_iter().filter(|case| case.module != "hostname") {
        let (_, after) = clean(&case);
        for at in 0.. {
            let told = format!("{} beside another at look {at}", told(&case));
            let mut fresh = Fresh::new(&case);
            let looks = Arc::new(AtomicUsize::new(0));
            let other = Arc::new(Mutex::new(None));
            let (seen, started) = (looks.clone(), other.clone());
            // It is not waited for here: a program of the run may hold the files until it is looked at.
            fresh.env.cancel = Cancel::asking(move || {
                if seen.fetch_add(1, Ordering::Relaxed) == at {
                    let zoe = Command::new("useradd").args(["-M", "-N", "-u", "4000", "zoe"]).spawn();
                    *started.lock().unwrap() = Some(zoe.unwrap());
                }
                false
            });
            let done = fresh.run(&case);
            assert!(!failed(&done), "{told}: {done:?}");
            let Some(mut other) = other.lock().unwrap().take() else { break };
            assert!(other.wait().unwrap().success(), "{told}: the other could not come");
            let now = tree();
            // Which numbers of others a user gets depends on who came first.
            let fixed = |path: &Path| {
                path.starts_with("/etc") && !["/etc/subgid", "/etc/subuid"].map(Path::new).contains(&path)
            };
            for (path, what) in after.iter().filter(|(path, _)| fixed(path)) {
                let without = |line: &&str| !line.starts_with("zoe:");
                let left: Vec<&str> = now[path].lines().filter(without).collect();
                assert_eq!(left, what.lines().collect::<Vec<_>>(), "{told}: {}", path.display());
            }
            assert!(now[Path::new("/etc/passwd")].contains("zoe:x:4000:"), "{told}");
        }
    }
}
