//! Bar builders.
