//! The node: command line, configuration, control plane, and [`node`], the one place that wires everything.

#[macro_use]
mod terminal;

pub mod cli;
pub mod config;
pub mod control;
pub mod exit;
pub mod node;
