//! A small synchronous HTTP/1.1 client whose every wait ends when its caller has to stop.
//!
//! A [`Client`] sends one [`Request`] at a time, each over a connection of its own or one that was kept
//! ([`Client::keeping`]), follows redirects by one of
//! Ansible's rules ([`Follow`]), answers a demand for credentials once, and hands out the body as it comes. It
//! reads no environment: proxies and certificates are given to it ([`Options`]).
//!
//! The framing is ureq's. The connections are ours ([`dial`]): name lookup, connecting, TLS, every read and
//! every write look at the caller's `alive` a few times a second and have the time-out as their limit.

mod client;
mod cookies;
mod dial;
mod error;
mod names;
mod pool;
mod proxy;
mod redirect;
mod tls;
mod url;
mod wire;

pub use client::{Body, Client, Credentials, Options, Payload, Request, Response};
pub use error::Error;
pub use names::addresses;
pub use proxy::Proxies;
pub use redirect::Follow;
pub use tls::{Identity, Trust};
pub use url::{Scheme, Url, decode, encode};
