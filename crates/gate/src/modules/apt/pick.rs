//! What is to be installed or removed: wishes by name and version, against what is there and what can be had.

use std::collections::{BTreeMap, BTreeSet};

use super::{Call, version};
use crate::{Error, tool::Tool};

/// One package that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    /// As it was written.
    pub(super) text: String,
    pub(super) name: String,
    pub(super) version: Option<Version>,
}

/// The version that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Version {
    /// This one; a pattern.
    Is(String),
    /// This one or a newer one.
    AtLeast(String),
}

impl Version {
    fn fits(&self, other: &str) -> bool {
        match self {
            Self::Is(pattern) => version::matches(other, pattern),
            Self::AtLeast(least) => version::compare(other, least).is_ge(),
        }
    }
}

/// How a package is on the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The version that is installed.
    pub(super) version: Option<String>,
    /// Whether only its settings are left.
    pub(super) settings: bool,
}

/// What can be had of a package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Offer {
    /// What apt would install by itself.
    candidate: Option<String>,
    /// Everything, the newest first.
    versions: Vec<String>,
}

/// Takes the names apart; one with a pattern becomes every package that it fits.
pub(super) fn wishes(call: &Call<'_>, names: &[&str]) -> Result<Vec<Wish>, Error> {
    let mut all = Vec::new();
    let mut known: Option<Vec<String>> = None;
    for text in names {
        let wish = wish(text)?;
        if !wish.name.contains(['*', '?', '[', ']', '!']) {
            all.push(wish);
            continue;
        }
        if known.is_none() {
            known = Some(every(call)?);
        }
        let fitting = known.iter().flatten().filter(|name| version::matches(name, &wish.name));
        let before = all.len();
        all.extend(fitting.map(|name| Wish { text: name.clone(), name: name.clone(), version: None }));
        if all.len() == before {
            return Err(Error::Failed(format!("No package(s) matching '{}' available", wish.name)));
        }
    }
    Ok(all)
}

fn wish(text: &str) -> Result<Wish, Error> {
    let invalid = || Error::Failed(format!("invalid package spec: {text}"));
    let (name, version) = match text.find('=') {
        None => (text, None),
        Some(at) if text[..at].ends_with('>') => {
            (&text[..at - 1], Some(Version::AtLeast(text[at + 1..].to_owned())))
        }
        Some(at) => (&text[..at], Some(Version::Is(text[at + 1..].to_owned()))),
    };
    if name.is_empty() || name.starts_with('-') || text.matches('=').count() > 1 {
        return Err(invalid());
    }
    Ok(Wish { text: text.to_owned(), name: name.to_owned(), version })
}

/// The words for `apt-get install`: what is missing, and newer versions where they were asked for.
pub(super) fn wanted(call: &Call<'_>, wishes: &[Wish]) -> Result<Vec<String>, Error> {
    let names: Vec<String> = wishes.iter().map(|wish| wish.name.clone()).collect();
    let there = installed(call, &names)?;
    let latest = call.args.str("state") == "latest";
    // Where everything is there and any version will do, nobody has to know what could be had.
    let asked: Vec<String> = wishes
        .iter()
        .filter(|wish| latest || wish.version.is_some() || version_of(&there, wish).is_none())
        .map(|wish| wish.name.clone())
        .collect();
    let offers = if asked.is_empty() { BTreeMap::new() } else { offers(call, &asked)? };
    let mut words = Vec::new();
    for wish in wishes {
        let now = version_of(&there, wish);
        if now.is_none() && call.args.bool("only_upgrade") {
            // It is left alone, but a name that nobody knows is a mistake.
            if offers.get(&wish.name).is_none_or(|offer| offer.versions.is_empty()) {
                provided(call, &wish.name)?;
            }
            continue;
        }
        words.extend(word(call, wish, now, offers.get(&wish.name), latest)?);
    }
    Ok(words)
}

fn version_of<'a>(there: &'a BTreeMap<String, State>, wish: &Wish) -> Option<&'a str> {
    there.get(&wish.name).and_then(|state| state.version.as_deref())
}

/// The word for one package; none if it is as it should be.
fn word(
    call: &Call<'_>,
    wish: &Wish,
    now: Option<&str>,
    offer: Option<&Offer>,
    latest: bool,
) -> Result<Option<String>, Error> {
    let fits = now.is_some_and(|now| wish.version.as_ref().is_none_or(|wanted| wanted.fits(now)));
    // A pattern asks for the best version that it fits, also where another one is there that it fits.
    if fits && !latest && !matches!(wish.version, Some(Version::Is(_))) {
        return Ok(None);
    }
    let Some(offer) = offer.filter(|offer| !offer.versions.is_empty()) else {
        if now.is_none() && wish.version.is_none() {
            // A name that others stand for: apt-get knows which.
            return provided(call, &wish.name).map(|others| others.then(|| wish.name.clone()));
        }
        return if fits { Ok(None) } else { Err(unavailable(wish)) };
    };
    let best = match &wish.version {
        None => offer.candidate.as_ref(),
        Some(wanted) => {
            let candidate = offer.candidate.iter().chain(&offer.versions);
            candidate.into_iter().find(|version| wanted.fits(version))
        }
    };
    match best {
        Some(best) if now == Some(best.as_str()) => Ok(None),
        Some(best) => Ok(Some(format!("{}={best}", wish.name))),
        None if fits => Ok(None),
        None => Err(unavailable(wish)),
    }
}

fn unavailable(wish: &Wish) -> Error {
    Error::Failed(format!("no available installation candidate for {}", wish.text))
}

/// Whether other packages stand for a name that is none itself. Fails where nobody knows it.
fn provided(call: &Call<'_>, name: &str) -> Result<bool, Error> {
    let said = cache(call).args(["showpkg", "--", name]).run(call.cx)?;
    let others = said.out.split_once("Reverse Provides:").map_or("", |(_, rest)| rest);
    let mut others = others.lines().filter_map(|line| line.split_whitespace().next()).peekable();
    if others.peek().is_none() {
        return Err(Error::Failed(format!("No package matching '{name}' is available")));
    }
    // Where the only one that stands for it is there, it is there.
    let others: BTreeSet<String> = others.map(str::to_owned).collect();
    let names: Vec<String> = others.into_iter().collect();
    let there = installed(call, &names)?;
    Ok(!(names.len() == 1 && there.values().any(|state| state.version.is_some())))
}

/// The words for `apt-get remove`.
pub(super) fn unwanted(call: &Call<'_>, wishes: &[Wish]) -> Result<Vec<String>, Error> {
    let names: Vec<String> = wishes.iter().map(|wish| wish.name.clone()).collect();
    let there = installed(call, &names)?;
    let purge = call.args.bool("purge");
    let goes = |wish: &&Wish| {
        there.get(&wish.name).is_some_and(|state| {
            let fits = |now: &String| wish.version.as_ref().is_none_or(|wanted| wanted.fits(now));
            state.version.as_ref().is_some_and(fits) || (purge && state.settings)
        })
    };
    Ok(wishes.iter().filter(goes).map(|wish| wish.name.clone()).collect())
}

/// How packages are on the host; those that it never had are missing.
pub(super) fn installed(call: &Call<'_>, names: &[String]) -> Result<BTreeMap<String, State>, Error> {
    let format = "--showformat=${Package}\\t${Architecture}\\t${db:Status-Status}\\t${Version}\\n";
    // It fails where it knows one of them not at all, and tells of the others.
    let said = Tool::new("dpkg-query").args(["--show", format, "--"]).args(names.iter().cloned()).run(call.cx)?;
    Ok(states(&said.out, names))
}

fn states(text: &str, names: &[String]) -> BTreeMap<String, State> {
    let mut all: BTreeMap<String, State> = BTreeMap::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [package, arch, status, version] = fields[..] else { continue };
        let full = format!("{package}:{arch}");
        for name in names.iter().filter(|name| *name == package || **name == full) {
            let state = all.entry(name.clone()).or_default();
            match status {
                "installed" => state.version = Some(version.to_owned()),
                "config-files" => state.settings = true,
                _ => {}
            }
        }
    }
    all
}

fn offers(call: &Call<'_>, names: &[String]) -> Result<BTreeMap<String, Offer>, Error> {
    let mut tool = cache(call);
    if let Some(release) = call.args.opt_str("default_release") {
        tool = tool.args(["-o".to_owned(), format!("APT::Default-Release={release}")]);
    }
    let said = tool.args(["policy", "--"]).args(names.iter().cloned()).run(call.cx)?;
    if !said.ok() {
        return Err(Error::Failed(format!("apt-cache policy: {}", said.why())));
    }
    let mut offers = policy(&said.out);
    // A package of the host's own architecture is shown without it.
    for name in names {
        if let Some((short, _)) = name.split_once(':')
            && let Some(offer) = offers.get(short).cloned()
        {
            offers.entry(name.clone()).or_insert(offer);
        }
    }
    Ok(offers)
}

/// Reads `apt-cache policy`.
fn policy(text: &str) -> BTreeMap<String, Offer> {
    let mut all: BTreeMap<String, Offer> = BTreeMap::new();
    let mut name = "";
    for line in text.lines() {
        let depth = line.len() - line.trim_start().len();
        let line = line.trim();
        if depth == 0 {
            name = line.trim_end_matches(':');
            all.entry(name.to_owned()).or_default();
            continue;
        }
        let Some(offer) = all.get_mut(name) else { continue };
        if let Some(candidate) = line.strip_prefix("Candidate: ") {
            offer.candidate = Some(candidate.to_owned()).filter(|version| version != "(none)");
        } else if matches!(depth, 1 | 5) {
            // `     1.0-1 500`, or ` *** 1.0-1 500` for what is installed; where they come from stands deeper.
            let version = line.trim_start_matches("*** ").split(' ').next().unwrap_or_default();
            offer.versions.push(version.to_owned());
        }
    }
    all
}

fn cache(call: &Call<'_>) -> Tool {
    Tool::new("apt-cache").args(call.no_trace())
}

/// Every name that the host knows.
fn every(call: &Call<'_>) -> Result<Vec<String>, Error> {
    let offered = cache(call).arg("pkgnames").run(call.cx)?;
    let here = Tool::new("dpkg-query").args(["--show", "--showformat=${Package}\\n"]).run(call.cx)?;
    let names: BTreeSet<&str> = offered.out.lines().chain(here.out.lines()).filter(|name| !name.is_empty()).collect();
    Ok(names.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_taken_apart() {
        let read = |text| wish(text).map(|wish| (wish.name, wish.version));
        assert_eq!(read("a").unwrap(), ("a".into(), None));
        assert_eq!(read("a:i386=1.0*").unwrap(), ("a:i386".into(), Some(Version::Is("1.0*".into()))));
        assert_eq!(read("a>=1:2-3").unwrap(), ("a".into(), Some(Version::AtLeast("1:2-3".into()))));
        for bad in ["=1", "a=1=2", "-o", ""] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn states_are_those_of_dpkg() {
        let text = "a\tamd64\tinstalled\t1.0\nb\tall\tconfig-files\t2\nc\tamd64\tnot-installed\t\n";
        let names = ["a:amd64", "a", "b", "c", "d"].map(str::to_owned);
        let states = states(text, &names);
        assert_eq!(states["a"].version.as_deref(), Some("1.0"));
        assert_eq!(states["a:amd64"], states["a"]);
        assert_eq!((states["b"].version.is_none(), states["b"].settings), (true, true));
        assert_eq!(states["c"], State::default());
        assert!(!states.contains_key("d"));
    }

    #[test]
    fn policies_are_read() {
        let text = "a:\n  Installed: 1.0-1\n  Candidate: 1.1-1\n  Version table:\n     1.1-1 500\n        500 file:/repo ./ Packages\n *** 1.0-1 100\n        100 /var/lib/dpkg/status\nv:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n";
        let offers = policy(text);
        assert_eq!(offers["a"].candidate.as_deref(), Some("1.1-1"));
        assert_eq!(offers["a"].versions, ["1.1-1", "1.0-1"]);
        assert_eq!(offers["v"], Offer::default());
    }
}
