//! `policy_rc_d`: what the host answers when a package would start or stop a service, for the time of a run.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path};

use crate::Error;

/// The program that Debian's packages ask.
const FILE: &str = "/usr/sbin/policy-rc.d";

/// Where the host's own one waits meanwhile.
const ASIDE: &str = "/usr/sbin/policy-rc.d.windlass";

/// An answer that holds until this is dropped.
pub(super) struct Services {
    answered: bool,
}

impl Services {
    /// Answers with an exit status, or leaves it to the host.
    pub(super) fn answer(status: Option<i64>) -> Result<Self, Error> {
        let Some(status) = status else { return Ok(Self { answered: false }) };
        // What a run that was killed left aside is the host's own, not what it put in its place.
        if Path::new(FILE).exists() && !Path::new(ASIDE).exists() {
            fs::rename(FILE, ASIDE).map_err(Error::io("move", FILE))?;
        }
        let services = Self { answered: true };
        fs::write(FILE, format!("#!/bin/sh\nexit {status}\n")).map_err(Error::io("write", FILE))?;
        fs::set_permissions(FILE, fs::Permissions::from_mode(0o755)).map_err(Error::io("change", FILE))?;
        Ok(services)
    }

    /// Puts back what was there.
    pub(super) fn done(mut self) -> Result<(), Error> {
        let put = if self.answered { self.put_back() } else { Ok(()) };
        put.map_err(Error::io("put back", FILE))
    }

    fn put_back(&mut self) -> io::Result<()> {
        self.answered = false;
        if Path::new(ASIDE).exists() { fs::rename(ASIDE, FILE) } else { fs::remove_file(FILE) }
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        if self.answered {
            // The run has failed already, and says why.
            let _ = self.put_back();
        }
    }
}
