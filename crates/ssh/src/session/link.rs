//! An open connection over russh: commands, and ways to hosts behind it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use russh::client::{Handle, Msg};
use russh::{ChannelStream, Disconnect};

use super::guard::{Guard, Report};
use super::open::within;
use super::pump;
use crate::config::Settings;
use crate::dial::leads_to;
use crate::known::Store;
use crate::{BoxFuture, Channel, Error, Transport};

/// A server that lets us in opens channels at once.
const OPEN_LIMIT: Duration = Duration::from_secs(30);

/// An open connection.
pub(crate) struct Session {
    handle: Handle<Guard>,
    address: String,
    note: String,
    report: Arc<Report>,
    origin: Origin,
}

/// Where a connection comes from.
pub(super) struct Origin {
    pub(super) store: Arc<Store>,
    pub(super) settings: Arc<Settings>,
    /// The address at its other end, where it does not run through another connection.
    pub(super) peer: Option<IpAddr>,
    /// The connection that this one runs through: it lives as long.
    pub(super) parent: Option<Arc<Session>>,
}

impl Session {
    pub(super) fn new(
        handle: Handle<Guard>,
        address: String,
        note: String,
        report: Arc<Report>,
        origin: Origin,
    ) -> Self {
        let note = match &origin.parent {
            Some(parent) => format!("{note}, through {}", parent.address),
            None => note,
        };
        Self { handle, address, note, report, origin }
    }

    /// Whether nothing is known of its end.
    pub(crate) fn is_alive(&self) -> bool {
        !self.handle.is_closed() && self.origin.parent.as_ref().is_none_or(|parent| parent.is_alive())
    }

    /// Why it ended, as far as that is known.
    pub(crate) fn why(&self) -> String {
        self.report.end().unwrap_or_else(|| "the connection ended".into())
    }

    /// Ends when the connection does.
    pub(crate) async fn over(&self) {
        self.report.over.cancelled().await;
    }

    /// Whether a new connection would lead to the same place today: its name still means this address, and its
    /// host key is looked at again. The same goes for the hosts on the way.
    pub(crate) fn holds(&self) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            let Origin { store, settings, peer, parent } = &self.origin;
            if let Some(parent) = parent
                && !parent.holds().await
            {
                return false;
            }
            if let Some(peer) = peer
                && !leads_to(&settings.host, settings.port, *peer).await
            {
                return false;
            }
            let (Some(shown), Ok(guard)) = (self.report.shown(), Guard::new(store.clone(), settings.clone()))
            else {
                return false;
            };
            let doubtful = |report: &Report| report.doubtful.load(Ordering::Relaxed);
            matches!(guard.check(&shown).await, Ok(true)) && doubtful(&guard.report) == doubtful(&self.report)
        })
    }

    /// Whether the server answers, now.
    pub(crate) async fn answers(&self, limit: Duration) -> bool {
        self.is_alive()
            && matches!(tokio::time::timeout(limit, self.handle.send_ping()).await, Ok(Ok(())))
            && self.is_alive()
    }

    /// A stream to a host behind this one.
    pub(crate) async fn tunnel(&self, host: &str, port: u16) -> Result<ChannelStream<Msg>, Error> {
        let open = self.handle.channel_open_direct_tcpip(host, u32::from(port), "127.0.0.1", 0);
        match within(OPEN_LIMIT, &self.address, "open a way to the host behind it", open).await? {
            Ok(channel) => Ok(channel.into_stream()),
            Err(russh::Error::ChannelOpenFailure(why)) => Err(Error::Unreachable {
                address: format!("{host}:{port}"),
                source: std::io::Error::other(format!("{} says {why:?}", self.address)),
            }),
            Err(why) => Err(self.lost(&why)),
        }
    }

    async fn start(&self, command: &str) -> Result<Channel, Error> {
        let open = self.handle.channel_open_session();
        let channel = match within(OPEN_LIMIT, &self.address, "open a channel", open).await? {
            Ok(channel) => channel,
            Err(russh::Error::ChannelOpenFailure(why)) => {
                return Err(Error::Exec { address: self.address.clone(), why: format!("{why:?}") });
            }
            Err(why) => return Err(self.lost(&why)),
        };
        for (name, value) in &self.origin.settings.set_env {
            channel.set_env(false, name, value).await.map_err(|why| self.lost(&why))?;
        }
        channel.exec(true, command).await.map_err(|why| self.lost(&why))?;
        Ok(pump::channel(channel, self.address.clone(), self.report.clone()))
    }

    fn lost(&self, why: &russh::Error) -> Error {
        let why = self.report.end().unwrap_or_else(|| why.to_string());
        Error::Lost { address: self.address.clone(), why }
    }
}

impl Transport for Session {
    fn exec<'a>(&'a self, command: &'a str) -> BoxFuture<'a, Result<Channel, Error>> {
        Box::pin(self.start(command))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            // A connection that is gone needs no good-bye.
            let _ = self.handle.disconnect(Disconnect::ByApplication, "", "").await;
        })
    }

    fn is_open(&self) -> bool {
        self.is_alive()
    }

    fn kind(&self) -> &'static str {
        "russh"
    }

    fn note(&self) -> &str {
        &self.note
    }
}
