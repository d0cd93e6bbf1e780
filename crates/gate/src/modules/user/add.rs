//! A new user: the words for `useradd`.

use super::{Account, change::expiry};
use crate::{Error, accounts, tool::Tool};

/// `useradd` with everything but the password, which is set apart from it.
pub(super) fn tool(account: &Account<'_>) -> Result<Tool, Error> {
    let args = account.args;
    let mut words: Vec<String> = Vec::new();
    let mut pair = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
    if let Some(uid) = args.opt_int("uid") {
        pair("-u", uid.to_string());
    }
    if let Some(group) = args.opt_str("group") {
        exists(group, account)?;
        pair("-g", group.to_owned());
    }
    let groups: Vec<&str> = args.strs("groups").into_iter().filter(|group| !group.is_empty()).collect();
    for group in &groups {
        exists(group, account)?;
    }
    if !groups.is_empty() {
        pair("-G", groups.join(","));
    }
    for (param, flag) in [("comment", "-c"), ("home", "-d"), ("shell", "-s"), ("seuser", "-Z")] {
        if let Some(value) = args.opt_str(param) {
            pair(flag, value.to_owned());
        }
    }
    if args.has("expires") {
        pair("-e", expiry(args.float("expires")));
    }
    if let Some(days) = args.opt_int("password_expire_account_disable") {
        pair("-f", days.to_string());
    }
    for (param, key) in [("uid_min", "UID_MIN"), ("uid_max", "UID_MAX")] {
        if let Some(limit) = args.opt_int(param) {
            pair("-K", format!("{key}={limit}"));
        }
    }
    let home = args.bool("create_home");
    for (param, flag, key) in [("skeleton", "-k", ""), ("umask", "-K", "UMASK=")] {
        if let Some(value) = args.opt_str(param).filter(|_| home) {
            pair(flag, format!("{key}{value}"));
        }
    }
    // A group that has the user's name already becomes its primary one only if it is named.
    let named = !args.has("group") && accounts::group(account.name, false, account.cx)?.is_some();
    let flags = [
        (args.has("uid") && args.bool("non_unique"), "-o"),
        (named, "-N"),
        (home, "-m"),
        (!home, "-M"),
        (args.bool("system"), "-r"),
    ];
    words.extend(flags.iter().filter(|(on, _)| *on).map(|(_, flag)| (*flag).to_owned()));
    Ok(Tool::new("useradd").args(words))
}

/// Fails where there is no such group.
pub(super) fn exists(group: &str, account: &Account<'_>) -> Result<(), Error> {
    if accounts::group_or_gid(group, account.cx)?.is_some() {
        return Ok(());
    }
    Err(Error::Failed(format!("Group {group} does not exist")))
}
