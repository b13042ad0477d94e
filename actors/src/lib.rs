//! tensortrade-actors
