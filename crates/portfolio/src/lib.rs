//! tensortrade-portfolio
