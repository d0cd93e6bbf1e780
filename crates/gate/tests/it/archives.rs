//! `archive` and `unarchive`: there and back, and what archives from elsewhere may not do.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};
use windlass_gate::Error;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::env::Env;

type Entry<'a> = (EntryType, &'a str, &'a str);

/// Makes a tar archive of entries: a type, a name, and the content or the target of a link. The names are
/// written as they are, however bad.
fn tar(env: &Env, name: &str, entries: &[Entry<'_>]) {
    let mut builder = Builder::new(File::create(env.at(name)).unwrap());
    for (kind, name, content) in entries {
        let mut header = Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(if *kind == EntryType::Directory { 0o755 } else { 0o644 });
        header.set_mtime(1_000_000_000);
        header.set_uid(fs::metadata(env.root()).unwrap().uid().into());
        header.set_gid(fs::metadata(env.root()).unwrap().gid().into());
        let link = matches!(kind, EntryType::Symlink | EntryType::Link);
        if link {
            header.set_link_name_literal(content).unwrap();
        }
        let content = if link { "" } else { content };
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.finish().unwrap();
}

fn zip(env: &Env, name: &str, entries: &[(&str, &str)]) {
    let mut writer = ZipWriter::new(File::create(env.at(name)).unwrap());
    for (name, content) in entries {
        if let Some(target) = content.strip_prefix("-> ") {
            writer.add_symlink(*name, target, SimpleFileOptions::default()).unwrap();
        } else {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content.as_bytes()).unwrap();
        }
    }
    writer.finish().unwrap();
}

fn tree() -> Env {
    let env = Env::new();
    env.write("t/a", "one")
        .write("t/d/b", &"two".repeat(50_000))
        .write("t/d/ü", "")
        .dir("t/empty")
        .dir("out");
    env.write(&format!("t/{}/{}", "long".repeat(30), "name".repeat(30)), "far");
    env.link("d/b", "t/l")
        .link("../a", "t/d/up")
        .chmod("t/a", 0o600)
        .chmod("t/d/b", 0o755)
        .chmod("t/empty", 0o700);
    env
}

/// What is in a folder: paths, modes, times of files, and contents.
fn listing(env: &Env, top: &str) -> Vec<String> {
    fn walk(dir: &Path, prefix: &str, lines: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let (path, meta) = (entry.path(), entry.path().symlink_metadata().unwrap());
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if meta.is_dir() {
                lines.push(format!("{name}/ {:o}", meta.mode()));
                walk(&path, &format!("{name}/"), lines);
            } else if meta.is_symlink() {
                lines.push(format!("{name} -> {}", fs::read_link(&path).unwrap().display()));
            } else {
                let sum: usize = fs::read(&path).unwrap().iter().map(|byte| usize::from(*byte)).sum();
                lines.push(format!("{name} {:o} {} {} {sum}", meta.mode(), meta.mtime(), meta.len()));
            }
        }
    }
    let mut lines = Vec::new();
    walk(&env.at(top), "", &mut lines);
    lines.sort();
    lines
}

#[test]
fn what_is_packed_comes_out_as_it_was() {
    for format in ["tar", "gz", "zip"] {
        let env = tree();
        let packed = env.ok("archive", json!({"path": "t", "dest": "p", "format": format}));
        assert!(packed.changed && packed.fields["dest_state"] == "archive", "{format}");
        assert_eq!(packed.fields["arcroot"], format!("{}/", env.root().display()));
        assert_eq!(packed.fields["archived"].as_array().unwrap().len(), 9);
        let params = json!({"src": "p", "dest": "out", "list_files": true});
        let reply = env.ok("unarchive", params.clone());
        assert!(reply.changed, "{format}");
        assert_eq!(reply.fields["files"].as_array().unwrap().len(), 9);
        assert_eq!(
            reply.fields["handler"],
            match format {
                "tar" => "TarArchive",
                "gz" => "TgzArchive",
                _ => "ZipArchive",
            }
        );
        // The folder that is packed is not a member itself, so that its own mode is not kept.
        assert_eq!(listing(&env, "out/t"), listing(&env, "t"), "{format}");
        assert!(!env.ok("unarchive", params).changed, "{format}");
    }
}

#[test]
fn what_differs_is_put_right_and_the_rest_is_left_alone() {
    for format in ["tar", "gz", "zip"] {
        let env = tree();
        env.ok("archive", json!({"path": "t/", "dest": "p", "format": format}));
        let params = json!({"src": "p", "dest": "out"});
        env.ok("unarchive", params.clone());
        let before = listing(&env, "out");
        let spoilers: [(&str, &dyn Fn()); 6] = [
            ("content", &|| _ = env.write("out/a", "ONE")),
            ("attributes", &|| _ = env.chmod("out/d/b", 0o700)),
            ("attributes", &|| _ = env.chmod("out/empty", 0o755)),
            ("time", &|| File::open(env.at("out/a")).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap()),
            ("new", &|| fs::remove_file(env.at("out/a")).unwrap()),
            ("content", &|| {
                fs::remove_file(env.at("out/l")).unwrap();
                symlink("elsewhere", env.at("out/l")).unwrap();
            }),
        ];
        for (what, spoil) in spoilers {
            env.write("out/mine", "stays");
            let own = fs::metadata(env.at("out/d/ü")).unwrap().ino();
            spoil();
            let predicted = env.check("unarchive", params.clone()).unwrap();
            let reply = env.ok("unarchive", params.clone());
            assert!(predicted.changed && reply.changed, "{format} {what}");
            let after = reply.diff.unwrap().after;
            assert!(after.as_str().unwrap().contains(&format!("({what})")), "{format} {what}: {after}");
            assert_eq!(
                (env.read("out/mine").as_str(), fs::metadata(env.at("out/d/ü")).unwrap().ino()),
                ("stays", own)
            );
            fs::remove_file(env.at("out/mine")).unwrap();
            assert_eq!(listing(&env, "out"), before, "{format} {what}");
        }
    }
}

#[test]
fn members_are_chosen_by_name() {
    let env = tree();
    env.ok("archive", json!({"path": "t/", "dest": "p"}));
    for (params, expected) in [
        (json!({"include": "d"}), "d d/b d/up d/ü"),
        (json!({"include": ["a", "empty"]}), "a empty"),
        (json!({"exclude": ["long*", "d"]}), "a empty l"),
        (json!({"exclude": "long*,b,ü,empty,l"}), "a d d/up"),
    ] {
        let env_out = env.at("out");
        fs::remove_dir_all(&env_out).unwrap();
        env.dir("out");
        let mut params = params;
        params["src"] = "p".into();
        params["dest"] = "out".into();
        env.ok("unarchive", params.clone());
        let names: Vec<String> = listing(&env, "out")
            .iter()
            .map(|line| line.split([' ']).next().unwrap().trim_end_matches('/').to_owned())
            .collect();
        assert_eq!(names.join(" "), expected, "{params}");
    }
    let error = env.error("unarchive", json!({"src": "p", "dest": "out", "include": "nothing"}));
    assert!(error.contains("nothing in the archive is called \"nothing\""), "{error}");
}

#[test]
fn parameters_decide_over_the_archive() {
    let env = tree();
    File::open(env.at("t/a")).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    env.ok("archive", json!({"path": "t/", "dest": "p"}));
    env.write("out/a", "newer");
    env.ok("unarchive", json!({"src": "p", "dest": "out", "keep_newer": true, "mode": "u=rwX,go="}));
    assert_eq!((env.read("out/a").as_str(), env.mode("out/d"), env.mode("out/d/b")), ("newer", 0o700, 0o700));
    assert_eq!(env.mode("out/d/ü"), 0o600);
    let reply = env.ok("unarchive", json!({"src": "p", "dest": "out", "creates": "out/a"}));
    assert!(reply.skipped && !reply.changed);
    let error = env.error("unarchive", json!({"src": "p", "dest": "out", "extra_opts": ["--strip=1"]}));
    assert!(error.starts_with("`extra_opts` are options of tar"), "{error}");
}

#[test]
fn a_folder_that_only_names_imply_gets_the_attributes_that_were_asked_for() {
    let env = Env::new();
    env.dir("out");
    tar(&env, "p", &[(EntryType::Regular, "top/sub/f", "x")]);
    let params = json!({"src": "p", "dest": "out", "mode": "0700"});
    env.ok("unarchive", params.clone());
    assert_eq!((env.mode("out/top"), env.mode("out/top/sub/f")), (0o700, 0o700));
    env.chmod("out/top", 0o755);
    assert!(env.check("unarchive", params.clone()).unwrap().changed);
    assert!(env.ok("unarchive", params.clone()).changed && !env.ok("unarchive", params).changed);
}

#[test]
fn hard_links_name_the_same_file_and_the_last_of_two_members_wins() {
    use EntryType as T;
    let env = Env::new();
    env.dir("out");
    tar(&env, "p", &[(T::Regular, "a", "old"), (T::Regular, "a", "new"), (T::Link, "b", "a")]);
    let params = json!({"src": "p", "dest": "out"});
    env.ok("unarchive", params.clone());
    let ino = |name: &str| fs::metadata(env.at(name)).unwrap().ino();
    assert_eq!((env.read("out/b").as_str(), ino("out/a")), ("new", ino("out/b")));
    assert!(!env.ok("unarchive", params.clone()).changed);
    fs::write(env.at("out/b"), "both").unwrap();
    assert!(env.ok("unarchive", params.clone()).changed);
    assert_eq!((env.read("out/b").as_str(), ino("out/a")), ("new", ino("out/b")));
    assert!(!env.ok("unarchive", params).changed);
}

#[test]
fn nothing_gets_out_of_the_folder() {
    use EntryType as T;
    let bad: &[(&str, &[Entry<'_>])] = &[
        ("leads out", &[(T::Regular, "ok", "x"), (T::Regular, "../evil", "x")]),
        ("leads out", &[(T::Regular, "a/../../evil", "x")]),
        ("leads out", &[(T::Symlink, "l", "/etc")]),
        ("leads out", &[(T::Symlink, "l", "../..")]),
        ("leads out", &[(T::Symlink, "l", "d/../..")]),
        ("leads out", &[(T::Link, "l", "../secret")]),
        ("lies in", &[(T::Symlink, "l", "d"), (T::Regular, "l/evil", "x")]),
        ("lies in", &[(T::Regular, "f", ""), (T::Regular, "f/evil", "x")]),
        ("refusing to unpack into", &[(T::Regular, "there/evil", "x")]),
        ("refusing to unpack into", &[(T::Regular, "there/d/evil", "x")]),
        ("in the way", &[(T::Directory, "there/", "")]),
        ("refusing to unpack into", &[(T::Link, "l", "there/secret")]),
        ("links to what is no file", &[(T::Link, "l", "none")]),
        ("neither a file", &[(T::Char, "dev", "")]),
        ("neither a file", &[(T::Fifo, "pipe", "")]),
        ("in the way", &[(T::Regular, "folder", "x")]),
    ];
    for (why, entries) in bad {
        let env = Env::new();
        env.dir("out/folder").dir("outside/d").write("outside/secret", "s").link("../outside", "out/there");
        tar(&env, "p", entries);
        let before = listing(&env, ".");
        let error = env.error("unarchive", json!({"src": "p", "dest": "out"}));
        assert!(error.contains(why), "{entries:?}: {error}");
        assert_eq!(listing(&env, "."), before, "{entries:?}");
    }
    for (why, entries) in [
        ("leads out", &[("../evil", "x")][..]),
        ("leads out", &[("l", "-> /etc")]),
        ("lies in", &[("l", "-> d"), ("l/evil", "x")]),
        ("refusing to unpack into", &[("there/evil", "x")]),
    ] {
        let env = Env::new();
        env.dir("out").dir("outside").link("../outside", "out/there");
        zip(&env, "p", entries);
        let before = listing(&env, ".");
        let error = env.error("unarchive", json!({"src": "p", "dest": "out"}));
        assert!(error.contains(why), "{entries:?}: {error}");
        assert_eq!(listing(&env, "."), before, "{entries:?}");
    }
}

#[test]
fn a_slash_at_the_start_of_a_name_means_nothing() {
    let env = Env::new();
    env.dir("out");
    tar(&env, "p", &[(EntryType::Directory, "./", ""), (EntryType::Regular, "/etc/f", "x")]);
    env.ok("unarchive", json!({"src": "p", "dest": "out"}));
    assert_eq!(env.read("out/etc/f"), "x");
}

#[test]
fn bombs_are_refused_before_anything_is_written() {
    let env = Env::new();
    env.dir("out");
    let mut header = Header::new_gnu();
    header.set_path("zeros").unwrap();
    header.set_size(1 << 40);
    header.set_mode(0o644);
    header.set_cksum();
    fs::write(env.at("tar"), header.as_bytes()).unwrap();
    zip(&env, "zip", &[("zeros", "0")]);
    let mut bytes = fs::read(env.at("zip")).unwrap();
    // The size in the central directory: almost four gigabytes.
    let at = bytes.windows(4).position(|part| part == b"PK\x01\x02").unwrap();
    bytes[at + 24..at + 28].copy_from_slice(&[0xfe, 0xff, 0xff, 0xff]);
    fs::write(env.at("zip"), bytes).unwrap();
    for src in ["tar", "zip"] {
        let error = env.error("unarchive", json!({"src": src, "dest": "out"}));
        assert!(error.contains("far too much for its own size"), "{src}: {error}");
        assert!(listing(&env, "out").is_empty());
    }
}

#[test]
fn damaged_archives_leave_no_torn_file() {
    for format in ["tar", "gz", "zip"] {
        let env = tree();
        env.ok("archive", json!({"path": "t/", "dest": "p", "format": format}));
        let whole = fs::read(env.at("p")).unwrap();
        for length in [1, 3, 100, whole.len() / 2] {
            fs::write(env.at("p"), &whole[..length]).unwrap();
            env.run("unarchive", json!({"src": "p", "dest": "out"})).unwrap_err();
            assert!(!listing(&env, "out").iter().any(|line| line.contains(".windlass")));
        }
    }
    let env = Env::new();
    env.dir("out");
    zip(&env, "p", &[("f", "content")]);
    let mut bytes = fs::read(env.at("p")).unwrap();
    let at = bytes.windows(4).position(|part| part == b"PK\x01\x02").unwrap();
    bytes[at + 16] ^= 1;
    fs::write(env.at("p"), bytes).unwrap();
    env.run("unarchive", json!({"src": "p", "dest": "out"})).unwrap_err();
    assert!(listing(&env, "out").is_empty());
}

#[test]
fn what_cannot_be_unpacked_says_why() {
    let env = Env::new();
    env.dir("out").write("text", "no archive").write("empty", "");
    env.write("bz", "BZh91AY&SY").write("xz", "\u{0}");
    fs::write(env.at("xz"), b"\xfd7zXZ\0\0").unwrap();
    tar(&env, "p", &[(EntryType::Regular, "f", "x")]);
    for (src, dest, why) in [
        ("none", "out", "cannot read"),
        ("out", "out", "is not a regular file"),
        ("text", "out", "is no archive of a kind that is supported"),
        ("empty", "out", "is empty"),
        ("bz", "out", "compressed by bzip2"),
        ("xz", "out", "compressed by xz"),
        ("p", "nowhere", "nowhere: no such file"),
        ("p", "text", "text is not a folder"),
    ] {
        let error = env.error("unarchive", json!({"src": src, "dest": dest}));
        assert!(error.contains(why), "{src} {dest}: {error}");
    }
    assert!(env.check("unarchive", json!({"src": "p", "dest": "nowhere"})).is_err());
}

#[test]
fn the_same_content_makes_the_same_archive() {
    for format in ["tar", "gz", "zip"] {
        let env = tree();
        let params = json!({"path": ["t", "out"], "dest": "p", "format": format, "mode": "0600"});
        assert!(env.ok("archive", params.clone()).changed);
        let first = fs::read(env.at("p")).unwrap();
        assert!(!env.ok("archive", params.clone()).changed && env.mode("p") == 0o600);
        env.write("t/a", "another");
        assert!(env.check("archive", params.clone()).unwrap().changed);
        assert!(env.ok("archive", params).changed && fs::read(env.at("p")).unwrap() != first);
    }
}

#[test]
fn one_file_is_compressed_and_many_are_packed() {
    let env = tree();
    let fields = |params: Value| env.ok("archive", params).fields;
    let one = fields(json!({"path": "t/d/b"}));
    assert_eq!((&one["dest"], &one["dest_state"]), (&json!(env.at("t/d/b.gz").to_str()), &json!("compress")));
    let text = Command::new("gzip").arg("-dc").arg(env.at("t/d/b.gz")).output().unwrap().stdout;
    assert_eq!(text, env.read("t/d/b").as_bytes());
    let forced = fields(json!({"path": "t/a", "dest": "p", "force_archive": true}));
    assert_eq!(forced["dest_state"], "archive");
    let some = fields(
        json!({"path": ["t/*", "none"], "dest": "p", "exclude_path": ["t/d"], "exclusion_patterns": ["*long*"]}),
    );
    assert_eq!(some["dest_state"], "incomplete");
    assert_eq!(some["missing"], json!([env.at("none").to_str()]));
    let archived = some["archived"].as_array().unwrap();
    assert_eq!(
        archived.iter().map(|path| path.as_str().unwrap().rsplit('/').next().unwrap()).collect::<Vec<_>>(),
        ["a", "l"]
    );
    let nothing = fields(json!({"path": "none", "dest": "q"}));
    assert_eq!(nothing["dest_state"], "absent");
}

#[test]
fn what_was_packed_is_removed_where_that_is_asked() {
    let env = tree();
    let params = json!({"path": ["t/a", "t/d"], "dest": "p", "remove": true});
    assert!(env.check("archive", params.clone()).unwrap().changed && env.at("t/a").exists());
    assert!(env.ok("archive", params.clone()).changed);
    assert!(!env.at("t/a").exists() && !env.at("t/d").exists() && env.at("t/l").is_symlink());
    assert!(!env.ok("archive", params).changed && env.at("p").exists());
    let error = env.error("archive", json!({"path": "t", "dest": "t/p", "remove": true}));
    assert!(error.contains("which `remove` would remove"), "{error}");
    assert!(env.error("archive", json!({"path": "t"})).contains("`dest` is needed"));
    assert!(env.error("archive", json!({"path": "z*", "dest": "p"})).contains("no source paths"));
    assert!(
        env.error("archive", json!({"path": "t", "dest": "p", "format": "xz"}))
            .contains("not one of gz, tar, zip")
    );
}

#[test]
fn packing_and_unpacking_end_when_the_run_does() {
    let mut env = Env::new();
    env.dir("out");
    File::create(env.at("big")).unwrap().set_len(2 << 30).unwrap();
    for (module, params) in [
        ("archive", json!({"path": "big", "dest": "out/p"})),
        ("archive", json!({"path": "big", "dest": "out/p", "format": "zip"})),
        ("archive", json!({"path": "big", "dest": "out/p", "format": "tar"})),
    ] {
        env.deadline = Some(Instant::now() + Duration::from_millis(50));
        assert!(matches!(env.run(module, params.clone()), Err(Error::Deadline)), "{params}");
        assert!(listing(&env, "out").is_empty(), "{params}");
    }
}
