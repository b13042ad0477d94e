//! What is said to people, on standard output and standard error.
//!
//! A reader that has gone (`| head`, a closed terminal, a full disk under a log) is no reason for a node to end: what cannot be
//! printed has no one to tell. The standard macros panic there, and the panic's own line is a second one: an abort.

/// Prints a line of data.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

/// Prints a line of news.
macro_rules! tell {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}
