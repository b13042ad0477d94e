//! What a breaker acts on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tensortrade_market::{Symbol, SymbolError};

/// Longest strategy name, in bytes.
const STRATEGY_LEN_MAX: usize = 64;

/// The node, one strategy, or one symbol. Text form: `node`, `strategy:trend`, `symbol:IBM`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// Everything.
    Node,
    /// One strategy's orders.
    Strategy(String),
    /// One symbol's orders.
    Symbol(Symbol),
}

/// Why a text is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Neither of the three forms.
    #[error("'{0}' is no breaker scope: say node, strategy:NAME or symbol:NAME")]
    Form(String),
    /// A strategy without a name, or with one that is too long.
    #[error("a strategy's name has 1 to {STRATEGY_LEN_MAX} visible characters, not '{0}'")]
    Strategy(String),
    /// A bad symbol.
    #[error(transparent)]
    Symbol(#[from] SymbolError),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node => f.pad("node"),
            Self::Strategy(name) => f.pad(&format!("strategy:{name}")),
            Self::Symbol(symbol) => f.pad(&format!("symbol:{symbol}")),
        }
    }
}

impl FromStr for Scope {
    type Err = ScopeError;
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let short = |s: &str| s.chars().take(STRATEGY_LEN_MAX).collect();
        match text.split_once(':') {
            None if text == "node" => Ok(Self::Node),
            Some(("strategy", name)) => {
                let good = (1..=STRATEGY_LEN_MAX).contains(&name.len())
                    && name.bytes().all(|b| b.is_ascii_graphic());
                if good {
                    Ok(Self::Strategy(name.to_owned()))
                } else {
                    Err(ScopeError::Strategy(short(name)))
                }
            }
            Some(("symbol", name)) => Ok(Self::Symbol(Symbol::intern(name)?)),
            _ => Err(ScopeError::Form(short(text))),
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = ScopeError;
    fn try_from(text: String) -> Result<Self, ScopeError> {
        text.parse()
    }
}
impl From<Scope> for String {
    fn from(scope: Scope) -> String {
        scope.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_survives_its_text_form() {
        for text in ["node", "strategy:trend", "symbol:IBM"] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for bad in ["", "nodes", "strategy:", "symbol:", "account:X", "strategy:a b"] {
            assert!(bad.parse::<Scope>().is_err(), "{bad}");
        }
    }
}
