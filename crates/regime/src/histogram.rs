//! Streaming quantiles in bounded memory.

use serde::{Deserialize, Serialize};

/// Number of bins.
const BINS: usize = 512;
/// Natural log of the least value told apart (about 1e-9).
const LOG_MIN: f64 = -20.75;
/// Width of a bin in natural log: 5 percent.
const LOG_STEP: f64 = 0.05;

/// Counts of positive numbers in bins of equal ratio, from 1e-9 to about 130: quantiles to within 5 percent, 2 KiB,
/// whatever the number of observations. Unlike the P-square algorithm (Jain and Chlamtac, 1985) its error does not
/// depend on the order of observations, which for volatility is far from random.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHistogram {
    counts: Vec<u32>,
    total: u64,
}

impl Default for LogHistogram {
    fn default() -> Self {
        Self { counts: vec![0; BINS], total: 0 }
    }
}

impl LogHistogram {
    /// Takes a number; one that is not positive and finite is left out. Values beyond the ends count in the end bins.
    pub fn add(&mut self, value: f64) {
        if !(value > 0.0 && value.is_finite()) {
            return;
        }
        let bin = ((value.ln() - LOG_MIN) / LOG_STEP).clamp(0.0, (BINS - 1) as f64) as usize;
        if let Some(count) = self.counts.get_mut(bin) {
            *count = count.saturating_add(1);
            self.total = self.total.saturating_add(1);
        }
    }

    /// How many numbers were taken.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The `q` quantile (0 to 1), interpolated in log within its bin; `None` while empty. O(bins).
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        self.quantiles([q]).map(|[quantile]| quantile)
    }

    /// Several quantiles, each as [`quantile`](Self::quantile) gives it. The empty bins below the least number are passed over
    /// once for all.
    #[must_use]
    pub fn quantiles<const N: usize>(&self, qs: [f64; N]) -> Option<[f64; N]> {
        let first = self.counts.iter().position(|count| *count > 0)?;
        let occupied = self.counts.get(first..)?;
        let mut found = [0.0; N];
        for (found, q) in found.iter_mut().zip(qs) {
            let rank = q.clamp(0.0, 1.0) * self.total as f64;
            let mut below = 0.0;
            *found = occupied.iter().zip(first..).find_map(|(count, bin)| {
                let count = f64::from(*count);
                if count > 0.0 && below + count >= rank {
                    let within = ((rank - below) / count).clamp(0.0, 1.0);
                    return Some((LOG_MIN + (bin as f64 + within) * LOG_STEP).exp());
                }
                below += count;
                None
            })?;
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_empty_histogram_has_no_quantile() {
        let mut histogram = LogHistogram::default();
        for useless in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            histogram.add(useless);
        }
        assert_eq!((histogram.quantile(0.5), histogram.total()), (None, 0));
    }

    proptest! {
        #[test]
        fn quantiles_are_within_a_bin_of_the_exact_ones(
            logs in prop::collection::vec(-15.0f64..3.0, 20..300),
            q in 0.05f64..0.95,
        ) {
            let mut histogram = LogHistogram::default();
            let mut values: Vec<f64> = logs.iter().map(|l| l.exp()).collect();
            values.iter().for_each(|v| histogram.add(*v));
            values.sort_by(f64::total_cmp);
            let rank = (q * values.len() as f64).ceil().max(1.0) as usize - 1;
            let got = histogram.quantile(q).unwrap();
            prop_assert!((got / values[rank]).ln().abs() <= LOG_STEP + 1e-9, "{got} against {}", values[rank]);
        }
    }
}
