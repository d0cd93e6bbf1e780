//! `windlass init`: a first workflow to run and to change.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;
use crate::render::Tone;

/// The files that it writes.
const FILES: [(&str, &str); 2] = [
    ("workflow.yaml", include_str!("init/workflow.yaml")),
    ("windlass.yaml", include_str!("init/windlass.yaml")),
];

/// Writes a starter workflow and `windlass.yaml`
///
/// `windlass.yaml` marks the folder: runs of everything below it are kept in its `.windlass/`. Files that are
/// there already stay as they are.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass init
  windlass init deploy/
  windlass run workflow.yaml")]
pub(crate) struct Args {
    /// The folder; it is made if it is not there
    #[arg(value_hint = clap::ValueHint::DirPath)]
    folder: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let folder = self.folder.unwrap_or_default();
        if !folder.as_os_str().is_empty() {
            std::fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        }
        let (mut written, mut kept) = (Vec::new(), Vec::new());
        for (name, content) in FILES {
            let path = folder.join(name);
            let list = if write_new(&path, content)? { &mut written } else { &mut kept };
            list.push(path.display().to_string());
        }
        if app.json {
            app.out.json(&json!({ "written": written, "kept": kept }))?;
        } else {
            told(&written, &kept, &folder.join(FILES[0].0), app);
        }
        Ok(Exit::Done)
    }
}

fn told(written: &[String], kept: &[String], workflow: &Path, app: &App) {
    for path in written {
        app.ui.say(&format!("{} {path}", app.ui.palette.paint(Tone::Good, "wrote")));
    }
    for path in kept {
        app.ui.say(&format!("{} {path}: it was there before", app.ui.palette.paint(Tone::Skip, "kept")));
    }
    app.ui.say(&format!("next: windlass run {}", workflow.display()));
}

/// Whether the file was written: one that is there is never touched.
fn write_new(path: &Path, content: &str) -> Result<bool, Error> {
    let made = OpenOptions::new().write(true).create_new(true).open(path);
    match made.and_then(|mut file| file.write_all(content.as_bytes())) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(Error::file(path)(error)),
    }
}
