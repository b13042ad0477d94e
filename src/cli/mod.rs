//! The command line: one file a command.

pub mod args;
pub mod completions;
pub mod config;
pub mod ctl;
pub mod doctor;
pub mod journal;
pub mod run;

use crate::exit::Failure;
use args::{Cli, Command};

/// Carries out a parsed command line.
pub fn dispatch(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Run(args) => run::run(args),
        Command::Ctl(args) => ctl::run(args),
        Command::Journal(args) => journal::run(args),
        Command::Config(args) => config::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Completions(args) => completions::run(&args),
    }
}
