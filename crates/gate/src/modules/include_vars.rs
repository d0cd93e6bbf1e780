//! `include_vars`: sets variables for later steps, out of files.

use serde_json::Value;

use crate::{Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Rule, Spec};

/// The caller reads the files, since they are on its machine and it has a reader for them: the variables arrive
/// as `_vars`, and the names of the files as `_files`.
pub(super) struct IncludeVars;

static SPEC: Spec = Spec {
    name: "include_vars",
    summary: "Sets variables for later steps, out of files.",
    params: &[
        Param::new("file", Kind::Path, "A file with variables, in YAML or JSON."),
        Param::new("dir", Kind::Path, "A folder of such files, which are read in the order of their names."),
        Param::new("name", Kind::Str, "The variable that holds all of them; else each is one by itself."),
        Param::new("depth", Kind::Int, "How many levels of folders are read; all of them, if 0.")
            .default("0"),
        Param::new("files_matching", Kind::Pattern, "Only files in `dir` whose names match are read."),
        Param::new(
            "ignore_files",
            Kind::List(&Kind::Pattern),
            "Files in `dir` whose names end so are not read.",
        )
        .default("[]"),
        Param::new("extensions", Kind::List(&Kind::Str), "How names of files in `dir` end.")
            .default("[\"json\", \"yaml\", \"yml\"]"),
        Param::new("ignore_unknown_extensions", Kind::Bool, "Whether other files in `dir` are passed over.")
            .default("false"),
        Param::new("hash_behaviour", Kind::Str, "Whether maps replace those that are there, or are merged.")
            .default("\"replace\"")
            .choices(&["merge", "replace"]),
        Param::new("_vars", Kind::Dict, "What was read; the caller sets it."),
        Param::new("_files", Kind::List(&Kind::Str), "What it was read from; the caller sets it."),
    ],
    free_form: Some("file"),
    open: false,
    effect: Effect::None,
    check: Check::Predicts,
    rules: &[Rule::OneOf(&["file", "dir"]), Rule::Exclusive(&["file", "dir"])],
};

impl Module for IncludeVars {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, _: &Context<'_>) -> Result<Reply, Error> {
        let Some(Value::Object(vars)) = args.get("_vars") else {
            return Err(Error::Failed("the files were not read".into()));
        };
        let facts = match args.path("name") {
            Some(name) => serde_json::Map::from_iter([(name.to_owned(), vars.clone().into())]),
            None => vars.clone(),
        };
        let reply = Reply { facts, ..Reply::ok() };
        Ok(reply.with("ansible_included_var_files", args.list("_files").to_vec()))
    }
}
