//! A connection in the process that keeps it, as clients of this crate know it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::client::Keeper;
use super::wire::{Ask, PIECE, Say, Tag, hear, read, say, write};
use crate::interest::{self, Interest};
use crate::{Ahead, Back, BoxFuture, Channel, Error, Exit, Transport};

/// Pieces that wait for a reader, for each output.
const QUEUE: usize = 16;

/// A connection that another process keeps. It is held until this and its channels are dropped, or it is closed.
pub(crate) struct Kept {
    keeper: Keeper,
    lease: u64,
    note: String,
    hold: Arc<Hold>,
}

/// The hold on a connection.
struct Hold {
    state: Arc<State>,
    _let_go: DropGuard,
}

#[derive(Default)]
struct State {
    /// Cancelled when the connection is no longer there.
    over: CancellationToken,
    /// Cancelled when it is no longer needed.
    let_go: CancellationToken,
    why: Mutex<Option<String>>,
}

impl State {
    fn lost(&self, why: String) {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        self.over.cancel();
    }

    fn error(&self) -> Error {
        let why = self.why.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let why = why.unwrap_or_else(|| "the process that kept it is gone".into());
        Error::Lost { address: "kept connection".into(), why }
    }
}

impl Kept {
    /// The connection that a stream holds.
    pub(super) fn new(keeper: Keeper, lease: u64, note: String, mut stream: UnixStream) -> Self {
        let state = Arc::new(State::default());
        let watched = state.clone();
        tokio::spawn(async move {
            tokio::select! {
                said = hear::<Say>(&mut stream) => match said {
                    Ok(Some(Say::Lost { why })) => watched.lost(why),
                    _ => watched.lost("the process that kept it is gone".into()),
                },
                () = watched.let_go.cancelled() => watched.lost("it was closed".into()),
            }
        });
        let hold = Hold { _let_go: state.let_go.clone().drop_guard(), state };
        Self { keeper, lease, note, hold: Arc::new(hold) }
    }

    async fn start(&self, command: &str, kind: Option<&Ahead>) -> Result<Channel, Error> {
        let state = &self.hold.state;
        if state.over.is_cancelled() {
            return Err(state.error());
        }
        let gone = |_| state.error();
        let stream = self.keeper.find().await.map_err(Error::Keep)?;
        let mut stream = stream.ok_or_else(|| state.error())?;
        let ask = Ask::Exec { lease: self.lease, command: command.to_owned(), kind: kind.cloned() };
        say(&mut stream, &ask).await.map_err(gone)?;
        match hear::<Say>(&mut stream).await.map_err(gone)? {
            Some(Say::Started) => {
                let again = kind.is_some_and(|kind| kind.again.is_some());
                Ok(channel(stream, self.hold.clone(), again))
            }
            Some(Say::Failed(refusal)) => Err(refusal.into()),
            _ => Err(state.error()),
        }
    }
}

impl Transport for Kept {
    fn exec<'a>(&'a self, command: &'a str) -> BoxFuture<'a, Result<Channel, Error>> {
        Box::pin(self.start(command, None))
    }

    fn exec_ahead<'a>(&'a self, command: &'a str, kind: &'a Ahead) -> BoxFuture<'a, Result<Channel, Error>> {
        Box::pin(self.start(command, Some(kind)))
    }

    /// Lets go of it: what still runs here loses it, and others may take it.
    fn close(&self) -> BoxFuture<'_, ()> {
        self.hold.state.let_go.cancel();
        Box::pin(async {})
    }

    fn is_open(&self) -> bool {
        !self.hold.state.over.is_cancelled()
    }

    fn kind(&self) -> &'static str {
        "kept"
    }

    fn note(&self) -> &str {
        &self.note
    }
}

/// A command whose streams this one carries, and which may be given back if it can be used again.
fn channel(stream: UnixStream, hold: Arc<Hold>, again: bool) -> Channel {
    let (from, to) = stream.into_split();
    let (stdin, input) = duplex(PIECE);
    let (output, stdout) = mpsc::channel(QUEUE);
    let (errors, stderr) = mpsc::channel(QUEUE);
    let (exit_in, exit) = oneshot::channel();
    let (interest, abandoned) = Interest::new();
    let over = CancellationToken::new();
    let given = Arc::new(AtomicBool::new(false));
    tokio::spawn(feed(input, to, given.clone(), over.clone()));
    let state = hold.state.clone();
    tokio::spawn(async move {
        // The input goes with the outputs.
        let (_over, hold) = (over.drop_guard(), hold);
        tokio::select! {
            end = pass(from, output, errors) => drop(exit_in.send(end)),
            _ = abandoned => {}
            () = hold.state.over.cancelled() => {}
        }
    });
    let channel = interest::channel(interest, Box::new(stdin), [stdout, stderr], exit, move || state.error());
    Channel { back: again.then_some(Back(given)), ..channel }
}

/// Passes on what goes to the command, then its end or that it is given back; and holds the stream until the command
/// is over, since the end of the stream is that of our interest.
async fn feed(
    mut input: DuplexStream,
    mut to: OwnedWriteHalf,
    given: Arc<AtomicBool>,
    over: CancellationToken,
) {
    let feeding = async {
        let mut bytes = vec![0; PIECE];
        while let Ok(count) = input.read(&mut bytes).await {
            let tag = match count {
                0 if given.load(Ordering::SeqCst) => Tag::Back,
                0 => Tag::InputEnd,
                _ => Tag::Input,
            };
            if write(&mut to, tag, &bytes[..count]).await.is_err() || count == 0 {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = feeding => {}
        () = over.cancelled() => {}
    }
}

/// Passes on what the command says. Nothing where the stream ends before the command does.
async fn pass(
    mut from: OwnedReadHalf,
    output: mpsc::Sender<Bytes>,
    errors: mpsc::Sender<Bytes>,
) -> Option<Result<Exit, Error>> {
    let (mut output, mut errors) = (Some(output), Some(errors));
    while let Ok(Some((tag, bytes))) = read(&mut from).await {
        let to = match tag {
            Tag::Output => &mut output,
            Tag::Errors => &mut errors,
            _ => {
                let Ok(Say::Exit(end)) = serde_json::from_slice(&bytes) else { return None };
                return Some(end.into());
            }
        };
        // An empty piece is the end; where nobody reads any more, the rest is thrown away.
        if let Some(sender) = to
            && (bytes.is_empty() || sender.send(Bytes::copy_from_slice(&bytes)).await.is_err())
        {
            *to = None;
        }
    }
    None
}
