//! `tensortrade completions`: a completion script on stdout.

use std::io::Write;

use clap::CommandFactory;

use super::args::{Cli, CompletionsArgs};
use crate::exit::{Code, Failure};

/// Prints the script.
pub fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tensortrade", &mut script);
    match std::io::stdout().write_all(&script) {
        // A reader that has seen enough (`| head`) is no failure.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Code::Failure, format_args!("cannot print the script: {error}")))
        }
        _ => Ok(()),
    }
}
