//! Keys of all kinds, agents, certificates.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use windlass_ssh::{Client, Endpoint, Error, Options, Secret};

use crate::sshd::{Site, Sshd, fails, run, works};

#[tokio::test]
async fn keys_of_every_kind_open_the_door() {
    let site = Site::new();
    for (name, words) in [
        ("ed25519", &["-t", "ed25519"][..]),
        ("ecdsa256", &["-t", "ecdsa", "-b", "256"]),
        ("ecdsa384", &["-t", "ecdsa", "-b", "384"]),
        ("ecdsa521", &["-t", "ecdsa", "-b", "521"]),
        ("rsa", &["-t", "rsa", "-b", "2048"]),
        ("rsapem", &["-t", "rsa", "-b", "2048", "-m", "PEM"]),
        ("ecpem", &["-t", "ecdsa", "-m", "PKCS8"]),
    ] {
        site.keygen(name, words);
        site.authorize(name);
    }
    let sshd = Sshd::known(&site, "");
    for name in ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa", "rsapem", "ecpem"] {
        let endpoint = Endpoint { identity_files: vec![site.path(name)], ..sshd.endpoint() };
        let transport = works(&site.client(), &endpoint).await;
        assert_eq!(transport.kind(), "russh");
        assert!(
            transport.note().contains(&format!("key {}", site.path(name).display())),
            "{}",
            transport.note()
        );
    }
}

#[tokio::test]
async fn the_default_keys_are_found_at_home() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "");
    let transport = works(&site.client(), &sshd.endpoint()).await;
    assert!(
        transport.note().starts_with("curve25519-sha256") || transport.note().starts_with("mlkem768x25519")
    );
    transport.close().await;
}

#[tokio::test]
async fn an_encrypted_key_asks_once_or_says_that_nobody_can_be_asked() {
    let site = Site::new();
    let locked = site.keygen("locked", &["-t", "ed25519", "-N", "swordfish"]);
    site.authorize("locked");
    let sshd = Sshd::known(&site, "");
    let endpoint = Endpoint { identity_files: vec![locked.clone()], ..sshd.endpoint() };

    let error = fails(&site.client(), &endpoint).await;
    assert!(error.to_string().contains("is encrypted, and there is nobody to ask"), "{error}");
    assert!(!error.is_transient());

    for (word, opens) in [("swordfish", true), ("wrong", false)] {
        let asked = Arc::new(AtomicUsize::new(0));
        let (count, locked) = (asked.clone(), locked.clone());
        let passphrase: windlass_ssh::Passphrase = Arc::new(move |path| {
            assert_eq!(path, locked);
            count.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move { Some(Secret::new(word.to_owned())) })
        });
        let client = Client::new(Options { passphrase: Some(passphrase), ..site.options() });
        let (first, second) = tokio::join!(client.connect(&endpoint), client.connect(&endpoint));
        assert_eq!((first.is_ok(), second.is_ok()), (opens, opens));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        if let Err(error) = first {
            assert!(error.to_string().contains("does not open with its passphrase"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_key_that_others_can_read_is_passed_over() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site::with_key();
    let key = site.path("home/.ssh/id_ed25519");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("it is ours");
    let sshd = Sshd::known(&site, "");
    let error = fails(&site.client(), &sshd.endpoint()).await;
    assert!(error.to_string().contains("can be read by others (mode 0644)"), "{error}");
}

#[tokio::test]
async fn a_denied_key_is_told_with_what_the_server_takes() {
    let site = Site::new();
    site.keygen("home/.ssh/id_ed25519", &["-t", "ed25519"]);
    let sshd = Sshd::known(&site, "PasswordAuthentication no\nKbdInteractiveAuthentication no");
    let error = fails(&site.client(), &sshd.endpoint()).await;
    assert!(matches!(error, Error::Auth { .. }));
    let text = error.to_string();
    assert!(text.contains("permission denied (the server takes publickey; tried key "), "{text}");
    // With no key at all the server is asked what it would take.
    std::fs::remove_file(site.path("home/.ssh/id_ed25519")).expect("it is there");
    std::fs::remove_file(site.path("home/.ssh/id_ed25519.pub")).expect("it is there");
    let error = fails(&site.client(), &sshd.endpoint()).await;
    assert!(error.to_string().ends_with("permission denied (the server takes publickey)"), "{error}");
}

#[tokio::test]
async fn the_agent_signs() {
    let site = Site::new();
    let agent = Agent::start(&site);
    for (name, words) in
        [("a", &["-t", "ed25519"][..]), ("b", &["-t", "rsa", "-b", "2048"]), ("c", &["-t", "ecdsa"])]
    {
        let key = site.keygen(name, words);
        agent.add(&key);
        std::fs::remove_file(key).expect("only the agent has it now");
        site.write("authorized_keys", "");
        site.authorize(name);
        let sshd = Sshd::known(&site, "");
        let client = Client::new(Options { agent: Some(agent.socket.clone()), ..site.options() });
        let transport = works(&client, &sshd.endpoint()).await;
        assert!(transport.note().contains("agent's key"), "{}", transport.note());
        // A public key as identity file picks this key of the agent, before all others.
        let endpoint =
            Endpoint { identity_files: vec![site.path(&format!("{name}.pub"))], ..sshd.endpoint() };
        let transport = works(&client, &endpoint).await;
        assert!(transport.note().contains(&site.fingerprint(name)), "{}", transport.note());
    }
}

#[tokio::test]
async fn the_key_that_the_inventory_names_goes_before_an_agent_full_of_others() {
    let site = Site::new();
    let agent = Agent::start(&site);
    for at in 0..8 {
        agent.add(&site.keygen(&format!("other{at}"), &["-t", "ed25519"]));
    }
    let named = site.keygen("named", &["-t", "ed25519"]);
    site.authorize("named");
    let sshd = Sshd::known(&site, "");
    let client = Client::new(Options { agent: Some(agent.socket.clone()), ..site.options() });
    works(&client, &Endpoint { identity_files: vec![named], ..sshd.endpoint() }).await;
    // Without it the server hangs up after six offers; that is no accident worth another attempt.
    let error = fails(&client, &sshd.endpoint()).await;
    assert!(matches!(error, Error::Auth { .. }), "{error}");
}

#[tokio::test]
async fn an_agent_that_is_gone_is_no_reason_to_give_up() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "");
    let client = Client::new(Options { agent: Some(site.path("gone")), ..site.options() });
    works(&client, &sshd.endpoint()).await;
}

#[tokio::test]
async fn user_certificates_open_the_door_from_files_and_agents() {
    let site = Site::new();
    site.keygen("ca", &["-t", "ed25519"]);
    let sshd = Sshd::known(&site, &format!("TrustedUserCAKeys {}", site.path("ca.pub").display()));
    for (name, words) in [("a", &["-t", "ed25519"][..]), ("b", &["-t", "rsa", "-b", "2048"])] {
        let key = site.keygen(name, words);
        let endpoint = Endpoint { identity_files: vec![key.clone()], ..sshd.endpoint() };
        assert!(matches!(fails(&site.client(), &endpoint).await, Error::Auth { .. }));
        sign(&site, name, &["-n", &crate::sshd::user()]);
        let transport = works(&site.client(), &endpoint).await;
        assert!(transport.note().contains("certificate"), "{}", transport.note());

        let agent = Agent::start(&site);
        agent.add(&key);
        let client = Client::new(Options { agent: Some(agent.socket.clone()), ..site.options() });
        let transport = works(&client, &sshd.endpoint()).await;
        assert!(transport.note().contains("agent's certificate"), "{}", transport.note());

        // `CertificateFile` of the configuration, with the key in the agent.
        let moved = site.path(&format!("elsewhere-{name}"));
        std::fs::rename(site.path(&format!("{name}-cert.pub")), &moved).expect("it is there");
        let client = site.client_with(&format!("CertificateFile {}", moved.display()));
        works(&client, &endpoint).await;
    }
}

#[tokio::test]
async fn an_expired_user_certificate_does_not() {
    let site = Site::new();
    site.keygen("ca", &["-t", "ed25519"]);
    let sshd = Sshd::known(&site, &format!("TrustedUserCAKeys {}", site.path("ca.pub").display()));
    let key = site.keygen("a", &["-t", "ed25519"]);
    sign(&site, "a", &["-n", &crate::sshd::user(), "-V", "20200101:20200102"]);
    let endpoint = Endpoint { identity_files: vec![key], ..sshd.endpoint() };
    assert!(matches!(fails(&site.client(), &endpoint).await, Error::Auth { .. }));
}

fn sign(site: &Site, name: &str, words: &[&str]) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-I", "test", "-s"]).arg(site.path("ca")).args(words);
    run(command.arg(site.path(&format!("{name}.pub"))));
}

/// A real agent.
struct Agent {
    socket: std::path::PathBuf,
    child: Child,
}

impl Agent {
    fn start(site: &Site) -> Self {
        let socket = (0..).map(|at| site.path(&format!("agent{at}"))).find(|path| !path.exists());
        let socket = socket.expect("some name is free");
        let mut command = Command::new("ssh-agent");
        command.arg("-D").arg("-a").arg(&socket).stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().expect("ssh-agent is installed");
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Self { socket, child }
    }

    fn add(&self, key: &std::path::Path) {
        run(Command::new("ssh-add").arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket));
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
