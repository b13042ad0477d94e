//! From rows to target weights, once per step for the whole cross-section.

pub mod cross_section;
pub mod policy;
pub mod regime;
