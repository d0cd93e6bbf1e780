//! Interfaces, addresses, and the way out. The kernel shows the interfaces as files; their addresses and routes
//! are told by `ip`, without which there are no facts of the network, as in Ansible.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use super::{Asked, Facts, content, facts, names};
use crate::{Error, tool, tool::Tool};

const FOLDER: &str = "/sys/class/net";

/// Kinds of interfaces by the number that the kernel gives them.
const KINDS: &[(&str, &str)] =
    &[("1", "ether"), ("32", "infiniband"), ("512", "ppp"), ("772", "loopback"), ("65534", "tunnel")];

/// Addresses far away: the way to them is the way out. They are Ansible's, and nothing is sent there.
const FAR: [(&str, &str); 2] = [("-4", "8.8.8.8"), ("-6", "2404:6800:400a:800::1012")];

pub(super) fn network(asked: &Asked<'_>) -> Result<Facts, Error> {
    if tool::find("ip", asked.cx).is_none() {
        return Ok(Facts::new());
    }
    let ip = |args: &[&str]| -> Result<String, Error> {
        Ok(Tool::new("ip").args(args.iter().copied()).run(asked.cx)?.out)
    };
    let mut defaults = Vec::new();
    for (family, far) in FAR {
        defaults.push(way(&ip(&[family, "route", "get", far])?, far));
    }
    let mut found = Found { defaults, ..Found::default() };
    for name in interface_names() {
        found.interfaces.insert(name.clone(), shown(&name).into());
    }
    found.addresses(&ip(&["addr", "show"])?);
    let mut reachable = Map::new();
    for (family, name) in [("-4", "ipv4"), ("-6", "ipv6")] {
        reachable.insert(name.into(), local(&ip(&[family, "route", "show", "table", "local"])?));
    }
    let [four, six] = [0, 1].map(|at| found.defaults.get(at).cloned().unwrap_or_default());
    let names: Vec<&String> = found.interfaces.keys().collect();
    let mut all = facts([
        ("interfaces", json!(names)),
        ("default_ipv4", four.into()),
        ("default_ipv6", six.into()),
        ("all_ipv4_addresses", json!(found.all[0])),
        ("all_ipv6_addresses", json!(found.all[1])),
        ("locally_reachable_ips", reachable.into()),
    ]);
    // A colon or a dash in a name would be none of an expression's.
    all.extend(found.interfaces.into_iter().map(|(name, fact)| (name.replace(':', "_"), fact)));
    Ok(all)
}

fn interface_names() -> Vec<String> {
    let mut names = names(FOLDER);
    names.retain(|name| Path::new(FOLDER).join(name).is_dir());
    names
}

/// What the kernel shows of an interface.
fn shown(name: &str) -> Facts {
    let folder = Path::new(FOLDER).join(name);
    let read = |file: &str| content(folder.join(file));
    let mut all = facts([("device", name.into())]);
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            all.insert(name.to_owned(), value);
        }
    };
    put("macaddress", read("address").filter(|mac| mac != "00:00:00:00:00:00").map(Value::from));
    put("mtu", read("mtu").and_then(|mtu| mtu.parse::<u64>().ok()).map(Value::from));
    put("active", read("operstate").map(|state| (state != "down").into()));
    put("module", last(folder.join("device/driver/module")).map(Value::from));
    let kind = read("type");
    let named =
        |kind: &str| KINDS.iter().find(|(number, _)| *number == kind).map_or("unknown", |(_, name)| name);
    put("type", kind.map(|kind| named(&kind).into()));
    put("pciid", fs::read_link(folder.join("device")).ok().and_then(|path| name_of(&path)).map(Value::from));
    put("speed", read("speed").and_then(|speed| speed.parse::<i64>().ok()).map(Value::from));
    let flags = read("flags").and_then(|flags| u64::from_str_radix(flags.trim_start_matches("0x"), 16).ok());
    put("promisc", flags.map(|flags| (flags & 0x100 != 0).into()));
    if folder.join("bridge").is_dir() {
        put("type", Some("bridge".into()));
        put("interfaces", Some(json!(names(folder.join("brif")))));
        put("id", read("bridge/bridge_id").map(Value::from));
        put("stp", read("bridge/stp_state").map(|state| (state == "1").into()));
    }
    if folder.join("bonding").is_dir() {
        let word = |file: &str| {
            let text = read(&format!("bonding/{file}"))?;
            text.split_whitespace().next().map(Value::from)
        };
        put("type", Some("bonding".into()));
        let slaves = read("bonding/slaves").unwrap_or_default();
        put("slaves", Some(slaves.split_whitespace().collect()));
        for file in ["mode", "miimon", "lacp_rate", "primary"] {
            put(file, word(file));
        }
    }
    put("perm_macaddress", read("bonding_slave/perm_hwaddr").map(Value::from));
    all
}

fn last(path: PathBuf) -> Option<String> {
    name_of(&fs::canonicalize(path).ok()?)
}

fn name_of(path: &Path) -> Option<String> {
    path.file_name().map(|name| name.to_string_lossy().into_owned())
}

/// What `ip route get` says of the way to a far address.
fn way(said: &str, far: &str) -> Facts {
    let words: Vec<&str> = said.lines().next().unwrap_or_default().split_whitespace().collect();
    let mut way = Facts::new();
    if words.first() != Some(&far) {
        return way;
    }
    for pair in words.windows(2) {
        let name = match pair[0] {
            "dev" => "interface",
            "src" => "address",
            "via" if pair[1] != far => "gateway",
            _ => continue,
        };
        way.insert(name.into(), pair[1].into());
    }
    way
}

/// The addresses that are this host's own.
fn local(said: &str) -> Value {
    let mut all: Vec<&str> = Vec::new();
    for line in said.lines() {
        let mut words = line.split_whitespace();
        if let (Some("local"), Some(address)) = (words.next(), words.next())
            && !all.contains(&address)
        {
            all.push(address);
        }
    }
    json!(all)
}

/// Interfaces, and what is noted beside them.
#[derive(Default)]
struct Found {
    interfaces: Map<String, Value>,
    /// The way out, by the fourth and the sixth version.
    defaults: Vec<Facts>,
    all: [Vec<String>; 2],
}

impl Found {
    /// Reads `ip addr show`.
    fn addresses(&mut self, said: &str) {
        let mut device = String::new();
        for line in said.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                [number, name, ..] if !line.starts_with(' ') && number.ends_with(':') => {
                    let name = name.trim_end_matches(':');
                    name.split('@').next().unwrap_or_default().clone_into(&mut device);
                }
                ["inet", address, ..] => self.four(&device, address, &words),
                ["inet6", ..] => self.six(&device, &words),
                _ => {}
            }
        }
    }

    fn four(&mut self, device: &str, address: &str, words: &[&str]) {
        // What stands at the other end of a line has no network.
        let (address, prefix) = address.split_once('/').unwrap_or((address, "32"));
        let (Ok(parsed), Ok(length)) = (address.parse::<Ipv4Addr>(), prefix.parse::<u32>()) else { return };
        let mask = u32::MAX.checked_shl(32 - length.min(32)).unwrap_or(0);
        let broadcast = if words.get(2) == Some(&"brd") { words.get(3).copied() } else { None };
        let own = facts([
            ("address", address.into()),
            ("broadcast", broadcast.unwrap_or_default().into()),
            ("netmask", Ipv4Addr::from(mask).to_string().into()),
            ("network", Ipv4Addr::from(u32::from(parsed) & mask).to_string().into()),
            ("prefix", prefix.into()),
        ]);
        // An address may have a label of its own, as if it were an interface.
        let label = words.last().copied().unwrap_or(device);
        let label = if label.starts_with(device) { label } else { device };
        let secondary = words.contains(&"secondary");
        if !address.starts_with("127.") {
            self.all[0].push(address.to_owned());
        }
        self.way_out(0, device, address, own.clone(), Some(label));
        let entry = self.interface(label);
        if secondary || entry.contains_key("ipv4") {
            append(entry, "ipv4_secondaries", own.clone().into());
            if secondary && label != device {
                append(self.interface(device), "ipv4_secondaries", own.into());
            }
        } else {
            entry.insert("ipv4".into(), own.into());
        }
    }

    fn six(&mut self, device: &str, words: &[&str]) {
        let (address, prefix, scope) = match words {
            ["inet6", address, "peer", peer, "scope", scope, ..] => {
                (*address, peer.split_once('/').map_or("128", |(_, prefix)| prefix), *scope)
            }
            ["inet6", address, "scope", scope, ..] => {
                let (address, prefix) = address.split_once('/').unwrap_or((address, "128"));
                (address, prefix, *scope)
            }
            _ => return,
        };
        let own = facts([("prefix", prefix.into()), ("scope", scope.into())]);
        if address != "::1" {
            self.all[1].push(address.to_owned());
        }
        self.way_out(1, device, address, own.clone(), None);
        let mut own = own;
        own.insert("address".into(), address.into());
        append(self.interface(device), "ipv6", own.into());
    }

    /// Adds to the way out what is known of its address.
    fn way_out(&mut self, family: usize, device: &str, address: &str, own: Facts, label: Option<&str>) {
        let interface = self.interfaces.get(device).cloned().unwrap_or_default();
        let Some(way) = self.defaults.get_mut(family) else { return };
        if way.get("address").and_then(Value::as_str) != Some(address) {
            return;
        }
        way.extend(own);
        for name in ["macaddress", "mtu", "type"] {
            if let Some(value) = interface.get(name) {
                way.insert(name.into(), value.clone());
            }
        }
        if let Some(label) = label {
            way.insert("alias".into(), label.into());
        }
    }

    fn interface(&mut self, name: &str) -> &mut Map<String, Value> {
        let entry = self.interfaces.entry(name).or_insert_with(|| Map::new().into());
        entry.as_object_mut().expect("every interface is a map")
    }
}

fn append(entry: &mut Map<String, Value>, name: &str, value: Value) {
    match entry.get_mut(name).and_then(Value::as_array_mut) {
        Some(list) => list.push(value),
        None => drop(entry.insert(name.to_owned(), vec![value].into())),
    }
}

/// `/etc/resolv.conf`.
pub(super) fn dns(_: &Asked<'_>) -> Result<Facts, Error> {
    Ok(facts([("dns", resolver(&content("/etc/resolv.conf").unwrap_or_default()))]))
}

fn resolver(text: &str) -> Value {
    let mut all = Map::new();
    for line in text.lines().filter(|line| !line.starts_with(['#', ';'])) {
        let mut words = line.split_whitespace();
        let Some(word) = words.next() else { continue };
        match word {
            "nameserver" => words.for_each(|word| append(&mut all, "nameservers", word.into())),
            "domain" => drop(words.next().map(|word| all.insert("domain".into(), word.into()))),
            "search" | "sortlist" => drop(all.insert(word.into(), words.collect())),
            "options" => {
                let option = |word: &str| match word.split_once(':') {
                    Some((name, value)) if !value.is_empty() => (name.to_owned(), Value::from(value)),
                    _ => (word.trim_end_matches(':').to_owned(), true.into()),
                };
                all.insert(word.into(), words.map(option).collect::<Map<_, _>>().into());
            }
            _ => {}
        }
    }
    all.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let said = "1: lo: <LOOPBACK,UP> mtu 65536 qdisc noqueue\n    link/loopback 00:00:00:00:00:00 brd 0\n    \
                    inet 127.0.0.1/8 scope host lo\n    inet6 ::1/128 scope host\n2: eth0@if3: <UP> mtu 1500\n    \
                    inet 10.1.2.3/22 brd 10.1.3.255 scope global dynamic eth0\n    \
                    inet 10.1.2.9/22 brd 10.1.3.255 scope global secondary eth0:1\n    \
                    inet6 fe80::1/64 scope link\n";
        let defaults =
            vec![way("8.8.8.8 via 10.1.0.1 dev eth0 src 10.1.2.3 uid 0\n", "8.8.8.8"), Facts::new()];
        let mut found = Found { defaults, ..Found::default() };
        found.interface("eth0").insert("mtu".into(), 1500.into());
        found.addresses(said);
        let lo = &found.interfaces["lo"];
        assert_eq!((&lo["ipv4"]["netmask"], &lo["ipv6"][0]["scope"]), (&"255.0.0.0".into(), &"host".into()));
        let eth0 = &found.interfaces["eth0"];
        assert_eq!(
            (&eth0["ipv4"]["network"], &eth0["ipv4"]["broadcast"]),
            (&"10.1.0.0".into(), &"10.1.3.255".into())
        );
        assert_eq!(eth0["ipv4_secondaries"][0]["address"], "10.1.2.9");
        assert_eq!(found.interfaces["eth0:1"]["ipv4_secondaries"][0]["prefix"], "22");
        assert_eq!(found.all, [vec!["10.1.2.3", "10.1.2.9"], vec!["fe80::1"]]);
        let out = &found.defaults[0];
        assert_eq!(
            [&out["gateway"], &out["interface"], &out["netmask"], &out["alias"]],
            ["10.1.0.1", "eth0", "255.255.252.0", "eth0"]
        );
        assert_eq!(out["mtu"], 1500);
        assert!(way("RTNETLINK answers: unreachable", "8.8.8.8").is_empty());
        assert_eq!(
            local("local 10.0.0.1 dev x\nbroadcast 10.0.0.255\nlocal 10.0.0.1 dev y\n"),
            json!(["10.0.0.1"])
        );
    }

    #[test]
    fn resolvers_are_read() {
        let text = "# x\nnameserver 1.1.1.1\nnameserver 9.9.9.9\nsearch a b\noptions ndots:2 rotate\n";
        let due = json!({
            "nameservers": ["1.1.1.1", "9.9.9.9"], "search": ["a", "b"],
            "options": {"ndots": "2", "rotate": true},
        });
        assert_eq!(resolver(text), due);
    }
}
