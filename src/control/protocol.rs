//! What goes over the control socket: one JSON object a line, a request up and a reply down.

use serde::{Deserialize, Serialize};

/// Longest line either side accepts, in bytes: a full `tree` of 10,000 symbols fits.
pub const LINE_LEN_MAX: usize = 16 << 20;

/// A command to the node. Every one is journalled with the caller's user id, denials too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command", deny_unknown_fields)]
pub enum Request {
    /// One page on how the node is.
    Status,
    /// The supervision tree.
    Tree,
    /// Start trading symbols.
    WatchlistAdd {
        /// Names as typed.
        symbols: Vec<String>,
    },
    /// Stop trading symbols.
    WatchlistRemove {
        /// Names as typed.
        symbols: Vec<String>,
        /// Close open positions first.
        flatten: bool,
    },
    /// What is traded.
    WatchlistList,
    /// No new risk in a scope: `node` or a symbol.
    Halt {
        /// `node` or a symbol.
        scope: String,
    },
    /// Back to normal in a scope; a symbol that supervision gave up on starts again.
    Resume {
        /// `node` or a symbol.
        scope: String,
        /// Why, for the record.
        reason: String,
    },
    /// State of the circuit breaker.
    Breaker,
    /// Open the circuit breaker.
    BreakerTrip {
        /// Why, for the record.
        reason: String,
    },
    /// Close the circuit breaker.
    BreakerReset {
        /// Why, for the record.
        reason: String,
    },
    /// Open positions.
    Positions,
    /// Orders that are not done.
    Orders,
    /// Compare the journal with the broker now.
    Reconcile,
    /// Compare, and take the broker's books over where nothing explains the difference.
    ReconcileAccept {
        /// Why, for the record.
        reason: String,
    },
    /// Close every position.
    Flatten {
        /// The account's name, typed again so that nobody flattens the wrong one.
        confirm: String,
    },
    /// Read the configuration again and apply what can change while running.
    ConfigReload,
    /// Drain and stop.
    Shutdown,
}

/// The node's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// How it went.
    pub outcome: Outcome,
    /// One line for a person.
    pub message: String,
    /// The data asked for, `null` where there is none.
    #[serde(default)]
    pub data: serde_json::Value,
}

/// How a command went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done.
    Ok,
    /// Understood and not allowed, or not possible: role, risk, breaker, unknown symbol.
    Refused,
    /// A check found a difference.
    CheckFailed,
    /// The broker did not answer.
    BrokerUnavailable,
    /// The node could not do it.
    Failed,
}

impl Reply {
    /// Done, with data.
    pub fn ok(message: impl Into<String>, data: serde_json::Value) -> Self {
        Self { outcome: Outcome::Ok, message: message.into(), data }
    }

    /// Anything but done.
    pub fn not_ok(outcome: Outcome, message: impl Into<String>) -> Self {
        Self { outcome, message: message.into(), data: serde_json::Value::Null }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_back_as_it_was_written_and_unknown_fields_are_refused() {
        let request = Request::WatchlistRemove { symbols: vec!["IBM".into()], flatten: true };
        let line = serde_json::to_string(&request).unwrap();
        assert_eq!(line, r#"{"command":"watchlist_remove","symbols":["IBM"],"flatten":true}"#);
        assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
        assert!(serde_json::from_str::<Request>(r#"{"command":"halt","scope":"node","now":1}"#).is_err());
    }
}
