//! Promise 9 on real data: the same replay with and without a fault in one symbol, and what every other symbol decided.
//!
//! The tree is the node's own, on one thread and as fast as it can; journal and exchange are in memory. The fault sits before
//! one symbol actor's mailbox and strikes at one of its inputs.

use std::any::Any;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tensortrade::config::{Config, FeedSource, Speed};
use tensortrade::exit::{Code, Failure, OrFail};
use tensortrade::node::bring_up::{bring_up, make_ready};
use tensortrade::node::compose::{Composed, Outside, compose};
use tensortrade::node::open;
use tensortrade::node::tree::Parts;
use tensortrade::node::wrap::ActorWrap;
use tensortrade_actors::market::ring::InputKind;
use tensortrade_actors::market::symbol::SymbolMsg;
use tensortrade_actors::supervision::{ChildHandle, ChildSpec, StartContext};
use tensortrade_broker::paper::{PaperBroker, VENUE};
use tensortrade_journal::event::Decided;
use tensortrade_journal::store::PAGE_EVENTS_MAX;
use tensortrade_journal::{AccountKind, Durability, Event, Identity, JournalWriter, MemoryStore};
use tensortrade_market::{Symbol, Ts};

/// Longest a replay may take.
const LIMIT: Duration = Duration::from_secs(600);

/// How the actor fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    /// It panics with the input in its mailbox.
    Panic,
    /// It panics once it has handled the input.
    PanicAfter,
    /// It ends with an error.
    Error,
    /// The input kills it whenever it comes: it is quarantined.
    Poison,
}

/// One fault.
#[derive(Debug, Clone, Copy)]
pub struct Hit {
    /// Whose actor.
    pub symbol: Symbol,
    /// At which of its inputs with data, from 1.
    pub input: u64,
    /// How.
    pub strike: Strike,
}

/// What a replay came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What was decided, by symbol and step; features, weight and confidence.
    pub decisions: BTreeMap<Symbol, Vec<(Ts, Decided)>>,
    /// Actors that were started anew.
    pub restarts: u64,
    /// Inputs that were left out.
    pub quarantined: usize,
}

/// Replays `files`, with a fault or without.
pub fn replay(files: &[PathBuf], hit: Option<Hit>) -> Result<Outcome, Failure> {
    let mut config = Config::default();
    config.node.id = "differential".into();
    config.feed.source = FeedSource::Replay;
    config.feed.files = files.to_vec();
    config.feed.speed = Some(Speed::Max);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .or_fail(Code::Failure, || "cannot start the runtime".into())?;
    runtime.block_on(async {
        match tokio::time::timeout(LIMIT, run(config, hit)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::new(Code::Failure, format_args!("not at the end after {LIMIT:?}"))),
        }
    })
}

async fn run(config: Config, hit: Option<Hit>) -> Result<Outcome, Failure> {
    let mut plan = open::plan(&config)?;
    let now = plan.first.unwrap_or(Ts::ZERO);
    let identity = Identity {
        account: AccountKind::Paper,
        venue: VENUE.to_owned(),
        label: "test".into(),
        created_at: now,
    };
    let store = MemoryStore::create(&identity, Durability::Process);
    let (writer, _) = JournalWriter::open(Box::new(store)).await.map_err(|e| open::journal_failure(&e))?;
    let paper = config.broker.paper.clone();
    let broker = PaperBroker::in_memory(paper.clone()).or_fail(Code::Failure, || "the exchange".into())?;
    let outside =
        Outside { writer, broker: Box::new(broker), paper, resumed: None, now, stage_in_background: false };
    let folder = std::env::temp_dir();
    let composed = compose(&config, &mut plan, outside, |plan, symbols| {
        open::feed(&config, plan, symbols, None, &folder)
    });
    let Composed { parts, materials, symbols, .. } = composed.await?;
    let control = ChildSpec::actor("control", "control plane", |_: &_| (NoControl, ()));
    let wrap = OneFault { hit, inputs: Arc::default(), poison: Arc::new(AtomicU64::new(u64::MAX)) };
    let (root, latch) = bring_up(&config, &parts, materials, control, &wrap).await?;
    make_ready(&parts, symbols).await?;
    parts.open.send_replace(true);
    let mut data = parts.data_end.subscribe();
    tokio::select! {
        biased;
        (code, why) = latch.requested() => {
            return Err(Failure::new(Code::Failure, format_args!("supervision gave up ({code}): {why}")));
        }
        ended = data.wait_for(Option::is_some) => drop(ended),
    }
    let restarts = parts.restarts.load(Ordering::Relaxed);
    root.shutdown().await;
    let decisions = decisions(&parts).await?;
    let quarantined = usize::from(wrap.poison.load(Ordering::Relaxed) != u64::MAX);
    Ok(Outcome { decisions, restarts, quarantined })
}

async fn decisions(parts: &Parts) -> Result<BTreeMap<Symbol, Vec<(Ts, Decided)>>, Failure> {
    let failed = |e: tensortrade_journal::JournalError| open::journal_failure(&e);
    let mut found: BTreeMap<Symbol, Vec<(Ts, Decided)>> = BTreeMap::new();
    let Some(mut writer) = parts.writer.lock().await.take() else {
        return Err(Failure::new(Code::Failure, "the journal is closed"));
    };
    writer.commit().await.map_err(failed)?;
    let mut after = 0;
    loop {
        let page = writer.store().read(after, PAGE_EVENTS_MAX).await.map_err(failed)?;
        let Some(last) = page.last() else { return Ok(found) };
        after = last.seq;
        for envelope in &page {
            let event = Event::decode_as(envelope.kind, &envelope.payload)
                .or_fail(Code::Failure, || "an event cannot be read".into())?;
            if let Event::StepClosed(step) = event {
                for row in step.decision.rows {
                    found.entry(row.symbol).or_default().push((step.ts, row));
                }
            }
        }
    }
}

/// The control plane's place in the tree.
struct NoControl;

impl Actor for NoControl {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _myself: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

#[derive(Clone)]
struct OneFault {
    hit: Option<Hit>,
    /// Inputs that the actor has been given, over its incarnations.
    inputs: Arc<AtomicU64>,
    /// Number of the input that is poison.
    poison: Arc<AtomicU64>,
}

impl ActorWrap for OneFault {
    type Wrapped<A: Actor> = Struck<A>;

    fn wrap<A: Actor>(&self, start: &StartContext, actor: A) -> Struck<A> {
        let mine = |hit: &Hit| start.name.ends_with(&format!("/market/symbols/{}", hit.symbol));
        let (child, left_out) = (start.handle.clone(), start.poisoned_all.clone());
        Struck { actor, hit: self.hit.filter(mine), fault: self.clone(), child, left_out }
    }
}

struct Struck<A> {
    actor: A,
    /// The fault, before this actor only.
    hit: Option<Hit>,
    fault: OneFault,
    child: ChildHandle,
    left_out: Vec<u64>,
}

impl<A: Actor> Struck<A> {
    /// What happens to the actor with this message in hand.
    fn struck(&self, message: &A::Msg) -> Option<Strike> {
        let hit = self.hit?;
        let Some(SymbolMsg::Input(input)) = (message as &dyn Any).downcast_ref::<SymbolMsg>() else {
            return None;
        };
        if !matches!(input.msg.kind, InputKind::Data(_)) {
            return None;
        }
        let seq = input.msg.seq;
        let now = self.fault.inputs.fetch_add(1, Ordering::Relaxed) + 1 == hit.input;
        if hit.strike != Strike::Poison {
            return now.then_some(hit.strike);
        }
        if now {
            self.fault.poison.store(seq, Ordering::Relaxed);
        }
        let dies = self.fault.poison.load(Ordering::Relaxed) == seq && !self.left_out.contains(&seq);
        if dies {
            self.child.began_input(seq);
        }
        dies.then_some(Strike::Poison)
    }
}

impl<A: Actor> Actor for Struck<A> {
    type Msg = A::Msg;
    type State = A::State;
    type Arguments = A::Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<A::Msg>,
        args: A::Arguments,
    ) -> Result<A::State, ActorProcessingErr> {
        self.actor.pre_start(myself, args).await
    }

    async fn post_start(
        &self,
        myself: ActorRef<A::Msg>,
        state: &mut A::State,
    ) -> Result<(), ActorProcessingErr> {
        self.actor.post_start(myself, state).await
    }

    async fn post_stop(
        &self,
        myself: ActorRef<A::Msg>,
        state: &mut A::State,
    ) -> Result<(), ActorProcessingErr> {
        self.actor.post_stop(myself, state).await
    }

    async fn handle(
        &self,
        myself: ActorRef<A::Msg>,
        message: A::Msg,
        state: &mut A::State,
    ) -> Result<(), ActorProcessingErr> {
        let strike = self.struck(&message);
        match strike {
            Some(Strike::Panic | Strike::Poison) => panic!("differential: struck"),
            Some(Strike::Error) => return Err("differential: struck".into()),
            Some(Strike::PanicAfter) | None => {}
        }
        let handled = self.actor.handle(myself, message, state).await;
        if strike.is_some() {
            panic!("differential: struck after its message");
        }
        handled
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<A::Msg>,
        event: SupervisionEvent,
        state: &mut A::State,
    ) -> Result<(), ActorProcessingErr> {
        self.actor.handle_supervisor_evt(myself, event, state).await
    }
}
