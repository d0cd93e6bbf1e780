//! Reading zip archives.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use zip::{DateTime, ExtraField, ZipArchive, read::ZipFile, result::ZipError};

use super::{Kind, Member, Visit, meter::Meter, name};
use crate::{Error, clock};

/// The longest target of a link, which is kept as the content of its member.
const LINK: u64 = 4096;

pub(super) fn each(source: &File, meter: &Meter<'_>, path: &Path, visit: Visit<'_>) -> Result<(), Error> {
    let bad = |error: ZipError| Error::io("unpack", path)(io::Error::other(error));
    let mut archive = ZipArchive::new(source).map_err(bad)?;
    let mut sum = 0u64;
    for index in 0..archive.len() {
        meter.member(index)?;
        let mut file = match archive.by_index(index) {
            Ok(file) => file,
            Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => {
                return Err(Error::Failed(format!("{} is encrypted", path.display())));
            }
            Err(error) => return Err(bad(error)),
        };
        sum = sum.saturating_add(file.size());
        meter.expect(sum).map_err(Error::io("unpack", path))?;
        let member =
            member(index, &mut file).map_err(|why| Error::Failed(format!("{}: {why}", path.display())))?;
        visit(&member, &mut meter.over(file.take(member.size + 1)))?;
    }
    Ok(())
}

fn member<R: Read>(index: usize, file: &mut ZipFile<'_, R>) -> Result<Member, String> {
    let shown = file.name().map_err(|error| error.to_string())?.trim_start_matches('/').to_owned();
    let refuse = |why: &str| Err(format!("{shown:?} in the archive {why}"));
    let Some(path) = name::inside(Path::new(&shown)) else { return refuse("leads out of the folder") };
    let kind = if file.is_dir() {
        Kind::Dir
    } else if file.is_symlink() {
        let mut target = Vec::new();
        file.take(LINK).read_to_end(&mut target).map_err(|error| error.to_string())?;
        let target = PathBuf::from(OsStr::from_bytes(&target));
        if !name::stays(&path, &target) {
            return refuse("is a link that leads out of the folder");
        }
        Kind::Link(target)
    } else {
        // Besides files there are only pipes and devices, which have a mode that says so.
        if file.unix_mode().is_some_and(|mode| !matches!(mode & 0o170_000, 0 | 0o100_000)) {
            return refuse("is neither a file, a folder nor a link");
        }
        Kind::File
    };
    let mode = file.unix_mode().map(|mode| mode & 0o777);
    let mtime = stamp(file).or_else(|| file.last_modified().and_then(civil));
    Ok(Member { index, name: shown, path, kind, mode, mtime, owner: None, size: file.size() })
}

/// The time in seconds since 1970, where the member has it.
fn stamp<R: Read>(file: &ZipFile<'_, R>) -> Option<i64> {
    file.extra_data_fields().find_map(|field| match field {
        ExtraField::ExtendedTimestamp(time) => time.mod_time().map(i64::from),
        _ => None,
    })
}

/// The time in the clock of whoever made the archive, which is nowhere named: it is taken as UTC.
fn civil(time: DateTime) -> Option<i64> {
    let day = clock::days(time.year().into(), time.month().into(), time.day().into())?;
    let second = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    Some(day * 86_400 + second)
}
