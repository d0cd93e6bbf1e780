//! Runs modules through a gate, as the local runner does here.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep_until;
use windlass_engine::Blobs;
use windlass_gate::Reply;
use windlass_model::{BlobId, Code, Failure};

use super::gate::Said;
use super::{Gate, Request};
use crate::{Surroundings, failure};

/// How long a module may take to end after its deadline, or after it was cancelled, before it is no longer
/// waited for: longer than a gate needs to end a child that does not want to.
const GRACE: Duration = Duration::from_secs(10);

/// Runs modules on another host. Clones share the gate.
#[derive(Clone, Debug)]
pub struct RemoteRunner {
    gate: Gate,
}

impl RemoteRunner {
    /// A runner over a gate.
    pub fn new(gate: Gate) -> Self {
        Self { gate }
    }

    /// The gate.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Runs a module with parameters as a person would write them. Files that they name are on this machine,
    /// below the surroundings' folder, unless the module says otherwise (`remote_src`); relative paths on the
    /// host begin at the user's home. Templates in parameters are not rendered.
    ///
    /// A reply whose `failed` is true is a failure that has fields to show; every other failure is an error. A
    /// caller that stops waiting ends the module.
    pub async fn run(&self, module: &str, params: Value, around: Surroundings) -> Result<Reply, Failure> {
        let (root, name) = (around.root.clone(), module.to_owned());
        let prepared = tokio::task::spawn_blocking(move || prepare(&name, params, &root));
        let request = prepared.await.map_err(|_| failure::cancelled())??;
        self.perform(request, &around).await
    }

    /// Does what was prepared, under these surroundings.
    pub async fn perform(&self, request: Request, around: &Surroundings) -> Result<Reply, Failure> {
        if around.cancel.is_cancelled() {
            return Err(failure::cancelled());
        }
        let listener = around.listener.clone();
        let mut batch = self.gate.submit(vec![request.around(around)], Some(listener), None).await?;
        let (mut given_up, mut late) =
            (false, around.deadline.map(|at| Box::pin(sleep_until((at + GRACE).into()))));
        loop {
            let deadline = async {
                match &mut late {
                    Some(late) => late.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                said = batch.next() => match said {
                    Some((_, Said::Done(done))) => return done,
                    Some((_, Said::Lost(lost))) => return Err(lost),
                    Some((_, Said::Started)) => {}
                    Some((_, Said::NotStarted)) | None => return Err(failure::cancelled()),
                },
                () = around.cancel.cancelled(), if !given_up => {
                    given_up = true;
                    batch.cancel();
                    late = Some(Box::pin(sleep_until((std::time::Instant::now() + GRACE).into())));
                }
                () = deadline => {
                    return Err(if given_up { failure::cancelled() } else { failure::late() });
                }
            }
        }
    }
}

/// Without a plan there is no store: files are read where they are.
fn prepare(module: &str, params: Value, root: &Path) -> Result<Request, Failure> {
    let blobs: Arc<dyn Blobs> = Arc::new(NoBlobs);
    Request::prepare(module, params, root, &blobs, windlass_expr::Value::UNDEFINED)
}

/// A store with nothing in it.
#[derive(Debug)]
struct NoBlobs;

impl Blobs for NoBlobs {
    fn read(&self, id: &BlobId) -> Result<Arc<[u8]>, Failure> {
        Err(Failure::new(Code::NoContent, format!("there is no store, and so no content {}", id.as_str())))
    }

    fn keep(&self, _: &[u8]) -> Result<Option<BlobId>, Failure> {
        Ok(None)
    }
}
