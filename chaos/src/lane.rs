//! One of two feeds with faults of its own. It sends whether anybody is ready or not, as live feeds do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tensortrade_broker::failover::Side;
use tensortrade_broker::simulated::SimulatedFeed;
use tensortrade_broker::{Feed, FeedError, FeedSlice, FeedStats, MarketBatch, Pace};
use tensortrade_market::{Bar, Instrument, Price, Symbol, Tick, TickData, Timeframe, Ts};
use tokio::time::Instant;

use crate::feed::change;
use crate::history::Fact;
use crate::plan::Kind;
use crate::world::World;

/// One of two feeds.
pub struct FaultyLane {
    inner: SimulatedFeed,
    world: Arc<World>,
    side: Side,
    warm_up_until: Ts,
    stalled_until: Option<Instant>,
    disconnected: u32,
    /// What is wrong with symbols, and for how many minutes.
    spoilt: BTreeMap<Symbol, (Kind, u32)>,
}

impl FaultyLane {
    /// A side whose faults begin after `warm_up_until`.
    #[must_use]
    pub fn new(inner: SimulatedFeed, world: Arc<World>, side: Side, warm_up_until: Ts) -> Self {
        let spoilt = BTreeMap::new();
        Self { inner, world, side, warm_up_until, stalled_until: None, disconnected: 0, spoilt }
    }

    /// Computed at once, so that a dropped future loses nothing.
    fn slice(&mut self) -> Result<Option<FeedSlice>, FeedError> {
        if self.disconnected > 0 && !self.world.healing() {
            self.disconnected -= 1;
            return Err(FeedError::Disconnected("chaos".into()));
        }
        let Some(mut slice) = self.inner.next_slice() else { return Ok(None) };
        let Some(boundary) = slice.watermark.filter(|ts| *ts > self.warm_up_until) else {
            return Ok(Some(slice));
        };
        if self.world.healing() {
            self.spoilt.clear();
        }
        let batches = std::mem::take(&mut slice.batches);
        slice.batches = batches.into_iter().filter_map(|batch| self.spoil(batch, boundary)).collect();
        self.spoilt.retain(|_, (_, minutes)| {
            *minutes = minutes.saturating_sub(1);
            *minutes > 0
        });
        Ok(Some(slice))
    }

    /// What becomes of a symbol's minute; nothing if it is not sent.
    fn spoil(&mut self, batch: MarketBatch, boundary: Ts) -> Option<MarketBatch> {
        let symbol = batch.symbol;
        let kinds: &[Kind] = match self.side {
            Side::Primary => &[Kind::PrimarySilent, Kind::PrimaryAstray, Kind::PrimaryCrossed],
            Side::Backup => &[Kind::BackupSilent],
        };
        if !self.world.healing()
            && let Some(fault) = self.world.take(kinds, symbol.as_str())
        {
            self.spoilt.insert(symbol, (fault.kind, fault.amount.max(1)));
        }
        let Some((kind, _)) = self.spoilt.get(&symbol).copied() else { return Some(batch) };
        self.world.note(Fact::Spoilt { side: self.side, symbol, kind, boundary });
        match kind {
            Kind::PrimarySilent | Kind::BackupSilent => None,
            Kind::PrimaryAstray => Some(change(&batch, |ticks| ticks.iter_mut().for_each(raise))),
            _ => Some(change(&batch, |ticks| ticks.iter_mut().for_each(cross))),
        }
    }
}

/// A tenth more than it was.
fn raise(tick: &mut Tick) {
    let more = |price: Price| Price::from_raw(price.raw() / 10 * 11).unwrap_or(price);
    tick.data = match tick.data {
        TickData::Trade { price, size } => TickData::Trade { price: more(price), size },
        TickData::Quote { bid, ask, bid_size, ask_size } => {
            TickData::Quote { bid: bid.map(more), ask: ask.map(more), bid_size, ask_size }
        }
    };
}

/// The sides of a quote the wrong way round.
fn cross(tick: &mut Tick) {
    if let TickData::Quote { bid, ask, bid_size, ask_size } = tick.data {
        tick.data = TickData::Quote { bid: ask, ask: bid, bid_size, ask_size };
    }
}

impl Feed for FaultyLane {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<FeedSlice>, FeedError>> {
        async move {
            let kinds = [Kind::PrimaryStall, Kind::PrimaryDown];
            if self.side == Side::Primary
                && self.stalled_until.is_none()
                && !self.world.healing()
                && let Some(fault) = self.world.take(&kinds, "")
            {
                match fault.kind {
                    Kind::PrimaryStall => {
                        let silence = Duration::from_millis(u64::from(fault.amount));
                        self.stalled_until = Some(Instant::now() + silence);
                    }
                    _ => self.disconnected = fault.amount,
                }
            }
            if let Some(until) = self.stalled_until {
                tokio::time::sleep_until(until).await;
                self.stalled_until = None;
            }
            self.slice()
        }
        .boxed()
    }

    fn add(&mut self, instrument: &Instrument) -> BoxFuture<'_, Result<(), FeedError>> {
        self.inner.add(instrument)
    }

    fn remove(&mut self, symbol: Symbol) -> BoxFuture<'_, ()> {
        self.inner.remove(symbol)
    }

    fn history(
        &mut self,
        symbol: Symbol,
        timeframe: Timeframe,
        until: Ts,
        bars_max: usize,
    ) -> BoxFuture<'_, Result<Vec<Bar>, FeedError>> {
        self.inner.history(symbol, timeframe, until, bars_max)
    }

    fn stats(&self) -> FeedStats {
        // Without the time the feed was busy: that is the machine's, not the world's.
        FeedStats { busy_ns: 0, ..self.inner.stats() }
    }

    fn pace(&self) -> Pace {
        Pace::Live
    }
}
