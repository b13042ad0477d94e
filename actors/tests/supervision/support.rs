//! A worker that fails on command, a log that remembers, and ways to wait.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, RpcReplyPort};
use tensortrade_actors::supervision::*;

/// What a worker can be told.
pub(crate) enum Job {
    Ping,
    Input(u64),
    Panic,
    Fail,
    Halt,
    /// Waits inside the handler for ever.
    Park,
    /// Takes this long.
    Sleep(Duration),
    Echo(RpcReplyPort<u64>),
    /// Carries a place in the mailbox.
    Placed(#[allow(dead_code, reason = "held for its permit")] Admitted<u64>),
    EndSelf,
}

/// How a worker behaves, and everything that was seen of all its incarnations.
#[derive(Clone, Default)]
pub(crate) struct Probe {
    pub(crate) trace: Arc<Mutex<Vec<String>>>,
    pub(crate) start_delay: Arc<Mutex<Duration>>,
    pub(crate) start_fails: Arc<Mutex<bool>>,
    /// Inputs the worker panics on, unless told that they are poisoned.
    pub(crate) deadly: Arc<Mutex<Vec<u64>>>,
    pub(crate) contexts: Arc<Mutex<Vec<StartContext>>>,
    pub(crate) cells: Arc<Mutex<Vec<ActorRef<Job>>>>,
}

impl Probe {
    pub(crate) fn note(&self, line: impl Into<String>) {
        self.trace.lock().unwrap().push(line.into());
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        self.trace.lock().unwrap().clone()
    }

    pub(crate) fn current(&self) -> ActorRef<Job> {
        self.cells.lock().unwrap().last().expect("started").clone()
    }

    pub(crate) fn starts(&self) -> usize {
        self.cells.lock().unwrap().len()
    }

    pub(crate) fn tell(&self, job: Job) {
        let _ = self.current().cast(job);
    }

    pub(crate) fn context(&self) -> StartContext {
        self.contexts.lock().unwrap().last().expect("started").clone()
    }

    pub(crate) fn spec(&self, id: &str) -> ChildSpec {
        let probe = self.clone();
        ChildSpec::actor(id, "worker", move |context| (Worker, (probe.clone(), context.clone())))
            .backoff(Backoff::immediate())
    }
}

pub(crate) struct Worker;

pub(crate) struct Desk {
    probe: Probe,
    context: StartContext,
    handled: u64,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.probe.note(format!("{} gone", self.context.id));
    }
}

impl Actor for Worker {
    type Msg = Job;
    type State = Desk;
    type Arguments = (Probe, StartContext);

    async fn pre_start(
        &self,
        myself: ActorRef<Job>,
        (probe, context): Self::Arguments,
    ) -> Result<Desk, ActorProcessingErr> {
        let delay = *probe.start_delay.lock().unwrap();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if *probe.start_fails.lock().unwrap() {
            return Err("can not start".into());
        }
        probe.note(format!("{} up", context.id));
        probe.contexts.lock().unwrap().push(context.clone());
        probe.cells.lock().unwrap().push(myself);
        Ok(Desk { probe, context, handled: 0 })
    }

    async fn handle(
        &self,
        myself: ActorRef<Job>,
        job: Job,
        desk: &mut Desk,
    ) -> Result<(), ActorProcessingErr> {
        let handle = &desk.context.handle;
        desk.handled += 1;
        match job {
            Job::Ping => handle.beat(),
            Job::Input(input) => {
                handle.began_input(input);
                let skipped = desk.context.poisoned_all.contains(&input);
                assert!(skipped || !desk.probe.deadly.lock().unwrap().contains(&input), "deadly input");
                desk.probe.note(if skipped { format!("skipped {input}") } else { format!("took {input}") });
                handle.finished_input();
            }
            Job::Panic => panic!("told to"),
            Job::Fail => return Err("told to fail".into()),
            Job::Halt => return Err(Box::new(Halt("must not skip".into()))),
            Job::Park => std::future::pending::<()>().await,
            Job::Sleep(time) => {
                tokio::time::sleep(time).await;
                desk.probe.note(format!("{} slept", desk.context.id));
            }
            Job::Echo(reply) => drop(reply.send(desk.handled)),
            Job::Placed(_) => {}
            Job::EndSelf => myself.stop(Some("done".into())),
        }
        Ok(())
    }
}

pub(crate) fn ping(cell: &ActorCell) {
    let _ = cell.send_message(Job::Ping);
}

/// What the log does with an event.
#[derive(Clone, Copy, Default, PartialEq)]
pub(crate) enum Mode {
    #[default]
    Takes,
    Refuses,
    Hangs,
    /// Takes it after a second.
    Slow,
}

#[derive(Clone, Default)]
pub(crate) struct Log {
    pub(crate) events: Arc<Mutex<Vec<SupervisionEvent>>>,
    pub(crate) mode: Arc<Mutex<Mode>>,
    pub(crate) sink: Arc<Mutex<Vec<String>>>,
}

impl SupervisionLog for Log {
    fn record<'a>(&'a self, event: &'a SupervisionEvent) -> BoxFuture<'a, Result<(), NotLogged>> {
        let mode = *self.mode.lock().unwrap();
        Box::pin(async move {
            match mode {
                Mode::Hangs => std::future::pending::<()>().await,
                Mode::Refuses => return Err(NotLogged("disk full".into())),
                Mode::Slow => tokio::time::sleep(Duration::from_secs(1)).await,
                Mode::Takes => {}
            }
            self.events.lock().unwrap().push(event.clone());
            Ok(())
        })
    }
}

impl EscalationSink for Log {
    fn trip_breaker(&self, scope: &str, _reason: &str) {
        self.sink.lock().unwrap().push(format!("trip {scope}"));
    }

    fn exit(&self, code: i32, _reason: &str) {
        self.sink.lock().unwrap().push(format!("exit {code}"));
    }
}

impl Log {
    pub(crate) fn acts(&self) -> Vec<String> {
        self.sink.lock().unwrap().clone()
    }

    pub(crate) fn saw(&self, wanted: impl Fn(&What) -> bool) -> bool {
        self.events.lock().unwrap().iter().any(|event| wanted(&event.what))
    }

    pub(crate) fn env(&self) -> Env {
        // ractor's registry is global to the process and tests run side by side: each takes a node id of its own.
        static NODES: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let n = NODES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Env::new(format!("n{n}"), 7, self.clone(), self.clone())
    }
}

/// Starts a tree and lets it come to rest.
pub(crate) async fn plant(spec: SupervisorSpec, log: &Log) -> Root {
    let root = Root::start(spec, log.env()).await.expect("root starts");
    rest().await;
    root
}

/// Lets everything that needs no time happen. Under paused time a short sleep ends when all tasks are idle.
pub(crate) async fn rest() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

pub(crate) fn state(root: &Root, path: &[&str]) -> Option<StateView> {
    root.view.find(path).map(|node| node.state)
}

pub(crate) fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}
