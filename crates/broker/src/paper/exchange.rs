//! The exchange: a pure, synchronous matching engine. It does no I/O, asks no clock and rolls no dice; the same calls
//! give the same records and events. [`super::PaperBroker`] keeps its records in a file.

use std::collections::BTreeMap;
use std::sync::Arc;

use tensortrade_market::{AssetClass, Currency, Instrument, Price, Ts};

use super::core::{Core, Output};
use super::lane::{Lane, Travelling};
use super::ledger::Ledger;
use super::live::Live;
use super::options::PaperOptions;
use super::record::{Record, Stage};
use crate::feed::{MarketBatch, MarketData};

/// Market time is written when it has moved this far since the last record, so that a quiet account still knows about
/// when it last lived; not at every watermark, which would be most of the file, and a write of its own for each minute of a replay.
const CLOCK_EVERY_NS: i64 = 15 * 60_000_000_000;

/// The matching engine with its account.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) core: Core,
    pub(super) lanes: Vec<Lane>,
    pub(super) options: Arc<PaperOptions>,
    /// No lane wakes before this moment.
    pub(super) wake: Ts,
}

impl Exchange {
    /// An exchange that goes on where `ledger` stands: working orders work on, travelling ones travel on.
    pub(super) fn new(options: PaperOptions, ledger: Ledger) -> Self {
        let mut exchange = Self {
            core: Core {
                market_time: ledger.market_time,
                watermark: Ts::MIN,
                options: options.clone(),
                ledger,
                out: Output::default(),
                index: BTreeMap::new(),
                instruments: Vec::new(),
                marks: Vec::new(),
                pairs: Vec::new(),
                defect: None,
            },
            lanes: Vec::new(),
            options: Arc::new(options),
            wake: Ts::MAX,
        };
        let known: Vec<Instrument> = exchange.core.ledger.instruments.values().cloned().collect();
        known.into_iter().for_each(|instrument| exchange.open_lane(instrument));
        exchange.resume();
        exchange
    }

    fn resume(&mut self) {
        let Self { core, lanes, .. } = self;
        let ledger = &core.ledger;
        let lane_of = |symbol| core.index.get(&symbol).copied();
        for row in ledger.open.values() {
            let Some(lane) = lane_of(row.terms.symbol).and_then(|at| lanes.get_mut(at)) else { continue };
            if row.stage == Stage::Working {
                lane.live.push(Live::new(row, true));
            } else {
                lane.travelling.insert((row.effective, row.seq), Travelling::Order);
            }
        }
        for request in ledger.requests.values() {
            if let Some(lane) = lane_of(request.symbol).and_then(|at| lanes.get_mut(at)) {
                lane.travelling.insert((request.effective, request.no), Travelling::Request);
            }
        }
        // Everything is looked at once, at the first data.
        lanes
            .iter_mut()
            .filter(|l| !l.live.is_empty() || !l.travelling.is_empty())
            .for_each(|l| l.wake = Ts::MIN);
        self.wake = Ts::MIN;
    }

    fn open_lane(&mut self, instrument: Instrument) {
        let number = self.lanes.len();
        self.core.index.insert(instrument.symbol, number);
        self.core.instruments.push(instrument.clone());
        self.core.marks.push(None);
        if let Some((base, quote)) = currencies(&instrument) {
            self.core.pairs.push((base, quote, number));
        }
        self.lanes.push(Lane::new(number, instrument, Arc::clone(&self.options)));
    }

    /// Makes an instrument known. One that is not valid stays unknown, and its orders are rejected.
    pub(super) fn on_instrument(&mut self, instrument: &Instrument) {
        let Ok(instrument) = instrument.clone().validated() else { return };
        if self.core.ledger.instruments.get(&instrument.symbol) == Some(&instrument) {
            return;
        }
        self.core.publish(Record::Instrument(instrument.clone()));
        match self.core.index.get(&instrument.symbol).copied() {
            None => self.open_lane(instrument),
            Some(at) => {
                if let Some(known) = self.core.instruments.get_mut(at) {
                    known.clone_from(&instrument);
                }
                if let Some(lane) = self.lanes.get_mut(at) {
                    lane.describe(instrument);
                }
            }
        }
    }

    /// Takes in market data. Data of symbols that were never made known is ignored.
    pub(super) fn on_market(&mut self, batch: &MarketBatch) {
        if self.core.defect.is_some() {
            return;
        }
        let Some(lane) = self.core.index.get(&batch.symbol).and_then(|at| self.lanes.get_mut(*at)) else {
            return;
        };
        match &batch.data {
            MarketData::Ticks(ticks) => lane.on_ticks(ticks, &mut self.core),
            MarketData::Bars(timeframe, bars) => lane.on_bars(*timeframe, bars, &mut self.core),
            MarketData::Gap(gap) => lane.on_gap(gap),
        }
        self.wake = self.wake.min(lane.wake);
    }

    /// All data before `watermark` has been given.
    pub(super) fn on_watermark(&mut self, watermark: Ts) {
        if self.core.defect.is_some() {
            return;
        }
        self.core.market_time = self.core.market_time.max(watermark);
        self.core.watermark = self.core.watermark.max(watermark);
        if self.wake <= watermark {
            self.lanes.iter_mut().for_each(|lane| lane.on_watermark(watermark, &mut self.core));
            self.wake = self.lanes.iter().map(|lane| lane.wake).min().unwrap_or(Ts::MAX);
        }
        if watermark < Ts::MAX && watermark.since(self.core.ledger.market_time) >= CLOCK_EVERY_NS {
            self.core.publish(Record::Clock { ts: watermark });
        }
    }

    /// What has happened since the last call.
    pub(super) fn output(&mut self) -> &mut Output {
        &mut self.core.out
    }

    /// The account.
    pub(super) fn ledger(&self) -> &Ledger {
        &self.core.ledger
    }

    /// Latest market time seen.
    pub(super) fn market_time(&self) -> Ts {
        self.core.market_time
    }

    /// The defect that stopped the exchange, if any.
    pub(super) fn defect(&self) -> Option<&str> {
        self.core.defect.as_deref()
    }
}

impl Core {
    /// Notes a lane's mark and time after a batch.
    pub(super) fn note(&mut self, lane: usize, mark: Option<Price>, ts: Ts) {
        if let Some(slot) = self.marks.get_mut(lane) {
            *slot = mark;
        }
        self.market_time = self.market_time.max(ts);
    }
}

/// Base and quote currency of a forex pair, from its name.
fn currencies(instrument: &Instrument) -> Option<(Currency, Currency)> {
    if instrument.asset_class != AssetClass::Forex {
        return None;
    }
    let letters: String = instrument.symbol.as_str().chars().filter(char::is_ascii_alphabetic).collect();
    let (base, quote) = letters.split_at_checked(3)?;
    Some((Currency::new(base).ok()?, Currency::new(quote).ok()?))
}
