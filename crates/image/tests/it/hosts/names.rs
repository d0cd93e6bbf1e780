//! `hostname` and `getent`.

use serde_json::json;

use super::Guest;

#[test]
fn the_name_holds_now_and_after_a_boot() {
    let Some(mut guest) = Guest::new() else { return };
    let came = guest.changes("hostname", json!({"name": "web1"}));
    assert_eq!(came.diff(), (&json!("hostname = h1\n"), &json!("hostname = web1\n")));
    assert_eq!(guest.sh("hostname; cat /etc/hostname"), "web1\nweb1");
    assert_eq!(came.facts()["ansible_hostname"], "web1");
    // Where only one of the two differs, that is a change as well.
    guest.sh("hostname other");
    let came = guest.changes("hostname", json!({"name": "web1"}));
    assert_eq!(came.diff().0, "hostname = other\n");
    assert!(guest.fails("hostname", json!({"name": "x".repeat(65)})).contains("64"));
}

#[test]
fn names_are_looked_up() {
    let Some(mut guest) = Guest::new() else { return };
    let came = guest.stays("getent", json!({"database": "passwd", "key": "root"}));
    assert_eq!(came.facts()["getent_passwd"]["root"], json!(["x", "0", "0", "root", "/root", "/bin/bash"]));
    let came = guest.stays("getent", json!({"database": "hosts", "key": "h1"}));
    let address = guest.host().addr().to_string();
    assert_eq!(came.facts()["getent_hosts"][address], json!(["h1"]));
    let came = guest.stays("getent", json!({"database": "group"}));
    assert_eq!(came.facts()["getent_group"]["ops"], json!(["x", "1000", ""]));
    let missing = "One or more supplied key could not be found in the database.";
    assert_eq!(guest.fails("getent", json!({"database": "passwd", "key": "nobody-here"})), missing);
    let came = guest.stays("getent", json!({"database": "passwd", "key": "nobody-here", "fail_key": false}));
    assert_eq!(came.facts()["getent_passwd"], json!({"nobody-here": null}));
    assert!(guest.fails("getent", json!({"database": "nothing"})).contains("database unknown"));
}
