//! The conditions that an entry must meet.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use super::Entry;
use crate::{
    Args, Context, Error,
    fsops::mode::{Mode, umask},
    glob,
    pattern::{Flags, Pattern},
};

/// All conditions.
pub(super) struct Filter {
    kind: String,
    patterns: Vec<Name>,
    excludes: Vec<Name>,
    age: Option<(i64, String)>,
    size: Option<i64>,
    /// The wanted bits, and whether there may be no others.
    mode: Option<(u32, bool)>,
    contains: Option<Pattern>,
    whole: bool,
    now: f64,
}

/// What a name may match.
enum Name {
    Glob(String),
    Regex(Pattern),
}

impl Name {
    fn list(args: &Args, name: &str) -> Result<Vec<Self>, Error> {
        let flags = Flags { unicode: true, anchored: true, ..Flags::default() };
        let one = |text: &str| match args.bool("use_regex") {
            true => Pattern::new(text, flags).map(Self::Regex),
            false => Ok(Self::Glob(text.to_owned())),
        };
        args.strs(name).into_iter().map(one).collect()
    }

    fn is_match(&self, name: &str) -> bool {
        match self {
            Self::Glob(pattern) => glob::fnmatch(pattern, name),
            Self::Regex(pattern) => pattern.is_match(name.as_bytes()),
        }
    }
}

impl Filter {
    pub(super) fn read(args: &Args) -> Result<Self, Error> {
        let whole = args.bool("read_whole_file");
        let flags = Flags { unicode: true, anchored: !whole, ..Flags::default() };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            kind: args.str("file_type").to_owned(),
            patterns: Name::list(args, "patterns")?,
            excludes: Name::list(args, "excludes")?,
            age: scaled(args, "age", AGES)?.map(|age| (age, args.str("age_stamp").to_owned())),
            size: scaled(args, "size", SIZES)?,
            mode: mode(args)?,
            contains: args.opt_str("contains").map(|text| Pattern::new(text, flags)).transpose()?,
            whole,
            now: since.as_secs_f64(),
        })
    }

    pub(super) fn takes(&self, entry: &Entry, cx: &Context<'_>) -> Result<bool, Error> {
        let meta = &entry.meta;
        let kind = match self.kind.as_str() {
            "directory" => meta.is_dir(),
            "file" => meta.is_file(),
            "link" => meta.is_symlink(),
            _ => true,
        };
        let named = self.patterns.is_empty() || self.patterns.iter().any(|name| name.is_match(&entry.name));
        let excluded = self.excludes.iter().any(|name| name.is_match(&entry.name));
        let sized = !meta.is_file() || self.size.is_none_or(|size| beyond(meta.len as f64, size));
        let fits = kind && named && !excluded && sized && self.aged(entry) && self.permitted(entry);
        match &self.contains {
            Some(pattern) if fits && self.kind == "file" => self.holds(&entry.path, pattern, cx),
            _ => Ok(fits),
        }
    }

    fn aged(&self, entry: &Entry) -> bool {
        let Some((age, stamp)) = &self.age else { return true };
        let meta = &entry.meta;
        let (seconds, nanos) = match stamp.as_str() {
            "atime" => meta.accessed,
            "ctime" => meta.noted,
            _ => meta.changed,
        };
        beyond(self.now - (seconds as f64 + nanos as f64 / 1e9), *age)
    }

    fn permitted(&self, entry: &Entry) -> bool {
        let bits = entry.meta.mode & 0o7777;
        self.mode.is_none_or(|(mode, exact)| if exact { bits == mode } else { bits & mode != 0 })
    }

    /// Whether the content matches. A file that cannot be read does not, as with Ansible.
    fn holds(&self, path: &Path, pattern: &Pattern, cx: &Context<'_>) -> Result<bool, Error> {
        let Ok(file) = cx.fs().open(path) else { return Ok(false) };
        let (mut reader, mut text) = (BufReader::new(file), Vec::new());
        if self.whole {
            let read = reader.take(WHOLE).read_to_end(&mut text);
            return Ok(read.is_ok() && pattern.is_match(&text));
        }
        loop {
            cx.alive()?;
            text.clear();
            match reader.by_ref().take(LINE).read_until(b'\n', &mut text) {
                Ok(1..) if pattern.is_match(&text) => return Ok(true),
                Ok(1..) => {}
                _ => return Ok(false),
            }
        }
    }
}

/// How much of one line is looked at as a line.
const LINE: u64 = 1 << 20;

/// How much of a file is looked at as a whole.
const WHOLE: u64 = 64 << 20;

const AGES: &[(char, i64)] = &[('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400), ('w', 604_800)];
const SIZES: &[(char, i64)] = &[('b', 1), ('k', 1 << 10), ('m', 1 << 20), ('g', 1 << 30), ('t', 1 << 40)];

/// A number with a unit: `-2d`.
fn scaled(args: &Args, name: &str, units: &[(char, i64)]) -> Result<Option<i64>, Error> {
    let Some(written) = args.opt_str(name) else { return Ok(None) };
    let text = written.to_lowercase();
    let unit = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(*unit)?, *factor)));
    let (number, factor) = unit.unwrap_or((&text, 1));
    let value = number.parse::<i64>().ok().and_then(|number| number.checked_mul(factor));
    match value {
        Some(value) => Ok(Some(value)),
        None => Err(Error::Failed(format!("failed to process {name}: {written:?} is no number with a unit"))),
    }
}

/// At least the limit; a negative one is a limit the other way.
fn beyond(value: f64, limit: i64) -> bool {
    let edge = limit.unsigned_abs() as f64;
    if limit >= 0 { value >= edge } else { value <= edge }
}

fn mode(args: &Args) -> Result<Option<(u32, bool)>, Error> {
    let mode = args.path("mode").map(Mode::parse).transpose().map_err(Error::Failed)?;
    Ok(mode.map(|mode| (mode.over(0, false, umask()), args.bool("exact_mode"))))
}
