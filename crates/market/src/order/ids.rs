//! Identities along an order's life.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fixed::Qty;
use crate::symbol::Symbol;
use crate::time::Ts;

/// Longest identity accepted from outside, in bytes.
pub(super) const ID_LEN_MAX: usize = 64;

/// Why a text is no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an identity is 1 to {ID_LEN_MAX} visible ASCII characters, not {0:?}")]
pub struct IdError(String);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks and wraps a text.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                if (1..=ID_LEN_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
                    Ok(Self(text.into_boxed_str()))
                } else {
                    Err(IdError(text.chars().take(ID_LEN_MAX).collect()))
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.into()
            }
        }
    };
}

id! {
    /// The identity of a wish to trade: the same decision always gives the same id, so a replayed or repeated decision
    /// cannot become a second order.
    IntentId
}
id! {
    /// The identity under which an order goes to the broker (`orderRef` at Interactive Brokers). Derived from the
    /// intent and never changed on retry.
    ClientOrderId
}
id! {
    /// The broker's own identity of an order (`permId` at Interactive Brokers).
    BrokerOrderId
}
id! {
    /// The identity of an execution, unique at its venue. A fill is applied once per (venue, execution id).
    ExecId
}

impl IntentId {
    /// Hash of strategy, symbol, decision time and leg: 80 bits of BLAKE3 in hexadecimal.
    #[must_use]
    pub fn derive(strategy: &str, symbol: Symbol, decided_at: Ts, leg: u16) -> Self {
        let mut hasher = blake3::Hasher::new();
        // Lengths in front, so that no two different inputs spell the same bytes.
        for part in [strategy, symbol.as_str()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.update(&decided_at.nanos().to_le_bytes());
        hasher.update(&leg.to_le_bytes());
        Self(hasher.finalize().to_hex()[..20].into())
    }

    /// The order id of this intent: one intent, at most one order.
    #[must_use]
    pub fn client_order_id(&self) -> ClientOrderId {
        ClientOrderId(format!("tt-{}", self.0).into_boxed_str())
    }
}

impl ExecId {
    /// The identity of an execution that stands for the broker's position being accepted: from what, to what, and when both
    /// books last agreed. The same acceptance has the same identity.
    #[must_use]
    pub fn of_acceptance(symbol: Symbol, ours: Qty, theirs: Qty, clean_at: Ts) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(symbol.as_str().as_bytes());
        for part in [ours.raw(), theirs.raw(), clean_at.nanos()] {
            hasher.update(&part.to_le_bytes());
        }
        Self(format!("accepted-{}", &hasher.finalize().to_hex()[..20]).into_boxed_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_decision_always_has_the_same_id() {
        let symbol = Symbol::intern("IBM").unwrap();
        let id = IntentId::derive("trend", symbol, Ts::from_secs(1), 0);
        assert_eq!(id, IntentId::derive("trend", symbol, Ts::from_secs(1), 0));
        assert_ne!(id, IntentId::derive("trend", symbol, Ts::from_secs(1), 1));
        assert_ne!(id, IntentId::derive("trend", symbol, Ts::from_secs(2), 0));
        assert_eq!(id.client_order_id().as_str().len(), 23);
    }

    #[test]
    fn an_identity_from_outside_is_checked() {
        assert!(ExecId::new("0001f4e8.5ffec9b5.01.01").is_ok());
        assert!(
            ExecId::new("").is_err() && ExecId::new("a b").is_err() && ExecId::new("x".repeat(65)).is_err()
        );
        assert!(serde_roundtrip_fails("\"a\\nb\""));
    }

    fn serde_roundtrip_fails(_json: &str) -> bool {
        ExecId::try_from("a\nb".to_owned()).is_err()
    }
}
