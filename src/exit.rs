//! Exit codes and the error that carries one: scripts rely on them.

use std::fmt;
use std::process::ExitCode;

/// The exit codes of the command contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// It failed for a reason none of the others names.
    Failure = 1,
    /// The command line cannot be understood.
    Usage = 2,
    /// A configuration or an input file is at fault.
    BadInput = 3,
    /// No node answers.
    Unreachable = 4,
    /// Refused: role, risk, breaker, unknown symbol.
    Refused = 5,
    /// A check failed: verify, doctor, reconcile, chaos.
    CheckFailed = 6,
    /// The broker cannot be reached.
    BrokerUnavailable = 7,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// What ends a command: one message for a person and one code for a script.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: Code,
    /// What, where, why, and the mend.
    pub message: String,
}

impl Failure {
    /// A failure with its message.
    pub fn new(code: Code, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Turns a foreign error into a [`Failure`] with a code and the place where it happened.
pub trait OrFail<T> {
    /// `what` says what was being done, such as "cannot write the summary to out.json".
    fn or_fail(self, code: Code, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> OrFail<T> for Result<T, E> {
    fn or_fail(self, code: Code, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|e| Failure::new(code, format_args!("{}: {e}", what())))
    }
}
