//! Orders and positions from the journal: what a start and a restarted actor begin with.

use std::collections::BTreeMap;

use tensortrade_execution::{BookConfig, ExecutionEvent, OrderBook};
use tensortrade_journal::Event;
use tensortrade_journal::event::OrderStatus;
use tensortrade_market::order::{IntentId, OrderIntent};
use tensortrade_market::planted::{Bug, planted};
use tensortrade_market::{Catalog, Ts};
use tensortrade_portfolio::{FxConfig, Portfolio};

/// Order book and portfolio while the journal's events are fed to them in order.
#[derive(Debug, Clone)]
pub struct Rebuild {
    /// All orders.
    pub book: OrderBook,
    /// Positions and cash.
    pub portfolio: Portfolio,
    /// Intents that have not become orders.
    intents: BTreeMap<IntentId, OrderIntent>,
}

impl Rebuild {
    /// Nothing yet.
    pub fn new(book: BookConfig, fx: &FxConfig) -> Result<Self, String> {
        Ok(Self {
            book: OrderBook::new(book).map_err(|e| e.to_string())?,
            portfolio: Portfolio::new(fx).map_err(|e| e.to_string())?,
            intents: BTreeMap::new(),
        })
    }

    /// Takes the next event; kinds that move neither orders nor money are passed over.
    pub fn apply(&mut self, event: Event, catalog: &Catalog) -> Result<(), String> {
        match event {
            Event::Opened(e) => {
                for (currency, amount) in e.cash {
                    self.portfolio.deposit(currency, amount).map_err(|e| e.to_string())?;
                }
            }
            Event::Intent(intent) => {
                self.intents.insert(intent.id.clone(), intent);
            }
            Event::Refused(e) => {
                self.intents.remove(&e.intent_id);
            }
            Event::Submitted(e) => {
                if let Some(intent) = self.intents.remove(&e.intent_id) {
                    self.book.reinstate(intent, e.ts);
                }
            }
            Event::OrderState(e) => self.order_state(e),
            Event::Fill(e) => {
                self.portfolio.register(&catalog.get(e.fill.symbol)).map_err(|e| e.to_string())?;
                self.portfolio.apply_fill(&e.fill).map_err(|e| e.to_string())?;
                self.book.apply(&ExecutionEvent::Fill(e.fill));
            }
            Event::Commission(e) => {
                self.portfolio.apply_commission(&e).map_err(|e| e.to_string())?;
                self.book.apply(&ExecutionEvent::Commission(e));
            }
            _ => {}
        }
        Ok(())
    }

    fn order_state(&mut self, e: tensortrade_journal::event::OrderStateChange) {
        let (client_order_id, reason, ts, filled) = (e.client_order_id, e.reason, e.ts, e.filled);
        let event = match e.to {
            OrderStatus::Sent => ExecutionEvent::Sent { client_order_id, ts },
            OrderStatus::Working => match e.broker_order_id {
                Some(broker_order_id) => ExecutionEvent::Accepted { client_order_id, broker_order_id, ts },
                None => return,
            },
            OrderStatus::CancelPending => ExecutionEvent::CancelRequested { client_order_id, ts },
            OrderStatus::Unknown => ExecutionEvent::InDoubt { client_order_id, reason, ts },
            OrderStatus::Cancelled => ExecutionEvent::Cancelled { client_order_id, filled, reason, ts },
            OrderStatus::Rejected => ExecutionEvent::Rejected { client_order_id, reason, ts },
            OrderStatus::Expired => ExecutionEvent::Expired { client_order_id, filled, ts },
            OrderStatus::NotSent => ExecutionEvent::Withdrawn { client_order_id, reason, ts },
            OrderStatus::Lost => {
                self.book.give_up(&client_order_id, &reason, ts);
                return;
            }
            // Fills say both themselves; a change under way is in doubt after a restart whatever it was.
            OrderStatus::Submitted
            | OrderStatus::PartiallyFilled
            | OrderStatus::Filled
            | OrderStatus::ModifyPending => return,
        };
        self.book.apply(&event);
    }

    /// The journal is at its end: whatever was under way is in doubt.
    pub fn finish(mut self, now: Ts) -> Self {
        if !planted(Bug::RestartWithoutDoubt) {
            self.book.apply(&ExecutionEvent::Recovered { ts: now });
        }
        self.intents.clear();
        self
    }
}
