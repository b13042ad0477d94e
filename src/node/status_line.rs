//! What a person at a terminal sees while the node runs: one live line, or a progress bar on a replay.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tensortrade_actors::trading::portfolio::PortfolioMsg;
use tensortrade_market::{Clock, Ts};

use super::tree::Parts;
use crate::config::{Config, FeedSource};

/// How often the line is drawn on a terminal.
const DRAW_INTERVAL: Duration = Duration::from_millis(250);
/// How often a line is printed where there is no terminal.
const PRINT_INTERVAL: Duration = Duration::from_secs(10);

/// The line, drawn by a task of its own until it is finished.
pub struct StatusLine {
    task: tokio::task::JoinHandle<()>,
    bar: ProgressBar,
}

impl StatusLine {
    /// Says what runs, and begins to draw.
    pub fn start(config: &Config, parts: &Arc<Parts>, resumed: Option<Ts>) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let how = match resumed {
            Some(after) => format!(", resumed after {after}"),
            None => String::new(),
        };
        tell!(
            "tensortrade {}: feed {}, paper exchange, data in {}{how}",
            env!("CARGO_PKG_VERSION"),
            config.feed.source,
            config.node.data_dir.display(),
        );
        if config.feed.source == FeedSource::Sim {
            tell!(
                "in another terminal: tensortrade ctl --data-dir {} status | positions | watchlist add TSLA; Ctrl-C drains and stops",
                config.node.data_dir.display()
            );
        }
        let replay = config.feed.source == FeedSource::Replay;
        let bar = if replay { ProgressBar::new(1000) } else { ProgressBar::new_spinner() };
        bar.set_draw_target(if terminal {
            ProgressDrawTarget::stderr_with_hz(8)
        } else {
            ProgressDrawTarget::hidden()
        });
        let template = if replay { "{percent:>3}% {wide_bar} {elapsed} {msg}" } else { "{spinner} {msg}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let task = tokio::spawn(draw(bar.clone(), parts.clone(), terminal, replay));
        Self { task, bar }
    }

    /// Stops drawing and clears the line.
    pub fn finish(self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}

async fn draw(bar: ProgressBar, parts: Arc<Parts>, terminal: bool, replay: bool) {
    let mut ticker = tokio::time::interval(if terminal { DRAW_INTERVAL } else { PRINT_INTERVAL });
    ticker.tick().await;
    loop {
        ticker.tick().await;
        let line = line(&parts).await;
        if replay {
            let permille = parts.hub_stats.feed_stats().progress_permille.unwrap_or(0);
            bar.set_position(u64::from(permille));
        }
        if terminal {
            bar.set_message(line);
            bar.tick();
        } else {
            tell!("{line}");
        }
    }
}

async fn line(parts: &Parts) -> String {
    let now = parts.clock.now();
    let view =
        parts.portfolio.ask(Duration::from_secs(1), |reply| PortfolioMsg::View { now, reply }).await.ok();
    let orders = parts.execution_stats.read();
    let equity = view
        .as_ref()
        .and_then(|v| v.valuation().ok().map(|worth| format!("{} {:.2}", v.base(), worth.equity.to_f64())))
        .unwrap_or_else(|| "-".into());
    let positions = view.map_or(0, |v| v.open_positions().count());
    format!(
        "{now} | {} rows, {} steps | equity {equity} | {positions} positions, {} open orders, {} fills | breaker {} | {} restarts",
        parts.hub_stats.rows.load(Ordering::Relaxed),
        parts.hub_stats.steps.load(Ordering::Relaxed),
        orders.open,
        orders.fills,
        parts.breaker_view.gate.state().as_str(),
        parts.restarts.load(Ordering::Relaxed),
    )
}
