//! `tensortrade completions`: a completion script on stdout.

use clap::CommandFactory;

use super::args::{Cli, CompletionsArgs};
use crate::exit::Failure;

/// Prints the script.
pub fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    clap_complete::generate(args.shell, &mut Cli::command(), "tensortrade", &mut std::io::stdout());
    Ok(())
}
