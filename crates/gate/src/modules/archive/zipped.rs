//! Writing zip archives.

use std::io::{self, Seek, Write};

use zip::{
    DateTime, ZipWriter,
    result::ZipError,
    write::{ExtendedFileOptions, FileOptions},
};

use super::{
    build::{Alive, ended},
    sources::Entry,
};
use crate::{Context, Error, clock};

type Options = FileOptions<'static, 'static, ExtendedFileOptions>;

pub(super) fn write(entries: &[Entry], sink: &mut dyn Write, cx: &Context<'_>) -> Result<(), Error> {
    let bad = |error: ZipError| Error::io("write", "the archive")(error.into());
    // Written from start to end, so that what is only summed up and what is kept are the same bytes.
    let mut writer = ZipWriter::new_stream(sink);
    let packed = pack(entries, &mut writer, cx);
    if packed.is_err() {
        // It would try to end the archive all the same, and tell the process's own stderr that it could not.
        std::mem::forget(writer);
        return packed;
    }
    writer.finish().map(drop).map_err(bad)
}

fn pack<W: Write + Seek>(entries: &[Entry], writer: &mut ZipWriter<W>, cx: &Context<'_>) -> Result<(), Error> {
    for entry in entries {
        cx.alive()?;
        let bad = |error: ZipError| Error::io("pack", &entry.path)(error.into());
        let Some(name) = entry.name.to_str() else {
            return Err(Error::Failed(format!("{} has a name that is not UTF-8", entry.path.display())));
        };
        let options = options(entry).map_err(bad)?;
        if entry.meta.is_symlink() {
            let target = cx.fs().read_link(&entry.path).map_err(Error::io("read", &entry.path))?;
            writer.add_symlink(name, target.to_string_lossy(), options).map_err(bad)?;
        } else if entry.meta.is_dir() {
            writer.add_directory(name, options).map_err(bad)?;
        } else {
            let file = cx.fs().open(&entry.path).map_err(Error::io("read", &entry.path))?;
            writer.start_file(name, options).map_err(bad)?;
            io::copy(&mut Alive { inner: file, cx }, writer).map_err(ended(cx, "pack", &entry.path))?;
        }
    }
    Ok(())
}

fn options(entry: &Entry) -> Result<Options, ZipError> {
    let mut options = Options::default()
        .unix_permissions(entry.meta.mode & 0o777)
        .last_modified_time(civil(entry.meta.changed.0))
        .large_file(entry.meta.len >= u64::from(u32::MAX));
    if let Ok(mtime) = i32::try_from(entry.meta.changed.0) {
        // The "extended timestamp": the exact second, in no particular place's clock.
        let field = [&[1][..], &mtime.to_le_bytes()].concat();
        options.add_extra_field(0x5455, field, false)?;
    }
    Ok(options)
}

/// The time as zip has it, which knows no years before 1980.
fn civil(mtime: i64) -> DateTime {
    let (date, second) = clock::civil(u64::try_from(mtime).unwrap_or_default());
    let small = |number: u64| u8::try_from(number).unwrap_or_default();
    let year = u16::try_from(date.0).unwrap_or(u16::MAX);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    DateTime::from_date_and_time(
        year,
        small(date.1),
        small(date.2),
        small(hour),
        small(minute),
        small(second),
    )
    .unwrap_or_default()
}
