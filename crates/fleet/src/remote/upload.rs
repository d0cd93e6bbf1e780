//! Contents on their way to a gate, as fast as it takes them.

use std::sync::Arc;

use tokio::sync::watch;
use windlass_gate::wire::{Order, PIECE, WINDOW, encode_content};

use super::Source;
use super::gate::Shared;
use super::pending::Outgoing;

/// How many needs are seen to at once: each holds a content in memory.
pub(super) const AT_ONCE: usize = 8;

/// Sends contents one after the other. What cannot be had is told to the gate, which fails what stands on it.
pub(super) async fn upload(shared: Arc<Shared>, wanted: Vec<(String, Source)>) {
    let Ok(_turn) = shared.uploads.acquire().await else { return };
    for (sha256, source) in wanted {
        let read = tokio::task::spawn_blocking(move || source.read()).await;
        match read {
            Ok(Ok(content)) => {
                if send(&shared, sha256, &content).await.is_none() {
                    return;
                }
            }
            Ok(Err(failure)) => shared.order(&Order::Lack { sha256, message: failure.message }),
            Err(_) => shared.order(&Order::Lack { sha256, message: "it could not be read".into() }),
        }
    }
}

/// None if the connection ended.
async fn send(shared: &Shared, sha256: String, content: &[u8]) -> Option<()> {
    let (acked, mut taken) = watch::channel(0);
    let transfer = {
        let mut table = shared.table();
        let transfer = table.transfer();
        table.outgoing.insert(transfer, Outgoing { sent: 0, acked });
        transfer
    };
    shared.order(&Order::Put { transfer, sha256, size: content.len() as u64 });
    let mut sent = 0;
    for piece in content.chunks(PIECE) {
        sent += piece.len() as u64;
        taken.wait_for(|taken| sent - taken.min(&sent) <= WINDOW).await.ok()?;
        shared.table().outgoing.get_mut(&transfer)?.sent = sent;
        shared.pieces.send(encode_content(transfer, piece)).await.ok()?;
    }
    shared.table().outgoing.remove(&transfer);
    Some(())
}
