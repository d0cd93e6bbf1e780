//! `get_url`: fetches a file, as far as it is not there already.

mod checksum;
pub(super) mod name;

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    time::Instant,
};

use serde_json::Value;
use windlass_http::{Client, Follow, Url, decode};

use crate::{
    Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Spec, clock,
    fetch::{self, Secrets, failure, masked},
    fsops::{
        attrs::{self, Want},
        install::{self, Content, Install},
        path::{need_dir, parent},
        replace::nameless,
        sum::{self, Algorithm},
    },
};
use checksum::Checksum;

pub(super) struct GetUrl;

static SPEC: Spec = Spec {
    name: "get_url",
    summary: "Fetches a file by http, https or file, as far as it is not there already.",
    params: &[
        Param::new("url", Kind::Str, "The address, with http://, https:// or file:// before it.").required(),
        Param::new("dest", Kind::Path, "The file it becomes, or a folder for it.").required(),
        Param::new("checksum", Kind::Str, "What it must sum up to, as in sha256:DIGITS or sha256:URL-OF-SUMS.")
            .default("\"\""),
        Param::new("force", Kind::Bool, "Whether it is fetched though it is there.").default("false"),
        install::BACKUP,
        attrs::MODE,
        attrs::OWNER,
        attrs::GROUP,
        fetch::HEADERS,
        fetch::UNREDIRECTED,
        Param::new("timeout", Kind::Int, "How many seconds the server may be silent.").default("10"),
        Param::new("tmp_dest", Kind::Path, "The folder that holds it while it comes."),
        Param::new("url_username", Kind::Str, "The user.").aliases(&["username"]),
        Param::new("url_password", Kind::Str, "The password.").aliases(&["password"]),
        fetch::BASIC,
        fetch::AGENT,
        fetch::CERTS,
        fetch::CERT,
        fetch::KEY,
        fetch::PROXY,
        fetch::DECOMPRESS,
        fetch::CIPHERS,
        fetch::GSSAPI,
        fetch::NETRC,
    ],
    free_form: None,
    open: false,
    effect: Effect::Changes,
    check: Check::Predicts,
    rules: &[],
};

impl Module for GetUrl {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        fetch::refuse(args)?;
        let written = args.str("dest");
        let dest = cx.path(written);
        if written.ends_with('/') && !cx.fs().is_dir(&dest) {
            return Err(Error::Failed(format!("there is no folder {}", dest.display())));
        }
        let secrets = Url::parse(args.str("url")).map(|url| Secrets::of(&fetch::request(args, "GET", url)));
        let client = fetch::client(args, Follow::Urllib, cx);
        let mut reply = Job { args, cx, client, start: Instant::now() }.run(dest)?;
        if let Ok(secrets) = secrets {
            secrets.clean(&mut reply);
        }
        Ok(reply)
    }
}

struct Job<'a> {
    args: &'a Args,
    cx: &'a Context<'a>,
    client: Client,
    start: Instant,
}

/// A file that was fetched, in a place without a name.
struct Fetched {
    file: File,
    length: Option<u64>,
    /// What it is called where `dest` is a folder.
    name: String,
    /// None of a local file.
    status: Option<u16>,
}

/// What asking for a file comes to.
enum Outcome {
    Came(Fetched),
    /// What is there is as new.
    Same,
    /// There is nothing to be had; the reply says why.
    Failed(Reply),
}

impl Job<'_> {
    fn run(&self, dest: PathBuf) -> Result<Reply, Error> {
        let fs = self.cx.fs();
        let into = fs.is_dir(&dest);
        let there = !into && fs.exists(&dest);
        let mut force = self.args.bool("force");
        let wanted = match Checksum::read(self.args.str("checksum")).map_err(Error::Failed)? {
            None => None,
            Some(Checksum::Is(algorithm, digits)) => Some((algorithm, digits)),
            Some(Checksum::At(algorithm, url)) => match self.sums(&url)? {
                Err(reply) => return Ok(reply),
                Ok(text) => {
                    let name = self.address().map_or_else(String::new, |url| url.file_name().to_owned());
                    let name = if name.is_empty() { "index.html".to_owned() } else { name };
                    Some((algorithm, checksum::find(&text, &name).ok_or_else(|| {
                        Error::Failed(format!("there is no checksum for {name:?} in {}", masked(&url)))
                    })?))
                }
            },
        };
        if let (Some((algorithm, digits)), true, false) = (&wanted, there, force) {
            if sum::file(&dest, *algorithm, self.cx)? == *digits {
                return self.kept(&dest, "file already exists", None);
            }
            force = true;
        }
        let since = (there && !force).then(|| fs.metadata(&dest).ok().map(|meta| meta.modified())).flatten();
        let folder = if into { dest.clone() } else { parent(&dest).to_owned() };
        need_dir(&folder, self.cx)?;
        let fetched = match self.fetch(self.args.str("url"), since.map(clock::http), force, &self.place(&folder)?)? {
            Outcome::Came(fetched) => fetched,
            Outcome::Same => return self.kept(&dest, "HTTP Error 304: Not Modified", Some(304)),
            Outcome::Failed(reply) => return Ok(self.told(reply, &dest)),
        };
        let dest = if into { dest.join(&fetched.name) } else { dest };
        if let Some((algorithm, digits)) = &wanted {
            let found = sum::open(&fetched.file, Path::new("what was fetched"), *algorithm, self.cx)?;
            if found != *digits {
                let msg = format!("The checksum of what was fetched did not match {digits}; it was {found}.");
                return Ok(self.told(Reply::failed(msg), &dest));
            }
        }
        self.install(&fetched, &dest)
    }

    fn address(&self) -> Option<Url> {
        Url::parse(&self.args.str("url").replacen("file://", "http://localhost", 1)).ok()
    }

    /// The folder that holds the file while it comes.
    fn place(&self, folder: &Path) -> Result<PathBuf, Error> {
        match self.args.path("tmp_dest").map(|path| self.cx.path(path)) {
            Some(path) if self.cx.fs().is_dir(&path) => Ok(if self.cx.checks() { std::env::temp_dir() } else { path }),
            Some(path) if self.cx.fs().exists(&path) => {
                Err(Error::Failed(format!("{} is a file but should be a directory.", path.display())))
            }
            Some(path) => Err(Error::Failed(format!("{} directory does not exist.", path.display()))),
            // In check mode the folder may be one that is not there yet.
            None if self.cx.checks() => Ok(std::env::temp_dir()),
            None => Ok(folder.to_owned()),
        }
    }

    /// Adds what every result has.
    fn told(&self, mut reply: Reply, dest: &Path) -> Reply {
        for (name, value) in [
            ("dest", Value::from(dest.to_string_lossy())),
            ("url", masked(self.args.str("url")).into()),
            ("elapsed", self.start.elapsed().as_secs().into()),
            ("checksum_dest", Value::Null),
            ("checksum_src", Value::Null),
        ] {
            reply.fields.entry(name).or_insert(value);
        }
        reply
    }

    /// The content is right; the attributes may not be.
    fn kept(&self, dest: &Path, msg: &str, status: Option<u16>) -> Result<Reply, Error> {
        let (now, then) = Want::read(self.args, "mode", self.cx)?.settle(dest, self.cx)?;
        let mut reply = Reply::changed(now != then);
        reply.fields = attrs::describe(dest, self.cx);
        if let Some(status) = status {
            reply = reply.with("status_code", status);
        }
        let msg = if reply.changed { format!("{msg} but file attributes changed") } else { msg.to_owned() };
        Ok(self.told(reply.msg(msg), dest))
    }

    /// A file of checksums, as text.
    fn sums(&self, url: &str) -> Result<Result<String, Reply>, Error> {
        const LIMIT: u64 = 16 << 20;
        match self.fetch(url, None, true, &std::env::temp_dir())? {
            Outcome::Came(fetched) => {
                let mut text = Vec::new();
                let read = fetch::rewound(&fetched.file)?.take(LIMIT).read_to_end(&mut text);
                read.map_err(Error::io("read", "the file of checksums"))?;
                Ok(Ok(String::from_utf8_lossy(&text).into_owned()))
            }
            Outcome::Failed(reply) => Ok(Err(self.told(reply, &self.cx.path(self.args.str("dest"))))),
            Outcome::Same => Err(Error::Failed("the file of checksums did not come".into())),
        }
    }

    fn fetch(&self, url: &str, since: Option<String>, force: bool, folder: &Path) -> Result<Outcome, Error> {
        if let Some(path) = url.strip_prefix("file://") {
            return self.local(path, folder);
        }
        let parsed = Url::parse(url).map_err(|error| Error::Failed(error.to_string()))?;
        let mut request = fetch::request(self.args, "GET", parsed);
        if force {
            fetch::set(&mut request, "Cache-Control", "no-cache");
        } else if let Some(since) = since {
            fetch::set(&mut request, "If-Modified-Since", &since);
        }
        let response = match self.client.send(&request) {
            Ok(response) => response,
            Err(error) => {
                let msg = format!("Request failed: {}", failure(error, self.cx)?);
                return Ok(Outcome::Failed(Reply::failed(msg).with("status_code", -1)));
            }
        };
        match response.status {
            200 => {}
            304 => return Ok(Outcome::Same),
            status => {
                let said = format!("HTTP Error {status}: {}", response.reason);
                let reply = Reply::failed("Request failed").with("status_code", status).with("response", said);
                return Ok(Outcome::Failed(reply));
            }
        }
        let length = response.header("content-length").and_then(|length| length.parse().ok());
        let name = name::of(response.header("content-disposition").as_deref(), &response.url);
        let mut file = nameless(folder)?;
        let mut body = fetch::body(response, self.args);
        if let Err(error) = fetch::pour(&mut body, &mut file, folder)? {
            let why = failure(windlass_http::Error::from_io(error), self.cx)?;
            return Ok(Outcome::Failed(Reply::failed(format!("Request failed: {why}")).with("status_code", -1)));
        }
        Ok(Outcome::Came(Fetched { file, length, name, status: Some(200) }))
    }

    fn local(&self, written: &str, folder: &Path) -> Result<Outcome, Error> {
        let path = decode(written.strip_prefix("localhost").unwrap_or(written));
        let path = Path::new(&path);
        if !path.is_absolute() {
            return Err(Error::Failed("a file:// URL must name a file of this host".into()));
        }
        let mut from = self.cx.fs().open(path).map_err(Error::io("read", path))?;
        let meta = from.metadata().map_err(Error::io("read", path))?;
        if !meta.is_file() {
            return Err(Error::Failed(format!("{} is not a regular file", path.display())));
        }
        let mut file = nameless(folder)?;
        fetch::pour(&mut Watched(&mut from, self.cx), &mut file, folder)?.map_err(|error| match self.cx.alive() {
            Ok(()) => Error::io("read", path)(error),
            Err(stopped) => stopped,
        })?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Outcome::Came(Fetched { file, length: Some(meta.len()), name, status: None }))
    }

    fn install(&self, fetched: &Fetched, dest: &Path) -> Result<Reply, Error> {
        let old = match self.cx.fs().metadata(dest) {
            Ok(meta) if meta.is_file() => Some(sum::file(dest, Algorithm::Sha1, self.cx)?),
            _ => None,
        };
        let new = sum::open(&fetched.file, Path::new("what was fetched"), Algorithm::Sha1, self.cx)?;
        let mut install = Install::new(Want::read(self.args, "mode", self.cx)?, self.cx);
        install.backup = self.args.bool("backup");
        // A link to what is wanted is as good as that itself; any other is replaced.
        install.follow = old.as_ref() == Some(&new);
        let md5 = sum::open(&fetched.file, Path::new("what was fetched"), Algorithm::Md5, self.cx)?;
        let mut reply = install::reply(install.put(Content::Open(&fetched.file), dest)?, self.cx);
        reply.fields.remove("checksum");
        let length = fetched.length.map_or_else(|| "unknown".to_owned(), |length| length.to_string());
        let reply = reply
            .msg(format!("OK ({length} bytes)"))
            .with("checksum_src", new)
            .with("checksum_dest", old)
            .with("md5sum", md5)
            .with("status_code", fetched.status)
            .with("dest", dest.to_string_lossy());
        Ok(self.told(reply, dest))
    }
}

/// Reads for as long as the run goes on.
struct Watched<'a>(&'a mut File, &'a Context<'a>);

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.1.alive().map_err(std::io::Error::other)?;
        self.0.read(buffer)
    }
}
