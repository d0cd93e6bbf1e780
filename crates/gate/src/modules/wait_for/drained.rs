//! Counting the connections of a port, from `/proc/net`.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, Instant},
};

use super::port;
use crate::{Args, Context, Error};

/// The states that can be asked for, in the order of the kernel's numbers, which begin at 1.
pub(super) const STATES: [&str; 6] =
    ["ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT"];

/// The states that count if none are asked for.
pub(super) const DEFAULT: &str =
    "[\"ESTABLISHED\", \"FIN_WAIT1\", \"FIN_WAIT2\", \"SYN_RECV\", \"SYN_SENT\", \"TIME_WAIT\"]";

/// How many connections to this port of this host are in a state that counts.
pub(super) fn count(host: &str, port: u16, args: &Args, cx: &Context<'_>) -> Result<usize, Error> {
    let end = Instant::now() + Duration::from_secs(5);
    let addresses = |name: &str| -> Result<Vec<IpAddr>, Error> {
        Ok(port::resolve(name, port, end, cx)?.iter().map(|address| address.ip().to_canonical()).collect())
    };
    let ours = addresses(host)?;
    let mut excluded = Vec::new();
    for name in args.strs("exclude_hosts") {
        excluded.extend(addresses(name)?);
    }
    let states = args.strs("active_connection_states");
    let counts = |line: &str| {
        parse(line).is_some_and(|(local, at, remote, state)| {
            at == port
                && (ours.contains(&local) || ours.iter().any(IpAddr::is_unspecified))
                && !excluded.contains(&remote)
                && state.checked_sub(1).and_then(|state| STATES.get(state)).is_some_and(|state| states.contains(state))
        })
    };
    let mut total = 0;
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        match fs::read_to_string(table) {
            Ok(text) => total += text.lines().skip(1).filter(|line| counts(line)).count(),
            // A kernel without IPv6 has no such table.
            Err(_) if table.ends_with('6') => {}
            Err(error) => return Err(Error::io("read", table)(error)),
        }
    }
    Ok(total)
}

/// Reads `sl local remote state …`: the local address and port, the remote address, and the state's number.
fn parse(line: &str) -> Option<(IpAddr, u16, IpAddr, usize)> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, port) = fields.next()?.split_once(':')?;
    let (remote, _) = fields.next()?.split_once(':')?;
    let state = usize::from_str_radix(fields.next()?, 16).ok()?;
    Some((address(local)?, u16::from_str_radix(port, 16).ok()?, address(remote)?, state))
}

/// An address as the kernel prints it: words of 32 bits, each in this machine's byte order.
fn address(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut bytes = [0; 16];
            for (index, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(index * 8)?);
            }
            Some(IpAddr::from(Ipv6Addr::from(bytes)).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn the_kernels_table_is_read() {
        let four = "   0: 0100007F:1F90 0200007F:C350 01 00000000:00000000 00:00000000 00000000 0 0 1";
        assert_eq!(parse(four), Some(([127, 0, 0, 1].into(), 8080, [127, 0, 0, 2].into(), 1)));
        let mapped = "0: 0000000000000000FFFF00000100007F:0050 0000000000000000FFFF00000100007F:0051 06";
        assert_eq!(parse(mapped), Some(([127, 0, 0, 1].into(), 80, [127, 0, 0, 1].into(), 6)));
        for line in ["", "0:", "0: 0100007F:1F90", "0: xyz:1 0100007F:1 01", "0: 0100007F:1F90 01:1 01"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
