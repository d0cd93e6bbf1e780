//! Users and groups by name and number, read from `/etc/passwd` and `/etc/group`.
//!
//! The files are read directly, since a static program cannot load the system's name services. Users that come
//! from elsewhere (LDAP, SSSD) are known by number only.

use std::fs;

/// The number of a user, by name or number.
pub(crate) fn uid(user: &str) -> Option<u32> {
    user.parse().ok().or_else(|| find("/etc/passwd", 0, user, |line| line.get(2)?.parse().ok()))
}

/// The number of a group, by name or number.
pub(crate) fn gid(group: &str) -> Option<u32> {
    group.parse().ok().or_else(|| find("/etc/group", 0, group, |line| line.get(2)?.parse().ok()))
}

/// The name of a user.
pub(crate) fn user(uid: u32) -> Option<String> {
    find("/etc/passwd", 2, &uid.to_string(), first)
}

/// The name of a group.
pub(crate) fn group(gid: u32) -> Option<String> {
    find("/etc/group", 2, &gid.to_string(), first)
}

/// The home folder of a user.
pub(crate) fn home_of_name(user: &str) -> Option<String> {
    find("/etc/passwd", 0, user, home)
}

/// The home folder of a user.
pub(crate) fn home_of_uid(uid: u32) -> Option<String> {
    find("/etc/passwd", 2, &uid.to_string(), home)
}

fn first(line: &[&str]) -> Option<String> {
    line.first().map(|name| (*name).to_owned())
}

fn home(line: &[&str]) -> Option<String> {
    line.get(5).map(|home| (*home).to_owned())
}

/// The first line whose field has the value; a line that cannot be read is passed over.
fn find<T>(file: &str, field: usize, value: &str, read: impl Fn(&[&str]) -> Option<T>) -> Option<T> {
    let bytes = fs::read(file).ok()?;
    String::from_utf8_lossy(&bytes).lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.get(field) == Some(&value)).then(|| read(&fields)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_user_is_known_both_ways() {
        assert_eq!((uid("root"), gid("root")), (Some(0), Some(0)));
        assert_eq!((user(0).as_deref(), group(0).as_deref()), (Some("root"), Some("root")));
        assert_eq!((uid("1234"), gid("77")), (Some(1234), Some(77)));
        assert_eq!((uid("no such user"), gid("")), (None, None));
        assert!(home_of_uid(0).is_some());
    }
}
