//! Reads a document's text from a file, within the limits.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use windlass_model::{Code, Diagnostic, Location, Source, Span};

use crate::Limits;

/// Reads the text at `path` and keeps it under `name`.
///
/// Only ordinary files are read, for a pipe could block for ever. The size is checked before a byte is
/// read and again while reading, since a file may grow or lie about its size.
pub fn read_file(path: &Path, name: &str, limits: &Limits) -> Result<Arc<Source>, Diagnostic> {
    let place = || Location { source: Source::new(name, ""), span: Span::default() };
    let unreadable = |error: std::io::Error| unreadable(&error).at(place());
    let meta = std::fs::metadata(path).map_err(unreadable)?;
    if !meta.is_file() {
        let what = if meta.is_dir() { "a folder" } else { "a pipe, a socket or a device" };
        let problem = Diagnostic::new(Code::Unreadable, format!("this is {what}, not a file"));
        return Err(problem.at(place()).hint("name the file itself"));
    }
    if meta.len() > limits.bytes as u64 {
        return Err(too_big(meta.len(), limits).at(place()));
    }
    let mut bytes = Vec::with_capacity(meta.len() as usize);
    let file = File::open(path).map_err(unreadable)?;
    file.take(limits.bytes as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > limits.bytes {
        return Err(too_big(bytes.len() as u64, limits).at(place()));
    }
    decode(bytes, name)
}

/// Takes bytes that are already in memory, such as a request's body, as a document's text.
pub fn decode(bytes: Vec<u8>, name: &str) -> Result<Arc<Source>, Diagnostic> {
    let error = match String::from_utf8(bytes) {
        Ok(text) => return Ok(Source::new(name, text)),
        Err(error) => error,
    };
    let at = error.utf8_error().valid_up_to();
    let byte = error.as_bytes().get(at).copied().unwrap_or_default();
    let hint = match error.as_bytes() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it looks like UTF-16: save it as UTF-8",
        _ => "save it as UTF-8; `iconv -f LATIN1 -t UTF-8` converts an older text",
    };
    // The text up to the place is the same in the lossy copy, so the place holds there too.
    let source = Source::new(name, String::from_utf8_lossy(error.as_bytes()));
    let place = Location { source, span: Span::new(at, at) };
    Err(Diagnostic::new(Code::NotUtf8, format!("the byte 0x{byte:02x} is not UTF-8")).at(place).hint(hint))
}

pub(crate) fn too_big(bytes: u64, limits: &Limits) -> Diagnostic {
    let message = format!("the document has {bytes} bytes, more than the {} allowed", limits.bytes);
    Diagnostic::new(Code::TooBig, message)
        .hint("split the document, or move data out into files that steps read")
}

fn unreadable(error: &std::io::Error) -> Diagnostic {
    use std::io::ErrorKind;
    let hint = match error.kind() {
        ErrorKind::NotFound => "check the path; it is taken from the current folder",
        ErrorKind::PermissionDenied => "check the permissions of the file and of the folders above it",
        _ => "check that the file can be read",
    };
    Diagnostic::new(Code::Unreadable, format!("cannot read the file: {error}")).hint(hint)
}
