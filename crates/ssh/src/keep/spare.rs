//! A command that waits for somebody who needs one of its kind: started ahead, or used before and given back.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::session::Session;
use crate::transport::Again;
use crate::{Ahead, Channel, Transport as _};

/// A command that waits.
pub(super) struct Spare {
    channel: Channel,
    /// How it was made ready after its last use; nothing where it had none.
    used: Option<Again>,
}

/// A command that somebody takes, and what is to be read before anything that it says.
pub(super) struct Taken {
    pub(super) channel: Channel,
    pub(super) greeting: String,
}

impl Spare {
    /// Starts one. Nothing where that fails: then it is started when it is needed, and what is wrong is told then.
    pub(super) async fn start(session: &Session, kind: &Ahead) -> Option<Self> {
        let mut channel = session.exec(&kind.next).await.ok()?;
        channel.stdin.write_all(kind.opening.as_bytes()).await.ok()?;
        channel.stdin.flush().await.ok()?;
        Some(Self { channel, used: None })
    }

    /// One that was used, once it says that it is ready again. Nothing where it does not say so within this time, or
    /// says anything beside it: then it is ended.
    pub(super) async fn again(mut channel: Channel, again: Again, limit: Duration) -> Option<Self> {
        let asked = tokio::time::timeout(limit, ask(&mut channel, &again)).await;
        asked.ok().flatten().map(|()| Self { channel, used: Some(again) })
    }

    /// Makes sure that one which was used is still there, and ready. One that was never used has said nothing yet
    /// that could be asked for.
    pub(super) async fn check(self, limit: Duration) -> Option<Self> {
        match self.used {
            Some(again) => Self::again(self.channel, again, limit).await,
            None => Some(self),
        }
    }

    /// The command, if it still runs as far as is known.
    pub(super) async fn take(mut self) -> Option<Taken> {
        let greeting = self.used.map(|again| again.greeting).unwrap_or_default();
        tokio::select! {
            biased;
            _ = &mut self.channel.exit => None,
            () = std::future::ready(()) => Some(Taken { channel: self.channel, greeting }),
        }
    }
}

/// Asks whether it is ready. What it said before that was for whoever used it.
async fn ask(channel: &mut Channel, again: &Again) -> Option<()> {
    let Channel { stdin, stdout, stderr, exit, .. } = channel;
    let answer = again.answer.as_bytes();
    let talk = async {
        stdin.write_all(again.ask.as_bytes()).await.ok()?;
        stdin.flush().await.ok()?;
        let (mut said, mut bytes) = (Vec::new(), [0; 4 << 10]);
        while !said.ends_with(answer) {
            let count = stdout.read(&mut bytes).await.ok().filter(|count| *count > 0)?;
            said.extend_from_slice(&bytes[..count]);
            said.drain(..said.len().saturating_sub(answer.len()));
        }
        Some(())
    };
    let mut word = [0];
    // What came on the other output came before the answer, and is seen first.
    tokio::select! {
        biased;
        _ = exit => None,
        _ = stderr.read(&mut word) => None,
        done = talk => done,
    }
}
