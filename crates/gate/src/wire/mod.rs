//! The protocol between a controller and a gate: frames, the messages in them, and their limits.
//!
//! A **frame** is eight lower-case hexadecimal digits, the length of its body in bytes, and the body. The first
//! byte of a body says what it is:
//!
//! * `{` opens a **message**, one JSON object whose `type` names it: an [`Order`] for the gate, or an
//!   [`Answer`] to the controller. Fields that a side does not know are passed over; an order of an unknown
//!   type is answered by an error, and the connection goes on.
//! * `#` opens a piece of a **content**: eight hexadecimal digits that name its transfer, and the bytes.
//!
//! White space before a frame is passed over. The end of the stream between two frames is a clean end, within
//! one an error.
//!
//! Many requests are in flight at once, told apart by the `id` that the controller gave them. The gate speaks
//! first (`hello`), but the controller need not wait for it. Contents travel by their SHA-256: a request names
//! them, the gate asks for those that it has not (`need`), the controller brings them (`put`, then pieces). Of
//! each transfer at most [`WINDOW`] bytes are under way: the side that takes them says how far it is (`ack`).
//!
//! [`Decoder`] and the `encode` functions do no input or output, so that the gate's threads and the
//! controller's tasks share them. A decoder holds what it was given and nothing more: a length alone, however
//! large, makes it allocate nothing.

mod fault;
mod frame;
mod message;

pub use fault::{Fault, Problem};
pub use frame::{Decoder, Frame, FrameError, encode, encode_content};
pub use message::{
    Answer, Body, Content, Deed, Entry, Foresight, Hello, Info, Order, RESET, Source, Stage, Task, Unread,
    order,
};

/// The version of the protocol. A side that meets another one says so and ends.
pub const VERSION: u32 = 2;

/// The longest body of any frame, in bytes.
pub const LIMIT: usize = 64 << 20;

/// The longest message that a gate takes. Requests are small, since contents travel by hash.
pub const ORDER_LIMIT: usize = 8 << 20;

/// The longest piece of a content: small enough that a message between two pieces does not wait for long.
pub const PIECE: usize = 64 << 10;

/// How many bytes of one transfer may be under way before the other side has said that it took them: what a
/// line of 100 MB/s holds in 40 ms.
pub const WINDOW: u64 = 4 << 20;

/// How many requests of one connection a gate works on or keeps waiting; it refuses more.
pub const REQUESTS: usize = 1024;
