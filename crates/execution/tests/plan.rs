//! Planning: what it orders, what it cancels, and what it never does.

#![allow(clippy::unwrap_used, reason = "a helper of a test may stop the test")]

mod common;

use common::{at, ibm, price, qty};
use proptest::prelude::*;
use tensortrade_execution::{
    OpenOrder, OpenState, OrderStyle, PlanConfig, PlanContext, Planned, Planner, SkipReason, SymbolInput,
};
use tensortrade_market::order::{IntentId, OrderKind, Side};
use tensortrade_market::{Instrument, Money, Qty};

const EQUITY: i64 = 1_000_000;

fn planner() -> Planner {
    Planner::new("rules", PlanConfig::default()).unwrap()
}

fn context(secs: i64) -> PlanContext {
    PlanContext { decided_at: at(secs), equity: Money::from_units(EQUITY).unwrap(), symbols: 1 }
}

/// IBM at 100: a weight of 0.1 is a thousand shares.
fn plan(weight: f64, position: i64, open: &[OpenOrder]) -> Planned {
    plan_at(0, weight, qty(position), open)
}

fn plan_at(secs: i64, weight: f64, position: Qty, open: &[OpenOrder]) -> Planned {
    let instrument = Instrument::guess(ibm());
    let input = SymbolInput {
        instrument: &instrument,
        weight: Some(weight),
        price: price(100.0),
        rate: 1.0,
        position,
        open,
        qty_max: None,
        reason: "test",
    };
    planner().plan(context(secs), [input])
}

fn open(side: Side, units: i64, state: OpenState) -> OpenOrder {
    let client_order_id = IntentId::derive("rules", ibm(), at(0), 9).client_order_id();
    OpenOrder { client_order_id, side, remaining: qty(units), state, since: at(0) }
}

fn only(planned: &Planned) -> (Side, Qty) {
    assert_eq!(
        (planned.intents.len(), planned.cancels.len(), planned.skipped.len()),
        (1, 0, 0),
        "{planned:?}"
    );
    (planned.intents[0].terms.side, planned.intents[0].terms.qty)
}

fn skipped(planned: &Planned) -> SkipReason {
    assert!(planned.intents.is_empty(), "{planned:?}");
    planned.skipped[0].1
}

#[test]
fn what_is_missing_is_ordered_rounded_toward_zero() {
    assert_eq!(only(&plan(0.1, 0, &[])), (Side::Buy, qty(1_000)));
    assert_eq!(only(&plan(0.10009, 0, &[])), (Side::Buy, qty(1_000)));
    assert_eq!(only(&plan(-0.10009, 0, &[])), (Side::Sell, qty(1_000)));
    assert_eq!(only(&plan(0.1, 400, &[])), (Side::Buy, qty(600)));
    assert_eq!(only(&plan(0.1, 1_400, &[])), (Side::Sell, qty(400)));
    assert_eq!(only(&plan(0.1, 0, &[open(Side::Buy, 300, OpenState::Working)])), (Side::Buy, qty(700)));
}

#[test]
fn an_order_carries_a_collared_limit_the_decisions_price_and_its_time() {
    let planned = plan(0.1, 0, &[]);
    let intent = &planned.intents[0];
    assert_eq!(intent.terms.kind, OrderKind::Limit { limit: price(100.5) });
    assert_eq!(
        (intent.reference, intent.decided_at, intent.strategy.as_str()),
        (price(100.0), at(0), "rules")
    );
    let config = PlanConfig { style: OrderStyle::Market, ..PlanConfig::default() };
    let instrument = Instrument::guess(ibm());
    let input = SymbolInput {
        instrument: &instrument,
        weight: Some(0.1),
        price: price(100.0),
        rate: 1.0,
        position: Qty::ZERO,
        open: &[],
        qty_max: Some(qty(250)),
        reason: "test",
    };
    let planned = Planner::new("rules", config).unwrap().plan(context(0), [input]);
    assert_eq!(planned.intents[0].terms.kind, OrderKind::Market);
    assert_eq!(planned.intents[0].terms.qty, qty(250), "the rest follows at later steps");
}

#[test]
fn small_differences_are_left_alone_and_exits_are_not() {
    assert_eq!(skipped(&plan(0.1, 1_000, &[])), SkipReason::AtTarget);
    assert_eq!(skipped(&plan(0.1, 950, &[])), SkipReason::WithinBand, "half a percent of equity");
    assert_eq!(only(&plan(0.0, 3, &[])), (Side::Sell, qty(3)));
}

#[test]
fn the_more_symbols_share_the_equity_the_smaller_an_order_may_be() {
    let instrument = Instrument::guess(ibm());
    let input = SymbolInput {
        instrument: &instrument,
        weight: Some(0.004),
        price: price(100.0),
        rate: 1.0,
        position: Qty::ZERO,
        open: &[],
        qty_max: None,
        reason: "test",
    };
    let among = |symbols, weight| {
        let context = PlanContext { symbols, ..context(0) };
        planner().plan(context, [SymbolInput { weight: Some(weight), ..input }])
    };
    assert_eq!(skipped(&among(8, 0.004)), SkipReason::WithinBand, "one percent among few");
    assert_eq!(skipped(&among(50, 0.0099)), SkipReason::WithinBand);
    assert_eq!(only(&among(200, 0.004)), (Side::Buy, qty(40)));
    assert_eq!(skipped(&among(200, 0.001)), SkipReason::WithinBand, "half of an equal share is 0.0025");
}

#[test]
fn targets_that_never_become_an_order_for_their_size_are_told_once() {
    use tensortrade_execution::plan::IdleWatch;
    let mut watch = IdleWatch::default();
    let idle = plan(0.004, 0, &[]);
    let told: Vec<_> = (0..500).filter_map(|_| watch.observe(&planner(), context(0), &idle, 1)).collect();
    assert_eq!(told.len(), 1);
    for part in ["1 symbols", "10000", "execution.band", "execution.band_of_size", "execution.notional_min"] {
        assert!(told[0].contains(part), "{part}: {}", told[0]);
    }
    let mut watch = IdleWatch::default();
    assert_eq!(watch.observe(&planner(), context(0), &plan(0.1, 0, &[]), 1), None);
    assert!((0..500).all(|_| watch.observe(&planner(), context(0), &idle, 1).is_none()), "it has traded");
    let mut watch = IdleWatch::default();
    let flat = plan(0.0, 0, &[]);
    assert!((0..500).all(|_| watch.observe(&planner(), context(0), &flat, 0).is_none()), "nothing is wanted");
}

#[test]
fn a_position_that_turns_is_closed_first() {
    let first = plan(-0.1, 400, &[]);
    assert_eq!(only(&first), (Side::Sell, qty(400)));
    let second = plan_at(60, -0.1, Qty::ZERO, &[]);
    assert_eq!(only(&second), (Side::Sell, qty(1_000)));
    assert_ne!(first.intents[0].id, second.intents[0].id);
    assert_eq!(only(&plan(-0.1, 3, &[])), (Side::Sell, qty(3)), "also one below the band");
}

#[test]
fn nothing_is_ordered_while_an_order_is_open_to_doubt() {
    assert_eq!(skipped(&plan(0.1, 0, &[open(Side::Buy, 300, OpenState::InDoubt)])), SkipReason::InDoubt);
    let asked = plan(0.1, 0, &[open(Side::Buy, 300, OpenState::AwaitingAnswer)]);
    assert_eq!((skipped(&asked), asked.cancels.len()), (SkipReason::AwaitingAnswer, 0));
}

#[test]
fn orders_that_contradict_the_target_are_cancelled_before_anything_else() {
    let cancels = |planned: Planned| {
        assert_eq!(skipped(&planned), SkipReason::CancelFirst);
        planned.cancels.len()
    };
    assert_eq!(cancels(plan(0.1, 0, &[open(Side::Sell, 300, OpenState::Working)])), 1, "the other way");
    assert_eq!(cancels(plan(0.1, 0, &[open(Side::Buy, 1_200, OpenState::Working)])), 1, "too much");
    assert_eq!(cancels(plan(0.1, 1_000, &[open(Side::Buy, 10, OpenState::Working)])), 1, "there already");
    assert_eq!(cancels(plan(0.0, 400, &[open(Side::Sell, 401, OpenState::Working)])), 1, "through zero");
    let drifted = plan(0.1, 0, &[open(Side::Buy, 1_001, OpenState::Working)]);
    assert_eq!(
        (skipped(&drifted), drifted.cancels.len()),
        (SkipReason::WithinBand, 0),
        "the price moved a little"
    );
    let old = plan_at(120, 0.1, Qty::ZERO, &[open(Side::Buy, 1_000, OpenState::Working)]);
    assert_eq!(cancels(old), 1, "it has waited too long");
}

#[test]
fn without_a_target_a_price_or_equity_nothing_happens() {
    let instrument = Instrument::guess(ibm());
    let input = SymbolInput {
        instrument: &instrument,
        weight: None,
        price: price(100.0),
        rate: 1.0,
        position: qty(400),
        open: &[open(Side::Sell, 400, OpenState::Working)],
        qty_max: None,
        reason: "test",
    };
    assert_eq!(planner().plan(context(0), [input]), Planned::default(), "no opinion is not zero");
    let broke = PlanContext { equity: Money::ZERO, ..context(0) };
    let with = |weight, rate| SymbolInput { weight: Some(weight), rate, open: &[], ..input };
    assert_eq!(skipped(&planner().plan(broke, [with(0.1, 1.0)])), SkipReason::NoEquity);
    for (weight, rate) in [(f64::NAN, 1.0), (0.1, 0.0), (0.1, f64::NAN), (f64::INFINITY, 1.0), (1e300, 1.0)] {
        assert_eq!(skipped(&planner().plan(context(0), [with(weight, rate)])), SkipReason::NoQuantity);
    }
}

#[test]
fn quantities_follow_multiplier_and_currency() {
    let mut instrument = Instrument::guess(ibm());
    instrument.multiplier = qty(50);
    let input = SymbolInput {
        instrument: &instrument,
        weight: Some(0.1),
        price: price(100.0),
        rate: 0.5,
        position: Qty::ZERO,
        open: &[],
        qty_max: None,
        reason: "test",
    };
    // 100,000 of value at 100 * 50 * 0.5 a contract.
    assert_eq!(only(&planner().plan(context(0), [input])).1, qty(40));
}

proptest! {
    #[test]
    fn a_plan_never_moves_away_from_the_target(
        weight in -0.6f64..0.6,
        position in -8_000i64..8_000,
        odd in 0i64..100_000_000,
        lot in prop::sample::select(vec![1i64, 1_000, 100_000_000, 10_000_000_000]),
        cents in 100i64..50_000,
        opens in prop::collection::vec((any::<bool>(), 1i64..3_000), 0..3),
        qty_max in prop::option::of(1i64..500),
    ) {
        let mut instrument = Instrument::guess(ibm());
        instrument.lot = Qty::from_raw(lot);
        let position = Qty::from_raw(position * Qty::ONE + odd);
        let open: Vec<OpenOrder> = (opens.iter())
            .map(|(buy, units)| open(if *buy { Side::Buy } else { Side::Sell }, *units, OpenState::Working))
            .collect();
        let input = SymbolInput {
            instrument: &instrument,
            weight: Some(weight),
            price: price(cents as f64 / 100.0),
            rate: 1.0,
            position,
            open: &open,
            qty_max: qty_max.and_then(Qty::from_units),
            reason: "test",
        };
        let planned = planner().plan(context(0), [input]);
        prop_assert_eq!(&planned, &planner().plan(context(0), [input]), "the same step gives the same plan");
        let later = planner().plan(PlanContext { decided_at: at(1), ..context(0) }, [input]);
        prop_assert!(planned.intents.len() <= 1);
        if let Some(intent) = planned.intents.first() {
            prop_assert_ne!(&intent.id, &later.intents[0].id, "another step gives another identity");
            prop_assert_eq!(intent.terms.qty.raw() % lot, 0);
            prop_assert!(intent.terms.qty > Qty::ZERO);
            let open: i64 = open.iter().map(|o| o.side.signed(o.remaining).raw()).sum();
            let before = position.raw() + open;
            let after = before + intent.terms.signed_qty().raw();
            let target = weight * EQUITY as f64 / (cents as f64 / 100.0) * Qty::ONE as f64;
            // Rounding to a lot leaves at most one lot.
            let gap = |qty: i64| (target - qty as f64).abs();
            prop_assert!(gap(after) <= gap(before) + lot as f64, "{before} to {after} for {target}");
            prop_assert!(after.abs() as f64 <= target.abs().max((before.abs() as f64).max(position.raw().abs() as f64)) + 1.0);
            prop_assert!(position.signum() * after.signum() >= 0, "never through zero");
        }
    }
}
