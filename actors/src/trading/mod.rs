//! From target weights to orders, and from fills to positions.

pub mod breaker;
pub mod execution;
pub mod portfolio;
pub mod reconciler;
pub mod risk;
pub mod session;
