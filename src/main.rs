//! `tensortrade`: a trading node you can kill at any moment.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = tensortrade::cli::args::Cli::parse();
    match tensortrade::cli::dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            for line in failure.message.lines() {
                eprintln!("tensortrade: {line}");
            }
            failure.code.into()
        }
    }
}
