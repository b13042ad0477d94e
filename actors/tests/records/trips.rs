//! A trip acts at once and is acknowledged when it is on record; a reset is recorded first, and neither overtakes the other.

use std::sync::Arc;
use std::time::Duration;

use ractor::Actor;
use tensortrade_actors::ops::door::JournalDoor;
use tensortrade_actors::ops::journal::{Journal, JournalArgs};
use tensortrade_actors::route::Route;
use tensortrade_actors::supervision::ChildHandle;
use tensortrade_actors::trading::breaker::{BreakerActor, BreakerArgs, BreakerMsg, BreakerView};
use tensortrade_journal::Event;
use tensortrade_journal::event::BreakerState as Recorded;
use tensortrade_market::{ManualClock, Ts};
use tensortrade_risk::breaker::{Authority, Breaker, BreakerState, Scope};
use tokio::sync::oneshot;

use super::queue::{journal, recorded};

const LIMIT: Duration = Duration::from_secs(60);

fn trip_of(
    scope: Scope,
    level: BreakerState,
    by: &str,
    cools_down: bool,
    reply: oneshot::Sender<Result<(), String>>,
) -> BreakerMsg {
    BreakerMsg::Trip { scope, level, reason: "drill".into(), by: by.into(), cools_down, reply: Some(reply) }
}

fn trip(reply: oneshot::Sender<Result<(), String>>) -> BreakerMsg {
    trip_of(Scope::Node, BreakerState::Halted, "tester", false, reply)
}

fn reset(reply: oneshot::Sender<Result<(), String>>) -> BreakerMsg {
    let authority = Authority::new("user 0", "drill is over").unwrap();
    BreakerMsg::Reset { scope: Scope::Node, authority, reply }
}

async fn breaker(
    journal: &JournalDoor,
    view: &Arc<BreakerView>,
) -> (Route<BreakerMsg>, ractor::ActorRef<BreakerMsg>) {
    let route = Route::default();
    let args = BreakerArgs {
        route: route.clone(),
        journal: journal.clone(),
        view: view.clone(),
        clock: Arc::new(ManualClock::at(Ts::ZERO)),
        child: ChildHandle::detached(1),
    };
    let (actor, _) = Actor::spawn(None, BreakerActor, args).await.unwrap();
    (route, actor)
}

/// From and to of every change on record.
async fn changes(journal: &JournalDoor) -> Vec<(Recorded, Recorded)> {
    let changes = recorded(journal).await;
    changes
        .into_iter()
        .map(|event| match event {
            Event::Breaker(e) => (e.from, e.to),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_trip_acts_before_its_record_and_no_reset_overtakes_it() {
    let (door, view) = (journal().await, Arc::new(BreakerView::new(Breaker::default(), 0)));
    let (route, actor) = breaker(&door, &view).await;
    // Nobody writes the journal: the trip acts, and nothing can be reset past it.
    assert!(
        route.ask(LIMIT, trip).await.unwrap().unwrap_err().contains("it acts, and is not on record within")
    );
    assert_eq!((view.gate.state(), view.unrecorded()), (BreakerState::Halted, 1));
    assert!(route.ask(LIMIT, reset).await.unwrap().unwrap_err().contains("not on record"));
    // The breaker ends too: the record is in the queue, and written as soon as somebody writes.
    actor.kill();
    Actor::spawn(None, Journal, JournalArgs::of_a_test(&door)).await.unwrap();
    while view.unrecorded() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(changes(&door).await, [(Recorded::Normal, Recorded::Halted)]);
    assert_eq!(view.gate.state(), BreakerState::Halted);
    let (route, _) = breaker(&door, &view).await;
    route.ask(LIMIT, reset).await.unwrap().unwrap();
    assert_eq!(view.gate.state(), BreakerState::Reducing);
}

#[tokio::test(start_paused = true)]
async fn a_reset_acts_once_it_is_on_record_however_late_that_is() {
    let (door, view) = (journal().await, Arc::new(BreakerView::new(Breaker::default(), 0)));
    let (route, _) = breaker(&door, &view).await;
    let (writer, _) = Actor::spawn(None, Journal, JournalArgs::of_a_test(&door)).await.unwrap();
    route.ask(LIMIT, trip).await.unwrap().unwrap();
    writer.kill();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(route.ask(LIMIT, reset).await.unwrap().unwrap_err().contains("not on record within"));
    assert_eq!(view.gate.state(), BreakerState::Halted, "not on record: it does not act");
    Actor::spawn(None, Journal, JournalArgs::of_a_test(&door)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((view.gate.state(), view.unrecorded()), (BreakerState::Reducing, 0));
}

#[tokio::test(start_paused = true)]
async fn a_trip_while_a_reset_is_on_its_way_holds_and_the_record_tells_both() {
    let (door, view) = (journal().await, Arc::new(BreakerView::new(Breaker::default(), 0)));
    let (route, _) = breaker(&door, &view).await;
    let (writer, _) = Actor::spawn(None, Journal, JournalArgs::of_a_test(&door)).await.unwrap();
    route.ask(LIMIT, trip).await.unwrap().unwrap();
    writer.kill();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(route.ask(LIMIT, reset).await.unwrap().is_err());
    assert!(route.ask(LIMIT, trip).await.unwrap().is_err());
    Actor::spawn(None, Journal, JournalArgs::of_a_test(&door)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((view.gate.state(), view.unrecorded()), (BreakerState::Halted, 0));
    use Recorded::{Halted, Normal, Reducing};
    assert_eq!(changes(&door).await, [(Normal, Halted), (Halted, Reducing), (Reducing, Halted)]);
}

#[tokio::test(start_paused = true)]
async fn a_trip_of_another_scope_while_a_reset_is_on_its_way_leaves_the_node_as_it_was() {
    let (door, view) = (journal().await, Arc::new(BreakerView::new(Breaker::default(), 0)));
    let (route, _) = breaker(&door, &view).await;
    let (writer, _) = Actor::spawn(None, Journal, JournalArgs::of_a_test(&door)).await.unwrap();
    route.ask(LIMIT, trip).await.unwrap().unwrap();
    writer.kill();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(route.ask(LIMIT, reset).await.unwrap().is_err());
    let scope = Scope::Strategy("trend".into());
    let other = |reply| trip_of(scope.clone(), BreakerState::Reducing, "tester", false, reply);
    assert!(route.ask(LIMIT, other).await.unwrap().unwrap_err().contains("not on record within"));
    assert_eq!(
        (view.gate.state(), view.load().state(&Scope::Node)),
        (BreakerState::Halted, BreakerState::Halted)
    );
    assert_eq!(view.load().state(&scope), BreakerState::Reducing, "the trip itself acts");
    Actor::spawn(None, Journal, JournalArgs::of_a_test(&door)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((view.gate.state(), view.unrecorded()), (BreakerState::Reducing, 0), "now the reset acts");
    assert_eq!(view.load().state(&scope), BreakerState::Reducing);
}

#[tokio::test(start_paused = true)]
async fn a_cause_that_ends_by_itself_gives_way_to_one_that_does_not() {
    let (door, view) = (journal().await, Arc::new(BreakerView::new(Breaker::default(), 0)));
    let (route, _) = breaker(&door, &view).await;
    Actor::spawn(None, Journal, JournalArgs::of_a_test(&door)).await.unwrap();
    let by = |who: &'static str, ends: bool| {
        move |reply| trip_of(Scope::Node, BreakerState::Reducing, who, ends, reply)
    };
    let holds = || view.load().trip_of(&Scope::Node).unwrap().by.clone();
    route.ask(LIMIT, by("stale feed", true)).await.unwrap().unwrap();
    assert_eq!(holds(), "stale feed");
    route.ask(LIMIT, by("loss limits", false)).await.unwrap().unwrap();
    assert_eq!(holds(), "loss limits", "whoever declared the cool-down may no longer end it");
    route.ask(LIMIT, by("stale feed", true)).await.unwrap().unwrap();
    assert_eq!(holds(), "loss limits");
    use Recorded::{Normal, Reducing};
    assert_eq!(changes(&door).await, [(Normal, Reducing), (Reducing, Reducing)]);
}
