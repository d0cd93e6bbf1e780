//! How many small transactions a second bare SQLite makes durable, with the journal's own settings: `cargo run
//! --release -p windlass-store --example commits [folder] [count]`. A chain of steps with effects can do no more.
#![allow(clippy::print_stdout, reason = "a measurement for programs")]

use std::time::Instant;

use rusqlite::{Connection, params};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let folder = tempfile::tempdir_in(args.next().unwrap_or_else(|| ".".into()))?;
    let count: u32 = args.next().map_or(Ok(2_000), |count| count.parse())?;
    let db = Connection::open(folder.path().join("bare.db"))?;
    db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "wal_autocheckpoint", 4096)?;
    db.execute_batch("CREATE TABLE batch (key INTEGER PRIMARY KEY, data BLOB NOT NULL)")?;
    // About what one step of a chain writes.
    let data = [7u8; 280];
    let begun = Instant::now();
    for _ in 0..count {
        db.prepare_cached("INSERT INTO batch (data) VALUES (?1)")?.execute(params![&data[..]])?;
    }
    println!("{}", f64::from(count) / begun.elapsed().as_secs_f64());
    Ok(())
}
