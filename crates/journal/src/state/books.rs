//! Orders and money, folded from the events by the crates that hold them live: what a start, a restarted actor and the
//! verification begin with.
//!
//! The fold knows no configuration, since a journal does not: an instrument is what its fills say of it. What a running node
//! adds (rates, the catalogue, what losses are measured from, doubt about what was under way) comes by [`Books::resumed`].

use serde::{Deserialize, Serialize};
use tensortrade_execution::{ExecutionEvent, OrderBook};
use tensortrade_market::order::{Commission, OrderIntent};
use tensortrade_market::planted::{Bug, planted};
use tensortrade_market::{Catalog, Instrument, Ts};
use tensortrade_portfolio::{FxConfig, Performance, Portfolio, PortfolioError};

use super::{EquityMarks, Recovered};
use crate::event::{BookedFill, CashMoved, Opened, OrderStateChange, OrderStatus};

/// The order book and the portfolio.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Books {
    /// All orders, the ended ones as far as they are remembered.
    pub orders: OrderBook,
    /// Positions, cash, fees, and which executions are booked.
    pub portfolio: Portfolio,
}

impl Books {
    pub(super) fn opened(&mut self, e: &Opened) -> Result<(), PortfolioError> {
        // All or nothing, and a copy is cheap.
        let mut portfolio = self.portfolio.clone();
        for (currency, amount) in &e.cash {
            portfolio.deposit(*currency, *amount)?;
        }
        self.portfolio = portfolio;
        Ok(())
    }

    pub(super) fn cash_moved(&mut self, e: &CashMoved) -> Result<(), PortfolioError> {
        self.portfolio.deposit(e.currency, e.amount)
    }

    pub(super) fn submitted(&mut self, intent: OrderIntent, at: Ts) {
        self.orders.reinstate(intent, at);
    }

    pub(super) fn fill(&mut self, e: &BookedFill) -> Result<(), PortfolioError> {
        let mut instrument = Instrument::guess(e.fill.symbol);
        (instrument.multiplier, instrument.currency) = (e.multiplier, e.currency);
        match self.portfolio.register(&instrument) {
            // A held position stays as it was traded, here as in the running node.
            Ok(_) | Err(PortfolioError::InstrumentChanged { .. }) => {}
            Err(other) => return Err(other),
        }
        self.portfolio.apply_fill(&e.fill)?;
        self.orders.apply(&ExecutionEvent::Fill(e.fill.clone()));
        Ok(())
    }

    pub(super) fn commission(&mut self, e: &Commission) -> Result<(), PortfolioError> {
        self.portfolio.apply_commission(e)?;
        self.orders.apply(&ExecutionEvent::Commission(e.clone()));
        Ok(())
    }

    pub(super) fn order_state(&mut self, e: &OrderStateChange) {
        let OrderStateChange { client_order_id, broker_order_id, to, filled, reason, ts, .. } = e.clone();
        let event = match to {
            OrderStatus::Sent => ExecutionEvent::Sent { client_order_id, ts },
            OrderStatus::Working => match broker_order_id {
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
                // Only an order in doubt can be lost; that a restart put it in doubt is nowhere on record.
                let id = client_order_id.clone();
                let doubt = reason.clone();
                self.orders.apply(&ExecutionEvent::InDoubt { client_order_id, reason: doubt, ts });
                self.orders.give_up(&id, &reason, ts);
                return;
            }
            // Fills say both themselves; a change under way is in doubt after a restart whatever it was.
            OrderStatus::Submitted
            | OrderStatus::PartiallyFilled
            | OrderStatus::Filled
            | OrderStatus::ModifyPending => return,
        };
        self.orders.apply(&event);
    }

    /// The books as a node takes them up at `now`: under this configuration, with losses measured from where they were, and
    /// everything that was under way in doubt. Says which held instruments the catalogue describes otherwise than they were
    /// traded; they stay as they were.
    pub fn resumed(
        mut self,
        marks: Option<&EquityMarks>,
        fx: &FxConfig,
        catalog: &Catalog,
        now: Ts,
    ) -> Result<(Self, Vec<PortfolioError>), PortfolioError> {
        let kept = self.portfolio.reconfigure(fx, |symbol| catalog.get(symbol))?;
        if let Some(marks) = marks {
            let day = (marks.day, marks.day_start);
            self.portfolio.resume_performance(Performance::resumed(marks.high_water, marks.last, day));
        }
        if !planted(Bug::RestartWithoutDoubt) {
            self.orders.apply(&ExecutionEvent::Recovered { ts: now });
        }
        Ok((self, kept))
    }
}

impl Recovered {
    /// [`Books::resumed`] of a copy: cheap, whatever the books hold.
    pub fn resume_books(
        &self,
        fx: &FxConfig,
        catalog: &Catalog,
        now: Ts,
    ) -> Result<(Books, Vec<PortfolioError>), PortfolioError> {
        self.books.clone().resumed(self.marks.as_ref(), fx, catalog, now)
    }
}
