//! Reasons for a refusal.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// Why an order was refused. The text forms are stable: journal, metrics and scripts use them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum RefusalCode {
            $($(#[$doc])* $variant,)*
        }

        impl RefusalCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The stable text form.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

codes! {
    /// This node does not hold the lease on the account.
    LeaseLost = "lease_lost",
    /// Orders, fills and positions have not been compared with the broker's since the session came up.
    NotReconciled = "not_reconciled",
    /// The portfolio's view is older than one that was judged by before.
    StalePortfolio = "stale_portfolio",
    /// The breaker is halted for the order's node, strategy or symbol.
    BreakerHalted = "breaker_halted",
    /// The breaker lets only reducing orders through, and this one is not.
    BreakerReducing = "breaker_reducing",
    /// The instrument handed in is not the order's.
    WrongInstrument = "wrong_instrument",
    /// Quantity zero, negative, or off the lot grid.
    BadQuantity = "bad_quantity",
    /// A limit or stop off the tick grid.
    BadPrice = "bad_price",
    /// Trading in the symbol is halted.
    SymbolHalted = "symbol_halted",
    /// The market is closed for the order under the session policy.
    SessionClosed = "session_closed",
    /// The decision, or the order's own good-till date, is past.
    ExpiredDecision = "expired_decision",
    /// The same order id, or the same symbol, side and quantity a moment ago.
    Duplicate = "duplicate",
    /// Too many approvals in a second or a minute.
    OrderRate = "order_rate",
    /// Too many open orders, in the symbol or in all.
    TooManyOpenOrders = "too_many_open_orders",
    /// The symbol has no price yet.
    NoPrice = "no_price",
    /// The symbol's price is too old.
    StalePrice = "stale_price",
    /// Limit, stop or decision price is too far from the market.
    PriceCollar = "price_collar",
    /// A currency cannot be converted to the base currency.
    NoFxRate = "no_fx_rate",
    /// An order of the symbol has an unknown outcome, and this one is not reducing.
    UnknownOrderOutstanding = "unknown_order_outstanding",
    /// A change of the order is under way.
    ChangeOutstanding = "change_outstanding",
    /// No open order to change, or one whose state does not allow it.
    NotChangeable = "not_changeable",
    /// It could open a short position, and those are not allowed.
    ShortNotAllowed = "short_not_allowed",
    /// Equity is zero, negative, or below the minimum.
    InsufficientEquity = "insufficient_equity",
    /// The order alone is too large.
    OrderNotional = "order_notional",
    /// The symbol's worst-case exposure would be too large.
    SymbolNotional = "symbol_notional",
    /// The sector's worst-case gross exposure would be too large.
    SectorExposure = "sector_exposure",
    /// The account's worst-case gross exposure would be too large.
    GrossExposure = "gross_exposure",
    /// The account's worst-case net exposure would be too large.
    NetExposure = "net_exposure",
    /// An amount does not fit the number range.
    OutOfRange = "out_of_range",
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A reason with its numbers: the value found and the limit it broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Refusal {
    /// Stable code.
    pub code: RefusalCode,
    /// For people: what was found, what is allowed.
    pub detail: String,
}

impl Refusal {
    pub(crate) fn new(code: RefusalCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_of_a_code_is_its_serialised_form() {
        for code in RefusalCode::ALL {
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{code}\""));
        }
    }
}
