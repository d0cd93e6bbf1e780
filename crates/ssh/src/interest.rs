//! Whether anybody still wants to know of a command: its outputs and its end hold on to that.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::oneshot;

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
