//! `tensortrade`: a trading node you can kill at any moment.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = tensortrade::cli::args::Cli::parse();
    match tensortrade::cli::dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            for line in failure.message.lines() {
                // Whoever reads may have gone: the code says it all the same.
                let _ = writeln!(std::io::stderr(), "tensortrade: {line}");
            }
            failure.code.into()
        }
    }
}
