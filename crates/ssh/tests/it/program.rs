//! Connections that the `ssh` program makes for us.

use std::process::Command;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;
use windlass_ssh::{Endpoint, Error, Exit, HostKeys, Secret};

use crate::sshd::{Site, Sshd, fails, output, run, works};

/// An option that the client in this process leaves to the program.
const ODD: &str = "BindAddress 127.0.0.1\n";

fn odd(site: &Site) -> String {
    format!("{ODD}IdentityFile {}\n", site.path("home/.ssh/id_ed25519").display())
}

#[tokio::test]
async fn the_program_connects_once_and_runs_many_commands() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "");
    let transport = works(&site.client_with(&odd(&site)), &sshd.endpoint()).await;
    assert_eq!((transport.kind(), transport.note()), ("ssh", "the option bindaddress is set"));
    for (command, expected) in [("true", 0), ("exit 255", 255), ("cat; exit 4", 4)] {
        let (_, _, exit) = output(transport.exec(command).await.expect("it starts")).await;
        assert_eq!(exit.unwrap_or_else(|e| panic!("{e}")), Exit::Code(expected), "{command}");
    }
    let (out, _, _) = output(transport.exec("head -c 5000000 /dev/zero").await.expect("it starts")).await;
    assert_eq!(out.len(), 5_000_000);
    assert_eq!(sshd.log().matches("Accepted publickey").count(), 1);
    transport.close().await;
    assert!(!transport.is_open());
    assert!(matches!(transport.exec("true").await, Err(Error::Lost { .. })));
}

#[tokio::test]
async fn a_proxy_command_is_run_by_the_program() {
    let site = Site::with_key();
    let (bastion, target) = (Sshd::known(&site, ""), Sshd::known(&site, ""));
    let config = format!("IdentityFile {}\n", site.path("home/.ssh/id_ed25519").display());
    let client = site.client_with(&config);
    let proxy = format!(
        "-oProxyCommand=ssh -F {} -p {} -W %h:%p 127.0.0.1",
        site.path("home/.ssh/config").display(),
        bastion.port
    );
    let endpoint = Endpoint { ssh_args: vec![proxy], ..target.endpoint() };
    let transport = works(&client, &endpoint).await;
    assert_eq!((transport.kind(), transport.note()), ("ssh", "ProxyCommand is set"));
    assert_eq!(bastion.log().matches("Accepted publickey").count(), 1);
}

#[tokio::test]
async fn a_master_of_the_user_is_used_while_it_is_open() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "");
    let socket = site.path("m");
    let config = format!(
        "IdentityFile {}\nControlPath {}\n",
        site.path("home/.ssh/id_ed25519").display(),
        socket.display()
    );
    let client = site.client_with(&config);
    assert_eq!(works(&client, &sshd.endpoint()).await.kind(), "russh");

    let file = site.path("home/.ssh/config");
    let port = sshd.port.to_string();
    let ssh = |words: &[&str]| {
        let mut command = Command::new("ssh");
        command.arg("-F").arg(&file).args(["-o", "BatchMode=yes", "-p", &port]).args(words).arg("127.0.0.1");
        command
    };
    run(&mut ssh(&["-MNf"]));
    let before = sshd.log().matches("Accepted publickey").count();
    let transport = works(&client, &sshd.endpoint()).await;
    assert_eq!((transport.kind(), transport.note()), ("ssh", "a master connection is open at ControlPath"));
    assert_eq!(sshd.log().matches("Accepted publickey").count(), before, "there is no new connection");
    transport.close().await;
    run(&mut ssh(&["-O", "check"]));
    run(&mut ssh(&["-O", "exit"]));
}

#[tokio::test]
async fn what_the_program_says_is_told_in_our_words() {
    let site = Site::with_key();
    let sshd = Sshd::start(&site, "PasswordAuthentication no\nKbdInteractiveAuthentication no");
    let client = site.client_with(&odd(&site));
    let error = fails(&client, &sshd.endpoint()).await;
    assert!(
        error.to_string().contains("Host key verification failed") || error.to_string().contains("host key"),
        "{error}"
    );
    assert!(!error.is_transient());
    let accepting = Endpoint { host_key_checking: HostKeys::AcceptNew, ..sshd.endpoint() };
    works(&client, &accepting).await;

    std::fs::remove_file(site.path("authorized_keys")).expect("it is there");
    let password = Some(Secret::new("x".into()));
    let error = fails(&client, &Endpoint { password, ..accepting.clone() }).await;
    assert!(matches!(error, Error::Auth { .. }), "{error}");
    assert!(error.to_string().contains("the ssh program takes no password from us"), "{error}");

    drop(sshd);
    let error = fails(&client, &accepting).await;
    assert!(matches!(error, Error::Unreachable { .. }) && error.is_transient(), "{error}");
}

#[tokio::test]
async fn a_connection_of_the_program_that_is_cut_is_lost() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "");
    let transport = works(&site.client_with(&odd(&site)), &sshd.endpoint()).await;
    let mut channel = transport.exec("echo begun; sleep 60").await.expect("it starts");
    channel.stdout.read_exact(&mut [0; 6]).await.expect("it runs");
    sshd.cut_connections();
    let error = output(channel).await.2.expect_err("nobody knows how it ended");
    assert!(matches!(error, Error::Lost { .. }), "{error}");
    let begun = Instant::now();
    while transport.is_open() {
        assert!(begun.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(matches!(transport.exec("true").await, Err(Error::Lost { .. })));
}

#[tokio::test]
async fn nothing_of_the_program_is_left_when_the_connection_is_dropped() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "");
    let transport = works(&site.client_with(&odd(&site)), &sshd.endpoint()).await;
    let needle = format!("-p {}", sshd.port);
    let running = || {
        let list = run(Command::new("ps").args(["-eo", "stat,args"]));
        list.lines()
            .filter(|l| l.contains("ControlMaster=yes") && l.contains(&needle) && !l.starts_with('Z'))
            .count()
    };
    assert_eq!(running(), 1);
    drop(transport);
    let begun = Instant::now();
    while running() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
