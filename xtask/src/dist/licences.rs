//! The licences of the packages that the program is made of, as its licence terms want them told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::cargo::{cargo, host, said};

/// How the names of files begin that hold a licence, in capitals.
const FILES: &[&str] = &["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

/// A package that the program has in it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    /// Its name and version, as its folder is called: `serde-1.0.228`.
    id: String,
    /// The licences that it can be used under.
    terms: String,
    /// Where it comes from.
    home: String,
}

/// The whole page.
pub(super) fn page() -> Result<String, String> {
    let packages = packages()?;
    let folders = folders()?;
    let mut texts: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut page = "# Third-party licences\n\n\
        The program holds these packages, each under one of the licences that it names. Below are the texts that \
        come with them. SQLite, which is in `libsqlite3-sys`, is in the public domain.\n\n"
        .to_owned();
    for package in &packages {
        if package.terms.is_empty() {
            return Err(format!("{} names no licence", package.id));
        }
        page += &format!("* `{}`: {}, <{}>\n", package.id, package.terms, package.home);
        let folder = folders.get(&package.id);
        for text in folder.map(|folder| read(folder)).transpose()?.unwrap_or_default() {
            texts.entry(text).or_default().insert(&package.id);
        }
    }
    page += "\n## Texts\n";
    for (text, ids) in texts {
        let ids: Vec<String> = ids.into_iter().map(|id| format!("`{id}`")).collect();
        page += &format!("\n### {}\n\n~~~~text\n{text}\n~~~~\n", ids.join(", "));
    }
    Ok(page)
}

/// The packages of others that the program is built with on this platform, proc macros included.
fn packages() -> Result<BTreeSet<Package>, String> {
    let tree =
        said(cargo().args(["tree", "--locked", "--package", "windlass-cli", "--edges", "normal"]).args([
            "--target",
            &host()?,
            "--prefix",
            "none",
            "--no-dedupe",
            "--format",
            "{p}|{l}|{r}",
        ]))?;
    let packages: BTreeSet<Package> = tree.lines().filter_map(package).collect();
    if packages.is_empty() { Err("the program seems to be made of nothing".into()) } else { Ok(packages) }
}

/// `serde v1.0.228|MIT OR Apache-2.0|https://…`; ours have a path behind the version.
fn package(line: &str) -> Option<Package> {
    let mut fields = line.split('|');
    let (what, terms, home) = (fields.next()?, fields.next()?, fields.next()?);
    let mut words = what.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    if name.starts_with("windlass-") {
        return None;
    }
    Some(Package { id: format!("{name}-{version}"), terms: terms.into(), home: home.into() })
}

/// The folder of each package's source, by the package's id, which is how cargo calls the folder.
fn folders() -> Result<BTreeMap<String, PathBuf>, String> {
    let metadata = said(cargo().args(["metadata", "--locked", "--format-version", "1"]))?;
    let mut folders = BTreeMap::new();
    for rest in metadata.split("\"manifest_path\":\"").skip(1) {
        let path = Path::new(rest.split('"').next().unwrap_or_default());
        if let Some(folder) = path.parent()
            && let Some(name) = folder.file_name()
        {
            folders.insert(name.to_string_lossy().into_owned(), folder.to_path_buf());
        }
    }
    Ok(folders)
}

/// The licence texts that lie in a package's folder.
fn read(folder: &Path) -> Result<Vec<String>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        if path.is_file() && FILES.iter().any(|start| name.starts_with(start)) {
            texts.push(fs::read_to_string(&path).map_err(failed)?.trim_end().replace('\r', ""));
        }
    }
    texts.sort();
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_and_ours_left_out() {
        let line = "serde_derive v1.0.228 (proc-macro)|MIT OR Apache-2.0|https://github.com/serde-rs/serde";
        let read = package(line).expect("it is one");
        assert_eq!((read.id.as_str(), read.terms.as_str()), ("serde_derive-1.0.228", "MIT OR Apache-2.0"));
        assert_eq!(package("windlass-model v0.1.0 (/src/crates/model)|MIT OR Apache-2.0|"), None);
        assert_eq!(package(""), None);
    }
}
