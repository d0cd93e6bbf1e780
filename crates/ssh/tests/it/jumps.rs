//! Hosts behind other hosts.

use windlass_ssh::{Choice, Endpoint, Error, HostKeyError};

use crate::sshd::{Site, Sshd, dead_port, fails, user, works};

/// A configuration in which `target` is behind `bastion`.
fn config(bastion: &Sshd, target: &Sshd, more: &str) -> String {
    format!(
        "Host bastion\n  HostName 127.0.0.1\n  Port {}\n{more}\nHost target\n  HostName 127.0.0.1\n  Port {}\n  \
         ProxyJump bastion\n",
        bastion.port, target.port
    )
}

#[tokio::test]
async fn a_host_behind_a_jump_host_is_reached_through_it() {
    let site = Site::with_key();
    let (bastion, target) = (Sshd::known(&site, ""), Sshd::known(&site, ""));
    let client = site.client_with(&config(&bastion, &target, ""));
    let transport = works(&client, &Endpoint::new("target")).await;
    assert_eq!(transport.kind(), "russh");
    assert!(
        transport.note().ends_with(&format!("through 127.0.0.1:{}", bastion.port)),
        "{}",
        transport.note()
    );
    // Further hosts behind it go through the same connection, while one is open.
    let second = works(&client, &Endpoint::new("target")).await;
    assert_eq!(bastion.log().matches("Accepted publickey").count(), 1);
    assert_eq!(target.log().matches("Accepted publickey").count(), 2);
    drop((transport, second));
    works(&client, &Endpoint::new("target")).await;
    assert_eq!(bastion.log().matches("Accepted publickey").count(), 2);
}

#[tokio::test]
async fn the_way_may_have_several_hops_and_hops_of_hops() {
    let site = Site::with_key();
    let (a, b, target) = (Sshd::known(&site, ""), Sshd::known(&site, ""), Sshd::known(&site, ""));
    let jump = format!("{0}@127.0.0.1:{1},127.0.0.1:{2}", user(), a.port, b.port);
    let endpoint = Endpoint { ssh_args: vec!["-J".into(), jump], ..target.endpoint() };
    works(&site.client_with(""), &endpoint).await;
    for sshd in [&a, &b, &target] {
        assert_eq!(sshd.log().matches("Accepted publickey").count(), 1);
    }
    // The same, where the first hop's own configuration says how to get there.
    let client = site.client_with(&format!(
        "Host b\n  HostName 127.0.0.1\n  Port {}\n  ProxyJump 127.0.0.1:{}\nHost target\n  HostName 127.0.0.1\n  \
         Port {}\n  ProxyJump b\n",
        b.port, a.port, target.port
    ));
    works(&client, &Endpoint::new("target")).await;
    for sshd in [&a, &b, &target] {
        assert_eq!(sshd.log().matches("Accepted publickey").count(), 2);
    }
}

#[tokio::test]
async fn each_host_key_on_the_way_is_looked_at() {
    let site = Site::with_key();
    let (bastion, target) = (Sshd::start(&site, ""), Sshd::known(&site, ""));
    let client = site.client_with(&config(&bastion, &target, ""));
    let error = fails(&client, &Endpoint::new("target")).await;
    assert!(error.to_string().starts_with("jump host bastion: the host key of [127.0.0.1]:"), "{error}");
    assert!(!error.is_transient());
    assert!(!bastion.log().contains("Accepted"));

    let (bastion, target) = (Sshd::known(&site, ""), Sshd::start(&site, ""));
    let client = site.client_with(&config(&bastion, &target, ""));
    let error = fails(&client, &Endpoint::new("target")).await;
    assert!(
        matches!(&error, Error::HostKey(why) if matches!(**why, HostKeyError::Unknown { .. })),
        "{error}"
    );
    assert!(!target.log().contains("Accepted"));
}

#[tokio::test]
async fn what_fails_on_the_way_is_told_by_name() {
    let site = Site::with_key();
    let bastion = Sshd::known(&site, "");
    let dead = dead_port();
    let behind = |port: u16| {
        format!(
            "Host bastion\n  HostName 127.0.0.1\n  Port {}\nHost target\n  HostName 127.0.0.1\n  Port {port}\n  \
             ProxyJump bastion\n",
            bastion.port
        )
    };
    let error = fails(&site.client_with(&behind(dead)), &Endpoint::new("target")).await;
    assert!(error.to_string().starts_with(&format!("cannot connect to 127.0.0.1:{dead}: ")), "{error}");
    assert!(error.is_transient());

    let client = site.client_with(&format!("Host target\n  ProxyJump 127.0.0.1:{dead}\n"));
    let error = fails(&client, &Endpoint::new("target")).await;
    assert!(error.to_string().starts_with("jump host 127.0.0.1: cannot connect to"), "{error}");
    assert!(error.is_transient());

    let circle = "Host a\n  ProxyJump b\nHost b\n  ProxyJump a\nHost target\n  ProxyJump a\n";
    let error = fails(&site.client_with(circle), &Endpoint::new("target")).await;
    assert!(error.to_string().contains("is a circle"), "{error}");
}

#[tokio::test]
async fn a_bastion_that_forbids_forwarding_is_told() {
    let site = Site::with_key();
    let (bastion, target) = (Sshd::known(&site, "AllowTcpForwarding no"), Sshd::known(&site, ""));
    let error = fails(&site.client_with(&config(&bastion, &target, "")), &Endpoint::new("target")).await;
    assert!(error.to_string().contains("AdministrativelyProhibited"), "{error}");
}

#[tokio::test]
async fn a_way_that_only_the_program_can_go_is_left_to_it() {
    let site = Site::with_key();
    let (bastion, target) = (Sshd::known(&site, ""), Sshd::known(&site, ""));
    let client = site.client_with(&config(&bastion, &target, "  BindAddress 127.0.0.1\n"));
    assert_eq!(client.choice(&Endpoint::new("target")).await.expect("it is valid"), Choice::InProcess);
    assert_eq!(
        client.choice(&Endpoint::new("bastion")).await.expect("it is valid"),
        Choice::Program("the option bindaddress is set".into())
    );
    let key = site.path("home/.ssh/id_ed25519");
    let more = format!("  BindAddress 127.0.0.1\n  IdentityFile {}\n", key.display());
    let text = config(&bastion, &target, &more) + &format!("  IdentityFile {}\n", key.display());
    let transport = works(&site.client_with(&text), &Endpoint::new("target")).await;
    assert_eq!(transport.kind(), "ssh");
    assert_eq!(transport.note(), "jump host bastion: the option bindaddress is set");
}
