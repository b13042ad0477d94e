//! What the portfolio does with fills, commissions, marks, rates and days, case by case.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

use tensortrade_market::order::{BrokerOrderId, ClientOrderId, Commission, ExecId, Fill, Side};
use tensortrade_market::{Currency, Instrument, Money, Price, Qty, Symbol, Ts};
use tensortrade_portfolio::{
    CommissionOutcome, FillOutcome, FxConfig, MarkOutcome, Portfolio, PortfolioError, ValuationError,
};

fn instrument(name: &str) -> Instrument {
    Instrument::guess(Symbol::intern(name).unwrap())
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn price(text: &str) -> Price {
    text.parse().unwrap()
}

fn currency(code: &str) -> Currency {
    Currency::new(code).unwrap()
}

fn fill(name: &str, id: &str, side: Side, qty: &str, at: &str) -> Fill {
    Fill {
        venue: "paper".into(),
        exec_id: ExecId::new(id).unwrap(),
        client_order_id: Some(ClientOrderId::new("tt-1").unwrap()),
        broker_order_id: BrokerOrderId::new("b-1").unwrap(),
        symbol: Symbol::intern(name).unwrap(),
        side,
        qty: qty.parse().unwrap(),
        price: price(at),
        ts: Ts::from_secs(1),
    }
}

fn commission(id: &str, amount: &str, code: &str) -> Commission {
    let exec_id = ExecId::new(id).unwrap();
    Commission { venue: "paper".into(), exec_id, amount: money(amount), currency: currency(code) }
}

/// 100,000 dollars, and these symbols.
fn portfolio(names: &[&str]) -> Portfolio {
    let mut portfolio = Portfolio::new(&FxConfig::default()).unwrap();
    portfolio.deposit(Currency::USD, money("100000")).unwrap();
    for name in names {
        portfolio.register(&instrument(name)).unwrap();
    }
    portfolio
}

fn is_applied(outcome: &FillOutcome) -> bool {
    matches!(outcome, FillOutcome::Applied(_))
}

#[test]
fn a_repeated_fill_is_booked_once_and_the_same_id_at_another_venue_is_another_fill() {
    let mut p = portfolio(&["IBM"]);
    let one = fill("IBM", "e1", Side::Buy, "10", "100");
    assert!(is_applied(&p.apply_fill(&one).unwrap()));
    assert_eq!(p.apply_fill(&one).unwrap(), FillOutcome::Duplicate);
    assert!(is_applied(&p.apply_fill(&Fill { venue: "other".into(), ..one.clone() }).unwrap()));
    assert_eq!(p.position(one.symbol).unwrap().qty.to_string(), "20");
    assert_eq!(p.account(Currency::USD).cash, money("98000"));
    assert_eq!(p.fills_applied(), 2);
}

#[test]
fn a_fill_from_outside_this_node_is_booked_like_any_other() {
    let mut p = portfolio(&["IBM"]);
    let external = Fill { client_order_id: None, ..fill("IBM", "e1", Side::Sell, "5", "100") };
    let FillOutcome::Applied(applied) = p.apply_fill(&external).unwrap() else { panic!("not applied") };
    assert_eq!((applied.client_order_id(), applied.change().to_string().as_str()), (None, "-5"));
}

#[test]
fn a_commission_ends_in_the_same_books_whether_it_comes_before_or_after_its_fill() {
    let trade = fill("IBM", "e1", Side::Buy, "10", "100");
    let cost = commission("e1", "1.25", "USD");
    let mut after = portfolio(&["IBM"]);
    after.apply_fill(&trade).unwrap();
    assert_eq!(after.apply_commission(&cost).unwrap(), CommissionOutcome::Attributed(trade.symbol));
    let mut before = portfolio(&["IBM"]);
    assert_eq!(before.apply_commission(&cost).unwrap(), CommissionOutcome::AwaitsFill);
    assert_eq!(before.account(Currency::USD).cash, money("99998.75"));
    assert_eq!(before.commissions_awaiting_fill(), 1);
    before.apply_fill(&trade).unwrap();
    for p in [&mut before, &mut after] {
        assert_eq!(p.apply_commission(&cost).unwrap(), CommissionOutcome::Duplicate);
        assert_eq!(p.account(Currency::USD).cash, money("98998.75"));
        assert_eq!(p.position(trade.symbol).unwrap().fees, money("1.25"));
        assert_eq!(p.commissions_awaiting_fill(), 0);
    }
}

#[test]
fn a_commission_in_another_currency_is_charged_to_that_currency() {
    let mut p = portfolio(&["BTCUSDT"]);
    p.apply_fill(&fill("BTCUSDT", "e1", Side::Buy, "0.5", "20000")).unwrap();
    p.apply_commission(&commission("e1", "0.01", "BNB")).unwrap();
    assert_eq!(p.account(currency("BNB")).cash, money("-0.01"));
    let fees = p.foreign_fees(Symbol::intern("BTCUSDT").unwrap()).unwrap();
    assert_eq!(fees[&currency("BNB")], money("0.01"));
    assert_eq!(
        p.revalue(),
        Err(ValuationError::NoRate { currency: currency("BNB"), base: Currency::USD }),
        "an unknown rate is never taken as one"
    );
}

#[test]
fn equity_in_a_foreign_currency_follows_its_pair() {
    let mut p = portfolio(&["USDJPY", "EURUSD"]);
    // 1,000 euros for 1,100 dollars: the same formula as shares.
    p.apply_fill(&fill("EURUSD", "e1", Side::Buy, "1000", "1.1")).unwrap();
    assert_eq!(p.revalue().unwrap().equity, money("100000"));
    p.mark(Symbol::intern("EURUSD").unwrap(), price("1.2"), Ts::from_secs(2)).unwrap();
    assert_eq!(p.revalue().unwrap().equity, money("100100"));
    // 1,000 dollars against yen, valued in yen.
    p.apply_fill(&fill("USDJPY", "e2", Side::Buy, "1000", "150")).unwrap();
    assert_eq!(p.account(currency("JPY")).cash, money("-150000"));
    assert!(p.revalue().is_err(), "a fill marks the position, only a market mark is a rate");
    p.mark(Symbol::intern("USDJPY").unwrap(), price("160"), Ts::from_secs(3)).unwrap();
    // The yen book holds +10,000 yen of profit: 62.5 dollars.
    let valuation = p.revalue().unwrap();
    assert_eq!(valuation.equity, money("100162.5"));
    assert_eq!(valuation.unrealised, money("162.5"));
    assert_eq!(valuation.gross(), money("2200"));
}

#[test]
fn refused_inputs_leave_the_books_as_they_were() {
    let mut p = portfolio(&["IBM"]);
    p.apply_fill(&fill("IBM", "e1", Side::Buy, "10", "100")).unwrap();
    let before = serde_json::to_string(&p).unwrap();
    assert!(matches!(
        p.apply_fill(&fill("AIG", "e2", Side::Buy, "1", "1")),
        Err(PortfolioError::Unregistered(_))
    ));
    assert!(matches!(
        p.apply_fill(&fill("IBM", "e2", Side::Buy, "0", "1")),
        Err(PortfolioError::BadFill { .. })
    ));
    let huge = fill("IBM", "e2", Side::Buy, "90000000000", "9000000000");
    assert!(matches!(p.apply_fill(&huge), Err(PortfolioError::Money(_))));
    let mut bigger = instrument("IBM");
    bigger.multiplier = "50".parse().unwrap();
    let refusal = p.register(&bigger).unwrap_err().to_string();
    assert!(refusal.contains("multiplier cannot change from 1 to 50"), "{refusal}");
    assert!(p.adopt(instrument("IBM").symbol, Qty::from_raw(1), price("1"), Ts::ZERO).is_err());
    assert_eq!(serde_json::to_string(&p).unwrap(), before);
}

#[test]
fn a_commission_too_large_for_its_books_leaves_fill_and_commission_repeatable() {
    let mut p = portfolio(&["IBM"]);
    p.apply_commission(&Commission {
        amount: Money::from_micros(i64::MIN + 1),
        ..commission("e0", "0", "EUR")
    })
    .unwrap();
    let before = serde_json::to_string(&p).unwrap();
    assert!(
        p.apply_commission(&Commission {
            amount: Money::from_micros(i64::MIN),
            ..commission("e1", "0", "EUR")
        })
        .is_err()
    );
    assert_eq!(serde_json::to_string(&p).unwrap(), before);
}

#[test]
fn marks_go_forward_in_time() {
    let mut p = portfolio(&["IBM"]);
    let slot = p.register(&instrument("IBM")).unwrap();
    assert_eq!(p.mark_slot(slot, price("10"), Ts::from_secs(5)), MarkOutcome::Updated);
    assert_eq!(p.mark_slot(slot, price("11"), Ts::from_secs(5)), MarkOutcome::Updated);
    assert_eq!(p.mark_slot(slot, price("12"), Ts::from_secs(4)), MarkOutcome::Older);
    assert_eq!(p.position(instrument("IBM").symbol).unwrap().mark.unwrap().price, price("11"));
}

#[test]
fn an_adopted_position_is_capital_brought_in_not_profit() {
    let mut p = portfolio(&["IBM"]);
    p.revalue().unwrap();
    p.roll_day(Ts::ZERO).unwrap();
    p.mark(instrument("IBM").symbol, price("110"), Ts::from_secs(1)).unwrap();
    p.adopt(instrument("IBM").symbol, "10".parse().unwrap(), price("100"), Ts::from_secs(1)).unwrap();
    let valuation = p.revalue().unwrap();
    assert_eq!((valuation.equity, valuation.unrealised), (money("101100"), money("100")));
    assert_eq!(p.performance().day_pnl(), Some(Money::ZERO));
    assert_eq!(p.performance().drawdown(), Money::ZERO);
    p.audit().unwrap();
}

#[test]
fn a_deposit_is_no_profit_and_one_that_cannot_be_valued_is_refused() {
    let mut p = portfolio(&["IBM"]);
    p.roll_day(Ts::ZERO).unwrap();
    p.deposit(Currency::USD, money("5000")).unwrap();
    p.revalue().unwrap();
    assert_eq!(p.performance().day_pnl(), Some(Money::ZERO));
    let refusal = p.deposit(currency("JPY"), money("5000")).unwrap_err().to_string();
    assert!(refusal.contains("no rate from JPY to USD"), "{refusal}");
    assert_eq!(p.account(currency("JPY")).cash, Money::ZERO);
}

#[test]
fn days_roll_forward_only_and_each_keeps_its_own_profit() {
    let mut p = portfolio(&["IBM"]);
    let day = |n: i64| Ts::from_secs(n * 86_400);
    assert_eq!(p.roll_day(day(1)).unwrap(), None);
    p.apply_fill(&fill("IBM", "e1", Side::Buy, "100", "100")).unwrap();
    p.mark(instrument("IBM").symbol, price("99"), Ts::from_secs(2)).unwrap();
    let closed = p.roll_day(day(2)).unwrap().unwrap();
    assert_eq!((closed.date, closed.pnl()), (day(1), money("-100")));
    assert!(matches!(p.roll_day(day(2)), Err(PortfolioError::DayOrder { .. })));
    p.mark(instrument("IBM").symbol, price("101"), Ts::from_secs(3)).unwrap();
    assert_eq!(p.roll_day(day(3)).unwrap().unwrap().pnl(), money("200"));
}

#[test]
fn a_view_is_a_snapshot_that_later_events_do_not_change() {
    let mut p = portfolio(&["IBM", "AIG"]);
    p.apply_fill(&fill("IBM", "e1", Side::Buy, "100", "100")).unwrap();
    p.apply_fill(&fill("AIG", "e2", Side::Sell, "50", "20")).unwrap();
    let view = p.view(Ts::from_secs(9));
    p.apply_fill(&fill("IBM", "e3", Side::Sell, "100", "90")).unwrap();
    p.register(&instrument("MSFT")).unwrap();
    let ibm = instrument("IBM").symbol;
    assert_eq!((view.qty(ibm).to_string().as_str(), view.fills_applied()), ("100", 2));
    assert_eq!(view.get(ibm).unwrap().exposure, Some(money("10000")));
    let valuation = view.valuation().unwrap();
    assert_eq!((valuation.gross(), valuation.net()), (money("11000"), money("9000")));
    assert_eq!(view.weight(ibm), Some(0.1));
    assert_eq!(view.get(instrument("MSFT").symbol), None);
    let names: Vec<_> = view.open_positions().map(|row| row.position.symbol.as_str()).collect();
    assert_eq!(names, ["AIG", "IBM"]);
    assert!(view.same(&view.clone()) && !view.same(&p.view(Ts::from_secs(9))));
}

#[test]
fn a_snapshot_restores_the_same_portfolio_which_still_knows_every_execution() {
    let mut p = portfolio(&["IBM", "USDJPY"]);
    let trade = fill("IBM", "e1", Side::Buy, "100", "100");
    p.apply_fill(&trade).unwrap();
    p.apply_commission(&commission("e2", "1", "USD")).unwrap();
    p.roll_day(Ts::ZERO).unwrap();
    let text = serde_json::to_string(&p).unwrap();
    let mut restored: Portfolio = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&restored).unwrap(), text);
    assert_eq!(restored.apply_fill(&trade).unwrap(), FillOutcome::Duplicate);
    assert_eq!(
        restored.apply_commission(&commission("e2", "1", "USD")).unwrap(),
        CommissionOutcome::Duplicate
    );
    assert_eq!(restored.position(trade.symbol), p.position(trade.symbol));
}

#[test]
fn a_snapshot_with_damaged_books_is_refused() {
    let mut p = portfolio(&["IBM"]);
    p.apply_fill(&fill("IBM", "e1", Side::Buy, "100", "100")).unwrap();
    let text = serde_json::to_string(&p).unwrap();
    for (from, to) in
        [("\"cash\":\"90000\"", "\"cash\":\"90001\""), ("\"cost\":\"10000\"", "\"cost\":\"9999\"")]
    {
        assert!(text.contains(from));
        let error = serde_json::from_str::<Portfolio>(&text.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains("rebuild the portfolio from the journal"), "{error}");
    }
}
