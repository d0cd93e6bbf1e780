//! What the two processes say to each other: frames of a tag, a length and so many bytes.
//!
//! Each stream begins with what the client asks. A stream that asked for a connection holds it until it ends; one
//! that asked for a command carries the command's three streams.

use std::io;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroizing;

use crate::route::Route;
use crate::{Ahead, Error, Exit};

/// No frame is longer: a route with everything that a configuration may say is a few kilobytes.
const LONGEST: usize = 1 << 20;

/// How much of a command's streams goes into one frame.
pub(super) const PIECE: usize = 64 << 10;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// A question or an answer.
    Message = b'J' as isize,
    /// A password; it follows the question that announces it.
    Secret = b'S' as isize,
    /// For the command.
    Input = b'I' as isize,
    /// Nothing more comes for the command.
    InputEnd = b'X' as isize,
    /// The client is done with the command, which may be for others.
    Back = b'B' as isize,
    /// From the command.
    Output = b'O' as isize,
    /// From the command's other output.
    Errors = b'E' as isize,
}

const TAGS: [Tag; 7] =
    [Tag::Message, Tag::Secret, Tag::Input, Tag::InputEnd, Tag::Back, Tag::Output, Tag::Errors];

/// What a client asks.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Ask {
    /// A connection, held until this stream ends. Passwords follow: of the target, if `password` says so.
    Open {
        /// Tells apart those who ask: those of one process share connections to jump hosts.
        client: String,
        /// How long it is kept after its last use.
        persist_ms: u64,
        route: Box<Route>,
        password: bool,
    },
    /// A command on a connection that is held.
    Exec { lease: u64, command: String, kind: Option<Ahead> },
    /// Which connections there are.
    List,
    /// An end to those that these words name, or to all where there are none.
    End { named: Vec<String> },
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Say {
    Opened {
        lease: u64,
        note: String,
    },
    Started,
    Failed(Refusal),
    /// The connection has ended.
    Lost {
        why: String,
    },
    /// The command has ended.
    Exit(Ended),
    Connections(Vec<super::Connection>),
    /// So many connections were ended.
    Ended(usize),
}

/// An error that crosses the socket.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Refusal {
    text: String,
    transient: bool,
    beyond: Option<String>,
}

/// How a command ended.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Ended {
    Code(u32),
    Signal(String),
    Unknown(Refusal),
}

impl From<&Error> for Refusal {
    fn from(error: &Error) -> Self {
        let beyond = match error {
            Error::Auth { beyond, .. } => beyond.clone(),
            _ => None,
        };
        Self { text: error.to_string(), transient: error.is_transient(), beyond }
    }
}

impl From<Refusal> for Error {
    fn from(Refusal { text, transient, beyond }: Refusal) -> Self {
        Self::Kept { text, transient, beyond }
    }
}

impl From<Result<Exit, Error>> for Ended {
    fn from(end: Result<Exit, Error>) -> Self {
        match end {
            Ok(Exit::Code(code)) => Self::Code(code),
            Ok(Exit::Signal(name)) => Self::Signal(name),
            Err(error) => Self::Unknown(Refusal::from(&error)),
        }
    }
}

impl From<Ended> for Result<Exit, Error> {
    fn from(end: Ended) -> Self {
        match end {
            Ended::Code(code) => Ok(Exit::Code(code)),
            Ended::Signal(name) => Ok(Exit::Signal(name)),
            Ended::Unknown(refusal) => Err(refusal.into()),
        }
    }
}

/// Writes one frame.
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), tag: Tag, bytes: &[u8]) -> io::Result<()> {
    if bytes.len() > LONGEST {
        return Err(io::Error::other("it is too long for a frame"));
    }
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    let mut frame = Zeroizing::new(Vec::with_capacity(bytes.len() + 5));
    frame.push(tag as u8);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(bytes);
    to.write_all(&frame).await?;
    to.flush().await
}

/// Writes a question or an answer.
pub(super) async fn say(to: &mut (impl AsyncWrite + Unpin), what: &impl Serialize) -> io::Result<()> {
    write(to, Tag::Message, &serde_json::to_vec(what)?).await
}

/// Reads one frame; nothing at the end of the stream. To be read to its end: half a frame cannot be given back.
pub(super) async fn read(
    from: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<(Tag, Zeroizing<Vec<u8>>)>> {
    let mut head = [0; 5];
    if from.read(&mut head[..1]).await? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut head[1..]).await?;
    let tag = TAGS.into_iter().find(|tag| *tag as u8 == head[0]);
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    let (Some(tag), true) = (tag, length <= LONGEST) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no frame"));
    };
    let mut bytes = Zeroizing::new(vec![0; length]);
    from.read_exact(&mut bytes).await?;
    Ok(Some((tag, bytes)))
}

/// Reads a question or an answer; nothing at the end of the stream.
pub(super) async fn hear<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<T>> {
    match read(from).await? {
        Some((Tag::Message, bytes)) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "it is no message")),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_out_as_they_went_in_and_garbage_is_refused() {
        let (mut here, mut there) = tokio::io::duplex(1 << 10);
        write(&mut here, Tag::Output, b"abc").await.expect("it is written");
        say(&mut here, &Ask::List).await.expect("it is written");
        drop(here);
        let (tag, bytes) = read(&mut there).await.expect("a frame").expect("not the end");
        assert_eq!((tag, bytes.as_slice()), (Tag::Output, &b"abc"[..]));
        assert!(matches!(hear(&mut there).await.expect("a message"), Some(Ask::List)));
        assert!(read(&mut there).await.expect("the end").is_none());
        for garbage in [&b"?\0\0\0\0"[..], b"O\xff\xff\xff\xff", b"O\0\0", b"J\0\0\0\x02{]"] {
            assert!(hear::<Ask>(&mut &garbage[..]).await.is_err(), "{garbage:?}");
        }
    }

    #[test]
    fn an_error_keeps_its_nature() {
        let error = Error::Closed { address: "a:22".into(), why: "eof".into() };
        let told = Error::from(Refusal::from(&error));
        assert_eq!((told.to_string(), told.is_transient()), (error.to_string(), true));
    }
}
