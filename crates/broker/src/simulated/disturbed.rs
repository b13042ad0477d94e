//! A recording of the same market by somebody else: the data of another feed with noise and outages of its own.
//!
//! Everything follows from the seed and the data: the noise of a tick from its symbol, time and price, the outages from the
//! time alone. So two runs see the same, however the stream is cut and at any speed.

use futures::FutureExt;
use futures::future::BoxFuture;
use tensortrade_market::{Bar, Instrument, Price, Symbol, Tick, TickData, Timeframe, Ts};

use crate::feed::{
    Feed, FeedError, FeedHealth, FeedNotice, FeedSlice, FeedStats, MarketBatch, MarketData, Pace,
};

/// Nanoseconds of a minute.
const MINUTE_NS: i64 = 60_000_000_000;
/// Prices stay on this step: a cent.
const STEP_RAW: i64 = Price::ONE / 100;

/// What distinguishes the recording from what it records.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Disturbance {
    /// Of noise and outages.
    pub seed: u64,
    /// Largest distance of a price from the original, basis points; a quote's two sides move together.
    pub noise_bps: f64,
    /// One outage of the whole feed in each stretch of so many minutes; 0 for none.
    pub outage_every_minutes: u32,
    /// Length of an outage, minutes; less than the stretch.
    pub outage_minutes: u32,
}

impl Disturbance {
    /// Whether the feed is out at a moment.
    #[must_use]
    pub fn is_out(&self, ts: Ts) -> bool {
        let (every, length) = (i64::from(self.outage_every_minutes), i64::from(self.outage_minutes));
        if every == 0 || length == 0 || length >= every {
            return false;
        }
        let stretch = ts.nanos().div_euclid(every * MINUTE_NS);
        let within = ts.nanos().rem_euclid(every * MINUTE_NS);
        let room = u64::try_from(every - length + 1).unwrap_or(1);
        let begin = (mixed(&[self.seed, stretch as u64]) % room) as i64 * MINUTE_NS;
        (begin..begin + length * MINUTE_NS).contains(&within)
    }

    fn tick(&self, symbol: u64, tick: &Tick) -> Tick {
        let key = match tick.data {
            TickData::Trade { price, .. } => price.raw(),
            TickData::Quote { bid, ask, .. } => bid.or(ask).map_or(0, Price::raw),
        };
        let draw = mixed(&[self.seed, symbol, tick.ts.nanos() as u64, key as u64]);
        // Uniform in -1 to 1.
        let unit = (draw >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
        let away =
            (key as f64 * unit * self.noise_bps / 10_000.0 / STEP_RAW as f64).round() as i64 * STEP_RAW;
        let moved = |price: Price| {
            Price::from_raw(price.raw().saturating_add(away)).filter(|moved| moved.raw() > 0).unwrap_or(price)
        };
        let data = match tick.data {
            TickData::Trade { price, size } => TickData::Trade { price: moved(price), size },
            TickData::Quote { bid, ask, bid_size, ask_size } => {
                TickData::Quote { bid: bid.map(moved), ask: ask.map(moved), bid_size, ask_size }
            }
        };
        Tick { ts: tick.ts, data }
    }

    fn batch(&self, batch: MarketBatch) -> Option<MarketBatch> {
        let MarketData::Ticks(ticks) = &batch.data else { return Some(batch) };
        let name = batch.symbol.as_str().bytes().fold(0, |key, byte| mixed(&[key, u64::from(byte)]));
        let heard = ticks.iter().filter(|tick| !self.is_out(tick.ts));
        let ticks: Vec<Tick> = heard.map(|tick| self.tick(name, tick)).collect();
        let batch = MarketBatch { symbol: batch.symbol, data: MarketData::Ticks(ticks.into()) };
        (!batch.is_empty()).then_some(batch)
    }
}

/// A hash of some numbers (the finaliser of SplitMix64 over their chain).
fn mixed(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |state, part| {
        let mut z = (state ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// A feed with a disturbance.
pub struct DisturbedFeed<F> {
    inner: F,
    disturbance: Disturbance,
}

impl<F: Feed> DisturbedFeed<F> {
    /// `inner` as somebody else would have recorded it.
    #[must_use]
    pub const fn new(inner: F, disturbance: Disturbance) -> Self {
        Self { inner, disturbance }
    }
}

impl<F: Feed> Feed for DisturbedFeed<F> {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<FeedSlice>, FeedError>> {
        async move {
            // What comes after the wait is done at once: a dropped wait loses nothing.
            let Some(slice) = self.inner.next().await? else { return Ok(None) };
            let disturbance = self.disturbance;
            let batches = slice.batches.into_iter().filter_map(|batch| disturbance.batch(batch)).collect();
            Ok(Some(FeedSlice { batches, watermark: slice.watermark }))
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

    fn problems(&self) -> Vec<String> {
        self.inner.problems()
    }

    fn warnings(&self) -> Vec<String> {
        self.inner.warnings()
    }

    fn pace(&self) -> Pace {
        self.inner.pace()
    }

    fn notices(&mut self) -> Vec<FeedNotice> {
        self.inner.notices()
    }

    fn health(&self) -> Option<FeedHealth> {
        self.inner.health()
    }

    fn stats(&self) -> FeedStats {
        self.inner.stats()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stretch_has_one_outage_of_its_length_and_their_places_differ() {
        let disturbance =
            Disturbance { seed: 7, outage_every_minutes: 60, outage_minutes: 5, ..Disturbance::default() };
        let mut begins = std::collections::BTreeSet::new();
        for hour in 0..50 {
            let out: Vec<i64> = (0..60)
                .filter(|minute| disturbance.is_out(Ts::from_secs((hour * 60 + minute) * 60 + 30)))
                .collect();
            assert_eq!(out.len(), 5);
            assert_eq!(out[4] - out[0], 4, "in one piece: {out:?}");
            begins.insert(out[0]);
        }
        assert!(begins.len() > 10, "{begins:?}");
        assert!(!Disturbance::default().is_out(Ts::from_secs(30)));
    }

    #[test]
    fn noise_moves_both_sides_of_a_quote_alike_and_stays_within_its_bound() {
        let disturbance = Disturbance { seed: 7, noise_bps: 5.0, ..Disturbance::default() };
        let price = |p| Price::from_f64(p).unwrap();
        let mut moved = 0;
        for second in 0..200 {
            let (bid, ask) = (Some(price(200.0)), Some(price(200.05)));
            let size = tensortrade_market::Qty::ZERO;
            let quote = Tick::quote(Ts::from_secs(second), bid, ask, size, size);
            let TickData::Quote { bid: Some(bid), ask: Some(ask), .. } = disturbance.tick(1, &quote).data
            else {
                panic!("a quote")
            };
            assert_eq!(ask.raw() - bid.raw(), STEP_RAW * 5);
            assert!((bid.to_f64() - 200.0).abs() <= 0.1 + 1e-9, "{bid}");
            moved += usize::from(bid != price(200.0));
        }
        assert!(moved > 150, "{moved}");
    }
}
