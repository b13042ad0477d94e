//! The paper exchange through its port: what fills, what does not, what it costs, and what survives.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "paper/account.rs"]
mod account;
#[path = "paper/bars.rs"]
mod bars;
#[path = "paper/books.rs"]
mod books;
#[path = "paper/desk.rs"]
mod desk;
#[path = "paper/flow.rs"]
mod flow;
#[path = "paper/kinds.rs"]
mod kinds;
#[path = "paper/latency.rs"]
mod latency;
#[path = "paper/liquidity.rs"]
mod liquidity;
#[path = "paper/lives.rs"]
mod lives;
#[path = "paper/real.rs"]
mod real;
#[path = "paper/rejects.rs"]
mod rejects;
#[path = "paper/requests.rs"]
mod requests;
