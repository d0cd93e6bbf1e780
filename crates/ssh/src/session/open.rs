//! Makes one connection: key exchange, host key, authentication, each within its time.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use russh::client::Config;
use tokio::io::{AsyncRead, AsyncWrite};

use super::link::Origin;
use super::{Guard, Session, algorithms};
use crate::auth::{Keyring, login};
use crate::known::Store;
use crate::route::Plan;
use crate::{Error, Options};

/// What the host can send before it must wait for us, and the size of a packet: over a slow line with a long way
/// the window bounds the speed. The library takes no packet over 65,535 bytes.
const WINDOW: u32 = 16 << 20;
const PACKET: u32 = 65_535;

/// How many packets wait for a reader before the connection is held back: with OpenSSH's packets of 32 KiB, one
/// MiB for each channel.
const WAITING_PACKETS: usize = 32;

/// What a connection needs beside its settings.
pub(crate) struct Needs<'a> {
    pub(crate) options: &'a Options,
    pub(crate) store: &'a Arc<Store>,
    pub(crate) keyring: &'a Keyring,
}

/// Talks over a stream that leads to the server, at the address `peer` where it is no tunnel, until commands can run.
pub(crate) async fn open<S>(
    stream: S,
    plan: &Plan,
    needs: &Needs<'_>,
    peer: Option<IpAddr>,
    parent: Option<Arc<Session>>,
) -> Result<Session, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Plan { endpoint, settings } = plan;
    let address = format!("{}:{}", settings.host, settings.port);
    let guard = Guard::new(needs.store.clone(), settings.clone())?;
    let report = guard.report.clone();
    let config = Config {
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        channel_buffer_size: WAITING_PACKETS,
        keepalive_interval: Some(settings.keepalive),
        keepalive_max: settings.keepalive_max,
        nodelay: true,
        preferred: algorithms::preferred(settings, [&guard.known, &guard.bare])?,
        ..Config::default()
    };
    // Boxed: the future of a handshake is large, and a thousand of them wait in tasks.
    let connect = Box::pin(russh::client::connect_stream(Arc::new(config), stream, guard));
    let limit = endpoint.connect_timeout;
    let mut handle = within(limit, &address, "finish the key exchange", connect)
        .await?
        .map_err(|error| placed(error, &address))?;
    let trusted = !report.doubtful.load(Ordering::Relaxed);
    let login = Box::pin(login(&mut handle, settings, endpoint, needs.keyring, trusted));
    let limit = needs.options.auth_timeout;
    let by = within(limit, &address, "finish the authentication", login).await??;
    let note = match report.kex() {
        Some(kex) => format!("{kex}, {by}"),
        None => by,
    };
    let origin = Origin { store: needs.store.clone(), settings: settings.clone(), peer, parent };
    Ok(Session::new(handle, address, note, report, origin))
}

pub(super) async fn within<T>(
    limit: Duration,
    address: &str,
    what: &'static str,
    work: impl Future<Output = T>,
) -> Result<T, Error> {
    let late = |_| Error::TimedOut { address: address.to_owned(), what, after: limit };
    tokio::time::timeout(limit, work).await.map_err(late)
}

/// Errors of the library know no address.
fn placed(error: Error, address: &str) -> Error {
    let address = address.to_owned();
    match error {
        Error::Closed { why, .. } => Error::Closed { address, why },
        Error::Protocol { why, .. } => Error::Protocol { address, why },
        other => other,
    }
}
