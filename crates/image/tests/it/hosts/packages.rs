//! `apt` and `package`, with packages and a repository that the test makes: test hosts have no internet.

use serde_json::json;

use super::Guest;

/// Makes packages and a repository of them in `/repo`.
const REPOSITORY: &str = r#"
set -e
mkdir -p /repo /work
pack() { # name version more-lines
    rm -rf /work/p; mkdir -p /work/p/DEBIAN /work/p/etc
    printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: t <t@example.org>\nDescription: test\n%s' "$1" "$2" "$3" >/work/p/DEBIAN/control
    echo "$2" >/work/p/etc/$1.conf
    echo /etc/$1.conf >/work/p/DEBIAN/conffiles
    dpkg-deb --build --root-owner-group /work/p "/repo/$1_$2.deb" >/dev/null
}
pack demo 1.0-1 ''
pack demo 1.1-1 ''
pack lib 1 ''
pack app 1 'Depends: lib
Provides: runner
'
index() {
    cd /repo
    for deb in *.deb; do
        dpkg-deb -f $deb
        echo "Filename: ./$deb"
        echo "Size: $(stat -c %s $deb)"
        echo "SHA256: $(sha256sum $deb | cut -d' ' -f1)"
        echo
    done >Packages
}
index
echo 'deb [trusted=yes] file:/repo ./' >/etc/apt/sources.list
"#;

fn guest() -> Option<Guest> {
    let guest = Guest::new()?;
    guest.sh(REPOSITORY);
    Some(guest)
}

const VERSION: &str = "dpkg-query -W -f '${db:Status-Status} ${Version}' demo";

#[test]
fn packages_come_with_their_version_and_go() {
    let Some(mut guest) = guest() else { return };
    let why = guest.fails("apt", json!({"name": "demo"}));
    assert_eq!(why, "No package matching 'demo' is available");
    let came = guest.run("apt", json!({"update_cache": true}));
    assert!(
        came.changed()
            && came.field("cache_updated") == true
            && came.field("cache_update_time").as_u64() > Some(0)
    );
    guest.stays("apt", json!({"cache_valid_time": 3600}));
    let came = guest.changes("apt", json!({"name": "demo=1.0-1"}));
    assert!(came.field("stdout").as_str().unwrap().contains("Setting up demo (1.0-1)"));
    assert!(
        came.diff().1.as_str().unwrap().contains("The following NEW packages will be installed:\n  demo\n"),
        "{came:?}"
    );
    assert_eq!(guest.sh(VERSION), "installed 1.0-1");
    // There, in whatever version.
    guest.stays("apt", json!({"name": "demo"}));
    guest.stays("package", json!({"name": ["demo"], "state": "present"}));
    guest.stays("apt", json!({"name": "demo>=0.9,demo=1.0*"}));
    guest.changes("apt", json!({"name": "demo=1*"}));
    guest.sh("apt-get -qy --allow-downgrades install demo=1.0-1");
    let why = guest.fails("apt", json!({"name": "demo=3*"}));
    assert_eq!(why, "no available installation candidate for demo=3*");
    guest.changes("apt", json!({"name": "demo>=1.1~"}));
    assert_eq!(guest.sh(VERSION), "installed 1.1-1");
    let why = guest.fails("apt", json!({"name": "demo=1.0-1"}));
    assert!(why.contains("downgrade"), "{why}");
    guest.changes("apt", json!({"name": "demo=1.0-1", "allow_downgrade": true}));
    guest.changes("package", json!({"name": "demo", "state": "latest"}));
    assert_eq!(guest.sh(VERSION), "installed 1.1-1");
    guest.changes("apt", json!({"name": "demo", "state": "absent"}));
    assert_eq!(guest.sh(VERSION), "config-files 1.1-1");
    guest.changes("apt", json!({"name": "demo", "state": "absent", "purge": true}));
    guest.sh("test ! -e /etc/demo.conf");
    guest.stays("apt", json!({"name": "never-heard-of", "state": "absent"}));
}

#[test]
fn what_others_need_comes_along_and_goes_again() {
    let Some(mut guest) = guest() else { return };
    let installed =
        "dpkg-query -W -f '${Package} ${db:Status-Status}\\n' app lib | grep -c ' installed' || true";
    // A name that another package stands for.
    guest.run("apt", json!({"name": "runner", "update_cache": true})).changed();
    assert_eq!(guest.sh(installed), "2");
    guest.stays("apt", json!({"name": ["runner", "app"]}));
    assert_eq!(guest.sh("apt-mark showauto lib"), "lib");
    guest.changes("apt", json!({"name": "app", "state": "absent"}));
    assert_eq!(guest.sh(installed), "1");
    let came = guest.changes("apt", json!({"autoremove": true, "purge": true}));
    assert!(came.field("stdout").as_str().unwrap().contains("Removing lib"));
    guest.changes("apt", json!({"name": ["li?", "app"], "state": "latest"}));
    assert_eq!(guest.sh(installed), "2");
    guest.changes("apt", json!({"name": "app", "state": "absent", "autoremove": true}));
    assert_eq!(guest.sh("apt-mark showmanual lib"), "lib", "it was asked for by name");
    // A package file brings what it needs, too.
    guest.changes("apt", json!({"name": "lib", "state": "absent"}));
    guest.changes("apt", json!({"deb": "/repo/app_1.deb"}));
    assert_eq!(guest.sh(installed), "2");
    assert!(guest.fails("apt", json!({"deb": "/repo/none.deb"})).contains("/repo/none.deb"));
}

#[test]
fn everything_can_be_upgraded() {
    let Some(mut guest) = guest() else { return };
    guest.run("apt", json!({"name": "demo=1.0-1", "update_cache": true})).changed();
    guest.stays("apt", json!({"name": "lib", "only_upgrade": true}));
    let why = guest.fails("apt", json!({"name": "nothing", "only_upgrade": true}));
    assert_eq!(why, "No package matching 'nothing' is available");
    // A package without what it needs is broken, and can be fixed.
    guest.sh("dpkg --force-depends -i /repo/app_1.deb");
    guest.changes("apt", json!({"state": "fixed"}));
    guest.sh("apt-get check");
    guest.changes("apt", json!({"upgrade": "dist"}));
    assert_eq!(guest.sh(VERSION), "installed 1.1-1");
    guest.stays("apt", json!({"name": "*", "state": "latest"}));
    guest.sh("rm /repo/demo_1.0-1.deb; echo 'deb [trusted=yes] file:/gone ./' >>/etc/apt/sources.list");
    let why = guest.fails("apt", json!({"update_cache": true, "update_cache_retries": 1}));
    assert!(why.contains("after 1 retries") && why.contains("/gone"), "{why}");
}

#[test]
fn a_lock_is_waited_for_and_a_killed_run_set_right() {
    let Some(mut guest) = guest() else { return };
    guest.run("apt", json!({"update_cache": true})).changed();
    let hold = "setsid python3 -c \"
import fcntl, os, time
files = []
for name in ('/var/lib/dpkg/lock-frontend', '/var/lib/apt/lists/lock'):
    files.append(open(name, 'w'))
    fcntl.lockf(files[-1], fcntl.LOCK_EX)
open('/run/held', 'w').write(str(os.getpid()))
time.sleep(SECONDS)
\" >/dev/null 2>&1 </dev/null &
until [ -s /run/held ]; do sleep 0.05; done; mv /run/held /run/holder";
    guest.sh(&hold.replace("SECONDS", "3"));
    guest.run("apt", json!({"name": "demo=1.0-1", "update_cache": true, "lock_timeout": 30})).changed();
    assert_eq!(guest.sh(VERSION), "installed 1.0-1");
    guest.sh(&hold.replace("SECONDS", "30"));
    let begun = std::time::Instant::now();
    let why = guest.fails("apt", json!({"name": "demo", "state": "latest", "lock_timeout": 1}));
    assert!(why.contains("lock") && begun.elapsed().as_secs() < 15, "{why}");
    guest.sh("kill $(cat /run/holder); while kill -0 $(cat /run/holder) 2>/dev/null; do sleep 0.05; done");
    // As dpkg leaves it when it is killed between unpacking and configuring.
    guest.sh("dpkg --unpack /repo/demo_1.1-1.deb && touch /var/lib/dpkg/updates/0001");
    guest.run("apt", json!({"name": "lib"})).changed();
    assert_eq!(guest.sh(VERSION), "installed 1.1-1");
}

#[test]
fn services_of_a_package_start_only_where_they_may() {
    let Some(mut guest) = guest() else { return };
    guest.sh(
        "mkdir -p /work/s/DEBIAN && cd /work/s &&
        printf 'Package: serv\\nVersion: 1\\nArchitecture: all\\nMaintainer: t <t@example.org>\\nDescription: t\\n' >DEBIAN/control &&
        printf '#!/bin/sh\\ninvoke-rc.d cron restart || true\\n' >DEBIAN/postinst && chmod 755 DEBIAN/postinst &&
        dpkg-deb --build --root-owner-group . /repo/serv_1.deb",
    );
    let pid = "systemctl show -p MainPID --value cron";
    let before = guest.sh(pid);
    guest.changes("apt", json!({"deb": "/repo/serv_1.deb", "policy_rc_d": 101}));
    assert_eq!(guest.sh(pid), before);
    guest.sh("test ! -e /usr/sbin/policy-rc.d");
    guest.changes("apt", json!({"name": "serv", "state": "absent"}));
    guest.changes("apt", json!({"deb": "/repo/serv_1.deb"}));
    assert_ne!(guest.sh(pid), before);
}
