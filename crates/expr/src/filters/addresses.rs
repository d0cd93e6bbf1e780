//! The filters of Ansible's `ansible.utils` over addresses: `ipaddr` and its kin.
//!
//! What is no address is `false`, as there, so that a list can be searched for addresses.

use minijinja::value::ValueKind;
use minijinja::{Error, State, Value};

use crate::address::Net;
use crate::args::{Args, Entry, entry, items};
use crate::meter::{charge, charge_nodes};
use crate::ops::integer;
use crate::repr;

pub(super) static FILTERS: &[Entry] = &[
    entry("ipaddr", &["query"], |_, args| ask(args, None)),
    entry("ipv4", &["query"], |_, args| ask(args, Some(false))),
    entry("ipv6", &["query"], |_, args| ask(args, Some(true))),
    entry("ipwrap", &[], |_, args| match each(args.input(), &|value| wrapped(value))? {
        Some(all) => Ok(all.into()),
        None => wrapped(args.input()),
    }),
    entry("ipsubnet", &["query", "index"], ipsubnet),
    entry("ipmath", &["amount"], ipmath),
    entry("nthhost", &["query"], nthhost),
    entry("next_nth_usable", &["offset"], |_, args| usable_near(args, 1)),
    entry("previous_nth_usable", &["offset"], |_, args| usable_near(args, -1)),
    entry("network_in_network", &["test"], |_, args| {
        let (whole, part) = (addressed(args.input())?, addressed(&args.need("test")?)?);
        Ok(whole.zip(part).is_some_and(|(whole, part)| whole.net.holds(part.net)).into())
    }),
    entry("network_in_usable", &["test"], |_, args| {
        let (whole, part) = (addressed(args.input())?, addressed(&args.need("test")?)?);
        let is_usable = |(whole, part): (Address, Address)| {
            let (first, last) = whole.net.usable();
            whole.net.v6 == part.net.v6 && first <= part.net.first() && part.net.last() <= last
        };
        Ok(whole.zip(part).is_some_and(is_usable).into())
    }),
    entry("reduce_on_network", &["network"], |_, args| {
        let network = addressed(&args.need("network")?)?;
        let mut out = args.input_items()?;
        let network = network.ok_or_else(|| args.error("needs a network"))?;
        out.retain(|item| matches!(addressed(item), Ok(Some(part)) if network.net.holds(part.net)));
        Ok(out.into())
    }),
];

/// An address as it was given: with a prefix, or alone.
#[derive(Clone, Copy)]
struct Address {
    net: Net,
    with_prefix: bool,
    of: Option<bool>,
}

/// Reads an address from a text or a number.
fn addressed(value: &Value) -> Result<Option<Address>, Error> {
    read(value, None)
}

fn read(value: &Value, of: Option<bool>) -> Result<Option<Address>, Error> {
    charge(64)?;
    if !matches!(value.kind(), ValueKind::String | ValueKind::Number) {
        return Ok(None);
    }
    let text = repr::text(value)?;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |digits: &str, of| digits.parse().ok().and_then(|number| Net::of_number(number, of));
    if is_digits(&text) {
        let net = number(&text, of);
        // Zero is no value to Ansible, and so no address.
        return Ok(net.filter(|_| value.is_true()).map(|net| Address { net, with_prefix: false, of }));
    }
    let with_prefix = text.contains('/');
    let numbered = || {
        let (digits, prefix) = text.split_once('/').filter(|(digits, _)| is_digits(digits))?;
        number(digits, None)?.with(prefix.parse().ok()?)
    };
    Ok(Net::read(&text).or_else(numbered).map(|net| Address { net, with_prefix, of }))
}

/// What comes of each item, if the value is a list.
fn each(value: &Value, run: &dyn Fn(&Value) -> Result<Value, Error>) -> Result<Option<Vec<Value>>, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            items(value)?.iter().map(run).collect::<Result<_, _>>().map(Some)
        }
        _ => Ok(None),
    }
}

fn ask(args: &Args<'_>, of: Option<bool>) -> Result<Value, Error> {
    let query = args.text_or("query", "")?;
    let answer = |value: &Value| match read(value, of)? {
        Some(address) if of.is_none_or(|v6| v6 == address.net.v6) => address.answer(value, &query, args),
        _ => Ok(Value::from(false)),
    };
    match each(args.input(), &answer)? {
        Some(mut all) => {
            all.retain(Value::is_true);
            Ok(all.into())
        }
        None => answer(args.input()),
    }
}

fn text_or_none(text: Option<String>) -> Value {
    text.map_or_else(|| Value::from(()), Value::from)
}

impl Address {
    /// The address as it was given.
    fn shown(self) -> String {
        if self.with_prefix { self.net.long() } else { self.net.own() }
    }

    /// Whether it stands for one host within a network of several.
    fn is_host(self) -> bool {
        // A network of two, or of version 6, has no broadcast address: its first may be a host.
        !self.net.is_network() || self.net.hostmask() <= 1
    }

    fn answer(self, given: &Value, query: &str, args: &Args<'_>) -> Result<Value, Error> {
        let net = self.net;
        let (single, pair) = (net.hostmask() == 0, net.hostmask() == 1);
        let given = || given.clone();
        let when = |holds: bool| if holds { given() } else { Value::from(()) };
        Ok(match query {
            "" => self.shown().into(),
            "bool" => Value::from(true),
            "address" | "ip" => text_or_none((single || self.is_host() || net.v6).then(|| net.own())),
            "address/prefix" | "gateway" | "gw" | "host/prefix" | "hostnet" | "router" => {
                match net.hostmask() > 1 && (net.is_network() || net.ip == net.last()) {
                    true => Value::from(false),
                    false => net.long().into(),
                }
            }
            "broadcast" => text_or_none((net.hostmask() > 1).then(|| net.text(net.last()))),
            "cidr" => net.long().into(),
            "subnet" | "network/prefix" => net.cidr().into(),
            "host" => text_or_none((single || self.is_host()).then(|| net.long())),
            "net" => text_or_none((!single && net.is_network()).then(|| net.cidr())),
            "hostmask" | "wildcard" => net.text(net.hostmask()).into(),
            "netmask" => net.text(net.netmask()).into(),
            "network" | "network_id" => net.text(net.first()).into(),
            "network_netmask" => format!("{} {}", net.text(net.first()), net.text(net.netmask())).into(),
            "network_wildcard" => format!("{} {}", net.text(net.first()), net.text(net.hostmask())).into(),
            "ip/prefix" => text_or_none((pair || !single && !net.is_network()).then(|| net.long())),
            "ip_netmask" => text_or_none(
                (pair || !single && !net.is_network())
                    .then(|| format!("{} {}", net.own(), net.text(net.netmask()))),
            ),
            "prefix" => net.prefix.into(),
            "version" => Value::from(if net.v6 { 6 } else { 4 }),
            "revdns" => net.reverse().into(),
            "size" => net.size().map_or_else(|| Value::from(f64::powi(2.0, 128)), number),
            "size_usable" => match net.hostmask() {
                0 => Value::from(0),
                1 => Value::from(2),
                hosts => number(hosts - 1),
            },
            "type" if single || !net.is_network() => "address".into(),
            "type" => "network".into(),
            "int" if self.with_prefix => format!("{}/{}", net.ip, net.prefix).into(),
            "int" => number(net.ip),
            "ipv4" | "v4" => match net.v6 {
                false => given(),
                true => self.mapped(),
            },
            "ipv6" | "v6" => match net.v6 {
                true => given(),
                false => {
                    format!("{}/{}", Net { v6: true, ..net }.text(net.ip | 0xffff << 32), net.prefix + 96)
                        .into()
                }
            },
            "multicast" => when(net.is_multicast()),
            "unicast" => when(!net.is_multicast()),
            "loopback" | "lo" => when(net.is_loopback()),
            "link-local" => when(net.within(&["169.254.0.0/16", "fe80::/10"])),
            "private" => when(!net.is_global()),
            "public" => when(!net.is_multicast() && net.is_global() && !net.is_loopback() && !net.is_mask()),
            "wrap" => match (net.v6, self.with_prefix) {
                (false, _) => given(),
                (true, false) => format!("[{}]", net.own()).into(),
                (true, true) => format!("[{}]/{}", net.own(), net.prefix).into(),
            },
            _ => return self.neighbour(given(), query, args),
        })
    }

    /// The address of version 4 that one of version 6 holds.
    fn mapped(self) -> Value {
        match u32::try_from(self.net.ip & !(0xffff << 32)) {
            Ok(_) if self.net.prefix >= 96 => {
                let net =
                    Net { v6: false, ip: self.net.ip & u128::from(u32::MAX), prefix: self.net.prefix - 96 };
                net.long().into()
            }
            _ => Value::from(false),
        }
    }

    /// Questions about other addresses of the network, and whether it lies in another.
    fn neighbour(self, given: Value, query: &str, args: &Args<'_>) -> Result<Value, Error> {
        let net = self.net;
        let (first, last) = net.usable();
        let several = net.hostmask() > 0;
        let near = |ip: Option<u128>| {
            text_or_none(ip.filter(|ip| several && (first..=last).contains(ip)).map(|ip| net.text(ip)))
        };
        match query {
            "first_usable" | "last_usable" | "range_usable" | "next_usable" | "previous_usable" | "peer"
                if !self.with_prefix =>
            {
                Err(args.error("needs an address with a prefix"))
            }
            "first_usable" => Ok(text_or_none(several.then(|| net.text(first)))),
            "last_usable" => Ok(text_or_none(several.then(|| net.text(last)))),
            "range_usable" => {
                Ok(text_or_none(several.then(|| format!("{}-{}", net.text(first), net.text(last)))))
            }
            "next_usable" => Ok(near(net.ip.checked_add(1))),
            "previous_usable" => Ok(near(net.ip.checked_sub(1))),
            "peer" => match (net.hostmask(), net.ip & 3) {
                (1, _) => Ok(net.text(net.ip ^ 1).into()),
                (3, 1 | 2) => Ok(net.text(net.ip ^ 3).into()),
                _ => Err(args.error("finds no peer: the network is not one of two hosts")),
            },
            _ => match query.parse::<i128>() {
                Ok(index) => Ok(self.nth(index)),
                Err(_) => match read(&Value::from(query), self.of)? {
                    Some(network) if network.net.holds(net) => Ok(given),
                    Some(_) => Ok(Value::from(())),
                    None => Err(args.error(format!("knows no query `{query}`"))),
                },
            },
        }
    }

    /// An address of the network by its number, from the end if that is negative.
    fn nth(self, index: i128) -> Value {
        let net = self.net;
        if net.hostmask() == 0 {
            return self.shown().into();
        }
        match nth_of(net, index) {
            Some(ip) => format!("{}/{}", net.text(ip), net.prefix).into(),
            None => Value::from(false),
        }
    }
}

fn nth_of(net: Net, index: i128) -> Option<u128> {
    let ip = match index < 0 {
        true => net.last().checked_sub(index.unsigned_abs() - 1),
        false => net.first().checked_add(index.unsigned_abs()),
    };
    ip.filter(|ip| (net.first()..=net.last()).contains(ip))
}

fn number(number: u128) -> Value {
    i128::try_from(number).map_or_else(|_| Value::from(number), integer)
}

/// Addresses of version 6 in brackets; everything else as it is.
fn wrapped(value: &Value) -> Result<Value, Error> {
    Ok(match addressed(value)? {
        Some(Address { net, with_prefix, .. }) if net.v6 => match with_prefix {
            true => format!("[{}]/{}", net.own(), net.prefix).into(),
            false => format!("[{}]", net.own()).into(),
        },
        Some(address) => address.shown().into(),
        None => value.clone(),
    })
}

/// The network itself, how many smaller ones it has, one of them, or the place of another network's.
fn ipsubnet(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let Some(Address { net, .. }) = addressed(args.input())? else { return Ok(Value::from(false)) };
    let single = net.hostmask() == 0;
    let query = args.text_or("query", "")?;
    if query.is_empty() {
        return Ok(net.cidr().into());
    }
    let Ok(prefix) = query.parse::<u32>() else { return place_in(args, net, &query) };
    if prefix > net.bits() {
        return Ok(Value::from(false));
    }
    let index = args.get("index").map(|_| args.int("index")).transpose()?.flatten().map(i128::from);
    if single {
        // The larger networks that an address lies in, from the given size on.
        let places = i128::from(net.bits() - prefix);
        let index = index.unwrap_or(0);
        let index = if index < 0 { index + places } else { index };
        let wider = (0..places).contains(&index).then(|| net.with(prefix + index as u32)).flatten();
        return Ok(wider.map_or_else(|| Value::from(false), |net| net.cidr().into()));
    }
    let Some(count) =
        prefix.checked_sub(net.prefix).and_then(|bits| 1i128.checked_shl(bits)).filter(|n| *n > 0)
    else {
        return Err(args.error(format!("cannot cut networks of /{prefix} out of {}", net.cidr())));
    };
    let Some(index) = index else { return Ok(integer(count).to_string().into()) };
    let index = if index < 0 { index + count } else { index };
    if !(0..count).contains(&index) {
        return Ok(Value::from(false));
    }
    let step = (index as u128).checked_shl(net.bits() - prefix).unwrap_or(0);
    let subnet = net.at(net.first() + step).and_then(|net| net.with(prefix));
    Ok(subnet.map_or_else(|| Value::from(false), |net| net.cidr().into()))
}

/// Which one of a network's parts of this size a network is, counted from one.
fn place_in(args: &Args<'_>, net: Net, query: &str) -> Result<Value, Error> {
    let outer = addressed(&Value::from(query))?;
    let outer = outer.ok_or_else(|| args.error(format!("needs a size or a network, not `{query}`")))?.net;
    if !outer.holds(net) {
        return Err(args.error(format!("finds that {} is not in {}", net.cidr(), outer.cidr())));
    }
    let place = (net.first() - outer.first()).checked_shr(net.bits() - net.prefix).unwrap_or(0);
    Ok((place + 1).to_string().into())
}

/// The address so many places further.
fn ipmath(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let net = Net::read(&args.input_text()?).ok_or_else(|| args.error("needs an address"))?;
    let amount = args.int("amount")?.ok_or_else(|| args.error("needs a whole number"))?;
    let moved = net.ip.checked_add_signed(amount.into()).and_then(|ip| net.at(ip));
    moved.map(|net| net.own().into()).ok_or_else(|| args.error("leaves the range of addresses"))
}

/// An address of the network by its number.
fn nthhost(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let index = args.text_or("query", "")?.trim().parse::<i128>().ok().filter(|index| *index != 0);
    let (Some(Address { net, .. }), Some(index)) = (addressed(args.input())?, index) else {
        return Ok(Value::from(false));
    };
    Ok(nth_of(net, index).map_or_else(|| Value::from(false), |ip| net.text(ip).into()))
}

/// The usable address so many places further, in one direction.
fn usable_near(args: &Args<'_>, direction: i128) -> Result<Value, Error> {
    let Some(Address { net, .. }) = addressed(args.input())? else { return Ok(Value::from(false)) };
    let offset = args.int("offset")?.ok_or_else(|| args.error("needs a whole number"))?;
    charge_nodes(1)?;
    let (first, last) = net.usable();
    let ip = net.ip.checked_add_signed(i128::from(offset) * direction);
    let ip = ip.filter(|ip| net.hostmask() > 0 && (first..=last).contains(ip));
    Ok(text_or_none(ip.map(|ip| net.text(ip))))
}
