//! Package files: those that differ from what is installed go to apt-get, which finds what they need.

use std::path::Path;

use super::{Call, pick, version};
use crate::{Error, Reply, tool::Tool};

/// Installs the files; commas part them.
pub(super) fn install(call: &Call<'_>, files: &str) -> Result<Reply, Error> {
    if call.args.str("state") != "present" {
        return Err(Error::Failed("deb only supports state=present".into()));
    }
    let mut words = Vec::new();
    for file in files.split(',') {
        if file.contains("://") {
            return Err(Error::Failed(format!("{file} is not on the host: fetch it first")));
        }
        let path = call.cx.path(file.trim());
        let (package, wanted) = fields(call, &path)?;
        let there = pick::installed(call, std::slice::from_ref(&package))?;
        let same = there.get(&package).is_some_and(|state| {
            state.version.as_ref().is_some_and(|now| version::compare(now, &wanted).is_eq())
        });
        if !same {
            // apt-get takes an absolute path for a file.
            words.push(path.to_string_lossy().into_owned());
        }
    }
    call.install(words, "install")
}

/// The name, with its architecture where it matters, and the version of a package file.
fn fields(call: &Call<'_>, file: &Path) -> Result<(String, String), Error> {
    if !file.is_file() {
        return Err(Error::Failed(format!("Unable to install package: {} is not a file", file.display())));
    }
    let name = file.to_string_lossy();
    let said = Tool::new("dpkg-deb").args(["--showformat=${Package}\\n${Version}\\n", "--show"]).arg(name).run(call.cx)?;
    let mut lines = said.out.lines();
    match (said.ok(), lines.next(), lines.next()) {
        (true, Some(package), Some(version)) => Ok((package.to_owned(), version.to_owned())),
        _ => Err(Error::Failed(format!("Unable to install package: {}", said.why()))),
    }
}
