//! The record of an order that is about to be sent, and the last judge over it.
//!
//! A breaker acts first and is recorded then, so an order that was approved before a trip may reach the journal behind it.
//! The journal is where both meet in one order: what adds risk behind a trip's record is not staged as an order, but as
//! an intent that was refused, and whoever asked is told so that it is never sent.

use tensortrade_market::order::{ClientOrderId, OrderIntent};
use tensortrade_market::planted::{Bug, planted};
use tensortrade_market::{Symbol, Ts};

use crate::error::JournalError;
use crate::event::{Approved, BreakerState, Event, Refused, Submitted};
use crate::state::Recovered;
use crate::writer::JournalWriter;

/// What is recorded of an order before it is sent: all of it, or a refusal.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderRecord {
    /// What is wanted.
    pub intent: OrderIntent,
    /// Risk's approval.
    pub approved: Approved,
    /// The outbox record.
    pub submitted: Submitted,
    /// Whether it was approved as an order that only brings a position toward zero.
    pub reducing: bool,
}

/// An order that came behind a breaker's trip. It is on record as refused and must not be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// Which order.
    pub client_order_id: ClientOrderId,
    /// Which breaker.
    pub scope: String,
    /// Its state.
    pub state: BreakerState,
}

impl std::fmt::Display for Blocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { client_order_id, scope, state } = self;
        write!(
            f,
            "order {client_order_id} is recorded behind the trip of breaker '{scope}' ({})",
            state.as_str()
        )
    }
}

impl Recovered {
    /// The worst breaker over a strategy's orders in a symbol, and its scope.
    #[must_use]
    pub fn breaker_over(&self, strategy: &str, symbol: Symbol) -> (BreakerState, String) {
        let scopes = ["node".to_owned(), format!("strategy:{strategy}"), format!("symbol:{symbol}")];
        let mut worst = (BreakerState::Normal, String::new());
        for scope in scopes {
            let state = self.breaker(&scope);
            if state > worst.0 {
                worst = (state, scope);
            }
        }
        worst
    }

    /// Whether the order, filled whole, leaves a position no larger than the recorded one and on its side.
    fn brings_nearer_to_zero(&self, order: &OrderRecord) -> bool {
        let terms = &order.submitted.terms;
        let before = self.positions.get(&terms.symbol).map_or(0, |position| i128::from(position.qty.raw()));
        let after = before + i128::from(terms.signed_qty().raw());
        after.abs() <= before.abs() && after * before >= 0
    }
}

impl JournalWriter {
    /// Stages an order's record as one; `Some` when a breaker's trip stands before it: then its refusal is staged instead.
    pub fn stage_order(&mut self, order: OrderRecord, at: Ts) -> Result<Option<Blocked>, JournalError> {
        let symbol = order.submitted.terms.symbol;
        let (state, scope) = self.state().breaker_over(&order.intent.strategy, symbol);
        let passes = match state {
            BreakerState::Normal => true,
            BreakerState::Reducing => {
                // The bug is planted here too: this look does not rest on what risk said.
                let nearer = self.state().brings_nearer_to_zero(&order) || planted(Bug::ReducingIgnored);
                order.reducing && nearer
            }
            BreakerState::Halted => false,
        };
        let OrderRecord { intent, approved, submitted, .. } = order;
        if passes {
            for event in [Event::from(intent), approved.into(), submitted.into()] {
                self.stage(&event, at)?;
            }
            return Ok(None);
        }
        let blocked = Blocked { client_order_id: submitted.client_order_id, scope, state };
        let refused = Refused {
            intent_id: intent.id.clone(),
            terms: intent.terms,
            code: "breaker".into(),
            detail: blocked.to_string(),
            ts: submitted.ts,
        };
        for event in [Event::from(intent), approved.into(), refused.into()] {
            self.stage(&event, at)?;
        }
        Ok(Some(blocked))
    }
}
