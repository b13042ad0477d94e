//! The least of an actor, and the least of a supervisor: the yardstick of every restart.

use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};
use tensortrade::exit::{Code, Failure, OrFail};
use tensortrade_actors::stopwatch::Stopwatch;
use tokio::sync::mpsc;

/// Does nothing.
pub struct Idle;

impl Actor for Idle {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _myself: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

enum Msg {
    Panic,
    Echo(RpcReplyPort<()>),
}

struct Child(mpsc::UnboundedSender<ActorRef<Msg>>);

impl Actor for Child {
    type Msg = Msg;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<Msg>, (): ()) -> Result<(), ActorProcessingErr> {
        // Whoever measures has ended when this fails.
        let _ = self.0.send(myself);
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Msg>, msg: Msg, (): &mut ()) -> Result<(), ActorProcessingErr> {
        match msg {
            Msg::Panic => panic!("numbers"),
            Msg::Echo(reply) => drop(reply.send(())),
        }
        Ok(())
    }
}

/// Spawns again in the event handler, and does nothing else.
struct Plain;

impl Actor for Plain {
    type Msg = ();
    type State = mpsc::UnboundedSender<ActorRef<Msg>>;
    type Arguments = mpsc::UnboundedSender<ActorRef<Msg>>;

    async fn pre_start(
        &self,
        myself: ActorRef<()>,
        births: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Child::spawn_linked(None, Child(births.clone()), (), myself.get_cell()).await?;
        Ok(births)
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<()>,
        event: SupervisionEvent,
        births: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(..) = event {
            Child::spawn_linked(None, Child(births.clone()), (), myself.get_cell()).await?;
        }
        Ok(())
    }
}

/// From a panic to the next incarnation's first answer in plain ractor.
pub async fn plain_respawns(crashes: usize) -> Result<Vec<Duration>, Failure> {
    let failed = || "plain ractor".to_owned();
    let gone = || Failure::new(Code::Failure, "plain ractor: no next incarnation");
    let (births, mut born) = mpsc::unbounded_channel();
    let (plain, _join) = Plain::spawn(None, Plain, births).await.or_fail(Code::Failure, failed)?;
    let mut current = born.recv().await.ok_or_else(gone)?;
    let mut times = Vec::with_capacity(crashes);
    for _ in 0..crashes {
        ractor::call!(current, Msg::Echo).or_fail(Code::Failure, failed)?;
        let began = Stopwatch::start();
        current.cast(Msg::Panic).or_fail(Code::Failure, failed)?;
        current = born.recv().await.ok_or_else(gone)?;
        ractor::call!(current, Msg::Echo).or_fail(Code::Failure, failed)?;
        times.push(began.elapsed());
    }
    plain.stop(None);
    Ok(times)
}
