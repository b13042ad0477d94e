//! The world's statistics, with bounds that a wrong model misses and chance does not.

use tensortrade_broker::simulated::{Market, MarketDay, REGIMES, bars, instrument};
use tensortrade_market::{Bar, Symbol, Timeframe};

use super::{symbol, ts};

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn variance(values: &[f64]) -> f64 {
    let centre = mean(values);
    values.iter().map(|value| (value - centre) * (value - centre)).sum::<f64>() / values.len() as f64
}

fn kurtosis(values: &[f64]) -> f64 {
    let centre = mean(values);
    let fourth = values.iter().map(|value| (value - centre).powi(4)).sum::<f64>() / values.len() as f64;
    fourth / variance(values).powi(2)
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (x, y) = (mean(a), mean(b));
    let products: f64 = a.iter().zip(b).map(|(a, b)| (a - x) * (b - y)).sum();
    products / a.len() as f64 / (variance(a) * variance(b)).sqrt()
}

fn log_returns(bars: &[Bar]) -> Vec<f64> {
    bars.windows(2).map(|pair| (pair[1].close.to_f64() / pair[0].close.to_f64()).ln()).collect()
}

/// Twenty years under each of some seeds.
fn days(seeds: std::ops::Range<u64>) -> Vec<Vec<MarketDay>> {
    seeds
        .map(|seed| {
            let mut market = Market::new(seed);
            (0..5_000).map(|day| *market.day(day).unwrap()).collect()
        })
        .collect()
}

fn daily(seed: u64, name: Symbol, from: &str, to: &str) -> Vec<Bar> {
    bars(seed, name, Timeframe::DAY, ts(from), ts(to))
}

#[test]
fn regimes_last_as_long_as_stated_and_all_are_visited() {
    let mut lengths = [const { Vec::new() }; 3];
    for path in days(0..20) {
        for run in path.chunk_by(|a, b| a.regime == b.regime) {
            lengths[run[0].regime].push(run.len() as f64);
        }
    }
    for (regime, lengths) in REGIMES.iter().zip(&lengths) {
        // About 450 stays each: the standard error of a geometric mean is 5 %.
        assert!(lengths.len() > 300, "{} stays in {}", lengths.len(), regime.name);
        let ratio = mean(lengths) / regime.mean_days;
        assert!((0.82..1.18).contains(&ratio), "{}: {} days", regime.name, mean(lengths));
    }
}

#[test]
fn the_market_factor_has_its_regimes_volatility_and_drift() {
    let mut returns = [const { Vec::new() }; 3];
    for path in days(0..20) {
        for day in path {
            returns[day.regime].push(day.market_return());
        }
    }
    for (regime, returns) in REGIMES.iter().zip(&returns) {
        let vol = variance(returns).sqrt();
        assert!((vol / regime.vol_daily - 1.0).abs() < 0.08, "{}: {vol}", regime.name);
        let error = regime.vol_daily / (returns.len() as f64).sqrt();
        assert!(
            (mean(returns) - regime.drift_daily).abs() < 4.0 * error,
            "{}: {}",
            regime.name,
            mean(returns)
        );
    }
}

#[test]
fn shocks_keep_fat_tails_when_regime_and_garch_are_taken_out() {
    let shocks: Vec<f64> = days(0..10)
        .iter()
        .flatten()
        .map(|day| {
            let regime = REGIMES[day.regime];
            let total = day.market.overnight + day.market.session - regime.drift_daily;
            total / (regime.vol_daily * day.variance.sqrt())
        })
        .collect();
    assert!((variance(&shocks) - 0.955).abs() < 0.04, "jumps have the rest: {}", variance(&shocks));
    assert!((4.5..10.0).contains(&kurtosis(&shocks)), "t5 has 9: {}", kurtosis(&shocks));
    let beyond = shocks.iter().filter(|shock| shock.abs() > 4.0).count();
    // A normal law would give 3 of 50,000.
    assert!(beyond > 60, "{beyond} days beyond four sigma");
}

#[test]
fn daily_returns_of_symbols_scale_with_the_regime_have_fat_tails_and_cluster() {
    let seed = 17;
    let mut market = Market::new(seed);
    for name in ["IBM", "AIG", "SPY"] {
        let bars = daily(seed, symbol(name), "2020-01-02", "2040-01-01");
        let returns = log_returns(&bars);
        assert!(returns.len() > 5_000);

        let mut by_regime = [const { Vec::new() }; 3];
        for (bar, value) in bars[1..].iter().zip(&returns) {
            by_regime[market.regime_at(bar.start)].push(*value);
        }
        let [calm, neutral, crisis] = by_regime.map(|returns| variance(&returns).sqrt());
        let (low, high) = (neutral / calm, crisis / calm);
        assert!((1.2..1.7).contains(&low), "{name}: 1.0 over 0.7 is 1.43, not {low}");
        assert!((2.5..3.8).contains(&high), "{name}: 2.2 over 0.7 is 3.14, not {high}");

        assert!(kurtosis(&returns) > 4.5, "{name}: {}", kurtosis(&returns));
        let squares: Vec<f64> = returns.iter().map(|value| value * value).collect();
        for lag in [1, 5, 20] {
            let memory = correlation(&squares[..squares.len() - lag], &squares[lag..]);
            assert!(memory > 0.03, "{name}: autocorrelation of squares {memory} at lag {lag}");
        }
        let memory = correlation(&returns[..returns.len() - 1], &returns[1..]);
        assert!(memory.abs() < 0.06, "{name}: returns themselves have no memory: {memory}");
    }
}

#[test]
fn volatility_clusters_within_a_regime_too() {
    let mut pairs = (Vec::new(), Vec::new());
    for path in days(0..20) {
        for run in path.chunk_by(|a, b| a.regime == b.regime) {
            let square =
                |day: &MarketDay| (day.market_return() / REGIMES[day.regime].vol_daily).powi(2).min(16.0);
            pairs.0.extend(run[..run.len() - 1].iter().map(square));
            pairs.1.extend(run[1..].iter().map(square));
        }
    }
    let memory = correlation(&pairs.0, &pairs.1);
    assert!(memory > 0.03, "autocorrelation of squares within regimes {memory}");
}

#[test]
fn minutes_are_wild_at_the_open_and_the_close() {
    let bars = bars(3, symbol("IBM"), Timeframe::MINUTE, ts("2025-03-10"), ts("2025-05-10"));
    let mut sums = [0.0; 13];
    let mut returns = Vec::new();
    for day in bars.chunk_by(|a, b| b.start.since(a.start) < 3_600_000_000_000) {
        assert_eq!(day.len(), 391);
        for (minute, value) in log_returns(&day[..390]).iter().enumerate() {
            sums[(minute + 1) / 30] += value * value;
            returns.push(*value);
        }
    }
    let noon = sums[5].min(sums[6]).min(sums[7]);
    assert!(sums[0] > 3.0 * noon && sums[12] > 1.5 * noon, "{sums:?}");
    assert!(kurtosis(&returns) > 5.0, "{}", kurtosis(&returns));
}

/// Two names of one sector and one of another.
fn neighbours() -> (Symbol, Symbol, Symbol) {
    let names: Vec<Symbol> = (0..40).map(|i| symbol(&format!("N{i}"))).collect();
    let sector = |symbol: &Symbol| instrument(*symbol).sector;
    let first = names[0];
    let alike = names[1..].iter().find(|name| sector(name) == sector(&first)).unwrap();
    let other = names[1..].iter().find(|name| sector(name) != sector(&first)).unwrap();
    (first, *alike, *other)
}

#[test]
fn symbols_move_together_and_more_so_within_a_sector() {
    let (first, alike, other) = neighbours();
    // The mean over seeds: under each seed the three have other loadings.
    let (mut within, mut across) = ([0.0; 2], [0.0; 2]);
    let seeds = 8;
    for seed in 0..seeds {
        for (which, timeframe, from, to) in [
            (0, Timeframe::DAY, "2025-01-02", "2028-01-01"),
            (1, Timeframe::MINUTES_5, "2025-03-03", "2025-04-03"),
        ] {
            let returns = |name| log_returns(&bars(seed, name, timeframe, ts(from), ts(to)));
            let base = returns(first);
            within[which] += correlation(&base, &returns(alike)) / seeds as f64;
            across[which] += correlation(&base, &returns(other)) / seeds as f64;
        }
    }
    for which in 0..2 {
        assert!(across[which] > 0.25, "across sectors {across:?}");
        assert!(within[which] > across[which] + 0.05, "within {within:?}, across {across:?}");
        assert!(within[which] < 0.9, "symbols have a life of their own: {within:?}");
    }
}

#[test]
fn prices_stay_sane_for_twenty_years() {
    for (seed, name) in [(1, "IBM"), (1, "AIG"), (2, "TSLA"), (3, "SPY"), (4, "KO"), (5, "XOM")] {
        let bars = daily(seed, symbol(name), "2020-01-02", "2040-01-01");
        assert_eq!(bars.len(), 5_023);
        for bar in &bars {
            assert!(bar.is_sane());
            let (low, high) = (bar.low.to_f64(), bar.high.to_f64());
            assert!(low > 0.5 && high < 50_000.0, "seed {seed} {name}: {bar:?}");
            assert!(high / low < 1.8, "seed {seed} {name}: a day from {low} to {high}");
            assert!(bar.volume.to_f64() > 10_000.0 && bar.volume.to_f64() < 1e9);
        }
        let moves = log_returns(&bars).iter().fold(0.0f64, |most, value| most.max(value.abs()));
        assert!((0.05..0.8).contains(&moves), "seed {seed} {name}: largest daily move {moves}");
    }
}

#[test]
fn a_wild_morning_says_nothing_about_the_direction_of_the_afternoon() {
    let mut halves = Vec::new();
    for seed in 0..24 {
        let mut market = Market::new(seed);
        let minutes = bars(seed, symbol("IBM"), Timeframe::MINUTES_5, ts("2025-01-02"), ts("2027-01-01"));
        for day in minutes.chunk_by(|a, b| b.start.since(a.start) < 3_600_000_000_000) {
            let vol = REGIMES[market.regime_at(day[0].start)].vol_daily;
            let (open, noon, close) = (day[0].open, day[day.len() / 2].close, day[day.len() - 1].close);
            let change = |from: tensortrade_market::Price, to: tensortrade_market::Price| {
                (to.to_f64() / from.to_f64()).ln() / vol
            };
            halves.push((change(open, noon), change(noon, close)));
        }
    }
    halves.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
    let wild = &halves[..halves.len() / 10];
    let followed: Vec<f64> = wild.iter().map(|(morning, afternoon)| morning.signum() * afternoon).collect();
    let error = (variance(&followed) / followed.len() as f64).sqrt();
    assert!(mean(&followed).abs() < 3.0 * error, "{} with a standard error of {error}", mean(&followed));
    // The size of the morning does tell the size of the afternoon: volatility belongs to the day.
    let size = |days: &[(f64, f64)]| mean(&days.iter().map(|day| day.1.abs()).collect::<Vec<_>>());
    assert!(size(wild) > 1.3 * size(&halves[halves.len() / 2..]));
}
