//! tensortrade-features
