//! Files that steps stand on: `copy: src:` and `template: src:`. They are read while planning, and the plan
//! names them by the hashes of their contents.
//!
//! A `src` that is a template itself is not known yet; the step reads what it names when it runs.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use serde_json::{Map, Value, json};
use windlass_engine::{CompileContext, StepCall};
use windlass_model::{BlobId, Code, Diagnostic, Location, Source, Span};

use super::params;
use crate::{failure, jinja};

/// The most files of one folder: each is named in the plan, which is kept with every run.
const MAX_FILES: usize = 10_000;

/// Reads the template of a `template` step, and checks it.
pub(super) fn template(map: &mut Map<String, Value>, call: &StepCall<'_>, cx: &CompileContext) -> bool {
    if map.contains_key("content") {
        let span = params::value_span(call, "content");
        let problem = cx.problem(Code::BadParams, span, "template has no parameter `content`");
        cx.note(problem.hint("a text of the document itself is put in place by `copy: content:`"));
        return false;
    }
    let Some(src) = known(map) else { return true };
    let span = params::value_span(call, "src");
    let text = match read(&src, preserves(map), cx) {
        Ok((fields, bytes)) => {
            map.extend(fields);
            String::from_utf8(bytes)
        }
        Err(error) => return refuse(cx, span, &src, &error),
    };
    let Ok(text) = text else {
        let problem = cx.problem(Code::BadTemplate, span, format!("the template {src} is not UTF-8"));
        cx.note(problem.hint("save it as UTF-8; a file that is no template is put in place by `copy`"));
        return false;
    };
    match jinja::parse(&text, map) {
        Ok(parsed) => {
            let uses = jinja::uses(parsed.references());
            if !uses.is_empty() {
                map.insert("uses".into(), uses.into());
            }
            true
        }
        Err(error) => {
            let at = error.offset.unwrap_or_default();
            let place = Location { source: Source::new(&*src, text), span: Span::new(at, at) };
            let problem = Diagnostic::new(Code::BadTemplate, error.message.clone()).at(place);
            let problem = error.hint.into_iter().fold(problem, Diagnostic::hint);
            cx.note(problem.related(Location { source: cx.source.clone(), span }, "this step renders it"));
            false
        }
    }
}

/// Reads the file or the folder of a `copy` step.
pub(super) fn copy(map: &mut Map<String, Value>, call: &StepCall<'_>, cx: &CompileContext) -> bool {
    if map.get("remote_src").is_some_and(|value| !is_false(value)) {
        return true;
    }
    whole(map, call, cx)
}

/// Reads the file or the folder that `src` names.
pub(super) fn whole(map: &mut Map<String, Value>, call: &StepCall<'_>, cx: &CompileContext) -> bool {
    let Some(src) = known(map) else { return true };
    let modes = preserves(map);
    let links = map.get("local_follow").is_some_and(is_false);
    let span = params::value_span(call, "src");
    if !cx.is_folder(&src) {
        return file(&src, modes, span, map, cx);
    }
    let mut folder = Folder { cx, modes, links, entries: Vec::new(), above: Vec::new() };
    match folder.read(src.trim_end_matches('/'), "") {
        Ok(()) => {
            map.insert("src_files".into(), folder.entries.into());
            true
        }
        Err(error) => refuse(cx, span, &src, &error),
    }
}

/// Reads one file.
pub(super) fn file(
    name: &str,
    modes: bool,
    span: Span,
    map: &mut Map<String, Value>,
    cx: &CompileContext,
) -> bool {
    match read_as_file(name, modes, cx) {
        Ok(fields) => {
            map.extend(fields);
            true
        }
        Err(error) => refuse(cx, span, name, &error),
    }
}

/// Whether the mode of the source counts.
fn preserves(map: &Map<String, Value>) -> bool {
    map.get("mode").and_then(Value::as_str) == Some("preserve")
}

/// The source, where it is known while planning.
pub(super) fn known(map: &Map<String, Value>) -> Option<String> {
    map.get("src").and_then(Value::as_str).filter(|src| !params::is_template(src)).map(str::to_owned)
}

pub(super) fn is_false(value: &Value) -> bool {
    jinja::truth(value) == Some(false)
}

pub(super) fn refuse(cx: &CompileContext, span: Span, name: &str, error: &io::Error) -> bool {
    let problem = cx.problem(Code::MissingSource, span, failure::source(name, error).message);
    cx.note(match error.kind() {
        io::ErrorKind::NotFound if name.starts_with('~') => problem
            .hint("`~` is not expanded while planning: write the path, or copy with `remote_src: true`"),
        io::ErrorKind::NotFound => problem.hint("paths start at the folder of the document"),
        io::ErrorKind::PermissionDenied => {
            problem.hint("check its permissions, and those of the folders above it")
        }
        _ => problem,
    });
    false
}

/// The metadata of an ordinary file; reading a pipe or a device could go on for ever.
fn ordinary(name: &str, cx: &CompileContext) -> io::Result<Metadata> {
    let meta = fs::metadata(cx.root().join(name))?;
    match meta.file_type() {
        kind if kind.is_file() => Ok(meta),
        kind if kind.is_dir() => Err(io::Error::other("it is a folder")),
        _ => Err(io::Error::other("it is a pipe, a socket or a device")),
    }
}

fn read(name: &str, modes: bool, cx: &CompileContext) -> io::Result<(Map<String, Value>, Vec<u8>)> {
    let fields = read_as_file(name, modes, cx)?;
    let bytes = fs::read(cx.root().join(name))?;
    match fields["src_blob"] == BlobId::of(&bytes).as_str() {
        true => Ok((fields, bytes)),
        false => Err(io::Error::other("it changes while it is read")),
    }
}

fn read_as_file(name: &str, modes: bool, cx: &CompileContext) -> io::Result<Map<String, Value>> {
    let meta = ordinary(name, cx)?;
    let mut fields = Map::from_iter([("src_blob".to_owned(), cx.file(name)?.as_str().into())]);
    if modes {
        fields.insert("src_mode".into(), octal(&meta).into());
    }
    Ok(fields)
}

fn octal(meta: &Metadata) -> String {
    format!("{:04o}", meta.permissions().mode() & 0o7777)
}

/// A folder that is being read, in the order of the names.
struct Folder<'a> {
    cx: &'a CompileContext,
    /// Whether modes are a part of the plan.
    modes: bool,
    /// Whether links stay links.
    links: bool,
    entries: Vec<Value>,
    /// The folders on the way here, so that a link back to one of them ends.
    above: Vec<(u64, u64)>,
}

impl Folder<'_> {
    /// Reads the folder that the document calls `name`, which is `inside` the source.
    fn read(&mut self, name: &str, inside: &str) -> io::Result<()> {
        let path = self.cx.root().join(name);
        let meta = fs::metadata(&path)?;
        let id = (meta.dev(), meta.ino());
        if self.above.contains(&id) {
            return Ok(());
        }
        self.above.push(id);
        for entry in names(&path)? {
            let name = format!("{name}/{entry}");
            let inside = if inside.is_empty() { entry } else { format!("{inside}/{entry}") };
            self.entry(&name, &inside)?;
            if self.entries.len() > MAX_FILES {
                return Err(io::Error::other(format!("the folder has more than {MAX_FILES} files")));
            }
        }
        self.above.pop();
        Ok(())
    }

    fn entry(&mut self, name: &str, inside: &str) -> io::Result<()> {
        let path = self.cx.root().join(name);
        if self.links
            && let Ok(target) = fs::read_link(&path)
        {
            let target = target.to_str().ok_or_else(|| not_utf8(&path))?;
            self.entries.push(json!({"path": verbatim(inside), "link": verbatim(target)}));
            return Ok(());
        }
        if path.is_dir() {
            self.entries.push(json!({"path": verbatim(inside), "folder": true}));
            return self.read(name, inside);
        }
        let place = |error: io::Error| io::Error::other(format!("{inside}: {}", failure::reason(&error)));
        let mut fields = read_as_file(name, self.modes, self.cx).map_err(place)?;
        let mut entry = Map::from_iter([("path".to_owned(), verbatim(inside).into())]);
        entry.extend(fields.remove("src_blob").map(|blob| ("blob".to_owned(), blob)));
        entry.extend(fields.remove("src_mode").map(|mode| ("mode".to_owned(), mode)));
        self.entries.push(entry.into());
        Ok(())
    }
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = fs::read_dir(folder)?
        .map(|entry| entry?.file_name().into_string().map_err(|name| not_utf8(Path::new(&name))))
        .collect::<io::Result<Vec<String>>>()?;
    names.sort_unstable();
    Ok(names)
}

fn not_utf8(path: &Path) -> io::Error {
    io::Error::other(format!("the name {} is not UTF-8", path.display()))
}

/// A text that renders to itself: file names may have braces in them, and a step's input is rendered.
pub(super) fn verbatim(text: &str) -> String {
    match params::is_template(text) {
        true => text.replace('{', "{{ '{' }}"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbatim_texts_render_to_themselves() {
        for text in ["plain", "{{ x }}", "{% 'a\\b' %}", "{# }} #}"] {
            let template = windlass_expr::Template::parse(&verbatim(text)).unwrap();
            let scope = windlass_expr::Scope::builder().build();
            assert_eq!(template.render(&scope).unwrap(), text);
        }
    }
}
