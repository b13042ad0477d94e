//! Tables derived from the events: for people, reports and other programs. The events are the truth; every table can be
//! dropped and derived again, and then holds the same rows.
//!
//! One function, [`project`], says which rows an event changes. It runs when an event is
//! staged, in a rebuild, in the in-memory store, and in `verify`, so none of them can disagree.

mod cell;
mod project;
mod table;

pub use cell::{Cell, Row, RowSet};
pub use project::project;
pub use table::{Column, ColumnKind, Table};
