//! Disks that are full or refuse, and runs that are ended in the middle of a file.

use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use windlass_gate::Error;

use crate::env::Env;

/// A small filesystem that is gone again at the end of the test.
struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
    fn new(at: &'a Path) -> Option<Self> {
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_leaves_the_old_file_and_says_so() {
    let env = Env::new();
    env.dir("small");
    let small = env.at("small");
    let Some(_mount) = Mount::new(&small) else {
        eprintln!("cannot mount a small filesystem here: a full disk is not tried");
        return;
    };
    env.write("small/f", "old").write("big", &"x".repeat(1 << 20));
    for params in
        [json!({"src": "big", "dest": "small/f"}), json!({"content": "y".repeat(1 << 20), "dest": "small/f"})]
    {
        let error = env.run("copy", params).unwrap_err();
        assert!(matches!(&error, Error::Io { source, .. } if source.raw_os_error() == Some(28)), "{error}");
        assert!(error.to_string().ends_with("small/f: no space left on device"), "{error}");
        assert_eq!(env.read("small/f"), "old");
        assert_eq!(fs::read_dir(&small).unwrap().count(), 1);
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let env = Env::new();
    // Nobody makes files here, not even root.
    for dir in ["/proc/self", "/sys"] {
        if !Path::new(dir).is_dir() {
            continue;
        }
        for (module, params) in [
            ("copy", json!({"content": "x", "dest": format!("{dir}/windlass-test")})),
            ("file", json!({"path": format!("{dir}/windlass-test"), "state": "touch"})),
            ("file", json!({"path": format!("{dir}/windlass-test/d"), "state": "directory"})),
            ("file", json!({"path": format!("{dir}/windlass-test"), "src": "/", "state": "link"})),
        ] {
            let error = env.error(module, params.clone());
            assert!(error.starts_with("cannot ") && error.contains(dir), "{params}: {error}");
        }
    }
}

#[test]
fn a_run_that_is_ended_while_it_copies_leaves_the_old_file() {
    for cut in [true, false] {
        let mut env = Env::new();
        env.write("f", "old");
        fs::File::create(env.at("big")).unwrap().set_len(8 << 30).unwrap();
        let (cancel, start) = (env.cancel.clone(), Instant::now());
        if !cut {
            env.deadline = Some(start + Duration::from_millis(100));
        }
        let puller = thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            if cut {
                cancel.cancel();
            }
        });
        let error = env.run("copy", json!({"src": "big", "dest": "f"})).unwrap_err();
        assert!(matches!((cut, &error), (true, Error::Cancelled) | (false, Error::Deadline)), "{error}");
        assert!(start.elapsed() < Duration::from_secs(30));
        assert_eq!((env.read("f").as_str(), env.names().len()), ("old", 2));
        puller.join().unwrap();
    }
}

#[test]
fn runs_side_by_side_leave_one_whole_file() {
    let env = Env::new();
    let contents: Vec<String> =
        (b'a'..=b'h').map(|byte| char::from(byte).to_string().repeat(100_000)).collect();
    let root = env.root().to_owned();
    thread::scope(|scope| {
        for content in &contents {
            let dest = root.join("f");
            scope.spawn(move || {
                let mine = Env::new();
                for _ in 0..10 {
                    mine.ok("copy", json!({"content": content, "dest": dest}));
                    mine.ok(
                        "file",
                        json!({"path": dest.parent().unwrap().join("a/b"), "state": "directory"}),
                    );
                }
            });
        }
    });
    assert!(contents.contains(&env.read("f")));
    assert_eq!(env.names(), ["a", "f"]);
}
