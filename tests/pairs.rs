//! Currency pairs and coins in the simulated market: any name can be named.

mod common;

use common::Home;

#[test]
fn pairs_and_coins_trade_beside_shares_and_the_account_has_a_worth_in_dollars() {
    let home = Home::new();
    let node = home.sim("data", "AAPL,EURUSD,USDJPY,EURGBP,BTCUSD", "max");
    let rows = node.ctl(&["watchlist", "list"]).expect(0).json();
    let of = |name: &str| {
        let row = rows.as_array().expect("rows").iter().find(|row| row["symbol"] == name);
        let row = row.unwrap_or_else(|| panic!("{name} in {rows}"));
        (row["asset_class"].as_str().expect("text").to_owned(), row["currency"].clone())
    };
    assert_eq!(of("AAPL"), ("equity".to_owned(), "USD".into()));
    assert_eq!(of("EURGBP"), ("forex".to_owned(), "GBP".into()));
    assert_eq!(of("USDJPY"), ("forex".to_owned(), "JPY".into()));
    assert_eq!(of("BTCUSD"), ("crypto".to_owned(), "USD".into()));
    node.wait_until("a market day has passed", |node| node.status("/steps") > 2_000);
    node.shutdown();
    home.verify("data");
    let fills = home.table("data", "fills");
    for name in ["EURUSD", "USDJPY", "EURGBP", "BTCUSD"] {
        assert!(fills.iter().any(|row| row["symbol"] == name), "{name} is traded");
    }
    let equity = home.table("data", "equity");
    let last: f64 = equity.last().expect("rows")["equity"].parse().expect("a worth");
    assert!((500_000.0..2_000_000.0).contains(&last), "{last}");
}
