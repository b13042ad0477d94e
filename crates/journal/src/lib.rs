//! tensortrade-journal
