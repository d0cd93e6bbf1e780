//! Becoming another user: a gate of that user's own, started by `sudo`, `su` or `doas`.
//!
//! A password is never an argument, where every user of the host could see it, and is sent only once somebody
//! has asked for it. `sudo` is given a prompt that nobody can guess; `su` and `doas` have theirs. `doas`
//! asks on a terminal only: it gets one, and the gate keeps the streams that it had.

use windlass_model::{Code, Failure};
use zeroize::Zeroizing;

use super::delivery::nonce;
use super::{Delivery, Error};

/// How much of what is said before a gate speaks is looked at.
const HEARD: usize = 8 << 10;

/// Becomes a user (the first word) by `doas` on a terminal that `script` makes, and starts the gate (the second) away
/// from that terminal. What is read first is the password, once `doas` has asked for it; where it does not ask,
/// nothing is read. At its end the shell that still waits for a password must not keep the output open.
const DOAS: &str = r#"export WINDLASS_USER="$1" WINDLASS_START="$2";
if doas -n -u "$1" true 2>/dev/null; then eval "exec doas -n -u $1 $2"; fi; exec 3<&0 4>&1 5>&2;
( exec <&3 3<&- 4>&- 5>&- 2>/dev/null; IFS= read -r w && printf "%s\n" "$w" ) |
{ script -qefc "eval \"exec doas -u \$WINDLASS_USER setsid -w \$WINDLASS_START\" <&3 >&4 2>&5 3<&- 4>&- 5>&-"
/dev/null >&5 2>&5; kill $$; }"#;

/// How to become another user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// `sudo`.
    Sudo,
    /// `su`.
    Su,
    /// `doas`.
    Doas,
}

impl Method {
    /// The method of this name, as inventories have it.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "sudo" => Some(Self::Sudo),
            "su" => Some(Self::Su),
            "doas" => Some(Self::Doas),
            _ => None,
        }
    }

    /// Its name there.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sudo => "sudo",
            Self::Su => "su",
            Self::Doas => "doas",
        }
    }
}

/// Whom to become, and how.
#[derive(Clone)]
pub struct Become {
    method: Method,
    user: String,
    password: Option<Zeroizing<String>>,
    prompt: String,
}

impl std::fmt::Debug for Become {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Become({} by {})", self.user, self.method.name())
    }
}

impl Become {
    /// This user, by this method, without a password.
    pub fn new(method: Method, user: &str) -> Result<Self, Failure> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-@$+".contains(&byte);
        // The name stands in a command line: what is no name is no user either.
        if user.is_empty()
            || user.starts_with('-')
            || !user.bytes().all(good)
            || user.contains('$') && !user.ends_with('$')
        {
            let failure = Failure::new(Code::BadParams, format!("{user:?} is no name of a user"));
            return Err(failure.permanent());
        }
        let prompt = format!("windlass-{}:", nonce());
        Ok(Self { method, user: user.to_owned(), password: None, prompt })
    }

    /// With this password, if one is asked for.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(Zeroizing::new(password.into()));
        self
    }

    /// The command that starts the gate as that user.
    pub fn command(&self, delivery: &Delivery) -> String {
        let (user, start) = (&self.user, delivery.command());
        // Within these quotes are no others: the delivery has one pair, around a script without any.
        let start = start.trim_start_matches("exec ");
        match (self.method, &self.password) {
            (Method::Sudo, None) => format!("exec sudo -n -H -u '{user}' -- {start}"),
            (Method::Sudo, Some(_)) => {
                format!("exec sudo -S -p '{}' -H -u '{user}' -- {start}", self.prompt)
            }
            (Method::Doas, None) => format!("exec doas -n -u '{user}' {start}"),
            (Method::Doas, Some(_)) => {
                format!("exec sh -c '{}' sh '{user}' {}", DOAS.replace('\n', " "), word(start))
            }
            // `su` hands its argument to the user's own shell: it has to be one word.
            (Method::Su, _) => format!("exec env LC_ALL=C su '{user}' -c {}", word(start)),
        }
    }

    pub(super) fn dialogue(&self) -> Dialogue {
        Dialogue { wants: self.clone(), heard: Vec::new(), asked: 0 }
    }

    /// Whether orders may be sent before the gate is there: not where they could be taken for a password.
    pub(crate) fn eager(&self) -> bool {
        self.password.is_none() && self.method != Method::Su
    }
}

/// One word for a shell, whatever is in it.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What is to be said next.
pub(super) enum Answered {
    Nothing,
    Password(Zeroizing<Vec<u8>>),
}

/// What is said on the way to the other user.
pub(super) struct Dialogue {
    wants: Become,
    heard: Vec<u8>,
    asked: u32,
}

impl Dialogue {
    /// Hears what comes on the error output, and answers a prompt.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Result<Answered, Error> {
        self.heard.extend_from_slice(bytes);
        let extra = self.heard.len().saturating_sub(HEARD);
        self.heard.drain(..extra);
        if !self.is_prompt() {
            return Ok(Answered::Nothing);
        }
        self.asked += 1;
        if self.asked > 1 {
            return Err(self.wrong());
        }
        let said = String::from_utf8_lossy(&self.heard).into_owned();
        self.heard.clear();
        match &self.wants.password {
            Some(password) => {
                Ok(Answered::Password(Zeroizing::new(format!("{}\n", password.as_str()).into_bytes())))
            }
            None => Err(self.needs_password(&said)),
        }
    }

    /// Why it came to nothing, by the last words.
    pub(super) fn ended(&self, said: &str) -> Error {
        let (name, user) = (self.wants.method.name(), &self.wants.user);
        let low = said.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| low.contains(word));
        if self.asked > 0
            && has(&[
                "authentication failure",
                "try again",
                "incorrect password",
                "authentication failed",
                "incorrect",
            ])
        {
            return self.wrong();
        }
        if has(&["not found", "no such file"]) && low.contains(name) && !low.contains("windlass-gate") {
            return Error::Unable(format!("{name} is not on the host: {said}"));
        }
        let missing = |tool: &str| low.contains(&format!("{tool}: ")) && low.contains("not found");
        if let Some(tool) = ["script", "setsid"].into_iter().find(|tool| missing(tool)) {
            return Error::Unable(format!(
                "{name} asks for a password on a terminal, which takes `{tool}` of util-linux on the host: {said}"
            ));
        }
        if has(&["must have a tty", "a tty is required", "must be run from a terminal", "no tty present"]) {
            return Error::Unable(format!("{name} needs a terminal, which a gate has not: {said}"));
        }
        if has(&["password is required", "authentication required", "a password is required"]) {
            return self.needs_password(said);
        }
        if has(&["unknown user", "does not exist", "no passwd entry"]) {
            return Error::Refused(format!("the host has no user {user}: {said}"));
        }
        if said.is_empty() {
            return Error::Refused(format!("{name} ended without a word and without becoming {user}"));
        }
        Error::Refused(format!("{name} refuses to become {user}: {said}"))
    }

    /// It took too long.
    pub(super) fn late(&self, what: &str) -> Error {
        Error::Unable(format!("{} did not become {}: {what}", self.wants.method.name(), self.wants.user))
    }

    fn is_prompt(&self) -> bool {
        match self.wants.method {
            Method::Sudo => {
                let prompt = self.wants.prompt.as_bytes();
                self.heard.windows(prompt.len()).any(|window| window == prompt)
            }
            Method::Su | Method::Doas => {
                let text = String::from_utf8_lossy(&self.heard);
                text.trim_end_matches(' ').to_lowercase().ends_with("password:")
            }
        }
    }

    fn wrong(&self) -> Error {
        let Become { method, user, .. } = &self.wants;
        Error::Refused(format!("the password for becoming {user} by {} is wrong", method.name()))
    }

    fn needs_password(&self, said: &str) -> Error {
        let (name, user) = (self.wants.method.name(), &self.wants.user);
        let said = said.trim();
        Error::Unable(format!("{name} needs a password to become {user}, and none was given: {said}"))
    }
}
