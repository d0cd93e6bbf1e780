//! One client of the process that keeps connections: what it asks on one stream, to the end of that.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::place::is_ours;
use super::spare::Taken;
use super::table::Table;
use super::wire::{Ask, Ended, PIECE, Refusal, Say, Tag, hear, read, say, write};
use crate::route::Route;
use crate::{Ahead, Channel, Error, Secret, Transport as _};

/// Whoever connects asks at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves one stream. Streams of other users are closed without a word.
pub(super) async fn serve(stream: UnixStream, table: Arc<Table>) {
    if !is_ours(&stream) {
        return;
    }
    let (mut from, mut to) = stream.into_split();
    let Ok(Ok(Some(ask))) = tokio::time::timeout(PATIENCE, hear::<Ask>(&mut from)).await else { return };
    // Whoever does not wait for the answer needs none.
    let _ = match ask {
        Ask::Open { client, persist_ms, route, password } => {
            let Ok(password) = secret(&mut from, password).await else { return };
            let persist = Duration::from_millis(persist_ms);
            open(table, client, *route, password, persist, from, to).await
        }
        Ask::Exec { lease, command, kind } => exec(&table, lease, &command, kind, from, to).await,
        Ask::List => say(&mut to, &Say::Connections(table.list().await)).await,
        Ask::End { named } => say(&mut to, &Say::Ended(table.end(&named).await)).await,
    };
}

/// The password that follows, if one does.
async fn secret(from: &mut OwnedReadHalf, follows: bool) -> std::io::Result<Option<Secret>> {
    if !follows {
        return Ok(None);
    }
    let odd = || std::io::Error::from(std::io::ErrorKind::InvalidData);
    match tokio::time::timeout(PATIENCE, read(from)).await.map_err(|_| odd())?? {
        Some((Tag::Secret, bytes)) => {
            let word = std::str::from_utf8(&bytes).map_err(|_| odd())?;
            Ok(Some(Secret::new(word.to_owned())))
        }
        _ => Err(odd()),
    }
}

/// Opens a connection and holds it until the client goes.
async fn open(
    table: Arc<Table>,
    client: String,
    route: Route,
    password: Option<Secret>,
    persist: Duration,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
) -> std::io::Result<()> {
    let opened = tokio::select! {
        opened = table.open(client, route, password, persist) => opened,
        () = gone(&mut from) => return Ok(()),
    };
    let (lease, reused) = match opened {
        Ok(opened) => opened,
        Err(error) => return say(&mut to, &Say::Failed(Refusal::from(&error))).await,
    };
    let how = if reused { "used again" } else { "opened" };
    let note =
        format!("{}, {how} by process {}, which keeps it", lease.kept.session.note(), std::process::id());
    say(&mut to, &Say::Opened { lease: lease.id, note }).await?;
    tokio::select! {
        () = gone(&mut from) => Ok(()),
        () = lease.kept.session.over() => {
            say(&mut to, &Say::Lost { why: lease.kept.session.why() }).await
        }
    }
}

/// Ends when the client does. It says nothing more.
async fn gone(from: &mut OwnedReadHalf) {
    let mut byte = [0];
    let _ = from.read(&mut byte).await;
}

/// Starts a command and carries its streams, until it has ended, the client is gone or gives it back.
async fn exec(
    table: &Table,
    lease: u64,
    command: &str,
    kind: Option<Ahead>,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
) -> std::io::Result<()> {
    let Some((kept, over)) = table.held(lease) else {
        let error = Error::Keep("nobody holds this connection".into());
        return say(&mut to, &Say::Failed(Refusal::from(&error))).await;
    };
    let Taken { mut channel, greeting } = match kept.exec(command, kind.as_ref()).await {
        Ok(taken) => taken,
        Err(error) => return say(&mut to, &Say::Failed(Refusal::from(&error))).await,
    };
    say(&mut to, &Say::Started).await?;
    if !greeting.is_empty() {
        write(&mut to, Tag::Output, greeting.as_bytes()).await?;
    }
    let Channel { stdin, stdout, stderr, exit, .. } = &mut channel;
    let back = tokio::select! {
        told = async {
            tell(&mut to, stdout, stderr).await?;
            say(&mut to, &Say::Exit(Ended::from(exit.await))).await
        } => return told,
        () = over.cancelled() => false,
        fed = feed(&mut from, stdin) => matches!(fed, Fed::Back),
    };
    // With the last part of the command its input goes, and that ends it where it has not ended.
    if let (true, Some(kind)) = (back, kind) {
        let returning = kept.returning(channel, kind);
        // The client waits for the end of the stream before it lets go of the connection.
        drop((from, to));
        returning.await;
    }
    Ok(())
}

/// Why nothing more goes to a command.
enum Fed {
    /// The client is gone.
    Gone,
    /// The client is done with the command.
    Back,
}

/// Passes on what goes to the command, for as long as the client is there.
async fn feed(from: &mut OwnedReadHalf, stdin: &mut (dyn AsyncWrite + Send + Unpin)) -> Fed {
    loop {
        // A command that takes nothing any more does not end the client's interest in it.
        match read(from).await {
            Ok(Some((Tag::Input, bytes))) => {
                if stdin.write_all(&bytes).await.is_ok() {
                    let _ = stdin.flush().await;
                }
            }
            Ok(Some((Tag::InputEnd, _))) => drop(stdin.shutdown().await),
            Ok(Some((Tag::Back, _))) => return Fed::Back,
            _ => return Fed::Gone,
        }
    }
}

/// Passes on what the command says, to the end of both its outputs.
async fn tell(
    to: &mut OwnedWriteHalf,
    stdout: &mut (dyn AsyncRead + Send + Unpin),
    stderr: &mut (dyn AsyncRead + Send + Unpin),
) -> std::io::Result<()> {
    let (mut output, mut errors) = (vec![0; PIECE], vec![0; PIECE]);
    let (mut output_open, mut errors_open) = (true, true);
    while output_open || errors_open {
        let (tag, bytes) = tokio::select! {
            count = stdout.read(&mut output), if output_open => {
                let count = count.unwrap_or(0);
                output_open = count > 0;
                (Tag::Output, &output[..count])
            }
            count = stderr.read(&mut errors), if errors_open => {
                let count = count.unwrap_or(0);
                errors_open = count > 0;
                (Tag::Errors, &errors[..count])
            }
        };
        // An empty piece is the end of its stream.
        write(to, tag, bytes).await?;
    }
    Ok(())
}
