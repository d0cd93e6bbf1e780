//! Host keys: known, unknown, changed, revoked, hashed, signed.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use windlass_ssh::{Endpoint, Error, HostKeyError, HostKeys};

use crate::sshd::{Site, Sshd, fails, run, works};

fn refused(error: Error) -> HostKeyError {
    assert!(!error.is_transient(), "{error}");
    match error {
        Error::HostKey(why) => *why,
        other => panic!("{other}"),
    }
}

fn with(mode: HostKeys, sshd: &Sshd) -> Endpoint {
    Endpoint { host_key_checking: mode, ..sshd.endpoint() }
}

#[tokio::test]
async fn an_unknown_host_is_refused_with_its_fingerprint() {
    let site = Site::with_key();
    let sshd = Sshd::start(&site, "");
    let text = fails(&site.client(), &sshd.endpoint()).await.to_string();
    assert!(text.contains(&format!("[127.0.0.1]:{}", sshd.port)), "{text}");
    assert!(text.contains(&site.fingerprint("host")), "{text}");
    assert!(!site.known_hosts().exists(), "nothing is written");
    assert!(!sshd.log().contains("Accepted"), "no key was offered");
}

#[tokio::test]
async fn a_changed_key_is_refused_with_both_fingerprints_and_the_line() {
    let site = Site::with_key();
    site.keygen("old", &["-t", "ed25519"]);
    let sshd = Sshd::start(&site, "");
    let line = format!("# a comment\n[127.0.0.1]:{} {}\n", sshd.port, site.public("old"));
    site.append("home/.ssh/known_hosts", &line);
    for mode in [HostKeys::Strict, HostKeys::AcceptNew] {
        let error = fails(&site.client(), &with(mode, &sshd)).await;
        let text = error.to_string();
        assert!(matches!(refused(error), HostKeyError::Changed { .. }), "{text}");
        for part in [
            site.fingerprint("host"),
            site.fingerprint("old"),
            format!("({}:2)", site.known_hosts().display()),
        ] {
            assert!(text.contains(&part), "{text} lacks {part}");
        }
    }
    // Whoever switches the checking off gets in, by key.
    works(&site.client(), &with(HostKeys::Off, &sshd)).await;
}

#[tokio::test]
async fn another_kind_of_key_than_the_known_one_is_a_change() {
    let site = Site::with_key();
    site.keygen("other", &["-t", "ecdsa"]);
    let sshd = Sshd::start(&site, "");
    let line = format!("[127.0.0.1]:{} {}\n", sshd.port, site.public("other"));
    site.append("home/.ssh/known_hosts", &line);
    let error = fails(&site.client(), &with(HostKeys::AcceptNew, &sshd)).await;
    assert!(matches!(refused(error), HostKeyError::Changed { .. }));
}

#[tokio::test]
async fn of_several_host_keys_the_known_one_is_asked_for() {
    let site = Site::with_key();
    for (name, words) in
        [("h1", &["-t", "ed25519"][..]), ("h2", &["-t", "rsa", "-b", "2048"]), ("h3", &["-t", "ecdsa"])]
    {
        site.keygen(name, words);
    }
    let keys = ["h1", "h2", "h3"].map(|name| format!("HostKey {}", site.path(name).display())).join("\n");
    let sshd = Sshd::start(&site, &keys);
    for name in ["h1", "h2", "h3"] {
        site.write("home/.ssh/known_hosts", &format!("[127.0.0.1]:{} {}\n", sshd.port, site.public(name)));
        works(&site.client(), &sshd.endpoint()).await;
    }
}

#[tokio::test]
async fn hashed_names_and_names_without_the_port_are_found() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "");
    run(Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(site.known_hosts()));
    let text = site.read("home/.ssh/known_hosts");
    assert!(text.starts_with("|1|") && !text.contains("127.0.0.1"), "{text}");
    works(&site.client(), &sshd.endpoint()).await;

    site.write("home/.ssh/known_hosts", &format!("127.0.0.1 {}\n", site.public("host")));
    works(&site.client(), &sshd.endpoint()).await;
    // Under the name without its port another key says nothing: that may be another server.
    site.keygen("old", &["-t", "ed25519"]);
    site.write("home/.ssh/known_hosts", &format!("127.0.0.1 {}\n", site.public("old")));
    let error = fails(&site.client(), &sshd.endpoint()).await;
    assert!(matches!(refused(error), HostKeyError::Unknown { .. }));
}

#[tokio::test]
async fn several_files_and_aliases_count() {
    let site = Site::with_key();
    let sshd = Sshd::start(&site, "");
    let more = site.write("more known hosts", &format!("Web,10.0.0.1 {}\n", site.public("host")));
    let config = format!(
        "HostKeyAlias web\nGlobalKnownHostsFile /nonexistent \"{}\"\nUserKnownHostsFile /dev/null\n",
        more.display()
    );
    works(&site.client_with(&config), &sshd.endpoint()).await;
    let error = fails(&site.client_with("HostKeyAlias other\n"), &sshd.endpoint()).await;
    assert!(error.to_string().contains("the host key of other is not known"), "{error}");
}

#[tokio::test]
async fn a_revoked_key_is_refused_whatever_the_mode() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "");
    site.append("home/.ssh/known_hosts", &format!("@revoked * {}\n", site.public("host")));
    for mode in [HostKeys::Strict, HostKeys::AcceptNew, HostKeys::Off] {
        let error = fails(&site.client(), &with(mode, &sshd)).await;
        let text = error.to_string();
        assert!(matches!(refused(error), HostKeyError::Revoked { .. }), "{text}");
        assert!(text.contains(&site.fingerprint("host")) && text.contains("known_hosts:2)"), "{text}");
    }
}

#[tokio::test]
async fn accept_new_writes_the_line_once_and_holds_to_it() {
    let site = Site::with_key();
    let sshd = Sshd::start(&site, "");
    std::fs::write(site.known_hosts(), "# no end of line").expect("it is written");
    let endpoint = with(HostKeys::AcceptNew, &sshd);
    let (a, b) = (site.client(), site.client());
    tokio::join!(works(&a, &endpoint), works(&b, &endpoint), works(&a, &endpoint));
    let expected = format!("# no end of line\n[127.0.0.1]:{} {}\n", sshd.port, site.public("host"));
    assert_eq!(site.read("home/.ssh/known_hosts"), expected);
    works(&site.client(), &sshd.endpoint()).await;
    // OpenSSH reads it as we do.
    let found = run(Command::new("ssh-keygen")
        .arg("-F")
        .arg(format!("[127.0.0.1]:{}", sshd.port))
        .arg("-f")
        .arg(site.known_hosts()));
    assert!(found.contains("found: line 2"), "{found}");
}

#[tokio::test]
async fn accept_new_makes_the_file_for_its_user_alone_and_hashes_where_told() {
    let site = Site::with_key();
    let sshd = Sshd::start(&site, "");
    let config = "HashKnownHosts yes\nStrictHostKeyChecking accept-new\n";
    works(&site.client_with(config), &sshd.endpoint()).await;
    let text = site.read("home/.ssh/known_hosts");
    assert!(text.starts_with("|1|") && text.lines().count() == 1, "{text}");
    let mode = std::fs::metadata(site.known_hosts()).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let found = run(Command::new("ssh-keygen")
        .arg("-F")
        .arg(format!("[127.0.0.1]:{}", sshd.port))
        .arg("-f")
        .arg(site.known_hosts()));
    assert!(found.contains("found: line 1"), "{found}");
    works(&site.client_with(""), &sshd.endpoint()).await;
}

#[tokio::test]
async fn host_certificates_are_taken_from_their_authority_only() {
    let site = Site::with_key();
    site.keygen("ca", &["-t", "ed25519"]);
    site.keygen("stranger", &["-t", "ed25519"]);
    site.keygen("host", &["-t", "ed25519"]);
    let past = ["-n", "127.0.0.1", "-V", "20200101:20200102"];
    for (signer, words, expected) in [
        ("ca", &["-n", "127.0.0.1"][..], None),
        ("ca", &["-n", "web*,127.0.*"], None),
        ("ca", &["-n", "web1"], Some("it is for web1, not for 127.0.0.1")),
        ("ca", &[], Some("it is for no host, not for 127.0.0.1")),
        ("ca", &past, Some("it has expired")),
        ("stranger", &["-n", "127.0.0.1"], Some("is not known")),
    ] {
        sign_host(&site, signer, words);
        let certificate = site.path("host-cert.pub");
        let sshd = Sshd::start(&site, &format!("HostCertificate {}", certificate.display()));
        let line = format!("@cert-authority [127.0.0.1]:* {}\n", site.public("ca"));
        site.write("home/.ssh/known_hosts", &line);
        match expected {
            None => drop(works(&site.client(), &sshd.endpoint()).await),
            Some(expected) => {
                let error = fails(&site.client(), &sshd.endpoint()).await;
                assert!(error.to_string().contains(expected), "{error}");
            }
        }
        // The key alone, known by itself, is as good whoever signed it, unless a trusted authority's word is bad.
        site.write("home/.ssh/known_hosts", &format!("[127.0.0.1]:{} {}\n", sshd.port, site.public("host")));
        works(&site.client(), &sshd.endpoint()).await;
    }
}

#[tokio::test]
async fn a_revoked_authority_and_a_user_certificate_are_none() {
    let site = Site::with_key();
    site.keygen("ca", &["-t", "ed25519"]);
    site.keygen("host", &["-t", "ed25519"]);
    sign_host(&site, "ca", &["-n", "127.0.0.1"]);
    let config = format!("HostCertificate {}", site.path("host-cert.pub").display());
    let sshd = Sshd::start(&site, &config);
    let ca = site.public("ca");
    site.write("home/.ssh/known_hosts", &format!("@cert-authority * {ca}\n@revoked * {ca}\n"));
    let error = fails(&site.client(), &with(HostKeys::AcceptNew, &sshd)).await;
    assert!(matches!(refused(error), HostKeyError::Revoked { .. }));
    // The certified key itself may be revoked as well.
    site.write(
        "home/.ssh/known_hosts",
        &format!("@cert-authority * {ca}\n@revoked * {}\n", site.public("host")),
    );
    let error = fails(&site.client(), &with(HostKeys::AcceptNew, &sshd)).await;
    assert!(matches!(refused(error), HostKeyError::Revoked { .. }));
}

#[tokio::test]
async fn files_that_cannot_be_read_are_no_reason_to_look_away() {
    let site = Site::with_key();
    let sshd = Sshd::known(&site, "");
    // A folder is no file, and says nothing; what is too large might hold a revocation.
    let large = std::fs::File::create(site.path("large")).expect("it is made");
    large.set_len(65 << 20).expect("it is long, and holds nothing");
    let config = format!("GlobalKnownHostsFile {}\n", site.path("large").display());
    let error = fails(&site.client_with(&config), &sshd.endpoint()).await;
    assert!(error.to_string().contains("is larger than 64 MiB"), "{error}");
}

fn sign_host(site: &Site, signer: &str, words: &[&str]) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-h", "-I", "test", "-s"]).arg(site.path(signer)).args(words);
    run(command.arg(site.path("host.pub")));
}
