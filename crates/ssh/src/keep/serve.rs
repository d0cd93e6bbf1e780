//! The process that keeps connections: takes clients until nobody needs it any more.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, flock};
use rustix::process::{DumpableBehavior, set_dumpable_behavior, setsid, umask};
use tokio::net::UnixListener;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{place, session, table::Table};
use crate::Error;

/// How often it looks for what has to end.
const TICK: Duration = Duration::from_millis(500);

/// How long it stays without anything to do: whoever started it may still be on the way.
const LINGER: Duration = Duration::from_secs(5);

/// Keeps connections for the clients that come to this socket. Returns when there is none and nobody came for a
/// while, and at once where another process does the same already.
///
/// It leaves the session of whoever started it, and its memory cannot be read by other processes.
///
/// # Errors
/// Where the socket's folder is not this user's alone, or the socket cannot be made.
pub async fn serve(socket: &Path) -> Result<(), Error> {
    let folder = socket.parent().ok_or_else(|| Error::Keep("a socket has to lie in a folder".into()))?;
    place::prepare(folder).map_err(Error::Keep)?;
    // A process that leads its group cannot leave; then nobody of that session started it.
    let _ = setsid();
    umask(Mode::RWXG | Mode::RWXO);
    // Passwords are in its memory for a while; a system that cannot protect it is no worse than without.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let Some(listener) = claim(folder, socket).await? else { return Ok(()) };
    take(&listener, &Arc::new(Table::new()?)).await;
    let _lock = lock(folder)?;
    // A socket that is left over does no harm: nobody answers there, and the next process takes it away.
    let _ = std::fs::remove_file(socket);
    Ok(())
}

/// Takes clients until there is nothing to keep.
async fn take(listener: &UnixListener, table: &Arc<Table>) {
    let (clients, mut needed) = (Arc::new(()), Instant::now());
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (table, client) = (table.clone(), clients.clone());
                    tokio::spawn(async move {
                        session::serve(stream, table).await;
                        drop(client);
                    });
                }
                // Too many open files, mostly: that passes.
                Err(_) => tokio::time::sleep(TICK).await,
            },
            _ = tick.tick() => {
                if table.tidy().await || Arc::strong_count(&clients) > 1 {
                    needed = Instant::now();
                } else if needed.elapsed() >= LINGER {
                    return;
                }
            }
        }
    }
}

/// The listener, unless another process has it already.
async fn claim(folder: &Path, socket: &Path) -> Result<Option<UnixListener>, Error> {
    let _lock = lock(folder)?;
    if place::connect(socket).await.map_err(Error::Keep)?.is_some() {
        return Ok(None);
    }
    // What one that was killed has left.
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket);
    listener.map(Some).map_err(|error| Error::Keep(format!("no socket at {}: {error}", socket.display())))
}

/// Keeps others from claiming or giving up a socket in the folder. It is held for moments only.
fn lock(folder: &Path) -> Result<File, Error> {
    let locked = File::open(folder).and_then(|file| {
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    });
    locked.map_err(|error| Error::Keep(format!("the folder {} cannot be locked: {error}", folder.display())))
}
