//! What speaks to language models: one form of request and reply over the formats of their providers.
//!
//! Start at [`Request`] (what is asked), [`Provider`] (who is asked) and [`Reply`] (what came back); [`Client`] asks
//! with limits of rate and further attempts. Everything here is synchronous: a caller runs it on a thread that may
//! block, and ends any wait by its [`Patience`]. The crate reads no environment; keys and addresses are handed in,
//! keys as [`Key`], which no text shows.
//!
//! ```
//! use std::sync::Arc;
//! use windlass_llm::{Client, Delta, Limiter, Limits, Patience, Program, Progress, Request, Retry};
//!
//! // Any program may be the model; `Anthropic`, `Chat` and `Responses` are asked in the same way.
//! let upper = Program::new("upper", ["tr", "a-z", "A-Z"].map(String::from).to_vec());
//! let limits = Limits { requests_per_minute: Some(50), at_once: Some(4), ..Limits::default() };
//! let client = Client::new(Arc::new(upper), Arc::new(Limiter::new(limits)), Retry::default());
//!
//! let mut told = String::new();
//! let asked = client.ask(
//!     &Request::new("any", "well?", 100),
//!     &mut |progress| match progress {
//!         Progress::Delta(Delta::Text(text)) => told.push_str(text),
//!         Progress::Restart => told.clear(),
//!         _ => {}
//!     },
//!     &Patience::endless(),
//! );
//! assert_eq!(asked.reply.expect("it answers").text(), "WELL?");
//! assert_eq!((told.as_str(), asked.attempts.len()), ("WELL?", 1));
//! ```

pub mod catalogue;
mod client;
pub mod context;
mod error;
mod estimate;
mod fault;
mod format;
mod key;
mod patience;
pub mod price;
mod program;
mod provider;
mod reply;
mod request;
mod service;
pub mod sse;
pub mod tokens;

pub use client::{Asked, Attempt, Client, Limiter, Limits, Permit, Progress, Retry};
pub use error::{Error, Kind};
pub use format::{Anthropic, Chat, Format, Quirks, Responses};
pub use key::Key;
pub use patience::Patience;
pub use program::{Input, Output, Program};
pub use provider::{Delta, Provider};
pub use reply::{Reply, Stop, Tokens};
pub use request::{Choice, Message, OutputSchema, Part, Request, Role, Tool};
pub use service::Service;
pub use windlass_http::{Proxies, Trust};
