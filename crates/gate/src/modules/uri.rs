//! `uri`: asks a web server, and says what it answered.

mod answer;
mod form;

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    time::{Instant, SystemTime},
};

use serde_json::Value;
use windlass_http::{Follow, Payload, Request, Response, Url};

use crate::{
    Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Rule, Spec,
    args::text_of,
    clock, json,
    fetch::{self, Secrets, failure, masked},
    fsops::{
        attrs::{self, Want},
        install::{Content, Install},
        path::{need_dir, parent},
        replace::nameless,
    },
};
use answer::Answer;

pub(super) struct Uri;

const UNKNOWN: &str = "what a request changes is not known before it is made";

/// What urllib says of a body that it knows nothing of.
const FORM: &str = "application/x-www-form-urlencoded";

/// The largest body that is handed on: it is kept with the run, and is in memory a few times over.
const LIMIT: u64 = 16 << 20;

static SPEC: Spec = Spec {
    name: "uri",
    summary: "Asks a web server, and says what it answered.",
    params: &[
        Param::new("url", Kind::Str, "The address, with http:// or https:// before it.").required(),
        Param::new("method", Kind::Str, "The method, in capitals.").default("\"GET\""),
        Param::new("body", Kind::Raw, "What is sent; a list or map is written as `body_format` says."),
        Param::new("body_format", Kind::Str, "How a body that is a list or map is written.")
            .default("\"raw\"")
            .choices(&["form-multipart", "form-urlencoded", "json", "raw"]),
        Param::new("src", Kind::Path, "A file that is sent."),
        Param::new("remote_src", Kind::Bool, "Whether that file is on the host itself.").default("false"),
        fetch::HEADERS,
        fetch::UNREDIRECTED,
        Param::new("status_code", Kind::List(&Kind::Int), "The statuses that are no failure.").default("[200]"),
        Param::new("return_content", Kind::Bool, "Whether the result has what was answered.").default("false"),
        Param::new("dest", Kind::Path, "A file or folder that the answer is put in."),
        attrs::MODE,
        attrs::OWNER,
        attrs::GROUP,
        Param::new("force", Kind::Bool, "Whether the answer is wanted though `dest` is as new.").default("false"),
        Param::new("creates", Kind::Path, "A path; if it is there, nothing is asked."),
        Param::new("removes", Kind::Path, "A path; if it is not there, nothing is asked."),
        Param::new("follow_redirects", Kind::Str, "Which redirects are followed.")
            .default("\"safe\"")
            .choices(&["all", "no", "none", "safe", "urllib2", "yes"]),
        Param::new("timeout", Kind::Int, "How many seconds the server may be silent.").default("30"),
        Param::new("url_username", Kind::Str, "The user.").aliases(&["user"]),
        Param::new("url_password", Kind::Str, "The password.").aliases(&["password"]),
        fetch::BASIC,
        fetch::AGENT,
        fetch::CERTS,
        Param::new("ca_path", Kind::Path, "A file with the certificates that are trusted."),
        fetch::CERT,
        fetch::KEY,
        Param::new("unix_socket", Kind::Path, "A local socket that is spoken to."),
        fetch::PROXY,
        fetch::DECOMPRESS,
        fetch::CIPHERS,
        fetch::GSSAPI,
        fetch::NETRC,
    ],
    free_form: None,
    open: false,
    effect: Effect::Changes,
    check: Check::Skips(UNKNOWN),
    rules: &[Rule::Exclusive(&["body", "src"])],
};

impl Module for Uri {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        fetch::refuse(args)?;
        let url = Url::parse(args.str("url")).map_err(|error| Error::Failed(error.to_string()))?;
        let method = args.str("method").to_ascii_uppercase();
        if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(Error::Failed("`method` must be one word, like GET or POST".into()));
        }
        if let Some(why) = decided(args, cx) {
            return Ok(Reply::ok().with("stdout", why.clone()).msg(why));
        }
        if cx.checks() {
            return Ok(Reply::unknown(UNKNOWN));
        }
        let mut request = fetch::request(args, &method, url);
        payload(args, &mut request, cx)?;
        let dest = args.path("dest").map(|dest| cx.path(dest));
        since(&mut request, args, dest.as_deref());
        let secrets = Secrets::of(&request);
        let start = Instant::now();
        let sent = fetch::client(args, follow(args), cx).send(&request);
        let done = match sent {
            Ok(response) => answered(response, &request, dest, start, args, cx),
            Err(error) => Ok(unanswered(&failure(error, cx)?, start, args)),
        };
        let mut reply = done.map_err(|error| hidden(error, &secrets))?;
        secrets.clean(&mut reply);
        Ok(reply)
    }
}

/// A server may say what it was sent.
fn hidden(error: Error, secrets: &Secrets) -> Error {
    match error {
        Error::Failed(why) => Error::Failed(secrets.hide(&why)),
        other => other,
    }
}

/// Why nothing has to be asked.
fn decided(args: &Args, cx: &Context<'_>) -> Option<String> {
    let there = |name: &str| args.path(name).map(|path| (path, cx.fs().exists(&cx.path(path))));
    match (there("creates"), there("removes")) {
        (Some((path, true)), _) => Some(format!("skipped, since '{path}' exists")),
        (_, Some((path, false))) => Some(format!("skipped, since '{path}' does not exist")),
        _ => None,
    }
}

fn follow(args: &Args) -> Follow {
    match args.str("follow_redirects") {
        "all" | "yes" => Follow::All,
        "no" | "none" => Follow::None,
        "urllib2" => Follow::Urllib,
        _ => Follow::Safe,
    }
}

/// Sets the body, and the type that goes with its format.
fn payload(args: &Args, request: &mut Request, cx: &Context<'_>) -> Result<(), Error> {
    if let Some(src) = args.path("src") {
        let path = cx.path(src);
        let meta = fs::metadata(&path).map_err(Error::io("read", &path))?;
        if !meta.is_file() {
            return Err(Error::Failed(format!("{} is not a regular file", path.display())));
        }
        request.payload = Payload::File(path);
        let json = args.str("body_format") == "json";
        fetch::set(request, "Content-Type", if json { "application/json" } else { FORM });
        return Ok(());
    }
    let Some(body) = args.get("body") else { return Ok(()) };
    let (bytes, kind): (_, String) = match (args.str("body_format"), body) {
        ("form-multipart", body) => {
            let (bytes, kind) = form::multipart(body, cx)?;
            request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
            (bytes, kind)
        }
        ("form-urlencoded", body) => (form::encoded(body)?.into_bytes(), FORM.into()),
        // Text is JSON that somebody has written already.
        ("json", Value::String(text)) => (text.clone().into_bytes(), "application/json".into()),
        ("json", body) => (json::text(body).into_bytes(), "application/json".into()),
        (_, body) => {
            let text = text_of(body).ok_or_else(|| {
                Error::Failed("a body that is a list or a map needs `body_format`, which says how it is written".into())
            })?;
            (text.into_bytes(), FORM.into())
        }
    };
    request.payload = Payload::Bytes(bytes);
    fetch::set(request, "Content-Type", &kind);
    Ok(())
}

/// Asks only for what is newer than what is there.
fn since(request: &mut Request, args: &Args, dest: Option<&Path>) {
    if args.bool("force") {
        return fetch::set(request, "Cache-Control", "no-cache");
    }
    if let Some(time) = dest.and_then(modified) {
        fetch::set(request, "If-Modified-Since", &clock::http(time));
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok().filter(fs::Metadata::is_file).and_then(|meta| meta.modified().ok())
}

/// Nobody answered.
fn unanswered(why: &str, start: Instant, args: &Args) -> Reply {
    let wanted = answer::codes(args.list("status_code"));
    Reply::failed(format!("Status code was -1 and not {wanted}: Request failed: {why}"))
        .with("status", -1)
        .with("url", masked(args.str("url")))
        .with("redirected", false)
        .with("elapsed", start.elapsed().as_secs())
}

fn answered(
    response: Response,
    request: &Request,
    dest: Option<PathBuf>,
    start: Instant,
    args: &Args,
    cx: &Context<'_>,
) -> Result<Reply, Error> {
    let mut answer = Answer::of(&response, request, args);
    let name = answer.file_name.clone();
    let read = |why| failure(windlass_http::Error::from_io(why), cx).map(|why| format!("cannot read the answer: {why}"));
    let mut body = fetch::body(response, args);
    let wanted = args.list("status_code").contains(&answer.status.into());
    let stores = dest.is_some() && wanted && answer.status != 304;
    let mut file = None;
    if stores {
        let dest = target(dest.as_deref().unwrap_or(Path::new("")), &name, cx)?;
        let mut temp = nameless(parent(&dest))?;
        if let Err(error) = fetch::pour(&mut body, &mut temp, &dest)? {
            return Err(Error::Failed(read(error)?));
        }
        file = Some((temp, dest));
    }
    if answer.is_json || args.bool("return_content") || !wanted {
        let mut bytes = Vec::new();
        let source: Box<dyn Read + '_> = match &file {
            Some((temp, _)) => Box::new(fetch::rewound(temp)?),
            None => body,
        };
        if let Err(error) = source.take(LIMIT + 1).read_to_end(&mut bytes) {
            return Err(Error::Failed(read(error)?));
        }
        if bytes.len() as u64 > LIMIT {
            return Err(Error::Failed(format!("the answer is larger than {} MiB: use `dest`", LIMIT >> 20)));
        }
        answer.content = Some(bytes);
    }
    let mut changed = false;
    if let Some((temp, dest)) = &file {
        let install = Install::new(Want::read(args, "mode", cx)?, cx);
        changed = install.put(Content::Open(temp), dest)?.changed;
    }
    let path = file.map(|(_, dest)| dest).or(dest);
    let mut reply = answer.reply(wanted, start, args);
    reply.changed = changed;
    if let Some(path) = path {
        reply.fields.extend(attrs::describe(&path, cx));
        reply = reply.with("path", path.to_string_lossy());
    }
    Ok(reply)
}

/// Where an answer is put.
fn target(dest: &Path, name: &str, cx: &Context<'_>) -> Result<PathBuf, Error> {
    let dest = if dest.is_dir() { dest.join(name) } else { dest.to_owned() };
    need_dir(parent(&dest), cx)?;
    Ok(dest)
}
