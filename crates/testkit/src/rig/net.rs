//! The rigs' networks: one bridge for each, in the addresses that are set aside for test equipment.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use super::{Error, tool};

/// 198.18.0.0/15 (RFC 2544) holds this many networks of 256 addresses.
const NETWORKS: u16 = 512;

/// The network of one rig.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subnet {
    number: u16,
}

impl Subnet {
    pub(super) fn new(number: u16) -> Self {
        Self { number }
    }

    fn address(self, last: u8) -> Ipv4Addr {
        let [high, low] = self.number.to_be_bytes();
        Ipv4Addr::new(198, 18 + high, low, last)
    }

    /// The machine's own address in it.
    pub(super) fn bridge(self) -> Ipv4Addr {
        self.address(254)
    }

    /// The address of a host.
    pub(super) fn host(self, host: u8) -> Ipv4Addr {
        self.address(host)
    }

    /// The hardware address of a host.
    fn hardware(self, host: u8) -> String {
        let [high, low] = self.number.to_be_bytes();
        format!("02:77:6c:{high:02x}:{low:02x}:{host:02x}")
    }

    /// The machine's end of a host's cable.
    fn cable(self, host: u8) -> String {
        format!("{}h{host}", bridge(self.number))
    }

    /// Plugs a network card into the host whose first process is `pid`.
    pub(super) fn plug(self, host: u8, pid: u32) -> Result<(), Error> {
        let (cable, bridge) = (self.cable(host), bridge(self.number));
        let (address, hardware) = (self.host(host), self.hardware(host));
        // Outside, the host's hardware address is known for good: who is cut off or powered off is silent, as
        // a host behind routers is, and does not turn into an error of the local network.
        ip(&format!(
            "link add {cable} type veth peer name eth0 address {hardware} netns {pid}\n\
             link set {cable} master {bridge} up\n\
             neigh replace {address} lladdr {hardware} dev {bridge} nud permanent\n"
        ))?;
        let mut inside = tool::command("nsenter");
        inside.arg(format!("--net=/proc/{pid}/ns/net")).arg("--").args([
            ip_file(),
            "-batch".into(),
            "-".into(),
        ]);
        let input = format!(
            "link set lo up\naddr add {address}/24 brd + dev eth0\nlink set eth0 up\nroute add default via {}\n",
            self.bridge()
        );
        tool::finish(&mut inside, &input)
    }

    /// Takes a host's cable away. The kernel does so as well after the host's end, but at its leisure.
    pub(super) fn unplug(self, host: u8) -> Result<(), Error> {
        remove(&self.cable(host))
    }

    /// Pulls a host's cable, or puts it back.
    pub(super) fn cut(self, host: u8, cut: bool) -> Result<(), Error> {
        ip(&format!("link set {} {}\n", self.cable(host), if cut { "down" } else { "up" }))
    }
}

/// The name of a rig's bridge, and of its control group.
pub(super) fn bridge(number: u16) -> String {
    format!("wlrig{number}")
}

/// Makes the bridge of the first network that is free for all that the machine knows.
pub(super) fn claim(free: impl Fn(u16) -> bool) -> Result<u16, Error> {
    let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
    for number in 0..NETWORKS {
        let subnet = Subnet::new(number);
        let name = bridge(number);
        if !free(number) || there(&name) || routed(&routes, subnet.bridge()) {
            continue;
        }
        match ip(&format!("link add {name} type bridge\n")) {
            // Somebody else was faster, with a home of their own.
            Err(_) if there(&name) => continue,
            result => result?,
        }
        ip(&format!("addr add {}/24 dev {name}\nlink set {name} up\n", subnet.bridge()))?;
        return Ok(number);
    }
    Err(Error::NoNetwork)
}

/// Removes the bridge of a rig whose hosts are gone, and what is left of their cables.
pub(super) fn release(number: u16) -> Result<(), Error> {
    let name = bridge(number);
    let interfaces = fs::read_dir("/sys/class/net").map_err(Error::io("reading /sys/class/net"))?;
    for interface in interfaces.flatten() {
        let interface = interface.file_name().to_string_lossy().into_owned();
        if interface.strip_prefix(&name).is_some_and(|rest| rest.starts_with('h')) {
            remove(&interface)?;
        }
    }
    remove(&name)
}

/// Removes an interface, which may go by itself meanwhile.
fn remove(interface: &str) -> Result<(), Error> {
    if !there(interface) {
        return Ok(());
    }
    let result = ip(&format!("link del {interface}\n"));
    if there(interface) { result } else { Ok(()) }
}

fn there(interface: &str) -> bool {
    Path::new("/sys/class/net").join(interface).exists()
}

/// Whether the machine has a route to an address, beyond the default one.
fn routed(routes: &str, address: Ipv4Addr) -> bool {
    routes.lines().skip(1).any(|line| {
        let number = |at: usize| {
            let word = line.split_whitespace().nth(at)?;
            u32::from_str_radix(word, 16).ok().map(u32::from_be)
        };
        let (Some(destination), Some(mask)) = (number(1), number(7)) else { return false };
        mask != 0 && u32::from(address) & mask == destination
    })
}

fn ip_file() -> String {
    tool::find("ip").map_or_else(|| "ip".into(), |file| file.to_string_lossy().into_owned())
}

/// Runs lines of `ip`.
fn ip(lines: &str) -> Result<(), Error> {
    tool::finish(tool::command("ip").args(["-batch", "-"]), lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rig_has_addresses_and_names_of_its_own() {
        assert_eq!(Subnet::new(0).host(1), Ipv4Addr::new(198, 18, 0, 1));
        assert_eq!(Subnet::new(511).host(200), Ipv4Addr::new(198, 19, 255, 200));
        assert_eq!(Subnet::new(258).hardware(7), "02:77:6c:01:02:07");
        // The kernel takes fifteen characters.
        assert!(Subnet::new(511).cable(253).len() <= 15);
    }

    #[test]
    fn networks_that_the_machine_uses_are_not_taken() {
        let routes = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\n\
                      eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\n\
                      tun0\t000312C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\n";
        assert!(routed(routes, Ipv4Addr::new(198, 18, 3, 254)));
        assert!(!routed(routes, Ipv4Addr::new(198, 18, 4, 254)));
    }
}
