//! `copy` from this machine, and `unarchive` and `assemble` as well: the contents come from the store, under the names that they had.

use std::path::Path;

use serde_json::{Map, Value};
use windlass_engine::Blobs;
use windlass_gate::{Context, Reply};
use windlass_model::{Code, Failure};

use super::{End, Work, params};
use crate::blob::{self, Stage};

/// The mode of a staged file whose own mode does not count.
const PRIVATE: u32 = 0o600;

pub(super) fn run(work: Work, cx: &Context<'_>, end: &mut End<'_>) -> Result<Reply, Failure> {
    let mut params = params(work.input);
    let (file, mode, files) =
        (params.remove("src_blob"), params.remove("src_mode"), params.remove("src_files"));
    let src = params.get("src").and_then(Value::as_str).unwrap_or_default().to_owned();
    let stage = match (file, files) {
        (Some(file), _) => {
            let stage = Stage::new()?;
            let mode = mode.as_ref().map_or(Ok(PRIVATE), octal)?;
            stage.put(&*work.blobs, &blob::id(&file)?, name(&src).unwrap_or("file"), mode)?;
            stage
        }
        (None, Some(Value::Array(entries))) => {
            folder(&entries, name(&src).unwrap_or("folder"), &*work.blobs, cx)?
        }
        // Nothing of it was known while planning, or it is on the host already.
        _ => return end(params.into()),
    };
    params.insert("src".into(), staged(&stage, &src).into());
    let mut reply = end(params.into())?;
    if reply.fields.contains_key("src") {
        let src = cx.cwd.join(&src).to_string_lossy().into_owned();
        reply.fields.insert("src".into(), src.into());
    }
    Ok(reply)
}

/// The last name of a path; `.` and the like have none.
fn name(src: &str) -> Option<&str> {
    Path::new(src).file_name()?.to_str()
}

/// What stands for the source. A slash at its end means what is in it, and so does a folder without a name.
fn staged(stage: &Stage, src: &str) -> String {
    let path = |name: &str| stage.path(name).to_string_lossy().into_owned();
    match name(src) {
        Some(name) if src.ends_with('/') => path(name) + "/",
        Some(name) => path(name),
        None => path("folder") + "/",
    }
}

/// Lays a folder out as it was when the plan was made.
fn folder(entries: &[Value], name: &str, blobs: &dyn Blobs, cx: &Context<'_>) -> Result<Stage, Failure> {
    let stage = Stage::new()?;
    stage.folder(name)?;
    for entry in entries.iter().filter_map(Value::as_object) {
        if cx.cancel.is_cancelled() {
            return Err(crate::failure::cancelled());
        }
        let path = format!("{name}/{}", inside(entry)?);
        match (entry.get("blob"), entry.get("link").and_then(Value::as_str)) {
            (Some(id), _) => {
                let mode = entry.get("mode").map_or(Ok(PRIVATE), octal)?;
                stage.put(blobs, &blob::id(id)?, &path, mode)?;
            }
            (None, Some(target)) => stage.link(&path, target)?,
            (None, None) => stage.folder(&path)?,
        }
    }
    Ok(stage)
}

/// A path that leads nowhere but into the folder: a plan may have come from elsewhere.
fn inside(entry: &Map<String, Value>) -> Result<&str, Failure> {
    use std::path::Component;
    let path = entry.get("path").and_then(Value::as_str).unwrap_or_default();
    let normal =
        !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if normal { Ok(path) } else { Err(bad(&format!("a path that leads out of its folder: {path:?}"))) }
}

fn octal(value: &Value) -> Result<u32, Failure> {
    let bits = value.as_str().and_then(|text| u32::from_str_radix(text, 8).ok());
    bits.filter(|bits| *bits <= 0o7777).ok_or_else(|| bad("a mode that is none"))
}

fn bad(what: &str) -> Failure {
    Failure::new(Code::BadParams, format!("the plan has {what}")).permanent()
}
