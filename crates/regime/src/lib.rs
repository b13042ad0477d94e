//! tensortrade-regime
