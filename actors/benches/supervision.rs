//! Numbers of the supervision library. Plain ractor respawn stands beside it as the yardstick, measured in the same process.
//!
//! Run with `cargo bench -p tensortrade-actors --bench supervision`.

use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent as Lifecycle};
use tensortrade_actors::supervision::{
    AddReply, Admission, Backoff, Budget, ChildSpec, Env, ExitLatch, NoLog, Root, SupervisorSpec,
    install_light_panic_hook,
};
use tokio::sync::mpsc;
use tokio::time::Instant;

const CRASHES: usize = 2_000;
const CHILDREN: usize = 10_000;
const ADMISSIONS: u32 = 2_000_000;

enum Msg {
    Panic,
    Echo(RpcReplyPort<()>),
}

/// Announces each of its incarnations.
struct Child(mpsc::UnboundedSender<ActorRef<Msg>>);

impl Actor for Child {
    type Msg = Msg;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<Msg>, (): ()) -> Result<(), ActorProcessingErr> {
        let _ = self.0.send(myself);
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Msg>, msg: Msg, (): &mut ()) -> Result<(), ActorProcessingErr> {
        match msg {
            Msg::Panic => panic!("bench"),
            Msg::Echo(reply) => drop(reply.send(())),
        }
        Ok(())
    }
}

/// The least a supervisor can do: spawn again in the event handler.
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
        event: Lifecycle,
        births: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let Lifecycle::ActorFailed(..) = event {
            Child::spawn_linked(None, Child(births.clone()), (), myself.get_cell()).await?;
        }
        Ok(())
    }
}

/// From the message that kills to the first answer of the next incarnation, sorted.
async fn latencies(births: &mut mpsc::UnboundedReceiver<ActorRef<Msg>>) -> Vec<Duration> {
    let mut current = births.recv().await.expect("first incarnation");
    let mut times = Vec::with_capacity(CRASHES);
    for _ in 0..CRASHES {
        let _ = ractor::call!(current, Msg::Echo);
        let began = Instant::now();
        let _ = current.cast(Msg::Panic);
        current = births.recv().await.expect("next incarnation");
        ractor::call!(current, Msg::Echo).expect("answer");
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times
}

fn env(node: &str) -> Env {
    Env::new(node, 1, NoLog, ExitLatch::new(|_, _| {}))
}

fn spec(id: &str, births: &mpsc::UnboundedSender<ActorRef<Msg>>) -> ChildSpec {
    let births = births.clone();
    let endless = Budget {
        restarts: u32::MAX - 1,
        consecutive: u32::MAX - 1,
        window: Duration::ZERO,
        ..Budget::default()
    };
    ChildSpec::actor(id, "child", move |_| (Child(births.clone()), ()))
        .backoff(Backoff::immediate())
        .budget(endless)
}

/// Resident memory in bytes, from the kernel.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
}

fn report(what: &str, times: &[Duration]) -> f64 {
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    println!("{what:<34} p50 {:7.1} us   p99 {:7.1} us", at(0.5), at(0.99));
    at(0.5)
}

/// Starts many children and prints time and memory. In a process of its own, because an allocator keeps what it once got.
async fn children(supervised: bool) {
    let how = if supervised { "supervised" } else { "plain ractor" };
    let (births, mut born) = mpsc::unbounded_channel();
    let symbols = SupervisorSpec::dynamic("d");
    let handle = symbols.handle();
    let root = Root::start(symbols, env("children")).await.expect("root");
    let before = resident();
    let began = Instant::now();
    for n in 0..CHILDREN {
        if supervised {
            assert_eq!(handle.add(spec(&format!("S{n}"), &births)).await, Ok(AddReply::Added));
        } else {
            Child::spawn(Some(format!("S{n}")), Child(births.clone()), ()).await.expect("spawn");
        }
    }
    for _ in 0..CHILDREN {
        assert!(born.recv().await.is_some(), "a child did not start");
    }
    let added = began.elapsed();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let bytes = resident().saturating_sub(before) / CHILDREN as u64;
    println!("{how:<34} {CHILDREN} started in {:6.1} ms, {bytes} bytes each", added.as_secs_f64() * 1e3);
    let began = Instant::now();
    root.shutdown().await;
    if supervised {
        println!("{how:<34} {CHILDREN} stopped in {:6.1} ms", began.elapsed().as_secs_f64() * 1e3);
    }
}

async fn run() {
    let (births, mut born) = mpsc::unbounded_channel();
    let (plain, _) = Plain::spawn(None, Plain, births).await.expect("plain");
    let yardstick = report("plain ractor, crash to reply", &latencies(&mut born).await);
    plain.stop(None);

    let (births, mut born) = mpsc::unbounded_channel();
    let root = Root::start(SupervisorSpec::one_for_one("s", vec![spec("c", &births)]), env("latency")).await;
    let ours = report("supervised, crash to reply", &latencies(&mut born).await);
    println!("{:<34} {:.2}", "ratio of medians", ours / yardstick);
    root.expect("root").shutdown().await;

    let door = Admission::new(1024);
    let began = Instant::now();
    for n in 0..ADMISSIONS {
        drop(std::hint::black_box(door.try_admit(n)));
    }
    let each = began.elapsed().as_secs_f64() * 1e9 / f64::from(ADMISSIONS);
    println!("{:<34} {each:.1} ns", "admit and free one message");
}

/// Runs this program again for one measurement.
fn again(what: &str, flavour: &str) {
    let ended = std::env::current_exe()
        .and_then(|own| std::process::Command::new(own).args([what, flavour]).status());
    if !ended.is_ok_and(|status| status.success()) {
        println!("{what} did not end well");
    }
}

fn main() {
    install_light_panic_hook();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = |word: &str| arguments.iter().any(|argument| argument == word);
    type Flavour = (&'static str, fn() -> tokio::runtime::Builder);
    let flavours: [Flavour; 2] = [
        ("current-thread", tokio::runtime::Builder::new_current_thread),
        ("multi-thread", tokio::runtime::Builder::new_multi_thread),
    ];
    for (flavour, builder) in flavours {
        let runtime = builder().enable_all().build().expect("runtime");
        if asked("supervised") || asked("plain") {
            if asked(flavour) {
                runtime.block_on(children(asked("supervised")));
            }
            continue;
        }
        println!("-- {flavour}");
        runtime.block_on(run());
        again("supervised", flavour);
        again("plain", flavour);
    }
}
