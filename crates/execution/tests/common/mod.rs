//! Approvals from a real risk engine, and short ways to speak as the broker.

#![allow(dead_code, unreachable_pub, reason = "each test binary is a crate of its own and uses its own part")]

use tensortrade_execution::{
    BookConfig, BrokerAnswers, ExecutionEvent, KnownOrder, KnownState, OrderBook, Submission,
};
use tensortrade_market::order::{
    BrokerOrderId, ClientOrderId, ExecId, Fill, IntentId, OrderIntent, OrderKind, OrderTerms, Side,
    TimeInForce,
};
use tensortrade_market::{Currency, Instrument, Price, Qty, Symbol, Ts};
use tensortrade_portfolio::{FxConfig, Portfolio};
use tensortrade_risk::{Breaker, Limits, OrderChange, RiskApproved, RiskContext, RiskEngine, SessionPhase};

pub fn ibm() -> Symbol {
    Symbol::intern("IBM").unwrap()
}

pub fn qty(units: i64) -> Qty {
    Qty::from_units(units).unwrap()
}

pub fn price(value: f64) -> Price {
    Price::from_f64(value).unwrap()
}

pub fn at(secs: i64) -> Ts {
    Ts::from_secs(1_000 + secs)
}

pub fn terms(side: Side, units: i64) -> OrderTerms {
    let kind = OrderKind::Limit { limit: price(if side == Side::Buy { 101.0 } else { 99.0 }) };
    OrderTerms { symbol: ibm(), side, qty: qty(units), kind, tif: TimeInForce::Day }
}

/// Intent `leg` decided at time zero.
pub fn intent(leg: u16, terms: OrderTerms) -> OrderIntent {
    OrderIntent {
        id: IntentId::derive("test", terms.symbol, at(0), leg),
        strategy: "test".into(),
        decided_at: at(0),
        terms,
        reference: price(100.0),
        reason: "test".into(),
    }
}

/// An account of ten million with IBM at 100, and a risk engine that refuses nothing these tests ask for.
pub struct Desk {
    portfolio: Portfolio,
    engine: RiskEngine,
}

impl Desk {
    pub fn new() -> Self {
        let mut portfolio = Portfolio::new(&FxConfig::default()).unwrap();
        portfolio.deposit(Currency::USD, "10000000".parse().unwrap()).unwrap();
        portfolio.register(&Instrument::guess(ibm())).unwrap();
        portfolio.mark(ibm(), price(100.0), at(0)).unwrap();
        let limits = Limits {
            duplicate_window_ms: 0,
            open_orders_per_symbol_max: 1_000,
            order_notional_max: "1000000000".parse().unwrap(),
            symbol_notional_max: "1000000000".parse().unwrap(),
            symbol_weight_max: 100.0,
            gross_exposure_max: 100.0,
            net_exposure_max: 100.0,
            ..Limits::default()
        };
        Self { portfolio, engine: RiskEngine::new(limits).unwrap() }
    }

    /// A position from before.
    pub fn hold(&mut self, side: Side, units: i64) {
        let fill = Fill { client_order_id: None, ..fill_of(0, side, "before", units) };
        self.portfolio.apply_fill(&fill).unwrap();
    }

    pub fn approve(&mut self, intent: OrderIntent) -> RiskApproved<OrderIntent> {
        self.with_context(|engine, ctx| engine.assess(intent, ctx).map_err(|r| r.refusal().clone()).unwrap())
    }

    pub fn approve_change(&mut self, id: &ClientOrderId, terms: OrderTerms) -> RiskApproved<OrderChange> {
        let change = OrderChange {
            client_order_id: id.clone(),
            strategy: "test".into(),
            decided_at: at(0),
            terms,
            reference: price(100.0),
        };
        self.with_context(|engine, ctx| {
            engine.assess_change(change, ctx).map_err(|r| r.refusal().clone()).unwrap()
        })
    }

    fn with_context<T>(&mut self, act: impl FnOnce(&mut RiskEngine, &RiskContext<'_>) -> T) -> T {
        let (view, instrument, breaker) =
            (self.portfolio.view(at(0)), Instrument::guess(ibm()), Breaker::default());
        let ctx = RiskContext {
            view: &view,
            instrument: &instrument,
            now: at(0),
            session: SessionPhase::Regular,
            symbol_halted: false,
            reconciled: true,
            lease_held: true,
            breaker: &breaker,
        };
        act(&mut self.engine, &ctx)
    }
}

pub fn book() -> OrderBook {
    OrderBook::new(BookConfig::default()).unwrap()
}

/// Submits intent `leg` and returns its order's id.
pub fn submit(book: &mut OrderBook, desk: &mut Desk, leg: u16, terms: OrderTerms) -> ClientOrderId {
    match book.submit(desk.approve(intent(leg, terms)), at(0)).unwrap() {
        Submission::Send { client_order_id, .. } => client_order_id,
        Submission::Already(state) => panic!("already {state}"),
    }
}

/// An order to buy a hundred that the broker works.
pub fn working(book: &mut OrderBook) -> ClientOrderId {
    let id = submit(book, &mut Desk::new(), 0, terms(Side::Buy, 100));
    book.apply(&sent(&id, 0));
    book.apply(&accepted(&id, 1));
    id
}

pub fn broker_id(id: &ClientOrderId) -> BrokerOrderId {
    BrokerOrderId::new(format!("b-{id}")).unwrap()
}

pub fn fill(id: &ClientOrderId, exec: &str, units: i64) -> Fill {
    Fill {
        client_order_id: Some(id.clone()),
        broker_order_id: broker_id(id),
        ..fill_of(2, Side::Buy, exec, units)
    }
}

pub fn fill_of(secs: i64, side: Side, exec: &str, units: i64) -> Fill {
    Fill {
        venue: "paper".into(),
        exec_id: ExecId::new(exec).unwrap(),
        client_order_id: None,
        broker_order_id: BrokerOrderId::new("elsewhere").unwrap(),
        symbol: ibm(),
        side,
        qty: qty(units),
        price: price(100.5),
        ts: at(secs),
    }
}

pub fn filled(id: &ClientOrderId, exec: &str, units: i64) -> ExecutionEvent {
    ExecutionEvent::Fill(fill(id, exec, units))
}

pub fn sent(id: &ClientOrderId, secs: i64) -> ExecutionEvent {
    ExecutionEvent::Sent { client_order_id: id.clone(), ts: at(secs) }
}

pub fn accepted(id: &ClientOrderId, secs: i64) -> ExecutionEvent {
    ExecutionEvent::Accepted { client_order_id: id.clone(), broker_order_id: broker_id(id), ts: at(secs) }
}

pub fn rejected(id: &ClientOrderId, secs: i64) -> ExecutionEvent {
    ExecutionEvent::Rejected { client_order_id: id.clone(), reason: "no".into(), ts: at(secs) }
}

pub fn cancelled(id: &ClientOrderId, units: i64, secs: i64) -> ExecutionEvent {
    let (client_order_id, reason) = (id.clone(), "asked for".into());
    ExecutionEvent::Cancelled { client_order_id, filled: qty(units), reason, ts: at(secs) }
}

pub fn expired(id: &ClientOrderId, units: i64, secs: i64) -> ExecutionEvent {
    ExecutionEvent::Expired { client_order_id: id.clone(), filled: qty(units), ts: at(secs) }
}

pub fn cancel_requested(id: &ClientOrderId, secs: i64) -> ExecutionEvent {
    ExecutionEvent::CancelRequested { client_order_id: id.clone(), ts: at(secs) }
}

pub fn request_rejected(id: &ClientOrderId, still_works: bool, secs: i64) -> ExecutionEvent {
    let (client_order_id, reason) = (id.clone(), "no".into());
    ExecutionEvent::RequestRejected { client_order_id, still_works, reason, ts: at(secs) }
}

pub fn in_doubt(id: &ClientOrderId, secs: i64) -> ExecutionEvent {
    ExecutionEvent::InDoubt { client_order_id: id.clone(), reason: "timed out".into(), ts: at(secs) }
}

/// The broker's books, complete since long before, asked for a minute after everything.
pub fn books() -> BrokerAnswers {
    BrokerAnswers { open: vec![], completed: vec![], executions: vec![], since: at(-3_600), asked_at: at(60) }
}

pub fn known(id: &ClientOrderId, state: KnownState, units: i64) -> KnownOrder {
    KnownOrder {
        client_order_id: Some(id.clone()),
        broker_order_id: broker_id(id),
        terms: terms(Side::Buy, 100),
        filled: qty(units),
        state,
    }
}
