//! tensortrade-execution
