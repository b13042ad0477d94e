//! The commands that need no node: config, doctor, completions, help.

mod common;

use common::Home;

#[test]
fn a_sound_configuration_is_checked_and_shown_as_it_would_be_used() {
    let home = Home::new();
    let file = home.file("node.toml", "[risk]\norder_notional_max = \"5000\"\n[feed]\nseed = 9\n");
    home.tensortrade(&["config", "check", "--config", &file]).expect(0).says(&["configuration ok"]);
    let show = ["config", "show", "--json", "--config", &file, "--set", "feed.seed=11"];
    let shown = home.tensortrade(&show).expect(0).json();
    assert_eq!(shown["risk"]["order_notional_max"], "5000");
    assert_eq!(shown["feed"]["seed"], 11, "--set is above a file");
}

#[test]
fn layers_override_one_another_in_the_stated_order() {
    let home = Home::new();
    let low = home.file("low.toml", "[feed]\nseed = 1\nring_ticks = 2048\nwarm_up_minutes = 7\n");
    let high = home.file("high.toml", "[feed]\nseed = 2\nring_ticks = 4096\n");
    std::fs::create_dir(home.path("config")).unwrap();
    home.file("config/fast.toml", "[feed]\nseed = 3\n");
    let files = ["config", "show", "--json", "--config", &low, "--config", &high];
    let seed = |more: &[&str], env: &[(&str, &str)]| {
        let shown = home.with_env(&[&files[..], more].concat(), env).expect(0).json();
        assert_eq!(shown["feed"]["ring_ticks"], 4096);
        assert_eq!(shown["feed"]["warm_up_minutes"], 7);
        shown["feed"]["seed"].as_u64().unwrap()
    };
    let env = [("TENSORTRADE_FEED__SEED", "4")];
    assert_eq!(seed(&[], &[]), 2);
    assert_eq!(seed(&["--profile", "fast"], &[]), 3);
    assert_eq!(seed(&["--profile", "fast"], &env), 4);
    assert_eq!(seed(&["--profile", "fast", "--set", "feed.seed=5"], &env), 5);
    home.tensortrade(&["config", "check", "--profile", "slow"]).expect(3).says(&["slow", "fast"]);
}

#[test]
fn what_config_show_prints_reads_back_as_the_same_configuration() {
    let home = Home::new();
    let shown = home.tensortrade(&["config", "show", "--set", "feed.seed=11"]).expect(0).out;
    let file = home.file("shown.toml", &shown);
    assert_eq!(home.tensortrade(&["config", "show", "--config", &file]).expect(0).out, shown);
}

#[test]
fn the_doctor_finds_a_good_home_fit_and_a_bad_one_not() {
    let home = Home::new();
    let findings = home.tensortrade(&["doctor", "--data-dir", "data", "--json"]).expect(0).json();
    let findings = findings.as_array().unwrap();
    for check in ["configuration", "data directory", "lock", "control socket"] {
        let found = findings.iter().find(|f| f["check"] == check);
        assert_eq!(found.map(|f| &f["verdict"]), Some(&"ok".into()), "{check} in {findings:?}");
    }
    home.file("plain", "a file where the data directory should be");
    let bad = home.tensortrade(&["doctor", "--data-dir", "plain", "--json"]).expect(6);
    let failed = bad.json().as_array().unwrap().iter().any(|f| f["verdict"] == "failed");
    assert!(failed, "{bad:?}");
}

#[test]
fn completions_for_bash_know_the_commands() {
    let home = Home::new();
    let script = home.tensortrade(&["completions", "bash"]).expect(0).out;
    for word in ["_tensortrade()", "watchlist", "--data-dir", "complete -F"] {
        assert!(script.contains(word), "{word} is missing");
    }
    home.tensortrade(&["completions", "klingon"]).expect(2);
}

#[test]
fn every_command_has_help_with_examples() {
    let home = Home::new();
    for command in ["run", "ctl", "journal", "config", "doctor", "completions"] {
        let help = home.tensortrade(&[command, "--help"]).expect(0).out;
        assert!(help.contains("Examples:"), "{command}");
    }
}
