//! What a builder gives.

use serde::{Deserialize, Serialize};

use crate::bar::{Bar, Gap};
use crate::time::Ts;

/// A finished bar, or a stretch that has none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// A bar that will not change any more.
    Closed(Bar),
    /// Session time without a bar: one interval or several in a row.
    Gap(Gap),
}

impl Output {
    /// First moment covered.
    #[must_use]
    pub const fn start(&self) -> Ts {
        match self {
            Self::Closed(bar) => bar.start,
            Self::Gap(gap) => gap.from,
        }
    }

    /// First moment after what is covered: when it is known.
    #[must_use]
    pub const fn end(&self) -> Ts {
        match self {
            Self::Closed(bar) => bar.end,
            Self::Gap(gap) => gap.to,
        }
    }

    /// The bar, if it is one.
    #[must_use]
    pub const fn bar(&self) -> Option<&Bar> {
        match self {
            Self::Closed(bar) => Some(bar),
            Self::Gap(_) => None,
        }
    }
}
