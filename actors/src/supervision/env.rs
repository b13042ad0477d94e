//! What all supervisors of one tree share.

use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;

use super::escalation::{EscalationSink, SupervisionLog};

/// Shared surroundings of a tree. Cheap to clone.
#[derive(Clone)]
pub struct Env {
    /// Id of the node; first part of every actor name, because ractor's registry is global to the process.
    pub node_id: Arc<str>,
    /// Seed of every random choice of the tree.
    pub seed: u64,
    /// Where events go.
    pub log: Arc<dyn SupervisionLog>,
    /// Where breaker trips and exits go.
    pub sink: Arc<dyn EscalationSink>,
    pub(crate) epoch: Instant,
}

impl Env {
    /// Surroundings whose clock starts now.
    pub fn new(
        node_id: impl Into<Arc<str>>,
        seed: u64,
        log: impl SupervisionLog,
        sink: impl EscalationSink,
    ) -> Self {
        Self {
            node_id: node_id.into(),
            seed,
            log: Arc::new(log),
            sink: Arc::new(sink),
            epoch: Instant::now(),
        }
    }

    /// The generator of one supervisor incarnation: a stream of its own, so that a draw here moves no draw elsewhere.
    pub(crate) fn rng_for(&self, path: &str, generation: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed.wrapping_add(generation));
        rng.set_stream(fnv1a(path.as_bytes()));
        rng
    }
}

/// FNV-1a: a hash that is the same in every process and version, which std's is not.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::supervision::escalation::{ExitLatch, NoLog};

    #[tokio::test]
    async fn each_supervisor_draws_from_a_stream_of_its_own() {
        let env = Env::new("n", 9, NoLog, ExitLatch::new(|_, _| {}));
        let draw = |path, generation| env.rng_for(path, generation).random::<u64>();
        assert_eq!(draw("n/a", 1), draw("n/a", 1));
        assert_ne!(draw("n/a", 1), draw("n/b", 1));
        assert_ne!(draw("n/a", 1), draw("n/a", 2));
    }
}
