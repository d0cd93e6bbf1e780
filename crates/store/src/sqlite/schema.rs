//! The database's format: what marks the file as ours, and one migration for each version.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::{Error, Result};

/// The format of a kind of database.
pub(crate) struct Format {
    /// What marks a file as being of this kind.
    pub(crate) id: i32,
    /// One step for each version; a database counts in `user_version` how many it has taken. They are never
    /// changed, only added to.
    pub(crate) steps: &'static [&'static str],
}

/// The journal's, marked by the letters `WIND`.
pub(super) const JOURNAL: Format = Format { id: 0x5749_4E44, steps: MIGRATIONS };

/// What stands here is never changed, only added to: `tests/fixtures` holds a database of each version.
const MIGRATIONS: &[&str] = &[
    // 1: runs, their plans, their records, what they hold on to, and commands for their drivers. Keys are
    // never used again (AUTOINCREMENT), so that a late writer cannot hit another run than its own.
    "CREATE TABLE plan (
         digest TEXT PRIMARY KEY,
         bytes BLOB NOT NULL
     );
     CREATE TABLE run (
         key INTEGER PRIMARY KEY AUTOINCREMENT,
         id TEXT NOT NULL UNIQUE,
         name TEXT NOT NULL,
         backend TEXT NOT NULL,
         invoker TEXT NOT NULL,
         plan TEXT NOT NULL REFERENCES plan (digest),
         root TEXT NOT NULL,
         document TEXT,
         options TEXT NOT NULL,
         created_at INTEGER NOT NULL,
         status TEXT NOT NULL,
         started_at INTEGER,
         finished_at INTEGER,
         seq INTEGER NOT NULL DEFAULT 0,
         tasks TEXT NOT NULL
     );
     CREATE INDEX run_created ON run (created_at);
     CREATE INDEX run_plan ON run (plan);
     CREATE TABLE batch (
         key INTEGER PRIMARY KEY,
         run INTEGER NOT NULL REFERENCES run (key) ON DELETE CASCADE,
         first INTEGER NOT NULL,
         count INTEGER NOT NULL,
         time INTEGER NOT NULL,
         format INTEGER NOT NULL,
         data BLOB NOT NULL,
         UNIQUE (run, first)
     );
     CREATE TABLE content (
         run INTEGER NOT NULL REFERENCES run (key) ON DELETE CASCADE,
         blob TEXT NOT NULL,
         output_bytes INTEGER,
         PRIMARY KEY (run, blob)
     ) WITHOUT ROWID;
     CREATE INDEX content_blob ON content (blob);
     CREATE TABLE inbox (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         run INTEGER NOT NULL REFERENCES run (key) ON DELETE CASCADE,
         command TEXT NOT NULL
     );
     CREATE INDEX inbox_run ON inbox (run);",
    // 2: saved plans that were applied. Their runs may be forgotten, that they were applied is not.
    "CREATE TABLE applied (
         plan TEXT PRIMARY KEY,
         run TEXT NOT NULL
     ) WITHOUT ROWID;",
];

/// Brings the database to the latest format, or refuses it as foreign or too new.
pub(crate) fn migrate(db: &mut Connection, path: &Path, format: &Format) -> Result<()> {
    let latest = format.steps.len() as u32;
    let fail = |e| Error::database(path, e);
    // One snapshot: between two looks another process may make the database.
    let found = check(&*db.transaction().map_err(fail)?, path, format)?;
    if found == latest {
        return Ok(());
    }
    let change = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fail)?;
    // Under the lock once more: another process may have been first.
    let found = check(&change, path, format)?;
    for step in &format.steps[found as usize..] {
        change.execute_batch(step).map_err(fail)?;
    }
    change.pragma_update(None, "application_id", format.id).map_err(fail)?;
    change.pragma_update(None, "user_version", latest).map_err(fail)?;
    change.commit().map_err(fail)
}

/// The format of the database; 0 where it is empty.
fn check(db: &Connection, path: &Path, format: &Format) -> Result<u32> {
    let fail = |e| Error::database(path, e);
    let number = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(fail);
    let (id, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 =
        db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(fail)?;
    if id != format.id && (tables > 0 || id != 0) {
        return Err(Error::Foreign { path: path.into() });
    }
    let found = u32::try_from(version).unwrap_or(u32::MAX);
    let known = format.steps.len() as u32;
    if found > known {
        return Err(Error::Newer { path: path.into(), found, known });
    }
    Ok(found)
}
