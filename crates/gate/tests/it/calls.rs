//! Random trees, and random calls of modules that work on files.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
};

use proptest::prelude::*;
use serde_json::{Value, json};
use windlass_gate::{Args, Cancel, Context, Forecast, Silent, find};

/// What is to be the same: content, mode, owner, time of change of files, where links lead, which names are one
/// file.
pub(crate) fn picture(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut files: HashMap<u64, String> = HashMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let meta = fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let what = if meta.is_symlink() {
                format!("-> {:?}", fs::read_link(&path).unwrap())
            } else if meta.is_file() {
                let first = files.entry(meta.ino()).or_insert_with(|| name.clone());
                let content = fs::read(&path).unwrap();
                // An archive is too long to be read by a person.
                let content = match content.len() {
                    0..1000 => format!("{content:?}"),
                    length => {
                        format!("{length} bytes, {:?}", content.iter().map(|b| u64::from(*b)).sum::<u64>())
                    }
                };
                format!("{first} {}.{} {content}", meta.mtime(), meta.mtime_nsec())
            } else {
                folders.push(path.clone());
                String::new()
            };
            lines.push(format!("{name} {:o} {}:{} {what}", meta.mode(), meta.uid(), meta.gid()));
        }
    }
    lines.sort();
    lines
}

/// Something in a tree.
#[derive(Clone, Debug)]
pub(crate) enum Thing {
    File(String, u32),
    Folder(u32),
    Link(String),
}

pub(crate) const NAMES: [&str; 12] =
    ["a", "b", "c", "d", "d/a", "d/b", "d/e", "d/e/a", "d/e/f/g", "src", "src/x", "src/sub/y"];

pub(crate) fn name() -> impl Strategy<Value = String> {
    prop::sample::select(&NAMES[..]).prop_map(str::to_owned)
}

/// A name that lies in no source of a copy.
fn place() -> impl Strategy<Value = String> {
    prop::sample::select(&NAMES[..9]).prop_map(str::to_owned)
}

/// What is copied: a folder that is copied into itself goes on until names are too long.
fn source() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["src", "src/sub", "src/x"]).prop_map(str::to_owned)
}

fn mode() -> impl Strategy<Value = u32> {
    prop::sample::select(vec![0o644, 0o600, 0o755, 0o700, 0o4755, 0o1777, 0o500])
}

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "one\n", "one\ntwo\n", "three", "# BEGIN ANSIBLE MANAGED BLOCK\nx\n"])
        .prop_map(str::to_owned)
}

pub(crate) fn thing() -> impl Strategy<Value = Thing> {
    prop_oneof![
        4 => (text(), mode()).prop_map(|(text, mode)| Thing::File(text, mode)),
        3 => mode().prop_map(|mode| Thing::Folder(mode | 0o700)),
        1 => place().prop_map(Thing::Link),
    ]
}

pub(crate) fn plant(root: &Path, name: &str, thing: &Thing) {
    let path = root.join(name);
    // Names that stand in each other's way are left out.
    let _ = fs::create_dir_all(path.parent().unwrap());
    let _ = match thing {
        Thing::File(text, mode) if fs::symlink_metadata(&path).is_err() => fs::write(&path, text)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(*mode))),
        Thing::Folder(mode) => {
            fs::create_dir(&path).and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(*mode)))
        }
        Thing::Link(_) if name.starts_with("src") => Ok(()),
        Thing::Link(target) => symlink(root.join(target), &path),
        Thing::File(..) => Ok(()),
    };
}

/// An archive that is there from the beginning.
pub(crate) const PACK: &str = "pack";

pub(crate) fn pack(root: &Path) {
    let side = tempfile::tempdir().unwrap();
    for (name, content) in [("a", "one\n"), ("d/a", "new"), ("d/e/b", ""), ("x/y", "deep")] {
        let path = side.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    symlink("a", side.path().join("b")).unwrap();
    fs::hard_link(side.path().join("a"), side.path().join("d/hard")).unwrap();
    let source = format!("{}/", side.path().display());
    run(root, "archive", &json!({"path": source, "dest": PACK, "format": "tar"})).unwrap();
}

/// Calls of modules that work on files.
pub(crate) fn call() -> impl Strategy<Value = (&'static str, Value)> {
    let mode = || prop::option::of(mode()).prop_map(|mode| mode.map(|mode| format!("{mode:04o}")));
    let flag = any::<bool>;
    prop_oneof![
        (name(), text(), mode(), flag(), flag()).prop_map(|(dest, content, mode, backup, follow)| {
            (
                "copy",
                json!({"dest": dest, "content": content, "mode": mode, "backup": backup, "follow": follow}),
            )
        }),
        (source(), place(), mode(), flag(), flag(), flag()).prop_map(
            |(src, dest, mode, inside, follow, links)| {
                let src = if inside { format!("{src}/") } else { src.to_owned() };
                (
                    "copy",
                    json!({"src": src, "dest": dest, "remote_src": true, "mode": mode, "follow": follow,
                "local_follow": links, "directory_mode": mode}),
                )
            }
        ),
        (name(), text(), flag()).prop_map(|(dest, content, backup)| {
            ("template", json!({"src": "t.j2", "dest": dest, "content": content, "backup": backup}))
        }),
        (
            name(),
            name(),
            mode(),
            flag(),
            flag(),
            prop::sample::select(vec!["absent", "directory", "file", "link", "touch",])
        )
            .prop_map(|(path, src, mode, recurse, follow, state)| {
                let mut params = json!({"path": path, "state": state, "mode": mode, "follow": follow});
                match state {
                    "link" => {
                        params["src"] = src.into();
                        params["force"] = recurse.into();
                    }
                    "directory" => params["recurse"] = recurse.into(),
                    _ => {}
                }
                ("file", params)
            }),
        (name(), text(), flag(), flag()).prop_map(|(path, line, create, backup)| {
            ("lineinfile", json!({"path": path, "line": line.trim(), "create": create, "backup": backup}))
        }),
        (name(), text(), flag()).prop_map(|(path, block, create)| {
            ("blockinfile", json!({"path": path, "block": block, "create": create}))
        }),
        (name(), flag()).prop_map(|(path, backup)| {
            ("replace", json!({"path": path, "regexp": "o", "replace": "0", "backup": backup}))
        }),
        (prop::collection::vec(name(), 1..3), prop::sample::select(vec!["tar", "zip", "gz"]), flag())
            .prop_map(|(path, format, remove)| {
                ("archive", json!({"path": path, "dest": PACK, "format": format, "remove": remove}))
            }),
        (place(), mode()).prop_map(|(dest, mode)| {
            ("unarchive", json!({"src": PACK, "dest": dest, "remote_src": true, "mode": mode}))
        }),
        (name(), name()).prop_map(|(src, dest)| ("assemble", json!({"src": src, "dest": dest}))),
        (place(), flag()).prop_map(|(path, folder)| {
            let state = if folder { "directory" } else { "file" };
            ("tempfile", json!({"path": path, "state": state}))
        }),
    ]
}

/// One of several names of a file that is removed comes back as a file of its own, so that what was done to all
/// names before that cannot be undone by it: a hard link comes last.
pub(crate) fn calls() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let hard = (name(), name(), any::<bool>()).prop_map(|(path, src, force)| {
        ("file", json!({"path": path, "src": src, "state": "hard", "force": force, "mode": "0640"}))
    });
    (prop::collection::vec(call(), 1..6), prop::option::of(hard))
        .prop_map(|(calls, hard)| calls.into_iter().chain(hard).collect())
}

pub(crate) fn within<T>(root: &Path, work: impl FnOnce(&Context<'_>) -> T) -> T {
    under(root, None, work)
}

/// The same, in check mode if there is a forecast.
pub(crate) fn under<T>(root: &Path, check: Option<&Forecast>, work: impl FnOnce(&Context<'_>) -> T) -> T {
    let marks = [("WINDLASS_RUN", "r"), ("WINDLASS_STEP", "t/s@h")];
    let env = marks.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let cancel = Cancel::new();
    work(&Context {
        check,
        diff: true,
        cwd: root,
        env: &env,
        cancel: &cancel,
        deadline: None,
        progress: &Silent,
        capture_limit: 1 << 20,
    })
}

pub(crate) fn run(root: &Path, module: &str, params: &Value) -> Result<Value, String> {
    let module = find(module).unwrap();
    let args = Args::check(module.spec(), params.clone()).map_err(|problems| format!("{problems:?}"))?;
    within(root, |cx| module.run(&args, cx)).map(|reply| reply.to_json()).map_err(|error| error.to_string())
}
