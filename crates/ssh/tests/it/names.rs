//! Hostile names: nothing is started for them.

use std::os::unix::fs::PermissionsExt as _;

use windlass_ssh::{Client, ConfigFile, Endpoint, Error, Options};

use crate::sshd::{Site, fails};

#[tokio::test]
async fn nothing_is_started_for_a_hostile_name() {
    let site = Site::new();
    // A program that leaves a trace, in place of `ssh`; a configuration that makes it be asked.
    let trace = site.path("trace");
    let program = site.write("ssh", &format!("#!/bin/sh\necho \"$@\" >> {}\n", trace.display()));
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    let config = site.write("config", "Host x\n");
    let client = Client::new(Options { program, config: ConfigFile::File(config), ..site.options() });
    let plain = || Endpoint::new("web1");
    let user = |user: &str| Endpoint { user: Some(user.into()), ..plain() };
    let args = |args: &[&str]| Endpoint { ssh_args: args.iter().map(|a| (*a).into()).collect(), ..plain() };
    let hostile = [
        Endpoint::new("-oProxyCommand=touch pwned"),
        Endpoint::new("--"),
        Endpoint::new("web1; touch pwned"),
        Endpoint::new("web1\nProxyCommand touch pwned"),
        Endpoint::new("$(touch pwned)"),
        Endpoint::new("`touch pwned`"),
        Endpoint::new(""),
        Endpoint::new("web1\0"),
        user("-oProxyCommand=id"),
        user("root;id"),
        user("root\nid"),
        user("$(id)"),
        args(&["other-host"]),
        args(&["-oUser=x\nProxyCommand=id"]),
        args(&["-W", "a:1"]),
        args(&["-o"]),
        args(&["--"]),
        Endpoint { identity_files: vec!["-oProxyCommand=id".into()], ..plain() },
        Endpoint { identity_files: vec!["a\nb".into()], ..plain() },
    ];
    for endpoint in hostile {
        let error = fails(&client, &endpoint).await;
        assert!(matches!(error, Error::Name { .. }), "{endpoint:?}: {error}");
        assert!(!error.to_string().contains('\n'), "{error}");
        assert!(!trace.exists(), "{endpoint:?} was handed on");
    }
    // An honest name is.
    let _ = client.connect(&plain()).await;
    assert!(trace.exists());
}

#[tokio::test]
async fn hostile_words_in_the_configuration_are_refused_as_well() {
    let site = Site::new();
    for config in ["HostName -oProxyCommand=id", "ProxyJump a;id", "ProxyJump -x", "User -l"] {
        let error = fails(&site.client_with(config), &Endpoint::new("web1")).await;
        // `ssh -G` itself refuses some of them.
        assert!(matches!(error, Error::Name { .. } | Error::Config(_)), "{config}: {error}");
    }
}
