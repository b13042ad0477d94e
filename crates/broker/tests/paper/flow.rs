//! Random order flow: what must hold whatever is asked for and whatever the market does.

use std::collections::{BTreeMap, BTreeSet};

use futures::executor::block_on;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use tensortrade_broker::paper::{Latency, PaperBroker, PaperOptions};
use tensortrade_broker::{Broker, BrokerEvent, MarketBatch, MarketData};
use tensortrade_market::calendar::SessionKind;
use tensortrade_market::order::{Fill, OrderKind, OrderTerms, Side, TimeInForce};
use tensortrade_market::{Currency, Instrument, Money, Price, Qty, Symbol, Tick, TickData, Ts};

use super::desk::{Answers, answers, at, id, instrument};

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Tick { symbol: usize, tick: TickData, ms: i64 },
    Watermark { ms: i64 },
    Place { symbol: usize, buy: bool, units: i64, kind: u8, cents: i64, tif: u8 },
    Cancel { which: usize },
    Modify { which: usize, units: i64, cents: i64 },
}

fn cents(cents: i64) -> Price {
    Price::from_raw(cents * 10_000_000).unwrap()
}

fn units(n: i64) -> Qty {
    Qty::from_units(n).unwrap()
}

pub(crate) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let near = 9_980i64..10_020;
    let side = move || prop::option::of(9_980i64..10_020);
    let size = || prop_oneof![Just(0i64), 1i64..500];
    let quote =
        (0usize..2, side(), side(), size(), size(), 0i64..80).prop_map(|(symbol, bid, ask, b, a, ms)| {
            let tick = TickData::Quote {
                bid: bid.map(cents),
                ask: ask.map(cents),
                bid_size: units(b),
                ask_size: units(a),
            };
            Step::Tick { symbol, tick, ms }
        });
    let trade = (0usize..2, near, size(), 0i64..80).prop_map(|(symbol, c, s, ms)| Step::Tick {
        symbol,
        tick: TickData::Trade { price: cents(c), size: units(s) },
        ms,
    });
    let place = (0usize..2, any::<bool>(), -1i64..900, 0u8..4, 9_970i64..10_030, 0u8..5).prop_map(
        |(symbol, buy, units, kind, cents, tif)| Step::Place { symbol, buy, units, kind, cents, tif },
    );
    let step = prop_oneof![
        8 => quote,
        6 => trade,
        1 => (0i64..500).prop_map(|ms| Step::Watermark { ms }),
        4 => place,
        1 => any::<usize>().prop_map(|which| Step::Cancel { which }),
        1 => (any::<usize>(), 1i64..900, 9_970i64..10_030)
            .prop_map(|(which, units, cents)| Step::Modify { which, units, cents }),
    ];
    prop::collection::vec(step, 1..most)
}

/// Plays steps and checks every event as it comes.
pub(crate) struct Player {
    pub(crate) broker: PaperBroker,
    symbols: Vec<Instrument>,
    pub(crate) now: Ts,
    placed: Vec<(String, OrderTerms)>,
    /// By client order id: terms in force, when sent, when accepted, filled.
    orders: BTreeMap<String, (OrderTerms, Ts, Option<Ts>, Qty)>,
    latency_ns: i64,
    cash: BTreeMap<Currency, i128>,
    held: BTreeMap<Symbol, Qty>,
    pub(crate) executions: BTreeSet<String>,
}

pub(crate) fn symbols() -> Vec<Instrument> {
    vec![instrument("IBM", SessionKind::Always), instrument("AIG", SessionKind::Always)]
}

impl Player {
    pub(crate) fn new(mut broker: PaperBroker, latency: &Latency) -> Self {
        let symbols = symbols();
        symbols.iter().for_each(|i| broker.on_instrument(i));
        Self {
            broker,
            symbols,
            now: at(0),
            placed: Vec::new(),
            orders: BTreeMap::new(),
            latency_ns: latency.ticks_ns,
            cash: BTreeMap::from([(Currency::USD, i128::from(1_000_000 * Money::ONE))]),
            held: BTreeMap::new(),
            executions: BTreeSet::new(),
        }
    }

    pub(crate) fn play(&mut self, step: &Step) {
        let mut tick = None;
        match step.clone() {
            Step::Tick { symbol, tick: data, ms } => {
                self.now = self.now.plus_nanos(ms * 1_000_000);
                let t = Tick { ts: self.now, data };
                let symbol = self.symbols[symbol].symbol;
                self.broker.on_market(&MarketBatch { symbol, data: MarketData::Ticks([t].into()) });
                tick = Some((symbol, t));
            }
            Step::Watermark { ms } => {
                self.now = self.now.plus_nanos(ms * 1_000_000);
                self.broker.on_watermark(self.now);
            }
            Step::Place { symbol, buy, units: n, kind, cents: c, tif } => {
                let name = format!("o{}", self.placed.len());
                let symbol = self.symbols[symbol].symbol;
                let kind = match kind {
                    0 => OrderKind::Market,
                    1 => OrderKind::Limit { limit: cents(c) },
                    2 => OrderKind::Stop { stop: cents(c) },
                    _ => OrderKind::StopLimit { stop: cents(c), limit: cents(c + if buy { 5 } else { -5 }) },
                };
                let tif = match tif {
                    0 => TimeInForce::Day,
                    1 => TimeInForce::GoodTillCancelled,
                    2 => TimeInForce::GoodTillDate(self.now.plus_nanos(1_000_000_000)),
                    3 => TimeInForce::ImmediateOrCancel,
                    _ => TimeInForce::FillOrKill,
                };
                let side = if buy { Side::Buy } else { Side::Sell };
                let terms = OrderTerms { symbol, side, qty: units(n), kind, tif };
                block_on(self.broker.place(&id(&name), &terms, self.now)).unwrap();
                self.orders.insert(name.clone(), (terms, self.now, None, Qty::ZERO));
                self.placed.push((name, terms));
            }
            Step::Cancel { which } => {
                if let Some((name, _)) = self.pick(which) {
                    block_on(self.broker.cancel(&id(&name), self.now)).unwrap();
                }
            }
            Step::Modify { which, units: n, cents: c } => {
                if let Some((name, terms)) = self.pick(which) {
                    let kind = match terms.kind {
                        OrderKind::Limit { .. } => OrderKind::Limit { limit: cents(c) },
                        other => other,
                    };
                    let terms = OrderTerms { qty: units(n), kind, ..terms };
                    block_on(self.broker.modify(&id(&name), &terms, self.now)).unwrap();
                }
            }
        }
        let mut events = Vec::new();
        self.broker.drain_events(&mut events);
        self.check(&events, tick);
    }

    fn pick(&self, which: usize) -> Option<(String, OrderTerms)> {
        (!self.placed.is_empty()).then(|| self.placed[which % self.placed.len()].clone())
    }

    fn check(&mut self, events: &[BrokerEvent], tick: Option<(Symbol, Tick)>) {
        let mut bought = Qty::ZERO;
        let mut sold = Qty::ZERO;
        for (n, event) in events.iter().enumerate() {
            match event {
                BrokerEvent::Accepted { client_order_id, ts, .. } => {
                    let order = self.orders.get_mut(client_order_id.as_str()).unwrap();
                    assert!(*ts >= order.1.plus_nanos(self.latency_ns), "accepted before it could arrive");
                    order.2 = Some(*ts);
                }
                BrokerEvent::Modified { client_order_id, terms, .. } => {
                    self.orders.get_mut(client_order_id.as_str()).unwrap().0 = *terms;
                }
                BrokerEvent::Fill(fill) => {
                    let Some(BrokerEvent::Commission(c)) = events.get(n + 1) else {
                        panic!("no commission follows")
                    };
                    assert_eq!(c.exec_id, fill.exec_id);
                    assert!(c.amount >= Money::ZERO);
                    self.check_fill(fill, tick);
                    match fill.side {
                        Side::Buy => bought = bought.checked_add(fill.qty).unwrap(),
                        Side::Sell => sold = sold.checked_add(fill.qty).unwrap(),
                    }
                    let one = Qty::from_raw(Qty::ONE);
                    let notional = Money::notional(fill.price, fill.signed_qty(), one).unwrap();
                    *self.cash.get_mut(&Currency::USD).unwrap() -=
                        i128::from(notional.micros()) + i128::from(c.amount.micros());
                    let held = self.held.entry(fill.symbol).or_default();
                    *held = held.checked_add(fill.signed_qty()).unwrap();
                }
                _ => {}
            }
        }
        // Only what is displayed or printed: whole sides of a quote, half of a print; zero means unknown.
        match tick.map(|(_, t)| t.data) {
            Some(TickData::Quote { bid_size, ask_size, .. }) => {
                assert!(ask_size.is_zero() || bought <= ask_size, "{bought} bought of {ask_size}");
                assert!(bid_size.is_zero() || sold <= bid_size, "{sold} sold of {bid_size}");
            }
            Some(TickData::Trade { size, .. }) => {
                let taken = bought.raw() + sold.raw();
                assert!(size.is_zero() || taken * 2 <= size.raw(), "{taken} taken of {size}");
            }
            None => assert!(bought.is_zero() && sold.is_zero(), "a fill without data"),
        }
    }

    fn check_fill(&mut self, fill: &Fill, tick: Option<(Symbol, Tick)>) {
        let name = fill.client_order_id.as_ref().unwrap().as_str().to_owned();
        let (terms, _, accepted, filled) = self.orders.get_mut(&name).unwrap();
        let (symbol, tick) = tick.unwrap();
        assert_eq!((fill.symbol, fill.side, fill.ts), (terms.symbol, terms.side, tick.ts));
        assert_eq!(symbol, fill.symbol);
        assert!(accepted.is_some_and(|a| fill.ts >= a), "filled before it arrived");
        *filled = filled.checked_add(fill.qty).unwrap();
        assert!(fill.qty > Qty::ZERO && *filled <= terms.qty, "{name} overfilled");
        if let Some(limit) = terms.kind.limit() {
            assert!(
                fill.price.raw() * fill.side.sign() <= limit.raw() * fill.side.sign(),
                "beyond its limit"
            );
        }
        if terms.tif == TimeInForce::FillOrKill {
            assert_eq!(fill.qty, terms.qty, "a part of a fill or kill");
        }
        assert!(self.executions.insert(fill.exec_id.to_string()), "an execution id twice");
    }

    /// The account against the sum of what was told.
    pub(crate) fn reconcile(&mut self) -> Answers {
        let answers = answers(&mut self.broker);
        let cash: BTreeMap<Currency, i128> =
            answers.account.cash.iter().map(|(c, m)| (*c, i128::from(m.micros()))).collect();
        assert_eq!(cash, self.cash, "cash is not conserved");
        let held: BTreeMap<Symbol, Qty> = answers.positions.iter().map(|p| (p.symbol, p.qty)).collect();
        let told: BTreeMap<Symbol, Qty> =
            self.held.iter().filter(|(_, q)| !q.is_zero()).map(|(s, q)| (*s, *q)).collect();
        assert_eq!(held, told, "positions are not the sum of fills");
        assert_eq!(answers.open.len() + answers.done.len(), self.placed.len());
        for order in answers.open.iter().chain(&answers.done) {
            let name = order.client_order_id.as_ref().unwrap();
            assert_eq!(order.filled, self.orders[name.as_str()].3);
        }
        answers
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn cash_positions_limits_times_and_liquidity_hold_for_any_flow(
        steps in steps(250), jitter_ns in prop_oneof![Just(0i64), Just(90_000_000i64)],
    ) {
        let latency = Latency { jitter_ns, seed: 11, ..Latency::default() };
        let broker = PaperBroker::in_memory(PaperOptions { latency, ..PaperOptions::default() }).unwrap();
        let mut player = Player::new(broker, &latency);
        steps.iter().for_each(|step| player.play(step));
        player.reconcile();
    }
}

#[test]
fn the_random_flow_does_fill_orders() {
    // A property over flows that never trade would hold for any broken exchange.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut executions = 0;
    for _ in 0..20 {
        let steps = steps(250).new_tree(&mut runner).unwrap().current();
        let broker = PaperBroker::in_memory(PaperOptions::default()).unwrap();
        let mut player = Player::new(broker, &Latency::default());
        steps.iter().for_each(|step| player.play(step));
        executions += player.executions.len();
    }
    assert!(executions > 100, "{executions}");
}
