//! The paper exchange behind the port: the matching engine, its books, and the events that wait to be collected.

use tensortrade_market::Ts;

use super::books::Books;
use super::error::PaperError;
use super::exchange::Exchange;
use super::ledger::Ledger;
use super::options::PaperOptions;
use super::recover::Recovery;
use crate::broker::{BrokerError, BrokerEvent, Connection};

/// Most events that wait to be collected. A reader so far behind is told that its session is down and must reconcile;
/// the books hold everything.
const EVENTS_MAX: usize = 1_000_000;

/// A broker that fills orders against the market data it is given, with an account that outlives the node.
///
/// Requests and data are handled at once, in the call; their records are written before it returns, and their events
/// wait for [`Broker::drain_events`]. When the books cannot be written, nothing of that call becomes visible, the
/// session goes down for good and every later call is refused: open the account again to go on from what is written.
#[derive(Debug)]
pub struct PaperBroker {
    pub(super) exchange: Exchange,
    books: Option<Books>,
    pub(super) account: String,
    /// Events that wait to be collected.
    pub(super) events: Vec<BrokerEvent>,
    recovery: Recovery,
    /// Why the session is down for good.
    pub(super) failed: Option<String>,
}

impl PaperBroker {
    /// Opens the account at `options.path`, or makes it. Working orders work on; their instruments are known.
    pub fn open(options: PaperOptions) -> Result<Self, PaperError> {
        options.validate()?;
        let (books, ledger, recovery) = Books::open(&options)?;
        if recovery.torn_bytes > 0 {
            tracing::warn!(
                path = %options.path.display(), bytes = recovery.torn_bytes,
                "paper account: the last record was unfinished and was cut off; nobody had been told of it"
            );
        }
        Ok(Self::new(options, ledger, Some(books), recovery))
    }

    /// An account without a file, gone with this value: for tests and simulated worlds.
    pub fn in_memory(options: PaperOptions) -> Result<Self, PaperError> {
        options.validate()?;
        let ledger = Ledger::new(options.starting_cash.clone(), options.history_max);
        Ok(Self::new(options, ledger, None, Recovery { created: true, ..Recovery::default() }))
    }

    fn new(options: PaperOptions, ledger: Ledger, books: Option<Books>, recovery: Recovery) -> Self {
        let account = options.account.clone();
        let exchange = Exchange::new(options, ledger);
        Self { exchange, books, account, events: Vec::new(), recovery, failed: None }
    }

    /// What was found when the account was opened.
    #[must_use]
    pub fn recovery(&self) -> Recovery {
        self.recovery
    }

    /// What tells this account from others of its name; empty for one of old, and for one without a file.
    #[must_use]
    pub fn identity(&self) -> &str {
        self.books.as_ref().map_or("", Books::identity)
    }

    /// The latest market time that the account has seen; `None` for a new one. After a restart it may be up to a quarter of an hour
    /// behind what was seen before. Data from before it belongs to another run on the same account: whoever starts a
    /// replay decides whether to allow that.
    #[must_use]
    pub fn last_market_time(&self) -> Option<Ts> {
        Some(self.exchange.market_time()).filter(|ts| *ts > Ts::MIN)
    }

    /// Writes what has happened, then lets its events be seen.
    pub(super) fn commit(&mut self) -> Result<(), BrokerError> {
        if let Some(why) = &self.failed {
            return Err(BrokerError::Books(why.clone()));
        }
        if let Some(defect) = self.exchange.defect() {
            let why = format!("the exchange stopped on a defect, please report it: {defect}");
            return Err(self.fail(why));
        }
        let out = self.exchange.output();
        if let Some(books) = &mut self.books
            && !out.records.is_empty()
            && let Err(error) = books.append(&out.records)
        {
            return Err(self.fail(error.to_string()));
        }
        out.records.clear();
        self.events.append(&mut out.events);
        if self.events.len() > EVENTS_MAX {
            let lost = self.events.len();
            self.events.clear();
            self.session_down(format!("{lost} events were not collected and are dropped: reconcile"));
        }
        if let Some(books) = self.books.as_mut().filter(|b| b.is_large())
            && let Err(error) = books.compact(self.exchange.ledger())
        {
            tracing::warn!(%error, "paper account: the books could not be compacted; they go on growing");
        }
        Ok(())
    }

    fn fail(&mut self, why: String) -> BrokerError {
        tracing::error!(%why, "paper exchange: session down");
        let out = self.exchange.output();
        out.records.clear();
        out.events.clear();
        self.session_down(why.clone());
        self.failed = Some(why.clone());
        BrokerError::Books(why)
    }

    fn session_down(&mut self, reason: String) {
        let ts = self.exchange.market_time();
        self.events.push(BrokerEvent::Connection { state: Connection::Down, reason, ts });
    }

    /// Commits what data has caused. An error is told by the session's going down.
    pub(super) fn commit_data(&mut self) {
        if !self.exchange.output().records.is_empty()
            || (self.exchange.defect().is_some() && self.failed.is_none())
        {
            let _ = self.commit();
        }
    }

    /// The account, unless its file is behind it.
    pub(super) fn ledger(&self) -> Result<&Ledger, BrokerError> {
        match &self.failed {
            Some(why) => Err(BrokerError::Books(why.clone())),
            None => Ok(self.exchange.ledger()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Broker;
    use futures::executor::block_on;
    use tensortrade_market::order::{ClientOrderId, OrderKind, OrderTerms, Side, TimeInForce};
    use tensortrade_market::{Instrument, Qty, Symbol};

    #[test]
    fn a_write_that_fails_takes_the_session_down_and_shows_nothing_of_its_call() {
        let folder = tempfile::tempdir().unwrap();
        let options = PaperOptions { path: folder.path().join("paper.books"), ..PaperOptions::default() };
        let mut broker = PaperBroker::open(options.clone()).unwrap();
        let instrument = Instrument::guess(Symbol::intern("IBM").unwrap());
        broker.on_instrument(&instrument);
        let terms = OrderTerms {
            symbol: instrument.symbol,
            side: Side::Buy,
            qty: Qty::from_raw(Qty::ONE),
            kind: OrderKind::Market,
            tif: TimeInForce::Day,
        };
        let id = |text: &str| ClientOrderId::new(text).unwrap();
        block_on(broker.place(&id("written"), &terms, Ts::ZERO)).unwrap();
        broker.books.as_mut().unwrap().refuse_writes();

        let error = block_on(broker.place(&id("lost"), &terms, Ts::ZERO)).unwrap_err().to_string();
        assert!(error.contains("paper.books") && error.contains("is the disk full?"), "{error}");
        let mut events = Vec::new();
        broker.drain_events(&mut events);
        assert!(
            matches!(&events[..], [BrokerEvent::Connection { state: Connection::Down, .. }]),
            "one event says so: {events:?}"
        );
        assert!(
            block_on(broker.open_orders()).is_err(),
            "no answer from an account that is ahead of its file"
        );
        assert!(block_on(broker.cancel(&id("written"), Ts::ZERO)).is_err());
        drop(broker);

        let open = block_on(PaperBroker::open(options).unwrap().open_orders()).unwrap();
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].client_order_id, Some(id("written")));
    }

    #[test]
    fn a_reader_that_never_collects_events_is_told_to_reconcile_instead_of_filling_memory() {
        let mut broker = PaperBroker::in_memory(PaperOptions::default()).unwrap();
        let rejected = ClientOrderId::new("x").unwrap();
        for _ in 0..=EVENTS_MAX {
            block_on(broker.cancel(&rejected, Ts::ZERO)).unwrap();
        }
        let mut events = Vec::new();
        broker.drain_events(&mut events);
        assert!(matches!(&events[..], [BrokerEvent::Connection { state: Connection::Down, reason, .. }]
            if reason.contains("reconcile")));
        block_on(broker.cancel(&rejected, Ts::ZERO)).unwrap();
        broker.drain_events(&mut events);
        assert_eq!(events.len(), 2, "it goes on");
    }
}
