//! Whatever bytes an inventory or a pattern is made of: they mean something or are refused, in bounded time.

use proptest::prelude::*;
use windlass_fleet::inventory::{Inventory, Options, hostile, show};

/// Loads bytes under a name, and looks at everything that came of it.
fn load(name: &str, bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), bytes).unwrap();
    match Inventory::load(&[name], &Options::new(folder.path())) {
        Ok(inventory) => {
            let view = show::View::default();
            show::list(&inventory, &view);
            show::yaml(&show::tree(&inventory, &view));
            show::graph(&inventory, inventory.group("all").unwrap(), true, &view);
            for host in inventory.hosts() {
                assert!(!host.name().chars().any(char::is_control), "{:?}", host.name());
                assert_eq!(inventory.host(host.name()).unwrap().name(), host.name());
                inventory.magic_vars(host.name());
            }
        }
        // A problem without a message would help nobody.
        Err(problems) => problems.iter().for_each(|problem| assert!(!problem.message.is_empty())),
    }
}

/// Lines made of what INI inventories are made of.
fn ini() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "[web]",
        "[web:vars]",
        "[web:children]",
        "[a:b]",
        "[",
        "]",
        "web",
        "web[1:3]",
        "w[01:9:2]",
        "x[a:f]",
        "h:22",
        "[::1]:22",
        " ",
        "\t",
        "=",
        "a=1",
        "b='x y'",
        "c=\"[1, 2]\"",
        "d={{ x }}",
        "#",
        ";",
        "\\",
        "'",
        "\"",
        "ansible_port=22",
        "ansible_group_priority=3",
        "\n",
        "\n",
        "\r\n",
        "\u{2028}",
        "é",
        "all",
        "ungrouped",
        "localhost",
        "[all:children]",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

/// Lines made of what YAML inventories are made of.
fn yaml() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "all:",
        "hosts:",
        "children:",
        "vars:",
        "web:",
        "  ",
        "    ",
        "\n",
        "\n",
        "\n  ",
        "\n    ",
        "\n      ",
        "w1:",
        "w[1:3]: ",
        "{}",
        "[1]",
        "5",
        "yes",
        "a: 1",
        "&x ",
        "*x",
        "<<: *x",
        "!vault x",
        "!unsafe y",
        "? ",
        "- ",
        "plugin: x",
        "'",
        "\"",
        "|",
        "~",
        "ansible_group_priority: 7",
        "1:",
        "{a: {b: }}",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        name in prop::sample::select(vec!["h", "h.ini", "h.yaml", "h.json"]),
    ) {
        load(name, &bytes);
        // As a program's output.
        hostile::read(3, &bytes);
    }

    #[test]
    fn any_ini_is_read_or_refused(text in ini()) {
        load("h.ini", text.as_bytes());
        load("h", text.as_bytes());
    }

    #[test]
    fn any_yaml_is_read_or_refused(text in yaml()) {
        load("h.yaml", text.as_bytes());
    }

    #[test]
    fn any_pattern_means_hosts_or_is_refused(
        pattern in "[a-z0-9~!&:,*?\\[\\]\\-.@^(){}|\\\\ é]{0,20}",
        limit in prop::option::of("[a-z0-9~!&:,*?\\[\\]\\-]{0,10}"),
    ) {
        let inventory = Inventory::load(&["web1,web2,db1,é,"], &Options::new(".")).unwrap();
        if let Ok(selection) = inventory.select(&pattern, limit.as_deref()) {
            let mut hosts = selection.hosts.clone();
            hosts.sort();
            hosts.dedup();
            prop_assert_eq!(hosts.len(), selection.hosts.len(), "each host once");
            prop_assert!(hosts.iter().all(|host| inventory.host(host).is_some()));
        }
    }
}
