//! A user's own key for SSH, made by `ssh-keygen`.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, lchown},
    path::{Path, PathBuf},
};

use super::Account;
use crate::{Context, Error, Forecast, Reply, accounts::User, tool::Tool};

/// Gives `ssh-keygen` the passphrase: it asks a program for it, which takes it from the environment.
const ASKED: &str = "#!/bin/sh\nprintf '%s\\n' \"$WINDLASS_PASSPHRASE\"\n";

/// Makes the key where it is missing, and says which one there is.
pub(super) fn make(account: &Account<'_>, mut reply: Reply, user: &User) -> Result<Reply, Error> {
    let args = account.args;
    let kind = args.str("ssh_key_type");
    let file = args.path("ssh_key_file").map_or_else(|| format!(".ssh/id_{kind}"), str::to_owned);
    let file = Path::new(&user.home).join(file);
    let public = beside(&file, ".pub");
    let there = [&file, &public].into_iter().find(|file| account.cx.fs().exists(file));
    match there {
        Some(found) if !args.bool("force") => {
            let why = format!("Found existing ssh key file \"{}\", no force, so skipping ssh-keygen", found.display());
            let mut warnings = reply.fields.remove("warnings").unwrap_or_else(|| serde_json::json!([]));
            if let Some(list) = warnings.as_array_mut() {
                list.push(why.into());
            }
            reply.fields.insert("warnings".into(), warnings);
        }
        _ => {
            reply.changed = true;
            match account.cx.check {
                Some(forecast) => foresee(forecast, &file, &public, user, account.cx)?,
                None => generate(account, &file, &public, user)?,
            }
        }
    }
    if !account.cx.checks() && file.exists() {
        let said = Tool::new("ssh-keygen").args(["-l", "-f"]).arg(file.to_string_lossy()).run(account.cx)?;
        reply = reply.with("ssh_fingerprint", said.why());
    }
    let public = account.cx.fs().read(&public).ok();
    let public = public.map(|text| String::from_utf8_lossy(&text).trim().to_owned());
    Ok(reply.with("ssh_key_file", file.to_string_lossy()).with("ssh_public_key", public))
}

/// Two files with what nobody knows before it is made.
fn foresee(
    forecast: &Forecast,
    file: &Path,
    public: &Path,
    user: &User,
    cx: &Context<'_>,
) -> Result<(), Error> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    let mut made: Vec<&Path> = Vec::new();
    if !cx.fs().is_dir(folder) {
        cx.fs().create_dir(folder, 0o700).map_err(Error::io("make", folder))?;
        made.push(folder);
    }
    for (path, mode) in [(file, 0o600), (public, 0o644)] {
        // One that is replaced has to make room first.
        let _ = cx.fs().remove_file(path);
        forecast.create_unknown(path, mode).map_err(Error::io("make", path))?;
        made.push(path);
    }
    let own = |path: &&Path| cx.fs().set_owner(path, Some(user.uid), Some(user.gid));
    made.iter().try_for_each(|path| own(path).map_err(Error::io("change the owner of", *path)))
}

fn generate(account: &Account<'_>, file: &Path, public: &Path, user: &User) -> Result<(), Error> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    if !folder.is_dir() {
        DirBuilder::new().mode(0o700).create(folder).map_err(Error::io("make", folder))?;
        own(folder, user)?;
    }
    for old in [file, public] {
        match fs::remove_file(old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io("remove", old)(error)),
            _ => {}
        }
    }
    let args = account.args;
    let mut tool = Tool::new("ssh-keygen").args(["-q", "-t", args.str("ssh_key_type"), "-C"]);
    tool = tool.arg(args.opt_str("ssh_key_comment").map_or_else(comment, str::to_owned));
    if args.int("ssh_key_bits") > 0 {
        tool = tool.args(["-b".to_owned(), args.int("ssh_key_bits").to_string()]);
    }
    tool = tool.arg("-f").arg(file.to_string_lossy());
    let said = match args.opt_str("ssh_key_passphrase") {
        None => tool.args(["-N", ""]).run(account.cx)?,
        Some(passphrase) => {
            let asked = Asked::new()?;
            let tool = tool.env("SSH_ASKPASS", asked.0.to_string_lossy()).env("SSH_ASKPASS_REQUIRE", "force");
            tool.env("WINDLASS_PASSPHRASE", passphrase).run(account.cx)?
        }
    };
    if !said.ok() {
        return Err(Error::Failed(format!("ssh-keygen: {}", said.why())));
    }
    own(file, user)?;
    own(public, user)
}

/// The program that `ssh-keygen` asks. It holds no secret, and goes with the value.
struct Asked(PathBuf);

impl Asked {
    fn new() -> Result<Self, Error> {
        let folder = if Path::new("/run").is_dir() { PathBuf::from("/run") } else { std::env::temp_dir() };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let path = folder.join(format!("windlass-ask-{}-{}", std::process::id(), now.as_nanos()));
        let failed = || Error::io("write", &path);
        let mut file = File::options().write(true).create_new(true).mode(0o700).open(&path).map_err(failed())?;
        file.write_all(ASKED.as_bytes()).map_err(failed())?;
        Ok(Self(path))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // It is of no use to anybody; where it stays, it stays in a folder that goes with the next boot.
        let _ = fs::remove_file(&self.0);
    }
}

fn comment() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("ansible-generated on {}", host.trim())
}

fn own(path: &Path, user: &User) -> Result<(), Error> {
    lchown(path, Some(user.uid), Some(user.gid)).map_err(Error::io("change the owner of", path))
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
