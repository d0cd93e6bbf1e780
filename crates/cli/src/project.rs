//! The project's configuration, `windlass.yaml`: it marks the project's folder, and says what holds for all of its
//! documents.

use std::sync::Arc;

use windlass_flow::Budgets;
use windlass_model::{Diagnostics, Source};
use windlass_yaml::Limits;

use crate::app::App;
use crate::error::Error;

/// The text of the project's `windlass.yaml`. What it says is read by whoever it concerns.
pub(crate) fn source(app: &App) -> Result<Option<Arc<Source>>, Error> {
    let path = app.scope().project.join("windlass.yaml");
    if !path.is_file() {
        return Ok(None);
    }
    let name = path.strip_prefix(&app.folder).unwrap_or(&path).display().to_string();
    let source = windlass_yaml::read_file(&path, &name, &Limits::default());
    source.map(Some).map_err(|problem| Error::Problems(Diagnostics::from(problem)))
}

/// What it says that may be spent.
pub(crate) fn budgets(app: &App) -> Result<Budgets, Error> {
    match source(app)? {
        Some(source) => Budgets::read(&source).map_err(Error::Problems),
        None => Ok(Budgets::default()),
    }
}
