//! The end of a run: drain, stop, close, tell.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tensortrade_actors::market::hub::HubCommand;
use tensortrade_actors::stopwatch::Stopwatch;
use tensortrade_actors::trading::portfolio::{PortfolioMsg, StepCounts};
use tensortrade_journal::event::{EndReason, RunEnded};
use tensortrade_market::Clock;
use tensortrade_portfolio::PortfolioView;

use super::run::{End, Opened, RunOptions};
use super::signals::Stop;
use super::summary::{self, Summary};
use super::tree::Parts;
use crate::exit::{Code, Failure};

async fn view(parts: &Parts) -> Option<PortfolioView> {
    let now = parts.clock.now();
    parts.portfolio.ask(Duration::from_secs(10), |reply| PortfolioMsg::View { now, reply }).await.ok()
}

/// `None` where it is not known.
pub(super) async fn equity(parts: &Parts) -> Option<f64> {
    view(parts).await.and_then(|v| v.valuation().ok().map(|worth| worth.equity.to_f64()))
}

/// As the last step on record has it.
async fn last_equity(parts: &Parts) -> Option<f64> {
    let writer = tokio::time::timeout(Duration::from_secs(1), parts.writer.lock()).await.ok()?;
    let step = writer.as_ref()?.state().last_step.as_ref()?;
    step.equity.map(|worth| worth.equity.to_f64())
}

/// Drains, records the end, stops the tree, closes the journal, and writes the summary.
pub(super) async fn finish(
    options: &RunOptions,
    opened: Opened,
    end: End,
    equity_start: Option<f64>,
    wall: Stopwatch,
) -> Result<(), Failure> {
    let Opened { parts, counts, root, stop, .. } = opened;
    let limit = Duration::from_millis(options.loaded.config.control.drain_deadline_ms);
    let mut again = stop.subscribe();
    let drain = async {
        // The hub first: no more data. Then the tree, from its leaves on.
        if parts.hub.ask(limit, |reply| HubCommand::Drain { reply }).await.is_err() {
            tracing::warn!("the hub did not drain in time");
        }
        equity(&parts).await
    };
    let (equity_end, forced) = tokio::select! {
        equity_end = drain => (equity_end, false),
        _ = again.wait_for(|s| *s == Stop::Now) => (last_equity(&parts).await, true),
    };
    let end = if forced { End::Forced } else { end };
    let shutdown = tokio::time::timeout(limit + Duration::from_secs(30), root.shutdown());
    tokio::select! {
        stopped = shutdown => if stopped.is_err() { tracing::error!("the tree did not stop in time") },
        _ = again.wait_for(|s| *s == Stop::Now), if !forced => {}
    }
    let mut summary = summarise(&parts, &counts, (equity_start, equity_end), wall);
    let closed = close(&parts, &end, &mut summary).await;
    summary.wall_s = wall.elapsed().as_secs_f64();
    summary.peak_rss_mib = summary::peak_rss_mib();
    tell!("{}", summary.lines());
    report_rows(&parts).await;
    let written = options.summary.as_ref().map_or(Ok(()), |path| summary.write(path));
    // What ended the run comes before what followed from it.
    if let End::Failed(code, why) = end {
        return Err(Failure::new(code, why));
    }
    closed?;
    written?;
    if end == End::Forced {
        let text = "stopped at once, as asked: open work was not drained";
        return Err(Failure::new(Code::Failure, text));
    }
    Ok(())
}

/// Records the end of the run and closes the journal.
async fn close(parts: &Parts, end: &End, summary: &mut Summary) -> Result<(), Failure> {
    let Some(mut writer) = parts.writer.lock().await.take() else {
        return Err(Failure::new(Code::Failure, "the journal was closed before the run ended"));
    };
    let trace = writer.trace_hash();
    summary.trace_hash = trace.to_string();
    let reason = match end {
        End::Data => EndReason::EndOfData,
        End::Asked => EndReason::Clean,
        End::Forced | End::Failed(..) => EndReason::Forced,
    };
    let ended = RunEnded { reason, steps: summary.steps, trace_hash: Some(trace), ts: parts.clock.now() };
    let now = parts.clock.now();
    writer.stage(&ended.into(), now).map_err(|e| Failure::new(Code::Failure, e))?;
    if let Err(error) = writer.snapshot(now).await {
        tracing::warn!(%error, "no snapshot was written at the end; the next start folds the events instead");
    }
    let head = writer.close().await.map_err(|e| Failure::new(Code::Failure, e))?;
    summary.journal = summary::Journal { events: head.seq, head: head.hash.to_string() };
    Ok(())
}

fn summarise(
    parts: &Parts,
    counts: &StepCounts,
    equity: (Option<f64>, Option<f64>),
    wall: Stopwatch,
) -> Summary {
    let orders = parts.execution_stats.read();
    let feed = parts.hub_stats.feed_stats();
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    Summary {
        ticks: read(&parts.hub_stats.rows),
        rows: summary::Rows::of(&parts.hub_stats),
        bars: read(&counts.bars),
        gaps: read(&counts.gaps),
        steps: read(&counts.steps),
        decisions: read(&counts.decisions),
        orders: summary::Orders {
            intents: orders.intents,
            sent: orders.sent,
            filled: orders.filled,
            cancelled: orders.cancelled,
            rejected: orders.rejected,
            unknown: orders.unknown_now,
        },
        fills: orders.fills,
        refusals: parts.execution_stats.refusals(),
        restarts: read(&parts.restarts),
        breaker: summary::Breaker {
            state: parts.breaker_view.gate.state().as_str().to_owned(),
            trips: parts.breaker_view.trips(),
        },
        equity: summary::Equity { start: equity.0, end: equity.1 },
        conflated_quotes: read(&parts.hub_stats.conflated),
        dropped_trades: read(&parts.hub_stats.dropped_trades),
        feeds: parts.hub_stats.feed_health().map(|health| summary::Feeds {
            switches: health.switches,
            on_backup: health.on_backup,
            withheld_rows: health.withheld_rows,
        }),
        rows_ahead: parts.gate.rows_ahead(),
        latency_us: summary::Latencies {
            tick_to_decision: parts.tick_to_decision.quantiles(),
            decision_to_send: parts.decision_to_send.quantiles(),
        },
        journal: summary::Journal::default(),
        trace_hash: String::new(),
        read_s: feed.busy_ns as f64 / 1e9,
        engine_s: parts.hub_stats.engine_ns() as f64 / 1e9,
        wall_s: wall.elapsed().as_secs_f64(),
        peak_rss_mib: 0.0,
    }
}

/// Rows that could not be read or were late, with file, line and reason.
async fn report_rows(parts: &Parts) {
    let feed = parts.hub_stats.feed_stats();
    if feed.late > 0 {
        let core = parts.hub_shared.core.lock().await;
        for warning in core.feed.warnings() {
            tell!("warning: {warning}");
        }
    }
    if feed.malformed > 0 {
        tell!("{} rows could not be read:", feed.malformed);
        let core = parts.hub_shared.core.lock().await;
        for problem in core.feed.problems() {
            tell!("  {problem}");
        }
    }
}
