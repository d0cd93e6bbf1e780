//! Holding back: whether the budgets have what an attempt may use, and the hold that is written then.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;

use rusqlite::{OptionalExtension, Transaction, params};

use super::book::{limits, spent, usage, whole};
use super::holds::{held, place};
use super::{Claim, Holder, Pot, Refusal};
use crate::sqlite::Fault;

/// Holds back what an attempt may use, or says which budget does not have it. What the attempt held before is
/// replaced.
pub(super) fn reserve(db: &Transaction<'_>, claim: &Claim, now_ms: u64) -> Result<Option<Refusal>, Fault> {
    if !claim.most.others.is_empty() {
        let pot = claim.pots.first().cloned().unwrap_or(Pot::Project);
        return Ok(Some(Refusal { pot, why: "the step costs money in more than one currency".into() }));
    }
    let own = held_before(db, claim, now_ms)?;
    for pot in &claim.pots {
        let limits = limits(db, pot, &claim.limits)?;
        if limits.is_empty() {
            continue;
        }
        let period = pot.period(now_ms);
        let (mut all, held) = (spent(db, pot, &period)?.0, held(db, pot, &period, own.key)?);
        held.iter().for_each(|(_, usage)| all.add(usage));
        let refusal = limits.iter().find_map(|limit| limit.refuses(&all.seen_by(limit), &claim.most));
        if let Some(why) = refusal {
            own.forget(db)?;
            return Ok(Some(Refusal { pot: pot.clone(), why }));
        }
    }
    if !own.same {
        own.forget(db)?;
        hold(db, claim, now_ms)?;
    }
    Ok(None)
}

/// What an attempt held back before it asked once more.
struct Own {
    key: Option<i64>,
    /// Whether it is just what is asked for: then nothing is written, and the disk is not waited for.
    same: bool,
}

impl Own {
    fn forget(&self, db: &Transaction<'_>) -> Result<(), Fault> {
        if let Some(key) = self.key {
            db.prepare_cached("DELETE FROM hold WHERE key = ?1")?.execute([key])?;
        }
        Ok(())
    }
}

fn held_before(db: &Transaction<'_>, claim: &Claim, now_ms: u64) -> Result<Own, Fault> {
    let Holder { lease, run, at, attempt } = &claim.holder;
    let mut find = db.prepare_cached(
        "SELECT tokens, amount, currency, key FROM hold
         WHERE lease = ?1 AND run = ?2 AND place = ?3 AND attempt = ?4",
    )?;
    let at = params![lease.as_os_str().as_bytes(), run.as_str(), place(*at), attempt];
    let found = find.query_row(at, |row| Ok((usage(row, 0)?, row.get::<_, i64>(3)?))).optional()?;
    let Some((most, key)) = found else { return Ok(Own { key: None, same: false }) };
    let mut claims = db.prepare_cached("SELECT pot, period FROM claim WHERE hold = ?1")?;
    let claims = claims.query_map([key], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let claims = claims.collect::<rusqlite::Result<BTreeSet<(String, String)>>>()?;
    let due = claim.pots.iter().map(|pot| (pot.to_string(), pot.period(now_ms))).collect();
    let same = most.tokens == claim.most.tokens && most.cost == claim.most.cost && claims == due;
    Ok(Own { key: Some(key), same })
}

fn hold(db: &Transaction<'_>, claim: &Claim, now_ms: u64) -> Result<(), Fault> {
    let Holder { lease, run, at, attempt } = &claim.holder;
    let most = &claim.most;
    db.prepare_cached(
        "INSERT INTO hold (lease, run, place, attempt, tokens, amount, currency)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        lease.as_os_str().as_bytes(),
        run.as_str(),
        place(*at),
        attempt,
        whole(most.tokens),
        most.cost.amount.0,
        most.cost.currency
    ])?;
    let key = db.last_insert_rowid();
    for pot in &claim.pots {
        db.prepare_cached("INSERT OR IGNORE INTO claim (pot, period, hold) VALUES (?1, ?2, ?3)")?
            .execute(params![pot.to_string(), pot.period(now_ms), key])?;
    }
    Ok(())
}
