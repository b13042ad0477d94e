//! What the feed has to tell beside data: into the journal, the log, and where the node's state is shown.

use std::sync::PoisonError;

use tensortrade_broker::FeedNotice;
use tensortrade_journal::Event;
use tensortrade_journal::event::{Alarm, FeedSwitched};

use super::Pump;

impl Pump<'_> {
    /// Records and logs what the feed has to tell. What an earlier run has told already, while a later one warms up, is not
    /// told again.
    pub(super) fn tell_notices(&mut self) {
        let mut events: Vec<Event> = Vec::new();
        for notice in self.core.feed.notices() {
            let ts = match &notice {
                FeedNotice::Switched(switch) => switch.ts,
                FeedNotice::Alarm { ts, .. } => *ts,
            };
            if ts > tensortrade_market::Ts::MIN && ts <= self.core.warm_up_until {
                continue;
            }
            match notice {
                FeedNotice::Switched(switch) => {
                    let (to, symbols, reason) = (switch.to.to_string(), switch.symbols, switch.reason);
                    let named: Vec<&str> = symbols.iter().take(8).map(|symbol| symbol.as_str()).collect();
                    let more = symbols.len() - named.len();
                    let names = named.join(", ");
                    let text = format!("{names} and {more} more are taken from the {to} feed: {reason}");
                    tracing::warn!(%ts, "{text}");
                    events.push(FeedSwitched { ts, to, symbols, reason }.into());
                    events.push(Alarm { ts, code: "feed_switched".into(), text }.into());
                }
                FeedNotice::Alarm { ts, code, text } => {
                    tracing::warn!(%ts, code, "{text}");
                    events.push(Alarm { ts, code: code.into(), text }.into());
                }
            }
        }
        if !events.is_empty() {
            self.context.journal.note(events);
            self.note_health();
        }
    }

    /// Shows how the feeds behind the feed are.
    pub(super) fn note_health(&self) {
        if let Some(health) = self.core.feed.health() {
            *self.context.stats.health.lock().unwrap_or_else(PoisonError::into_inner) = Some(health);
        }
    }
}
