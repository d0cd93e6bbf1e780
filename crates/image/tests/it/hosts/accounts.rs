//! `user` and `group`, with the host's own tools behind them.

use serde_json::json;

use super::Guest;

/// A hash that nothing else on the host contains.
const HASH: &str =
    "$6$salt$9QOGSGQ1Oq0CyrK6zYOpj1/Oj0HbBvjrmTJ9jT8Ml8eJxqMlV2gU7Qe8nKvXQYl0Nf2e3s1cF4vGkP5sD6tHi.";

#[test]
fn groups_come_change_and_go() {
    let Some(mut guest) = Guest::new() else { return };
    let came = guest.changes("group", json!({"name": "web", "gid": 2000}));
    assert_eq!((came.field("gid"), came.field("state")), (&json!(2000), &json!("present")));
    guest.changes("group", json!({"name": "web", "gid": 2001}));
    assert_eq!(guest.sh("getent group web"), "web:x:2001:");
    let came = guest.changes("group", json!({"name": "sys1", "system": true}));
    assert!(came.field("gid").as_u64().unwrap() < 1000);
    let why = guest.fails("group", json!({"name": "twin", "gid": 2001}));
    assert!(why.contains("2001"), "{why}");
    guest.changes("group", json!({"name": "twin", "gid": 2001, "non_unique": true}));
    guest.stays("group", json!({"name": "none", "state": "absent"}));
    guest.changes("group", json!({"name": "web", "state": "absent"}));
    let why = guest.fails("group", json!({"name": "ops", "state": "absent"}));
    assert!(why.contains("primary group"), "{why}");
    assert!(guest.fails("group", json!({"name": "-r"})).contains("-r"));
}

#[test]
fn users_come_change_and_go() {
    let Some(mut guest) = Guest::new() else { return };
    guest.sh("groupadd -g 3000 web; groupadd -g 3001 adm2; groupadd -g 3002 www");
    let args = json!({
        "name": "ann", "uid": 3100, "group": "web", "groups": ["adm2", "www"], "comment": "Ann B", "shell": "/bin/sh",
        "home": "/srv/people/ann", "expires": 1_900_000_000.5, "password_expire_max": 90, "password_expire_warn": 9,
        "password_expire_account_disable": 5,
    });
    let came = guest.changes("user", args);
    assert_eq!(
        (came.field("uid"), came.field("group"), came.field("system")),
        (&json!(3100), &json!(3000), &json!(false))
    );
    assert_eq!((came.field("home"), came.field("groups")), (&json!("/srv/people/ann"), &json!("adm2,www")));
    assert_eq!(guest.sh("getent passwd ann"), "ann:x:3100:3000:Ann B:/srv/people/ann:/bin/sh");
    assert_eq!(guest.sh("id -Gn ann"), "web adm2 www");
    assert_eq!(guest.sh("getent shadow ann | cut -d: -f2,5-8"), "!:90:9:5:21990");
    assert_eq!(guest.sh("stat -c '%U %a' /srv/people/ann /srv/people/ann/.profile"), "ann 755\nann 644");
    // Groups are what is named, or more.
    guest.stays("user", json!({"name": "ann", "groups": "www", "append": true}));
    guest.changes("user", json!({"name": "ann", "groups": "www"}));
    guest.changes("user", json!({"name": "ann", "groups": ["adm2"], "append": true}));
    assert_eq!(guest.sh("id -Gn ann"), "web adm2 www");
    guest.changes("user", json!({"name": "ann", "groups": []}));
    guest.changes(
        "user",
        json!({"name": "ann", "comment": "Ann C", "shell": "/bin/bash", "uid": 3101, "expires": -1}),
    );
    guest.sh("touch /srv/people/ann/kept");
    guest.changes("user", json!({"name": "ann", "home": "/home/ann", "move_home": true}));
    guest.sh("test -e /home/ann/kept && test ! -e /srv/people/ann");
    // A home folder that went away comes back.
    guest.sh("rm -r /home/ann");
    guest.changes("user", json!({"name": "ann"}));
    assert_eq!(guest.sh("stat -c '%U %a' /home/ann /home/ann/.bashrc"), "ann 755\nann 644");
    let why = guest.fails("user", json!({"name": "bob", "group": "nothing"}));
    assert_eq!(why, "Group nothing does not exist");
    guest.changes("user", json!({"name": "ann", "state": "absent", "remove": true}));
    guest.sh("test ! -e /home/ann");
    guest.stays("user", json!({"name": "ann", "state": "absent"}));
    guest.changes("user", json!({"name": "daemon1", "system": true, "create_home": false}));
    guest.sh("test ! -e /home/daemon1 && test $(id -u daemon1) -lt 1000");
}

#[test]
fn passwords_are_never_seen() {
    let Some(mut guest) = Guest::new() else { return };
    // Whatever is called for an account writes down how.
    guest.sh(
        "for tool in chage chpasswd useradd usermod; do
            printf '#!/bin/sh\necho \"$0 $*\" >>/tmp/calls\nexec %s \"$@\"\n' $(command -v $tool) >/usr/local/sbin/$tool
            chmod 755 /usr/local/sbin/$tool
        done",
    );
    let came = guest.changes("user", json!({"name": "eve", "password": HASH}));
    assert_eq!(came.field("password"), "NOT_LOGGING_PASSWORD");
    assert!(!format!("{came:?}").contains(HASH));
    let shadow = "getent shadow eve | cut -d: -f2";
    assert_eq!(guest.sh(shadow), HASH);
    guest.changes("user", json!({"name": "eve", "password": HASH, "password_lock": true}));
    assert_eq!(guest.sh(shadow), format!("!{HASH}"));
    guest.changes("user", json!({"name": "eve", "password_lock": false}));
    guest.stays("user", json!({"name": "eve", "password": "$6$other$", "update_password": "on_create"}));
    assert_eq!(guest.sh(shadow), HASH);
    guest.changes("user", json!({"name": "eve", "password": "*"}));
    let calls = guest.sh("cat /tmp/calls");
    assert!(calls.contains("useradd") && calls.contains("chpasswd -e") && !calls.contains("$6$"), "{calls}");
    // No password may become another user's record.
    let why = guest.fails("user", json!({"name": "eve", "password": "x\nroot:"}));
    assert!(why.contains("line ends"), "{why}");
    let came = guest.run("user", json!({"name": "eve", "password": "plain"}));
    assert!(came.field("warnings")[0].as_str().unwrap().contains("not to have been hashed"));
}

#[test]
fn users_get_keys() {
    let Some(mut guest) = Guest::new() else { return };
    let args = json!({"name": "kim", "generate_ssh_key": true, "ssh_key_type": "ed25519", "ssh_key_comment": "a key", "ssh_key_passphrase": "open sesame"});
    let came = guest.changes("user", args.clone());
    assert_eq!(came.field("ssh_key_file"), "/home/kim/.ssh/id_ed25519");
    assert!(came.field("ssh_fingerprint").as_str().unwrap().contains("a key (ED25519)"));
    let public = guest.sh("cat /home/kim/.ssh/id_ed25519.pub");
    assert_eq!(came.field("ssh_public_key"), &json!(public));
    assert_eq!(guest.sh("stat -c '%U %a' /home/kim/.ssh /home/kim/.ssh/id_ed25519"), "kim 700\nkim 600");
    guest.sh("ssh-keygen -y -P 'open sesame' -f /home/kim/.ssh/id_ed25519");
    assert_ne!(guest.host().exec("ssh-keygen -y -P wrong -f /home/kim/.ssh/id_ed25519").code(), Some(0));
    guest.sh("test -z \"$(ls /run/windlass-ask* 2>/dev/null)\"");
    let came = guest.stays("user", args);
    assert!(came.field("warnings")[0].as_str().unwrap().contains("Found existing ssh key"));
}
