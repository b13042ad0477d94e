//! The composition root: the only place that knows every concrete type.

pub mod bring_up;
pub mod clock;
pub mod compose;
pub mod derived;
pub mod finish;
pub mod lock;
pub mod logging;
pub mod marks;
pub mod open;
pub mod ports;
pub mod run;
pub mod signals;
pub mod start;
pub mod status_line;
pub mod summary;
pub mod supervision_log;
pub mod tree;
pub mod watchdog;
pub mod wrap;
