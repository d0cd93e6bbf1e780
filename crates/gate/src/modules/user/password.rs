//! A user's password: its hash goes to `chpasswd` on standard input, where no list of processes shows it.

use super::Account;
use crate::{Args, Error, Reply, accounts, tool::Tool};

/// What replies show in its place.
pub(super) const HIDDEN: &str = "NOT_LOGGING_PASSWORD";

/// Lengths of the last part of hashes by their kind.
const LENGTHS: [(&str, usize); 4] = [("1", 22), ("5", 43), ("6", 86), ("y", 43)];

/// Refuses what would be another record of the file of passwords.
pub(super) fn check(args: &Args) -> Result<(), Error> {
    let both = [args.opt_str("password").unwrap_or_default(), args.str("name")];
    if both.iter().any(|text| text.contains([':', '\n', '\r', '\0'])) {
        return Err(Error::Failed("neither a user nor the hash of a password has colons or line ends".into()));
    }
    Ok(())
}

/// Says that a password does not look like a hash.
pub(super) fn warning(args: &Args) -> Option<String> {
    let password = args.opt_str("password").filter(|password| !password.is_empty())?;
    (!matches!(password, "*" | "!" | "*************") && !hashed(password)).then(|| {
        "The input password appears not to have been hashed. The 'password' argument must be encrypted for this \
         module to work properly."
            .to_owned()
    })
}

fn hashed(password: &str) -> bool {
    let fields: Vec<&str> = password.split('$').collect();
    let (Some(last), Some(kind)) = (fields.last(), fields.get(1)) else { return false };
    fields.len() >= 3
        && !password.contains(['*', '!'])
        && last.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '='))
        && LENGTHS.iter().all(|(name, length)| name != kind || last.len() == *length)
}

/// A hash without the mark that locks it.
pub(super) fn bare(password: &str) -> &str {
    password.trim_start_matches('!')
}

/// Sets the password.
pub(super) fn set(account: &Account<'_>, reply: Reply) -> Result<Reply, Error> {
    let lock = if account.args.bool("password_lock") { "!" } else { "" };
    let hash = format!("{lock}{}", account.args.str("password"));
    if account.cx.checks() {
        accounts::foresee_password(account.name, &hash, account.cx)?;
    } else {
        let line = format!("{}:{hash}\n", account.name);
        let said = Tool::new("chpasswd").whole().arg("-e").stdin(line).run(account.cx)?;
        if !said.ok() {
            return Ok(account.failed(&said));
        }
    }
    Ok(reply.with("password", HIDDEN))
}

/// How long a password is good for.
pub(super) fn times(account: &Account<'_>, mut reply: Reply) -> Result<Reply, Error> {
    let shadow = accounts::shadow(account.name, account.cx);
    let mut words = Vec::new();
    let now = |read: fn(&accounts::Shadow) -> i64| shadow.as_ref().map(read);
    for (param, flag, now) in [
        ("password_expire_min", "-m", now(|shadow| shadow.min)),
        ("password_expire_max", "-M", now(|shadow| shadow.max)),
        ("password_expire_warn", "-W", now(|shadow| shadow.warn)),
    ] {
        if let Some(days) = account.args.opt_int(param).filter(|days| Some(*days) != now) {
            words.extend([flag.to_owned(), days.to_string()]);
        }
    }
    if words.is_empty() {
        return Ok(reply);
    }
    let said = account.act(Tool::new("chage").args(words))?;
    if !said.ok() {
        return Ok(account.failed(&said));
    }
    reply.changed = true;
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_hash_is_told_from_what_is() {
        let sha512 = format!("$6$salt${}", "a".repeat(86));
        for good in [sha512.as_str(), "$y$j9T$salt$0123456789012345678901234567890123456789012", "$2b$12$abc"] {
            assert!(hashed(good), "{good}");
        }
        for bad in ["secret", "a$b", "$6$salt$short", "$6$salt$*", "$5$x$äöü"] {
            assert!(!hashed(bad), "{bad}");
        }
    }
}
