//! A desk to trade from: short words for ticks, bars, orders and what came of them.

use std::sync::Arc;

use futures::executor::block_on;
use tensortrade_broker::paper::{CommissionSchedule, PaperBroker, PaperOptions};
use tensortrade_broker::{
    AccountSnapshot, Broker, BrokerEvent, BrokerOrder, BrokerPosition, Execution, MarketBatch, MarketData,
    RejectCode,
};
use tensortrade_market::calendar::SessionKind;
use tensortrade_market::order::{ClientOrderId, Fill, OrderKind, OrderTerms, Side, TimeInForce};
use tensortrade_market::{Bar, Instrument, Money, Price, Qty, Symbol, Tick, Timeframe, Ts};

pub(crate) use tensortrade_market::order::OrderKind::{Limit, Market, Stop, StopLimit};
pub(crate) use tensortrade_market::order::Side::{Buy, Sell};
pub(crate) use tensortrade_market::order::TimeInForce::{
    Day, FillOrKill as Fok, GoodTillCancelled as Gtc, GoodTillDate as Gtd, ImmediateOrCancel as Ioc,
};

/// Noon of a trading day in New York: times of tests count from here, in milliseconds.
pub(crate) const NOON: &str = "2013-10-07T16:00:00Z";

pub(crate) fn at(ms: i64) -> Ts {
    Ts::parse(NOON).unwrap().plus_nanos(ms * 1_000_000)
}

pub(crate) fn price(text: &str) -> Price {
    text.parse().unwrap()
}

pub(crate) fn qty(text: &str) -> Qty {
    text.parse().unwrap()
}

pub(crate) fn id(text: &str) -> ClientOrderId {
    ClientOrderId::new(text).unwrap()
}

pub(crate) fn limit(text: &str) -> OrderKind {
    Limit { limit: price(text) }
}

pub(crate) fn stop(text: &str) -> OrderKind {
    Stop { stop: price(text) }
}

pub(crate) fn stop_limit(stop: &str, limit: &str) -> OrderKind {
    StopLimit { stop: price(stop), limit: price(limit) }
}

pub(crate) fn instrument(name: &str, sessions: SessionKind) -> Instrument {
    Instrument { sessions, ..Instrument::guess(Symbol::intern(name).unwrap()) }
}

/// No commission, so that cash shows prices alone.
pub(crate) fn free() -> PaperOptions {
    PaperOptions { commission: CommissionSchedule::free(), ..PaperOptions::default() }
}

/// One trader, one symbol.
pub(crate) struct Desk {
    pub(crate) broker: PaperBroker,
    pub(crate) symbol: Symbol,
}

impl Desk {
    /// IBM in memory, open at noon.
    pub(crate) fn new(options: PaperOptions) -> Self {
        Self::of(PaperBroker::in_memory(options).unwrap(), &instrument("IBM", SessionKind::UsEquity))
    }

    pub(crate) fn of(mut broker: PaperBroker, instrument: &Instrument) -> Self {
        broker.on_instrument(instrument);
        Self { broker, symbol: instrument.symbol }
    }

    pub(crate) fn tick(&mut self, tick: Tick) -> Vec<BrokerEvent> {
        self.ticks(vec![tick])
    }

    pub(crate) fn ticks(&mut self, ticks: Vec<Tick>) -> Vec<BrokerEvent> {
        self.broker
            .on_market(&MarketBatch { symbol: self.symbol, data: MarketData::Ticks(Arc::from(ticks)) });
        self.events()
    }

    /// A quote `bid x bid size, ask x ask size`; a side of `-` is not told.
    pub(crate) fn quote(
        &mut self,
        ms: i64,
        bid: &str,
        bid_size: &str,
        ask: &str,
        ask_size: &str,
    ) -> Vec<BrokerEvent> {
        self.tick(quote(ms, bid, bid_size, ask, ask_size))
    }

    pub(crate) fn trade(&mut self, ms: i64, at_price: &str, size: &str) -> Vec<BrokerEvent> {
        self.tick(Tick::trade(at(ms), price(at_price), qty(size)))
    }

    pub(crate) fn bars(&mut self, timeframe: Timeframe, bars: Vec<Bar>) -> Vec<BrokerEvent> {
        let data = MarketData::Bars(timeframe, Arc::from(bars));
        self.broker.on_market(&MarketBatch { symbol: self.symbol, data });
        self.events()
    }

    pub(crate) fn watermark(&mut self, ms: i64) -> Vec<BrokerEvent> {
        self.broker.on_watermark(at(ms));
        self.events()
    }

    pub(crate) fn terms(&self, side: Side, quantity: &str, kind: OrderKind, tif: TimeInForce) -> OrderTerms {
        OrderTerms { symbol: self.symbol, side, qty: qty(quantity), kind, tif }
    }

    pub(crate) fn place(
        &mut self,
        name: &str,
        side: Side,
        quantity: &str,
        kind: OrderKind,
        tif: TimeInForce,
        ms: i64,
    ) -> Vec<BrokerEvent> {
        let terms = self.terms(side, quantity, kind, tif);
        block_on(self.broker.place(&id(name), &terms, at(ms))).unwrap();
        self.events()
    }

    pub(crate) fn cancel(&mut self, name: &str, ms: i64) -> Vec<BrokerEvent> {
        block_on(self.broker.cancel(&id(name), at(ms))).unwrap();
        self.events()
    }

    pub(crate) fn modify(&mut self, name: &str, terms: &OrderTerms, ms: i64) -> Vec<BrokerEvent> {
        block_on(self.broker.modify(&id(name), terms, at(ms))).unwrap();
        self.events()
    }

    pub(crate) fn events(&mut self) -> Vec<BrokerEvent> {
        let mut events = Vec::new();
        self.broker.drain_events(&mut events);
        events
    }

    pub(crate) fn cash(&mut self) -> Money {
        answers(&mut self.broker).account.cash.values().next().copied().unwrap()
    }

    pub(crate) fn held(&mut self) -> Qty {
        answers(&mut self.broker).positions.first().map(|p| p.qty).unwrap_or_default()
    }
}

pub(crate) fn quote(ms: i64, bid: &str, bid_size: &str, ask: &str, ask_size: &str) -> Tick {
    let side = |text: &str| (text != "-").then(|| price(text));
    Tick::quote(at(ms), side(bid), side(ask), qty(bid_size), qty(ask_size))
}

/// A bar of a minute, volume unknown unless told.
pub(crate) fn minute(ms: i64, ohlc: [&str; 4], volume: &str) -> Bar {
    Bar::ohlcv(at(ms), at(ms + 60_000), ohlc.map(price), qty(volume))
}

/// Everything the account answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answers {
    pub(crate) open: Vec<BrokerOrder>,
    pub(crate) done: Vec<BrokerOrder>,
    pub(crate) executions: Vec<Execution>,
    pub(crate) positions: Vec<BrokerPosition>,
    pub(crate) account: AccountSnapshot,
}

pub(crate) fn answers(broker: &mut PaperBroker) -> Answers {
    Answers {
        open: block_on(broker.open_orders()).unwrap(),
        done: block_on(broker.completed_orders(Ts::MIN)).unwrap(),
        executions: block_on(broker.executions(Ts::MIN)).unwrap(),
        positions: block_on(broker.positions()).unwrap(),
        account: block_on(broker.account()).unwrap(),
    }
}

pub(crate) fn fills(events: &[BrokerEvent]) -> Vec<&Fill> {
    events
        .iter()
        .filter_map(|event| match event {
            BrokerEvent::Fill(fill) => Some(fill),
            _ => None,
        })
        .collect()
}

/// Quantity and price of each fill, as text.
pub(crate) fn filled(events: &[BrokerEvent]) -> Vec<String> {
    fills(events).iter().map(|f| format!("{} @ {}", f.qty, f.price)).collect()
}

/// The code of the only rejection (of an order or a request) among the events.
pub(crate) fn reject_code(events: &[BrokerEvent]) -> RejectCode {
    let codes: Vec<RejectCode> = events
        .iter()
        .filter_map(|event| match event {
            BrokerEvent::Rejected { code, .. } | BrokerEvent::RequestRejected { code, .. } => Some(*code),
            _ => None,
        })
        .collect();
    assert_eq!(codes.len(), 1, "{events:?}");
    codes[0]
}

/// What kinds of events there are, in their order, in a word each.
pub(crate) fn words(events: &[BrokerEvent]) -> Vec<&'static str> {
    events
        .iter()
        .map(|event| match event {
            BrokerEvent::Accepted { .. } => "accepted",
            BrokerEvent::Rejected { .. } => "rejected",
            BrokerEvent::Fill(_) => "fill",
            BrokerEvent::Commission(_) => "commission",
            BrokerEvent::Cancelled { .. } => "cancelled",
            BrokerEvent::Expired { .. } => "expired",
            BrokerEvent::Modified { .. } => "modified",
            BrokerEvent::RequestRejected { .. } => "request rejected",
            BrokerEvent::Connection { .. } => "connection",
        })
        .collect()
}
