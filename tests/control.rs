//! Commands to a running node in the simulated market.

mod common;

use std::collections::BTreeMap;

use common::{Home, Node, ids};
use serde_json::Value;

/// Waits until a symbol has a position that stands still because the symbol is halted.
fn hold_a_position(node: &Node<'_>, symbol: &str) {
    node.wait_until("the symbol has a position and is halted", |node| {
        if !node.positions().contains_key(symbol) {
            return false;
        }
        node.ctl(&["halt", symbol]).expect(0);
        if node.positions().contains_key(symbol) {
            return true;
        }
        node.ctl(&["resume", symbol, "--reason", "it was closed meanwhile"]).expect(0);
        false
    });
}

/// The quantity of an order or a fill, below zero for a sale.
fn signed(terms: &Value) -> i64 {
    let qty: i64 = terms["qty"].as_str().expect("text").parse().expect("a whole number");
    if terms["side"] == "buy" { qty } else { -qty }
}

#[test]
fn a_running_node_shows_its_status_its_tree_and_its_watchlist() {
    let home = Home::new();
    let node = home.sim("data", "AAPL,MSFT", "3000");
    node.wait_until("steps are done", |node| node.status("/steps") > 5);
    let status = node.ctl(&["status"]).expect(0).json();
    assert_eq!(status["feed"], "sim");
    assert_eq!(status["reconciled"], true);
    assert_eq!(status["breaker"], "normal");
    assert_eq!(node.watchlist(), ["AAPL", "MSFT"]);
    let tree = ids(&node.ctl(&["tree"]).expect(0).json());
    for id in ["journal", "breaker", "session", "portfolio", "risk", "execution", "reconciler", "regime"] {
        assert!(tree.iter().any(|t| t == id), "{id} is not in {tree:?}");
    }
    for id in ["policy", "cross-section", "hub", "control", "AAPL", "MSFT"] {
        assert!(tree.iter().any(|t| t == id), "{id} is not in {tree:?}");
    }
    node.ctl(&["reconcile"]).expect(0);
    node.shutdown();
    let commands = home.events("data", &["command"]);
    assert!(commands.iter().any(|c| c["event"]["command"].as_str().unwrap().contains("reconcile")));
}

#[test]
fn a_symbol_added_while_the_node_runs_joins_trades_leaves_and_comes_back() {
    let home = Home::new();
    let node = home.sim("data", "AAPL", "3000");
    let added = node.ctl(&["watchlist", "add", "TSLA"]).expect(0).json();
    assert_eq!(added[0]["outcome"], "joined", "{added}");
    let again = node.ctl(&["watchlist", "add", "TSLA"]).expect(0).json();
    assert_eq!(again[0]["outcome"], "already there", "{again}");
    assert!(ids(&node.ctl(&["tree"]).expect(0).json()).iter().any(|id| id == "TSLA"));

    hold_a_position(&node, "TSLA");
    node.ctl(&["watchlist", "remove", "TSLA"]).expect(5).says(&["TSLA", "position", "--flatten"]);
    assert_eq!(node.watchlist(), ["AAPL", "TSLA"]);
    node.ctl(&["resume", "TSLA", "--reason", "seen"]).expect(0);

    node.ctl(&["watchlist", "remove", "TSLA", "--flatten"]).expect(0);
    node.wait_until("the symbol has left", |node| node.watchlist() == ["AAPL"]);
    assert!(!node.positions().contains_key("TSLA"), "it left flat");
    node.wait_until("its actor has gone", |node| {
        !ids(&node.ctl(&["tree"]).expect(0).json()).iter().any(|id| id == "TSLA")
    });
    let back = node.ctl(&["watchlist", "add", "TSLA"]).expect(0).json();
    assert_eq!(back[0]["outcome"], "joined", "{back}");
    let steps = node.status("/steps");
    node.wait_until("steps go on", |node| node.status("/steps") > steps + 20);
    node.shutdown();

    assert!(home.table("data", "fills").iter().any(|fill| fill["symbol"] == "TSLA"), "it traded");
    let told: Vec<String> = home
        .events("data", &["watchlist"])
        .iter()
        .filter(|e| e["event"]["symbol"] == "TSLA")
        .map(|e| e["event"]["action"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told, ["added", "removed", "added"]);
    home.verify("data");
}

#[test]
fn a_bad_symbol_is_refused_with_a_reason_and_the_refusal_is_journalled() {
    let home = Home::new();
    let node = home.sim("data", "AAPL", "600");
    node.ctl(&["watchlist", "add", "not a symbol"]).expect(5).says(&["not a symbol", "allowed"]);
    node.ctl(&["watchlist", "remove", "NOPE"]).expect(5).says(&["NOPE", "not on the watchlist"]);
    node.ctl(&["flatten", "--confirm", "someone-else"]).expect(5).says(&["PAPER", "nothing was done"]);
    assert_eq!(node.watchlist(), ["AAPL"]);
    node.shutdown();
    let denied = home.events("data", &["command"]).into_iter().filter(|c| c["event"]["allowed"] == false);
    assert_eq!(denied.count(), 3);
}

#[test]
fn a_removed_symbol_stays_removed_after_a_restart_and_the_account_goes_on() {
    let home = Home::new();
    let node = home.sim("data", "AAPL,MSFT", "3000");
    node.ctl(&["watchlist", "add", "TSLA"]).expect(0);
    node.wait_until("orders were filled", |node| node.status("/fills") > 0);
    node.ctl(&["watchlist", "remove", "TSLA", "--flatten"]).expect(0);
    node.wait_until("the symbol has left", |node| node.watchlist() == ["AAPL", "MSFT"]);
    node.shutdown();
    let (last, fills) = (home.table("data", "equity").pop().unwrap(), home.table("data", "fills").len());
    let carried = home.positions("data");

    let node = home.sim("data", "AAPL,MSFT", "3000");
    let minute = node.market_minute();
    node.wait_until("market time goes on", |node| node.market_minute() > minute + 20);
    assert_eq!(node.watchlist(), ["AAPL", "MSFT"]);
    node.ctl(&["reconcile"]).expect(0);
    node.shutdown();

    let equity = home.table("data", "equity");
    let at = equity.iter().position(|row| row["ts"] == last["ts"]).expect("the old steps are kept");
    let worth = |row: &BTreeMap<String, String>| row["equity"].parse::<f64>().unwrap();
    let (before, next) = (&equity[at], &equity[at + 1]);
    assert_eq!(before, &last);
    assert!((worth(next) / worth(before) - 1.0).abs() < 0.05, "{before:?} then {next:?}");
    let mut sums: BTreeMap<String, i64> =
        carried.into_iter().map(|(symbol, qty)| (symbol, qty.parse().unwrap())).collect();
    let all = home.events("data", &["fill"]);
    for fill in all.iter().skip(fills).map(|line| &line["event"]["fill"]) {
        *sums.entry(fill["symbol"].as_str().unwrap().to_owned()).or_default() += signed(fill);
    }
    sums.retain(|_, qty| *qty != 0);
    let now = home.positions("data").into_iter().map(|(s, qty)| (s, qty.parse().unwrap())).collect();
    assert_eq!(sums, now, "positions before the restart and the fills after it");
    home.verify("data");
}

#[test]
fn between_trip_and_reset_of_the_breaker_only_reducing_orders_leave() {
    let home = Home::new();
    let node = home.sim("data", "AAPL,MSFT,NVDA,XOM", "3000");
    node.wait_until("orders were filled", |node| node.status("/fills") > 2);
    node.ctl(&["breaker", "trip", "--reason", "odd fills"]).expect(0);
    assert_eq!(node.ctl(&["status"]).expect(0).json()["breaker"], "reducing");
    let refused = |node: &Node<'_>| {
        let orders = &node.ctl(&["status"]).expect(0).json()["orders"];
        orders["intents"].as_i64().unwrap() - orders["sent"].as_i64().unwrap()
    };
    let before = refused(&node);
    node.wait_until("an order that adds risk was refused", |node| refused(node) > before + 1);
    let shown = node.ctl(&["breaker"]).expect(0).json();
    assert_eq!(shown["trips"], 1, "{shown}");
    node.ctl(&["breaker", "reset", "--reason", "understood"]).expect(0);
    assert_eq!(node.ctl(&["status"]).expect(0).json()["breaker"], "normal");
    let sent = node.status("/orders/sent");
    node.wait_until("orders leave again", |node| node.status("/orders/sent") > sent);
    node.shutdown();
    home.verify("data");

    let mut positions = BTreeMap::<String, i64>::new();
    let mut tripped = false;
    let mut refusals = 0;
    for line in home.events("data", &["breaker", "submitted", "fill", "refused"]) {
        let event = &line["event"];
        match line["kind"].as_str().unwrap() {
            "breaker" => tripped = event["to"] != "normal",
            "fill" => {
                let fill = &event["fill"];
                *positions.entry(fill["symbol"].as_str().unwrap().into()).or_default() += signed(fill);
            }
            "submitted" if tripped => {
                let position =
                    positions.get(event["terms"]["symbol"].as_str().unwrap()).copied().unwrap_or(0);
                let order = signed(&event["terms"]);
                assert!(
                    position.signum() == -order.signum() && order.abs() <= position.abs(),
                    "with position {position} an order of {order} left: {line}"
                );
            }
            "refused" if tripped => refusals += u32::from(event["code"] == "breaker_reducing"),
            _ => {}
        }
    }
    assert!(refusals > 0, "refusals name the breaker");
}

#[test]
fn a_tripped_breaker_survives_a_restart() {
    let home = Home::new();
    let node = home.sim("data", "AAPL", "3000");
    node.wait_until("steps are done", |node| node.status("/steps") > 5);
    node.ctl(&["breaker", "trip", "--reason", "odd fills"]).expect(0);
    node.kill();
    let node = home.sim("data", "AAPL", "3000");
    assert_eq!(node.ctl(&["status"]).expect(0).json()["breaker"], "reducing");
    node.ctl(&["breaker", "reset", "--reason", "understood"]).expect(0);
    node.shutdown();
}

#[test]
fn flatten_needs_the_accounts_name_and_closes_every_position() {
    let home = Home::new();
    let node = home.sim("data", "AAPL,MSFT", "3000");
    node.wait_until("there is a position", |node| !node.positions().is_empty());
    // Tripped, so that the policy opens nothing anew.
    node.ctl(&["breaker", "trip", "--reason", "going flat"]).expect(0);
    node.ctl(&["flatten", "--confirm", "wrong"]).expect(5).says(&["PAPER", "wrong", "nothing was done"]);
    node.ctl(&["flatten", "--confirm", "PAPER"]).expect(0);
    node.wait_until("every position is closed", |node| node.positions().is_empty());
    node.ctl(&["reconcile"]).expect(0);
    node.shutdown();
    assert!(home.positions("data").is_empty());
    home.verify("data");
}

#[test]
fn new_risk_limits_are_taken_up_while_the_node_runs_and_bad_ones_are_refused() {
    let home = Home::new();
    let file = home.file("node.toml", "[risk]\norder_notional_max = \"200000\"\n");
    let node = home.start("data", &["--config", &file, "--speed", "600", "--symbols", "AAPL"]);
    node.wait_until("the node answers", |node| node.ctl(&["status"]).code == 0);
    home.file("node.toml", "[risk]\norder_notional_max = \"1000\"\n");
    let reply = node.ctl(&["config", "reload"]).expect(0);
    assert_eq!(reply.json()["applied"][0], "risk");
    home.file("node.toml", "[risk]\norder_notional_maximum = \"1000\"\n");
    node.ctl(&["config", "reload"]).expect(5).says(&[
        "nothing changed",
        "order_notional_maximum",
        "node.toml",
    ]);
    home.file("node.toml", "[risk]\norder_notional_max = \"-5\"\n");
    node.ctl(&["config", "reload"]).expect(5).says(&["order_notional_max", "more than 0"]);
    node.shutdown();
}

#[test]
fn what_nobody_knows_cannot_be_halted_resumed_or_removed() {
    let home = Home::new();
    let node = home.sim("data", "AAPL", "3000");
    for command in [
        &["halt", "NOPE"][..],
        &["resume", "NOPE", "--reason", "a slip"],
        &["watchlist", "remove", "NOPE"],
        &["watchlist", "remove", "NOPE", "--flatten"],
    ] {
        node.ctl(command).expect(5).says(&["NOPE", "not on the watchlist"]);
    }
    node.ctl(&["halt", "strategy:nope"]).expect(5).says(&["nope", "rules"]);
    node.ctl(&["halt", "AAPL"]).expect(0);
    node.ctl(&["halt", "strategy:rules"]).expect(0);
    let open = node.ctl(&["breaker"]).expect(0).out;
    assert!(open.contains("symbol:AAPL") && open.contains("strategy:rules"), "{open}");
    assert!(!open.contains("NOPE"), "{open}");
    node.ctl(&["resume", "AAPL", "--reason", "seen"]).expect(0);
    node.shutdown();
    let refused = home.events("data", &["command"]);
    let refused = refused.iter().filter(|c| c["event"]["allowed"] == false).count();
    assert_eq!(refused, 5, "refusals are on record");
}
