//! The limits hold over every possible outcome of what is open, checked against a model that knows nothing of the
//! engine's sums: it keeps positions and orders in lists and tries every subset of fills.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod common;

use common::{Rig, symbol};
use proptest::prelude::*;
use tensortrade_market::order::{ClientOrderId, OrderKind, OrderTerms, Side, TimeInForce};
use tensortrade_market::{Money, Price, Qty};
use tensortrade_portfolio::{AppliedFill, PortfolioView};
use tensortrade_risk::{BreakerState, Limits, Reservation, RiskEngine, RiskState, Scope};

const NAMES: [&str; 3] = ["IBM", "AIG", "MSFT"];
const BY: (&str, &str) = ("test", "property");

fn limits() -> Limits {
    Limits {
        order_notional_max: Money::from_units(20_000).unwrap(),
        symbol_notional_max: Money::from_units(60_000).unwrap(),
        symbol_weight_max: 0.35,
        gross_exposure_max: 0.5,
        net_exposure_max: 0.4,
        open_orders_per_symbol_max: 4,
        price_collar_bps: 2_000,
        duplicate_window_ms: 0,
        ..Limits::default()
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// `late` judges by the portfolio view from before the latest fills.
    Order {
        name: usize,
        buy: bool,
        qty: i64,
        limit_bps: Option<i64>,
        late: bool,
    },
    /// The broker fills part or all of an open order.
    Fill {
        order: usize,
        percent: i64,
    },
    /// Fills so far arrive: in the portfolio, and then perhaps in risk.
    Arrive {
        told: bool,
    },
    Done {
        order: usize,
    },
    Unknown {
        order: usize,
    },
    Working {
        order: usize,
    },
    External {
        name: usize,
        buy: bool,
        qty: i64,
    },
    Mark {
        name: usize,
        bps: i64,
    },
    Breaker {
        state: u8,
    },
    Restart,
    Pass {
        ms: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let order = 0..12usize;
    prop_oneof![
        10 => (0..3usize, any::<bool>(), 1i64..250, prop::option::of(-500i64..500), any::<bool>())
            .prop_map(|(name, buy, qty, limit_bps, late)| Step::Order { name, buy, qty, limit_bps, late }),
        4 => (order.clone(), 1i64..=100).prop_map(|(order, percent)| Step::Fill { order, percent }),
        4 => any::<bool>().prop_map(|told| Step::Arrive { told }),
        2 => order.clone().prop_map(|order| Step::Done { order }),
        1 => order.clone().prop_map(|order| Step::Unknown { order }),
        1 => order.prop_map(|order| Step::Working { order }),
        1 => (0..3usize, any::<bool>(), 1i64..50).prop_map(|(name, buy, qty)| Step::External { name, buy, qty }),
        2 => (0..3usize, -300i64..300).prop_map(|(name, bps)| Step::Mark { name, bps }),
        1 => (0u8..3).prop_map(|state| Step::Breaker { state }),
        1 => Just(Step::Restart),
        1 => (0i64..2_000).prop_map(|ms| Step::Pass { ms }),
    ]
}

/// An order as the broker would see it: it may still fill `left`, at `worst` or better for the market maker.
#[derive(Debug, Clone)]
struct Order {
    id: ClientOrderId,
    name: usize,
    buy: bool,
    qty: i64,
    left: i64,
}

struct Model {
    position: [i64; 3],
    price: [Price; 3],
    orders: Vec<Order>,
}

/// What one outcome of all open orders would look like, in micro-units.
struct Outcome {
    symbols: [i128; 3],
}

impl Outcome {
    fn gross(&self) -> i128 {
        self.symbols.iter().map(|v| v.abs()).sum()
    }
    fn net(&self) -> i128 {
        self.symbols.iter().sum()
    }
}

impl Model {
    /// Every subset of the open orders, filled whole; partial fills lie between these.
    fn outcomes(&self) -> Vec<Outcome> {
        assert!(self.orders.len() <= 12);
        (0u32..1 << self.orders.len())
            .map(|mask| {
                let mut position = self.position;
                for (at, order) in self.orders.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1) {
                    let _ = at;
                    position[order.name] += if order.buy { order.left } else { -order.left };
                }
                // Prices have nine decimals, quantities are whole shares here: micro-units are thousandths of raw.
                let value = |i: usize| i128::from(position[i]) * i128::from(self.price[i].raw()) / 1_000;
                Outcome { symbols: [value(0), value(1), value(2)] }
            })
            .collect()
    }

    fn extremes(&self) -> ([i128; 3], i128, i128, i128) {
        let mut symbols = [0; 3];
        let (mut gross, mut high, mut low) = (0, i128::MIN, i128::MAX);
        for outcome in self.outcomes() {
            for (worst, value) in symbols.iter_mut().zip(outcome.symbols) {
                *worst = value.abs().max(*worst);
            }
            gross = gross.max(outcome.gross());
            high = high.max(outcome.net());
            low = low.min(outcome.net());
        }
        (symbols, gross, high, low)
    }

    /// Whether the order can end with a larger position than the symbol has now, or on the other side of zero, for any
    /// outcome of the other orders on its own side.
    fn only_reduces(&self, name: usize, buy: bool, qty: i64) -> bool {
        let same_side = self.orders.iter().filter(|o| o.name == name && o.buy == buy);
        let waiting: i64 = same_side.map(|o| o.left).sum();
        let (now, sign) = (self.position[name], if buy { 1 } else { -1 });
        let end = now + sign * (waiting + qty);
        now * sign < 0 && end * sign <= 0
    }
}

struct World {
    rig: Rig,
    model: Model,
    /// What the broker has traded and the portfolio has not booked.
    unbooked: Vec<(Option<ClientOrderId>, usize, bool, i64)>,
    /// Fills that the portfolio has booked and risk has not heard of.
    untold: Vec<AppliedFill>,
    /// The view that orders are judged by; refreshed by all but fills and order events.
    shown: PortfolioView,
    approvals: u32,
    reducing: u32,
    refusals: u32,
}

fn reservations(rig: &Rig) -> Vec<Reservation> {
    rig.engine.reservations().cloned().collect()
}

fn micros(money: Money) -> i128 {
    money.micros().into()
}

impl World {
    fn new() -> Self {
        let mut rig = Rig::new(limits());
        rig.mark("MSFT", "200");
        let price = NAMES.map(|n| rig.portfolio.position(symbol(n)).unwrap().mark.unwrap().price);
        let model = Model { position: [0; 3], price, orders: Vec::new() };
        let shown = rig.view();
        Self {
            rig,
            model,
            shown,
            unbooked: Vec::new(),
            untold: Vec::new(),
            approvals: 0,
            reducing: 0,
            refusals: 0,
        }
    }

    /// Risk hears of all that the portfolio has booked.
    fn tell(&mut self) {
        for fill in self.untold.drain(..) {
            self.rig.engine.on_fill(&fill);
        }
    }

    /// The portfolio books all that the broker has filled.
    fn book(&mut self) {
        for (id, name, buy, qty) in std::mem::take(&mut self.unbooked) {
            let side = if buy { Side::Buy } else { Side::Sell };
            let (qty, price) = (Qty::from_units(qty).unwrap(), self.model.price[name]);
            self.untold.push(self.rig.book(id.as_ref(), NAMES[name], side, qty, price));
        }
    }

    fn trade(&mut self, id: Option<ClientOrderId>, name: usize, buy: bool, qty: i64) {
        self.model.position[name] += if buy { qty } else { -qty };
        self.unbooked.push((id, name, buy, qty));
    }

    fn pick(&self, order: usize) -> Option<usize> {
        (!self.model.orders.is_empty()).then(|| order % self.model.orders.len())
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Order { name, buy, qty, limit_bps, late } => {
                if late {
                    // News comes by one way or the other: what the view lacks, risk has been told.
                    self.tell();
                } else {
                    self.shown = self.rig.view();
                }
                self.order(name, buy, qty, limit_bps)?;
            }
            Step::Fill { order, percent } => {
                if let Some(at) = self.pick(order) {
                    let Order { id, name, buy, left, .. } = self.model.orders[at].clone();
                    let qty = (left * percent / 100).max(1);
                    self.trade(Some(id), name, buy, qty);
                    self.model.orders[at].left -= qty;
                    if self.model.orders[at].left == 0 {
                        self.model.orders.remove(at);
                    }
                }
            }
            Step::Arrive { told } => {
                self.book();
                if told {
                    self.tell();
                }
            }
            Step::Done { order } => {
                if let Some(at) = self.pick(order) {
                    // The broker names what it executed, also when the last fills have not arrived.
                    let order = self.model.orders.remove(at);
                    let executed = Qty::from_units(order.qty - order.left).unwrap();
                    self.rig.engine.on_done(&order.id, executed);
                }
            }
            Step::Unknown { order } => {
                if let Some(at) = self.pick(order) {
                    self.rig.engine.on_unknown(&self.model.orders[at].id);
                }
            }
            Step::Working { order } => {
                if let Some(at) = self.pick(order) {
                    self.rig.engine.on_working(&self.model.orders[at].id);
                }
            }
            Step::External { name, buy, qty } => {
                // A trade from outside has no reservation: nobody can know of it before it is booked.
                self.trade(None, name, buy, qty);
                self.book();
            }
            Step::Mark { name, bps } => {
                let raw = self.model.price[name].raw();
                let price = Price::from_raw((raw + raw / 10_000 * bps).max(1_000_000_000)).unwrap();
                self.rig.portfolio.mark(symbol(NAMES[name]), price, self.rig.now).unwrap();
                self.model.price[name] = price;
            }
            Step::Breaker { state } => {
                let level =
                    [BreakerState::Normal, BreakerState::Reducing, BreakerState::Halted][usize::from(state)];
                let authority = tensortrade_risk::Authority::new("test", "property").unwrap();
                let now = self.rig.now;
                if self.rig.breaker.trip(Scope::Node, level, BY, now, None).is_none() {
                    let _ = self.rig.breaker.reset(Scope::Node, level, &authority, now);
                }
            }
            Step::Restart => {
                let text = serde_json::to_string(&self.rig.engine.state()).unwrap();
                let state: RiskState = serde_json::from_str(&text).unwrap();
                self.rig.engine = RiskEngine::restore(limits(), state).unwrap();
            }
            Step::Pass { ms } => {
                self.rig.pass_ms(ms);
                for (name, price) in NAMES.iter().zip(self.model.price) {
                    self.rig.portfolio.mark(symbol(name), price, self.rig.now).unwrap();
                }
            }
        }
        if matches!(step, Step::Mark { .. } | Step::Pass { .. } | Step::Restart) {
            self.shown = self.rig.view();
        }
        self.check_sums()
    }

    fn order(
        &mut self,
        name: usize,
        buy: bool,
        qty: i64,
        limit_bps: Option<i64>,
    ) -> Result<(), TestCaseError> {
        if self.model.orders.len() >= 11 {
            return Ok(());
        }
        let kind = limit_bps.map_or(OrderKind::Market, |bps| {
            let raw = self.model.price[name].raw();
            let limit = (raw + raw / 10_000 * bps) / 10_000_000 * 10_000_000;
            OrderKind::Limit { limit: Price::from_raw(limit).unwrap() }
        });
        let side = if buy { Side::Buy } else { Side::Sell };
        let qty_fixed = Qty::from_units(qty).unwrap();
        let terms = OrderTerms {
            symbol: symbol(NAMES[name]),
            side,
            qty: qty_fixed,
            kind,
            tif: TimeInForce::GoodTillCancelled,
        };
        let (state, _) = self.rig.breaker.effective("trend", terms.symbol);
        let unknown = self.rig.engine.has_unknown(terms.symbol);
        let only_reduces = self.model.only_reduces(name, buy, qty);
        let (symbols_before, gross_before, ..) = self.model.extremes();
        let equity = self.rig.portfolio.revalue().unwrap().equity;
        let open_before = reservations(&self.rig);
        let intent = self.rig.intent(terms);
        let Ok(approved) = self.rig.assess_intent_on(intent, &self.shown) else {
            self.refusals += 1;
            prop_assert_eq!(reservations(&self.rig), open_before, "a refusal leaves a trace");
            return Ok(());
        };
        self.approvals += 1;
        prop_assert!(state < BreakerState::Halted, "approved under a halt");
        prop_assert!(approved.is_valid_for(&terms, self.rig.now));
        if approved.is_reducing() {
            // Risk may be in the dark about fills, then it calls fewer orders reducing than there are, never more.
            prop_assert!(only_reduces, "{:?} is no way toward zero", terms);
            self.reducing += 1;
        } else {
            prop_assert!(state == BreakerState::Normal, "risk grew under a reducing breaker");
            prop_assert!(!unknown, "risk grew in a symbol with an unknown order");
        }
        let id = approved.reservation_id().clone();
        self.model.orders.push(Order { id, name, buy, qty, left: qty });

        let limits = limits();
        let times = |multiple: f64| (equity.to_f64() * multiple * 1e6).round() as i128 + 2;
        let (symbols, gross, high, low) = self.model.extremes();
        let symbol_max = micros(limits.symbol_notional_max).min(times(limits.symbol_weight_max));
        if approved.is_reducing() {
            prop_assert!(
                symbols[name] <= symbols_before[name] && gross <= gross_before,
                "a reducing order added"
            );
            return Ok(());
        }
        let worst_added = symbols[name] > symbols_before[name];
        prop_assert!(
            !worst_added || symbols[name] <= symbol_max,
            "symbol {} > {}",
            symbols[name],
            symbol_max
        );
        let gross_max = times(limits.gross_exposure_max);
        prop_assert!(gross <= gross_before.max(gross_max), "gross {} > {}", gross, gross_max);
        let net_max = times(limits.net_exposure_max);
        let net = if buy { high } else { -low };
        prop_assert!(net <= net_max, "net {} > {}", net, net_max);
        Ok(())
    }

    /// The engine's sums, kept symbol by symbol, equal those of a fresh engine, and are never below any outcome.
    fn check_sums(&mut self) -> Result<(), TestCaseError> {
        // Copies, so that the engine itself keeps judging by the view it has.
        let mut kept = self.rig.engine.clone();
        let mut fresh = RiskEngine::restore(limits(), self.rig.engine.state()).unwrap();
        for name in NAMES.map(symbol) {
            prop_assert_eq!(kept.worst_case(name, &self.shown), fresh.worst_case(name, &self.shown));
        }
        let view = self.rig.view();
        let (symbols, gross, high, low) = self.model.extremes();
        for (name, worst) in NAMES.into_iter().zip(symbols) {
            let (exposure, totals) = kept.worst_case(symbol(name), &view);
            prop_assert!(micros(exposure.worst()) + 1 >= worst, "{} {:?} < {}", name, exposure, worst);
            prop_assert!(totals.gross_micros + 3 >= gross, "{} < {}", totals.gross_micros, gross);
            prop_assert!(totals.net_high_micros + 3 >= high && totals.net_low_micros - 3 <= low);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn limits_hold_whatever_becomes_of_the_open_orders(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step)?;
        }
    }
}

#[test]
fn the_random_worlds_approve_reduce_and_refuse() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut approvals, mut reducing, mut refusals) = (0, 0, 0);
    for _ in 0..50 {
        let steps = prop::collection::vec(step(), 60).new_tree(&mut runner).unwrap().current();
        let mut world = World::new();
        for step in &steps {
            world.step(step).unwrap();
        }
        approvals += world.approvals;
        reducing += world.reducing;
        refusals += world.refusals;
    }
    assert!(approvals > 300 && reducing > 30 && refusals > 300, "{approvals} {reducing} {refusals}");
}
