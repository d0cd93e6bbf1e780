//! What the host's programs for accounts would make of their files, for check mode: so later steps find users and
//! groups that earlier ones would make, by name, by number, and in the files themselves.

use std::path::{Path, PathBuf};

use super::{Group, group, group_or_gid, table::Table, user};
use crate::{Context, Error};

/// The words of such a program, told apart.
struct Words<'a>(&'a [String]);

impl<'a> Words<'a> {
    fn has(&self, flag: &str) -> bool {
        self.0.iter().any(|word| word == flag)
    }

    fn value(&self, flag: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|word| word == flag)?;
        self.0.get(at + 1).map(String::as_str)
    }

    fn number(&self, flag: &str) -> Option<u32> {
        self.value(flag)?.parse().ok()
    }

    /// A setting that is given with `-K`.
    fn setting(&self, key: &str) -> Option<u32> {
        self.0.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('=')?.parse().ok())
    }
}

/// Makes the files of accounts what a program would, called with these words for this user or group.
pub(crate) fn foresee(program: &str, words: &[String], name: &str, cx: &Context<'_>) -> Result<(), Error> {
    let words = Words(words);
    match program {
        "groupadd" => add_group(name, words.number("-g"), &words, cx).map(drop),
        "groupmod" => Table::edit("group", cx, |table| table.set(name, 2, words.value("-g"))),
        "groupdel" => Table::edit("group", cx, |table| table.remove(name)),
        "useradd" => add_user(name, &words, cx),
        "usermod" => change_user(name, &words, cx),
        "userdel" => remove_user(name, &words, cx),
        "chage" => Table::edit("shadow", cx, |table| {
            for (flag, field) in [("-m", 3), ("-M", 4), ("-W", 5)] {
                table.set(name, field, words.value(flag));
            }
        }),
        _ => Ok(()),
    }
}

/// The same for a password.
pub(crate) fn foresee_password(name: &str, hash: &str, cx: &Context<'_>) -> Result<(), Error> {
    Table::edit("shadow", cx, |table| table.set(name, 1, Some(hash)))
}

fn add_group(name: &str, gid: Option<u32>, words: &Words<'_>, cx: &Context<'_>) -> Result<u32, Error> {
    let settings = Settings::read(cx);
    let mut number = 0;
    Table::edit("group", cx, |table| {
        number = gid.unwrap_or_else(|| settings.free("GID", words, &table.numbers(2)));
        table.push([name, "x", &number.to_string(), ""]);
    })?;
    Ok(number)
}

fn add_user(name: &str, words: &Words<'_>, cx: &Context<'_>) -> Result<(), Error> {
    let settings = Settings::read(cx);
    let mut uid = 0;
    Table::edit("passwd", cx, |table| {
        uid = words.number("-u").unwrap_or_else(|| settings.free("UID", words, &table.numbers(2)));
    })?;
    let own = !words.has("-N") && settings.login("USERGROUPS_ENAB").is_none_or(|word| word != "no");
    let gid = match words.value("-g") {
        Some(group) => group_or_gid(group, cx)?.map_or(0, |group| group.gid),
        None if own => {
            let free = Table::read("group", cx).is_some_and(|table| !table.numbers(2).contains(&uid));
            add_group(name, free.then_some(uid), words, cx)?
        }
        None => settings.default("GROUP").and_then(|gid| gid.parse().ok()).unwrap_or(100),
    };
    let home = words.value("-d").map_or_else(
        || format!("{}/{name}", settings.default("HOME").unwrap_or_else(|| "/home".into())),
        str::to_owned,
    );
    let shell =
        words.value("-s").map(str::to_owned).or_else(|| settings.default("SHELL")).unwrap_or_default();
    let comment = words.value("-c").unwrap_or_default();
    Table::edit("passwd", cx, |table| {
        table.push([name, "x", &uid.to_string(), &gid.to_string(), comment, &home, &shell]);
    })?;
    let (expire, inactive) =
        (words.value("-e").map(day).unwrap_or_default(), words.value("-f").unwrap_or_default());
    let days = |key: &str, otherwise: &str| settings.login(key).unwrap_or_else(|| otherwise.into());
    let (min, max, warn) =
        (days("PASS_MIN_DAYS", "0"), days("PASS_MAX_DAYS", "99999"), days("PASS_WARN_AGE", "7"));
    Table::edit("shadow", cx, |table| table.push([name, "!", "", &min, &max, &warn, inactive, &expire, ""]))?;
    join(name, words.value("-G"), true, cx)?;
    let made = user(name, true, cx)?.filter(|_| words.has("-m") && !cx.fs().exists(Path::new(&home)));
    match made {
        Some(user) => crate::modules::make_home(Path::new(&home), &user, words.value("-k"), cx),
        None => Ok(()),
    }
}

fn change_user(name: &str, words: &Words<'_>, cx: &Context<'_>) -> Result<(), Error> {
    let group = words.value("-g").map(|group| group_or_gid(group, cx)).transpose()?.flatten();
    let gid = group.map(|group| group.gid.to_string());
    Table::edit("passwd", cx, |table| {
        for (field, value) in [
            (2, words.value("-u")),
            (3, gid.as_deref()),
            (4, words.value("-c")),
            (5, words.value("-d")),
            (6, words.value("-s")),
        ] {
            table.set(name, field, value);
        }
    })?;
    Table::edit("shadow", cx, |table| {
        table.set(name, 6, words.value("-f"));
        table.set(name, 7, words.value("-e").map(day).as_deref());
        let now = table.get(name, 1).unwrap_or_default().to_owned();
        let lock = words.has("-L").then(|| format!("!{now}"));
        let open = words.has("-U").then(|| now.strip_prefix('!').unwrap_or(&now).to_owned());
        table.set(name, 1, lock.or(open).as_deref());
    })?;
    // What lies in its home gets another owner, or lies elsewhere.
    for flag in ["-u", "-m"] {
        if let Some(forecast) = cx.check.filter(|_| words.has(flag)) {
            forecast.doubt(format!("what becomes of the files of the user {name}"));
        }
    }
    join(name, words.value("-G"), words.has("-a"), cx)
}

fn remove_user(name: &str, words: &Words<'_>, cx: &Context<'_>) -> Result<(), Error> {
    let home = user(name, true, cx)?.map(|user| PathBuf::from(user.home));
    Table::edit("passwd", cx, |table| table.remove(name))?;
    Table::edit("shadow", cx, |table| table.remove(name))?;
    join(name, Some(""), false, cx)?;
    let own = group(name, true, cx)?.is_some_and(|group| group.members.is_empty());
    if own && Settings::read(cx).login("USERGROUPS_ENAB").is_none_or(|word| word != "no") {
        Table::edit("group", cx, |table| table.remove(name))?;
    }
    match home.filter(|home| words.has("-r") && cx.fs().is_dir(home)) {
        Some(home) => cx.fs().remove_dir_all(&home).map_err(Error::io("remove", home)),
        None => Ok(()),
    }
}

/// Makes a user a member of groups, and unless they are added, of no others.
fn join(name: &str, groups: Option<&str>, add: bool, cx: &Context<'_>) -> Result<(), Error> {
    let Some(groups) = groups else { return Ok(()) };
    let mut wanted: Vec<String> = Vec::new();
    for group in groups.split(',').filter(|group| !group.is_empty()) {
        wanted.extend(group_or_gid(group, cx)?.map(|group: Group| group.name));
    }
    Table::edit("group", cx, |table| {
        for line in table.lines.iter_mut().filter(|line| line.len() > 3) {
            let is = wanted.contains(&line[0]);
            let mut members: Vec<&str> = line[3].split(',').filter(|member| !member.is_empty()).collect();
            let was = members.contains(&name);
            if is && !was {
                members.push(name);
            } else if was && !is && !add {
                members.retain(|member| *member != name);
            }
            line[3] = members.join(",");
        }
    })
}

/// The day of a date, counted from 1970-01-01, as `/etc/shadow` has it; nothing for never.
fn day(date: &str) -> String {
    let numbers: Vec<u64> = date.split('-').filter_map(|part| part.parse().ok()).collect();
    let &[year, month, day] = numbers.as_slice() else { return String::new() };
    crate::clock::days(year, month, day).map_or_else(String::new, |days| days.to_string())
}

/// How new accounts are made on this host.
struct Settings {
    login: String,
    default: String,
}

impl Settings {
    fn read(cx: &Context<'_>) -> Self {
        let read = |path: &str| {
            let bytes = cx.fs().read(Path::new(path)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Self { login: read("/etc/login.defs"), default: read("/etc/default/useradd") }
    }

    fn login(&self, key: &str) -> Option<String> {
        let mut lines = self.login.lines().map(str::split_whitespace);
        lines.find_map(|mut words| (words.next() == Some(key)).then(|| words.next())?.map(str::to_owned))
    }

    fn default(&self, key: &str) -> Option<String> {
        let value = self.default.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='))?;
        Some(value.to_owned())
    }

    /// The number that a new account would get: above all others, and for system accounts below.
    fn free(&self, kind: &str, words: &Words<'_>, used: &[u32]) -> u32 {
        let limit = |key: String, otherwise: u32| {
            let login = self.login(&key).and_then(|word| word.parse().ok());
            words.setting(&key).or(login).unwrap_or(otherwise)
        };
        let least = limit(format!("{kind}_MIN"), 1000);
        if words.has("-r") {
            let (from, to) =
                (limit(format!("SYS_{kind}_MIN"), 101), limit(format!("SYS_{kind}_MAX"), least - 1));
            let lowest = used.iter().filter(|number| (from..=to).contains(number)).min();
            return lowest.map_or(to, |number| number.saturating_sub(1).max(from));
        }
        let most = limit(format!("{kind}_MAX"), 60_000);
        let highest = used.iter().filter(|number| (least..=most).contains(number)).max();
        highest.map_or(least, |number| (number + 1).min(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_that_useradd_takes() {
        let settings =
            Settings { login: "UID_MIN 500\nSYS_UID_MAX\t499".into(), default: "HOME=/h\n".into() };
        let words: Vec<String> = ["-r".into()].into();
        for (used, normal, system) in
            [(&[0, 65534][..], 500, 499), (&[501, 600, 498], 601, 497), (&[101, 60_000], 60_000, 101)]
        {
            assert_eq!(settings.free("UID", &Words(&[]), used), normal, "{used:?}");
            assert_eq!(settings.free("UID", &Words(&words), used), system, "{used:?}");
        }
        assert_eq!((settings.default("HOME").as_deref(), day("1970-01-11").as_str()), (Some("/h"), "10"));
    }
}
