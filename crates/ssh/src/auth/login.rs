//! The conversation that ends with the server letting us in, or not.

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse as Asked, Prompt};
use russh::keys::{Algorithm, HashAlg};
use russh::{MethodKind, MethodSet};

use super::agent::{self, Agency};
use super::candidate::{Candidate, Candidates, gather};
use super::keyring::Keyring;
use super::signer::{NoSignature, Signer};
use crate::config::{Method, Settings};
use crate::session::Guard;
use crate::{Endpoint, Error, Secret};

/// More questions than any honest server asks.
const MAX_QUESTIONS: usize = 20;

/// Lets us in; says by what. `trusted` is false where the host key is not surely the right one: then no password
/// is sent.
pub(crate) async fn login(
    handle: &mut Handle<Guard>,
    settings: &Settings,
    endpoint: &Endpoint,
    keyring: &Keyring,
    trusted: bool,
) -> Result<String, Error> {
    let mut talk = Login {
        handle,
        settings,
        address: format!("{}:{}", settings.host, settings.port),
        takes: None,
        tried: Vec::new(),
        skipped: Vec::new(),
        hardware: false,
        partial: false,
    };
    for method in &settings.methods {
        // After a partial success the server wants other methods than before.
        let word = match method {
            Method::PublicKey => talk.keys(endpoint, keyring).await?,
            Method::Keyboard | Method::Password => match &endpoint.password {
                Some(_) if !trusted => {
                    talk.skipped.push("the password, since the host key is not the known one".into());
                    None
                }
                Some(password) if talk.takes(*method) => talk.password(*method, password).await?,
                _ => None,
            },
        };
        if let Some(word) = word {
            return Ok(word);
        }
    }
    talk.refused().await
}

struct Login<'a> {
    handle: &'a mut Handle<Guard>,
    settings: &'a Settings,
    address: String,
    /// What the server said it takes; nothing before it has said so.
    takes: Option<MethodSet>,
    tried: Vec<String>,
    skipped: Vec<String>,
    hardware: bool,
    /// One proof was taken, and the server wants another.
    partial: bool,
}

impl Login<'_> {
    fn takes(&self, method: Method) -> bool {
        let kind = match method {
            Method::PublicKey => MethodKind::PublicKey,
            Method::Keyboard => MethodKind::KeyboardInteractive,
            Method::Password => MethodKind::Password,
        };
        self.takes.as_ref().is_none_or(|set| set.contains(&kind))
    }

    async fn keys(&mut self, endpoint: &Endpoint, keyring: &Keyring) -> Result<Option<String>, Error> {
        let binding = self.handle.agent_session_binding().cloned();
        let agency = match agent::connect(&self.settings.agent, binding.as_ref()).await {
            Ok(agency) => agency,
            Err(why) => {
                self.skipped.push(why);
                None
            }
        };
        let (mut client, keys) = match agency {
            Some(Agency { client, keys }) => (Some(client), keys),
            None => (None, Vec::new()),
        };
        let Candidates { list, skipped, hardware } =
            gather(self.settings, &endpoint.identity_files, &keys, keyring);
        self.skipped.extend(skipped);
        self.hardware = hardware;
        for candidate in list {
            if !self.takes(Method::PublicKey) {
                break;
            }
            let label = candidate.label();
            let signer = Signer { holder: &candidate.holder, agent: client.as_mut(), keyring };
            match self.offer(&candidate, signer).await {
                Ok(result) => {
                    self.tried.push(label.clone());
                    if self.heard(result)? {
                        return Ok(Some(label));
                    }
                    if self.partial && !self.takes(Method::PublicKey) {
                        break;
                    }
                }
                Err(NoSignature::Key(why)) => self.skipped.push(format!("{label}: {why}")),
                Err(NoSignature::Lost) => return Err(self.lost()),
            }
        }
        Ok(None)
    }

    async fn offer(
        &mut self,
        candidate: &Candidate,
        mut signer: Signer<'_>,
    ) -> Result<AuthResult, NoSignature> {
        let user = self.settings.user.clone();
        let hash = match candidate.key.algorithm() {
            Algorithm::Rsa { .. } => Some(self.rsa_hash().await),
            _ => None,
        };
        match candidate.certificate.clone() {
            Some(certificate) => {
                self.handle.authenticate_certificate_with(user, certificate, hash, &mut signer).await
            }
            None => {
                let key = candidate.key.clone();
                self.handle.authenticate_publickey_with(user, key, hash, &mut signer).await
            }
        }
    }

    /// SHA-1 is never used: a server that knows nothing better is refused by OpenSSH as well.
    async fn rsa_hash(&self) -> HashAlg {
        match self.handle.best_supported_rsa_hash().await {
            Ok(Some(Some(hash))) => hash,
            _ => HashAlg::Sha256,
        }
    }

    async fn password(&mut self, method: Method, password: &Secret) -> Result<Option<String>, Error> {
        let user = self.settings.user.clone();
        let (word, result) = if method == Method::Password {
            let result = self.handle.authenticate_password(user, password.expose()).await;
            ("password", result.map_err(|_| self.lost())?)
        } else {
            ("keyboard-interactive", self.answer(user, password).await?)
        };
        self.tried.push(word.to_owned());
        Ok(self.heard(result)?.then(|| word.to_owned()))
    }

    /// Answers each hidden question with the password, once: who asks again did not like it.
    async fn answer(&mut self, user: String, password: &Secret) -> Result<AuthResult, Error> {
        let start = self.handle.authenticate_keyboard_interactive_start(user, None).await;
        let mut asked = start.map_err(|_| self.lost())?;
        let mut given = false;
        for _ in 0..MAX_QUESTIONS {
            let answers = match asked {
                Asked::Success => return Ok(AuthResult::Success),
                Asked::Failure { remaining_methods, partial_success } => {
                    return Ok(AuthResult::Failure { remaining_methods, partial_success });
                }
                Asked::InfoRequest { prompts, .. } => answers(&prompts, password, &mut given),
            };
            let next = self.handle.authenticate_keyboard_interactive_respond(answers).await;
            asked = next.map_err(|_| self.lost())?;
        }
        Err(Error::Protocol { address: self.address.clone(), why: "the server asks without end".into() })
    }

    /// Notes what the server said; true where it let us in.
    fn heard(&mut self, result: AuthResult) -> Result<bool, Error> {
        match result {
            AuthResult::Success => Ok(true),
            AuthResult::Failure { remaining_methods, partial_success } => {
                // The library has no other word for a connection that ended meanwhile.
                if remaining_methods.is_empty() && self.handle.is_closed() {
                    return Err(self.lost());
                }
                self.partial |= partial_success;
                self.takes = Some(remaining_methods);
                Ok(false)
            }
        }
    }

    fn lost(&self) -> Error {
        // Servers hang up after too many offers; that is no accident that another attempt would mend.
        if self.tried.len() >= 5 {
            return self.denied(Some("the server hung up after so many offers".into()));
        }
        Error::Closed { address: self.address.clone(), why: "during the authentication".into() }
    }

    /// Asks what the server takes, if it has not said so yet, and makes the message of it.
    async fn refused(mut self) -> Result<String, Error> {
        if self.takes.is_none() {
            let result = self.handle.authenticate_none(self.settings.user.clone()).await;
            let result = result.map_err(|_| self.lost())?;
            if self.heard(result)? {
                return Ok("nothing".into());
            }
        }
        Err(self.denied(None))
    }

    fn denied(&self, more: Option<String>) -> Error {
        let takes = self.takes.as_ref().map(|set| {
            let words: Vec<&str> = set.iter().map(<&str>::from).collect();
            format!("the server takes {}", words.join(", "))
        });
        let list = |word: &str, items: &[String]| {
            (!items.is_empty()).then(|| format!("{word} {}", items.join(", ")))
        };
        let parts = [takes, list("tried", &self.tried), list("passed over", &self.skipped), more];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let takes = |kind| self.takes.as_ref().is_some_and(|set| set.contains(&kind));
        let beyond = if self.settings.gssapi && takes(MethodKind::GssapiWithMic) {
            Some("the server takes GSSAPI".to_owned())
        } else if self.hardware && takes(MethodKind::PublicKey) {
            Some("a key is on hardware and in no agent".to_owned())
        } else {
            None
        };
        Error::Auth {
            user: self.settings.user.clone(),
            address: self.address.clone(),
            detail: if parts.is_empty() { String::new() } else { format!(" ({})", parts.join("; ")) },
            beyond,
        }
    }
}

fn answers(prompts: &[Prompt], password: &Secret, given: &mut bool) -> Vec<String> {
    let answer = |prompt: &Prompt| {
        if prompt.echo || *given { String::new() } else { password.expose().to_owned() }
    };
    let answers = prompts.iter().map(answer).collect();
    *given |= prompts.iter().any(|prompt| !prompt.echo);
    answers
}
