//! How connections are kept for later runs: what the user and the project say of that.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use windlass_model::Code;
use windlass_ssh::Keep;
use windlass_yaml::{Limits, Reader};

use crate::app::App;
use crate::error::Error;
use crate::project;

/// The variable that goes before the project's word.
const VARIABLE: &str = "WINDLASS_SSH_PERSIST";

/// How long a connection may be kept.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Where the process that keeps connections is met: in the session's own folder, or with the user's state.
pub(crate) fn folder(app: &App) -> Option<PathBuf> {
    let session = app.env.get("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    session.map(|folder| folder.join("windlass")).or_else(|| Some(app.user_state()?.join("run")))
}

/// How connections are kept; nothing where there is no place for that.
pub(crate) fn keep(app: &App) -> Result<Option<Keep>, Error> {
    let persist = persist(app)?;
    let (Some(folder), Ok(program)) = (folder(app), std::env::current_exe()) else { return Ok(None) };
    let ui = app.ui.clone();
    let complain = move |why: &str| ui.warn(&format!("connections are not kept for later runs: {why}"));
    Ok(Some(Keep {
        folder,
        command: vec![program.into(), "keeper".into()],
        persist,
        complaints: Some(Arc::new(complain)),
    }))
}

/// For how long, by the environment or else by the project.
fn persist(app: &App) -> Result<Option<Duration>, Error> {
    match app.env.get(VARIABLE).filter(|text| !text.is_empty()) {
        Some(text) if text == "off" => Ok(None),
        Some(text) => match windlass_yaml::duration(text) {
            Ok(time) if fits(time) => Ok(Some(time)),
            Ok(_) => Err(wrong(text, "it is not between a second and a day")),
            Err(why) => Err(wrong(text, &why)),
        },
        None => of_project(app),
    }
}

/// What `ssh` of `windlass.yaml` says.
fn of_project(app: &App) -> Result<Option<Duration>, Error> {
    let Some(source) = project::source(app)? else { return Ok(None) };
    let node = windlass_yaml::parse(&source, &Limits::default()).map_err(Error::Problems)?;
    let Some(node) = node.get("ssh").filter(|node| !node.is_null()) else { return Ok(None) };
    let reader = Reader::new(&source);
    let mut persist = None;
    if let Some(mut map) = reader.map(node) {
        persist = map.duration("persist");
        map.finish();
    }
    if let Some(bad) = persist.filter(|time| !fits(time.value)) {
        let message = "`persist`: connections are kept for a second at least and for a day at most";
        let problem = reader.problem(Code::BadValue, bad.span, message);
        reader.note(problem.hint("leave it out to end them with each run"));
    }
    if reader.is_clean() {
        return Ok(persist.map(|time| time.value));
    }
    Err(Error::Problems(reader.into_problems()))
}

fn fits(time: Duration) -> bool {
    (Duration::from_secs(1)..=LONGEST).contains(&time)
}

fn wrong(text: &str, why: &str) -> Error {
    let told =
        Error::told(Code::BadValue, format!("{VARIABLE}: `{text}` is no time to keep connections: {why}"));
    told.hint("write a time such as `10m`, or `off`")
}
