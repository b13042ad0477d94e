//! The market data port with its faults.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tensortrade_broker::simulated::SimulatedFeed;
use tensortrade_broker::{Feed, FeedError, FeedSlice, FeedStats, MarketBatch, MarketData};
use tensortrade_market::{Bar, Instrument, Price, Qty, Symbol, Tick, TickData, Timeframe, Ts};
use tokio::time::Instant;

use crate::plan::{Fault, Kind};
use crate::world::World;

/// The simulated market behind faults.
pub struct FaultyFeed {
    inner: SimulatedFeed,
    world: Arc<World>,
    /// Steps up to here only warm models up: no fault, and no new step.
    warm_up_until: Ts,
    stalled_until: Option<Instant>,
    disconnected: u32,
    /// Minutes for which a symbol is halted.
    halted: BTreeMap<Symbol, u32>,
    /// Minutes for which a symbol's sizes are small.
    thin: BTreeMap<Symbol, u32>,
}

impl FaultyFeed {
    /// A feed whose steps count after `warm_up_until`.
    #[must_use]
    pub fn new(inner: SimulatedFeed, world: Arc<World>, warm_up_until: Ts) -> Self {
        let (halted, thin) = (BTreeMap::new(), BTreeMap::new());
        Self { inner, world, warm_up_until, stalled_until: None, disconnected: 0, halted, thin }
    }

    /// Computed at once, so that a dropped future loses nothing.
    fn slice(&mut self) -> Result<Option<FeedSlice>, FeedError> {
        if self.disconnected > 0 {
            self.disconnected -= 1;
            return Err(FeedError::Disconnected("chaos".into()));
        }
        if self.world.complete() {
            return Ok(None);
        }
        let Some(mut slice) = self.inner.next_slice() else { return Ok(None) };
        let Some(mut watermark) = slice.watermark.filter(|ts| *ts > self.warm_up_until) else {
            return Ok(Some(slice));
        };
        if self.world.healing() {
            self.halted.clear();
            self.thin.clear();
        } else {
            self.spoil(&mut slice);
            if let Some(fault) = self.world.take(&[Kind::ClockBack], "") {
                let back = i64::from(fault.amount) * -1_000_000;
                let early = |tick: &mut Tick| tick.ts = tick.ts.plus_nanos(back);
                slice.batches = slice
                    .batches
                    .iter()
                    .map(|b| change(b, |ticks| ticks.iter_mut().for_each(early)))
                    .collect();
                watermark = watermark.plus_nanos(back);
                slice.watermark = Some(watermark);
            }
        }
        self.world.boundary(watermark);
        Ok(Some(slice))
    }

    fn spoil(&mut self, slice: &mut FeedSlice) {
        const KINDS: &[Kind] = &[
            Kind::FeedGap,
            Kind::FeedDuplicate,
            Kind::FeedReorder,
            Kind::FeedZeroPrice,
            Kind::FeedSpike,
            Kind::FeedHalt,
            Kind::FeedThin,
            Kind::MailboxFull,
        ];
        if let Some(fault) = self.world.take(&[Kind::MarketHalt], "") {
            let all = slice.batches.iter().map(|batch| (batch.symbol, fault.amount));
            self.halted.extend(all);
        }
        let mut spoilt: Vec<MarketBatch> = Vec::with_capacity(slice.batches.len());
        for mut batch in std::mem::take(&mut slice.batches) {
            let symbol = batch.symbol;
            let fault = self.world.take(KINDS, symbol.as_str());
            let mut keep = true;
            if let Some(Fault { kind, amount, .. }) = fault {
                match kind {
                    Kind::FeedGap => keep = false,
                    Kind::FeedDuplicate => spoilt.push(batch.clone()),
                    Kind::FeedHalt => {
                        self.halted.insert(symbol, amount);
                    }
                    Kind::FeedThin => {
                        self.thin.insert(symbol, amount);
                    }
                    Kind::MailboxFull => {
                        self.world.stand_still(format!("root/market/symbols/{symbol}"), amount);
                        batch = change(&batch, in_pieces);
                    }
                    _ => batch = change(&batch, |ticks| spoil_ticks(kind, ticks)),
                }
            }
            if self.thin.contains_key(&symbol) {
                batch = change(&batch, |ticks| ticks.iter_mut().for_each(shrink));
            }
            if keep && !self.halted.contains_key(&symbol) {
                spoilt.push(batch);
            }
        }
        slice.batches = spoilt;
        for left in [&mut self.halted, &mut self.thin] {
            left.retain(|_, minutes| {
                *minutes = minutes.saturating_sub(1);
                *minutes > 0
            });
        }
    }
}

fn change(batch: &MarketBatch, with: impl FnOnce(&mut Vec<Tick>)) -> MarketBatch {
    match &batch.data {
        MarketData::Ticks(ticks) => {
            let mut ticks = ticks.to_vec();
            with(&mut ticks);
            MarketBatch { symbol: batch.symbol, data: MarketData::Ticks(ticks.into()) }
        }
        _ => batch.clone(),
    }
}

fn spoil_ticks(kind: Kind, ticks: &mut [Tick]) {
    match kind {
        Kind::FeedReorder => ticks.reverse(),
        Kind::FeedZeroPrice => {
            for (nth, tick) in ticks.iter_mut().enumerate().take(6) {
                scale(tick, if nth % 2 == 0 { 0 } else { -1 });
            }
        }
        Kind::FeedSpike => {
            let middle = ticks.len() / 2;
            if let Some(tick) = ticks.get_mut(middle) {
                scale(tick, 10);
            }
        }
        _ => {}
    }
}

/// Each tick as sixteen, spread over the time until the next: more pieces than a mailbox has places.
fn in_pieces(ticks: &mut Vec<Tick>) {
    const PIECES: i64 = 16;
    let next = ticks.iter().skip(1).map(|tick| tick.ts).chain(ticks.last().map(|tick| tick.ts));
    let pieces = ticks.iter().zip(next).flat_map(|(tick, next)| {
        let apart = next.since(tick.ts).max(0) / PIECES;
        (0..PIECES).map(move |nth| {
            let mut piece = *tick;
            piece.ts = tick.ts.plus_nanos(apart * nth);
            piece
        })
    });
    *ticks = pieces.collect();
}

/// Multiplies the prices of a tick.
fn scale(tick: &mut Tick, by: i64) {
    let scaled = |price: Price| Price::from_raw(price.raw().saturating_mul(by)).unwrap_or(price);
    tick.data = match tick.data {
        TickData::Trade { price, size } => TickData::Trade { price: scaled(price), size },
        TickData::Quote { bid, ask, bid_size, ask_size } => {
            TickData::Quote { bid: bid.map(scaled), ask: ask.map(scaled), bid_size, ask_size }
        }
    };
}

/// A size of few units, so that an order fills in parts.
fn shrink(tick: &mut Tick) {
    let small = |size: Qty| Qty::from_units(size.raw().rem_euclid(7) + 1).unwrap_or(size);
    tick.data = match tick.data {
        TickData::Trade { price, size } => TickData::Trade { price, size: small(size) },
        TickData::Quote { bid, ask, bid_size, ask_size } => {
            TickData::Quote { bid, ask, bid_size: small(bid_size), ask_size: small(ask_size) }
        }
    };
}

impl Feed for FaultyFeed {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<FeedSlice>, FeedError>> {
        async move {
            self.world.pass_or_hang().await;
            if let Some(fault) = self.world.take(&[Kind::FeedStall, Kind::FeedDisconnect], "") {
                match fault.kind {
                    Kind::FeedStall => {
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
}
