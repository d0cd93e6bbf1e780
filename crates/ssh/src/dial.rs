//! Connects to a name: all its addresses, each with a small head start over the next.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;

use crate::Error;
use crate::config::Family;

/// How long an address has before the next is tried beside it.
const HEAD_START: Duration = Duration::from_millis(250);

/// How long a name may take until a kept connection to it is left alone.
const LOOK_UP: Duration = Duration::from_secs(5);

/// A connection to the first address that answers.
pub(crate) async fn dial(
    host: &str,
    port: u16,
    family: Option<Family>,
    limit: Duration,
) -> Result<TcpStream, Error> {
    let address = format!("{host}:{port}");
    let late = |_| Error::TimedOut { address: address.clone(), what: "answer", after: limit };
    let stream = tokio::time::timeout(limit, any(host, port, family, &address)).await.map_err(late)??;
    // Small frames must not wait for more; where the system refuses, it is only slower.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// Whether an address is still one of those that a name has; an address is its own.
pub(crate) async fn leads_to(host: &str, port: u16, peer: IpAddr) -> bool {
    if let Ok(address) = host.parse::<IpAddr>() {
        return address == peer;
    }
    let found = tokio::time::timeout(LOOK_UP, lookup_host((host, port))).await;
    found.is_ok_and(|found| found.is_ok_and(|mut found| found.any(|address| address.ip() == peer)))
}

async fn any(host: &str, port: u16, family: Option<Family>, address: &str) -> Result<TcpStream, Error> {
    let resolve = |why: String| Error::Resolve { host: host.to_owned(), why };
    let found = lookup_host((host, port)).await.map_err(|why| resolve(why.to_string()))?;
    let wanted = |address: &SocketAddr| match family {
        Some(Family::V4) => address.is_ipv4(),
        Some(Family::V6) => address.is_ipv6(),
        None => true,
    };
    let mut addresses = found.filter(wanted);
    let mut attempts = JoinSet::new();
    let mut last = None;
    loop {
        let next = addresses.next();
        let more = next.is_some();
        if let Some(next) = next {
            attempts.spawn(TcpStream::connect(next));
        }
        if attempts.is_empty() {
            break;
        }
        tokio::select! {
            Some(joined) = attempts.join_next() => match joined {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(why)) => last = Some(why),
                Err(why) => last = Some(std::io::Error::other(why)),
            },
            () = tokio::time::sleep(HEAD_START), if more => {}
        }
    }
    Err(match last {
        Some(source) => Error::Unreachable { address: address.to_owned(), source },
        None => resolve("it has no address of the wanted kind".into()),
    })
}
