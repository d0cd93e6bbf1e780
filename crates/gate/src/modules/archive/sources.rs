//! What is packed, and under which names.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use crate::{Args, Context, Error, Reply, glob, view::Meta};

/// The paths that were asked for.
pub(super) struct Sources {
    /// Every path, with wildcards resolved, sorted, without those left out.
    pub(super) all: Vec<PathBuf>,
    /// Those that are there.
    pub(super) found: Vec<PathBuf>,
    pub(super) missing: Vec<PathBuf>,
    excluded: Vec<PathBuf>,
    /// The folder that names in the archive start at.
    root: PathBuf,
    /// It is more than one file.
    pub(super) many: bool,
}

/// Something that goes into the archive.
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) name: PathBuf,
    pub(super) meta: Meta,
}

impl Sources {
    pub(super) fn read(args: &Args, cx: &Context<'_>) -> Result<Self, Error> {
        let (paths, wild) = expand(args, "path", cx);
        let (excluded, _) = expand(args, "exclude_path", cx);
        let all: Vec<PathBuf> = paths.iter().filter(|path| !excluded.contains(*path)).cloned().collect();
        let Some(first) = all.first() else {
            return Err(Error::Failed("no source paths were found".into()));
        };
        let (found, missing) = all.iter().cloned().partition(|path| cx.fs().symlink_metadata(path).is_ok());
        let many = wild || all.len() > 1 || cx.fs().is_dir(first);
        Ok(Self { root: root(&all), found, missing, excluded: excluded.into_iter().collect(), many, all })
    }

    /// Everything that is packed, in the order of the names. Links are packed as links.
    pub(super) fn entries(&self, args: &Args, dest: &Path, cx: &Context<'_>) -> Result<Vec<Entry>, Error> {
        let patterns = args.strs("exclusion_patterns");
        let mut entries = Vec::new();
        let mut left: Vec<(PathBuf, bool)> =
            self.found.iter().rev().map(|path| (path.clone(), true)).collect();
        while let Some((path, top)) = left.pop() {
            cx.alive()?;
            // A target that is a link to a folder is entered; one that is found on the way is not.
            let enter = cx.fs().is_dir(&path) && (top || !cx.fs().is_symlink(&path));
            if !(top && enter) {
                entries.extend(self.entry(&path, &patterns, dest, cx)?);
            }
            if enter {
                let mut names = cx.fs().names(&path).map_err(Error::io("list", &path))?;
                names.sort_unstable();
                left.extend(names.into_iter().rev().map(|name| (path.join(name), false)));
            }
        }
        Ok(entries)
    }

    /// One entry; none for the archive itself, for pipes and the like, and for what is left out.
    fn entry(
        &self,
        path: &Path,
        patterns: &[&str],
        dest: &Path,
        cx: &Context<'_>,
    ) -> Result<Option<Entry>, Error> {
        let name = path.strip_prefix(&self.root).unwrap_or(path).to_owned();
        let text = name.to_string_lossy();
        if path == dest || patterns.iter().any(|pattern| glob::fnmatch(pattern, &text)) {
            return Ok(None);
        }
        let meta = cx.fs().symlink_metadata(path).map_err(Error::io("read", path))?;
        let packs = meta.is_dir() || meta.is_file() || meta.is_symlink();
        Ok(packs.then(|| Entry { path: path.to_owned(), name, meta }))
    }

    /// Removes what was packed.
    pub(super) fn remove(&self, cx: &Context<'_>) -> Result<(), Error> {
        for path in &self.found {
            let removed = match !cx.fs().is_symlink(path) && cx.fs().is_dir(path) {
                true => cx.fs().remove_dir_all(path),
                false => cx.fs().remove_file(path),
            };
            match removed {
                // It went with a folder above it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.map_err(Error::io("remove", path))?,
            }
        }
        Ok(())
    }

    /// Adds Ansible's fields about the sources.
    pub(super) fn describe(&self, reply: Reply) -> Reply {
        let list = |paths: &[PathBuf]| {
            paths.iter().map(|path| path.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        let root = self.root.to_string_lossy();
        reply
            .with("arcroot", format!("{}/", root.trim_end_matches('/')))
            .with("missing", list(&self.missing))
            .with("expanded_paths", list(&self.all))
            .with("expanded_exclude_paths", list(&self.excluded))
    }
}

/// The paths of a parameter, and whether any has wildcards.
fn expand(args: &Args, name: &str, cx: &Context<'_>) -> (BTreeSet<PathBuf>, bool) {
    let (mut paths, mut any) = (BTreeSet::new(), false);
    for text in args.strs(name) {
        if text.contains(['*', '?']) {
            any = true;
            paths.extend(glob::list(cx.cwd, Path::new(&cx.expand(text)), cx.fs()));
        } else {
            paths.insert(cx.path(text));
        }
    }
    (paths, any)
}

/// The deepest folder that all paths are in. A slash at the end of a path means what is in it.
fn root(paths: &[PathBuf]) -> PathBuf {
    let folder = |path: &PathBuf| match path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        true => path.clone(),
        false => path.parent().unwrap_or(Path::new("/")).to_owned(),
    };
    let mut folders = paths.iter().map(folder);
    let first = folders.next().unwrap_or_default();
    folders.fold(first, |root, folder| {
        root.components().zip(folder.components()).take_while(|(a, b)| a == b).map(|(part, _)| part).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_start_where_the_paths_part() {
        for (paths, expected) in [
            (&["/a/b"][..], "/a"),
            (&["/a/b/"], "/a/b"),
            (&["/a/b", "/a/c/d"], "/a"),
            (&["/a/x/1", "/a/xy/1"], "/a"),
            (&["/a", "/b"], "/"),
        ] {
            let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
            assert_eq!(root(&paths), Path::new(expected), "{paths:?}");
        }
    }
}
