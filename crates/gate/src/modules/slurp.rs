//! `slurp`: hands on the content of a file.

use std::io::Read;

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::{Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Spec};

pub(super) struct Slurp;

static SPEC: Spec = Spec {
    name: "slurp",
    summary: "Hands on the content of a file, in base64.",
    params: &[Param::new("src", Kind::Path, "The file.").required().aliases(&["path"])],
    free_form: None,
    open: false,
    effect: Effect::None,
    check: Check::Predicts,
    rules: &[],
};

/// The largest file: its content is kept with the run, and is in memory a few times over.
const LIMIT: u64 = 16 << 20;

impl Module for Slurp {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let path = cx.path(args.str("src"));
        let refuse = |why: &str| Err(Error::Failed(format!("{} {why}", path.display())));
        let meta = cx.fs().metadata(&path).map_err(Error::io("read", &path))?;
        if meta.is_dir() {
            return refuse("is a folder");
        }
        if !meta.is_file() {
            return refuse("is not a regular file");
        }
        // The system's own files (`/proc/mounts`) tell no length beforehand.
        let mut content = Vec::new();
        let file = cx.fs().open(&path).map_err(Error::io("read", &path))?;
        file.take(LIMIT + 1).read_to_end(&mut content).map_err(Error::io("read", &path))?;
        if content.len() as u64 > LIMIT {
            return refuse(&format!("is larger than {} MiB", LIMIT >> 20));
        }
        Ok(Reply::ok()
            .with("content", BASE64_STANDARD.encode(content))
            .with("encoding", "base64")
            .with("source", path.to_string_lossy()))
    }
}
