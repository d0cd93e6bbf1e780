//! `script` from this machine: the script comes from the store, and is laid out for the module to run.

use serde_json::Value;
use windlass_gate::{Context, Reply, first_word};
use windlass_model::Failure;

use super::{End, Work, params};
use crate::blob::{self, Stage};
use crate::failure;

/// Whoever runs it may read and execute it; nobody else may look at it.
const OWN: u32 = 0o700;

pub(super) fn run(work: Work, cx: &Context<'_>, end: &mut End<'_>) -> Result<Reply, Failure> {
    let mut params = params(work.input);
    let blob = params.remove("src_blob");
    let text = params.get("_raw_params").or_else(|| params.get("cmd")).and_then(Value::as_str);
    let Some((script, _)) = first_word(text.unwrap_or_default()) else {
        return end(params.into());
    };
    let content = match &blob {
        Some(id) => work.blobs.read(&blob::id(id)?)?.to_vec(),
        // Its name was not known while planning.
        None => std::fs::read(cx.cwd.join(&script)).map_err(|error| failure::source(&script, &error))?,
    };
    let stage = Stage::new()?;
    let name = script.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("script");
    stage.write(&content, name, OWN)?;
    params.insert("_script".into(), stage.path(name).to_string_lossy().into());
    end(params.into())
}
