//! Values from the environment: `TENSORTRADE_` + the key in capitals with two underscores for the point.

use std::collections::BTreeSet;
use std::ffi::OsString;

use figment::value::Value;
use tensortrade_market::decimal::survives_as_double;

use super::keys;
use crate::exit::{Code, Failure};

/// What the names of our variables begin with.
const PREFIX: &str = "TENSORTRADE_";
/// Variables of ours that are no keys: where tests find shared recordings.
const NO_KEYS: [&str; 1] = ["TENSORTRADE_SHARED"];

/// A variable that sets a key.
#[derive(Debug, PartialEq)]
pub(super) struct Setting {
    /// The variable's name.
    pub(super) variable: String,
    /// The key, dotted.
    pub(super) key: String,
    /// Its value.
    pub(super) value: Value,
}

/// The settings among the variables, and warnings of variables that look like ours and set nothing. One that was meant for a
/// section is refused: a limit that is silently not in force is worse than a node that does not start.
pub(super) fn settings(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<(Vec<Setting>, Vec<String>), Failure> {
    let (mut settings, mut warnings) = (Vec::new(), Vec::new());
    let mut known = None;
    for (name, value) in variables {
        let name = name.to_string_lossy().into_owned();
        let Some(rest) = name.get(PREFIX.len()..).filter(|_| starts_with_prefix(&name)) else { continue };
        if NO_KEYS.contains(&name.as_str()) {
            continue;
        }
        if rest.contains("__") {
            let Some(value) = value.to_str() else {
                let text = format_args!(
                    "environment variable {name}: its value is no text (UTF-8); mend or unset it"
                );
                return Err(Failure::new(Code::BadInput, text));
            };
            let key = rest.split("__").collect::<Vec<_>>().join(".").to_ascii_lowercase();
            let value = value_of(value, &key);
            settings.push(Setting { variable: name, key, value });
            continue;
        }
        let known = known.get_or_insert_with(keys::known);
        let hint = match keys::nearest(rest, known) {
            Some(key) => format!("{key} is set by {PREFIX}{}", key.replace('.', "__").to_ascii_uppercase()),
            None => format!("keys are set by {PREFIX}, the section, two underscores, the key"),
        };
        let text = format!("environment variable {name} names no key; {hint}");
        if names_section(rest, known) {
            return Err(Failure::new(Code::BadInput, format_args!("{text}; mend or unset it")));
        }
        warnings.push(format!("{text}; it is ignored"));
    }
    Ok((settings, warnings))
}

fn starts_with_prefix(name: &str) -> bool {
    name.get(..PREFIX.len()).is_some_and(|head| head.eq_ignore_ascii_case(PREFIX))
}

/// Whether a name begins with the name of a section.
fn names_section(rest: &str, known: &BTreeSet<String>) -> bool {
    let rest = rest.to_ascii_lowercase();
    let sections = known.iter().filter_map(|key| key.split('.').next());
    sections.into_iter().chain(["instruments"]).any(|section| {
        rest.strip_prefix(section).is_some_and(|after| after.is_empty() || after.starts_with('_'))
    })
}

/// Numbers, truth values, lists and tables as figment writes them, anything else as text. A number of more digits than a
/// double keeps stays text where every digit counts.
fn value_of(text: &str, key: &str) -> Value {
    let bare = text.trim();
    let long = bare.parse::<f64>().is_ok() && bare.contains('.') && !survives_as_double(bare);
    if long && keys::is_exact(key) {
        return Value::from(bare.to_owned());
    }
    // Never fails: what is nothing else is text.
    bare.parse().unwrap_or_else(|never: std::convert::Infallible| match never {})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<(Vec<Setting>, Vec<String>), Failure> {
        settings([(OsString::from(name), OsString::from(value))].into_iter())
    }

    #[test]
    fn two_underscores_make_a_key() {
        let (all, warnings) = read("TENSORTRADE_RISK__GROSS_EXPOSURE_MAX", "0.5").unwrap();
        assert_eq!((all[0].key.as_str(), &all[0].value), ("risk.gross_exposure_max", &Value::from(0.5)));
        assert!(warnings.is_empty());
    }

    #[test]
    fn a_single_underscore_is_refused_with_the_right_name() {
        for name in ["TENSORTRADE_RISK_GROSS_EXPOSURE_MAX", "TENSORTRADE_RISK_GROS_EXPOSURE_MAX"] {
            let failure = read(name, "0.5").unwrap_err();
            assert_eq!(failure.code, Code::BadInput);
            for part in [name, "TENSORTRADE_RISK__GROSS_EXPOSURE_MAX"] {
                assert!(failure.message.contains(part), "{}", failure.message);
            }
        }
        assert!(read("TENSORTRADE_FEED", "sim").is_err());
    }

    #[test]
    fn a_foreign_variable_is_warned_of_and_those_of_tests_are_not() {
        let (all, warnings) = read("TENSORTRADE_HOME", "/srv").unwrap();
        assert!(all.is_empty() && warnings[0].contains("TENSORTRADE_HOME"), "{warnings:?}");
        assert_eq!(read("TENSORTRADE_SHARED", "/srv").unwrap(), (Vec::new(), Vec::new()));
        assert_eq!(read("PATH", "/bin").unwrap(), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_long_decimal_keeps_all_its_digits() {
        let long = "9000000000.000000001";
        assert_eq!(value_of(long, "instruments.ABC.tick_size"), Value::from(long));
        assert_eq!(
            value_of("0.12345678901234567", "risk.gross_exposure_max"),
            Value::from(0.123_456_789_012_345_67)
        );
        assert_eq!(value_of(" 50000 ", "risk.order_notional_max"), Value::from(50_000_usize));
    }
}
