//! The lookup of a password: made by chance when it is first asked for, and kept in a file.

use minijinja::{Error, Value};

use super::files::read;
use super::{Entry, Source, Terms, entry};
use crate::args::items;
use crate::chance::Chance;
use crate::crypt;
use crate::here::ask;
use crate::meter::charge;
use crate::outside::PlaceKind;
use crate::pairs;
use crate::repr;

const OPTIONS: &[&str] = &["length", "chars", "encrypt", "seed", "ident"];

pub(super) static LOOKUPS: &[Entry] = &[entry("password", OPTIONS, Source::Outside, |terms| {
    terms.texts()?.iter().map(|term| password(terms, term).map(Value::from)).collect()
})];

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// What a term asks for.
struct Wanted {
    path: String,
    length: usize,
    letters: Vec<char>,
    encrypt: Option<String>,
    /// A number is as good as its digits.
    seed: Option<String>,
}

impl Wanted {
    /// Options in the term win over those of the call.
    fn of(terms: &Terms<'_>, term: &str) -> Result<Wanted, Error> {
        let given = pairs::parse(term);
        if let Some((name, _)) = given.named.iter().find(|(name, _)| !OPTIONS.contains(&name.as_str())) {
            return Err(terms.error(format!("has no option `{name}`")));
        }
        let option = |name: &str| {
            let own = given.named.iter().rev().find(|(own, _)| own == name);
            own.map(|(_, value)| Value::from(value.as_str())).or_else(|| terms.option(name))
        };
        let text = |name: &str| option(name).map(|value| repr::text(&value)).transpose();
        let length = match text("length")? {
            Some(length) => length.parse().map_err(|_| terms.error("needs a whole number for `length`"))?,
            None => 20,
        };
        charge(length)?;
        Ok(Wanted {
            path: given.rest,
            length,
            letters: letters(option("chars"))?,
            encrypt: text("encrypt")?.filter(|kind| !kind.is_empty()),
            seed: text("seed")?,
        })
    }

    fn make(&self) -> Result<String, Error> {
        let seed = self.seed.as_deref().map(Value::from);
        Chance::new(seed.as_ref())?.letters(&self.letters, self.length)
    }
}

/// The letters to choose from: names of sets, or the letters themselves. Quotes are never among them.
fn letters(chars: Option<Value>) -> Result<Vec<char>, Error> {
    let sets = match chars {
        None => ["ascii_letters", "digits", ".,:-_"].map(str::to_owned).to_vec(),
        Some(chars) => match chars.as_str() {
            Some(text) => {
                // Two commas are one that counts.
                let comma = text.contains(",,").then(|| ",".to_owned());
                let rest = text.replace(",,", ",");
                let rest = rest.split(',').filter(|set| !set.is_empty()).map(str::to_owned);
                comma.into_iter().chain(rest).collect()
            }
            None => items(&chars)?.iter().map(repr::text).collect::<Result<Vec<_>, _>>()?,
        },
    };
    let spelt = |set: &String| match set.as_str() {
        "ascii_letters" => format!("{LOWER}{UPPER}"),
        "ascii_lowercase" => LOWER.to_owned(),
        "ascii_uppercase" => UPPER.to_owned(),
        "digits" => DIGITS.to_owned(),
        "hexdigits" => format!("{DIGITS}abcdefABCDEF"),
        "octdigits" => DIGITS[..8].to_owned(),
        "punctuation" => PUNCTUATION.to_owned(),
        "whitespace" => " \t\n\r\u{b}\u{c}".to_owned(),
        "printable" => format!("{DIGITS}{LOWER}{UPPER}{PUNCTUATION} \t\n\r\u{b}\u{c}"),
        own => own.to_owned(),
    };
    let all: String = sets.iter().map(spelt).collect();
    Ok(all.chars().filter(|c| !matches!(c, '"' | '\'')).collect())
}

fn password(terms: &Terms<'_>, term: &str) -> Result<String, Error> {
    let wanted = Wanted::of(terms, term)?;
    if wanted.path == "/dev/null" {
        let password = wanted.make()?;
        return match &wanted.encrypt {
            Some(kind) => crypt::hash(&password, kind, &crypt::salt(&mut Chance::True, 16)?, None),
            None => Ok(password),
        };
    }
    let stored = match content(terms, &wanted.path)? {
        Some(stored) => stored,
        None => first(terms, &wanted)?,
    };
    let (password, salt) = match stored.rsplit_once(" salt=") {
        Some((password, salt)) => (password, Some(salt.split(" ident=").next().unwrap_or(salt).to_owned())),
        None => (stored.as_str(), None),
    };
    let Some(kind) = &wanted.encrypt else { return Ok(password.to_owned()) };
    let salt = match salt {
        Some(salt) => salt,
        None => {
            let salt = crypt::salt(&mut Chance::True, 16)?;
            keep(terms, &wanted.path, &format!("{password} salt={salt}\n"), true)?;
            salt
        }
    };
    crypt::hash(password, kind, &salt, None)
}

/// Makes the password and keeps it. Another run may have been faster: then it is the other's.
fn first(terms: &Terms<'_>, wanted: &Wanted) -> Result<String, Error> {
    let mut line = wanted.make()?;
    if wanted.encrypt.is_some() {
        line.push_str(" salt=");
        line.push_str(&crypt::salt(&mut Chance::True, 16)?);
    }
    if keep(terms, &wanted.path, &format!("{line}\n"), false)? {
        return Ok(line);
    }
    content(terms, &wanted.path)?.ok_or_else(|| terms.error("finds its file taken away"))
}

fn content(terms: &Terms<'_>, path: &str) -> Result<Option<String>, Error> {
    let place = ask(|outside| outside.look(path)).map_err(|error| terms.failed(error))?;
    match place.kind {
        PlaceKind::Nothing => Ok(None),
        _ => Ok(Some(read(terms, path)?.trim_end().to_owned())),
    }
}

fn keep(terms: &Terms<'_>, path: &str, text: &str, replace: bool) -> Result<bool, Error> {
    ask(|outside| outside.keep(path, text, replace)).map_err(|error| terms.failed(error))
}
