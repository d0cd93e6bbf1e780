//! What people see of kept connections, and how they end them.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::place;
use super::wire::{Ask, Say, hear, say};
use crate::Error;

/// A process that does not answer for so long is passed over.
const PATIENCE: Duration = Duration::from_secs(5);

/// A kept connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// `user@host:port`, with the way there.
    pub to: String,
    /// How it came about: algorithms and key.
    pub note: String,
    /// How old it is, in seconds.
    pub age_s: u64,
    /// How often it was taken.
    pub uses: u64,
    /// How many hold it now.
    pub held_by: usize,
    /// How many commands wait on it, started ahead.
    pub ready: usize,
    /// How many seconds it is kept for if nobody takes it; none while somebody holds it.
    pub left_s: Option<u64>,
}

/// The connections that are kept in a folder.
///
/// # Errors
/// Where the folder is not this user's alone.
pub async fn connections(folder: &Path) -> Result<Vec<Connection>, Error> {
    let mut all = Vec::new();
    for said in ask_all(folder, &Ask::List).await? {
        if let Say::Connections(list) = said {
            all.extend(list);
        }
    }
    Ok(all)
}

/// Ends those that any of these words name (a host, or `user@host:port`), or all of them; says how many there were.
///
/// # Errors
/// Where the folder is not this user's alone.
pub async fn end(folder: &Path, named: &[String]) -> Result<usize, Error> {
    let said = ask_all(folder, &Ask::End { named: named.to_vec() }).await?;
    Ok(said.into_iter().map(|said| if let Say::Ended(count) = said { count } else { 0 }).sum())
}

/// Asks every process in the folder. One that is gone, or of a build that speaks otherwise, has no answer.
async fn ask_all(folder: &Path, ask: &Ask) -> Result<Vec<Say>, Error> {
    let mut answers = Vec::new();
    for socket in place::sockets(folder).map_err(Error::Keep)? {
        let answer = async {
            let mut stream = place::connect(&socket).await.ok()??;
            say(&mut stream, ask).await.ok()?;
            hear::<Say>(&mut stream).await.ok()?
        };
        answers.extend(tokio::time::timeout(PATIENCE, answer).await.ok().flatten());
    }
    Ok(answers)
}
