//! One symbol's price: day by day from the first day on, and minute by minute within the day at hand.

use std::sync::Arc;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tensortrade_market::Symbol;
use tensortrade_market::calendar::Session;

use super::factor::{FactorDay, Jump, SESSION_SD, add_jump, bridge, garch_next};
use super::market::{Factor, Market, MarketDay};
use super::math::{exp, ln, normals, unit};
use super::minute::MinuteShape;
use super::profile::Profile;
use super::regime::REGIMES;
use super::seasonality::Seasonality;
use super::sessions;
use super::streams::{self, Key};

/// A symbol's own jump (news, earnings) comes once in 80 days on average, four own volatilities wide; three in five
/// come overnight.
const JUMP_PROBABILITY: f64 = 1.0 / 80.0;
const JUMP_SCALE: f64 = 4.0;
const JUMP_OVERNIGHT: f64 = 0.6;
/// Square root of what jumps leave of the own variance: sqrt(1 - 16 / 80).
const DIFFUSIVE: f64 = 0.894_427_190_999_915_9;

/// Beyond this distance of the log price from its base (7.4 times, or a seventh), a pull of half a percent of the
/// excess per day sets in. It stands for splits and delistings, keeps prices quotable over decades, and does nothing
/// within.
const FREE_RANGE: f64 = 2.0;
const PULL: f64 = 0.005;

/// No price leaves this range of ticks: of a share, one dollar to a hundred thousand; of pairs and coins, whose levels and
/// steps are of any size, what leaves room in 32 bits.
const TICKS_MIN: f64 = 100.0;
const TICKS_MAX: f64 = 10_000_000.0;
const PAIR_TICKS_MAX: f64 = 1e9;

/// Share of a day's volume that trades in the closing auction.
const AUCTION_SHARE: f64 = 0.08;

/// The day-by-day recursion.
#[derive(Debug)]
struct DailyWalk {
    rng: ChaCha8Rng,
    next_day: usize,
    /// Log of price over base at the last close.
    log_price: f64,
    /// GARCH variance of the own shocks relative to their mean.
    variance: f64,
}

/// What the recursion says of one day.
#[derive(Debug, Clone, Copy)]
struct SymbolDay {
    /// Log of price over base at the open.
    open: f64,
    /// The symbol's own part of the return, jump left out.
    own: FactorDay,
    /// Own jump within the session.
    jump: Option<Jump>,
    /// Standard deviation of everything within the session.
    sd: f64,
}

impl DailyWalk {
    fn new(key: Key) -> Self {
        Self { rng: streams::stream(key, 0), next_day: 0, log_price: 0.0, variance: 1.0 }
    }

    fn step(&mut self, profile: &Profile, day: &MarketDay, has_nights: bool) -> SymbolDay {
        let own_vol = profile.own_loading * REGIMES[day.regime].vol_daily;
        let (own, shock) = FactorDay::draw(0.0, own_vol * self.variance.sqrt() * DIFFUSIVE, &mut self.rng);
        let own = if has_nights { own } else { own.without_night() };
        let mut overnight_jump = 0.0;
        let mut jump = None;
        if unit(self.rng.next_u64()) < JUMP_PROBABILITY {
            let size = JUMP_SCALE * own_vol * normals(&mut self.rng).0;
            let at = unit(self.rng.next_u64());
            if !has_nights {
                jump = Some(Jump { at, size });
            } else if at < JUMP_OVERNIGHT {
                overnight_jump = size;
            } else {
                jump = Some(Jump { at: (at - JUMP_OVERNIGHT) / (1.0 - JUMP_OVERNIGHT), size });
            }
        }
        let sector = day.sectors[profile.sector];
        let excess = self.log_price - self.log_price.clamp(-FREE_RANGE, FREE_RANGE);
        let open = self.log_price
            + profile.beta * day.market.overnight
            + profile.sector_loading * sector.overnight
            + own.overnight
            + overnight_jump
            - PULL * excess;
        self.log_price = open
            + profile.beta * (day.market.session + day.jump.map_or(0.0, |jump| jump.size))
            + profile.sector_loading * sector.session
            + own.session
            + jump.map_or(0.0, |jump| jump.size);
        self.variance = garch_next(self.variance, shock);
        self.next_day += 1;
        let parts = [
            profile.beta * day.market.session_sd,
            profile.sector_loading * sector.session_sd,
            own.session_sd,
        ];
        SymbolDay { open, own, jump, sd: parts.iter().map(|sd| sd * sd).sum::<f64>().sqrt() }
    }
}

/// The day at hand.
#[derive(Debug)]
struct DayPath {
    day: usize,
    session: Session,
    shape: Arc<Seasonality>,
    /// Price in ticks at the open and at the end of each minute.
    levels: Box<[i32]>,
    /// Standard deviation of the session's log return.
    sd: f64,
    /// Today's volatility over that of a calm day: what widens spreads and brings volume.
    stress: f64,
    shapes: ChaCha8Rng,
}

/// One symbol's path: about 2.3 KB with a day loaded.
#[derive(Debug)]
pub(super) struct SymbolPath {
    profile: Profile,
    daily_key: Key,
    path_key: Key,
    shape_key: Key,
    walk: DailyWalk,
    today: Option<DayPath>,
}

impl SymbolPath {
    pub(super) fn new(market: &Market, symbol: Symbol) -> Self {
        let key = |purpose| streams::key(market.seed(), symbol.as_str(), purpose);
        let daily_key = key("symbol, daily");
        Self {
            profile: market.profile(symbol),
            daily_key,
            path_key: key("symbol, path"),
            shape_key: key("symbol, minutes"),
            walk: DailyWalk::new(daily_key),
            today: None,
        }
    }

    /// Smallest price step, raw billionths.
    pub(super) fn tick_raw(&self) -> i64 {
        self.profile.tick_raw
    }

    /// Loads a day: O(days since the last one loaded) on the way forward, O(days since the first) on the way back.
    /// `None` after 2099.
    pub(super) fn load(&mut self, market: &mut Market, day: usize) -> Option<Session> {
        if let Some(today) = self.today.as_ref().filter(|today| today.day == day) {
            return Some(today.session);
        }
        if day < self.walk.next_day {
            self.walk = DailyWalk::new(self.daily_key);
        }
        let mut facts = *market.day(self.walk.next_day)?;
        let has_nights = market.has_nights();
        let mut own = self.walk.step(&self.profile, &facts, has_nights);
        while self.walk.next_day <= day {
            facts = *market.day(self.walk.next_day)?;
            own = self.walk.step(&self.profile, &facts, has_nights);
        }
        let today = self.day_path(market, day, &facts, own)?;
        self.today = Some(today);
        Some(facts.session)
    }

    fn day_path(
        &self,
        market: &mut Market,
        day: usize,
        facts: &MarketDay,
        own: SymbolDay,
    ) -> Option<DayPath> {
        let profile = &self.profile;
        let shape = market.seasonality(&facts.session);
        let common = market.path(day, Factor::Market)?;
        let sector = market.path(day, Factor::Sector(profile.sector))?;
        let mut path = vec![0.0; shape.sd.len()];
        bridge(&mut streams::stream(self.path_key, day), &shape, own.own, &mut path);
        if let Some(jump) = own.jump {
            add_jump(jump, &mut path);
        }
        let base = ln(profile.base_ticks) + own.open;
        let ticks_max = if market.has_nights() { TICKS_MAX } else { PAIR_TICKS_MAX };
        let level = |log: f64| (exp(log).clamp(TICKS_MIN, ticks_max) + 0.5) as i32;
        let levels = std::iter::once(level(base))
            .chain(path.iter().zip(common.iter()).zip(sector.iter()).map(|((own, common), sector)| {
                level(base + own + profile.beta * common + profile.sector_loading * sector)
            }))
            .collect();
        let loadings = [profile.beta, profile.sector_loading, profile.own_loading];
        let loading = loadings.iter().map(|loading| loading * loading).sum::<f64>().sqrt();
        let calm_sd = REGIMES[0].vol_daily * loading * SESSION_SD;
        Some(DayPath {
            day,
            session: facts.session,
            shape,
            levels,
            sd: own.sd,
            stress: own.sd / calm_sd,
            shapes: streams::stream(self.shape_key, day),
        })
    }

    /// What minute `minute` of the loaded day looks like, the closing auction's included; `None` after it.
    pub(super) fn minute(&mut self, minute: usize) -> Option<MinuteShape> {
        let today = self.today.as_mut()?;
        let position = u128::from(MinuteShape::WORDS) * minute as u128;
        if today.shapes.get_word_pos() != position {
            today.shapes.set_word_pos(position);
        }
        let from = *today.levels.get(minute)?;
        let pressure = 0.5 + 0.5 * today.stress;
        if minute == today.shape.sd.len() {
            if sessions::slots(&today.session) == minute {
                return None;
            }
            let volume = self.profile.daily_volume * AUCTION_SHARE * pressure;
            return Some(MinuteShape::draw_auction(from, volume, &mut today.shapes));
        }
        let from = f64::from(from);
        let to = f64::from(*today.levels.get(minute + 1)?);
        let (sd, activity) = (*today.shape.sd.get(minute)?, *today.shape.activity.get(minute)?);
        let minutes = today.shape.sd.len() as f64;
        // The minute's volatility relative to the session's mean minute.
        let wildness = sd * minutes.sqrt();
        Some(MinuteShape::draw(
            from,
            to,
            from * today.sd * sd,
            from * self.profile.spread * today.stress * wildness.sqrt(),
            self.profile.daily_volume / minutes * activity * (1.0 - AUCTION_SHARE) * pressure,
            activity,
            &mut today.shapes,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(path: &mut SymbolPath, market: &mut Market, day: usize) -> Vec<MinuteShape> {
        path.load(market, day).unwrap();
        (0..).map_while(|minute| path.minute(minute)).collect()
    }

    #[test]
    fn days_and_minutes_are_the_same_in_whatever_order_they_are_asked_for() {
        let mut market = Market::new(3);
        let symbol = Symbol::intern("IBM").unwrap();
        let fresh = |market: &mut Market, number| day(&mut SymbolPath::new(market, symbol), market, number);
        let expected: Vec<_> = [40, 41, 7, 900].map(|number| (number, fresh(&mut market, number))).into();
        let mut path = SymbolPath::new(&market, symbol);
        for (number, expected) in &expected {
            assert_eq!(day(&mut path, &mut market, *number), *expected, "day {number}");
        }
        assert_eq!(expected[0].1.len(), 391);
        // And minutes backwards.
        let backwards: Vec<_> = (0..391).rev().filter_map(|minute| path.minute(minute)).collect();
        assert!(backwards.iter().rev().eq(expected[3].1.iter()));
    }
}
