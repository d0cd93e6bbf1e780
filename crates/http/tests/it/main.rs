//! The client against real servers, which the tests run themselves.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod kept;
mod plain;
mod proxied;
mod secure;
mod server;
mod waits;

use std::io::Read;

use windlass_http::{Client, Error, Options, Request, Response, Url};

fn get(options: Options, url: &str) -> Result<Response, Error> {
    Client::new(options).send(&Request::new("GET", Url::parse(url)?))
}

fn body(mut response: Response) -> Result<String, Error> {
    let mut text = String::new();
    response.body.read_to_string(&mut text).map_err(Error::from_io)?;
    Ok(text)
}
