//! From a step's targets to the orders that lead there.

use std::collections::{BTreeMap, BTreeSet};

use tensortrade_execution::plan::{OpenOrder, PlanContext};
use tensortrade_execution::{Order, OrderState, SymbolInput};
use tensortrade_journal::event;
use tensortrade_market::calendar::CalendarCursor;
use tensortrade_market::{Instrument, Money, Price, Qty, Symbol};
use tensortrade_policy::Opinion;
use tensortrade_risk::SessionPolicy;

use super::{ExecutionState, Judged, StepToPlan};
use crate::trading::portfolio::PortfolioMsg;
use crate::trading::risk::{RiskMsg, StepToJudge};

impl ExecutionState {
    /// From targets to intents; a step that leads to no order is done here.
    pub(super) async fn plan(&mut self, step: StepToPlan) {
        let StepToPlan { tag, targets, view, decided, closing } = step;
        let limits = self.args.limits.load();
        let mut wanted: BTreeMap<Symbol, (f64, String)> = BTreeMap::new();
        for row in &targets.rows {
            if let Opinion::Weight { weight, reason, .. } = row.opinion {
                wanted.insert(row.symbol, (weight, reason.to_string()));
            }
        }
        wanted.extend(closing.iter().map(|symbol| (*symbol, (0.0, "closed by command".to_owned()))));
        for symbol in wanted.keys() {
            self.instruments.entry(*symbol).or_insert_with(|| self.args.catalog.get(*symbol));
        }
        let open: BTreeMap<Symbol, Vec<OpenOrder>> =
            wanted.keys().map(|symbol| (*symbol, self.args.book.open_orders(*symbol).collect())).collect();
        // Outside the hours that risk admits nothing is planned: a wish for every closed minute would be noise.
        let admitted: BTreeSet<Symbol> = match limits.session_policy {
            SessionPolicy::QueueToNextOpen => wanted.keys().copied().collect(),
            policy => {
                let extended = policy == SessionPolicy::Extended;
                let open = |symbol: &Symbol| {
                    let Some(instrument) = self.instruments.get(symbol) else { return false };
                    let kind = instrument.sessions;
                    self.calendars
                        .entry(kind)
                        .or_insert_with(|| CalendarCursor::new(kind))
                        .is_open(tag.ts, extended)
                };
                wanted.keys().copied().filter(open).collect()
            }
        };
        let inputs = wanted.iter().filter_map(|(symbol, (weight, reason))| {
            let instrument = self.instruments.get(symbol).filter(|_| admitted.contains(symbol))?;
            let price = view.price(*symbol)?;
            // Without a rate there is no quantity: the plan says so, and risk would refuse.
            let rate = view.rate(instrument.currency).map_or(f64::NAN, tensortrade_portfolio::Rate::to_f64);
            Some(SymbolInput {
                instrument,
                weight: Some(*weight),
                price,
                rate,
                position: view.qty(*symbol),
                open: open.get(symbol).map_or(&[], Vec::as_slice),
                qty_max: order_qty_max(instrument, price, rate, limits.order_notional_max),
                reason,
            })
        });
        let equity = view.valuation().map_or(Money::ZERO, |worth| worth.equity);
        let symbols = targets.rows.len();
        let context = PlanContext { decided_at: tag.ts, equity, symbols };
        let mut plan = self.args.planner.plan(context, inputs);
        let sized =
            admitted.iter().filter(|symbol| wanted.get(*symbol).is_some_and(|(weight, _)| *weight != 0.0));
        if let Some(text) = self.idle.observe(&self.args.planner, context, &plan, sized.count()) {
            tracing::warn!("{text}");
            self.record(vec![event::Alarm { ts: tag.ts, code: "never_orders".into(), text }.into()]).await;
        }
        // Nobody plans for a symbol that has left the watchlist: what still works for it would fill unwatched.
        let members: BTreeSet<Symbol> = targets.rows.iter().map(|row| row.symbol).collect();
        let works = |order: &&Order| {
            matches!(order.state, OrderState::Working | OrderState::PartiallyFilled)
                && !members.contains(&order.terms.symbol)
                && !closing.contains(&order.terms.symbol)
        };
        plan.cancels.extend(self.args.book.live().filter(works).map(Order::client_order_id));
        let closed: Vec<Symbol> = closing
            .iter()
            .filter(|symbol| view.qty(**symbol).is_zero())
            .filter(|symbol| self.args.book.live().all(|order| order.terms.symbol != **symbol))
            .copied()
            .collect();
        if !closed.is_empty() {
            self.args.portfolio.cast(PortfolioMsg::Closed(closed));
        }
        if plan.intents.is_empty() {
            let none =
                Judged { tag, approved: Vec::new(), refused: Vec::new(), cancels: plan.cancels, decided };
            return self.judged(none).await;
        }
        let step = StepToJudge { tag, intents: plan.intents, cancels: plan.cancels, view, decided };
        if !self.args.risk.cast(RiskMsg::Judge(Box::new(step))) {
            tracing::error!(ts = %tag.ts, "risk is not running: the step sends nothing");
            self.args.gate.done(tag.ts);
        }
    }
}

/// The most that one order may be for under the notional limit; a hundredth is left for the collar beyond the price.
fn order_qty_max(instrument: &Instrument, price: Price, rate: f64, notional_max: Money) -> Option<Qty> {
    let unit = price.to_f64().abs() * instrument.multiplier.to_f64() * rate;
    let most = notional_max.to_f64() * 0.99 / unit;
    (most.is_finite() && most > 0.0)
        .then(|| Qty::from_f64(most).ok())
        .flatten()
        .map(|q| q.truncate_to(instrument.lot))
}
