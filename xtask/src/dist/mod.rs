//! The release: an archive with the program, its completions, its manual, licences and checksums.

mod licences;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Chore;
use crate::cargo::{cargo, go, host, root, said, target};

/// The version of the program, which every package of the workspace has.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is taken as it is, where the repository has it.
const PAGES: &[&str] = &["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// Each shell with the file in which it looks for completions.
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", "share/bash-completion/completions/windlass"),
    ("zsh", "share/zsh/site-functions/_windlass"),
    ("fish", "share/fish/vendor_completions.d/windlass.fish"),
];

/// The sums of all other files of the archive.
const SUMS: &str = "SHA256SUMS";

/// Builds the program and packs the archive, which it then unpacks and looks at.
pub(crate) fn pack() -> Chore {
    let name = format!("windlass-{VERSION}-{}", host()?);
    let out = target().join("dist");
    let staged = out.join(&name);
    if staged.exists() {
        fs::remove_dir_all(&staged).map_err(at(&staged))?;
    }
    fill(&staged)?;
    let archive = out.join(format!("{name}.tar.gz"));
    compress(&out, &name, &archive)?;
    let sum = said(Command::new("sha256sum").arg(format!("{name}.tar.gz")).current_dir(&out))?;
    write(&out.join(SUMS), &sum)?;
    fs::remove_dir_all(&staged).map_err(at(&staged))?;
    prove(&archive, &name)?;
    println!("{}", archive.display());
    Ok(())
}

/// Puts everything where it lies in the archive.
fn fill(staged: &Path) -> Chore {
    go(cargo().args(["build", "--release", "--locked", "--package", "windlass-cli", "--bin", "windlass"]))?;
    let program = staged.join("bin/windlass");
    make_parent(&program)?;
    fs::copy(target().join("release/windlass"), &program).map_err(at(&program))?;
    for (shell, path) in COMPLETIONS {
        write(&staged.join(path), &said(Command::new(&program).args(["completions", shell]))?)?;
    }
    let manual = staged.join("share/man/man1");
    fs::create_dir_all(&manual).map_err(at(&manual))?;
    go(Command::new(&program).arg("man").arg(&manual))?;
    for page in PAGES.iter().filter(|page| root().join(page).is_file()) {
        fs::copy(root().join(page), staged.join(page)).map_err(at(&staged.join(page)))?;
    }
    write(&staged.join("THIRD-PARTY.md"), &licences::page()?)?;
    let files = files(staged)?;
    let sums = said(Command::new("sha256sum").args(&files).current_dir(staged))?;
    write(&staged.join(SUMS), &sums)
}

/// Packs a folder such that the same content gives the same bytes.
fn compress(out: &Path, name: &str, archive: &Path) -> Chore {
    let time = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(time) => time,
        Err(_) => said(Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(root()))?,
    };
    go(Command::new("tar")
        .args([
            "--create",
            "--sort=name",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
            "--mode=go=rX,u+rw,a-s",
        ])
        .arg(format!("--mtime=@{}", time.trim()))
        .args(["--use-compress-program", "gzip --no-name --best"])
        .arg("--file")
        .arg(archive)
        .arg("--directory")
        .args([out, Path::new(name)]))
}

/// Unpacks the archive as who receives it does: its sums are right, its program starts, nothing is missing.
fn prove(archive: &Path, name: &str) -> Chore {
    let folder = target().join("dist/proof");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(at(&folder))?;
    }
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    go(Command::new("tar").arg("--extract").arg("--file").arg(archive).arg("--directory").arg(&folder))?;
    let folder = folder.join(name);
    go(Command::new("sha256sum").args(["--check", "--quiet", "--strict", SUMS]).current_dir(&folder))?;
    let version = said(Command::new(folder.join("bin/windlass")).arg("--version"))?;
    if version.trim() != format!("windlass {VERSION}") {
        return Err(format!("the program says that it is {:?}", version.trim()));
    }
    let missing = ["share/man/man1/windlass.1", "share/man/man1/windlass-run.1", "THIRD-PARTY.md"]
        .into_iter()
        .chain(["LICENSE-MIT", "LICENSE-APACHE"])
        .chain(COMPLETIONS.iter().map(|(_, path)| *path))
        .find(|path| fs::metadata(folder.join(path)).map_or(0, |meta| meta.len()) == 0);
    if let Some(missing) = missing {
        return Err(format!("the archive has no {missing}"));
    }
    let parent = folder.parent().expect("it was joined to one");
    fs::remove_dir_all(parent).map_err(at(parent))
}

/// Every file below a folder, by its path from there, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let (mut found, mut left) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(&next).map_err(at(&next))? {
            let path = entry.map_err(at(&next))?.path();
            if path.is_dir() {
                left.push(path);
            } else {
                found.push(path.strip_prefix(folder).expect("it lies below").to_path_buf());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn write(path: &Path, text: &str) -> Chore {
    make_parent(path)?;
    fs::write(path, text).map_err(at(path))
}

fn make_parent(path: &Path) -> Chore {
    let parent = path.parent().expect("a file lies in a folder");
    fs::create_dir_all(parent).map_err(at(parent))
}

/// Says where an error happened.
fn at(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}
