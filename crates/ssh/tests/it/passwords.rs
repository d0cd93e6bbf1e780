//! Passwords, asked for by the server in both ways. They need a user of the system, and so root.

use std::process::Command;

use windlass_ssh::{Choice, Endpoint, Error, HostKeys, Secret};

use crate::sshd::{Site, Sshd, fails, is_root, output, run, works};

/// A user with a password, gone with the test.
struct Person {
    name: String,
}

const PASSWORD: &str = "correct horse 7";

impl Person {
    /// Nothing where we may not make one: the test command runs as root.
    fn make(name: &str) -> Option<Self> {
        if !is_root() {
            return None;
        }
        let person = Self { name: format!("{name}{}", std::process::id()) };
        let hash = run(Command::new("openssl").args(["passwd", "-6", PASSWORD]));
        run(Command::new("useradd").args([
            "-M",
            "-d",
            "/tmp",
            "-s",
            "/bin/sh",
            "-p",
            hash.trim(),
            &person.name,
        ]));
        Some(person)
    }

    fn endpoint(&self, sshd: &Sshd, password: &str) -> Endpoint {
        let password = Some(Secret::new(password.into()));
        Endpoint { user: Some(self.name.clone()), password, ..sshd.endpoint() }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = Command::new("userdel").arg(&self.name).output();
    }
}

#[tokio::test]
async fn a_password_opens_the_door_where_the_server_takes_one() {
    let Some(person) = Person::make("wlpw") else { return };
    let site = Site::new();
    let sshd = Sshd::known(&site, "PasswordAuthentication yes\nKbdInteractiveAuthentication no");
    let transport = works(&site.client(), &person.endpoint(&sshd, PASSWORD)).await;
    assert!(transport.note().ends_with(", password"), "{}", transport.note());
    let (who, _, _) = output(transport.exec("id -un").await.expect("it starts")).await;
    assert_eq!(who.trim(), person.name);

    let error = fails(&site.client(), &person.endpoint(&sshd, "wrong")).await;
    assert!(matches!(error, Error::Auth { .. }), "{error}");
    assert!(!format!("{error:?}").contains("wrong"), "{error:?}");
}

#[tokio::test]
async fn a_question_of_the_server_is_answered_once() {
    let Some(person) = Person::make("wlki") else { return };
    let site = Site::new();
    let sshd = Sshd::known(&site, "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication yes");
    let transport = works(&site.client(), &person.endpoint(&sshd, PASSWORD)).await;
    assert!(transport.note().ends_with(", keyboard-interactive"), "{}", transport.note());
    let error = fails(&site.client(), &person.endpoint(&sshd, "wrong")).await;
    assert!(matches!(error, Error::Auth { .. }), "{error}");
}

#[tokio::test]
async fn a_key_and_a_password_together_are_two_proofs() {
    let Some(person) = Person::make("wlmf") else { return };
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "PasswordAuthentication yes\nAuthenticationMethods publickey,password");
    works(&site.client(), &person.endpoint(&sshd, PASSWORD)).await;
    let without = Endpoint { password: None, ..person.endpoint(&sshd, PASSWORD) };
    let error = fails(&site.client(), &without).await;
    assert!(error.to_string().contains("the server takes password"), "{error}");
}

#[tokio::test]
async fn a_host_whose_key_has_changed_gets_no_password() {
    let Some(person) = Person::make("wlch") else { return };
    let site = Site::new();
    site.keygen("old", &["-t", "ed25519"]);
    let sshd = Sshd::start(&site, "PasswordAuthentication yes");
    site.append("home/.ssh/known_hosts", &format!("[127.0.0.1]:{} {}\n", sshd.port, site.public("old")));
    let endpoint = Endpoint { host_key_checking: HostKeys::Off, ..person.endpoint(&sshd, PASSWORD) };
    let error = fails(&site.client(), &endpoint).await;
    assert!(error.to_string().contains("the host key is not the known one"), "{error}");
    assert!(!sshd.log().contains("password for"), "{}", sshd.log());
}

#[tokio::test]
async fn where_only_gssapi_is_left_the_program_has_to_do_it() {
    let site = Site::new();
    let client = site.client_with("GSSAPIAuthentication yes\nPubkeyAuthentication no\n");
    let choice = client.choice(&Endpoint::new("web1")).await.expect("it is valid");
    assert_eq!(choice, Choice::Program("GSSAPI is the only way to authenticate".into()));
}
