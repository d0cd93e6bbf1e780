//! How often `ssh -G` is asked, and that its answers count.

use std::os::unix::fs::PermissionsExt as _;

use windlass_ssh::{Choice, Client, ConfigFile, Endpoint, Options};

use crate::sshd::{Site, Sshd, works};

/// A client whose `ssh` leaves a line for each call.
fn counted(site: &Site, config: &str) -> Client {
    let log = site.write("calls", "");
    let program =
        site.write("ssh", &format!("#!/bin/sh\necho \"$@\" >> {}\nexec ssh \"$@\"\n", log.display()));
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    let config = ConfigFile::File(site.write("home/.ssh/config", config));
    Client::new(Options { program, config, ..site.options() })
}

#[tokio::test]
async fn the_program_is_asked_as_seldom_as_that_is_right() {
    let plain = "Host *\n  SendEnv LANG\n  HashKnownHosts yes\n  GSSAPIAuthentication yes\n";
    let general = "Host *\n  User ops\n  ServerAliveInterval 7\n";
    let blocks = "Host web1\n  User ops\n";
    let none: &[&str] = &[];
    for (config, args, expected) in [
        (plain, none, 0),
        (plain, &["-o", "StrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null"], 0),
        (plain, &["-o", "UserKnownHostsFile=~/known"], 2),
        (general, none, 2),
        (general, &["-J", "bastion"], 2),
        (blocks, none, 1 + 5),
        (general, &["-o", "ControlPath=/nonexistent/%C"], 2 + 5),
        (general, &["-o", "HostName=%h.example.com"], 2 + 5),
    ] {
        let site = Site::new();
        let client = counted(&site, config);
        // All at once, and all again: who comes second waits for the answer of the first.
        let ask = async |at: usize| {
            let ssh_args = args.iter().map(|a| (*a).to_owned()).collect();
            let endpoint = Endpoint { ssh_args, ..Endpoint::new(&format!("web{at}")) };
            assert_eq!(client.choice(&endpoint).await.expect("it is valid"), Choice::InProcess);
        };
        for _ in 0..2 {
            tokio::join!(ask(0), ask(1), ask(2), ask(3), ask(4));
        }
        let calls = site.read("calls");
        assert_eq!(calls.lines().count(), expected, "{config} {args:?}:\n{calls}");
    }
}

#[tokio::test]
async fn blocks_matches_includes_and_tokens_mean_what_they_mean_to_openssh() {
    let site = Site::new();
    site.keygen("key-web1", &["-t", "ed25519"]);
    site.authorize("key-web1");
    let sshd = Sshd::known(&site, "");
    let more = site.write(
        "more",
        &format!(
            "Match originalhost web1 exec \"test -n %h\"\n  Port {}\n  IdentityFile {}/key-%n\n",
            sshd.port,
            site.path("").display()
        ),
    );
    let client = site.client_with(&format!("Include {}\nHost web1\n  HostName 127.0.0.1\n", more.display()));
    let transport = works(&client, &Endpoint::new("web1")).await;
    assert_eq!(transport.kind(), "russh");
    assert!(transport.note().contains("key-web1"), "{}", transport.note());
}

#[tokio::test]
async fn the_users_algorithms_are_followed() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "");
    for (config, expected) in [
        ("KexAlgorithms diffie-hellman-group14-sha256\n", "diffie-hellman-group14-sha256, "),
        (
            "KexAlgorithms ecdh-sha2-nistp384,curve25519-sha256\nCiphers aes256-gcm@openssh.com\n",
            "ecdh-sha2-nistp384, ",
        ),
        ("Ciphers aes128-ctr\nMACs hmac-sha2-512\n", "curve25519-sha256, "),
    ] {
        let transport = works(&site.client_with(config), &sshd.endpoint()).await;
        assert!(transport.note().starts_with(expected), "{config}: {}", transport.note());
    }
    let error =
        crate::sshd::fails(&site.client_with("PubkeyAcceptedAlgorithms rsa-sha2-512\n"), &sshd.endpoint())
            .await;
    assert!(error.to_string().contains("is not among PubkeyAcceptedAlgorithms"), "{error}");
}

#[tokio::test]
async fn a_broken_configuration_is_told_in_the_words_of_openssh() {
    let site = Site::new();
    let client = site.client_with("NoSuchOption yes\n");
    let error = client.choice(&Endpoint::new("web1")).await.expect_err("it is broken");
    assert!(error.to_string().contains("Bad configuration option"), "{error}");
    assert!(!error.is_transient());
}
