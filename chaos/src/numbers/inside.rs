//! Numbers of a node inside this process: its own tree over the simulated market, a journal on disk, in real time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tensortrade::config::{Config, Speed};
use tensortrade::exit::{Code, Failure, OrFail};
use tensortrade::node::open;
use tensortrade::node::ports::Direct;
use tensortrade::node::run::{self, Composed, Outside};
use tensortrade::node::tree::Parts;
use tensortrade_actors::stopwatch::Stopwatch;
use tensortrade_actors::supervision::{ChildSpec, ExitLatch, Root};
use tensortrade_actors::trading::breaker::BreakerMsg;
use tensortrade_actors::trading::reconciler::ReconcileOutcome;
use tensortrade_journal::Durability;
use tensortrade_market::{Symbol, Ts};
use tensortrade_risk::breaker::{BreakerState, Scope};

use super::crasher::{Crasher, On};
use super::idle::Idle;

/// Longest wait for one crash to be over.
const OVER_MAX: Duration = Duration::from_secs(60);

/// A node that runs in this process.
pub struct Inside {
    /// Addresses and shared things.
    pub parts: Arc<Parts>,
    /// Sets actors off.
    pub crasher: Crasher,
    root: Root,
    _latch: ExitLatch,
}

/// Letters of the names of simulated symbols.
fn name(number: usize) -> String {
    let letter = |n: usize| char::from(b'A' + u8::try_from(n % 26).unwrap_or(0));
    [number / 676, number / 26, number].into_iter().map(letter).chain(['Q']).collect()
}

impl Inside {
    /// Starts one with so many symbols; the world's configuration otherwise.
    pub async fn start(folder: &Path, symbols: usize, speed: f64) -> Result<Self, Failure> {
        let mut config = crate::simulate::config(1)?;
        config.node.id = format!("numbers{symbols}");
        config.node.data_dir = folder.join(&config.node.id);
        config.feed.speed = Some(Speed::Times(speed));
        config.feed.symbols = (0..symbols)
            .map(|n| Symbol::intern(&name(n)))
            .collect::<Result<_, _>>()
            .or_fail(Code::Failure, || "a symbol's name".into())?;
        Self::start_with(config).await
    }

    async fn start_with(config: Config) -> Result<Self, Failure> {
        let dir = config.node.data_dir.clone();
        std::fs::create_dir_all(&dir).or_fail(Code::BadInput, || dir.display().to_string())?;
        let mut plan = open::plan(&config)?;
        let now = Ts::parse(&config.feed.sim_start).unwrap_or(Ts::ZERO);
        let writer = open::journal(&config, &dir, &Direct, Durability::Power, now).await?;
        let (broker, paper) = open::paper(&config, &dir, &writer)?;
        let outside = Outside { writer, broker, paper, resumed: None, now, stage_in_background: true };
        let composed = run::compose(&config, &mut plan, outside, |plan, symbols| {
            open::feed(&config, plan, symbols, None, &dir)
        });
        let Composed { parts, materials, symbols, .. } = composed.await?;
        let control = ChildSpec::actor("control", "control plane", |_: &_| (Idle, ()));
        let crasher = Crasher::default();
        let (root, latch) = run::bring_up(&config, &parts, materials, control, &crasher).await?;
        run::make_ready(&parts, symbols).await?;
        parts.open.send_replace(true);
        Ok(Self { parts, crasher, root, _latch: latch })
    }

    /// Stops it.
    pub async fn stop(self) {
        self.root.shutdown().await;
        if let Some(writer) = self.parts.writer.lock().await.take() {
            // Its files are removed in a moment.
            let _ = writer.close().await;
        }
    }

    /// The names of its symbols' actors in the tree.
    pub fn symbols(count: usize) -> impl Iterator<Item = String> {
        (0..count).map(|n| format!("root/market/symbols/{}", name(n)))
    }

    /// Waits until so many crashes are over; from now.
    pub async fn over(&self, crashes: usize) -> Result<Duration, Failure> {
        let began = Stopwatch::start();
        while self.crasher.progress().1 < crashes {
            if began.elapsed() > OVER_MAX {
                let (struck, over) = self.crasher.progress();
                let text =
                    format!("{over} of {crashes} crashes are over ({struck} struck) after {OVER_MAX:?}");
                return Err(Failure::new(Code::CheckFailed, text));
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        Ok(began.elapsed())
    }

    /// Waits until so many steps have been done.
    pub async fn steps(&self, more: u64) -> Result<(), Failure> {
        let steps = || self.parts.hub_stats.steps.load(std::sync::atomic::Ordering::Relaxed);
        let (from, began) = (steps(), Stopwatch::start());
        while steps() < from + more {
            if began.elapsed() > OVER_MAX {
                return Err(Failure::new(Code::CheckFailed, "steps are not done any more"));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Crashes an actor of the money path, and waits until journal and broker have been compared again: trading goes on.
    pub async fn money_crash(&self, path: &str) -> Result<Duration, Failure> {
        let mut results = self.parts.reconciled.subscribe();
        results.mark_unchanged();
        let crashes = self.crasher.progress().0;
        self.crasher.arm(path, On::Anything);
        while self.crasher.progress().0 == crashes {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        let began = Stopwatch::start();
        let clean = tokio::time::timeout(OVER_MAX, async {
            loop {
                if results.changed().await.is_err() {
                    return false;
                }
                if matches!(results.borrow().as_ref(), Some(ReconcileOutcome::Clean { .. })) {
                    return true;
                }
            }
        });
        if clean.await != Ok(true) {
            return Err(Failure::new(Code::CheckFailed, format_args!("{path}: not reconciled again")));
        }
        Ok(began.elapsed())
    }

    /// From the fault that trips the breaker to the gate that lets no new risk out, and to the trip's record.
    pub async fn trip(&self, number: usize) -> Result<(Duration, Duration), Failure> {
        let scope = Scope::Node;
        let level = if number.is_multiple_of(2) { BreakerState::Reducing } else { BreakerState::Halted };
        let (reason, by) = (format!("numbers {number}"), "numbers".to_owned());
        let (reply, answer) = tokio::sync::oneshot::channel();
        let began = Stopwatch::start();
        self.parts.breaker.cast(BreakerMsg::Trip {
            scope,
            level,
            reason,
            by,
            cools_down: false,
            reply: Some(reply),
        });
        while self.parts.breaker_view.gate.state() < level {
            if began.elapsed() > OVER_MAX {
                return Err(Failure::new(Code::CheckFailed, "a trip does not act"));
            }
            tokio::task::yield_now().await;
        }
        let acts = began.elapsed();
        let recorded = tokio::time::timeout(OVER_MAX, answer).await;
        match recorded {
            Ok(Ok(Ok(()))) => Ok((acts, began.elapsed())),
            other => Err(Failure::new(Code::CheckFailed, format_args!("a trip is not recorded: {other:?}"))),
        }
    }

    /// Opens the gate again.
    pub async fn reset(&self, authority: tensortrade_risk::breaker::Authority) -> Result<(), Failure> {
        for _ in 0..2 {
            let (scope, authority) = (Scope::Node, authority.clone());
            let answer =
                self.parts.breaker.ask(OVER_MAX, |reply| BreakerMsg::Reset { scope, authority, reply });
            if !matches!(answer.await, Ok(Ok(()))) {
                return Ok(()); // nothing to reset: it was only one step up
            }
        }
        Ok(())
    }
}
