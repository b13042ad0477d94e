//! The machine's clock, behind the injected one.

use std::time::UNIX_EPOCH;

use tensortrade_market::{Clock, Ts};

/// Wall time. Used to stamp what happens outside market time, such as a command given before any data has come.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one clock that the others are injected from")]
    fn now(&self) -> Ts {
        let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ts::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }
}
