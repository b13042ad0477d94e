//! What a symbol tells the cross-section at a step.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tensortrade_market::{Price, Symbol, Ts};

/// The features of one symbol at one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureRow {
    /// Whose.
    pub symbol: Symbol,
    /// The step's moment T: all data before it is in.
    pub ts: Ts,
    /// Close of the last bar of the shortest timeframe.
    pub close: Price,
    /// When that bar ended; not after `ts`.
    pub close_ts: Ts,
    /// One number per manifest column; NaN where it is not warm or not defined. Written as `null` in text forms.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub values: Vec<f64>,
    /// Whether no bar of the shortest timeframe closed in the step: the numbers are those of an earlier bar.
    pub stale: bool,
}

fn write<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(|v| v.is_finite().then_some(*v)))
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let values = Vec::<Option<f64>>::deserialize(deserializer)?;
    Ok(values.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_not_warm_is_null_in_json() {
        let row = FeatureRow {
            symbol: Symbol::intern("IBM").unwrap(),
            ts: Ts::from_secs(60),
            close: Price::from_f64(183.5).unwrap(),
            close_ts: Ts::from_secs(60),
            values: vec![0.25, f64::NAN],
            stale: false,
        };
        let text = serde_json::to_string(&row).unwrap();
        assert!(text.contains("[0.25,null]"), "{text}");
        let back: FeatureRow = serde_json::from_str(&text).unwrap();
        assert!(back.values[0] == 0.25 && back.values[1].is_nan());
    }
}
