//! The system itself: names, kernel, time, environment, and who asks.

use std::fs;

use serde_json::{Map, Value, json};

use super::{Asked, Facts, content, facts};
use crate::{Error, accounts, tool::Tool};

pub(super) fn platform(asked: &Asked<'_>) -> Result<Facts, Error> {
    let kernel = |name: &str| content(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
    let node = kernel("hostname");
    let machine = machine(asked);
    let bits = if cfg!(target_pointer_width = "64") { "64" } else { "32" };
    let fqdn = fqdn(&node, asked);
    let mut all = facts([
        ("system", "Linux".into()),
        ("kernel", kernel("osrelease").into()),
        ("kernel_version", kernel("version").into()),
        ("machine", machine.as_str().into()),
        ("architecture", machine.as_str().into()),
        ("nodename", node.as_str().into()),
        ("hostname", node.split('.').next().unwrap_or_default().into()),
        ("domain", fqdn.split_once('.').map_or("", |(_, domain)| domain).into()),
        ("fqdn", fqdn.into()),
        ("userspace_bits", bits.into()),
    ]);
    if machine == "x86_64" {
        let userspace = if bits == "64" { "x86_64" } else { "i386" };
        all.insert("userspace_architecture".into(), userspace.into());
    }
    let id = content("/var/lib/dbus/machine-id").or_else(|| content("/etc/machine-id"));
    if let Some(line) = id.as_deref().and_then(|id| id.lines().next()) {
        all.insert("machine_id".into(), line.into());
    }
    Ok(all)
}

/// The kernel's own word, which may be another than the program's.
fn machine(asked: &Asked<'_>) -> String {
    let told = || {
        let said = Tool::new("uname").arg("-m").run(asked.cx).ok().filter(crate::tool::Said::ok)?;
        Some(said.out.trim().to_owned())
    };
    content("/proc/sys/kernel/arch").or_else(told).unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// The full name, as Python finds it: what the first address of the name is called, if that has a dot.
fn fqdn(node: &str, asked: &Asked<'_>) -> String {
    let ask = |what: &str| {
        let said = Tool::new("getent").args(["--", "hosts", what]).run(asked.cx).ok()?;
        let line = said.out.lines().next()?.to_owned();
        said.ok().then_some(line)
    };
    let names = ask(node).and_then(|line| {
        let address = line.split_whitespace().next()?.to_owned();
        ask(&address).or(Some(line))
    });
    let names: Vec<String> =
        names.map(|line| line.split_whitespace().skip(1).map(str::to_owned).collect()).unwrap_or_default();
    let full = names.iter().find(|name| name.contains('.'));
    full.or(names.first()).map_or_else(|| node.to_owned(), Clone::clone)
}

pub(super) fn cmdline(_: &Asked<'_>) -> Result<Facts, Error> {
    let Some(line) = content("/proc/cmdline") else { return Ok(Facts::new()) };
    let (mut last, mut all) = (Map::new(), Map::new());
    for word in line.split_whitespace() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Value::from(value)),
            None => (word, Value::from(true)),
        };
        last.insert(name.to_owned(), value.clone());
        let before = all.remove(name).filter(|_| value.is_string());
        let value = match before {
            None => value,
            Some(Value::Array(mut list)) => {
                list.push(value);
                list.into()
            }
            Some(one) => vec![one, value].into(),
        };
        all.insert(name.to_owned(), value);
    }
    Ok(facts([("cmdline", last.into()), ("proc_cmdline", all.into())]))
}

/// The host's own time is what its `date` says: it knows the zone.
pub(super) fn date_time(asked: &Asked<'_>) -> Result<Facts, Error> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let at = format!("@{}", now.as_secs());
    let format = "+%Y|%m|%A|%w|%W|%d|%H|%M|%S|%Z|%z";
    let said = Tool::new("date").args(["-d", at.as_str(), format]).run(asked.cx)?;
    let words: Vec<&str> = said.out.trim().split('|').collect();
    let [year, month, weekday, number, week, day, hour, minute, second, tz, offset] = words[..] else {
        return Err(Error::Failed(format!("date: {}", said.why())));
    };
    let micros = now.subsec_micros();
    let utc = crate::clock::stamp(std::time::UNIX_EPOCH + now).replace(' ', "T");
    let short = format!("{year}{month}{day}T{hour}{minute}{second}");
    let epoch = now.as_secs().to_string();
    let summer = zone_names().and_then(|(_, summer)| summer).unwrap_or_else(|| tz.to_owned());
    let time = json!({
        "year": year, "month": month, "weekday": weekday, "weekday_number": number, "weeknumber": week,
        "day": day, "hour": hour, "minute": minute, "second": second,
        "epoch": epoch, "epoch_int": epoch,
        "date": format!("{year}-{month}-{day}"), "time": format!("{hour}:{minute}:{second}"),
        "iso8601_micro": format!("{utc}Z"), "iso8601": format!("{}Z", &utc[..19]),
        "iso8601_basic": format!("{short}{micros:06}"), "iso8601_basic_short": short,
        "tz": tz, "tz_dst": summer, "tz_offset": offset,
    });
    Ok(facts([("date_time", time)]))
}

/// The names of the host's time zone, the usual one and that of summer: out of the rule at its file's end.
fn zone_names() -> Option<(String, Option<String>)> {
    let bytes = fs::read("/etc/localtime").ok()?;
    let text = String::from_utf8_lossy(&bytes);
    rule_names(text.trim_end_matches('\n').rsplit('\n').next()?)
}

/// The names in a rule such as `CET-1CEST,M3.5.0,M10.5.0/3`.
fn rule_names(rule: &str) -> Option<(String, Option<String>)> {
    let rule = rule.split(',').next()?;
    let name = |text: &str| -> Option<(String, usize)> {
        if let Some(rest) = text.strip_prefix('<') {
            let end = rest.find('>')?;
            return Some((rest[..end].to_owned(), end + 2));
        }
        let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
        (end >= 3).then(|| (text[..end].to_owned(), end))
    };
    let (usual, end) = name(rule)?;
    let rest = rule[end..].trim_start_matches(|c: char| c.is_ascii_digit() || "+-:".contains(c));
    Some((usual, name(rest).map(|(summer, _)| summer)))
}

/// Without the marks by which this run's processes are found.
pub(super) fn env(asked: &Asked<'_>) -> Result<Facts, Error> {
    let own = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
    let all = own.chain(asked.cx.env.clone()).filter(|(name, _)| !name.starts_with("WINDLASS_"));
    let all: Map<String, Value> = all.map(|(name, value)| (name, value.into())).collect();
    Ok(facts([("env", all.into())]))
}

pub(super) fn loadavg(_: &Asked<'_>) -> Result<Facts, Error> {
    let text = content("/proc/loadavg").unwrap_or_default();
    let mut numbers = text.split(' ').filter_map(|word| word.parse::<f64>().ok());
    let names = ["1m", "5m", "15m"];
    let loads: Facts =
        names.iter().filter_map(|name| Some(((*name).to_owned(), numbers.next()?.into()))).collect();
    Ok(facts([("loadavg", loads.into())]))
}

pub(super) fn user(asked: &Asked<'_>) -> Result<Facts, Error> {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    let uid = getuid().as_raw();
    let variable = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let named = ["LOGNAME", "USER", "LNAME", "USERNAME"].iter().find_map(variable);
    let name = named.or_else(|| crate::fsops::ids::user(uid, crate::view::Fs::DISK)).unwrap_or_default();
    let mut all = facts([
        ("user_id", name.as_str().into()),
        ("real_user_id", uid.into()),
        ("effective_user_id", geteuid().as_raw().into()),
        ("real_group_id", getgid().as_raw().into()),
        ("effective_group_id", getegid().as_raw().into()),
    ]);
    if let Some(user) = accounts::user(&name, false, asked.cx)? {
        all.extend(facts([
            ("user_uid", user.uid.into()),
            ("user_gid", user.gid.into()),
            ("user_gecos", user.comment.into()),
            ("user_dir", user.home.into()),
            ("user_shell", user.shell.into()),
        ]));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_names() {
        for (rule, usual, summer) in [
            ("CET-1CEST,M3.5.0,M10.5.0/3", "CET", Some("CEST")),
            ("UTC0", "UTC", None),
            ("<+0330>-3:30", "+0330", None),
            ("<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "-03", Some("-02")),
        ] {
            assert_eq!(rule_names(rule), Some((usual.to_owned(), summer.map(str::to_owned))), "{rule}");
        }
        assert_eq!(rule_names("7"), None);
    }
}
