//! The keys there are, for messages that say which was meant.

use std::collections::BTreeSet;

use figment::Provider;
use figment::providers::Serialized;
use figment::value::{Dict, Value};

use super::Config;

/// Most wrong letters of a name that is still taken for a slip of the pen.
const SLIPS_MAX: usize = 3;

/// Every key that has a default, dotted, in order.
pub(super) fn known() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    // The defaults are plain data; a failure to print them fails every load with its own message.
    let defaults = Serialized::defaults(Config::default()).data().unwrap_or_default();
    for dict in defaults.values() {
        collect("", dict, &mut keys);
    }
    keys
}

/// Whether a key holds exact decimals, which may have more digits than a double keeps: its default is a text, or it has none of
/// its own (instruments, rates).
pub(super) fn is_exact(key: &str) -> bool {
    let defaults = Serialized::defaults(Config::default()).data().unwrap_or_default();
    let value = defaults.values().find_map(|dict| {
        let mut parts = key.split('.');
        let first = dict.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.as_dict()?.get(part))
    });
    matches!(value, None | Some(Value::String(..)))
}

fn collect(prefix: &str, dict: &Dict, keys: &mut BTreeSet<String>) {
    for (name, value) in dict {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Dict(_, inner) => collect(&key, inner, keys),
            _ => drop(keys.insert(key)),
        }
    }
}

/// The key that a name means which is written without regard to points, underscores and case; else one that differs by
/// few letters.
pub(super) fn nearest<'a>(name: &str, keys: &'a BTreeSet<String>) -> Option<&'a str> {
    let bare = letters(name);
    let distance = |key: &&String| slips(&bare, &letters(key));
    let best = keys.iter().min_by_key(distance)?;
    (distance(&best) <= SLIPS_MAX).then_some(best.as_str())
}

fn letters(name: &str) -> Vec<u8> {
    name.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_lowercase()).collect()
}

/// Letters to insert, remove or change to make one name of the other (Levenshtein), O(n * m).
fn slips(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (to, above) in b.iter().zip(row.iter_mut().skip(1)) {
            let changed = diagonal + usize::from(from != to);
            diagonal = *above;
            left = changed.min(left + 1).min(*above + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_shares_of_one_are_not() {
        for key in ["risk.order_notional_max", "fx.rates.HKD", "fx.rates.EUR", "instruments.ABC.tick_size"] {
            assert!(is_exact(key), "{key}");
        }
        for key in ["risk.gross_exposure_max", "breaker.losses.drawdown_reduce", "risk.sector_gross_max"] {
            assert!(!is_exact(key), "{key}");
        }
    }

    #[test]
    fn a_name_finds_its_key_in_spite_of_points_and_slips() {
        let keys = known();
        assert!(
            keys.contains("risk.gross_exposure_max") && keys.contains("broker.ibkr.client_id"),
            "{keys:?}"
        );
        assert_eq!(nearest("RISK_GROSS_EXPOSURE_MAX", &keys), Some("risk.gross_exposure_max"));
        assert_eq!(nearest("risk.gros_exposure_mx", &keys), Some("risk.gross_exposure_max"));
        assert_eq!(nearest("HOME", &keys), None);
        assert_eq!((slips(b"", b"abc"), slips(b"kitten", b"sitting"), slips(b"ab", b"ab")), (3, 3, 0));
    }
}
