//! A feed that does not wait meets a mailbox that is full: its data is held back in the symbol's [`Backlog`], before it is
//! numbered, and goes on as soon as there is room, to the broker and to the symbol alike.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use tensortrade_broker::{MarketBatch, MarketData};
use tensortrade_journal::event::Alarm;
use tensortrade_market::{Clock, Symbol};

use super::Pump;
use crate::market::backlog::Backlog;
use crate::market::hub::Member;

/// Trades held back for one symbol at most: minutes of the busiest share.
const TRADES_MAX: usize = 16_384;

impl Pump<'_> {
    /// What of these batches can be sent now, after what was held back before them; the rest is held back.
    pub(super) fn conflate(&mut self, batches: Vec<MarketBatch>) -> Vec<MarketBatch> {
        let mut rooms: BTreeMap<Symbol, usize> = BTreeMap::new();
        let mut sent = self.let_go(&mut rooms);
        let session_has_room = self.session_has_room();
        for batch in batches {
            let Some(member) = self.core.members.get_mut(&batch.symbol) else {
                sent.push(batch);
                continue;
            };
            let room = rooms.entry(batch.symbol).or_insert_with(|| room(member));
            match &batch.data {
                MarketData::Ticks(ticks) if member.backlog.is_some() || *room == 0 || !session_has_room => {
                    let backlog = member.backlog.get_or_insert_with(|| Box::new(Backlog::new(TRADES_MAX)));
                    let (conflated, dropped) = (backlog.conflated, backlog.dropped);
                    backlog.hold(ticks);
                    let (conflated, new) = (backlog.conflated - conflated, backlog.dropped - dropped);
                    self.core.backlogged.insert(batch.symbol);
                    self.context.stats.conflated.fetch_add(conflated, Ordering::Relaxed);
                    self.context.stats.dropped_trades.fetch_add(new, Ordering::Relaxed);
                    if dropped == 0 && new > 0 {
                        self.alarm_drop(batch.symbol);
                    }
                }
                // Bars and gaps are few and are waited for, behind what was held back.
                _ => {
                    if let Some(mut backlog) = member.backlog.take() {
                        self.core.backlogged.remove(&batch.symbol);
                        sent.extend(backlog.release(batch.symbol));
                    }
                    *room = room.saturating_sub(1);
                    sent.push(batch);
                }
            }
        }
        sent
    }

    /// What was held back and has room now.
    fn let_go(&mut self, rooms: &mut BTreeMap<Symbol, usize>) -> Vec<MarketBatch> {
        let mut free = Vec::new();
        if self.core.backlogged.is_empty() || !self.session_has_room() {
            return free;
        }
        let members = &mut self.core.members;
        self.core.backlogged.retain(|symbol| {
            let Some(member) = members.get_mut(symbol) else { return false };
            let room = rooms.entry(*symbol).or_insert_with(|| room(member));
            // Two places: the data, and the gap that may come with it.
            if *room < 2 && member.seat.door.limit() >= 2 {
                return true;
            }
            *room = room.saturating_sub(2);
            free.extend(
                member.backlog.take().map(|mut backlog| backlog.release(*symbol)).unwrap_or_default(),
            );
            false
        });
        free
    }

    /// Everything that is held back, whether there is room or not: a boundary comes behind all data before it.
    pub(super) fn let_all_go(&mut self) -> Vec<MarketBatch> {
        let mut all = Vec::new();
        for symbol in std::mem::take(&mut self.core.backlogged) {
            let backlog = self.core.members.get_mut(&symbol).and_then(|member| member.backlog.take());
            all.extend(backlog.map(|mut backlog| backlog.release(symbol)).unwrap_or_default());
        }
        all
    }

    fn session_has_room(&self) -> bool {
        self.context.session_door.in_use() < self.context.session_door.limit()
    }

    fn alarm_drop(&self, symbol: Symbol) {
        let ts = self.core.watermark.max(self.context.market_clock.now());
        let text = format!(
            "{symbol} cannot follow its feed: {TRADES_MAX} trades are held back for it, those that come are dropped and the \
             stretch is marked"
        );
        tracing::error!(%symbol, "{text}");
        let alarm = Alarm { ts, code: "trades_dropped".into(), text };
        self.context.journal.note(vec![alarm.into()]);
    }
}

/// Places in a symbol's mailbox. One that is not attached needs none: its ring keeps what comes.
fn room(member: &Member) -> usize {
    if member.attached {
        member.seat.door.limit().saturating_sub(member.seat.door.in_use())
    } else {
        usize::MAX
    }
}
