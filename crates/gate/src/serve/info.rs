//! What a gate says of itself.

use std::path::Path;

use crate::{
    fsops::ids,
    view::Fs,
    wire::{self, Hello, Info},
};

/// What it says first.
pub(super) fn hello(hash: &str) -> Hello {
    Hello {
        version: wire::VERSION,
        pid: std::process::id(),
        hash: hash.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        uid: rustix::process::geteuid().as_raw(),
        caps: vec![wire::RESET.to_owned()],
    }
}

/// What it says when asked.
pub(super) fn info(hash: &str, cwd: &Path, running: usize) -> Info {
    let hello = hello(hash);
    let path = std::env::current_exe().unwrap_or_default();
    Info {
        release: env!("CARGO_PKG_VERSION").to_owned(),
        path: path.to_string_lossy().into_owned(),
        user: ids::user(hello.uid, Fs::DISK),
        cwd: cwd.to_string_lossy().into_owned(),
        modules: crate::all().map(|module| module.spec().name.to_owned()).collect(),
        running,
        hello,
    }
}
