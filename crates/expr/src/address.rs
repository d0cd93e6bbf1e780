//! Addresses of the internet with the network they stand in: `192.168.1.5/24`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address and the length of its network's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Net {
    pub v6: bool,
    pub ip: u128,
    pub prefix: u32,
}

impl Net {
    /// Reads an address, with or without a prefix or a mask.
    pub(crate) fn read(text: &str) -> Option<Net> {
        let (address, mask) = match text.split_once('/') {
            Some((address, mask)) => (address, Some(mask)),
            None => (text, None),
        };
        let (v6, ip) = match address.parse::<IpAddr>().ok()? {
            IpAddr::V4(ip) => (false, u128::from(ip.to_bits())),
            IpAddr::V6(ip) => (true, ip.to_bits()),
        };
        let whole = Net { v6, ip, prefix: if v6 { 128 } else { 32 } };
        match mask {
            None => Some(whole),
            Some(mask) => whole.with(whole.prefix_of(mask)?),
        }
    }

    /// A number as an address: of version 4 where it fits.
    pub(crate) fn of_number(number: u128, v6: Option<bool>) -> Option<Net> {
        let fits = u32::try_from(number).is_ok();
        match v6 {
            Some(false) | None if fits => Some(Net { v6: false, ip: number, prefix: 32 }),
            _ => Some(Net { v6: true, ip: number, prefix: 128 }),
        }
    }

    /// The length of a prefix that is written as a number or as a mask.
    fn prefix_of(self, mask: &str) -> Option<u32> {
        if !mask.is_empty() && mask.bytes().all(|byte| byte.is_ascii_digit()) {
            return mask.parse().ok();
        }
        let given = Net::read(mask).filter(|given| given.v6 == self.v6 && !mask.contains('/'))?.ip;
        let bits = self.bits();
        let is_mask =
            |mask: u128| (0..=bits).find(|prefix| self.with(*prefix).is_some_and(|n| n.netmask() == mask));
        is_mask(given).or_else(|| is_mask(given ^ self.all()))
    }

    /// The same address in a network of another size.
    pub(crate) fn with(self, prefix: u32) -> Option<Net> {
        (prefix <= self.bits()).then_some(Net { prefix, ..self })
    }

    /// Another address in the same network, or past it.
    pub(crate) fn at(self, ip: u128) -> Option<Net> {
        (ip <= self.all()).then_some(Net { ip, ..self })
    }

    pub(crate) fn bits(self) -> u32 {
        if self.v6 { 128 } else { 32 }
    }

    fn all(self) -> u128 {
        if self.v6 { u128::MAX } else { u32::MAX.into() }
    }

    pub(crate) fn hostmask(self) -> u128 {
        self.all().checked_shr(self.prefix).unwrap_or(0)
    }

    pub(crate) fn netmask(self) -> u128 {
        self.all() ^ self.hostmask()
    }

    /// The first address of the network.
    pub(crate) fn first(self) -> u128 {
        self.ip & self.netmask()
    }

    /// The last address of the network.
    pub(crate) fn last(self) -> u128 {
        self.ip | self.hostmask()
    }

    /// How many addresses the network has; `None` for the whole of version 6, which is one more than fits.
    pub(crate) fn size(self) -> Option<u128> {
        self.hostmask().checked_add(1)
    }

    pub(crate) fn is_network(self) -> bool {
        self.ip == self.first()
    }

    /// The addresses that hosts may have, from and to.
    pub(crate) fn usable(self) -> (u128, u128) {
        match self.hostmask() {
            0 | 1 => (self.first(), self.last()),
            _ => (self.first() + 1, self.last() - 1),
        }
    }

    /// Whether every address of another network is in this one.
    pub(crate) fn holds(self, other: Net) -> bool {
        self.v6 == other.v6 && self.first() <= other.first() && other.last() <= self.last()
    }

    /// Whether the address lies in one of some networks.
    pub(crate) fn within(self, networks: &[&str]) -> bool {
        let own = Net { prefix: self.bits(), ..self };
        networks.iter().filter_map(|network| Net::read(network)).any(|network| network.holds(own))
    }

    /// An address of the same version, as text.
    pub(crate) fn text(self, ip: u128) -> String {
        match self.v6 {
            false => Ipv4Addr::from_bits(ip as u32).to_string(),
            true => Ipv6Addr::from_bits(ip).to_string(),
        }
    }

    /// The address, as text.
    pub(crate) fn own(self) -> String {
        self.text(self.ip)
    }

    /// The address with the length of the prefix, as text.
    pub(crate) fn long(self) -> String {
        format!("{}/{}", self.own(), self.prefix)
    }

    /// The network with the length of the prefix, as text.
    pub(crate) fn cidr(self) -> String {
        format!("{}/{}", self.text(self.first()), self.prefix)
    }

    /// The name under which the address is looked up.
    pub(crate) fn reverse(self) -> String {
        match self.v6 {
            false => {
                let bytes = (self.ip as u32).to_le_bytes();
                format!("{}.in-addr.arpa.", bytes.map(|byte| byte.to_string()).join("."))
            }
            true => {
                let digits = format!("{:032x}", self.ip);
                let letters: Vec<String> = digits.chars().rev().map(String::from).collect();
                format!("{}.ip6.arpa.", letters.join("."))
            }
        }
    }

    /// Whether anybody on the internet may be reached there.
    pub(crate) fn is_global(self) -> bool {
        match self.v6 {
            false => !self.within(INNER_4) || self.within(&["192.0.0.9", "192.0.0.10"]),
            true => !self.within(INNER_6) || self.within(OUTER_6),
        }
    }

    pub(crate) fn is_multicast(self) -> bool {
        self.within(&["224.0.0.0/4", "ff00::/8"])
    }

    pub(crate) fn is_loopback(self) -> bool {
        self.within(&["127.0.0.0/8", "::1"])
    }

    /// Whether the address looks like a mask, of either kind.
    pub(crate) fn is_mask(self) -> bool {
        let is_hosts = |mask: u128| mask & mask.wrapping_add(1) == 0;
        is_hosts(self.ip) || is_hosts(self.ip ^ self.all())
    }
}

/// What the registries of special addresses say is not reachable.
const INNER_4: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
];
const INNER_6: &[&str] = &[
    "::1",
    "::",
    "::ffff:0:0/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
];
/// And the exceptions within.
const OUTER_6: &[&str] =
    &["2001:1::1", "2001:1::2", "2001:3::/32", "2001:4:112::/48", "2001:20::/28", "2001:30::/28"];
