//! Requests at the gate: what is received is checked, written down, and sets out for the exchange.

use tensortrade_market::Ts;
use tensortrade_market::order::{ClientOrderId, OrderTerms};

use super::core::Core;
use super::exchange::Exchange;
use super::gate::{self, Refusal};
use super::lane::{Lane, Travelling};
use super::record::{OrderRow, Record, Request};
use crate::broker::RejectCode;

impl Exchange {
    /// Receives an order at market time `now`.
    pub(super) fn place(&mut self, id: &ClientOrderId, terms: &OrderTerms, now: Ts) {
        let seq = self.core.ledger.next;
        let refuse = |seq, (code, reason): Refusal| Record::Refused {
            seq,
            client_order_id: id.clone(),
            terms: *terms,
            code,
            reason,
            ts: now,
        };
        if let Some(known) = self.core.ledger.order(id) {
            let reason = format!(
                "client order id {id} was used before, by order P{}, which stands as it was",
                known.seq
            );
            return self.core.publish(refuse(None, (RejectCode::DuplicateOrder, reason)));
        }
        let Some(lane) = self.core.index.get(&terms.symbol).and_then(|at| self.lanes.get_mut(*at)) else {
            let reason = format!("{} is not known to the exchange", terms.symbol);
            return self.core.publish(refuse(Some(seq), (RejectCode::UnknownSymbol, reason)));
        };
        let open = self.core.ledger.open.len();
        let checked = if open >= self.options.open_orders_max {
            Err((RejectCode::Other, format!("{open} orders work already, which is the most allowed")))
        } else {
            gate::check_terms(terms, &lane.instrument)
        };
        if let Err(refusal) = checked {
            return self.core.publish(refuse(Some(seq), refusal));
        }
        let effective = self.options.latency.arrival(now.max(lane.now(&self.core)), seq, lane.has_bars());
        let (client_order_id, terms) = (id.clone(), *terms);
        self.core.publish(Record::Received { seq, client_order_id, terms, ts: now, effective });
        lane.travelling.insert((effective, seq), Travelling::Order);
        self.wake = self.wake.min(lane.set_out(effective, &mut self.core));
    }

    /// Receives a wish to cancel (`change` is `None`) or to change an order.
    pub(super) fn request(&mut self, id: &ClientOrderId, change: Option<&OrderTerms>, now: Ts) {
        let checked = self.check_request(id, change);
        let core = &mut self.core;
        let found = checked.and_then(|row| {
            let lane = core.index.get(&row.terms.symbol).and_then(|at| self.lanes.get_mut(*at));
            let lane = lane.ok_or_else(|| {
                (RejectCode::UnknownSymbol, format!("{} is not known to the exchange", row.terms.symbol))
            })?;
            Ok((row, lane))
        });
        match found {
            Ok((row, lane)) => {
                let no = core.ledger.next;
                let arrival = self.options.latency.arrival(now.max(lane.now(core)), no, lane.has_bars());
                // Requests for one order never overtake each other, whatever their delays.
                let earlier =
                    core.ledger.requests.values().filter(|r| r.seq == row.seq).map(|r| r.effective).max();
                let effective = arrival.max(row.effective).max(earlier.unwrap_or(Ts::MIN));
                let OrderRow { seq, client_order_id, terms, .. } = row;
                let change = change.copied();
                let request =
                    Request { no, seq, client_order_id, symbol: terms.symbol, change, ts: now, effective };
                core.publish(Record::Requested(request));
                lane.travelling.insert((effective, no), Travelling::Request);
                self.wake = self.wake.min(lane.set_out(effective, core));
            }
            Err((code, reason)) => core.publish(Record::RequestRejected {
                no: None,
                client_order_id: id.clone(),
                code,
                reason,
                ts: now,
            }),
        }
    }

    fn check_request(&self, id: &ClientOrderId, change: Option<&OrderTerms>) -> Result<OrderRow, Refusal> {
        let Some(row) = self.core.ledger.order(id) else {
            return Err((RejectCode::UnknownOrder, format!("no order has the client order id {id}")));
        };
        if row.stage.is_done() {
            return Err(gate::not_working(row.stage));
        }
        if let (Some(terms), Some(instrument)) = (change, self.core.ledger.instruments.get(&row.terms.symbol))
        {
            gate::check_change(row, terms, instrument)?;
        }
        Ok(row.clone())
    }
}

impl Lane {
    /// Something set out that arrives at `effective`; where there is no delay it arrives now.
    fn set_out(&mut self, effective: Ts, core: &mut Core) -> Ts {
        self.wake = self.wake.min(effective);
        let now = self.now(core);
        if effective <= now {
            self.advance(now, core);
        }
        self.wake
    }

    /// How far the symbol's time has come, by its own data and by watermarks.
    fn now(&self, core: &Core) -> Ts {
        self.time.max(core.watermark)
    }
}
