//! How a run ends, and the exit codes of the contract.

mod common;

use common::{Home, MONDAY};

/// How the journal says the last run ended.
#[track_caller]
fn last_end(home: &Home, data: &str) -> String {
    let mut events = home.events(data, &[]);
    // What may follow is the snapshot that the next start begins from.
    events.retain(|event| event["kind"] != "snapshot_taken");
    let last = events.last().expect("events");
    assert_eq!(last["kind"], "run_ended", "the journal ends with the end of the run: {last}");
    last["event"]["reason"].as_str().expect("a reason").to_owned()
}

#[test]
fn the_first_interrupt_drains_and_ends_cleanly() {
    for signal in ["INT", "TERM"] {
        let home = Home::new();
        let node = home.sim("data", "AAPL,MSFT", "3000");
        node.wait_until("orders were filled", |node| node.status("/fills") > 0);
        node.signal(signal);
        node.end().expect(0).says(&["stopping", "once more stops at once"]);
        assert_eq!(last_end(&home, "data"), "clean", "SIG{signal}");
        home.verify("data");
        let orders = home.table("data", "orders");
        assert!(!orders.is_empty(), "there were orders to drain");
    }
}

#[test]
fn a_second_signal_forces_the_end_and_the_next_run_goes_on() {
    let home = Home::new();
    let mut forced = false;
    // A drain can be done before the second signal is looked at; not every time.
    for _ in 0..10 {
        let node = home.sim("data", "AAPL,MSFT,NVDA,XOM", "max");
        let steps = node.status("/steps");
        node.wait_until("it runs", |node| node.status("/steps") > steps);
        // Both come while it stands still, so that the second is there before the drain is over.
        for signal in ["STOP", "INT", "TERM", "CONT"] {
            node.signal(signal);
        }
        let done = node.end();
        if done.code == 1 {
            done.says(&["stopped at once"]);
            assert_eq!(last_end(&home, "data"), "forced");
            forced = true;
            break;
        }
        done.expect(0);
    }
    assert!(forced, "a second signal changed nothing in ten runs");
    home.verify("data");
    let node = home.sim("data", "AAPL,MSFT,NVDA,XOM", "max");
    let steps = node.status("/steps");
    node.wait_until("the next run goes on", |node| node.status("/steps") > steps);
    node.shutdown();
    home.verify("data");
}

#[test]
fn the_time_given_by_for_ends_a_run_cleanly() {
    let home = Home::new();
    let args = ["run", "--data-dir", "data", "--for", "1s", "--speed", "600", "--symbols", "AAPL"];
    home.tensortrade(&args).expect(0);
    assert_eq!(last_end(&home, "data"), "clean");
    home.verify("data");
}

#[test]
fn the_end_of_the_data_is_told_apart_from_a_stop() {
    let home = Home::new();
    home.replay("data", &home.day("day.csv", MONDAY), &[]);
    assert_eq!(last_end(&home, "data"), "end_of_data");
}

#[test]
fn an_interrupted_replay_goes_on_and_ends_at_the_end_of_its_data() {
    let home = Home::new();
    let day = home.day("day.csv", MONDAY);
    let command = ["--replay", &day, "--speed", "6000"];
    let node = home.start("data", &command);
    node.wait_until("some steps are done", |node| {
        let status = node.ctl(&["status"]);
        status.code == 0 && status.json()["steps"].as_u64() > Some(60)
    });
    node.signal("INT");
    node.end().expect(0);
    assert_eq!(last_end(&home, "data"), "clean");
    home.start("data", &command).end().expect(0);
    assert_eq!(last_end(&home, "data"), "end_of_data");
    assert_eq!(home.table("data", "equity").len(), 390, "every minute was decided once");
    home.verify("data");
}

#[test]
fn a_command_line_that_cannot_be_understood_exits_2() {
    let home = Home::new();
    for args in [
        &["run", "--bogus"][..],
        &["run", "--for", "5x"],
        &["run", "--set", "novalue"],
        &["no-such-command"],
        &["ctl", "breaker", "trip"],
        &["ctl", "flatten"],
        &[],
    ] {
        let done = home.tensortrade(args).expect(2);
        assert!(!done.err.is_empty() && done.out.is_empty(), "messages are on stderr: {done:?}");
    }
}

#[test]
fn no_node_to_talk_to_exits_4() {
    let home = Home::new();
    home.tensortrade(&["ctl", "--data-dir", "nowhere", "status"]).expect(4).says(&["nowhere", "--data-dir"]);
    assert!(!home.path("nowhere").exists(), "asking creates nothing");
    home.sim("data", "AAPL", "600").kill();
    home.tensortrade(&["ctl", "--data-dir", "data", "status"]).expect(4).says(&["data"]);
    let node = home.sim("data", "AAPL", "600");
    node.shutdown();
    home.tensortrade(&["ctl", "--data-dir", "data", "status"]).expect(4).says(&["data"]);
}

#[test]
fn a_node_whose_standard_error_is_gone_runs_to_its_end() {
    let home = Home::new();
    let file = home.day("day.csv", common::MONDAY);
    for speed in ["max", "100000"] {
        let args =
            ["run", "--data-dir", speed, "--replay", &file, "--speed", speed, "--set", "log.level=debug"];
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let code = home.with_stderr(&args, full);
        assert_eq!(code, 0, "speed {speed}");
        home.tensortrade(&["journal", "verify", "--data-dir", speed]).expect(0);
    }
}
