//! What all symbols of the exchange share: the account, what is known of every instrument, and the way in which a change
//! becomes a record and an event.

use std::collections::BTreeMap;

use tensortrade_market::order::{ClientOrderId, IdError};
use tensortrade_market::{Currency, Instrument, Money, Price, Qty, Symbol, Ts};

use super::ledger::{Ledger, Misfit};
use super::options::PaperOptions;
use super::record::{FillRecord, OrderRow, Record};
use crate::broker::{BrokerEvent, RejectCode};

/// Records and events since they were last taken. An event may be shown only once its records are written.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) records: Vec<Record>,
    pub(super) events: Vec<BrokerEvent>,
}

/// The shared part of the exchange.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) options: PaperOptions,
    pub(super) ledger: Ledger,
    pub(super) out: Output,
    /// Number of each symbol's lane.
    pub(super) index: BTreeMap<Symbol, usize>,
    /// By lane number.
    pub(super) instruments: Vec<Instrument>,
    /// Last mark by lane number.
    pub(super) marks: Vec<Option<Price>>,
    /// Forex pairs: base and quote currency, lane number.
    pub(super) pairs: Vec<(Currency, Currency, usize)>,
    /// Latest market time seen, written or not.
    pub(super) market_time: Ts,
    /// Latest watermark seen.
    pub(super) watermark: Ts,
    /// The first record that did not fit: a defect. Nothing is matched from then on.
    pub(super) defect: Option<String>,
}

impl Core {
    /// Applies a record and notes it with its event. A record that does not fit the account stops the exchange.
    pub(super) fn publish(&mut self, record: Record) {
        if self.defect.is_some() {
            return;
        }
        let done = self.ledger.apply(&record).and_then(|()| {
            self.events_of(&record).map_err(|e| Misfit(format!("an identity cannot be built: {e}")))
        });
        match done {
            Ok(()) => self.out.records.push(record),
            Err(misfit) => self.defect = Some(format!("{misfit} (while recording {record:?})")),
        }
    }

    /// Looks an order up that was open before its last record.
    pub(super) fn row(&self, seq: u64) -> Option<&OrderRow> {
        self.ledger.open.get(&seq).or_else(|| self.ledger.done_order(seq))
    }

    fn client_order_id(&self, seq: u64) -> Option<ClientOrderId> {
        self.row(seq).map(|row| row.client_order_id.clone())
    }

    fn events_of(&mut self, record: &Record) -> Result<(), IdError> {
        let event = match record {
            Record::Refused { client_order_id, code, reason, ts, .. } => Some(BrokerEvent::Rejected {
                client_order_id: client_order_id.clone(),
                code: *code,
                reason: reason.clone(),
                ts: *ts,
            }),
            Record::Rejected { seq, code, reason, ts } => self.client_order_id(*seq).map(|client_order_id| {
                BrokerEvent::Rejected { client_order_id, code: *code, reason: reason.clone(), ts: *ts }
            }),
            Record::Accepted { seq, ts, .. } => match self.row(*seq) {
                Some(row) => Some(BrokerEvent::Accepted {
                    client_order_id: row.client_order_id.clone(),
                    broker_order_id: row.broker_order_id()?,
                    ts: *ts,
                }),
                None => None,
            },
            Record::Fill(_) => {
                if let Some(execution) = self.ledger.executions.back() {
                    let execution = execution.to_execution()?;
                    self.out.events.push(BrokerEvent::Fill(execution.fill));
                    self.out.events.extend(execution.commission.map(BrokerEvent::Commission));
                }
                None
            }
            Record::Modified { seq, terms, ts, .. } => self
                .client_order_id(*seq)
                .map(|client_order_id| BrokerEvent::Modified { client_order_id, terms: *terms, ts: *ts }),
            Record::RequestRejected { client_order_id, code, reason, ts, .. } => {
                Some(BrokerEvent::RequestRejected {
                    client_order_id: client_order_id.clone(),
                    code: *code,
                    reason: reason.clone(),
                    ts: *ts,
                })
            }
            Record::Cancelled { seq, reason, ts, .. } => self.row(*seq).map(|row| BrokerEvent::Cancelled {
                client_order_id: row.client_order_id.clone(),
                filled: row.filled,
                reason: reason.clone(),
                ts: *ts,
            }),
            Record::Expired { seq, ts } => self.row(*seq).map(|row| BrokerEvent::Expired {
                client_order_id: row.client_order_id.clone(),
                filled: row.filled,
                ts: *ts,
            }),
            _ => None,
        };
        self.out.events.extend(event);
        Ok(())
    }

    /// Executes `qty` of an order at `price`. What cannot be booked (an amount beyond 64 bits) cancels the order
    /// instead: the account stays exact. Returns whether it was executed.
    pub(super) fn execute(&mut self, lane: usize, seq: u64, qty: Qty, price: Price, ts: Ts) -> bool {
        let (Some(row), Some(instrument)) = (self.ledger.open.get(&seq), self.instruments.get(lane)) else {
            self.defect.get_or_insert_with(|| format!("order P{seq} was matched but is not open"));
            return false;
        };
        match fill_record(row, instrument, &self.options, qty, price, ts) {
            Some(fill) if self.ledger.can_book(&fill) => {
                self.publish(Record::Fill(fill));
                true
            }
            _ => {
                let reason = format!("an execution of {qty} at {price} is beyond what the account can hold");
                self.publish(Record::Cancelled { seq, no: None, reason, ts });
                false
            }
        }
    }

    /// Rejects an order on its arrival.
    pub(super) fn reject(&mut self, seq: u64, code: RejectCode, reason: String, ts: Ts) {
        self.publish(Record::Rejected { seq, code, reason, ts });
    }
}

fn fill_record(
    row: &OrderRow,
    instrument: &Instrument,
    options: &PaperOptions,
    qty: Qty,
    price: Price,
    ts: Ts,
) -> Option<FillRecord> {
    let cost = Money::notional(price, row.terms.side.signed(qty), instrument.multiplier).ok()?;
    let value = row.value.checked_add(cost.abs()).ok()?;
    let schedule = options.commission.of(instrument.asset_class);
    let total = schedule.total(row.filled.checked_add(qty)?, value).ok()?;
    // A schedule that was changed between two runs could owe less than what was paid: nothing is paid back.
    let commission = total.checked_sub(row.commission).ok()?.max(Money::ZERO);
    Some(FillRecord {
        seq: row.seq,
        n: row.fills.checked_add(1)?,
        qty,
        price,
        ts,
        cost,
        commission,
        currency: instrument.currency,
    })
}
