//! The state of the account: cash, positions, orders, executions, requests on their way.
//!
//! It changes only by [`Ledger::apply`]. Completed orders and executions are kept up to a limit, the newest ones.

use std::collections::{BTreeMap, VecDeque};

use tensortrade_market::order::{ClientOrderId, OrderTerms};
use tensortrade_market::{Currency, Instrument, Money, Qty, Symbol, Ts};

use super::position::Position;
use super::record::{ExecutionRow, OrderRow, Record, Request, Stage};

/// Why a record does not fit the state; live it is a defect, in a file it is corruption.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Misfit(pub(super) String);

pub(super) fn misfit<T>(text: impl Into<String>) -> Result<T, Misfit> {
    Err(Misfit(text.into()))
}

/// The account. Equal ledgers answer every query alike.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ledger {
    pub(super) cash: BTreeMap<Currency, Money>,
    pub(super) positions: BTreeMap<Symbol, Position>,
    pub(super) instruments: BTreeMap<Symbol, Instrument>,
    /// Orders that travel or work, by number.
    pub(super) open: BTreeMap<u64, OrderRow>,
    /// Orders that are done, by number.
    done: BTreeMap<u64, OrderRow>,
    /// Their numbers in the order in which they were done: the first is forgotten first.
    done_in_turn: VecDeque<u64>,
    pub(super) executions: VecDeque<ExecutionRow>,
    /// Requests on their way, by number.
    pub(super) requests: BTreeMap<u64, Request>,
    by_client: BTreeMap<ClientOrderId, u64>,
    /// The next number of an order or a request.
    pub(super) next: u64,
    /// The latest market time that is written.
    pub(super) market_time: Ts,
    history_max: usize,
}

impl Ledger {
    /// An account with this cash.
    pub(super) fn new(cash: BTreeMap<Currency, Money>, history_max: usize) -> Self {
        Self {
            cash,
            positions: BTreeMap::new(),
            instruments: BTreeMap::new(),
            open: BTreeMap::new(),
            done: BTreeMap::new(),
            done_in_turn: VecDeque::new(),
            executions: VecDeque::new(),
            requests: BTreeMap::new(),
            by_client: BTreeMap::new(),
            next: 1,
            market_time: Ts::MIN,
            history_max,
        }
    }

    /// The order of a client order id, open or among the kept done ones.
    pub(super) fn order(&self, id: &ClientOrderId) -> Option<&OrderRow> {
        let seq = self.by_client.get(id)?;
        self.open.get(seq).or_else(|| self.done.get(seq))
    }

    /// Orders that are done, in the order in which they were done.
    pub(super) fn done(&self) -> impl Iterator<Item = &OrderRow> {
        self.done_in_turn.iter().filter_map(|seq| self.done.get(seq))
    }

    /// One of them.
    pub(super) fn done_order(&self, seq: u64) -> Option<&OrderRow> {
        self.done.get(&seq)
    }

    /// Applies one record, whole or not at all.
    pub(super) fn apply(&mut self, record: &Record) -> Result<(), Misfit> {
        match record {
            Record::Header(_) => return misfit("a second header"),
            Record::Counters { next, market_time } => {
                self.next = *next;
                self.market_time = *market_time;
            }
            Record::Cash { currency, amount } => {
                self.cash.insert(*currency, *amount);
            }
            Record::Position { symbol, qty, average_price } => {
                self.positions.insert(*symbol, Position { qty: *qty, average_price: *average_price });
            }
            Record::Order(row) => self.insert(row.clone())?,
            Record::Execution(row) => self.push_execution(row.clone()),
            Record::Instrument(instrument) => {
                self.instruments.insert(instrument.symbol, instrument.clone());
            }
            Record::Received { seq, client_order_id, terms, ts, effective } => {
                self.insert(new_row(*seq, client_order_id, terms, *ts, *effective, Stage::Travelling))?;
            }
            Record::Refused { seq: Some(seq), client_order_id, terms, ts, .. } => {
                self.insert(new_row(*seq, client_order_id, terms, *ts, *ts, Stage::Rejected))?;
            }
            Record::Refused { seq: None, .. } | Record::Clock { .. } => {}
            Record::Accepted { seq, expires, .. } => {
                let row = self.row(*seq)?;
                row.stage = Stage::Working;
                row.expires = *expires;
            }
            Record::Rejected { seq, .. } => self.finish(*seq, Stage::Rejected)?,
            Record::Triggered { seq, .. } => self.row(*seq)?.triggered = true,
            Record::Fill(fill) => self.execute(fill)?,
            Record::Requested(request) => {
                self.number(request.no);
                self.requests.insert(request.no, request.clone());
            }
            Record::Modified { seq, no, terms, ts } => {
                let row = self.row(*seq)?;
                row.terms = *terms;
                row.effective = row.effective.max(*ts);
                self.requests.remove(no);
            }
            Record::RequestRejected { no, .. } => {
                no.and_then(|no| self.requests.remove(&no));
            }
            Record::Cancelled { seq, no, .. } => {
                self.finish(*seq, Stage::Cancelled)?;
                no.and_then(|no| self.requests.remove(&no));
            }
            Record::Expired { seq, .. } => self.finish(*seq, Stage::Expired)?,
        }
        if let Some(ts) = record.ts() {
            self.market_time = self.market_time.max(ts);
        }
        Ok(())
    }

    /// Records that make this state from an empty account.
    pub(super) fn snapshot(&self) -> Vec<Record> {
        let mut rows = vec![Record::Counters { next: self.next, market_time: self.market_time }];
        rows.extend(self.cash.iter().map(|(c, m)| Record::Cash { currency: *c, amount: *m }));
        rows.extend(self.instruments.values().cloned().map(Record::Instrument));
        rows.extend(self.positions.iter().map(|(symbol, p)| Record::Position {
            symbol: *symbol,
            qty: p.qty,
            average_price: p.average_price,
        }));
        rows.extend(self.done().chain(self.open.values()).cloned().map(Record::Order));
        rows.extend(self.executions.iter().cloned().map(Record::Execution));
        rows.extend(self.requests.values().cloned().map(Record::Requested));
        rows
    }

    fn number(&mut self, used: u64) {
        self.next = self.next.max(used.saturating_add(1));
    }

    fn row(&mut self, seq: u64) -> Result<&mut OrderRow, Misfit> {
        self.open.get_mut(&seq).ok_or_else(|| Misfit(format!("order P{seq} is not open")))
    }

    fn insert(&mut self, row: OrderRow) -> Result<(), Misfit> {
        if self.open.contains_key(&row.seq) || self.done.contains_key(&row.seq) {
            return misfit(format!("order P{} appears twice", row.seq));
        }
        if self.order(&row.client_order_id).is_some() {
            return misfit(format!("client order id {} appears twice", row.client_order_id));
        }
        self.number(row.seq);
        self.by_client.insert(row.client_order_id.clone(), row.seq);
        if row.stage.is_done() {
            self.keep_done(row);
        } else {
            self.open.insert(row.seq, row);
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, seq: u64, stage: Stage) -> Result<(), Misfit> {
        let Some(mut row) = self.open.remove(&seq) else {
            return misfit(format!("order P{seq} is not open"));
        };
        row.stage = stage;
        self.keep_done(row);
        Ok(())
    }

    fn keep_done(&mut self, row: OrderRow) {
        self.done_in_turn.push_back(row.seq);
        self.done.insert(row.seq, row);
        if self.done_in_turn.len() > self.history_max
            && let Some(oldest) = self.done_in_turn.pop_front().and_then(|seq| self.done.remove(&seq))
        {
            self.by_client.remove(&oldest.client_order_id);
        }
    }

    pub(super) fn push_execution(&mut self, row: ExecutionRow) {
        self.executions.push_back(row);
        if self.executions.len() > self.history_max {
            self.executions.pop_front();
        }
    }
}

fn new_row(
    seq: u64,
    id: &ClientOrderId,
    terms: &OrderTerms,
    received_at: Ts,
    effective: Ts,
    stage: Stage,
) -> OrderRow {
    OrderRow {
        seq,
        client_order_id: id.clone(),
        terms: *terms,
        received_at,
        effective,
        expires: None,
        stage,
        triggered: false,
        filled: Qty::ZERO,
        fills: 0,
        value: Money::ZERO,
        commission: Money::ZERO,
    }
}
