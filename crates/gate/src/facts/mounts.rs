//! What is mounted where, and how full it is.

use std::{fs, path::Path, sync::mpsc, thread, time::Duration};

use rustix::fs::StatVfs;
use serde_json::{Map, Value};

use super::{Facts, content, facts, names};

/// How long a file system may take to say how full it is: one whose server is gone never does.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn mounts() -> Facts {
    let table = content("/etc/mtab").or_else(|| content("/proc/mounts")).unwrap_or_default();
    let bound = bound();
    let asked: Vec<_> = table.lines().filter_map(|line| mount(line, &bound)).collect();
    let mounts = asked.into_iter().map(|(mut mount, answer)| {
        match answer.recv_timeout(PATIENCE) {
            Ok(Some(stat)) => mount.extend(sizes(&stat)),
            Ok(None) => {}
            Err(_) => {
                let note = "Could not get extra information due to timeout";
                mount.insert("note".into(), note.into());
            }
        }
        Value::from(mount)
    });
    facts([("mounts", mounts.collect())])
}

/// A line of the table, if it is of a device or of another host, and what its file system is going to answer.
fn mount(line: &str, bound: &[String]) -> Option<(Facts, mpsc::Receiver<Option<StatVfs>>)> {
    let fields: Vec<String> = line.split_whitespace().map(plain).collect();
    let [device, place, kind, options, rest @ ..] = fields.as_slice() else { return None };
    if (!device.starts_with(['/', '\\']) && !device.contains(":/")) || kind == "none" {
        return None;
    }
    let number = |at: usize| rest.get(at).and_then(|word| word.parse::<i64>().ok()).unwrap_or(0);
    let options = if bound.contains(place) { format!("{options},bind") } else { options.clone() };
    let mount = facts([
        ("mount", place.as_str().into()),
        ("device", device.as_str().into()),
        ("fstype", kind.as_str().into()),
        ("options", options.into()),
        ("dump", number(0).into()),
        ("passno", number(1).into()),
        ("uuid", uuid(device).unwrap_or_else(|| "N/A".to_owned()).into()),
    ]);
    let (tell, answer) = mpsc::channel();
    let place = place.clone();
    // Nobody may be waiting for it any more.
    let ask = move || drop(tell.send(rustix::fs::statvfs(Path::new(&place)).ok()));
    // Where no thread can be had, the channel is closed, which is told like silence.
    let _ = thread::Builder::new().name("mount".into()).spawn(ask);
    Some((mount, answer))
}

fn sizes(stat: &StatVfs) -> Map<String, Value> {
    facts([
        ("size_total", (stat.f_frsize * stat.f_blocks).into()),
        ("size_available", (stat.f_frsize * stat.f_bavail).into()),
        ("block_size", stat.f_bsize.into()),
        ("block_total", stat.f_blocks.into()),
        ("block_available", stat.f_bavail.into()),
        ("block_used", stat.f_blocks.saturating_sub(stat.f_bavail).into()),
        ("inode_total", stat.f_files.into()),
        ("inode_available", stat.f_favail.into()),
        ("inode_used", stat.f_files.saturating_sub(stat.f_favail).into()),
    ])
}

/// Where only a folder of a file system is mounted.
fn bound() -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let folders = table.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().skip(3);
        let (root, place) = (fields.next()?, fields.next()?);
        (root != "/").then(|| plain(place))
    });
    folders.collect()
}

fn uuid(device: &str) -> Option<String> {
    let real = fs::canonicalize(device).ok()?;
    let folder = Path::new("/dev/disk/by-uuid");
    names(folder).into_iter().find(|name| fs::canonicalize(folder.join(name)).is_ok_and(|at| at == real))
}

/// A field without the escapes for white space: three octal digits after a backslash.
fn plain(field: &str) -> String {
    let mut parts = field.split('\\');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match byte {
            Some(byte) => text.extend([char::from(byte)].into_iter().chain(part[3..].chars())),
            None => text.extend(["\\", part]),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read() {
        assert_eq!(plain(r"/a\040b\x\134"), r"/a b\x\");
        let (mount, answer) = mount("/dev/none / ext4 rw,relatime 0 1", &["/".to_owned()]).unwrap();
        assert_eq!((&mount["mount"], &mount["options"]), (&"/".into(), &"rw,relatime,bind".into()));
        assert_eq!((&mount["passno"], &mount["uuid"]), (&1.into(), &"N/A".into()));
        assert!(answer.recv().unwrap().is_some());
        for line in ["proc /proc proc rw 0 0", "short", "/x /y none rw 0 0"] {
            assert!(super::mount(line, &[]).is_none(), "{line}");
        }
        assert!(super::mount("nas:/x /nowhere/at/all nfs rw 0 0", &[]).is_some());
    }
}
