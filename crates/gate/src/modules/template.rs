//! `template`: puts a rendered template somewhere.

use crate::{
    Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Spec,
    fsops::{
        attrs,
        install::{self, Content, Install, reply},
        path::{need_dir, parent},
    },
};

/// The caller renders, since only it has the variables and a template engine: the text arrives as `content`,
/// and `src` says only what it was made of. The words about templates themselves (`trim_blocks`, …) are the
/// caller's as well; line ends are made here.
pub(super) struct Template;

static SPEC: Spec = Spec {
    name: "template",
    summary: "Puts a rendered template somewhere.",
    params: &[
        Param::new("src", Kind::Path, "The template.").required(),
        Param::new("dest", Kind::Path, "Where the text goes; with a slash at its end, into that folder.").required(),
        Param::new("content", Kind::Str, "The rendered text; the renderer sets it."),
        attrs::MODE.choices(&["preserve"]),
        attrs::OWNER,
        attrs::GROUP,
        install::BACKUP,
        install::FORCE,
        install::FOLLOW,
        install::VALIDATE,
        Param::new("newline_sequence", Kind::Str, "What ends a line.").default("\"\\n\"").choices(&[
            "\n", "\r", "\r\n", "\\n", "\\r", "\\r\\n",
        ]),
        Param::new("output_encoding", Kind::Str, "The encoding of the file.").default("\"utf-8\"").choices(&[
            "utf-8", "UTF-8", "utf8",
        ]),
        Param::new("trim_blocks", Kind::Bool, "Whether the line end after a block is dropped.").default("true"),
        Param::new("lstrip_blocks", Kind::Bool, "Whether spaces before a block are dropped.").default("false"),
        Param::new("block_start_string", Kind::Str, "What begins a block.").default("\"{%\""),
        Param::new("block_end_string", Kind::Str, "What ends a block.").default("\"%}\""),
        Param::new("variable_start_string", Kind::Str, "What begins an expression.").default("\"{{\""),
        Param::new("variable_end_string", Kind::Str, "What ends an expression.").default("\"}}\""),
        Param::new("comment_start_string", Kind::Str, "What begins a comment.").default("\"{#\""),
        Param::new("comment_end_string", Kind::Str, "What ends a comment.").default("\"#}\""),
    ],
    free_form: None,
    open: false,
    effect: Effect::Changes,
    check: Check::Predicts,
    rules: &[],
};

impl Module for Template {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let Some(text) = args.opt_str("content") else {
            return Err(Error::Failed("the template was not rendered".into()));
        };
        let text = lines(text, args.str("newline_sequence"));
        let src = cx.path(args.str("src"));
        let mut dest = cx.path(args.str("dest"));
        if args.str("dest").ends_with('/') || cx.fs().is_dir(&dest) {
            need_dir(&dest, cx)?;
            dest.push(src.file_name().unwrap_or_default());
        }
        need_dir(parent(&dest), cx)?;
        let mut install = Install::read(args, cx)?;
        install.source = Some(&src);
        let done = install.put(Content::Bytes(text.as_bytes()), &dest)?;
        Ok(reply(done, cx).with("src", src.to_string_lossy()))
    }
}

/// The text with every line end made the one that was asked for.
fn lines(text: &str, end: &str) -> String {
    let end = match end {
        "\\n" => "\n",
        "\\r" => "\r",
        "\\r\\n" => "\r\n",
        end => end,
    };
    if end == "\n" { text.to_owned() } else { text.replace("\r\n", "\n").replace('\n', end) }
}
