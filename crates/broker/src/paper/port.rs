//! The paper exchange as a [`Broker`]: requests and data go to the matching engine, answers come from the account.

use std::future::{pending, ready};

use futures::future::BoxFuture;
use tensortrade_market::order::{ClientOrderId, IdError, OrderTerms};
use tensortrade_market::{Instrument, Ts};

use super::broker::PaperBroker;
use super::position::Position;
use super::record::VENUE;
use crate::broker::{
    AccountSnapshot, Broker, BrokerError, BrokerEvent, BrokerOrder, BrokerPosition, Execution,
};
use crate::feed::MarketBatch;

fn identity(error: IdError) -> BrokerError {
    BrokerError::Books(error.to_string())
}

impl Broker for PaperBroker {
    fn venue(&self) -> &str {
        VENUE
    }

    fn on_market(&mut self, batch: &MarketBatch) {
        if self.failed.is_none() {
            self.exchange.on_market(batch);
            self.commit_data();
        }
    }

    fn on_watermark(&mut self, watermark: Ts) {
        if self.failed.is_none() {
            self.exchange.on_watermark(watermark);
            self.commit_data();
        }
    }

    fn on_instrument(&mut self, instrument: &Instrument) {
        if self.failed.is_none() {
            self.exchange.on_instrument(instrument);
            self.commit_data();
        }
    }

    fn place<'a>(
        &'a mut self,
        id: &'a ClientOrderId,
        terms: &'a OrderTerms,
        now: Ts,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            self.ledger()?;
            self.exchange.place(id, terms, now);
            self.commit()
        })
    }

    fn cancel<'a>(&'a mut self, id: &'a ClientOrderId, now: Ts) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            self.ledger()?;
            self.exchange.request(id, None, now);
            self.commit()
        })
    }

    fn modify<'a>(
        &'a mut self,
        id: &'a ClientOrderId,
        terms: &'a OrderTerms,
        now: Ts,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            self.ledger()?;
            self.exchange.request(id, Some(terms), now);
            self.commit()
        })
    }

    fn drain_events(&mut self, out: &mut Vec<BrokerEvent>) {
        out.append(&mut self.events);
    }

    fn events_ready(&mut self) -> BoxFuture<'static, ()> {
        Box::pin(pending())
    }

    fn open_orders(&mut self) -> BoxFuture<'_, Result<Vec<BrokerOrder>, BrokerError>> {
        let answer = self.ledger().and_then(|ledger| {
            ledger.open.values().map(|row| row.to_broker_order().map_err(identity)).collect()
        });
        Box::pin(ready(answer))
    }

    fn completed_orders(&mut self, since: Ts) -> BoxFuture<'_, Result<Vec<BrokerOrder>, BrokerError>> {
        let answer = self.ledger().and_then(|ledger| {
            let done = ledger.done().filter(|row| row.received_at >= since);
            done.map(|row| row.to_broker_order().map_err(identity)).collect()
        });
        Box::pin(ready(answer))
    }

    fn executions(&mut self, since: Ts) -> BoxFuture<'_, Result<Vec<Execution>, BrokerError>> {
        let answer = self.ledger().and_then(|ledger| {
            let mut rows: Vec<_> = ledger.executions.iter().filter(|row| row.fill.ts >= since).collect();
            // Stable: executions of one moment keep the order in which they happened.
            rows.sort_by_key(|row| row.fill.ts);
            rows.into_iter().map(|row| row.to_execution().map_err(identity)).collect()
        });
        Box::pin(ready(answer))
    }

    fn positions(&mut self) -> BoxFuture<'_, Result<Vec<BrokerPosition>, BrokerError>> {
        let answer = self.ledger().map(|ledger| {
            let position = |(symbol, p): (&_, &Position)| BrokerPosition {
                symbol: *symbol,
                qty: p.qty,
                average_price: p.average_price,
            };
            ledger.positions.iter().map(position).collect()
        });
        Box::pin(ready(answer))
    }

    fn account(&mut self) -> BoxFuture<'_, Result<AccountSnapshot, BrokerError>> {
        let account = self.account.clone();
        let answer = self.ledger().map(|ledger| AccountSnapshot { account, cash: ledger.cash.clone() });
        Box::pin(ready(answer))
    }
}
