//! Makes a stream to read from of packets that arrive.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc::Receiver;

/// Packets, in order, as one stream. It ends when the sender is dropped.
pub(crate) struct Reader {
    packets: Receiver<Bytes>,
    current: Bytes,
}

impl Reader {
    pub(crate) fn new(packets: Receiver<Bytes>) -> Self {
        Self { packets, current: Bytes::new() }
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.current.is_empty() {
            match ready!(self.packets.poll_recv(cx)) {
                Some(packet) => self.current = packet,
                None => return Poll::Ready(Ok(())),
            }
        }
        let length = self.current.len().min(buf.remaining());
        buf.put_slice(&self.current[..length]);
        self.current.advance(length);
        Poll::Ready(Ok(()))
    }
}
