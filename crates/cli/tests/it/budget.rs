//! `windlass budget`: limits that people set, and how they stand.

use windlass_testkit::TestEnv;

fn env() -> TestEnv {
    TestEnv::new(env!("CARGO_BIN_EXE_windlass"))
}

#[test]
fn limits_are_set_shown_and_taken_away() {
    let env = env();
    let none = env.run(["budget", "show"]);
    assert_eq!(none.success().stdout(), "Nothing was spent, and no budget is set.\n");
    env.run(["budget", "set", "day", "--amount", "2.50", "--tokens", "1000"]).success();
    env.run(["budget", "set", "project", "--tokens", "5"]).success();
    env.run(["budget", "set", "key:work", "--amount", "7", "--currency", "EUR"]).success();
    let table = env.run(["budget", "show"]).success().stdout();
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["BUDGET", "LIMIT", "USED", "RESERVED", "LEFT", "RENEWS"]);
    assert_eq!(rows[1], ["project", "5", "tokens", "0", "0", "5", "tokens"]);
    assert_eq!(rows[2], ["key:work", "7", "EUR", "0", "0", "7", "EUR"]);
    assert_eq!(rows[3][..10], ["day", "2.5", "USD,", "1000", "tokens", "0", "0", "2.5", "USD,", "1000"]);
    let shown = env.run(["budget", "set", "project", "--unlimited", "--json"]).success().json();
    let names: Vec<&str> = shown["budgets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|budget| budget["budget"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["key:work", "day"]);
    let day = &shown["budgets"][1];
    assert_eq!(day["limit"], serde_json::json!({"cost": {"amount": 2.5, "currency": "USD"}, "tokens": 1000}));
    assert_eq!((&day["left"], &day["used"]["tokens"]), (&day["limit"], &serde_json::json!(0)));
    assert!(day["renews_at"].as_u64().unwrap() > 1_700_000_000_000);
}

#[test]
fn what_makes_no_sense_is_refused_with_what_to_write() {
    let env = env();
    for (args, want) in [
        (&["week", "--amount", "1"][..], "`project`, `day`, `month` or `key:NAME`"),
        (&["day"], "--amount"),
        (&["day", "--amount", "-1"], ""),
        (&["day", "--amount", "1e3"], "write an amount such as `2.50`"),
        (&["day", "--amount", "1", "--currency", "usd"], "three capital letters"),
        (&["day", "--unlimited", "--tokens", "1"], "cannot be used with"),
    ] {
        env.run(["budget", "set"].iter().chain(args)).status(1).says(want);
    }
}
