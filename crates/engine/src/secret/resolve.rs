//! Gets secrets from where a plan says that they are.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use windlass_model::{Code, Diagnostic, Diagnostics, SecretRef};
use zeroize::Zeroizing;

use super::{MAX_SECRET, Secret, Secrets};
use crate::Error;

/// Why a secret cannot be had, and what to do.
pub(super) struct Missing {
    pub(super) why: String,
    pub(super) hint: String,
}

impl Missing {
    pub(super) fn new(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { why: why.into(), hint: hint.into() }
    }
}

impl Secrets {
    /// Gets all secrets: from `env`, from files below `root` or by absolute path, and from commands that run in
    /// `root` with `env` as their environment. An error names every secret that cannot be had, and no value.
    ///
    /// It blocks: a command may take up to 30 seconds.
    pub fn resolve(
        refs: &BTreeMap<String, SecretRef>,
        env: &BTreeMap<String, String>,
        root: &Path,
    ) -> Result<Self, Error> {
        let mut problems = Diagnostics::default();
        let mut secrets = Vec::new();
        for (name, from) in refs {
            match one(from, env, root) {
                Ok(secret) => secrets.push((name.clone(), secret)),
                Err(Missing { why, hint }) => {
                    let message = format!("secret {name:?} cannot be had: {why}");
                    problems.push(Diagnostic::new(Code::NoSecret, message).hint(hint));
                }
            }
        }
        Ok(problems.into_result(secrets.into_iter().collect())?)
    }
}

fn one(from: &SecretRef, env: &BTreeMap<String, String>, root: &Path) -> Result<Secret, Missing> {
    let value = match from {
        SecretRef::Env(name) => from_env(name, env)?,
        SecretRef::File(path) => from_file(&root.join(path))?,
        SecretRef::Command(line) => {
            text(super::command::output(line, env, root)?, "what the command printed")?
        }
    };
    match value.is_empty() {
        true => Err(Missing::new("it is empty", format!("give it a value {}", place(from)))),
        false => Ok(Secret(value)),
    }
}

fn place(from: &SecretRef) -> String {
    match from {
        SecretRef::Env(name) => format!("in the environment variable {name}"),
        SecretRef::File(path) => format!("in the file {path}"),
        SecretRef::Command(_) => "on the command's standard output".to_owned(),
    }
}

fn from_env(name: &str, env: &BTreeMap<String, String>) -> Result<Zeroizing<String>, Missing> {
    match env.get(name) {
        Some(value) if value.len() <= MAX_SECRET => Ok(Zeroizing::new(value.clone())),
        Some(_) => Err(too_large()),
        None => Err(Missing::new(
            format!("the environment variable {name} is not set"),
            format!("set it: `export {name}=…`"),
        )),
    }
}

fn from_file(path: &Path) -> Result<Zeroizing<String>, Missing> {
    let shown = path.display();
    let failed = |error: io::Error| {
        Missing::new(format!("cannot read {shown}: {error}"), "check the path and the file's permissions")
    };
    // A pipe without a writer would block for ever.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Missing::new(
            format!("{shown} is no ordinary file"),
            "name a file, or use `command: cat …`",
        ));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET.min(4096)));
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_SECRET as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    text(bytes, "the file")
}

/// The bytes as a text without its last newline.
fn text(mut bytes: Zeroizing<Vec<u8>>, what: &str) -> Result<Zeroizing<String>, Missing> {
    if bytes.len() > MAX_SECRET {
        return Err(too_large());
    }
    let end = [&b"\r\n"[..], b"\n"].into_iter().find(|end| bytes.ends_with(end)).map_or(0, <[u8]>::len);
    let kept = bytes.len() - end;
    bytes.truncate(kept);
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Missing::new(
            format!("{what} is not UTF-8"),
            "encode binary values, in Base64 for instance, and decode them where they are used",
        )),
    }
}

pub(super) fn too_large() -> Missing {
    Missing::new(format!("it is larger than {MAX_SECRET} bytes"), "a secret is a token, a password or a key")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(from: SecretRef, root: &Path) -> Result<String, String> {
        let env = BTreeMap::from([
            ("TOKEN".to_owned(), "s3cret".to_owned()),
            ("EMPTY".to_owned(), String::new()),
            ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
        ]);
        match Secrets::resolve(&BTreeMap::from([("x".to_owned(), from)]), &env, root) {
            Ok(secrets) => Ok(secrets.expose("x").unwrap().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn secrets_come_from_the_environment_files_and_commands() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("key"), "line 1\nline 2\n\n").unwrap();
        std::fs::write(dir.path().join("dos"), "line\r\n").unwrap();
        let cases = [
            (SecretRef::Env("TOKEN".into()), "s3cret"),
            (SecretRef::File("key".into()), "line 1\nline 2\n"),
            (SecretRef::File("dos".into()), "line"),
            (SecretRef::Command("echo \"$TOKEN\"; cat key >&2; pwd >&2".into()), "s3cret"),
            (SecretRef::Command("cat dos".into()), "line"),
        ];
        for (from, want) in cases {
            assert_eq!(resolve(from.clone(), dir.path()).as_deref(), Ok(want), "{from:?}");
        }
    }

    #[test]
    fn what_cannot_be_had_is_named_with_what_to_do_and_without_values() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("binary"), [b's', b'3', 0xff]).unwrap();
        std::fs::write(dir.path().join("large"), vec![b'x'; MAX_SECRET + 1]).unwrap();
        let cases = [
            (SecretRef::Env("ABSENT".into()), "ABSENT is not set", "export ABSENT"),
            (SecretRef::Env("EMPTY".into()), "is empty", "EMPTY"),
            (SecretRef::File("absent".into()), "No such file", "check the path"),
            (SecretRef::File(".".into()), "no ordinary file", "name a file"),
            (SecretRef::File("binary".into()), "not UTF-8", "Base64"),
            (SecretRef::File("large".into()), "larger than", "token"),
            (SecretRef::Command("echo s3cret; echo locked >&2; exit 3".into()), "status 3", "locked"),
            (SecretRef::Command("true".into()), "is empty", "standard output"),
            (SecretRef::Command("head -c 2000000 /dev/zero".into()), "larger than", "token"),
        ];
        for (from, why, hint) in cases {
            let error = resolve(from, dir.path()).unwrap_err();
            assert!(error.contains("secret \"x\"") && error.contains(why) && error.contains(hint), "{error}");
            assert!(!error.contains("s3"), "{error}");
        }
    }

    #[test]
    fn all_missing_secrets_are_told_at_once() {
        let refs = ["a", "b"].map(|name| (name.to_owned(), SecretRef::Env(name.to_uppercase())));
        let error = Secrets::resolve(&refs.into(), &BTreeMap::new(), Path::new(".")).unwrap_err();
        assert_eq!(error.code(), Some(Code::NoSecret));
        assert!(error.to_string().contains("\"a\"") && error.to_string().contains("\"b\""), "{error}");
    }
}
