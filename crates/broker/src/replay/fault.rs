//! Why a row, or a whole input, cannot be read.

use tensortrade_market::{FixedError, SymbolError};

use crate::feed::FeedError;

/// Why one row cannot be read. The row is counted and left out; reading goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RowFault {
    #[error("only {found} fields where {needed} are needed")]
    TooFewFields { found: usize, needed: usize },
    #[error("a quoted field is not closed on its line")]
    OpenQuote,
    #[error("the time is neither whole nanoseconds since 1970 (ticks) nor ISO-8601 (bars), or out of range")]
    Time,
    #[error("{0}")]
    Symbol(#[from] SymbolError),
    #[error("the symbol is not text")]
    SymbolNotText,
    #[error("the kind is empty")]
    NoKind,
    #[error("{column} is {fault}")]
    Number { column: &'static str, fault: FixedError },
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("a quote with neither bid nor ask")]
    NoSide,
    #[error("high is below low, or open or close lies outside them")]
    NotABar,
}

/// Why a reader ends before the end of its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Halt {
    /// The input is at fault; the text names file, place, reason and mend.
    Input(String),
    /// The feed was dropped.
    Stopped,
}

impl From<Halt> for FeedError {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Input(text) => Self::Input(text),
            Halt::Stopped => Self::Disconnected("the replay was stopped".to_owned()),
        }
    }
}
