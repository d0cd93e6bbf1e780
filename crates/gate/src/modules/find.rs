//! `find`: lists what in some folders meets some conditions.

mod filter;
mod walk;

use serde_json::{Map, Value};

use super::stat;
use crate::{
    Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Spec,
    fsops::sum::{self, Algorithm},
    view::{Fs, Meta},
};
use filter::Filter;
use walk::{Entry, Walk};

pub(super) struct Find;

static SPEC: Spec = Spec {
    name: "find",
    summary: "Lists what in some folders meets some conditions.",
    params: &[
        Param::new("paths", Kind::List(&Kind::Path), "The folders to look in.")
            .required()
            .aliases(&["name", "path"]),
        Param::new("patterns", Kind::List(&Kind::Str), "Names must match one of these.")
            .default("[]")
            .aliases(&["pattern"]),
        Param::new("excludes", Kind::List(&Kind::Str), "Names must match none of these.")
            .aliases(&["exclude"]),
        Param::new("use_regex", Kind::Bool, "Whether these are regular expressions, and not shell patterns.")
            .default("false"),
        Param::new("file_type", Kind::Str, "What is listed.").default("\"file\"").choices(&[
            "any",
            "directory",
            "file",
            "link",
        ]),
        Param::new("recurse", Kind::Bool, "Whether folders in folders are looked in too.").default("false"),
        Param::new("depth", Kind::Int, "How many levels down to look."),
        Param::new("hidden", Kind::Bool, "Whether names that begin with a dot are listed.").default("false"),
        Param::new("follow", Kind::Bool, "Whether links to folders are followed.").default("false"),
        Param::new("contains", Kind::Pattern, "What a line of the file begins with."),
        Param::new("read_whole_file", Kind::Bool, "Whether `contains` may match anywhere, and across lines.")
            .default("false"),
        Param::new("age", Kind::Str, "At least this old, as in `2d`; with a minus, at most."),
        Param::new("age_stamp", Kind::Str, "Which time counts.")
            .default("\"mtime\"")
            .choices(&["atime", "ctime", "mtime"]),
        Param::new("size", Kind::Str, "At least this large, as in `10m`; with a minus, at most."),
        Param::new("mode", Kind::Mode, "These permissions."),
        Param::new("exact_mode", Kind::Bool, "Whether `mode` is all of the permissions, or any of them.")
            .default("true"),
        Param::new("limit", Kind::Int, "How many are listed at most."),
        Param::new("get_checksum", Kind::Bool, "Whether a checksum is made of each file.").default("false"),
        Param::new("checksum_algorithm", Kind::Str, "Which checksum.")
            .default("\"sha1\"")
            .choices(&sum::NAMES)
            .aliases(&["checksum", "checksum_algo"]),
        Param::new("encoding", Kind::Str, "The encoding of the files.").choices(&["utf-8", "UTF-8", "utf8"]),
    ],
    free_form: None,
    open: false,
    effect: Effect::None,
    check: Check::Predicts,
    rules: &[],
};

impl Module for Find {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let filter = Filter::read(args)?;
        let mut search =
            Search { filter, algorithm: algorithm(args), limit: limit(args)?, files: Vec::new() };
        let mut walk = Walk::new(args, cx);
        let mut failed = false;
        for path in args.strs("paths") {
            if search.full() {
                break;
            }
            failed |= !walk.folder(&cx.path(path), &mut |entry| search.look(entry, cx))?;
        }
        let msg = match (failed, search.full()) {
            (true, _) => "Not all paths examined, check warnings for details",
            (false, true) => "Limit of matches reached",
            (false, false) => "All paths examined",
        };
        Ok(Reply::ok()
            .msg(msg)
            .with("matched", search.files.len())
            .with("files", search.files)
            .with("examined", walk.examined)
            .with("skipped_paths", walk.skipped))
    }
}

fn algorithm(args: &Args) -> Option<Algorithm> {
    args.bool("get_checksum").then(|| Algorithm::named(args.str("checksum_algorithm"))).flatten()
}

fn limit(args: &Args) -> Result<Option<usize>, Error> {
    match args.opt_int("limit") {
        Some(limit) if limit <= 0 => {
            Err(Error::Failed(format!("limit cannot be {limit} (leave it out for none)")))
        }
        limit => Ok(limit.and_then(|limit| usize::try_from(limit).ok())),
    }
}

/// What was found so far.
struct Search {
    filter: Filter,
    algorithm: Option<Algorithm>,
    limit: Option<usize>,
    files: Vec<Value>,
}

impl Search {
    fn full(&self) -> bool {
        self.limit.is_some_and(|limit| self.files.len() >= limit)
    }

    /// Lists an entry if it is wanted, and says whether to go on.
    fn look(&mut self, entry: &Entry, cx: &Context<'_>) -> Result<bool, Error> {
        if self.filter.takes(entry, cx)? {
            let mut file = describe(&entry.meta, cx.fs());
            file.insert("path".into(), entry.path.to_string_lossy().into());
            if let Some(algorithm) = self.algorithm.filter(|_| entry.meta.is_file()) {
                file.insert("checksum".into(), sum::file(&entry.path, algorithm, cx)?.into());
            }
            self.files.push(file.into());
        }
        Ok(!self.full())
    }
}

/// What `stat` says, less what `find` leaves out.
fn describe(meta: &Meta, fs: Fs<'_>) -> Map<String, Value> {
    let mut file = stat::numbers(meta, fs);
    for name in ["exists", "blocks", "block_size", "device_type"] {
        file.remove(name);
    }
    for name in ["pw_name", "gr_name"] {
        file.entry(name).or_insert_with(|| "".into());
    }
    stat::kinds(meta, &mut file);
    stat::bits(meta.mode, &mut file);
    file
}
