//! What all symbols share: sessions, regimes, the market factor and the sector factors, by day and by minute. It
//! follows from the seed alone.

use std::sync::Arc;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tensortrade_market::calendar::{Session, SessionKind};
use tensortrade_market::{Symbol, Ts};

use super::factor::{FactorDay, Jump, add_jump, bridge, garch_next};
use super::math::{normals, unit};
use super::profile::SECTORS;
use super::regime::{REGIMES, next_regime};
use super::seasonality::{Seasonalities, Seasonality};
use super::sessions::{self, Sessions};
use super::streams::{self, Key};

/// A market jump comes once in 200 days on average, three regime volatilities wide.
const JUMP_PROBABILITY: f64 = 1.0 / 200.0;
const JUMP_SCALE: f64 = 3.0;
/// Square root of what jumps leave of the variance, so that the total stays at the regime's level.
const DIFFUSIVE: f64 = 0.977_241_0; // sqrt(1 - 9 / 200)

/// The truth about one trading day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarketDay {
    /// When it trades.
    pub session: Session,
    /// The regime: an index into [`REGIMES`].
    pub regime: usize,
    /// GARCH variance of the market factor relative to the regime's.
    pub variance: f64,
    /// The market factor.
    pub market: FactorDay,
    /// The market factor's jump, rare.
    pub jump: Option<Jump>,
    /// The sector factors, in the order of [`SECTORS`].
    pub sectors: [FactorDay; SECTORS.len()],
}

impl MarketDay {
    /// The market factor's log return from close to close, jump included.
    #[must_use]
    pub fn market_return(&self) -> f64 {
        self.market.overnight + self.market.session + self.jump.map_or(0.0, |jump| jump.size)
    }
}

/// A factor with a path within the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Factor {
    /// The one all symbols load on.
    Market,
    /// A sector's, by index.
    Sector(usize),
}

/// Factor paths kept: four days of nine factors, 110 KB. Symbols that run together are on the same day, and a history
/// walks days in order, so more would not be met again.
const PATH_DAYS: usize = 4;
const FACTORS: usize = 1 + SECTORS.len();

#[derive(Debug, Clone)]
struct FactorPath {
    day: usize,
    cumulative: Arc<[f64]>,
}

/// The shared part of the simulated market under one seed. Days are computed once, in order, and kept (about 300
/// bytes each, at most 80 years); paths within a day are kept for the last few days.
#[derive(Debug)]
pub struct Market {
    seed: u64,
    kind: SessionKind,
    sessions: Sessions,
    days: Vec<MarketDay>,
    regime: usize,
    variance: f64,
    regimes: ChaCha8Rng,
    market: ChaCha8Rng,
    sectors: ChaCha8Rng,
    path_keys: [Key; FACTORS],
    paths: Vec<Option<FactorPath>>,
    seasonalities: Seasonalities,
}

impl Market {
    /// The market of US shares of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::of(seed, SessionKind::UsEquity)
    }

    /// The market of a seed that trades in these hours: shares, currency pairs and coins each have their own days,
    /// regimes and factors.
    #[must_use]
    pub fn of(seed: u64, kind: SessionKind) -> Self {
        let name = match kind {
            SessionKind::UsEquity => "",
            SessionKind::Forex24x5 => "currency pairs",
            SessionKind::Always => "coins",
        };
        let shared = |purpose| streams::stream(streams::key(seed, name, purpose), 0);
        Self {
            seed,
            kind,
            sessions: Sessions::new(kind),
            days: Vec::new(),
            regime: 0,
            variance: 1.0,
            regimes: shared("regimes"),
            market: shared("market, daily"),
            sectors: shared("sectors, daily"),
            path_keys: std::array::from_fn(|factor| match factor.checked_sub(1) {
                None => streams::key(seed, name, "market, path"),
                Some(sector) if name.is_empty() => streams::key(seed, SECTORS[sector], "sector, path"),
                Some(sector) => streams::key(seed, &format!("{name} {sector}"), "sector, path"),
            }),
            paths: vec![None; PATH_DAYS * FACTORS],
            seasonalities: Seasonalities::default(),
        }
    }

    /// The seed.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// When it trades.
    #[must_use]
    pub const fn kind(&self) -> SessionKind {
        self.kind
    }

    /// Whether trading stops between two days.
    pub(super) fn has_nights(&self) -> bool {
        self.kind == SessionKind::UsEquity
    }

    /// The truth about trading day `day`, counted from the first of 2020; `None` after 2099.
    pub fn day(&mut self, day: usize) -> Option<&MarketDay> {
        while self.days.len() <= day {
            let session = self.sessions.get(self.days.len())?;
            let next = self.next_day(session);
            self.days.push(next);
        }
        self.days.get(day)
    }

    /// Number of the first trading day whose closing auction ends after `ts`; `None` after 2099.
    pub fn day_closing_after(&mut self, ts: Ts) -> Option<usize> {
        self.sessions.closing_after(ts).map(|(day, _)| day)
    }

    /// Number of the trading day that opened last at or before `ts`: the day itself from its open to the next open.
    /// Before the first open, day 0; `None` after the last close, at the end of 2099.
    pub fn day_at(&mut self, ts: Ts) -> Option<usize> {
        let (day, session) = self.sessions.closing_after(ts)?;
        Some(if session.open <= ts { day } else { day.saturating_sub(1) })
    }

    /// The known label at `ts`: the regime (index into [`REGIMES`], by volatility) of the day that opened last. A bar
    /// is labelled by asking with its start. After 2099 there is no label and the answer is 0.
    pub fn regime_at(&mut self, ts: Ts) -> usize {
        self.day_at(ts).and_then(|day| self.day(day)).map_or(0, |facts| facts.regime)
    }

    fn next_day(&mut self, session: Session) -> MarketDay {
        if !self.days.is_empty() {
            self.regime = next_regime(self.regime, &mut self.regimes);
        }
        let regime = REGIMES[self.regime];
        let variance = self.variance;
        let sd = regime.vol_daily * variance.sqrt() * DIFFUSIVE;
        let (market, shock) = FactorDay::draw(regime.drift_daily, sd, &mut self.market);
        let jumps = unit(self.market.next_u64()) < JUMP_PROBABILITY;
        let jump = jumps.then(|| Jump {
            at: unit(self.market.next_u64()),
            size: JUMP_SCALE * regime.vol_daily * normals(&mut self.market).0,
        });
        self.variance = garch_next(variance, shock);
        let sectors: [FactorDay; SECTORS.len()] =
            std::array::from_fn(|_| FactorDay::draw(0.0, regime.vol_daily, &mut self.sectors).0);
        let (market, sectors) = if self.has_nights() {
            (market, sectors)
        } else {
            (market.without_night(), sectors.map(FactorDay::without_night))
        };
        MarketDay { session, regime: self.regime, variance, market, jump, sectors }
    }

    /// The shape of a session.
    pub(super) fn seasonality(&mut self, session: &Session) -> Arc<Seasonality> {
        self.seasonalities.get(sessions::minutes(session))
    }

    /// A factor's cumulative log return at the end of each minute of a day's session, jump included.
    pub(super) fn path(&mut self, day: usize, factor: Factor) -> Option<Arc<[f64]>> {
        let index = match factor {
            Factor::Market => 0,
            Factor::Sector(sector) => 1 + sector % SECTORS.len(),
        };
        let slot = (day % PATH_DAYS) * FACTORS + index;
        if let Some(Some(known)) = self.paths.get(slot)
            && known.day == day
        {
            return Some(Arc::clone(&known.cumulative));
        }
        let facts = *self.day(day)?;
        let shape = self.seasonality(&facts.session);
        let (returns, jump) = match factor {
            Factor::Market => (facts.market, facts.jump),
            Factor::Sector(sector) => (facts.sectors[sector % SECTORS.len()], None),
        };
        let mut rng = streams::stream(self.path_keys[index], day);
        let mut cumulative = vec![0.0; shape.sd.len()];
        bridge(&mut rng, &shape, returns, &mut cumulative);
        if let Some(jump) = jump {
            add_jump(jump, &mut cumulative);
        }
        let cumulative: Arc<[f64]> = cumulative.into();
        self.paths[slot] = Some(FactorPath { day, cumulative: Arc::clone(&cumulative) });
        Some(cumulative)
    }

    /// Traits of a symbol here.
    pub(super) fn profile(&self, symbol: Symbol) -> super::profile::Profile {
        super::profile::Profile::of(self.seed, symbol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factors_path_ends_at_its_days_return_jump_included() {
        let mut market = Market::new(5);
        let mut jumps = 0;
        for day in 0..600 {
            let facts = *market.day(day).unwrap();
            jumps += usize::from(facts.jump.is_some());
            let jump = facts.jump.map_or(0.0, |jump| jump.size);
            let common = market.path(day, Factor::Market).unwrap();
            assert!((common[common.len() - 1] - facts.market.session - jump).abs() < 1e-12);
            let sector = market.path(day, Factor::Sector(7)).unwrap();
            assert!((sector[sector.len() - 1] - facts.sectors[7].session).abs() < 1e-12);
        }
        assert!((1..10).contains(&jumps), "{jumps} jumps in 600 days");
    }
}
