//! What may stand around the node's doors.
//!
//! The node puts nothing there ([`Direct`]). A fault campaign puts something of its own between the node and its journal's
//! store, or its broker, so that neither needs to know of faults.

use tensortrade_broker::Broker;
use tensortrade_journal::Store;

/// Wraps what was opened for a run.
pub trait Ports: Send + Sync {
    /// The journal's store, before anything is read from it.
    fn store(&self, store: Box<dyn Store>) -> Box<dyn Store> {
        store
    }

    /// The broker, before anything is sent to it.
    fn broker(&self, broker: Box<dyn Broker>) -> Box<dyn Broker> {
        broker
    }
}

/// Every port as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Direct;

impl Ports for Direct {}
