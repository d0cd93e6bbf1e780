//! `systemd`, `systemd_service` and `service`, against a systemd that runs a host.

use serde_json::json;

use super::Guest;

/// A service that runs, one that cannot start, and a timer.
const UNITS: &str = r#"
cd /etc/systemd/system
cat >demo.service <<'END'
[Service]
ExecStart=/bin/sleep infinity
ExecReload=/bin/sh -c 'echo reloaded >>/run/demo.log'
[Install]
WantedBy=multi-user.target
Alias=demo-too.service
END
printf '[Service]\nType=oneshot\nExecStart=/bin/false\n' >broken.service
printf '[Timer]\nOnCalendar=yearly\nUnit=demo.service\n[Install]\nWantedBy=timers.target\n' >demo.timer
printf 'no section\n' >bad.service
"#;

#[test]
fn units_start_stop_and_start_with_the_host() {
    let Some(mut guest) = Guest::new() else { return };
    guest.sh(UNITS);
    let came = guest.changes(
        "systemd",
        json!({"name": "demo", "state": "started", "enabled": true, "daemon_reload": true}),
    );
    assert_eq!((came.field("state"), came.field("enabled")), (&json!("started"), &json!(true)));
    // As it was before, as with Ansible.
    assert_eq!(came.field("status")["ActiveState"], "inactive");
    assert_eq!(came.field("status")["Id"], "demo.service");
    assert_eq!(guest.sh("systemctl is-active demo; systemctl is-enabled demo"), "active\nenabled");
    let pid = "systemctl show -p MainPID --value demo";
    let first = guest.sh(pid);
    for _ in 0..2 {
        assert!(guest.check("service", json!({"name": "demo", "state": "restarted"})).changed());
        assert!(guest.run("service", json!({"name": "demo", "state": "reloaded"})).changed());
    }
    assert_eq!(guest.sh("cat /run/demo.log"), "reloaded\nreloaded");
    assert_eq!(guest.sh(pid), first, "check mode restarts nothing");
    let came = guest.run("ansible.builtin.service", json!("name=demo state=restarted"));
    assert!(came.changed() && came.field("state") == "started" && guest.sh(pid) != first);
    guest.changes("service", json!({"name": "demo.service", "state": "stopped", "enabled": "no"}));
    assert_eq!(
        guest.host().exec("systemctl is-active demo; systemctl is-enabled demo").stdout(),
        "inactive\ndisabled\n"
    );
    guest.changes("systemd_service", json!({"name": "demo.timer", "state": "started", "enabled": true}));
    // Another name of a unit is enabled with it, as Ansible sees it.
    guest.sh("systemctl enable demo");
    guest.stays("systemd", json!({"name": "demo-too", "enabled": true}));
    // Restarting what does not run starts it.
    assert!(guest.run("systemd", json!({"name": "demo", "state": "reloaded"})).changed());
    assert_eq!(guest.sh("systemctl is-active demo"), "active");
}

#[test]
fn masked_units_stay_down() {
    let Some(mut guest) = Guest::new() else { return };
    guest.sh(UNITS);
    guest.sh("systemctl daemon-reload; systemctl start cron");
    guest.changes("systemd", json!({"name": "cron", "masked": true, "state": "stopped"}));
    let why = guest.fails("systemd", json!({"name": "cron", "state": "started"}));
    assert!(why.starts_with("Unable to start service cron: ") && why.contains("masked"), "{why}");
    guest.changes("systemd", json!({"name": "cron", "masked": false, "state": "started"}));
    // What is not there yet can be masked.
    guest.changes("systemd", json!({"name": "later.service", "masked": true}));
}

#[test]
fn what_cannot_be_says_so() {
    let Some(mut guest) = Guest::new() else { return };
    guest.sh(UNITS);
    guest.sh("systemctl daemon-reload");
    let none = "Could not find the requested service none: host";
    assert_eq!(guest.fails("service", json!({"name": "none", "state": "started"})), none);
    assert_eq!(
        guest.check("service", json!({"name": "none", "enabled": true})).failure().as_deref(),
        Some(none)
    );
    let why = guest.fails("service", json!({"name": "broken", "state": "started"}));
    assert!(why.starts_with("Unable to start service broken: ") && why.contains("failed"), "{why}");
    let why = guest.fails("service", json!({"name": "bad", "state": "started"}));
    assert!(why.contains("bad"), "{why}");
    let why = guest.fails("systemd", json!({"name": "de*", "state": "started"}));
    assert!(why.contains("glob"), "{why}");
    let why = guest.fails("systemd", json!({"state": "started"}));
    assert_eq!(why, "missing parameter(s) required by 'state': name");
    // With nothing asked for, a unit is looked at.
    assert_eq!(guest.stays("service", json!({"name": "demo"})).field("status")["LoadState"], "loaded");
    // A name is never an option, nor a script.
    guest.fails("service", json!({"name": "--version", "state": "started"}));
    guest.fails("service", json!({"name": "$(touch /tmp/pwned); x", "state": "started"}));
    guest.sh("test ! -e /tmp/pwned");
    assert!(!guest.run("systemd", json!({"daemon_reload": true})).changed());
}
