//! Each reason for a refusal fires, and what is approved carries what execution needs.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod common;

use common::{Rig, limit, market, money, price, qty, symbol, wide};
use tensortrade_market::order::{OrderKind, Side, TimeInForce};
use tensortrade_market::{Instrument, Ts};
use tensortrade_risk::{BreakerState, Limits, RefusalCode, Scope, SessionPhase, SessionPolicy};

#[test]
fn an_approval_holds_for_its_terms_and_its_time_only() {
    let mut rig = Rig::new(wide());
    let intent = rig.intent(limit("IBM", Side::Buy, "10", "101"));
    let approved = rig.assess_intent(intent.clone()).unwrap();
    let (terms, at) = (intent.terms, rig.now);
    assert_eq!(approved.value(), &intent);
    assert_eq!(approved.reservation_id(), &intent.client_order_id());
    assert_eq!(approved.reserved(), money("1010"), "at the limit, which is worse than the mark");
    assert!(approved.is_valid_for(&terms, at) && approved.is_valid_for(&terms, at.plus_nanos(4_999_999_999)));
    assert!(!approved.is_valid_for(&terms, at.plus_nanos(5_000_000_000)));
    assert!(!approved.is_valid_for(&terms, at.plus_nanos(-1)));
    for other in [
        limit("IBM", Side::Buy, "11", "101"),
        limit("IBM", Side::Buy, "10", "101.01"),
        limit("IBM", Side::Sell, "10", "101"),
        limit("AIG", Side::Buy, "10", "101"),
        market("IBM", Side::Buy, "10"),
    ] {
        assert!(!approved.is_valid_for(&other, at), "{other:?}");
    }
    let mut ioc = terms;
    ioc.tif = TimeInForce::ImmediateOrCancel;
    assert!(!approved.is_valid_for(&ioc, at));
}

#[test]
fn a_refusal_returns_the_intent_and_reserves_nothing() {
    let mut rig = Rig::new(Limits { order_notional_max: money("999"), ..wide() });
    let intent = rig.intent(market("IBM", Side::Buy, "10"));
    let refused = rig.assess_intent(intent.clone()).unwrap_err();
    assert_eq!(refused.value(), &intent);
    assert_eq!(
        refused.refusal().to_string(),
        "order_notional: the order is worth 1000, order_notional_max is 999"
    );
    assert_eq!(rig.engine.reservations().count(), 0);
    let (_, totals) = {
        let view = rig.view();
        rig.engine.worst_case(symbol("IBM"), &view)
    };
    assert_eq!(totals.gross_micros, 0);
}

#[test]
fn nothing_passes_a_lost_lease_a_missing_reconciliation_or_a_halt_not_even_a_reducing_order() {
    let mut rig = Rig::new(wide());
    rig.hold("IBM", Side::Buy, "10", "100");
    let close = market("IBM", Side::Sell, "10");
    rig.lease_held = false;
    assert_eq!(rig.refuse(close), RefusalCode::LeaseLost);
    rig.lease_held = true;
    rig.reconciled = false;
    assert_eq!(rig.refuse(close), RefusalCode::NotReconciled);
    rig.reconciled = true;
    rig.breaker.trip(Scope::Node, BreakerState::Halted, ("test", "halt"), rig.now, None).unwrap();
    assert_eq!(rig.refuse(close), RefusalCode::BreakerHalted);
}

#[test]
fn a_reducing_breaker_lets_a_position_be_closed_and_nothing_else() {
    let mut rig = Rig::new(wide());
    rig.hold("IBM", Side::Buy, "10", "100");
    rig.breaker.trip(Scope::Node, BreakerState::Reducing, ("test", "loss"), rig.now, None).unwrap();
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::BreakerReducing);
    assert_eq!(rig.refuse(market("IBM", Side::Sell, "11")), RefusalCode::BreakerReducing);
    assert_eq!(rig.refuse(market("AIG", Side::Sell, "1")), RefusalCode::BreakerReducing);
    let approved = rig.assess(market("IBM", Side::Sell, "6")).unwrap();
    assert!(approved.is_reducing());
    assert_eq!(
        rig.refuse(market("IBM", Side::Sell, "5")),
        RefusalCode::BreakerReducing,
        "6 of 10 are on their way"
    );
    rig.approve(market("IBM", Side::Sell, "4"));
}

#[test]
fn a_breaker_of_one_strategy_or_symbol_stops_only_its_orders() {
    let mut rig = Rig::new(wide());
    rig.breaker
        .trip(Scope::Symbol(symbol("IBM")), BreakerState::Halted, ("test", "data"), rig.now, None)
        .unwrap();
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::BreakerHalted);
    rig.approve(market("AIG", Side::Buy, "1"));
    rig.breaker
        .trip(Scope::Strategy("trend".into()), BreakerState::Reducing, ("test", "loss"), rig.now, None)
        .unwrap();
    assert_eq!(rig.refuse(market("AIG", Side::Buy, "2")), RefusalCode::BreakerReducing);
    let mut other = rig.intent(market("AIG", Side::Buy, "2"));
    other.strategy = "meanrev".into();
    assert!(rig.assess_intent(other).is_ok());
}

#[test]
fn a_symbol_with_an_unknown_order_takes_no_new_risk_but_may_be_reduced_by_what_is_surely_there() {
    let mut rig = Rig::new(wide());
    rig.hold("IBM", Side::Buy, "100", "100");
    let lost = rig.approve(market("IBM", Side::Sell, "40"));
    rig.engine.on_unknown(&lost);
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::UnknownOrderOutstanding);
    assert_eq!(rig.refuse(market("IBM", Side::Sell, "61")), RefusalCode::UnknownOrderOutstanding);
    assert!(rig.assess(market("IBM", Side::Sell, "60")).unwrap().is_reducing());
    rig.approve(market("AIG", Side::Buy, "1"));
    rig.engine.on_working(&lost);
    rig.approve(market("IBM", Side::Buy, "1"));
}

#[test]
fn terms_that_cannot_be_right_are_refused_before_anything_else_is_asked() {
    let mut rig = Rig::new(wide());
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "0")), RefusalCode::BadQuantity);
    assert_eq!(rig.refuse(limit("IBM", Side::Buy, "1", "100.001")), RefusalCode::BadPrice);
    rig.instrument = Some(Instrument::guess(symbol("AIG")));
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::WrongInstrument);
}

#[test]
fn closed_markets_halted_symbols_and_old_decisions_are_refused() {
    let mut rig = Rig::new(wide());
    rig.session = SessionPhase::Extended;
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::SessionClosed);
    rig.engine.set_limits(Limits { session_policy: SessionPolicy::QueueToNextOpen, ..wide() }).unwrap();
    rig.session = SessionPhase::Closed;
    rig.approve(market("IBM", Side::Buy, "1"));
    rig.symbol_halted = true;
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::SymbolHalted);
    rig.symbol_halted = false;
    let late = rig.intent(market("IBM", Side::Buy, "1"));
    rig.pass_ms(60_001);
    assert_eq!(rig.assess_intent(late).unwrap_err().code(), RefusalCode::ExpiredDecision);
    let mut dated = market("IBM", Side::Buy, "1");
    dated.tif = TimeInForce::GoodTillDate(rig.now);
    assert_eq!(rig.refuse(dated), RefusalCode::ExpiredDecision);
}

#[test]
fn the_same_order_id_and_the_same_trade_within_the_window_are_refused() {
    let mut rig = Rig::new(Limits { duplicate_window_ms: 500, ..wide() });
    let intent = rig.intent(market("IBM", Side::Buy, "1"));
    assert!(rig.assess_intent(intent.clone()).is_ok());
    assert_eq!(rig.assess_intent(intent.clone()).unwrap_err().code(), RefusalCode::Duplicate);
    rig.pass_ms(499);
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::Duplicate);
    rig.approve(market("IBM", Side::Buy, "2"));
    rig.approve(market("IBM", Side::Sell, "1"));
    rig.pass_ms(1);
    rig.approve(market("IBM", Side::Buy, "1"));
    assert_eq!(rig.assess_intent(intent).unwrap_err().code(), RefusalCode::Duplicate, "still open");
}

#[test]
fn rates_and_counts_of_orders_are_limited() {
    let mut rig = Rig::new(Limits { order_rate_per_second_max: 2, open_orders_per_symbol_max: 3, ..wide() });
    rig.approve(market("IBM", Side::Buy, "1"));
    rig.approve(market("IBM", Side::Buy, "1"));
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::OrderRate);
    rig.pass_ms(1_000);
    rig.approve(market("IBM", Side::Buy, "1"));
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::TooManyOpenOrders);
    rig.approve(market("AIG", Side::Buy, "1"));
}

#[test]
fn missing_stale_and_distant_prices_are_refused() {
    let mut rig = Rig::new(Limits { price_collar_bps: 100, ..wide() });
    rig.portfolio.register(&Instrument::guess(symbol("MSFT"))).unwrap();
    assert_eq!(rig.refuse(market("MSFT", Side::Buy, "1")), RefusalCode::NoPrice);
    assert_eq!(rig.refuse(limit("IBM", Side::Buy, "1", "101.01")), RefusalCode::PriceCollar);
    let mut stop = market("IBM", Side::Sell, "1");
    stop.kind = OrderKind::Stop { stop: price("98.99") };
    assert_eq!(rig.refuse(stop), RefusalCode::PriceCollar);
    let intent = rig.intent(market("IBM", Side::Buy, "1"));
    rig.mark("IBM", "102");
    assert_eq!(rig.assess_intent(intent).unwrap_err().code(), RefusalCode::PriceCollar);
    rig.pass_ms(300_001);
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::StalePrice);
}

#[test]
fn without_a_rate_there_is_no_approval_and_never_a_rate_of_one() {
    let mut rig = Rig::new(wide());
    rig.mark("7203.T", "2000");
    let refused = rig.assess(market("7203.T", Side::Buy, "1")).unwrap_err();
    assert_eq!(refused.code(), RefusalCode::NoFxRate);
    assert!(refused.refusal().detail.contains("from JPY to USD"), "{}", refused.refusal());
    rig.mark("USDJPY", "100");
    let approved = rig.assess(market("7203.T", Side::Buy, "1")).unwrap();
    assert_eq!(approved.reserved(), money("20"));
}

#[test]
fn a_position_elsewhere_that_cannot_be_valued_stops_new_risk_everywhere_and_not_the_way_out() {
    let mut rig = Rig::new(wide());
    rig.mark("7203.T", "2000");
    rig.hold("7203.T", Side::Buy, "5", "2000");
    rig.hold("IBM", Side::Buy, "5", "100");
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::NoFxRate);
    assert!(rig.assess(market("IBM", Side::Sell, "5")).unwrap().is_reducing());
}

#[test]
fn short_positions_can_be_forbidden() {
    let mut rig = Rig::new(Limits { short_allowed: false, ..wide() });
    rig.hold("IBM", Side::Buy, "10", "100");
    assert_eq!(rig.refuse(market("IBM", Side::Sell, "11")), RefusalCode::ShortNotAllowed);
    rig.approve(market("IBM", Side::Sell, "10"));
    assert_eq!(rig.refuse(market("IBM", Side::Sell, "1")), RefusalCode::ShortNotAllowed);
    assert_eq!(rig.refuse(market("AIG", Side::Sell, "1")), RefusalCode::ShortNotAllowed);
}

#[test]
fn exposure_limits_count_open_orders_at_their_worst_price() {
    let mut rig = Rig::new(Limits { symbol_notional_max: money("10000"), ..wide() });
    rig.hold("IBM", Side::Buy, "50", "100");
    rig.approve(limit("IBM", Side::Buy, "40", "101"));
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "10")), RefusalCode::SymbolNotional);
    rig.approve(market("IBM", Side::Buy, "9"));
    // An open buy is no cover for a sell, and the other way round: only the short end is asked.
    rig.approve(market("IBM", Side::Sell, "150"));
    assert_eq!(rig.refuse(market("IBM", Side::Sell, "1")), RefusalCode::SymbolNotional);
}

#[test]
fn gross_and_net_exposure_are_multiples_of_equity() {
    let mut rig = Rig::new(Limits { gross_exposure_max: 0.3, net_exposure_max: 0.2, ..wide() });
    rig.approve(market("IBM", Side::Buy, "200"));
    assert_eq!(rig.refuse(market("AIG", Side::Buy, "1")), RefusalCode::NetExposure);
    rig.approve(market("AIG", Side::Sell, "200"));
    assert_eq!(rig.refuse(market("AIG", Side::Sell, "1")), RefusalCode::GrossExposure);
}

#[test]
fn a_sector_has_its_own_limit_and_a_symbol_of_unknown_sector_counts_in_all() {
    let mut rig = Rig::new(Limits { sector_gross_max: Some(0.1), ..wide() });
    let sector = |name: &str, sector: Option<&str>| Instrument {
        sector: sector.map(Into::into),
        ..Instrument::guess(symbol(name))
    };
    rig.hold("AIG", Side::Buy, "100", "50");
    rig.instrument = Some(sector("IBM", Some("Technology")));
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "51")), RefusalCode::SectorExposure);
    rig.engine.register(&sector("AIG", Some("Financials")));
    rig.approve(market("IBM", Side::Buy, "51"));
    rig.engine.register(&sector("AIG", Some("Technology")));
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::SectorExposure);
}

#[test]
fn an_account_without_equity_may_only_reduce() {
    let mut rig = Rig::new(wide());
    rig.hold("IBM", Side::Buy, "2000", "100");
    rig.mark("IBM", "40");
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::InsufficientEquity);
    rig.approve(market("IBM", Side::Sell, "2000"));
}

#[test]
fn a_large_position_is_closed_in_slices_that_the_order_limit_admits() {
    let mut rig = Rig::new(Limits { order_notional_max: money("1050"), ..wide() });
    rig.hold("IBM", Side::Buy, "25", "100");
    assert_eq!(rig.refuse(market("IBM", Side::Sell, "25")), RefusalCode::OrderNotional);
    let mut left = qty("25");
    let mut slices = Vec::new();
    while left > qty("0") {
        let mut terms = market("IBM", Side::Sell, "25");
        terms.qty = left;
        let (view, instrument, breaker) = (rig.view(), Instrument::guess(terms.symbol), rig.breaker.clone());
        let ctx = tensortrade_risk::RiskContext {
            view: &view,
            instrument: &instrument,
            now: rig.now,
            session: rig.session,
            symbol_halted: false,
            reconciled: true,
            lease_held: true,
            breaker: &breaker,
        };
        terms.qty = rig.engine.order_qty_max(&terms, price("100"), &ctx);
        rig.approve(terms);
        left = left.checked_sub(terms.qty).unwrap();
        slices.push(terms.qty.to_string());
    }
    assert_eq!(slices, ["10", "10", "5"]);
}

#[test]
fn amounts_beyond_the_number_range_are_refused_not_wrapped() {
    let mut rig = Rig::new(wide());
    let refused = rig.assess(limit("IBM", Side::Buy, "92000000000", "101")).unwrap_err();
    assert_eq!(refused.code(), RefusalCode::OutOfRange);
}

#[test]
fn a_clock_that_goes_back_refuses_what_lies_too_far_ahead() {
    let mut rig = Rig::new(wide());
    let intent = rig.intent(market("IBM", Side::Buy, "1"));
    rig.now = Ts::from_secs(1);
    assert_eq!(rig.assess_intent(intent).unwrap_err().code(), RefusalCode::ExpiredDecision);
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::StalePrice);
}
