//! What arrives at the exchange, and what ends by itself, in the order of time.

use tensortrade_market::order::TimeInForce;
use tensortrade_market::time::NS_PER_DAY;
use tensortrade_market::{Money, Ts};

use super::core::Core;
use super::gate::{self, Refusal};
use super::lane::{Lane, Travelling};
use super::live::Live;
use super::options::WhenClosed;
use super::record::{OrderRow, Record, Stage};
use crate::broker::RejectCode;

/// Day orders on daily bars end with their bar. If none comes for this long (no calendar is closed as long), they end
/// without it.
const NO_BAR_NS: i64 = 14 * NS_PER_DAY;

impl Lane {
    /// Brings everything up to and including `until` to pass. At the same moment, what ends comes before what arrives.
    pub(super) fn advance(&mut self, until: Ts, core: &mut Core) {
        loop {
            let ends = self.live.iter().map(|o| o.expires).filter(|e| *e < Ts::MAX).min();
            let arrives = self.travelling.first_key_value().map(|((ts, _), _)| *ts);
            let next = match (ends, arrives) {
                (Some(a), Some(b)) => a.min(b),
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => Ts::MAX,
            };
            if next > until || (ends.is_none() && arrives.is_none()) {
                self.wake = self.held.map_or(next, |held| next.min(held.ts));
                return;
            }
            if ends == Some(next) {
                self.expire(next, core);
            } else if let Some(((ts, number), what)) = self.travelling.pop_first() {
                match what {
                    Travelling::Order => self.order_arrives(number, ts, core),
                    Travelling::Request => self.request_arrives(number, ts, core),
                }
            }
        }
    }

    fn expire(&mut self, ts: Ts, core: &mut Core) {
        self.live.retain(|order| {
            if order.expires > ts {
                return true;
            }
            core.publish(if order.is_immediate() {
                let reason = "no market came before the session ended".to_owned();
                Record::Cancelled { seq: order.seq, no: None, reason, ts }
            } else {
                Record::Expired { seq: order.seq, ts }
            });
            false
        });
    }

    fn order_arrives(&mut self, seq: u64, ts: Ts, core: &mut Core) {
        let Some(row) = core.ledger.open.get(&seq).cloned() else { return };
        match self.admit(&row, ts, core) {
            Ok(expires) => {
                core.publish(Record::Accepted { seq, ts, expires });
                if let Some(row) = core.ledger.open.get(&seq) {
                    self.live.push(Live::new(row, false));
                }
            }
            Err((code, reason)) => core.reject(seq, code, reason, ts),
        }
    }

    /// Whether an order may work, and when it ends by itself.
    fn admit(&mut self, row: &OrderRow, ts: Ts, core: &Core) -> Result<Option<Ts>, Refusal> {
        let terms = &row.terms;
        let immediate = matches!(terms.tif, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill);
        let must_be_open = immediate || self.options.when_closed == WhenClosed::Reject;
        if must_be_open && !self.has_daily_bars() && !self.hours.is_open(ts) {
            return Err((RejectCode::MarketClosed, format!("{} does not trade at {ts}", terms.symbol)));
        }
        let reference = terms.kind.limit().or(terms.kind.stop());
        let Some(mark) = self.tape.mark().or(terms.kind.limit()) else {
            return Err((RejectCode::NoMarket, format!("no price of {} has been seen", terms.symbol)));
        };
        let price = reference.unwrap_or(mark);
        if Money::notional(price, terms.qty, self.instrument.multiplier).is_err() {
            let why = format!("quantity {} at {price} is beyond any account", terms.qty);
            return Err((RejectCode::BadQuantity, why));
        }
        core.check_funds(self.number, terms, terms.qty, row.seq, price)
            .map_err(|why| (RejectCode::InsufficientFunds, why))?;
        match terms.tif {
            TimeInForce::GoodTillCancelled => Ok(None),
            TimeInForce::GoodTillDate(until) if until > ts => Ok(Some(until)),
            TimeInForce::GoodTillDate(until) => {
                Err((RejectCode::Other, format!("the order was good until {until} and arrived at {ts}")))
            }
            TimeInForce::Day | TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => {
                let backstop = ts.plus_nanos(NO_BAR_NS);
                Ok(Some(if self.has_daily_bars() {
                    backstop
                } else {
                    self.hours.day_end(ts).unwrap_or(backstop)
                }))
            }
        }
    }

    fn request_arrives(&mut self, no: u64, ts: Ts, core: &mut Core) {
        let Some(request) = core.ledger.requests.get(&no).cloned() else { return };
        let row = core.ledger.open.get(&request.seq).cloned();
        let refused = match (row, request.change) {
            (None, _) => {
                // Done, perhaps so long ago that only its absence tells.
                let stage = core.row(request.seq).map_or(Stage::Filled, |row| row.stage);
                Err(gate::not_working(stage))
            }
            (Some(row), None) => {
                let reason = "by request".to_owned();
                core.publish(Record::Cancelled { seq: row.seq, no: Some(no), reason, ts });
                self.live.retain(|order| order.seq != row.seq);
                Ok(())
            }
            (Some(row), Some(terms)) => gate::check_quantity(&row, &terms).and_then(|()| {
                let rest =
                    tensortrade_market::Qty::from_raw(terms.qty.raw().saturating_sub(row.filled.raw()));
                let mark = terms.kind.limit().or(terms.kind.stop()).or(self.tape.mark());
                if let Some(price) = mark {
                    core.check_funds(self.number, &terms, rest, row.seq, price)
                        .map_err(|why| (RejectCode::InsufficientFunds, why))?;
                }
                core.publish(Record::Modified { seq: row.seq, no, terms, ts });
                let changed = core.ledger.open.get(&row.seq);
                if let (Some(row), Some(order)) = (changed, self.live.iter_mut().find(|o| o.seq == row.seq)) {
                    order.change(row);
                }
                Ok(())
            }),
        };
        if let Err((code, reason)) = refused {
            let client_order_id = request.client_order_id;
            core.publish(Record::RequestRejected { no: Some(no), client_order_id, code, reason, ts });
        }
    }
}
