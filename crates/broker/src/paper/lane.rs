//! One symbol at the exchange: its tape, its working orders, and what is on its way to it.
//!
//! Time runs per symbol: its own ticks and bars move it, and so do watermarks. Another symbol's data never does, since
//! batches of the same interval come one symbol after the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use tensortrade_market::bars::is_far_ahead;
use tensortrade_market::order::TimeInForce;
use tensortrade_market::{AssetClass, Bar, Gap, GapReason, Instrument, Tick, Timeframe, Ts};

use super::bar_rules;
use super::core::Core;
use super::hours::Hours;
use super::liquidity::Pool;
use super::live::{Live, Scene, Verdict};
use super::options::PaperOptions;
use super::record::Record;
use super::tape::{Tape, Touch};

/// What the symbol's orders are matched against. Ticks win over bars, shorter bars over longer ones: what was
/// coarser is then ignored, so nothing is matched twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// Nothing has come yet.
    Unknown,
    Ticks,
    Bars(Timeframe),
}

/// What is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Travelling {
    Order,
    Request,
}

/// One symbol.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) number: usize,
    pub(super) instrument: Instrument,
    pub(super) options: Arc<PaperOptions>,
    pub(super) tape: Tape,
    pub(super) input: Input,
    pub(super) hours: Hours,
    /// Working orders in the order of their arrival: that is who gets what is on offer first.
    pub(super) live: Vec<Live>,
    /// By arrival and number.
    pub(super) travelling: BTreeMap<(Ts, u64), Travelling>,
    /// Nothing arrives or ends before this moment.
    pub(super) wake: Ts,
    /// How far this symbol's own data has come.
    pub(super) time: Ts,
    /// A tick stamped far ahead, which waits for the next one or a watermark to confirm it.
    pub(super) held: Option<Tick>,
}

impl Lane {
    pub(super) fn new(number: usize, instrument: Instrument, options: Arc<PaperOptions>) -> Self {
        let negative_prices = instrument.asset_class == AssetClass::Future;
        Self {
            number,
            tape: Tape::new(negative_prices, options.liquidity),
            hours: Hours::new(instrument.sessions, options.extended_hours),
            instrument,
            options,
            input: Input::Unknown,
            live: Vec::new(),
            travelling: BTreeMap::new(),
            wake: Ts::MAX,
            time: Ts::MIN,
            held: None,
        }
    }

    /// The instrument's description changed.
    pub(super) fn describe(&mut self, instrument: Instrument) {
        self.hours = Hours::new(instrument.sessions, self.options.extended_hours);
        self.instrument = instrument;
    }

    pub(super) fn has_bars(&self) -> bool {
        matches!(self.input, Input::Bars(_))
    }

    /// Whether a bar is a whole session, so that hours inside a day mean nothing.
    pub(super) fn has_daily_bars(&self) -> bool {
        matches!(self.input, Input::Bars(timeframe) if timeframe.is_daily())
    }

    fn is_idle(&self) -> bool {
        self.live.is_empty() && self.travelling.is_empty()
    }

    /// Takes in ticks. One stamped more than an hour after the tick behind it is left out, as the bar builders do: its time
    /// would become the exchange's, and every order would wait for it. The last one of a batch waits for the tick behind it,
    /// or for a watermark, if it is that far after the one before it.
    pub(super) fn on_ticks(&mut self, ticks: &[Tick], core: &mut Core) {
        let Some(first) = ticks.first() else { return };
        if let Some(held) = self.held.take()
            && !is_far_ahead(held.ts, first.ts)
        {
            self.take_ticks(&[held], core);
        }
        let body = match ticks {
            [before @ .., last] => {
                // A symbol's first tick is measured by the others' time; the very first has nothing to be measured by.
                let clock =
                    if self.time == Ts::MIN { core.market_time } else { self.time.max(core.watermark) };
                let known = before.last().map_or(clock, |tick| tick.ts.max(core.watermark));
                if known > Ts::MIN && is_far_ahead(last.ts, known) {
                    self.held = Some(*last);
                    self.wake = self.wake.min(last.ts);
                    before
                } else {
                    ticks
                }
            }
            [] => ticks,
        };
        let doubtful = |at: usize| ticks.get(at + 1).is_some_and(|next| is_far_ahead(ticks[at].ts, next.ts));
        if (0..body.len()).any(doubtful) {
            let good: Vec<Tick> = (0..body.len()).filter(|at| !doubtful(*at)).map(|at| body[at]).collect();
            self.take_ticks(&good, core);
        } else {
            self.take_ticks(body, core);
        }
    }

    fn take_ticks(&mut self, ticks: &[Tick], core: &mut Core) {
        let Some(last) = ticks.last() else { return };
        self.input = Input::Ticks;
        let mut rest = ticks;
        while let Some((tick, after)) = rest.split_first() {
            if self.is_idle() {
                self.tape.skim(rest);
                break;
            }
            self.on_tick(tick, core);
            rest = after;
        }
        self.time = self.time.max(last.ts);
        core.note(self.number, self.tape.mark(), last.ts);
    }

    fn on_tick(&mut self, tick: &Tick, core: &mut Core) {
        let printed = self.tape.trade.is_some();
        let touch = self.tape.update(tick);
        if tick.ts >= self.wake {
            // So that what arrives is judged by the same mark however the ticks are cut into batches.
            core.note(self.number, self.tape.mark(), tick.ts);
            self.advance(tick.ts, core);
        }
        if self.live.is_empty() || touch == Touch::Nothing || !self.hours.is_open(tick.ts) {
            return;
        }
        let print = match touch {
            Touch::Print { size, .. } => Pool::share(size, self.options.liquidity.print_percent),
            Touch::Quote { .. } | Touch::Nothing => Pool::UNLIMITED,
        };
        let mut scene = Scene {
            touch,
            ts: tick.ts,
            tape: &mut self.tape,
            print,
            printed,
            instrument: &self.instrument,
            options: &self.options,
        };
        let number = self.number;
        self.live.retain_mut(|order| {
            if tick.ts < order.effective {
                return true;
            }
            let verdict = order.on_tick(&mut scene);
            verdict == Verdict::default() || settle(order, verdict, tick.ts, number, core)
        });
    }

    /// Takes in finished bars.
    pub(super) fn on_bars(&mut self, timeframe: Timeframe, bars: &[Bar], core: &mut Core) {
        match self.input {
            Input::Ticks => return,
            Input::Bars(known) if known < timeframe => return,
            Input::Bars(_) | Input::Unknown => self.input = Input::Bars(timeframe),
        }
        let Some(last) = bars.last() else { return };
        for bar in bars {
            if self.is_idle() {
                break;
            }
            self.tape.bar = Some(bar.open);
            if bar.start >= self.wake {
                core.note(self.number, self.tape.mark(), bar.start);
                self.advance(bar.start, core);
            }
            self.tape.on_bar(bar);
            if bar.is_sane() && (timeframe.is_daily() || self.hours.is_open(bar.start)) {
                self.match_bar(bar, core);
            }
        }
        self.tape.on_bar(last);
        self.time = self.time.max(last.end);
        core.note(self.number, self.tape.mark(), last.end);
    }

    fn match_bar(&mut self, bar: &Bar, core: &mut Core) {
        let mut pool = Pool::share(bar.volume, self.options.liquidity.bar_percent);
        let (number, daily) = (self.number, self.has_daily_bars());
        let (instrument, options) = (&self.instrument, &self.options);
        self.live.retain_mut(|order| {
            if bar.start < order.effective {
                return true;
            }
            let result = bar_rules::on_bar(order, bar, &mut pool, instrument, options);
            if !settle(order, result.verdict, result.ts, number, core) {
                return false;
            }
            // A daily bar is the session: a day order has had its day.
            if daily && order.tif == TimeInForce::Day {
                core.publish(Record::Expired { seq: order.seq, ts: bar.end });
                return false;
            }
            true
        });
    }

    /// The source says that data is missing.
    pub(super) fn on_gap(&mut self, gap: &Gap) {
        if gap.reason != GapReason::NoData {
            self.tape.forget_quotes();
            self.live.iter_mut().for_each(Live::forget_queue);
        }
    }

    /// All data before `watermark` has been given.
    pub(super) fn on_watermark(&mut self, watermark: Ts, core: &mut Core) {
        if let Some(held) = self.held.take_if(|held| held.ts <= watermark) {
            self.take_ticks(&[held], core);
        }
        if self.wake <= watermark {
            self.advance(watermark, core);
        }
    }
}

/// Books what a verdict says. Returns whether the order still works.
fn settle(order: &mut Live, verdict: Verdict, ts: Ts, lane: usize, core: &mut Core) -> bool {
    let seq = order.seq;
    if verdict.trigger {
        order.stop = None;
        core.publish(Record::Triggered { seq, ts });
    }
    if let Some((qty, price)) = verdict.fill {
        if !core.execute(lane, seq, qty, price, ts) {
            return false;
        }
        order.remaining = tensortrade_market::Qty::from_raw(order.remaining.raw().saturating_sub(qty.raw()));
        if order.remaining.is_zero() {
            return false;
        }
    }
    if let Some(reason) = verdict.cancel {
        core.publish(Record::Cancelled { seq, no: None, reason: reason.to_owned(), ts });
        return false;
    }
    true
}
