//! Where a command's data go that are no text for people: a file that appears when it is whole, or standard
//! output.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::app::App;
use crate::error::Error;

/// Writes to the file of that name, or to standard output where there is none or it is `-`.
///
/// A file is for its owner only, and replaces what was there in one step. What is no plain file, such as a pipe,
/// is written to as it is. A reader of standard output that has gone ends the writing without a word.
pub(crate) fn write<T>(
    name: Option<&Path>,
    app: &App,
    write: impl FnOnce(&mut dyn Write) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    match name.filter(|name| *name != Path::new("-")) {
        None => app.out.stream(write),
        Some(name) if name.metadata().is_ok_and(|meta| !meta.is_file()) => {
            let file = OpenOptions::new().write(true).open(name).map_err(Error::file(name))?;
            let mut file = BufWriter::new(file);
            let told = write(&mut file)?;
            file.flush().map_err(Error::file(name)).map(|()| Some(told))
        }
        Some(name) => replace(name, write).map(Some),
    }
}

/// Whether data of this name go to standard output.
pub(crate) fn is_stdout(name: Option<&Path>) -> bool {
    name.is_none_or(|name| name == Path::new("-"))
}

fn replace<T>(name: &Path, write: impl FnOnce(&mut dyn Write) -> Result<T, Error>) -> Result<T, Error> {
    let plain = name.file_name().unwrap_or_default().to_string_lossy();
    let draft = Draft(name.with_file_name(format!(".{plain}.{}.tmp", std::process::id())));
    let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft.0);
    let mut file = BufWriter::with_capacity(1 << 16, made.map_err(Error::file(name))?);
    let told = write(&mut file)?;
    let place = |file: BufWriter<File>| -> io::Result<()> {
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&draft.0, name)
    };
    place(file).map_err(Error::file(name))?;
    Ok(told)
}

/// A file that is removed unless it was put in its place.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        // It is gone where it was renamed.
        let _ = fs::remove_file(&self.0);
    }
}
