//! The control plane: a Unix socket in the data directory, open to the node's own user only.

pub mod actor;
pub mod client;
pub mod handler;
pub mod protocol;
mod scopes;
mod seats;
pub mod socket;

use std::path::{Path, PathBuf};

/// Where a node with this data directory listens: `DIR/control/node.sock`, mode 0600 in a folder of mode 0700.
#[must_use]
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("control").join("node.sock")
}
