//! `tempfile`: makes a file or folder that nobody else can get into, under a name that is not taken.

use std::{
    env, io,
    path::{Path, PathBuf},
};

use crate::{
    Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Spec,
    fsops::{attrs, path::need_dir, replace::random, sum},
};

pub(super) struct Tempfile;

static SPEC: Spec = Spec {
    name: "tempfile",
    summary: "Makes a file or folder that nobody else can get into, under a name that is not taken.",
    params: &[
        Param::new("state", Kind::Str, "What is made.").default("\"file\"").choices(&["directory", "file"]),
        Param::new(
            "path",
            Kind::Path,
            "The folder that it is made in; the system's for such things, if not given.",
        ),
        Param::new("prefix", Kind::Str, "What its name begins with.").default("\"ansible.\""),
        Param::new("suffix", Kind::Str, "What its name ends with.").default("\"\""),
    ],
    free_form: None,
    open: false,
    effect: Effect::Changes,
    check: Check::Predicts,
    rules: &[],
};

impl Module for Tempfile {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        for name in ["prefix", "suffix"] {
            if args.str(name).contains(['/', '\0']) {
                return Err(Error::Failed(format!(
                    "`{name}` must be part of a name, and has no slash in it"
                )));
            }
        }
        let dir = args.path("path").map_or_else(|| default(cx), |path| cx.path(path));
        need_dir(&dir, cx)?;
        let path = make(&dir, args, cx)?;
        let mut reply = Reply::changed(true);
        // In check mode it is a name like the one that it would have, for steps after this to be checked with.
        reply.fields = attrs::describe(&path, cx);
        Ok(reply.with("path", path.to_string_lossy()))
    }
}

fn default(cx: &Context<'_>) -> PathBuf {
    cx.env.get("TMPDIR").filter(|dir| !dir.is_empty()).map_or_else(env::temp_dir, |dir| cx.cwd.join(dir))
}

/// What stands between prefix and suffix: by chance, or within a run by the run's own name, which came by chance:
/// so it is known before the file is made, and can be taken back.
fn middle(number: usize, cx: &Context<'_>) -> String {
    match (cx.env.get("WINDLASS_RUN"), cx.env.get("WINDLASS_STEP")) {
        (Some(run), Some(step)) => sum::of(format!("{run} {step} {number}").as_bytes())[..8].to_owned(),
        _ => format!("{:08x}", random() >> 32),
    }
}

fn make(dir: &Path, args: &Args, cx: &Context<'_>) -> Result<PathBuf, Error> {
    // A name is taken only by chance, or by somebody who guesses names; neither does it this often.
    const TRIES: usize = 16;
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for number in 0..TRIES {
        let path = dir.join(format!("{}{}{}", args.str("prefix"), middle(number, cx), args.str("suffix")));
        let made = match args.str("state") {
            "directory" => cx.fs().create_dir(&path, 0o700),
            _ => cx.fs().create_file(&path, 0o600),
        };
        match made {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(Error::io("create", path)(error)),
        }
    }
    Err(Error::io("create a temporary file in", dir)(last))
}
