//! Turns the messages of one channel into three streams and an end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, Sig};
use tokio::io::AsyncWrite;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::guard::Report;
use crate::interest::{self, Interest};
use crate::{Channel, Error, Exit};

/// Packets that wait for a reader, for each output. When they are full, the connection waits as well.
const QUEUE: usize = 32;

/// The number of the extended data that is standard error.
const STDERR: u32 = 1;

/// Splits a channel on which a command was asked for.
pub(super) fn channel(channel: russh::Channel<Msg>, address: String, report: Arc<Report>) -> Channel {
    let (read, write) = channel.split();
    let (stdout_in, stdout) = mpsc::channel(QUEUE);
    let (stderr_in, stderr) = mpsc::channel(QUEUE);
    let (exit_in, exit) = oneshot::channel();
    let (input_end, input_ended) = oneshot::channel();
    let (interest, abandoned) = Interest::new();
    let closed = CancellationToken::new();
    let stdin = Stdin {
        writer: Box::pin(write.make_writer()),
        closed: Box::pin(closed.clone().cancelled_owned()),
        end: Some(input_end),
    };
    let lost = {
        let address = address.clone();
        move || Error::Lost {
            address,
            why: report.end().unwrap_or_else(|| "the connection ended before the command did".into()),
        }
    };
    let pump = Pump { read, stdout: Some(stdout_in), stderr: Some(stderr_in), address };
    tokio::spawn(async move {
        let _closed = closed.drop_guard();
        let end_of_input = async {
            // An error means that the input was dropped without a word; then its end is ours to tell.
            if input_ended.await.is_err() {
                let _ = write.eof().await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            end = pump.run() => drop(exit_in.send(end)),
            _ = abandoned => drop(write.close().await),
            () = end_of_input => {}
        }
    });
    interest::channel(interest, Box::new(stdin), [stdout, stderr], exit, lost)
}

struct Pump {
    read: ChannelReadHalf,
    stdout: Option<mpsc::Sender<Bytes>>,
    stderr: Option<mpsc::Sender<Bytes>>,
    address: String,
}

impl Pump {
    /// Passes everything on until the channel is closed. Nothing where the connection ended first.
    async fn run(mut self) -> Option<Result<Exit, Error>> {
        let mut end = None;
        while let Some(message) = self.read.wait().await {
            match message {
                ChannelMsg::Data { data } => pass(&mut self.stdout, data).await,
                ChannelMsg::ExtendedData { data, ext: STDERR } => pass(&mut self.stderr, data).await,
                ChannelMsg::Eof => (self.stdout, self.stderr) = (None, None),
                ChannelMsg::ExitStatus { exit_status } => end = Some(Ok(Exit::Code(exit_status))),
                ChannelMsg::ExitSignal { signal_name, .. } => {
                    end = Some(Ok(Exit::Signal(name(&signal_name))));
                }
                ChannelMsg::Failure => {
                    let why = "it allows no such command".to_owned();
                    return Some(Err(Error::Exec { address: self.address, why }));
                }
                ChannelMsg::Close => break,
                _ => {}
            }
        }
        end
    }
}

/// Where nobody reads any more, the rest is thrown away.
async fn pass(to: &mut Option<mpsc::Sender<Bytes>>, data: Bytes) {
    if let Some(sender) = to
        && sender.send(data).await.is_err()
    {
        *to = None;
    }
}

fn name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.chars().take(32).filter(char::is_ascii_graphic).collect(),
        known => format!("{known:?}"),
    }
}

/// The command's input. Its end is told when it is shut down, or dropped.
struct Stdin {
    writer: Pin<Box<dyn AsyncWrite + Send>>,
    /// The channel is gone: nothing would ever make room for what is written.
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Told when the end of the input has been sent.
    end: Option<oneshot::Sender<()>>,
}

impl AsyncWrite for Stdin {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.end.is_none() || self.closed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        // The library takes an empty write for a mistake.
        if buf.is_empty() { Poll::Ready(Ok(0)) } else { self.writer.as_mut().poll_write(cx, buf) }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.end.is_none() || self.closed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let done = std::task::ready!(self.writer.as_mut().poll_shutdown(cx));
        if let Some(end) = self.end.take() {
            // Where nobody listens any more, the channel is gone.
            let _ = end.send(());
        }
        Poll::Ready(done)
    }
}
