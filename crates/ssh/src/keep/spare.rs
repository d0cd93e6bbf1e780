//! A command that was started ahead, and waits for somebody who needs one of its kind.

use tokio::io::AsyncWriteExt as _;

use crate::session::Session;
use crate::{Ahead, Channel, Transport as _};

/// A started command of a kind.
pub(super) struct Spare {
    channel: Channel,
}

impl Spare {
    /// Starts one. Nothing where that fails: then it is started when it is needed, and what is wrong is told then.
    pub(super) async fn start(session: &Session, kind: &Ahead) -> Option<Self> {
        let mut channel = session.exec(&kind.next).await.ok()?;
        channel.stdin.write_all(kind.opening.as_bytes()).await.ok()?;
        channel.stdin.flush().await.ok()?;
        Some(Self { channel })
    }

    /// The command, if it still runs as far as is known.
    pub(super) async fn take(mut self) -> Option<Channel> {
        tokio::select! {
            biased;
            _ = &mut self.channel.exit => None,
            () = std::future::ready(()) => Some(self.channel),
        }
    }
}
