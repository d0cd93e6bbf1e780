//! Taking the files out of a module's parameters that are here, so that they can be laid out there.

use std::fs;
use std::io::{self, BufRead as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use windlass_engine::Blobs;
use windlass_gate::first_word;
use windlass_gate::wire::{Content, Entry, Stage};
use windlass_model::Failure;

use super::{Request, Source};
use crate::{blob, failure, jinja};

/// Longer texts travel by their hash, so that they do not travel again.
const INLINE: usize = 16 << 10;

/// The most files of one folder; a plan has no more either.
const MAX_FILES: usize = 10_000;

/// Fills the request's stage, and returns the parameters without what only a controller understands.
pub(super) fn take(
    module: &str,
    mut args: Map<String, Value>,
    root: &Path,
    blobs: &Arc<dyn Blobs>,
    request: &mut Request,
) -> Result<Map<String, Value>, Failure> {
    let planned = Planned::take(&mut args);
    let src = args.get("src").and_then(Value::as_str).map(str::to_owned);
    let stage = match (module, src) {
        ("copy" | "template", _) if text(&args).is_some() => {
            let text = text(&args).unwrap_or_default().as_bytes().into();
            let content = keep(request, sum(&text), Source::Bytes(text));
            args.remove("content");
            Some(Stage::Text { param: "content".into(), content })
        }
        ("copy" | "unarchive" | "assemble", Some(src)) if is_here(module, &args) => {
            request.src = Some(root.join(&src).to_string_lossy().into_owned());
            Some(planned.stage(&src, root, blobs, wants_modes(&args), request)?)
        }
        ("script", _) => script(&args, planned, root, blobs, request)?,
        _ => None,
    };
    request.task.stage = stage;
    Ok(args)
}

/// A text long enough to travel by its hash.
fn text(args: &Map<String, Value>) -> Option<&str> {
    args.get("content").and_then(Value::as_str).filter(|text| text.len() > INLINE)
}

/// Whether the source is on this machine.
fn is_here(module: &str, args: &Map<String, Value>) -> bool {
    let flag = |name: &str| args.get(name).and_then(jinja::truth);
    let there = flag("remote_src").or_else(|| flag("copy").map(|copy| !copy));
    !there.unwrap_or(module == "assemble")
}

fn wants_modes(args: &Map<String, Value>) -> bool {
    args.get("mode").and_then(Value::as_str) == Some("preserve")
}

/// The script's file: the first word of what the module is to run.
fn script(
    args: &Map<String, Value>,
    planned: Planned,
    root: &Path,
    blobs: &Arc<dyn Blobs>,
    request: &mut Request,
) -> Result<Option<Stage>, Failure> {
    let text = args.get("_raw_params").or_else(|| args.get("cmd")).and_then(Value::as_str);
    let Some((script, _)) = first_word(text.unwrap_or_default()) else { return Ok(None) };
    let content = match planned.file {
        Some(id) => blob_content(request, blobs, &id)?,
        None => {
            file_content(request, &root.join(&script)).map_err(|error| failure::source(&script, &error))?
        }
    };
    let name = script.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("script").to_owned();
    // Whoever runs it may read and execute it; nobody else may look at it.
    Ok(Some(Stage::File { param: "_script".into(), name, content, mode: Some("0700".into()) }))
}

/// What a plan says of the source.
struct Planned {
    file: Option<Value>,
    mode: Option<Value>,
    files: Option<Value>,
}

impl Planned {
    fn take(args: &mut Map<String, Value>) -> Self {
        args.remove("uses");
        Self { file: args.remove("src_blob"), mode: args.remove("src_mode"), files: args.remove("src_files") }
    }

    fn stage(
        self,
        src: &str,
        root: &Path,
        blobs: &Arc<dyn Blobs>,
        modes: bool,
        request: &mut Request,
    ) -> Result<Stage, Failure> {
        let name = Path::new(src).file_name().and_then(|name| name.to_str());
        let param = "src".to_owned();
        let inside = src.ends_with('/') || name.is_none();
        let folder = |entries| Stage::Folder {
            param: "src".to_owned(),
            name: name.unwrap_or("folder").to_owned(),
            inside,
            entries,
        };
        let path = root.join(src);
        match (self.file, self.files) {
            (Some(file), _) => {
                let content = blob_content(request, blobs, &file)?;
                let mode = self.mode.as_ref().and_then(Value::as_str).map(str::to_owned);
                Ok(Stage::File { param, name: name.unwrap_or("file").to_owned(), content, mode })
            }
            (None, Some(Value::Array(entries))) => {
                let entries = entries.iter().map(|planned| entry(planned, blobs, request));
                Ok(folder(entries.collect::<Result<_, _>>()?))
            }
            // Nothing of it was known while planning.
            _ if path.is_dir() => {
                let walked = walk(&path, modes, request).map_err(|error| failure::source(src, &error))?;
                Ok(folder(walked))
            }
            _ => {
                let source = |error| failure::source(src, &error);
                let content = file_content(request, &path).map_err(source)?;
                let mode = if modes { Some(mode(&path).map_err(source)?) } else { None };
                Ok(Stage::File { param, name: name.unwrap_or("file").to_owned(), content, mode })
            }
        }
    }
}

/// An entry of a folder as a plan has it.
fn entry(planned: &Value, blobs: &Arc<dyn Blobs>, request: &mut Request) -> Result<Entry, Failure> {
    let text = |name: &str| planned.get(name).and_then(Value::as_str).map(str::to_owned);
    let content = planned.get("blob").map(|id| blob_content(request, blobs, id)).transpose()?;
    Ok(Entry { path: text("path").unwrap_or_default(), content, link: text("link"), mode: text("mode") })
}

/// A folder of this machine, links followed, in the order of the names.
fn walk(folder: &Path, modes: bool, request: &mut Request) -> io::Result<Vec<Entry>> {
    let (mut entries, mut left) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(inside) = left.pop() {
        let mut names = fs::read_dir(folder.join(&inside))?
            .map(|entry| entry.map(|entry| inside.join(entry.file_name())))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort_unstable();
        for name in names {
            let (path, text) = (folder.join(&name), utf8(&name)?);
            if path.is_dir() {
                // A link back to a folder above would go round for ever.
                if !fs::canonicalize(folder.join(&inside))?.starts_with(fs::canonicalize(&path)?) {
                    entries.push(Entry { path: text, ..Entry::default() });
                    left.push(name);
                }
            } else {
                let content = Some(file_content(request, &path)?);
                let mode = if modes { Some(mode(&path)?) } else { None };
                entries.push(Entry { path: text, content, mode, link: None });
            }
            if entries.len() > MAX_FILES {
                return Err(io::Error::other(format!("the folder has more than {MAX_FILES} files")));
            }
        }
    }
    Ok(entries)
}

fn utf8(path: &Path) -> io::Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| io::Error::other(format!("the name {} is not UTF-8", path.display())))
}

fn mode(path: &Path) -> io::Result<String> {
    Ok(format!("{:04o}", fs::metadata(path)?.permissions().mode() & 0o7777))
}

fn blob_content(request: &mut Request, blobs: &Arc<dyn Blobs>, id: &Value) -> Result<Content, Failure> {
    let id = blob::id(id)?;
    Ok(keep(request, id.as_str().to_owned(), Source::Blob(blobs.clone(), id)))
}

fn file_content(request: &mut Request, path: &Path) -> io::Result<Content> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is a pipe, a socket or a device"));
    }
    let mut file = io::BufReader::with_capacity(1 << 16, fs::File::open(path)?);
    let mut digest = Sha256::new();
    loop {
        let read = match file.fill_buf() {
            Ok([]) => break,
            Ok(bytes) => {
                digest.update(bytes);
                bytes.len()
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        file.consume(read);
    }
    Ok(keep(request, hex(&digest.finalize()), Source::File(path.to_owned())))
}

fn keep(request: &mut Request, sha256: String, source: Source) -> Content {
    request.contents.insert(sha256.clone(), source);
    Content { sha256 }
}

fn sum(bytes: &Arc<[u8]>) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
