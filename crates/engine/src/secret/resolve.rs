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

    /// Told of the secret with this name.
    fn of(self, name: &str) -> Diagnostic {
        Diagnostic::new(Code::NoSecret, format!("secret {name:?} cannot be had: {}", self.why))
            .hint(self.hint)
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
                Err(missing) => problems.push(missing.of(name)),
            }
        }
        Ok(problems.into_result(secrets.into_iter().collect())?)
    }

    /// Looks whether the environment and files have their secrets, and takes none. Commands are not asked.
    pub fn look(
        refs: &BTreeMap<String, SecretRef>,
        env: &BTreeMap<String, String>,
        root: &Path,
    ) -> Result<(), Error> {
        let there = |from: &SecretRef| match from {
            SecretRef::Env(name) => from_env(name, env).map(|value| value.is_empty()),
            SecretRef::File(path) => file(&root.join(path)).map(|size| size == 0),
            SecretRef::Command(_) => Ok(false),
        };
        let mut problems = Diagnostics::default();
        for (name, from) in refs {
            match there(from) {
                Ok(false) => {}
                Ok(true) => problems.push(empty(from).of(name)),
                Err(missing) => problems.push(missing.of(name)),
            }
        }
        Ok(problems.into_result(())?)
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
    if value.is_empty() { Err(empty(from)) } else { Ok(Secret(value)) }
}

fn empty(from: &SecretRef) -> Missing {
    Missing::new("it is empty", format!("give it a value {}", place(from)))
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

/// Looks at a file; gives its size.
fn file(path: &Path) -> Result<u64, Missing> {
    let data = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    // A pipe without a writer would block for ever.
    if !data.is_file() {
        let why = format!("{} is no ordinary file", path.display());
        return Err(Missing::new(why, "name a file, or use `command: cat …`"));
    }
    Ok(data.len())
}

fn unreadable(path: &Path, error: &io::Error) -> Missing {
    let why = format!("cannot read {}: {error}", path.display());
    Missing::new(why, "check the path and the file's permissions")
}

fn from_file(path: &Path) -> Result<Zeroizing<String>, Missing> {
    file(path)?;
    let failed = |error: io::Error| unreadable(path, &error);
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
    fn all_missing_secrets_are_told_at_once_whether_they_are_wanted_or_looked_for() {
        let refs = ["a", "b"].map(|name| (name.to_owned(), SecretRef::Env(name.to_uppercase()))).into();
        let (env, root) = (BTreeMap::new(), Path::new("."));
        let wanted = Secrets::resolve(&refs, &env, root).unwrap_err();
        let looked_for = Secrets::look(&refs, &env, root).unwrap_err();
        assert_eq!(wanted.code(), Some(Code::NoSecret));
        assert_eq!(wanted.to_string(), looked_for.to_string());
        assert!(wanted.to_string().contains("\"a\"") && wanted.to_string().contains("\"b\""), "{wanted}");
    }

    #[test]
    fn a_look_takes_nothing_and_asks_no_command() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("key"), "s3cret").unwrap();
        std::fs::write(dir.path().join("empty"), "").unwrap();
        let look = |from: SecretRef| {
            let env = BTreeMap::from([
                ("TOKEN".to_owned(), "s3cret".to_owned()),
                ("NONE".to_owned(), String::new()),
            ]);
            let looked = Secrets::look(&BTreeMap::from([("x".to_owned(), from)]), &env, dir.path());
            looked.map_err(|error| error.to_string())
        };
        for good in [
            SecretRef::Env("TOKEN".into()),
            SecretRef::File("key".into()),
            SecretRef::Command("touch asked".into()),
        ] {
            assert_eq!(look(good), Ok(()));
        }
        assert!(!dir.path().join("asked").exists());
        let bad = [
            (SecretRef::Env("NONE".into()), "is empty"),
            (SecretRef::File("empty".into()), "is empty"),
            (SecretRef::File("absent".into()), "No such file"),
        ];
        for (from, why) in bad {
            assert!(look(from).unwrap_err().contains(why));
        }
    }
}
