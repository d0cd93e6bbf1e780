//! Becoming another user, with the real `sudo`, `su` and `doas` and the users of a private `/etc`.
//!
//! Each host has a mount namespace of its own with these users: `ops` (password `opspass`, may become anybody by
//! `sudo` with it), `free` (may do so without one) and `nobody`, who may not. All this needs root to set up.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::process::Child;
use windlass_fleet::remote::{Become, Delivery, Error, Gate, Method, Request};
use windlass_model::Code;

use super::{Host, is_root, quick};

/// The password of `ops` (`opspass`), as `/etc/shadow` has it.
const OPS: &str =
    "$6$windlass$1y9iXM800jqxB8zrBYinH8a4Gpgm7yS32orUgesm9PXrjgOXvUPmGUECI4r8ZHgPVANMlJZBBUiCSbz9dqdnd/";

/// A host on which the commands of this user run.
fn host(user: &str) -> Host {
    let setup = r#"
mount -t tmpfs tmpfs /mnt; cp -a /etc /mnt/etc; mount --bind /mnt/etc /etc; mount -t tmpfs -o mode=1777 tmpfs /var/tmp
mount -t tmpfs -o mode=1777 tmpfs /dev/shm; mkdir -p /mnt/home/ops /mnt/home/free; chmod 755 /mnt /mnt/home
echo "ops:x:4801:4801::/mnt/home/ops:/bin/sh" >>/etc/passwd; echo 'ops:@HASH@:19000:0:99999:7:::' >>/etc/shadow
echo "free:x:4802:4802::/mnt/home/free:/bin/sh" >>/etc/passwd; echo 'free:@HASH@:19000:0:99999:7:::' >>/etc/shadow
chown 4801 /mnt/home/ops; chown 4802 /mnt/home/free; mkdir -p /run/sudo; mount -t tmpfs -o mode=711 tmpfs /run/sudo
printf "ops ALL=(ALL) ALL\nfree ALL=(ALL) NOPASSWD: ALL\nDefaults !syslog\nDefaults !fqdn\n" >/etc/sudoers; chmod 440 /etc/sudoers
printf "permit nopass free as root\npermit ops as root\n" >/etc/doas.conf; chmod 400 /etc/doas.conf
"#;
    let setup = setup.replace("@HASH@", OPS);
    let script = format!(
        "{setup}\ncd /; exec setpriv --reuid {user} --regid {user} --clear-groups env HOME=/mnt/home/$1 sh -c \"$2\"",
    );
    let name = if user == "4801" { "ops" } else { "free" };
    Host::with(&["unshare", "-m", "sh", "-ec", &script, "sh", name])
}

async fn become_root(
    user: &str,
    method: Method,
    password: Option<&str>,
) -> (Result<Gate, Error>, Host, Child) {
    let host = host(user);
    let delivery = Delivery::default();
    let wanted = Become::new(method, "root").unwrap();
    let wanted = password.into_iter().fold(wanted, Become::password);
    let (streams, child) = host.exec(&wanted.command(&delivery));
    let gate = Gate::start(streams, delivery, Some(&wanted), quick()).await;
    (gate, host, child)
}

#[tokio::test]
async fn it_works_with_a_password_and_without() {
    if !is_root() {
        return;
    }
    for (user, method, password) in [
        ("4802", Method::Sudo, None),
        ("4802", Method::Sudo, Some("not asked for")),
        ("4801", Method::Sudo, Some("opspass")),
        ("4802", Method::Doas, None),
        ("4802", Method::Doas, Some("not asked for")),
        ("4801", Method::Doas, Some("opspass")),
    ] {
        let (gate, _host, mut child) = become_root(user, method, password).await;
        let gate = gate.unwrap_or_else(|error| panic!("{method:?} {password:?}: {error}"));
        let reply = gate.run(Request::new("shell", json!("id -u; tty")), None).await.unwrap();
        // No program of a step may ask on the terminal that `doas` asked on.
        assert_eq!(reply.fields["stdout"], "0\nnot a tty");
        let seen = gate.run(Request::new("shell", json!({"cmd": "ps axww; env"})), None).await.unwrap();
        assert!(!seen.fields["stdout"].as_str().unwrap().contains("opspass"));
        gate.close().await;
        // Nothing stays that waited for a password or held the terminal.
        tokio::time::timeout(Duration::from_secs(60), child.wait()).await.expect("it ends").unwrap();
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_in_time() {
    if !is_root() {
        return;
    }
    for (user, method, password, code, said) in [
        (
            "4801",
            Method::Sudo,
            Some("wrong"),
            Code::BecomeRefused,
            "the password for becoming root by sudo is wrong",
        ),
        ("4801", Method::Sudo, None, Code::BecomeUnable, "sudo needs a password to become root"),
        (
            "4801",
            Method::Su,
            Some("wrong"),
            Code::BecomeRefused,
            "the password for becoming root by su is wrong",
        ),
        ("4801", Method::Su, None, Code::BecomeUnable, "su needs a password to become root"),
        (
            "4801",
            Method::Doas,
            Some("wrong"),
            Code::BecomeRefused,
            "the password for becoming root by doas is wrong",
        ),
        ("4801", Method::Doas, None, Code::BecomeUnable, "doas needs a password to become root"),
    ] {
        let start = Instant::now();
        let (gate, _host, _child) = become_root(user, method, password).await;
        let error = gate.err().unwrap_or_else(|| panic!("{method:?} {password:?} worked"));
        assert_eq!(error.failure().code, code, "{method:?} {password:?}: {error}");
        assert!(error.to_string().contains(said), "{method:?} {password:?}: {error}");
        assert!(start.elapsed() < Duration::from_secs(15), "{error}");
    }
}

#[tokio::test]
async fn su_takes_a_password_without_a_terminal() {
    if !is_root() {
        return;
    }
    let host = host("4802");
    let delivery = Delivery::default();
    let wanted = Become::new(Method::Su, "ops").unwrap().password("opspass");
    let (streams, _child) = host.exec(&wanted.command(&delivery));
    let gate = Gate::start(streams, delivery, Some(&wanted), quick()).await.unwrap();
    assert_eq!(gate.ready().await.unwrap().uid, 4801);
    gate.close().await;
}

#[tokio::test]
async fn one_gate_serves_each_user_and_neither_sees_the_others() {
    if !is_root() {
        return;
    }
    // As root, `su` asks nobody for anything.
    let tmpfs = "mount -t tmpfs -o mode=1777 tmpfs";
    let host = Host::mounted(&format!("{tmpfs} /var/tmp; {tmpfs} /dev/shm"));
    let delivery = Delivery::default();
    let wanted = Become::new(Method::Su, "nobody").unwrap();
    let command = wanted.command(&delivery).replace("su 'nobody'", "su -s /bin/sh 'nobody'");
    let (streams, _child) = host.exec(&command);
    let gate = Gate::start(streams, delivery, Some(&wanted), quick()).await.unwrap();
    let info = gate.info().await.unwrap();
    assert_eq!(info.user.as_deref(), Some("nobody"));
    gate.close().await;
}

#[tokio::test]
async fn a_method_that_is_not_there_is_named() {
    let host = Host::new();
    let delivery = Delivery::default();
    let wanted = Become::new(Method::Doas, "root").unwrap();
    let (streams, _child) = host.exec(&format!("PATH=/nowhere; {}", wanted.command(&delivery)));
    let error = Gate::start(streams, delivery, Some(&wanted), quick()).await.unwrap_err();
    assert!(error.to_string().starts_with("doas is not on the host"), "{error}");
    assert_eq!(error.failure().code, Code::BecomeUnable);
}

#[test]
fn names_that_are_none_never_reach_a_shell() {
    for name in ["", "-u", "a b", "a'b", "a;b", "$(id)", "a\nb", "ü", "a/b"] {
        assert!(Become::new(Method::Sudo, name).is_err(), "{name:?}");
    }
    for name in ["root", "www-data", "svc_x.y", "user@domain.tld", "machine$"] {
        assert!(Become::new(Method::Sudo, name).is_ok(), "{name:?}");
    }
}
