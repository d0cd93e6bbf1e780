//! The client's side: finds the process that keeps connections, or starts it, and asks it for one.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::process::Command;

use super::Keep;
use super::kept::Kept;
use super::place;
use super::wire::{Ask, Say, Tag, hear, say, write};
use crate::Error;
use crate::route::Route;

/// How long the process may take until it can be met.
const START: Duration = Duration::from_secs(10);

/// How often we look whether it can.
const LOOK: Duration = Duration::from_millis(5);

/// Starts a program without the descriptors that this process may have been given by others: a reader of theirs
/// would wait for the end of the program. A shell knows them by one digit each.
const DETACH: &str = r#"exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; exec "$0" "$@""#;

/// Why there is no kept connection.
pub(crate) enum Unkept {
    /// The host cannot be reached, or not in this way: it would fail here as well.
    Failed(Error),
    /// Nobody keeps connections.
    Unavailable(String),
}

/// The process that keeps connections, as a client knows it. Clones are the same client.
#[derive(Clone)]
pub(crate) struct Keeper {
    inner: Arc<Inner>,
}

struct Inner {
    keep: Keep,
    /// What the process tells us by from others.
    name: String,
    /// The lock of those who would start it. Once that failed it is not tried again.
    failed: tokio::sync::Mutex<Option<String>>,
    told: Mutex<HashSet<String>>,
}

impl Keeper {
    pub(crate) fn new(keep: Keep) -> Self {
        let mut random = [0; 16];
        // Without random numbers connections to jump hosts may be shared with another process of this user.
        let _ = getrandom::fill(&mut random);
        let name = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let inner = Inner { keep, name, failed: tokio::sync::Mutex::default(), told: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// A connection along this route that is kept for so long after its last use.
    pub(crate) async fn open(&self, route: &Route, persist: Duration) -> Result<Kept, Unkept> {
        let password = route.target.endpoint.password.clone();
        let ask = Ask::Open {
            client: self.inner.name.clone(),
            persist_ms: u64::try_from(persist.as_millis()).unwrap_or(u64::MAX),
            route: Box::new(route.clone()),
            password: password.is_some(),
        };
        // One that has just ended for want of anything to do is started once more.
        for _ in 0..2 {
            let mut stream = self.meet().await.map_err(Unkept::Unavailable)?;
            let answer = async {
                say(&mut stream, &ask).await?;
                if let Some(password) = &password {
                    write(&mut stream, Tag::Secret, password.expose().as_bytes()).await?;
                }
                hear::<Say>(&mut stream).await
            };
            match answer.await {
                Ok(Some(Say::Opened { lease, note })) => {
                    return Ok(Kept::new(self.clone(), lease, note, stream));
                }
                Ok(Some(Say::Failed(refusal))) => return Err(Unkept::Failed(refusal.into())),
                Ok(Some(_)) => return Err(Unkept::Unavailable("it answers something else".into())),
                Ok(None) | Err(_) => {}
            }
        }
        Err(Unkept::Unavailable("the process that keeps them hangs up".into()))
    }

    /// Says once why connections are not kept.
    pub(crate) fn complain(&self, why: &str) {
        let new = self.inner.told.lock().unwrap_or_else(PoisonError::into_inner).insert(why.to_owned());
        if let Some(complaints) = self.inner.keep.complaints.as_ref().filter(|_| new) {
            complaints(why);
        }
    }

    /// A stream to the process, if it is there.
    pub(super) async fn find(&self) -> Result<Option<UnixStream>, String> {
        place::connect(&self.socket()?).await
    }

    /// A stream to the process, which is started if it is not there.
    async fn meet(&self) -> Result<UnixStream, String> {
        if let Some(stream) = self.find().await? {
            return Ok(stream);
        }
        let mut failed = self.inner.failed.lock().await;
        if let Some(why) = &*failed {
            return Err(why.clone());
        }
        let started = self.start().await;
        *failed = started.as_ref().err().cloned();
        started
    }

    async fn start(&self) -> Result<UnixStream, String> {
        place::prepare(&self.inner.keep.folder)?;
        // Somebody else of this process may have started it.
        if let Some(stream) = self.find().await? {
            return Ok(stream);
        }
        let mut command = Command::new("/bin/sh");
        command.args(["-c", DETACH]).args(&self.inner.keep.command).arg(self.socket()?).current_dir("/");
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command
            .spawn()
            .map_err(|error| format!("the process that keeps them cannot be started: {error}"))?;
        let deadline = tokio::time::Instant::now() + START;
        while tokio::time::Instant::now() < deadline {
            if let Some(stream) = self.find().await? {
                return Ok(stream);
            }
            // One that ends well has found another in its place.
            if let Ok(Some(status)) = child.try_wait()
                && !status.success()
            {
                return Err(format!("the process that keeps them ended ({status})"));
            }
            tokio::time::sleep(LOOK).await;
        }
        Err("the process that keeps them does not come up".into())
    }

    fn socket(&self) -> Result<PathBuf, String> {
        let Some(program) = self.inner.keep.command.first() else {
            return Err("no program is named that would keep them".into());
        };
        place::socket(&self.inner.keep.folder, program)
    }
}
