//! Filters that choose by chance, repeatably where a seed is given, and hashes with salt.

use minijinja::value::ValueKind;
use minijinja::{Error, State, Value};

use crate::args::{Args, Entry, entry};
use crate::chance::Chance;
use crate::crypt;
use crate::meter::charge;
use crate::ops::integer;

pub(super) static FILTERS: &[Entry] = &[
    entry("random", &["start", "step", "seed"], random),
    entry("shuffle", &["seed"], shuffle),
    entry("password_hash", &["hashtype", "salt", "salt_size", "rounds", "ident"], password_hash),
];

/// A number below the input, or an item of it.
fn random(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let mut chance = chance(args)?;
    let (start, step) = (args.int("start")?.unwrap_or(0), args.int("step")?.unwrap_or(0));
    if !args.input().is_integer() && args.input().kind() != ValueKind::Bool {
        if start != 0 || step != 0 {
            return Err(args.error("takes `start` and `step` for whole numbers only"));
        }
        return chance.choose(&args.input_items()?);
    }
    let end = i128::try_from(args.input().clone())?;
    let (start, step) = (i128::from(start), if step == 0 { 1 } else { i128::from(step) });
    let count = (end - start + step - step.signum()) / step;
    let count = usize::try_from(count).ok().filter(|count| *count > 0);
    let count = count.ok_or_else(|| args.error("has no number to choose from"))?;
    Ok(integer(start + step * chance.below(count)? as i128))
}

fn shuffle(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let mut all = args.input_items()?;
    // As in Ansible, zero and the empty text are no seeds.
    let seed = args.get("seed").filter(Value::is_true);
    Chance::new(seed.as_ref())?.shuffle(&mut all)?;
    Ok(all.into())
}

/// What seeding costs.
const SEEDING: usize = 4096;

fn chance(args: &Args<'_>) -> Result<Chance, Error> {
    charge(SEEDING)?;
    Chance::new(args.get("seed").as_ref())
}

fn password_hash(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let salt = match args.text("salt")? {
        Some(salt) => salt,
        None => crypt::salt(&mut Chance::True, args.size("salt_size", 16)?.min(16))?,
    };
    let rounds = args.int("rounds")?.map(i64::unsigned_abs);
    let kind = args.text_or("hashtype", "sha512")?;
    crypt::hash(&args.input_text()?, &kind, &salt, rounds).map(Value::from)
}
