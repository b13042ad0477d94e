//! The promises looked at from outside, by a reader that shares nothing with the node but the form of the files.
//!
//! It folds the journal's events itself, and takes the broker's side from a copy of the paper account's file. Reading goes on
//! where it ended, so a look costs what happened since the last one.

mod books;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tensortrade::exit::{Code, Failure, OrFail};
use tensortrade_journal::event::{BreakerState, OrderStatus, WatchlistAction};
use tensortrade_journal::store::PAGE_EVENTS_MAX;
use tensortrade_journal::{Access, Event, SqliteStore, Store};
use tensortrade_market::order::{ClientOrderId, ExecId, Fill, IntentId, OrderTerms};
use tensortrade_market::{Currency, Money, Qty, Symbol, Ts};

pub use books::{AtBroker, Books, Holdings};

/// Most problems that are kept.
const PROBLEMS_MAX: usize = 50;

/// An order as its record in the outbox says.
#[derive(Debug, Clone)]
struct Recorded {
    intent: IntentId,
    terms: OrderTerms,
    status: OrderStatus,
}

/// What the journal says, as far as it has been read.
#[derive(Debug, Default)]
pub struct Audit {
    /// Number of the last event read.
    pub seq: u64,
    intents: BTreeMap<IntentId, OrderTerms>,
    approved: BTreeMap<IntentId, (OrderTerms, Ts)>,
    orders: BTreeMap<ClientOrderId, Recorded>,
    executions: BTreeMap<(String, ExecId), Fill>,
    holdings: Holdings,
    /// Open breakers.
    breakers: BTreeMap<String, BreakerState>,
    removed: BTreeSet<Symbol>,
    /// Starts of the node on record.
    pub runs: u64,
    /// Whether the present run has reconciled.
    reconciled: bool,
    /// The broker's holdings when the node last died; what its next run agrees to before data flows must be these.
    at_death: Option<Holdings>,
    /// Reconciliations that were compared with that.
    pub compared: u64,
    /// Promises that are broken.
    pub problems: Vec<String>,
}

impl Audit {
    fn problem(&mut self, text: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(text);
        }
    }

    /// For another journal; what was found stays.
    #[must_use]
    pub fn anew(self) -> Self {
        let Self { problems, runs, compared, .. } = self;
        Self { problems, runs, compared, ..Self::default() }
    }

    /// Positions and cash by the journalled fills.
    #[must_use]
    pub fn holdings(&self) -> &Holdings {
        &self.holdings
    }

    /// Executions on record.
    #[must_use]
    pub fn executions(&self) -> usize {
        self.executions.len()
    }

    /// Orders on record.
    #[must_use]
    pub fn orders(&self) -> usize {
        self.orders.len()
    }

    /// Open breakers on record.
    #[must_use]
    pub fn open_breakers(&self) -> &BTreeMap<String, BreakerState> {
        &self.breakers
    }

    /// Symbols that were removed and not added again.
    #[must_use]
    pub fn removed(&self) -> &BTreeSet<Symbol> {
        &self.removed
    }

    /// Whether the node's own breaker is open on record.
    #[must_use]
    pub fn node_breaker_is_open(&self) -> bool {
        self.breakers.contains_key("node")
    }

    /// Orders that are not done on record, by their state there and by what the broker made of them.
    #[must_use]
    pub fn in_flight(&self, books: &Books) -> BTreeMap<OrderStatus, BTreeMap<AtBroker, u32>> {
        let theirs = books.orders();
        let mut alive: BTreeMap<_, BTreeMap<_, u32>> = BTreeMap::new();
        for (id, order) in self.orders.iter().filter(|(_, order)| !order.status.is_terminal()) {
            let at = theirs.get(id).copied().unwrap_or(AtBroker::Absent);
            *alive.entry(order.status).or_default().entry(at).or_default() += 1;
        }
        alive
    }

    /// Orders that the broker's books proved never to have arrived.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.orders.values().filter(|order| order.status == OrderStatus::Lost).count() as u64
    }

    /// Reads what the journal holds beyond the last look.
    pub async fn read(&mut self, journal: &Path) -> Result<(), Failure> {
        if !journal.exists() {
            return Ok(());
        }
        let failed = |e: tensortrade_journal::JournalError| Failure::new(Code::CheckFailed, e);
        let mut store = match SqliteStore::open(journal, Access::Read).await {
            Ok(store) => store,
            // Killed before the journal was made.
            Err(tensortrade_journal::JournalError::Missing { .. }) => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        if store.head().seq < self.seq {
            let (now, before) = (store.head().seq, self.seq);
            self.problem(format!("the journal ends at event {now} and had {before} before"));
        }
        loop {
            let page = store.read(self.seq, PAGE_EVENTS_MAX).await.map_err(failed)?;
            let Some(last) = page.last().map(|envelope| envelope.seq) else { break };
            for envelope in &page {
                let event = Event::decode(&envelope.payload)
                    .or_fail(Code::CheckFailed, || format!("event {}", envelope.seq))?;
                self.take(envelope.seq, event);
            }
            self.seq = last;
        }
        Box::new(store).close().await.map_err(failed)
    }

    fn take(&mut self, seq: u64, event: Event) {
        match event {
            Event::RunStarted(_) => {
                self.runs += 1;
                self.reconciled = false;
            }
            Event::Opened(opened) => {
                for (currency, amount) in opened.cash {
                    self.pay(seq, currency, amount);
                }
            }
            Event::Intent(intent) => {
                let before = self.intents.insert(intent.id.clone(), intent.terms);
                if before.is_some() {
                    self.problem(format!("event {seq}: intent {} comes again", intent.id));
                }
            }
            Event::Approved(approved) => {
                self.approved.insert(approved.intent_id, (approved.terms, approved.expires_at));
            }
            Event::Submitted(e) => {
                let intent = self.intents.get(&e.intent_id);
                let approved = self.approved.get(&e.intent_id);
                let covered = intent == Some(&e.terms)
                    && approved.is_some_and(|(terms, until)| *terms == e.terms && e.ts <= *until);
                if !covered {
                    self.problem(format!(
                        "event {seq}: order {} has no intent and unexpired approval of its terms before it",
                        e.client_order_id
                    ));
                }
                let order = Recorded { intent: e.intent_id, terms: e.terms, status: OrderStatus::Submitted };
                if self.orders.insert(e.client_order_id.clone(), order).is_some() {
                    self.problem(format!("event {seq}: order {} is submitted again", e.client_order_id));
                }
            }
            Event::OrderState(change) => {
                if let Some(order) = self.orders.get_mut(&change.client_order_id) {
                    order.status = change.to;
                }
            }
            Event::Fill(booked) => self.fill(seq, booked),
            Event::Commission(commission) => {
                self.pay(seq, commission.currency, commission.amount.negated());
            }
            Event::Reconciliation(reconciliation) if reconciliation.clean => self.agreed(seq),
            Event::Breaker(breaker) => {
                let before = self.breakers.get(&breaker.scope).copied().unwrap_or_default();
                if breaker.from != before {
                    self.problem(format!(
                        "event {seq}: breaker {} goes on from {}, it was {}",
                        breaker.scope,
                        breaker.from.as_str(),
                        before.as_str()
                    ));
                }
                if breaker.to < before && !breaker.by.starts_with("user ") {
                    self.problem(format!(
                        "event {seq}: breaker {} was closed by {}, which is nobody's reset",
                        breaker.scope, breaker.by
                    ));
                }
                if breaker.to == BreakerState::Normal {
                    self.breakers.remove(&breaker.scope);
                } else {
                    self.breakers.insert(breaker.scope, breaker.to);
                }
            }
            Event::Watchlist(entry) if entry.action == WatchlistAction::Removed => {
                self.removed.insert(entry.symbol);
            }
            Event::Watchlist(entry) => {
                let back = self.removed.remove(&entry.symbol);
                if back && !entry.reason.starts_with("user ") {
                    self.problem(format!(
                        "event {seq}: {} was removed and is back by {}",
                        entry.symbol, entry.reason
                    ));
                }
            }
            _ => {}
        }
    }

    fn fill(&mut self, seq: u64, booked: tensortrade_journal::event::BookedFill) {
        let fill = booked.fill;
        let key = (fill.venue.clone(), fill.exec_id.clone());
        let position = self.holdings.positions.entry(fill.symbol).or_insert(Qty::ZERO);
        let moved = position.checked_add(fill.signed_qty());
        match (moved, Money::notional(fill.price, fill.signed_qty(), booked.multiplier)) {
            (Some(qty), Ok(paid)) => {
                *position = qty;
                if qty.is_zero() {
                    self.holdings.positions.remove(&fill.symbol);
                }
                self.pay(seq, booked.currency, paid.negated());
            }
            _ => self.problem(format!("event {seq}: execution {} cannot be summed", fill.exec_id)),
        }
        if self.executions.insert(key, fill.clone()).is_some() {
            self.problem(format!("event {seq}: execution {} is booked again", fill.exec_id));
        }
    }

    fn pay(&mut self, seq: u64, currency: Currency, amount: Money) {
        let cash = self.holdings.cash.entry(currency).or_insert(Money::ZERO);
        match cash.checked_add(amount) {
            Ok(sum) => *cash = sum,
            Err(error) => self.problem(format!("event {seq}: cash in {currency}: {error}")),
        }
    }

    /// The first clean reconciliation of a run comes before any data: what the journal's fills add up to here is what the
    /// broker held when the node died.
    fn agreed(&mut self, seq: u64) {
        if std::mem::replace(&mut self.reconciled, true) {
            return;
        }
        if let Some(held) = self.at_death.take() {
            self.compared += 1;
            if held != self.holdings {
                let text = format!(
                    "event {seq}: the node found journal and broker alike, but the fills add up to {:?}, and the broker held {held:?} when it died",
                    self.holdings
                );
                self.problem(text);
            }
        }
    }

    /// The node is dead: what its broker holds may be ahead of the journal, and in nothing else differ from it.
    pub fn after_death(&mut self, books: &Books) {
        let known: BTreeSet<(&str, &ExecId)> =
            books.executions.iter().map(|e| (e.fill.venue.as_str(), &e.fill.exec_id)).collect();
        let strangers: Vec<String> = (self.executions.keys())
            .filter(|(venue, id)| !known.contains(&(venue.as_str(), id)))
            .map(|(_, id)| format!("execution {id} is in the journal and not in the broker's books"))
            .collect();
        strangers.into_iter().for_each(|text| self.problem(text));
        let mut once = BTreeSet::new();
        for execution in &books.executions {
            let fill = &execution.fill;
            if !once.insert((fill.venue.clone(), fill.exec_id.clone())) {
                self.problem(format!("execution {} is twice in the broker's books", fill.exec_id));
            }
            let key = (fill.venue.clone(), fill.exec_id.clone());
            if self.executions.get(&key).is_some_and(|ours| {
                (ours.symbol, ours.side, ours.qty, ours.price)
                    != (fill.symbol, fill.side, fill.qty, fill.price)
            }) {
                self.problem(format!("execution {} is another one in the broker's books", fill.exec_id));
            }
        }
        self.orders_are_covered(books);
        self.at_death = Some(books.holdings.clone());
    }

    /// Every order that the broker has was recorded, intended and approved before, on the same terms.
    fn orders_are_covered(&mut self, books: &Books) {
        let mut intents = BTreeSet::new();
        let mut wrong = Vec::new();
        for order in books.open.iter().chain(&books.completed) {
            let Some(id) = &order.client_order_id else { continue };
            match self.orders.get(id) {
                None => wrong.push(format!("order {id} is at the broker and was never recorded")),
                Some(recorded) if recorded.terms != order.terms => {
                    wrong.push(format!("order {id} is at the broker on other terms than recorded"));
                }
                Some(recorded) => {
                    if !intents.insert(recorded.intent.clone()) {
                        wrong.push(format!("intent {} led to two orders at the broker", recorded.intent));
                    }
                }
            }
        }
        wrong.into_iter().for_each(|text| self.problem(text));
    }

    /// The node has stopped in order: journal and broker are equal in everything.
    pub fn at_rest(&mut self, books: &Books) {
        self.after_death(books);
        self.at_death = None;
        if self.holdings != books.holdings {
            let text = format!(
                "at rest the journal's fills add up to {:?}, and the broker holds {:?}",
                self.holdings, books.holdings
            );
            self.problem(text);
        }
        if self.executions.len() != books.executions.len() {
            let (ours, theirs) = (self.executions.len(), books.executions.len());
            self.problem(format!("at rest {ours} executions are on record, and the broker has {theirs}"));
        }
        let open: BTreeSet<&ClientOrderId> =
            books.open.iter().filter_map(|order| order.client_order_id.as_ref()).collect();
        let mut wrong = Vec::new();
        for (id, order) in &self.orders {
            if order.status.is_terminal() && open.contains(id) {
                wrong.push(format!("order {id} is {} on record and open at the broker", order.status));
            }
            if !order.status.is_terminal() && !open.contains(id) {
                wrong.push(format!("order {id} is {} on record and not open at the broker", order.status));
            }
        }
        wrong.into_iter().for_each(|text| self.problem(text));
    }
}
