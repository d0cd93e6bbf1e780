//! Names of hosts to addresses, also where the program is static.
//!
//! A static program cannot use the C library's resolver: that loads the host's own libraries into a process which
//! was linked with others, and fails or breaks where they differ. There the host's `getent` answers, which asks
//! whatever the host asks (files, DNS, mDNS, …); where there is none, the file of hosts does.

use std::{
    fs, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    process::{Command, Stdio},
};

/// The addresses of a host, in the order in which they are to be tried. It may take as long as the resolver does.
pub fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    // Known while compiling: the C library's resolver is not even linked into a static program.
    if cfg!(target_feature = "crt-static") {
        let found = ask(host)?;
        Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    } else {
        Ok((host, port).to_socket_addrs()?.collect())
    }
}

/// What the host's own tool says of a name.
fn ask(host: &str) -> io::Result<Vec<IpAddr>> {
    if host.starts_with('-') || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no name of a host"));
    }
    let asked =
        Command::new("getent").args(["ahosts", host]).stdin(Stdio::null()).stderr(Stdio::null()).output();
    match asked {
        Ok(said) => Ok(listed(&String::from_utf8_lossy(&said.stdout))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(written(&fs::read_to_string("/etc/hosts").unwrap_or_default(), host))
        }
        Err(error) => Err(error),
    }
}

/// The addresses in what `getent ahosts` prints: each stands there once for every kind of socket.
fn listed(text: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for address in text.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()) {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

/// The addresses of a name in the file of hosts.
fn written(text: &str, host: &str) -> Vec<IpAddr> {
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|name| name.eq_ignore_ascii_case(host)).then_some(address)
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const FOUR: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
    const SIX: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    #[test]
    fn each_address_counts_once_and_in_its_order() {
        let said =
            "::1    STREAM web\n::1    DGRAM\n::1  RAW\n10.0.0.7 STREAM\n10.0.0.7 DGRAM \nnonsense\n\n";
        assert_eq!(listed(said), [SIX, FOUR]);
    }

    #[test]
    fn the_file_of_hosts_is_read_as_it_is_written() {
        let file = "# 1.2.3.4 web\n10.0.0.7\tdb Web # 9.9.9.9 x\n::1 web\nbad web\n";
        assert_eq!(written(file, "web"), [FOUR, SIX]);
        assert!(written(file, "x").is_empty());
    }

    #[test]
    fn the_hosts_own_tool_answers_as_the_resolver_does() {
        let Ok(found) = ask("localhost") else { return };
        assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty(), "{found:?}");
        for wrong in ["-h", "a b", "a\nb"] {
            assert!(ask(wrong).is_err(), "{wrong:?}");
        }
    }
}
