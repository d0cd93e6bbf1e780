//! Whether anybody still wants to know of a command: its outputs and its end hold on to that.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{mpsc, oneshot};

use crate::session::Reader;
use crate::{Channel, Error, Exit};

/// Held by each part of a command that somebody may look at.
#[derive(Clone)]
pub(crate) struct Interest(
    #[expect(dead_code, reason = "what counts is when it is dropped")] Arc<oneshot::Sender<()>>,
);

impl Interest {
    /// The interest, and what becomes ready when the last clone of it is dropped.
    pub(crate) fn new() -> (Self, oneshot::Receiver<()>) {
        let (sender, lost) = oneshot::channel();
        (Self(Arc::new(sender)), lost)
    }
}

/// A command whose outputs come in packets, `stdout` before `stderr`, and hold on to the interest as its end does.
/// `lost` says why, where nobody tells how it ended.
pub(crate) fn channel(
    interest: Interest,
    stdin: Box<dyn AsyncWrite + Send + Unpin>,
    [stdout, stderr]: [mpsc::Receiver<Bytes>; 2],
    exit: oneshot::Receiver<Option<Result<Exit, Error>>>,
    lost: impl FnOnce() -> Error + Send + 'static,
) -> Channel {
    let held = interest.clone();
    Channel {
        stdin,
        stdout: Box::new(Read { inner: Reader::new(stdout), _interest: interest.clone() }),
        stderr: Box::new(Read { inner: Reader::new(stderr), _interest: interest }),
        exit: Box::pin(async move {
            let _held = held;
            exit.await.ok().flatten().unwrap_or_else(|| Err(lost()))
        }),
        back: None,
    }
}

/// A stream whose reader is interested.
pub(crate) struct Read<R> {
    pub(crate) inner: R,
    pub(crate) _interest: Interest,
}

impl<R: AsyncRead + Unpin> AsyncRead for Read<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}
