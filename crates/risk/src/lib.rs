//! tensortrade-risk
