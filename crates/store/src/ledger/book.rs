//! The ledger's database: each change is one transaction, durable when the call returns.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use windlass_model::{Budget, Cost, Money, Tokens, Usage};

use super::claim::reserve;
use super::holds::{held, is_driven, place};
use super::{Account, Claim, Holder, Pot, Refusal, Sum};
use crate::sqlite::schema::{self, Format};
use crate::sqlite::{self, Fault};
use crate::{Result, files};

/// Marks the file as ours: the letters `WINB`.
const FORMAT: Format = Format {
    id: 0x5749_4E42,
    steps: &[
        // 1: limits, what was used, and what is held back, each hold under the name of its attempt.
        "CREATE TABLE budget (
             pot TEXT PRIMARY KEY,
             amount INTEGER,
             currency TEXT NOT NULL,
             tokens INTEGER
         ) WITHOUT ROWID;
         CREATE TABLE spent (
             pot TEXT NOT NULL,
             period TEXT NOT NULL,
             currency TEXT NOT NULL,
             bound INTEGER NOT NULL,
             tokens INTEGER NOT NULL,
             amount INTEGER NOT NULL,
             input INTEGER NOT NULL,
             output INTEGER NOT NULL,
             cache_read INTEGER NOT NULL,
             cache_write INTEGER NOT NULL,
             PRIMARY KEY (pot, period, currency, bound)
         ) WITHOUT ROWID;
         CREATE TABLE hold (
             key INTEGER PRIMARY KEY AUTOINCREMENT,
             lease BLOB NOT NULL,
             run TEXT NOT NULL,
             place TEXT NOT NULL,
             attempt INTEGER NOT NULL,
             tokens INTEGER NOT NULL,
             amount INTEGER NOT NULL,
             currency TEXT NOT NULL,
             UNIQUE (lease, run, place, attempt)
         );
         CREATE TABLE claim (
             pot TEXT NOT NULL,
             period TEXT NOT NULL,
             hold INTEGER NOT NULL REFERENCES hold (key) ON DELETE CASCADE,
             PRIMARY KEY (pot, period, hold)
         ) WITHOUT ROWID;
         CREATE INDEX claim_hold ON claim (hold);",
    ],
};

/// Budgets that outlive a run, in one file.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    db: Mutex<Connection>,
}

impl Ledger {
    /// Opens the ledger in a file, or makes it, and the folder that it lies in.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent() {
            files::durable_folder(folder)?;
        }
        sqlite::create_private(path)?;
        let mut db = sqlite::connect(path)?;
        schema::migrate(&mut db, path, &FORMAT)?;
        Ok(Self { path: path.into(), db: Mutex::new(db) })
    }

    /// The ledger in a file, where there is one.
    pub fn existing(path: &Path) -> Result<Option<Self>> {
        if path.is_file() { Self::open(path).map(Some) } else { Ok(None) }
    }

    /// Says what a budget may use; `None` takes the limit away.
    pub fn set_limit(&self, pot: &Pot, limit: Option<&Budget>) -> Result<()> {
        self.change(|db| {
            db.execute("DELETE FROM budget WHERE pot = ?1", [pot.to_string()])?;
            if let Some(limit) = limit {
                let cost = limit.cost.as_ref();
                db.execute(
                    "INSERT INTO budget (pot, amount, currency, tokens) VALUES (?1, ?2, ?3, ?4)",
                    params![
                        pot.to_string(),
                        cost.map(|cost| cost.amount.0),
                        cost.map_or("", |cost| &cost.currency),
                        limit.tokens.map(whole),
                    ],
                )?;
            }
            Ok(())
        })
    }

    /// Holds back what each attempt may use, on all its budgets or on none. What came before in the list
    /// counts; with `all_or_none`, one that is refused leaves nothing held back. What an attempt held before
    /// is replaced.
    pub fn reserve(&self, claims: &[Claim], all_or_none: bool, now_ms: u64) -> Result<Vec<Option<Refusal>>> {
        let mut db = self.lock();
        let mut work = || {
            let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut refusals = Vec::with_capacity(claims.len());
            for claim in claims {
                refusals.push(reserve(&change, claim, now_ms)?);
            }
            if !(all_or_none && refusals.iter().any(Option::is_some)) {
                change.commit()?;
            }
            Ok(refusals)
        };
        work().map_err(|fault: Fault| fault.at(&self.path))
    }

    /// Puts what attempts used in the place of what they held back. One that holds nothing is left out, so
    /// that to settle twice is to settle once. Gives the budgets that are overdrawn by it.
    pub fn settle(&self, settled: &[(Holder, Usage)]) -> Result<Vec<(Pot, String)>> {
        self.settle_within(settled, &[])
    }

    /// The same, where these limits hold beside those that are set.
    pub fn settle_within(
        &self,
        settled: &[(Holder, Usage)],
        limits: &[(Pot, Budget)],
    ) -> Result<Vec<(Pot, String)>> {
        self.change(|db| {
            let mut touched = BTreeSet::new();
            for (holder, used) in settled {
                touched.extend(settle(db, holder, used)?);
            }
            let mut overdrawn = Vec::new();
            for (pot, period) in touched {
                let Ok(pot) = pot.parse() else { continue };
                if let Some(why) = overdraft(db, &pot, &period, limits)? {
                    overdrawn.push((pot, why));
                }
            }
            Ok(overdrawn)
        })
    }

    /// How the budgets stand that have a limit or that anything was used of, in their present periods.
    pub fn accounts(&self, now_ms: u64) -> Result<Vec<Account>> {
        self.read(|db| {
            let mut names = db.prepare_cached(
                "SELECT pot FROM budget UNION SELECT pot FROM spent UNION SELECT pot FROM claim",
            )?;
            let names = names.query_map([], |row| row.get::<_, String>(0))?;
            let pots: BTreeSet<Pot> = names
                .collect::<rusqlite::Result<Vec<_>>>()?
                .iter()
                .filter_map(|name| name.parse().ok())
                .collect();
            pots.into_iter().map(|pot| account(db, pot, now_ms)).collect()
        })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T> {
        let mut db = self.lock();
        // One snapshot for all that is read.
        let work = || read(&*db.transaction()?);
        work().map_err(|fault| fault.at(&self.path))
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T> {
        let mut db = self.lock();
        let work = || {
            let open = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answer = change(&open)?;
            open.commit()?;
            Ok(answer)
        };
        work().map_err(|fault: Fault| fault.at(&self.path))
    }
}

/// Settles one hold; gives the budgets, with their periods, that it was on.
pub(super) fn settle(
    db: &Transaction<'_>,
    holder: &Holder,
    used: &Usage,
) -> Result<Vec<(String, String)>, Fault> {
    let Holder { lease, run, at, attempt } = holder;
    let mut find = db.prepare_cached(
        "SELECT key FROM hold WHERE lease = ?1 AND run = ?2 AND place = ?3 AND attempt = ?4",
    )?;
    let at = params![lease.as_os_str().as_bytes(), run.as_str(), place(*at), attempt];
    let Some(key) = find.query_row(at, |row| row.get::<_, i64>(0)).optional()? else { return Ok(Vec::new()) };
    let mut claims = db.prepare_cached("SELECT pot, period FROM claim WHERE hold = ?1")?;
    let claims = claims.query_map([key], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let claims = claims.collect::<rusqlite::Result<Vec<(String, String)>>>()?;
    for (pot, period) in claims.iter().filter(|_| !used.is_zero()) {
        for part in by_currency(used) {
            add(db, pot, period, &part)?;
        }
    }
    db.prepare_cached("DELETE FROM hold WHERE key = ?1")?.execute([key])?;
    Ok(claims)
}

/// What was used, in parts of one currency each; the tokens are in the first.
fn by_currency(used: &Usage) -> impl Iterator<Item = Usage> {
    let first = Usage { others: Default::default(), ..used.clone() };
    let others = used.others.iter().map(|(currency, amount)| Usage {
        cost: Cost { amount: *amount, currency: currency.clone() },
        bound: used.bound,
        ..Usage::default()
    });
    std::iter::once(first).chain(others)
}

fn add(db: &Transaction<'_>, pot: &str, period: &str, used: &Usage) -> Result<(), Fault> {
    let row = params![pot, period, used.cost.currency, used.bound];
    let mut find = db.prepare_cached(
        "SELECT tokens, amount, currency, input, output, cache_read, cache_write FROM spent
         WHERE pot = ?1 AND period = ?2 AND currency = ?3 AND bound = ?4",
    )?;
    // Added here and not in the database, whose sums would turn into floats at the end of their range.
    let mut sum = find.query_row(row, used_of).optional()?.unwrap_or_default();
    sum.add(used);
    let Tokens { input, output, cache_read, cache_write } = sum.kinds;
    db.prepare_cached("INSERT OR REPLACE INTO spent VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?
        .execute(params![
            pot,
            period,
            used.cost.currency,
            used.bound,
            whole(sum.tokens),
            sum.cost.amount.0,
            whole(input),
            whole(output),
            whole(cache_read),
            whole(cache_write),
        ])?;
    Ok(())
}

fn limit(db: &Connection, pot: &str) -> Result<Option<Budget>, Fault> {
    let mut find = db.prepare_cached("SELECT amount, currency, tokens FROM budget WHERE pot = ?1")?;
    let read = |row: &Row<'_>| {
        let (amount, currency) = (row.get::<_, Option<i64>>(0)?, row.get::<_, String>(1)?);
        let cost = amount.map(|amount| Cost { amount: Money(amount), currency });
        Ok(Budget { cost, tokens: row.get::<_, Option<i64>>(2)?.map(count) })
    };
    Ok(find.query_row([pot], read).optional()?)
}

/// What was used of a budget, and the part of it that is a bound.
pub(super) fn spent(db: &Connection, pot: &Pot, period: &str) -> Result<(Sum, Sum), Fault> {
    let mut find = db.prepare_cached(
        "SELECT tokens, amount, currency, input, output, cache_read, cache_write, bound FROM spent
         WHERE pot = ?1 AND period = ?2",
    )?;
    let (mut all, mut bound) = (Sum::default(), Sum::default());
    let mut rows = find.query(params![pot.to_string(), period])?;
    while let Some(row) = rows.next()? {
        let number = |at: usize| row.get::<_, i64>(at).map(count);
        let mut used = usage(row, 0)?;
        used.kinds =
            Tokens { input: number(3)?, output: number(4)?, cache_read: number(5)?, cache_write: number(6)? };
        all.add(&used);
        if row.get::<_, bool>(7)? {
            bound.add(&used);
        }
    }
    Ok((all, bound))
}

/// Why a budget is overdrawn, if it is: by what was used alone.
fn overdraft(
    db: &Connection,
    pot: &Pot,
    period: &str,
    said: &[(Pot, Budget)],
) -> Result<Option<String>, Fault> {
    let limits = limits(db, pot, said)?;
    if limits.is_empty() {
        return Ok(None);
    }
    let used = spent(db, pot, period)?.0;
    Ok(limits.iter().find_map(|limit| limit.overdrawn(&used.seen_by(limit))))
}

/// All limits of a budget: the one that is set, and those that were said elsewhere.
pub(super) fn limits(db: &Connection, pot: &Pot, said: &[(Pot, Budget)]) -> Result<Vec<Budget>, Fault> {
    let said = said.iter().filter(|(of, _)| of == pot).map(|(_, limit)| limit.clone());
    Ok(limit(db, &pot.to_string())?.into_iter().chain(said).collect())
}

fn account(db: &Connection, pot: Pot, now_ms: u64) -> Result<Account, Fault> {
    let period = pot.period(now_ms);
    let (used, bound) = spent(db, &pot, &period)?;
    let (mut reserved, mut orphaned) = (Sum::default(), Sum::default());
    for (lease, usage) in held(db, &pot, &period, None)? {
        if is_driven(&lease) { reserved.add(&usage) } else { orphaned.add(&usage) }
    }
    let limit = limit(db, &pot.to_string())?;
    let renews_at = pot.renews_at(now_ms);
    Ok(Account { limit, used, bound, reserved, orphaned, renews_at, pot })
}

pub(super) fn usage(row: &Row<'_>, first: usize) -> rusqlite::Result<Usage> {
    let cost = Cost { amount: Money(row.get(first + 1)?), currency: row.get(first + 2)? };
    Ok(Usage { tokens: count(row.get(first)?), cost, ..Usage::default() })
}

/// The first columns of what was used.
fn used_of(row: &Row<'_>) -> rusqlite::Result<Usage> {
    let number = |at: usize| row.get::<_, i64>(at).map(count);
    let kinds =
        Tokens { input: number(3)?, output: number(4)?, cache_read: number(5)?, cache_write: number(6)? };
    Ok(Usage { kinds, ..usage(row, 0)? })
}

pub(super) fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn count(whole: i64) -> u64 {
    u64::try_from(whole).unwrap_or(0)
}
