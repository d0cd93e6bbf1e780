//! The messages: what a controller orders and what a gate answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Fault;
use crate::{Part, Reply};

/// What a gate says of itself that can be reset for another controller.
pub const RESET: &str = "reset";

/// What a controller says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Order {
    /// Who speaks. It need not be the first order; without it, the gate stays as long as its input is open.
    Hello {
        /// The version that the controller speaks.
        version: u32,
        /// A gate that hears nothing for so long ends itself: its controller is gone, though the connection
        /// does not know it yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quiet_ms: Option<u64>,
    },
    /// Run a module.
    Module(Box<Task>),
    /// Run modules in their order, each after the one before it has ended well.
    Batch {
        /// Names the batch, for `cancel` and `need`.
        id: u64,
        /// Each has an id of its own, under which it is answered.
        modules: Vec<Task>,
    },
    /// End a request early; of a batch, by its own id or that of one of its modules, all the rest.
    Cancel {
        /// Which.
        id: u64,
    },
    /// Say who you are.
    Info {
        /// Names the request.
        id: u64,
    },
    /// A content comes, in pieces.
    Put {
        /// Names the transfer.
        transfer: u32,
        /// What it is.
        sha256: String,
        /// Its length in bytes.
        size: u64,
    },
    /// A content that the gate needs cannot be had.
    Lack {
        /// What it is.
        sha256: String,
        /// Why.
        message: String,
    },
    /// Send a file of the host.
    Get {
        /// Names the request.
        id: u64,
        /// Names the transfer.
        transfer: u32,
        /// The file.
        path: String,
    },
    /// So much of a transfer has been taken in all.
    Ack {
        /// Which transfer.
        transfer: u32,
        /// Bytes since its start.
        bytes: u64,
    },
    /// Are you there?
    Ping {
        /// Comes back in the answer.
        seq: u64,
    },
    /// Forget everything, for another controller: the answer is `clean`. Where anything of this one is left that
    /// cannot be forgotten, the gate ends. The next controller's hello is answered like the first.
    Reset {
        /// Comes back in the answer. Nobody else knows it, so that nothing else that is said can be taken for that.
        nonce: String,
        /// How long it waits for the next controller before it ends itself.
        quiet_ms: u64,
    },
    /// End, and cancel what runs; the last answer is `bye`.
    Shutdown,
}

/// What a gate says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Answer {
    /// Who speaks: the first answer of every gate.
    Hello(Hello),
    /// A module is about to start. Nothing of it has happened before this answer was written.
    Started {
        /// Which request.
        id: u64,
    },
    /// What came of a request. Each has exactly one.
    Result {
        /// Which request.
        id: u64,
        /// A reply, or why there is none.
        #[serde(flatten)]
        body: Body,
    },
    /// A line of live output; an empty one that tells of dropped lines stands for nothing more.
    Event {
        /// Of which request.
        id: u64,
        /// `stdout` or `stderr`.
        stream: Source,
        /// Without its end.
        line: String,
        /// How many lines of this request were dropped before it, because the controller was too slow.
        #[serde(default, skip_serializing_if = "is_zero")]
        dropped: u64,
    },
    /// What a request in check mode would have made of the host, before its result.
    Foreseen {
        /// Which request.
        id: u64,
        /// What nobody was told of before.
        parts: Vec<Part>,
    },
    /// A request stands on these contents, and the gate has not got them.
    Need {
        /// Which request.
        id: u64,
        /// By SHA-256.
        contents: Vec<String>,
    },
    /// Who the gate is.
    Info {
        /// Which request.
        id: u64,
        /// The rest.
        #[serde(flatten)]
        info: Info,
    },
    /// So much of a transfer has been taken in all.
    Ack {
        /// Which transfer.
        transfer: u32,
        /// Bytes since its start.
        bytes: u64,
    },
    /// Here.
    Pong {
        /// As in the question.
        seq: u64,
    },
    /// An order could not be followed, and is forgotten.
    Error {
        /// Which, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// Why.
        message: String,
    },
    /// Nothing is left of the controller before; nothing more is said until the next one speaks.
    Clean {
        /// As in the order.
        nonce: String,
    },
    /// Everything is done, and the gate ends.
    Bye,
}

/// Who a gate is, in a few words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version that it speaks.
    pub version: u32,
    /// Its process.
    pub pid: u32,
    /// The SHA-256 of its program, as it was told when it was started.
    #[serde(default)]
    pub hash: String,
    /// The architecture it was built for.
    #[serde(default)]
    pub arch: String,
    /// The user it runs as, by number.
    #[serde(default)]
    pub uid: u32,
    /// What it can do beyond version 1: [`RESET`].
    #[serde(default)]
    pub caps: Vec<String>,
}

/// Who a gate is, in more words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// As in its `hello`.
    #[serde(flatten)]
    pub hello: Hello,
    /// The release of the program.
    pub release: String,
    /// The file it was started from.
    pub path: String,
    /// The user it runs as, by name.
    #[serde(default)]
    pub user: Option<String>,
    /// Where its commands start.
    pub cwd: String,
    /// The modules that it has.
    pub modules: Vec<String>,
    /// How many requests it works on.
    pub running: usize,
}

/// One module to run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Names the request.
    pub id: u64,
    /// The module.
    pub name: String,
    /// Its parameters, as a map or as free-form text.
    #[serde(default)]
    pub args: Value,
    /// Say what would happen, and change nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub check: bool,
    /// In check mode, which forecast it sees and goes into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foresight: Option<Box<Foresight>>,
    /// Report differences.
    #[serde(default, skip_serializing_if = "is_false")]
    pub diff: bool,
    /// Where relative paths begin and commands start; else where the gate itself was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Added to the environment of children.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// How long it may take, from its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// How many bytes of each output stream the reply keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<u64>,
    /// Whether live output is told.
    #[serde(default, skip_serializing_if = "is_false")]
    pub live: bool,
    /// Whether a batch goes on if this module fails.
    #[serde(default, skip_serializing_if = "is_false")]
    pub lenient: bool,
    /// The contents that it stands on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// What is to be done with it in place of running it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deed: Option<Box<Deed>>,
}

impl From<Task> for Order {
    fn from(task: Task) -> Self {
        Self::Module(Box::new(task))
    }
}

/// What is to be done with a module in place of running it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Deed {
    /// Say how everything is that it would change, in the reply's field `before`. The contents come over a
    /// transfer before the reply, each after its length in eight bytes, the highest first.
    Keep {
        /// Names the transfer.
        transfer: u32,
    },
    /// Make everything again what it was. Contents are asked for by their names.
    Undo {
        /// How it was.
        before: Value,
    },
}

/// What was foreseen so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foresight {
    /// Each run of the controller has its own.
    pub run: u64,
    /// What others foresaw of the host: gates of other users, or one before this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<Part>,
}

/// Contents laid out for a module, and the parameter that names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Stage {
    /// A content as text in a parameter.
    Text {
        /// The parameter.
        param: String,
        /// The text.
        content: Content,
    },
    /// A content as a file, whose path goes into a parameter.
    File {
        /// The parameter.
        param: String,
        /// What the file is called.
        name: String,
        /// What is in it.
        content: Content,
        /// Its mode in octal, if it counts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mode: Option<String>,
    },
    /// A folder, whose path goes into a parameter.
    Folder {
        /// The parameter.
        param: String,
        /// What the folder is called.
        name: String,
        /// Whether what is in it is meant, and not the folder itself.
        #[serde(default, skip_serializing_if = "is_false")]
        inside: bool,
        /// What is in it; a folder comes before what it holds.
        entries: Vec<Entry>,
    },
}

/// A content by what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Its SHA-256, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// Something in a folder: a file if it has a content, a link if it has a target, else a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where, within the folder.
    pub path: String,
    /// What is in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// Where the link leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The file's mode in octal, if it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

impl Stage {
    /// The contents that it is made of.
    pub fn contents(&self) -> impl Iterator<Item = &Content> {
        let (one, many) = match self {
            Self::Text { content, .. } | Self::File { content, .. } => (Some(content), &[][..]),
            Self::Folder { entries, .. } => (None, entries.as_slice()),
        };
        one.into_iter().chain(many.iter().filter_map(|entry| entry.content.as_ref()))
    }
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// The module answered.
    Reply(Reply),
    /// It did not.
    Error(Fault),
    /// A file was sent whole.
    File {
        /// What it is.
        sha256: String,
        /// Its length in bytes.
        size: u64,
        /// Its mode in octal.
        mode: String,
    },
}

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl From<crate::Stream> for Source {
    fn from(stream: crate::Stream) -> Self {
        match stream {
            crate::Stream::Stdout => Self::Stdout,
            crate::Stream::Stderr => Self::Stderr,
        }
    }
}

impl From<Source> for crate::Stream {
    fn from(source: Source) -> Self {
        match source {
            Source::Stdout => Self::Stdout,
            Source::Stderr => Self::Stderr,
        }
    }
}

/// An order that cannot be read: what it is about, as far as it says so, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The id in it.
    pub id: Option<u64>,
    /// What is wrong.
    pub message: String,
}

/// Reads an order.
pub fn order(json: &[u8]) -> Result<Order, Unread> {
    serde_json::from_slice(json).map_err(|error| {
        #[derive(Deserialize)]
        struct Outline {
            id: Option<u64>,
        }
        let outline = serde_json::from_slice::<Outline>(json);
        Unread { id: outline.ok().and_then(|outline| outline.id), message: error.to_string() }
    })
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}
