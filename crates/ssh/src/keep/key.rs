//! What makes two connections the same: everything that decides where they lead and what they may do.

use std::io::Read as _;
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::route::{Plan, Route};
use crate::{Error, Secret};

/// The name of connections that are the same. It says nothing of what it was made of.
pub(super) type Key = [u8; 32];

/// Makes keys. What is random in it ends with the process, so that a key is worth nothing elsewhere.
pub(super) struct Maker {
    random: [u8; 32],
}

impl Maker {
    pub(super) fn new() -> Result<Self, Error> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| Error::Keep(format!("no random numbers: {error}")))?;
        Ok(Self { random })
    }

    /// The key of a route. Key files count by what is in them now, and the password by its digest; neither the
    /// name of the host in an inventory nor how long connecting may take make a difference.
    pub(super) fn make(&self, route: &Route, password: Option<&Secret>) -> Result<Key, Error> {
        let broken = |error| Error::Keep(format!("a route cannot be written: {error}"));
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.random).expect("a key may have any length");
        for plan in route.hops.iter().map(|(_, plan)| plan).chain([&route.target]) {
            let settings = serde_json::to_vec(&plan.settings).map_err(broken)?;
            part(&mut mac, &settings);
            files(plan, |path| {
                part(&mut mac, path.as_os_str().as_encoded_bytes());
                part(&mut mac, &content(path));
            });
        }
        if let Some(password) = password {
            part(&mut mac, b"password");
            part(&mut mac, password.expose().as_bytes());
        }
        Ok(mac.finalize().into_bytes().into())
    }
}

/// Parts with their lengths: no two lists of parts are the same bytes.
fn part(mac: &mut Hmac<Sha256>, bytes: &[u8]) {
    mac.update(&(bytes.len() as u64).to_be_bytes());
    mac.update(bytes);
}

/// The files that say who we are, with what may lie beside each.
fn files(plan: &Plan, mut each: impl FnMut(&Path)) {
    let settings = &plan.settings;
    for file in plan.endpoint.identity_files.iter().chain(&settings.identity_files) {
        each(file);
        for beside in ["-cert.pub", ".pub"] {
            let mut name = file.as_os_str().to_owned();
            name.push(beside);
            each(Path::new(&name));
        }
    }
    settings.certificate_files.iter().for_each(|file| each(file));
}

/// The digest of a file; of nothing where it cannot be read, as it cannot be used then.
fn content(path: &Path) -> [u8; 32] {
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    // A pipe or a device among key files would hold everybody up.
    if std::fs::metadata(path).is_ok_and(|meta| meta.is_file())
        && let Ok(file) = std::fs::File::open(path)
    {
        // What is longer is no key.
        let _ = file.take(1 << 20).read_to_end(&mut bytes);
    }
    Sha256::digest(&*bytes).into()
}
