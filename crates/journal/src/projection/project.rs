//! Which rows an event changes.

use tensortrade_market::order::{ClientOrderId, OrderKind, TimeInForce};
use tensortrade_market::{Currency, Price, Symbol, Ts};

use super::cell::{Cell, RowSet};
use super::table::Table;
use crate::event::{Breaker, Event, StepBar, StepClosed};
use crate::state::{Applied, Recovered};

/// Adds the rows that event `seq` inserts or replaces. `state` is the state after the event, `applied` what
/// [`Recovered::apply`] said of it. Pure: the same events give the same rows, wherever they are projected.
pub fn project(seq: u64, event: &Event, applied: Applied, state: &Recovered, out: &mut RowSet) {
    if applied == Applied::Repeated {
        return;
    }
    match event {
        Event::StepClosed(step) => project_step(step, out),
        Event::Submitted(e) => project_order(&e.client_order_id, state, out),
        Event::Modified(e) => project_order(&e.client_order_id, state, out),
        Event::OrderState(e) => project_order(&e.client_order_id, state, out),
        Event::Fill(e) => {
            let fill = &e.fill;
            out.push(
                Table::Fills,
                [
                    fill.venue.as_str().into(),
                    fill.exec_id.as_str().into(),
                    seq.into(),
                    time(fill.ts),
                    fill.client_order_id.as_ref().map(ClientOrderId::as_str).into(),
                    fill.broker_order_id.as_str().into(),
                    symbol(fill.symbol),
                    fill.side.to_string().as_str().into(),
                    Cell::Int(fill.qty.raw()),
                    Cell::Int(fill.price.raw()),
                    Cell::Int(e.multiplier.raw()),
                    e.currency.as_str().into(),
                    // The fold has computed the same product before: it cannot overflow here.
                    e.value().ok().map(|value| value.micros()).into(),
                ],
            );
            project_position(fill.symbol, state, out);
            project_cash(e.currency, state, out);
            if let Some(id) = &fill.client_order_id {
                project_order(id, state, out);
            }
        }
        Event::Commission(e) => {
            out.push(
                Table::Commissions,
                [
                    e.venue.as_str().into(),
                    e.exec_id.as_str().into(),
                    seq.into(),
                    Cell::Int(e.amount.micros()),
                    e.currency.as_str().into(),
                ],
            );
            project_cash(e.currency, state, out);
        }
        Event::Breaker(e) => project_breaker(e, state, out),
        Event::Command(e) => out.push(
            Table::Audit,
            [
                seq.into(),
                time(e.ts),
                u64::from(e.uid).into(),
                e.command.as_str().into(),
                e.allowed.into(),
                e.outcome.as_str().into(),
            ],
        ),
        Event::Watchlist(e) => {
            if let Some(entry) = state.watchlist.get(&e.symbol) {
                out.push(
                    Table::Watchlist,
                    [symbol(e.symbol), entry.active.into(), entry.reason.as_str().into(), time(entry.ts)],
                );
            }
        }
        Event::RunStarted(_)
        | Event::RunEnded(_)
        | Event::Opened(_)
        | Event::CashMoved(_)
        | Event::Intent(_)
        | Event::Approved(_)
        | Event::Refused(_)
        | Event::LateFill(_)
        | Event::Reconciliation(_)
        | Event::Supervision(_)
        | Event::FeedSwitched(_)
        | Event::Alarm(_)
        | Event::SnapshotTaken(_)
        | Event::Lease(_) => {}
    }
}

fn time(ts: Ts) -> Cell {
    Cell::Int(ts.nanos())
}

fn symbol(symbol: Symbol) -> Cell {
    symbol.as_str().into()
}

fn price(price: Option<Price>) -> Cell {
    price.map(Price::raw).into()
}

fn project_step(step: &StepClosed, out: &mut RowSet) {
    for StepBar { symbol: whose, timeframe, bar } in &step.bars {
        out.push(
            Table::Bars,
            [
                time(bar.start),
                Cell::Int(timeframe.secs().into()),
                symbol(*whose),
                time(bar.end),
                Cell::Int(bar.open.raw()),
                Cell::Int(bar.high.raw()),
                Cell::Int(bar.low.raw()),
                Cell::Int(bar.close.raw()),
                Cell::Int(bar.volume.raw()),
                Cell::Int(bar.vwap.raw()),
                Cell::Int(bar.trades.into()),
                price(bar.spread),
            ],
        );
    }
    let regime: Cell = step.regime.as_ref().map(|regime| regime.label.as_str()).into();
    for row in &step.decision.rows {
        out.push(
            Table::Decisions,
            [
                time(step.ts),
                symbol(row.symbol),
                step.step.into(),
                row.weight.into(),
                row.confidence.into(),
                regime.clone(),
            ],
        );
    }
    if let Some(e) = &step.equity {
        out.push(
            Table::Equity,
            [
                time(step.ts),
                step.step.into(),
                e.currency.as_str().into(),
                Cell::Int(e.cash.micros()),
                Cell::Int(e.equity.micros()),
                Cell::Int(e.gross.micros()),
                Cell::Int(e.net.micros()),
                Cell::Int(e.realised.micros()),
                Cell::Int(e.unrealised.micros()),
                Cell::Int(e.fees.micros()),
            ],
        );
    }
}

/// The order's row; nothing for an order so long closed that the state has forgotten it.
fn project_order(id: &ClientOrderId, state: &Recovered, out: &mut RowSet) {
    let Some(order) = state.orders.get(id) else { return };
    let kind = match order.terms.kind {
        OrderKind::Market => "market",
        OrderKind::Limit { .. } => "limit",
        OrderKind::Stop { .. } => "stop",
        OrderKind::StopLimit { .. } => "stop_limit",
    };
    let (tif, until) = match order.terms.tif {
        TimeInForce::Day => ("day", None),
        TimeInForce::GoodTillCancelled => ("good_till_cancelled", None),
        TimeInForce::GoodTillDate(until) => ("good_till_date", Some(until.nanos())),
        TimeInForce::ImmediateOrCancel => ("immediate_or_cancel", None),
        TimeInForce::FillOrKill => ("fill_or_kill", None),
    };
    out.push(
        Table::Orders,
        [
            id.as_str().into(),
            order.intent_id.as_str().into(),
            symbol(order.terms.symbol),
            order.terms.side.to_string().as_str().into(),
            kind.into(),
            Cell::Int(order.terms.qty.raw()),
            price(order.terms.kind.limit()),
            price(order.terms.kind.stop()),
            tif.into(),
            until.into(),
            order.status.as_str().into(),
            Cell::Int(order.filled.raw()),
            Cell::Int(order.value.micros()),
            order.broker_order_id.as_ref().map(|id| id.as_str()).into(),
            order.reason.as_str().into(),
            time(order.submitted_at),
            time(order.updated_at),
        ],
    );
}

fn project_position(whose: Symbol, state: &Recovered, out: &mut RowSet) {
    let Some(position) = state.positions.get(&whose) else { return };
    out.push(
        Table::Positions,
        [
            symbol(whose),
            Cell::Int(position.qty.raw()),
            Cell::Int(position.basis.micros()),
            Cell::Int(position.realised.micros()),
            Cell::Int(position.multiplier.raw()),
            position.currency.as_str().into(),
            position.fills.into(),
            time(position.updated_at),
        ],
    );
}

fn project_cash(currency: Currency, state: &Recovered, out: &mut RowSet) {
    let Some(cash) = state.cash.get(&currency) else { return };
    out.push(
        Table::Cash,
        [currency.as_str().into(), Cell::Int(cash.fills.micros()), Cell::Int(cash.commissions.micros())],
    );
}

fn project_breaker(event: &Breaker, state: &Recovered, out: &mut RowSet) {
    let Some(breaker) = state.breakers.get(&event.scope) else { return };
    out.push(
        Table::Breakers,
        [
            event.scope.as_str().into(),
            breaker.state.as_str().into(),
            breaker.reason.as_str().into(),
            breaker.by.as_str().into(),
            time(breaker.ts),
            breaker.trips.into(),
        ],
    );
}
