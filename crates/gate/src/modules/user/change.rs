//! A user that is there: what differs from what is asked for, as words for `usermod`.

use std::collections::BTreeSet;

use super::{Account, add::exists, password};
use crate::{Args, Error, accounts, clock};

/// What has to change.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The words for `usermod`.
    pub(super) words: Vec<String>,
    /// Whether the password is set.
    pub(super) password: bool,
    /// The number of the user's own group, where that is not there: `useradd` found no room for it after it had
    /// written the user.
    pub(super) own_group: Option<u32>,
}

impl Plan {
    pub(super) fn changes(&self) -> bool {
        self.password || self.own_group.is_some() || !self.words.is_empty()
    }

    fn set(&mut self, flag: &str, value: impl Into<String>) {
        self.words.extend([flag.to_owned(), value.into()]);
    }
}

/// Compares a user with the parameters.
pub(super) fn plan(account: &Account<'_>, user: &accounts::User) -> Result<Plan, Error> {
    let args = account.args;
    let mut plan = Plan::default();
    if let Some(uid) = args.opt_int("uid").filter(|uid| *uid != i64::from(user.uid)) {
        plan.set("-u", uid.to_string());
        if args.bool("non_unique") {
            plan.words.push("-o".into());
        }
    }
    if let Some(name) = args.opt_str("group") {
        exists(name, account)?;
        match accounts::group_or_gid(name, account.cx)? {
            Some(group) if group.gid == user.gid => {}
            Some(group) => plan.set("-g", group.gid.to_string()),
            None => {}
        }
    } else if accounts::group_or_gid(&user.gid.to_string(), account.cx)?.is_none() {
        match accounts::group(account.name, args.bool("local"), account.cx)? {
            Some(group) => plan.set("-g", group.gid.to_string()),
            None => plan.own_group = Some(user.gid),
        }
    }
    if args.has("groups") {
        groups(&mut plan, account)?;
    }
    for (param, flag, now) in
        [("comment", "-c", &user.comment), ("home", "-d", &user.home), ("shell", "-s", &user.shell)]
    {
        if let Some(value) = args.opt_str(param).filter(|value| value != now) {
            plan.set(flag, value);
            if param == "home" && args.bool("move_home") {
                plan.words.push("-m".into());
            }
        }
    }
    kept(&mut plan, args, accounts::shadow(&user.name, account.cx).as_ref());
    Ok(plan)
}

/// Membership in other groups.
fn groups(plan: &mut Plan, account: &Account<'_>) -> Result<(), Error> {
    let args = account.args;
    let now: BTreeSet<String> = accounts::memberships(account.name, account.cx)?.into_iter().collect();
    let mut wanted = BTreeSet::new();
    for name in args.strs("groups").into_iter().filter(|name| !name.is_empty()) {
        exists(name, account)?;
        let group = accounts::group_or_gid(name, account.cx)?;
        wanted.insert(group.map_or_else(|| name.to_owned(), |group| group.name));
    }
    let append = args.bool("append");
    let same = if append { wanted.is_subset(&now) } else { wanted == now };
    if !same {
        if append {
            plan.words.push("-a".into());
        }
        plan.set("-G", wanted.into_iter().collect::<Vec<_>>().join(","));
    }
    Ok(())
}

/// What stands in `/etc/shadow`.
fn kept(plan: &mut Plan, args: &Args, shadow: Option<&accounts::Shadow>) {
    if args.has("expires") {
        let wanted = (args.float("expires") / 86_400.0).floor() as i64;
        let now = shadow.map_or(-1, |shadow| shadow.expire);
        if wanted.max(-1) != now {
            plan.set("-e", expiry(args.float("expires")));
        }
    }
    if let Some(days) = args.opt_int("password_expire_account_disable")
        && shadow.is_none_or(|shadow| shadow.inactive != days)
    {
        plan.set("-f", days.to_string());
    }
    let now = shadow.map_or("", |shadow| shadow.password.as_str());
    if args.str("update_password") == "always"
        && let Some(wanted) = args.opt_str("password")
        && password::bare(wanted) != password::bare(now)
    {
        plan.password = true;
        return;
    }
    let lock = args.get("password_lock").and_then(serde_json::Value::as_bool);
    match (lock, now.starts_with('!')) {
        (Some(true), false) => plan.words.push("-L".into()),
        (Some(false), true) => plan.words.push("-U".into()),
        _ => {}
    }
}

/// The day on which an account ends, for `-e`; empty for never.
pub(super) fn expiry(seconds: f64) -> String {
    if seconds < 0.0 {
        return String::new();
    }
    let ((year, month, day), _) = clock::civil(seconds as u64);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_ends_on_a_day() {
        assert_eq!(expiry(-1.0), "");
        assert_eq!(expiry(0.0), "1970-01-01");
        assert_eq!(expiry(1_709_209_999.5), "2024-02-29");
    }
}
