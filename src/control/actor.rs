//! The control plane as an actor, so that it starts last and stops first.
//!
//! Owns the listening task. When it crashes: connections are cut, and the next incarnation listens on the same socket.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use super::handler::Plane;
use super::socket;

/// The actor.
pub struct Control;

/// What it is started with.
pub struct ControlArgs {
    /// Where to listen.
    pub socket: UnixListener,
    /// What it commands.
    pub plane: Arc<Plane>,
}

/// Listens as long as it lives.
pub struct Listening(JoinHandle<()>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Actor for Control {
    type Msg = ();
    type State = Listening;
    type Arguments = ControlArgs;

    async fn pre_start(
        &self,
        _myself: ActorRef<()>,
        args: ControlArgs,
    ) -> Result<Listening, ActorProcessingErr> {
        Ok(Listening(tokio::spawn(socket::serve(args.socket, args.plane))))
    }
}
