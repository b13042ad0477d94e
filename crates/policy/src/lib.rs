//! tensortrade-policy
