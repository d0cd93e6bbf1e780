//! How everything is that a module would change, for a controller that keeps it; and putting it back from there.
//!
//! Nothing of it stays on the host: contents go to the controller as they are read, so that neither a full disk
//! nor a host that loses power takes them away.

use std::{collections::HashSet, fs};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{send::Transfer, session::Session};
use crate::{
    Args, Context, Error, Module, Reply,
    fsops::sum::hex,
    undo::{self, Before},
};

/// The longest account of how things were, as text in bytes: it has to come back in one order.
const LONGEST: usize = crate::wire::ORDER_LIMIT / 2;

/// Says how everything is that the module would change, and sends the contents.
pub(super) fn before(
    module: &dyn Module,
    args: &Args,
    cx: &Context<'_>,
    transfer: u32,
    session: &Session,
) -> Result<Reply, Error> {
    let mut transfer = Transfer::open(transfer, session, cx.cancel)?;
    let mut sent = HashSet::new();
    let mut keep = |content: &[u8]| {
        let name = hex(&Sha256::digest(content));
        if sent.insert(name.clone()) {
            transfer.send(&(content.len() as u64).to_be_bytes()).ok()?;
            transfer.send(content).ok()?;
        }
        Some(name)
    };
    let before = undo::before(module, args, cx, &mut keep);
    // A transfer that broke off did so because nobody waits any more.
    cx.alive()?;
    let before = before?.map_or(Value::Null, |before| before.to_json());
    let length = before.to_string().len();
    if length > LONGEST {
        let why = format!("how things were takes {} MiB to say, which is too much to keep", length >> 20);
        return Err(Error::Failed(why));
    }
    Ok(Reply::ok().with("before", before))
}

/// Makes everything again what it was.
pub(super) fn undo(
    request: u64,
    before: &Value,
    cx: &Context<'_>,
    session: &Session,
) -> Result<Reply, Error> {
    let before = Before::from_json(before);
    let before = before.ok_or_else(|| Error::Failed("it is not said how things were".into()))?;
    session.ask(request, &before.contents().collect::<Vec<_>>());
    let mut fetch = |name: &str| {
        let path = session.spool.wait(name, cx)?;
        fs::read(&path).map_err(Error::io("read", &path))
    };
    let notes = undo::restore(&before, &mut fetch, cx)?;
    Ok(Reply::changed(true).with("notes", notes))
}
