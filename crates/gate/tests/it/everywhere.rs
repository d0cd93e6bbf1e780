//! Every module that changes files, and something that goes wrong at each point where it can: the run is ended, the
//! disk is full, nothing may be written, somebody else changes a file at the same time. Each file is then wholly as
//! it was or wholly as it was to be, nothing is left over beside it, the run says what happened, and a second one
//! does the rest.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::json;
use windlass_gate::{Cancel, Error, Reply};

use crate::{
    env::Env,
    server::{Server, answer},
    sweep::{Case, cases},
};

/// What lies at each path, without what only says when it came there.
type Tree = BTreeMap<PathBuf, String>;

fn tree(root: &Path) -> Tree {
    let mut found = Tree::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_owned();
            // Backups have the time in their names.
            if name.to_string_lossy().ends_with('~') {
                continue;
            }
            let what = match (fs::read_link(&path), path.is_dir()) {
                (Ok(target), _) => format!("-> {}", target.display()),
                (Err(_), true) => {
                    folders.push(path);
                    "folder".into()
                }
                (Err(_), false) => content(&fs::read(&path).unwrap()),
            };
            found.insert(name, what);
        }
    }
    found
}

/// What is in a file. Archives have times in them, and are compared by being whole.
fn content(bytes: &[u8]) -> String {
    if let Some(tar) = bytes.starts_with(b"\x1f\x8b").then(|| flate2::read::GzDecoder::new(bytes)) {
        return match io::read_to_string(tar) {
            Ok(_) => "a whole archive".into(),
            Err(error) => error.to_string(),
        };
    }
    let zip = bytes.starts_with(b"PK") && bytes.windows(4).any(|end| end == b"PK\x05\x06");
    let tar = bytes.len() > 1024 && bytes.ends_with(&[0; 1024]);
    if zip || tar { "a whole archive".into() } else { format!("{bytes:?}") }
}

/// The cases that change files, or in everyday tests a part of them.
fn changing() -> Vec<Case> {
    let all = std::env::var_os("WINDLASS_SEEDS").is_some();
    let files = |case: &Case| case.changes && !matches!(case.module, "command" | "shell" | "script");
    let part = |at: usize| all || at.is_multiple_of(4);
    let cases =
        cases().into_iter().filter(files).enumerate().filter(|(at, _)| part(*at)).map(|(_, case)| case);
    cases.chain(fetching()).collect()
}

/// What comes from a server, and what makes another file each time.
fn fetching() -> Vec<Case> {
    static SERVER: LazyLock<Server> =
        LazyLock::new(|| Server::plain(|_, way| answer(way, "200 OK", "", &[b'x'; 10_000])));
    let url = SERVER.url("/f");
    let case = |module, setup, params| Case { module, setup, params, changes: true };
    let folder: fn(&Env) = |env| {
        env.dir("d");
    };
    let file: fn(&Env) = |env| {
        env.write("f", "old").chmod("f", 0o644);
    };
    vec![
        case("get_url", |_| (), json!({"url": url, "dest": "f", "mode": "0600"})),
        case("get_url", file, json!({"url": url, "dest": "f", "force": true, "backup": true})),
        case("get_url", folder, json!({"url": url, "dest": "d", "tmp_dest": "."})),
        case("uri", file, json!({"url": url, "dest": "f", "force": true})),
        case("tempfile", folder, json!({"path": "d", "suffix": ".x"})),
        case("tempfile", folder, json!({"path": "d", "state": "directory"})),
    ]
}

/// A folder of a test, in a run's step: names that come by chance are the same in each.
fn step() -> Env {
    let mut env = Env::new();
    env.vars = [("WINDLASS_RUN", "run"), ("WINDLASS_STEP", "step")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    env
}

fn told(case: &Case) -> String {
    format!("{} {}", case.module, case.params)
}

/// The tree before a case and after it, where nothing goes wrong.
fn clean(case: &Case) -> (Tree, Tree) {
    let env = step();
    (case.setup)(&env);
    let before = tree(env.root());
    env.ok(case.module, case.params.clone());
    (before, tree(env.root()))
}

/// Holds that each path is as it was, or as it was to be, and that there are no others.
fn assert_whole(now: &Tree, sides: &[&Tree], told: &str) {
    for (path, what) in now {
        let due = sides.iter().any(|side| side.get(path) == Some(what));
        assert!(due, "{told}: {} is {what:?}", path.display());
    }
    let lost = sides[0]
        .iter()
        .find(|(path, _)| !now.contains_key(*path) && sides.iter().all(|side| side.contains_key(*path)));
    assert_eq!(lost, None, "{told}: what was there, and was to be there, is gone");
}

/// Holds that there is no backup of what is as it was.
fn assert_no_backup(env: &Env, now: &Tree, before: &Tree, told: &str) {
    let backup = || env.picture().into_iter().find(|line| line.contains("~\" "));
    if now == before {
        assert_eq!(backup(), None, "{told}");
    }
}

fn failed(done: &Result<Reply, Error>) -> bool {
    done.as_ref().map_or(true, |reply| reply.failed)
}

#[test]
fn a_run_that_is_ended_at_any_point_leaves_whole_files() {
    for case in changing() {
        let (before, after) = clean(&case);
        for at in 0.. {
            let told = format!("{} ended at look {at}", told(&case));
            let mut env = step();
            (case.setup)(&env);
            let looks = AtomicUsize::new(0);
            env.cancel = Cancel::asking(move || looks.fetch_add(1, Ordering::Relaxed) == at);
            let done = env.run(case.module, case.params.clone());
            let now = tree(env.root());
            assert_whole(&now, &[&before, &after], &told);
            match done {
                Err(Error::Cancelled) => assert_no_backup(&env, &now, &before, &told),
                Ok(_) => {
                    assert_eq!(now, after, "{told}: it says that it is done");
                    break;
                }
                Err(error) => panic!("{told}: {error}"),
            }
            assert_repeats(&mut env, &case, &after, &told);
        }
    }
}

/// Holds that a run that nothing is in the way of does the rest.
fn assert_repeats(env: &mut Env, case: &Case, after: &Tree, told: &str) {
    env.cancel = Cancel::new();
    let again = env.run(case.module, case.params.clone());
    // What was to be packed is gone where it was removed already.
    let gone = case.params["remove"] == true;
    assert!(gone || again.as_ref().is_ok_and(|reply| !reply.failed), "{told}, and again: {again:?}");
    if !gone {
        assert_eq!(&tree(env.root()), after, "{told}, and again");
    }
}

/// A filesystem of its own over the folder of a test.
pub(crate) struct Mount(PathBuf);

impl Mount {
    pub(crate) fn over(root: &Path) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64m,mode=0755", "tmpfs"])
            .arg(root)
            .output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(root.to_owned()))
    }

    pub(crate) fn set(&self, options: &str) {
        let set =
            Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).output().unwrap();
        assert!(set.status.success(), "{options}: {}", String::from_utf8_lossy(&set.stderr));
    }

    /// How many pages and names are in use.
    pub(crate) fn used(&self) -> (u64, u64) {
        let stat = rustix::fs::statvfs(&self.0).unwrap();
        (stat.f_blocks - stat.f_bfree, stat.f_files - stat.f_ffree)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_is_full_at_any_write_leaves_whole_files() {
    for case in changing() {
        let (before, after) = clean(&case);
        for unit in ["pages", "names"] {
            // So much is left, and a little more each time.
            for left in 0.. {
                let told = format!("{} with {left} {unit} left", told(&case));
                let mut env = step();
                let Some(mount) = Mount::over(env.root()) else {
                    eprintln!("no filesystem can be mounted here: a full disk is not tried");
                    return;
                };
                (case.setup)(&env);
                let (pages, names) = mount.used();
                match unit {
                    // None at all would be no limit.
                    "pages" => mount.set(&format!("size={}", ((pages + left) * 4096).max(4096))),
                    _ => mount.set(&format!("nr_inodes={}", names + left)),
                }
                let done = env.run(case.module, case.params.clone());
                let now = tree(env.root());
                assert_whole(&now, &[&before, &after], &told);
                if !failed(&done) {
                    assert_eq!(now, after, "{told}: it says that it is done");
                    break;
                }
                assert_no_backup(&env, &now, &before, &told);
                let why = done.map_or_else(|error| error.to_string(), |reply| reply.to_json().to_string());
                assert!(why.to_lowercase().contains("no space left"), "{told}: {why}");
                assert!(left < 64, "{told}: it never ends well");
                mount.set("size=64m,nr_inodes=100000");
                assert_repeats(&mut env, &case, &after, &told);
            }
        }
    }
}

#[test]
fn where_nothing_may_be_written_nothing_is_and_a_check_says_so() {
    for case in changing() {
        let env = step();
        let Some(mount) = Mount::over(env.root()) else { return };
        (case.setup)(&env);
        let before = env.picture();
        mount.set("ro");
        let told = told(&case);
        let foreseen = env.check(case.module, case.params.clone());
        let done = env.run(case.module, case.params.clone());
        assert!(failed(&done), "{told} was done on a disk that cannot be written");
        // What a request would bring is not known before it is made.
        let known = foreseen.as_ref().map_or(true, |reply| !reply.skipped);
        assert!(failed(&foreseen) || !known, "{told} was to fail: {foreseen:?}");
        assert_eq!(env.picture(), before, "{told}");
    }
}

/// What somebody else does to a file.
const SWAPS: [&str; 3] = ["other content", "gone", "a link"];

fn swap(path: &Path, how: &str, elsewhere: &Path) {
    let beside = path.with_file_name("swap");
    match how {
        "gone" => drop(fs::remove_file(path)),
        "a link" => {
            symlink(elsewhere, &beside).unwrap();
            fs::rename(&beside, path).unwrap();
        }
        _ => {
            fs::write(&beside, "somebody else's\n").unwrap();
            fs::rename(&beside, path).unwrap();
        }
    }
}

/// The file that a case changes, where it is there at first.
fn subject(env: &Env, case: &Case) -> Option<PathBuf> {
    let name = ["dest", "path"].into_iter().find_map(|name| case.params[name].as_str())?;
    let path = env.at(name.trim_end_matches('/'));
    path.symlink_metadata().is_ok_and(|meta| meta.is_file()).then_some(path)
}

#[test]
fn a_file_that_changes_underneath_is_never_torn() {
    for case in changing() {
        let (before, after) = clean(&case);
        for how in SWAPS {
            for at in 0.. {
                let told = format!("{}: {how} at look {at}", told(&case));
                let mut env = step();
                (case.setup)(&env);
                let Some(path) = subject(&env, &case) else { break };
                let outside = tempfile::tempdir().unwrap();
                let elsewhere = outside.path().join("elsewhere");
                fs::write(&elsewhere, "elsewhere\n").unwrap();
                // What the run makes of the file where it was so from the start.
                let (swapped, result) = {
                    let env = step();
                    (case.setup)(&env);
                    swap(&subject(&env, &case).unwrap(), how, &elsewhere);
                    let swapped = tree(env.root());
                    // It may well refuse that.
                    let _ = env.run(case.module, case.params.clone());
                    fs::write(&elsewhere, "elsewhere\n").unwrap();
                    (swapped, tree(env.root()))
                };
                let looks = Arc::new(AtomicUsize::new(0));
                let (seen, victim, target) = (looks.clone(), path.clone(), elsewhere.clone());
                env.cancel = Cancel::asking(move || {
                    if seen.fetch_add(1, Ordering::Relaxed) == at {
                        swap(&victim, how, &target);
                    }
                    false
                });
                let done = env.run(case.module, case.params.clone());
                assert_whole(&tree(env.root()), &[&before, &after, &swapped, &result], &told);
                let content = fs::read_to_string(&elsewhere).unwrap();
                let follows =
                    !matches!(case.module, "copy" | "template" | "assemble" | "archive" | "unarchive");
                assert!(
                    follows || content == "elsewhere\n",
                    "{told}: it wrote through the link: {content:?}"
                );
                if !failed(&done) && looks.load(Ordering::Relaxed) <= at {
                    break;
                }
                env.cancel = Cancel::new();
                let again = env.run(case.module, case.params.clone());
                let reason =
                    again.as_ref().map_or_else(ToString::to_string, |reply| reply.to_json().to_string());
                // What somebody removed may be missed, and what they put there refused; nothing else is.
                assert!(!failed(&again) || how != "other content", "{told}, and again: {reason}");
                if looks.load(Ordering::Relaxed) <= at {
                    break;
                }
            }
        }
    }
}
