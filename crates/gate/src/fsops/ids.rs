//! Users and groups by name and number, read from `/etc/passwd` and `/etc/group`.
//!
//! The files are read directly, since a static program cannot load the system's name services. Where the system
//! says that users come from elsewhere too (LDAP, SSSD), its own `getent` is asked for those not in the files.

use std::{
    collections::HashMap,
    fs,
    io::Read,
    path::Path,
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::view::Fs;

/// The number of a user, by name or number.
pub(crate) fn uid(user: &str, fs: Fs<'_>) -> Option<u32> {
    user.parse().ok().or_else(|| find("/etc/passwd", 0, user, fs, |line| line.get(2)?.parse().ok()))
}

/// The number of a group, by name or number.
pub(crate) fn gid(group: &str, fs: Fs<'_>) -> Option<u32> {
    group.parse().ok().or_else(|| find("/etc/group", 0, group, fs, |line| line.get(2)?.parse().ok()))
}

/// The name of a user.
pub(crate) fn user(uid: u32, fs: Fs<'_>) -> Option<String> {
    find("/etc/passwd", 2, &uid.to_string(), fs, first)
}

/// The name of a group.
pub(crate) fn group(gid: u32, fs: Fs<'_>) -> Option<String> {
    find("/etc/group", 2, &gid.to_string(), fs, first)
}

/// The home folder of a user.
pub(crate) fn home_of_name(user: &str, fs: Fs<'_>) -> Option<String> {
    find("/etc/passwd", 0, user, fs, home)
}

/// The home folder of a user.
pub(crate) fn home_of_uid(uid: u32, fs: Fs<'_>) -> Option<String> {
    find("/etc/passwd", 2, &uid.to_string(), fs, home)
}

fn first(line: &[&str]) -> Option<String> {
    line.first().map(|name| (*name).to_owned())
}

fn home(line: &[&str]) -> Option<String> {
    line.get(5).map(|home| (*home).to_owned())
}

/// What the line of the first entry says whose field has the value; a line that cannot be read is passed over.
fn find<T>(
    file: &str,
    field: usize,
    value: &str,
    fs: Fs<'_>,
    read: impl Fn(&[&str]) -> Option<T>,
) -> Option<T> {
    let bytes = fs.read(Path::new(file)).ok()?;
    line(&String::from_utf8_lossy(&bytes), field, value, &read).or_else(|| {
        let database = file.trim_start_matches("/etc/");
        elsewhere(database).then(|| line(&getent(database, value)?, field, value, &read)).flatten()
    })
}

fn line<T>(text: &str, field: usize, value: &str, read: &impl Fn(&[&str]) -> Option<T>) -> Option<T> {
    text.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.get(field) == Some(&value)).then(|| read(&fields)).flatten()
    })
}

/// Whether the system has more users, and more groups, than those in its files.
static MORE: Mutex<Option<[bool; 2]>> = Mutex::new(None);

/// What `getent` has said.
static KNOWN: Mutex<Option<HashMap<String, Answer>>> = Mutex::new(None);

/// Forgets what the system has said.
pub(crate) fn forget() {
    *lock(&MORE) = None;
    *lock(&KNOWN) = None;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the system has more entries than those in its files.
fn elsewhere(database: &str) -> bool {
    let mut more = lock(&MORE);
    let [passwd, group] = *more.get_or_insert_with(|| {
        let switch = fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
        ["passwd:", "group:"].map(|name| has_more(&switch, name))
    });
    if database == "passwd" { passwd } else { group }
}

fn has_more(switch: &str, name: &str) -> bool {
    let services = switch.lines().filter_map(|line| line.trim().strip_prefix(name));
    let mut words = services.flat_map(|line| line.split('#').next().unwrap_or_default().split_whitespace());
    // Users of `systemd` and the like exist only while a service runs, and are never written in a document.
    words.any(|word| {
        !matches!(word, "files" | "compat" | "systemd" | "mymachines" | "altfiles") && !word.starts_with('[')
    })
}

/// How long a directory service may take to answer, and for how long its answer holds.
const PATIENCE: Duration = Duration::from_secs(5);
const HOLDS: Duration = Duration::from_secs(60);

/// An answer of `getent`, and when it came.
type Answer = (Instant, Option<String>);

/// An entry that the system's name services know.
fn getent(database: &str, key: &str) -> Option<String> {
    let name = format!("{database} {key}");
    let mut known = lock(&KNOWN);
    let known = known.get_or_insert_default();
    known.retain(|_, (since, _)| since.elapsed() < HOLDS);
    known.entry(name).or_insert_with(|| (Instant::now(), ask(database, key))).1.clone()
}

fn ask(database: &str, key: &str) -> Option<String> {
    let mut child = Command::new("getent")
        .args(["--", database, key])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let end = Instant::now() + PATIENCE;
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() > end {
            // It waits for a server that is not there.
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(Duration::from_millis(2));
    }
    let mut text = String::new();
    child.stdout.take()?.take(1 << 16).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_user_is_known_both_ways() {
        let fs = Fs::DISK;
        assert_eq!((uid("root", fs), gid("root", fs)), (Some(0), Some(0)));
        assert_eq!((user(0, fs).as_deref(), group(0, fs).as_deref()), (Some("root"), Some("root")));
        assert_eq!((uid("1234", fs), gid("77", fs)), (Some(1234), Some(77)));
        assert_eq!((uid("no such user", fs), gid("", fs)), (None, None));
        assert!(home_of_uid(0, fs).is_some());
    }

    #[test]
    fn the_system_says_where_else_users_come_from() {
        let switch = "# passwd: ldap\npasswd:  files systemd [NOTFOUND=return]\ngroup: files sss # x\n";
        assert_eq!((has_more(switch, "passwd:"), has_more(switch, "group:")), (false, true));
        assert!(!has_more("", "passwd:"));
    }

    #[test]
    fn the_systems_own_answer_is_read() {
        let root = getent("passwd", "root").expect("every system knows root");
        assert_eq!(line(&root, 0, "root", &|line| line.get(2)?.parse().ok()), Some(0));
        assert!(getent("passwd", "no-such-user-here").is_none_or(|text| text.is_empty()));
    }
}
