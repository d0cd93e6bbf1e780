//! Calls of `apt-get`: their words, waiting for others who install, and what comes of them.

use std::{
    fs,
    time::{Duration, Instant},
};

use super::{pick::Wish, plan, services::Services};
use crate::{
    Args, Context, Diff, Error, Reply,
    tool::{Said, Tool},
};

/// What apt-get says where nothing is to be done.
const NOTHING: &str = "0 upgraded, 0 newly installed, 0 to remove";

/// What it says where somebody else is at work. It waits by itself for some locks and not for others.
const LOCKED: [&str; 3] = ["Could not get lock", "Unable to lock", "Unable to acquire the dpkg frontend lock"];

/// What it says after somebody was killed at work.
const INTERRUPTED: &str = "dpkg was interrupted";

/// What keeps apt's programs from writing anything, caches and logs of their own included.
const NO_TRACE: [&str; 3] = ["Dir::Cache::pkgcache=", "Dir::Cache::srcpkgcache=", "Dir::Log::Planner=/dev/null"];

/// How long to wait before another try.
const PAUSE: Duration = Duration::from_millis(500);

/// Which packages came along with others and may go with them.
const AUTOMATIC: &str = "/var/lib/apt/extended_states";

pub(super) struct Call<'a> {
    pub(super) args: &'a Args,
    pub(super) cx: &'a Context<'a>,
}

impl Call<'_> {
    /// Runs apt-get; waits for locks, and once sets right what a killed run left half done.
    pub(super) fn get(&self, words: Vec<String>) -> Result<Said, Error> {
        let patience = Duration::from_secs(self.args.int("lock_timeout").max(0).unsigned_abs());
        let end = Instant::now() + patience;
        let mut repaired = false;
        loop {
            let said = self.tool("apt-get").args(self.no_trace()).args(words.clone()).run(self.cx)?;
            if said.ok() {
                return Ok(said);
            }
            if LOCKED.iter().any(|words| said.err.contains(words)) && Instant::now() < end {
                self.cx.sleep(PAUSE)?;
            } else if said.err.contains(INTERRUPTED) && !repaired && !self.cx.checks() {
                repaired = true;
                let options = self.dpkg_options();
                self.tool("dpkg").args(options).args(["--configure", "-a"]).run(self.cx)?;
            } else {
                return Ok(said);
            }
        }
    }

    fn tool(&self, program: &str) -> Tool {
        let tool = Tool::new(program).env("DEBIAN_FRONTEND", "noninteractive").env("DEBIAN_PRIORITY", "critical");
        tool.live()
    }

    /// The words for a program of apt's that must leave nothing behind: in check mode.
    pub(super) fn no_trace(&self) -> Vec<String> {
        let words = NO_TRACE.iter().flat_map(|option| ["-o".to_owned(), (*option).to_owned()]);
        if self.cx.checks() { words.collect() } else { Vec::new() }
    }

    fn dpkg_options(&self) -> Vec<String> {
        let options = self.args.str("dpkg_options").split(',').map(str::trim);
        options.filter(|option| !option.is_empty()).map(|option| format!("--{option}")).collect()
    }

    /// The words that every change has.
    fn words(&self) -> Vec<String> {
        let mut words = vec!["-y".to_owned()];
        let timeout = format!("DPkg::Lock::Timeout={}", self.args.int("lock_timeout"));
        let dpkg = self.dpkg_options().into_iter().map(|option| format!("Dpkg::Options::={option}"));
        for option in dpkg.chain([timeout]) {
            words.extend(["-o".to_owned(), option]);
        }
        words.extend(self.cx.checks().then(|| "--simulate".to_owned()));
        words
    }

    /// Adds the flags of these parameters that are set.
    fn flags(&self, words: &mut Vec<String>, flags: &[(&str, &str)]) {
        let on = flags.iter().filter(|(param, _)| self.args.bool(param));
        words.extend(on.map(|(_, flag)| (*flag).to_owned()));
    }

    /// Runs a change, with the host's services answered for.
    fn act(&self, words: Vec<String>) -> Result<Said, Error> {
        let status = self.args.opt_int("policy_rc_d").filter(|_| !self.cx.checks());
        let services = Services::answer(status)?;
        let said = self.get(words);
        services.done()?;
        said
    }

    fn reply(&self, said: Said, changed: bool, what: &str) -> Reply {
        let mut reply = Reply::changed(changed);
        if !said.ok() {
            reply = Reply::failed(format!("'apt-get {what}' failed: {}", said.why())).with("rc", said.rc);
        } else if changed && self.cx.diff {
            reply.diff = Some(Diff { before: "".into(), after: plan(&said.out), ..Diff::default() });
        }
        reply.with("stdout", said.out).with("stderr", said.err)
    }

    /// Installs packages that apt-get understands, files among them.
    pub(super) fn install(&self, packages: Vec<String>, verb: &str) -> Result<Reply, Error> {
        let fixed = self.args.str("state") == "fixed";
        if packages.is_empty() && !fixed {
            return Ok(Reply::ok());
        }
        let mut words = self.words();
        self.flags(
            &mut words,
            &[
                ("only_upgrade", "--only-upgrade"),
                ("autoremove", "--auto-remove"),
                ("fail_on_autoremove", "--no-remove"),
                ("force", "--force-yes"),
                ("allow_unauthenticated", "--allow-unauthenticated"),
                ("allow_downgrade", "--allow-downgrades"),
                ("allow_change_held_packages", "--allow-change-held-packages"),
            ],
        );
        words.extend(fixed.then(|| "--fix-broken".to_owned()));
        self.release(&mut words);
        if self.args.has("install_recommends") {
            let word = if self.args.bool("install_recommends") { "yes" } else { "no" };
            words.extend(["-o".to_owned(), format!("APT::Install-Recommends={word}")]);
        }
        let what = format!("{verb} {}", packages.join(" "));
        words.extend([verb.to_owned(), "--".to_owned()]);
        words.extend(packages);
        let said = self.act(words)?;
        // What was asked for by name is known to be missing; the rest apt-get knows alone.
        let certain = verb == "install" && !fixed;
        let changed = certain || !said.out.contains(NOTHING);
        Ok(self.reply(said, changed, &what))
    }

    /// Removes packages.
    pub(super) fn remove(&self, packages: Vec<String>) -> Result<Reply, Error> {
        if packages.is_empty() {
            return if self.args.bool("autoremove") { self.tidy() } else { Ok(Reply::ok()) };
        }
        let mut words = self.words();
        self.flags(
            &mut words,
            &[
                ("purge", "--purge"),
                ("force", "--force-yes"),
                ("autoremove", "--auto-remove"),
                ("allow_change_held_packages", "--allow-change-held-packages"),
            ],
        );
        let what = format!("remove {}", packages.join(" "));
        words.extend(["remove".to_owned(), "--".to_owned()]);
        words.extend(packages);
        let said = self.act(words)?;
        Ok(self.reply(said, true, &what))
    }

    /// Upgrades everything.
    pub(super) fn upgrade(&self, mode: &str) -> Result<Reply, Error> {
        let mut words = self.words();
        self.flags(
            &mut words,
            &[
                ("force", "--force-yes"),
                ("fail_on_autoremove", "--no-remove"),
                ("allow_unauthenticated", "--allow-unauthenticated"),
                ("allow_downgrade", "--allow-downgrades"),
                ("autoremove", "--auto-remove"),
            ],
        );
        self.release(&mut words);
        match mode {
            "dist" | "full" => words.push("dist-upgrade".into()),
            _ => words.extend(["upgrade".to_owned(), "--with-new-pkgs".to_owned()]),
        }
        let said = self.act(words)?;
        let changed = !said.out.contains(NOTHING);
        let msg = said.out.clone();
        let reply = self.reply(said, changed, "upgrade");
        Ok(if reply.failed { reply } else { reply.msg(msg) })
    }

    /// `autoclean` and `autoremove` without packages.
    pub(super) fn tidy(&self) -> Result<Reply, Error> {
        let mut all = Reply::ok();
        let verbs =
            [("autoclean", "Del "), ("autoremove", "The following packages will be REMOVED")];
        for (verb, sign) in verbs.iter().filter(|(verb, _)| self.args.bool(verb)) {
            let mut words = self.words();
            self.flags(&mut words, &[("purge", "--purge"), ("force", "--force-yes")]);
            words.push((*verb).to_owned());
            let said = self.act(words)?;
            let changed = said.out.contains(sign);
            let reply = self.reply(said, changed, verb);
            if reply.failed {
                return Ok(reply);
            }
            all = Reply { changed: all.changed || changed, ..reply };
        }
        Ok(all)
    }

    /// Removes all kept package files.
    pub(super) fn clean(&self) -> Result<Reply, Error> {
        let mut words = self.words();
        words.push("clean".into());
        let said = self.get(words)?;
        if !said.ok() {
            return Err(Error::Failed(format!("apt-get clean failed: {}", said.why())));
        }
        let msg = said.out.clone();
        Ok(self.reply(said, true, "clean").msg(msg))
    }

    /// Marks packages as wanted for their own sake, where they came along with others.
    pub(super) fn keep(&self, wishes: &[Wish]) -> Result<(), Error> {
        let automatic = automatic(&fs::read_to_string(AUTOMATIC).unwrap_or_default());
        let names: Vec<&str> = wishes.iter().map(|wish| wish.name.as_str()).collect();
        let names: Vec<&str> = names.into_iter().filter(|name| automatic.iter().any(|other| other == name)).collect();
        if names.is_empty() {
            return Ok(());
        }
        let said = Tool::new("apt-mark").args(["manual", "--"]).args(names.iter().copied()).run(self.cx)?;
        if said.ok() {
            return Ok(());
        }
        Err(Error::Failed(format!("'apt-mark manual {}' failed: {}", names.join(" "), said.why())))
    }

    fn release(&self, words: &mut Vec<String>) {
        if let Some(release) = self.args.opt_str("default_release") {
            words.extend(["-t".to_owned(), release.to_owned()]);
        }
    }
}

/// The packages that came along with others.
fn automatic(states: &str) -> Vec<String> {
    let stanzas = states.split("\n\n").filter(|stanza| stanza.contains("Auto-Installed: 1"));
    let names = stanzas.filter_map(|stanza| stanza.lines().find_map(|line| line.strip_prefix("Package: ")));
    names.map(|name| name.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::automatic;

    #[test]
    fn packages_that_came_along_are_known() {
        let states = "Package: a\nArchitecture: amd64\nAuto-Installed: 1\n\nPackage: b\nAuto-Installed: 0\n\nPackage: c\nAuto-Installed: 1\n";
        assert_eq!(automatic(states), ["a", "c"]);
    }
}
