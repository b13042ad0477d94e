//! A portfolio, an engine and a breaker together, with short ways to drive them.

#![allow(dead_code, unreachable_pub, reason = "each test binary is a crate of its own and uses its own part")]

use tensortrade_market::order::{
    BrokerOrderId, ClientOrderId, ExecId, Fill, IntentId, OrderIntent, OrderKind, OrderTerms, Side,
    TimeInForce,
};
use tensortrade_market::{Currency, Instrument, Money, Price, Qty, Symbol, Ts};
use tensortrade_portfolio::{AppliedFill, FillOutcome, FxConfig, Portfolio, PortfolioView};
use tensortrade_risk::{
    Breaker, Limits, RefusalCode, RiskApproved, RiskContext, RiskEngine, RiskRefused, SessionPhase,
};

pub fn symbol(name: &str) -> Symbol {
    Symbol::intern(name).unwrap()
}

pub fn price(text: &str) -> Price {
    text.parse().unwrap()
}

pub fn qty(text: &str) -> Qty {
    text.parse().unwrap()
}

pub fn money(text: &str) -> Money {
    text.parse().unwrap()
}

pub fn market(name: &str, side: Side, amount: &str) -> OrderTerms {
    let tif = TimeInForce::Day;
    OrderTerms { symbol: symbol(name), side, qty: qty(amount), kind: OrderKind::Market, tif }
}

pub fn limit(name: &str, side: Side, amount: &str, at: &str) -> OrderTerms {
    OrderTerms { kind: OrderKind::Limit { limit: price(at) }, ..market(name, side, amount) }
}

/// Limits that nothing in these tests meets unless a test sets one.
pub fn wide() -> Limits {
    Limits {
        order_notional_max: money("1000000000"),
        symbol_notional_max: money("1000000000"),
        symbol_weight_max: 100.0,
        gross_exposure_max: 100.0,
        net_exposure_max: 100.0,
        open_orders_per_symbol_max: 100,
        duplicate_window_ms: 0,
        ..Limits::default()
    }
}

pub struct Rig {
    pub portfolio: Portfolio,
    pub engine: RiskEngine,
    pub breaker: Breaker,
    pub now: Ts,
    pub session: SessionPhase,
    pub symbol_halted: bool,
    pub reconciled: bool,
    pub lease_held: bool,
    pub instrument: Option<Instrument>,
    intents: u16,
    execs: u32,
}

pub type Outcome = Result<RiskApproved<OrderIntent>, RiskRefused<OrderIntent>>;

impl Rig {
    /// A hundred thousand dollars; IBM at 100, AIG at 50.
    pub fn new(limits: Limits) -> Self {
        let mut portfolio = Portfolio::new(&FxConfig::default()).unwrap();
        portfolio.deposit(Currency::USD, money("100000")).unwrap();
        let mut rig = Self {
            portfolio,
            engine: RiskEngine::new(limits).unwrap(),
            breaker: Breaker::default(),
            now: Ts::from_secs(1_000),
            session: SessionPhase::Regular,
            symbol_halted: false,
            reconciled: true,
            lease_held: true,
            instrument: None,
            intents: 0,
            execs: 0,
        };
        rig.mark("IBM", "100");
        rig.mark("AIG", "50");
        rig
    }

    pub fn mark(&mut self, name: &str, at: &str) {
        self.portfolio.register(&Instrument::guess(symbol(name))).unwrap();
        self.portfolio.mark(symbol(name), price(at), self.now).unwrap();
    }

    pub fn pass_ms(&mut self, ms: i64) {
        self.now = self.now.plus_nanos(ms * 1_000_000);
    }

    pub fn view(&mut self) -> PortfolioView {
        self.portfolio.view(self.now)
    }

    pub fn intent(&mut self, terms: OrderTerms) -> OrderIntent {
        self.intents += 1;
        let reference =
            self.portfolio.position(terms.symbol).and_then(|p| p.mark).map_or(price("1"), |m| m.price);
        OrderIntent {
            id: IntentId::derive("trend", terms.symbol, self.now, self.intents),
            strategy: "trend".into(),
            decided_at: self.now,
            terms,
            reference,
            reason: "test".into(),
        }
    }

    pub fn assess_intent_on(&mut self, intent: OrderIntent, view: &PortfolioView) -> Outcome {
        let instrument = self.instrument.clone().unwrap_or_else(|| Instrument::guess(intent.terms.symbol));
        let ctx = RiskContext {
            view,
            instrument: &instrument,
            now: self.now,
            session: self.session,
            symbol_halted: self.symbol_halted,
            reconciled: self.reconciled,
            lease_held: self.lease_held,
            breaker: &self.breaker,
        };
        self.engine.assess(intent, &ctx)
    }

    pub fn assess_intent(&mut self, intent: OrderIntent) -> Outcome {
        let view = self.view();
        self.assess_intent_on(intent, &view)
    }

    pub fn assess(&mut self, terms: OrderTerms) -> Outcome {
        let intent = self.intent(terms);
        self.assess_intent(intent)
    }

    /// The id of an approved order.
    pub fn approve(&mut self, terms: OrderTerms) -> ClientOrderId {
        match self.assess(terms) {
            Ok(approved) => approved.reservation_id().clone(),
            Err(refused) => panic!("refused: {}", refused.refusal()),
        }
    }

    /// The code of a refusal.
    pub fn refuse(&mut self, terms: OrderTerms) -> RefusalCode {
        match self.assess(terms) {
            Ok(_) => panic!("approved: {terms:?}"),
            Err(refused) => refused.code(),
        }
    }

    /// Books a fill without telling risk.
    pub fn book(
        &mut self,
        id: Option<&ClientOrderId>,
        name: &str,
        side: Side,
        amount: Qty,
        at: Price,
    ) -> AppliedFill {
        self.execs += 1;
        let fill = Fill {
            venue: "paper".into(),
            exec_id: ExecId::new(format!("e{}", self.execs)).unwrap(),
            client_order_id: id.cloned(),
            broker_order_id: BrokerOrderId::new("b").unwrap(),
            symbol: symbol(name),
            side,
            qty: amount,
            price: at,
            ts: self.now,
        };
        match self.portfolio.apply_fill(&fill).unwrap() {
            FillOutcome::Applied(applied) => applied,
            FillOutcome::Duplicate => panic!("duplicate"),
        }
    }

    /// Books a fill of an open order and tells risk.
    pub fn fill(&mut self, id: &ClientOrderId, amount: &str, at: &str) {
        let open = self.engine.reservation(id).unwrap().clone();
        let applied = self.book(Some(id), open.symbol.as_str(), open.side, qty(amount), price(at));
        self.engine.on_fill(&applied);
    }

    /// Books a position from outside.
    pub fn hold(&mut self, name: &str, side: Side, amount: &str, at: &str) {
        let applied = self.book(None, name, side, qty(amount), price(at));
        self.engine.on_fill(&applied);
    }
}
