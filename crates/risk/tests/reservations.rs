//! Exposure stays reserved until the broker proves that an order is done, whatever order the news comes in.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod common;

use common::{Rig, limit, market, money, price, qty, symbol, wide};
use tensortrade_market::Instrument;
use tensortrade_market::order::{ClientOrderId, OrderTerms, Side};
use tensortrade_risk::{
    Limits, OrderChange, PastApproval, RefusalCode, Reservation, ReservationPhase, RiskContext, RiskEngine,
    RiskState,
};

/// Limits under which IBM at 100 may reach 100 shares.
fn hundred() -> Limits {
    Limits { symbol_notional_max: money("10000"), ..wide() }
}

fn change(rig: &mut Rig, id: &ClientOrderId, terms: OrderTerms) -> Result<(), RefusalCode> {
    let (view, instrument) = (rig.view(), Instrument::guess(terms.symbol));
    let change = OrderChange {
        client_order_id: id.clone(),
        strategy: "trend".into(),
        decided_at: rig.now,
        terms,
        reference: price("100"),
    };
    let ctx = RiskContext {
        view: &view,
        instrument: &instrument,
        now: rig.now,
        session: rig.session,
        symbol_halted: false,
        reconciled: true,
        lease_held: true,
        breaker: &rig.breaker,
    };
    rig.engine.assess_change(change, &ctx).map(|_| ()).map_err(|refused| refused.code())
}

#[test]
fn a_fill_moves_exposure_from_the_order_to_the_position_and_frees_none() {
    let mut rig = Rig::new(hundred());
    let id = rig.approve(market("IBM", Side::Buy, "100"));
    rig.fill(&id, "60", "100");
    assert_eq!(rig.engine.reservation(&id).unwrap().remaining(), qty("40"));
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::SymbolNotional);
    rig.fill(&id, "40", "100");
    assert_eq!(rig.engine.reservation(&id), None);
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::SymbolNotional);
}

#[test]
fn a_fill_that_the_view_does_not_show_yet_still_counts() {
    let mut rig = Rig::new(hundred());
    let id = rig.approve(market("IBM", Side::Buy, "100"));
    let before = rig.view();
    rig.fill(&id, "100", "100");
    assert_eq!(rig.engine.reservation(&id), None);
    let intent = rig.intent(market("IBM", Side::Buy, "1"));
    let refused = rig.assess_intent_on(intent, &before).unwrap_err();
    assert_eq!(refused.code(), RefusalCode::SymbolNotional);
    // The old view shows no position, so nothing is reducing under it either.
    let intent = rig.intent(market("IBM", Side::Sell, "100"));
    assert!(!rig.assess_intent_on(intent, &before).unwrap().is_reducing());
}

#[test]
fn a_view_older_than_one_judged_by_before_is_refused() {
    let mut rig = Rig::new(wide());
    let old = rig.view();
    rig.hold("IBM", Side::Buy, "10", "100");
    rig.approve(market("IBM", Side::Buy, "1"));
    let intent = rig.intent(market("IBM", Side::Buy, "2"));
    assert_eq!(rig.assess_intent_on(intent, &old).unwrap_err().code(), RefusalCode::StalePortfolio);
}

#[test]
fn a_view_that_shows_a_fill_before_risk_hears_of_it_counts_it_twice_rather_than_never() {
    let mut rig = Rig::new(hundred());
    let id = rig.approve(market("IBM", Side::Buy, "50"));
    let fill = rig.book(Some(&id), "IBM", Side::Buy, qty("50"), price("100"));
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::SymbolNotional);
    rig.engine.on_fill(&fill);
    rig.approve(market("IBM", Side::Buy, "50"));
}

#[test]
fn an_unknown_order_keeps_its_exposure_until_the_broker_proves_its_end() {
    let mut rig = Rig::new(hundred());
    let id = rig.approve(market("IBM", Side::Buy, "100"));
    rig.engine.on_unknown(&id);
    assert!(rig.engine.has_unknown(symbol("IBM")));
    rig.pass_ms(280_000);
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::UnknownOrderOutstanding);
    let (exposure, _) = {
        let view = rig.view();
        rig.engine.worst_case(symbol("IBM"), &view)
    };
    assert_eq!(exposure.high, money("10000"));
    assert!(rig.engine.on_done(&id, qty("0")));
    rig.approve(market("IBM", Side::Buy, "100"));
}

#[test]
fn a_status_that_overtakes_its_fills_frees_only_what_cannot_fill_any_more() {
    let mut rig = Rig::new(hundred());
    let id = rig.approve(market("IBM", Side::Buy, "100"));
    rig.fill(&id, "10", "100");
    // Cancelled with 30 filled; 20 of them have not arrived.
    assert!(!rig.engine.on_done(&id, qty("30")));
    assert_eq!(rig.engine.reservation(&id).unwrap().phase, ReservationPhase::AwaitingFills);
    rig.engine.on_working(&id);
    assert_eq!(rig.engine.reservation(&id).unwrap().remaining(), qty("20"));
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "71")), RefusalCode::SymbolNotional);
    rig.approve(market("IBM", Side::Buy, "70"));
    rig.fill(&id, "20", "100");
    assert_eq!(rig.engine.reservation(&id), None);
}

#[test]
fn a_late_fill_of_a_released_order_is_counted_as_a_position() {
    let mut rig = Rig::new(hundred());
    let id = rig.approve(market("IBM", Side::Buy, "100"));
    assert!(rig.engine.on_done(&id, qty("0")));
    let before = rig.view();
    let late = rig.book(Some(&id), "IBM", Side::Buy, qty("100"), price("100"));
    rig.engine.on_fill(&late);
    let intent = rig.intent(market("IBM", Side::Buy, "1"));
    assert_eq!(rig.assess_intent_on(intent, &before).unwrap_err().code(), RefusalCode::SymbolNotional);
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::SymbolNotional);
}

#[test]
fn releasing_an_order_twice_is_harmless() {
    let mut rig = Rig::new(hundred());
    let id = rig.approve(market("IBM", Side::Buy, "100"));
    assert!(rig.engine.on_done(&id, qty("0")) && rig.engine.on_done(&id, qty("0")));
    rig.engine.on_unknown(&id);
    assert_eq!(rig.engine.reservations().count(), 0);
}

#[test]
fn a_change_reserves_the_worse_of_old_and_new_until_it_is_answered() {
    let mut rig = Rig::new(hundred());
    let id = rig.approve(limit("IBM", Side::Buy, "50", "100"));
    assert_eq!(
        change(&mut rig, &id, limit("IBM", Side::Buy, "101", "100")),
        Err(RefusalCode::SymbolNotional)
    );
    assert_eq!(rig.engine.open_qty(symbol("IBM")).0, qty("50"));
    assert_eq!(change(&mut rig, &id, limit("IBM", Side::Buy, "80", "100")), Ok(()));
    assert_eq!(
        change(&mut rig, &id, limit("IBM", Side::Buy, "60", "100")),
        Err(RefusalCode::ChangeOutstanding)
    );
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "21")), RefusalCode::SymbolNotional);
    rig.engine.on_change_refused(&id);
    assert_eq!(rig.engine.open_qty(symbol("IBM")).0, qty("50"));
    assert_eq!(change(&mut rig, &id, limit("IBM", Side::Buy, "20", "100")), Ok(()));
    assert_eq!(rig.engine.open_qty(symbol("IBM")).0, qty("50"), "the old quantity can still fill");
    rig.engine.on_changed(&id, &limit("IBM", Side::Buy, "20", "100"));
    assert_eq!(rig.engine.open_qty(symbol("IBM")).0, qty("20"));
}

#[test]
fn only_a_working_order_can_be_changed_and_not_its_side() {
    let mut rig = Rig::new(wide());
    let id = rig.approve(limit("IBM", Side::Buy, "50", "100"));
    assert_eq!(change(&mut rig, &id, limit("IBM", Side::Sell, "50", "100")), Err(RefusalCode::NotChangeable));
    rig.fill(&id, "20", "100");
    assert_eq!(change(&mut rig, &id, limit("IBM", Side::Buy, "20", "100")), Err(RefusalCode::NotChangeable));
    rig.engine.on_unknown(&id);
    assert_eq!(change(&mut rig, &id, limit("IBM", Side::Buy, "60", "100")), Err(RefusalCode::NotChangeable));
    rig.engine.on_done(&id, qty("20"));
    assert_eq!(change(&mut rig, &id, limit("IBM", Side::Buy, "60", "100")), Err(RefusalCode::NotChangeable));
}

#[test]
fn reservations_rate_and_duplicate_window_survive_a_restart() {
    let limits = Limits { duplicate_window_ms: 5_000, order_rate_per_second_max: 2, ..hundred() };
    let mut rig = Rig::new(limits.clone());
    let id = rig.approve(market("IBM", Side::Buy, "60"));
    rig.engine.on_unknown(&id);
    let text = serde_json::to_string(&rig.engine.state()).unwrap();
    let state: RiskState = serde_json::from_str(&text).unwrap();
    rig.engine = RiskEngine::restore(limits, state).unwrap();
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::UnknownOrderOutstanding);
    rig.engine.on_working(&id);
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "60")), RefusalCode::Duplicate);
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "41")), RefusalCode::SymbolNotional);
    rig.approve(market("IBM", Side::Buy, "40"));
    assert_eq!(rig.refuse(market("AIG", Side::Buy, "1")), RefusalCode::OrderRate);
}

#[test]
fn a_restart_from_the_journal_alone_holds_the_same_exposure() {
    let limits = Limits { duplicate_window_ms: 5_000, ..hundred() };
    let mut rig = Rig::new(limits.clone());
    let intent = rig.intent(limit("IBM", Side::Buy, "60", "101"));
    assert!(rig.assess_intent(intent.clone()).is_ok());
    let live = rig.engine.reservation(&intent.client_order_id()).unwrap().clone();
    // What the journal holds: the intent, the approval's time, and that nothing is known of the send.
    rig.engine = RiskEngine::new(limits).unwrap();
    let prices = [intent.reference; 2];
    let mut back = Reservation::new(
        intent.client_order_id(),
        &intent.terms,
        &Instrument::guess(symbol("IBM")),
        prices,
        rig.now,
    );
    assert_eq!(back, live);
    back.phase = ReservationPhase::Unknown;
    rig.engine.restore_reservation(back);
    let (symbol, side, qty) = (intent.terms.symbol, intent.terms.side, intent.terms.qty);
    rig.engine.restore_approval(PastApproval { at: rig.now, symbol, side, qty });
    assert_eq!(rig.assess_intent(intent).unwrap_err().code(), RefusalCode::Duplicate);
    assert_eq!(rig.refuse(market("IBM", Side::Buy, "1")), RefusalCode::UnknownOrderOutstanding);
}
