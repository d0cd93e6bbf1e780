//! What goes to a gate: orders at once, pieces of contents as the line takes them, and the gate itself if it is
//! not there yet.

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::{Receiver, UnboundedReceiver};

use super::delivery::MARK;

/// Orders up to so many bytes are sent before it is known whether the gate is there; if it is not, they are
/// passed over by the shell, byte by byte, and sent again.
const EARLY: usize = 64 << 10;

/// What the writer is told, in order.
pub(super) enum Write {
    /// An order's frame.
    Frame(Vec<u8>),
    /// Bytes that go out as they are, whatever waits: a password.
    Raw(zeroize::Zeroizing<Vec<u8>>),
    /// The gate is there.
    Have,
    /// The gate is not there: this is it.
    Upload(&'static [u8]),
    /// Nothing more comes, and somebody else takes the gate over.
    Back,
    /// Nothing more comes.
    End,
}

/// Frames from before the gate was known to be there.
#[derive(Default)]
struct Early {
    /// Sent already, in case they have to be sent again.
    sent: Vec<u8>,
    /// Not sent yet.
    held: Vec<u8>,
}

/// Writes until it is told to end or the stream fails. `eager`: orders need not wait until the gate is there.
pub(super) async fn write(
    mut stream: impl AsyncWrite + Unpin,
    mut orders: UnboundedReceiver<Write>,
    mut pieces: Receiver<Vec<u8>>,
    eager: bool,
    mut back: Option<Box<dyn FnOnce() + Send>>,
) {
    let mut early = Some(Early::default());
    loop {
        let next = tokio::select! {
            // A piece never goes before an order: requests must not wait for contents.
            biased;
            order = orders.recv() => order.unwrap_or(Write::End),
            Some(piece) = pieces.recv() => Write::Frame(piece),
        };
        let done = match (next, &mut early) {
            (Write::End, _) => break,
            (Write::Back, _) => {
                if let Some(back) = back.take() {
                    back();
                }
                break;
            }
            (Write::Raw(bytes), _) => send(&mut stream, &bytes).await,
            (Write::Frame(frame), None) => send(&mut stream, &frame).await,
            (Write::Frame(frame), Some(early)) => {
                if eager && early.held.is_empty() && early.sent.len() + frame.len() <= EARLY {
                    early.sent.extend_from_slice(&frame);
                    send(&mut stream, &frame).await
                } else {
                    early.held.extend_from_slice(&frame);
                    Ok(())
                }
            }
            (Write::Have, _) => match early.take() {
                Some(early) => send(&mut stream, &early.held).await,
                None => Ok(()),
            },
            (Write::Upload(gate), _) => upload(&mut stream, gate, early.get_or_insert_default()).await,
        };
        if done.is_err() {
            // Whoever reads learns of it by the end of what the gate says.
            return;
        }
    }
    // A line that is broken is ended as well.
    stream.shutdown().await.ok();
}

/// The line that ends what is passed over, the gate, and all that was said before again.
async fn upload(
    stream: &mut (impl AsyncWrite + Unpin),
    gate: &[u8],
    early: &mut Early,
) -> std::io::Result<()> {
    send(stream, format!("\n{MARK}\n").as_bytes()).await?;
    send(stream, gate).await?;
    let sent = std::mem::take(&mut early.sent);
    send(stream, &sent).await
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}
