//! The derived tables: names, columns, keys. The migrations create them with the same names and types; the conformance
//! tests write and read every one.

use std::str::FromStr;

/// What the integers, floats and texts of a column mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Nanoseconds since the epoch.
    Time,
    /// Billionths, see `tensortrade_market::Price`.
    Price,
    /// Hundred-millionths, see `tensortrade_market::Qty`.
    Quantity,
    /// Millionths, see `tensortrade_market::Money`.
    Money,
    /// A plain integer; flags are 0 and 1.
    Integer,
    /// A float.
    Real,
    /// A text.
    Text,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
}

macro_rules! tables {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, key $key:literal { $($column:ident: $kind:ident),* $(,)? })*) => {
        /// A derived table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Table {
            $($(#[$doc])* $variant,)*
        }

        impl Table {
            /// Every table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in the database.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The columns in order; the key's come first.
            #[must_use]
            pub const fn columns(self) -> &'static [Column] {
                match self {
                    $(Self::$variant => &[$(Column { name: stringify!($column), kind: ColumnKind::$kind },)*],)*
                }
            }

            /// How many of the first columns are the key.
            #[must_use]
            pub const fn key_len(self) -> usize {
                match self {
                    $(Self::$variant => $key,)*
                }
            }
        }
    };
}

tables! {
    /// Orders with their last known state. `filled` and `value` are sums over journalled fills.
    Orders = "orders", key 1 {
        client_order_id: Text, intent_id: Text, symbol: Text, side: Text, order_type: Text, qty: Quantity,
        limit_price: Price, stop_price: Price, tif: Text, tif_until: Time, status: Text, filled: Quantity,
        value: Money, broker_order_id: Text, reason: Text, submitted_at: Time, updated_at: Time,
    }
    /// Executions, each once.
    Fills = "fills", key 2 {
        venue: Text, exec_id: Text, seq: Integer, ts: Time, client_order_id: Text, broker_order_id: Text,
        symbol: Text, side: Text, qty: Quantity, price: Price, multiplier: Quantity, currency: Text, value: Money,
    }
    /// What executions cost, each once; joined to fills by venue and execution id.
    Commissions = "commissions", key 2 {
        venue: Text, exec_id: Text, seq: Integer, amount: Money, currency: Text,
    }
    /// Positions: sums over fills. Flat ones stay, with quantity zero.
    Positions = "positions", key 1 {
        symbol: Text, qty: Quantity, basis: Money, realised: Money, multiplier: Quantity, currency: Text,
        fills: Integer, updated_at: Time,
    }
    /// What fills and commissions did to cash.
    Cash = "cash", key 1 {
        currency: Text, fills: Money, commissions: Money,
    }
    /// Closed bars. The key starts with the time, so that a step's rows land side by side.
    Bars = "bars", key 3 {
        bar_start: Time, timeframe_s: Integer, symbol: Text, bar_end: Time, open: Price, high: Price, low: Price,
        close: Price, volume: Quantity, vwap: Price, trades: Integer, spread: Price,
    }
    /// Target weights. The features they were decided on are in the event.
    Decisions = "decisions", key 2 {
        ts: Time, symbol: Text, step: Integer, weight: Real, confidence: Real, regime: Text,
    }
    /// The account's worth after each step.
    Equity = "equity", key 1 {
        ts: Time, step: Integer, currency: Text, cash: Money, equity: Money, gross: Money, net: Money,
        realised: Money, unrealised: Money, fees: Money,
    }
    /// Breakers with their last state.
    Breakers = "breakers", key 1 {
        scope: Text, state: Text, reason: Text, set_by: Text, ts: Time, trips: Integer,
    }
    /// Commands given, denials too.
    Audit = "audit", key 1 {
        seq: Integer, ts: Time, uid: Integer, command: Text, allowed: Integer, outcome: Text,
    }
    /// The watchlist; removed symbols stay, inactive.
    Watchlist = "watchlist", key 1 {
        symbol: Text, active: Integer, reason: Text, ts: Time,
    }
}

impl FromStr for Table {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|table| table.name() == name).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|t| t.name()).collect();
            format!("'{name}' is no table: {}", known.join(", "))
        })
    }
}

impl Table {
    /// Whether an event only ever adds rows here; the others hold the last state of something.
    #[must_use]
    pub const fn is_append_only(self) -> bool {
        matches!(
            self,
            Self::Fills | Self::Commissions | Self::Bars | Self::Decisions | Self::Equity | Self::Audit
        )
    }
}
