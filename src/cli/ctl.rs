//! `tensortrade ctl`: talk to a running node.

use std::path::PathBuf;

use comfy_table::{Table, presets};
use serde_json::Value;

use super::args::{BreakerCommand, CtlArgs, CtlCommand, CtlConfigCommand, WatchlistCommand};
use crate::control::client;
use crate::control::protocol::{Outcome, Reply, Request};
use crate::exit::{Code, Failure};

/// Sends the command and prints the answer: data on stdout, messages on stderr.
pub fn run(args: CtlArgs) -> Result<(), Failure> {
    let data_dir = args.data_dir.unwrap_or_else(|| PathBuf::from("data"));
    let request = request(args.command);
    let reply = client::call(&data_dir, &request)?;
    let code = match reply.outcome {
        Outcome::Ok => None,
        Outcome::Refused => Some(Code::Refused),
        Outcome::CheckFailed => Some(Code::CheckFailed),
        Outcome::BrokerUnavailable => Some(Code::BrokerUnavailable),
        Outcome::Failed => Some(Code::Failure),
    };
    if args.json {
        say!("{:#}", reply.data);
    } else {
        print_for_people(&request, &reply);
    }
    match code {
        None => {
            if !reply.message.is_empty() {
                tell!("{}", reply.message);
            }
            Ok(())
        }
        Some(code) => Err(Failure::new(code, reply.message)),
    }
}

fn request(command: CtlCommand) -> Request {
    match command {
        CtlCommand::Status => Request::Status,
        CtlCommand::Tree => Request::Tree,
        CtlCommand::Watchlist { command: WatchlistCommand::Add { symbols } } => {
            Request::WatchlistAdd { symbols }
        }
        CtlCommand::Watchlist { command: WatchlistCommand::Remove { symbols, flatten } } => {
            Request::WatchlistRemove { symbols, flatten }
        }
        CtlCommand::Watchlist { command: WatchlistCommand::List } => Request::WatchlistList,
        CtlCommand::Halt { scope } => Request::Halt { scope },
        CtlCommand::Resume { scope, reason } => Request::Resume { scope, reason },
        CtlCommand::Breaker { command: None } => Request::Breaker,
        CtlCommand::Breaker { command: Some(BreakerCommand::Trip { reason }) } => {
            Request::BreakerTrip { reason }
        }
        CtlCommand::Breaker { command: Some(BreakerCommand::Reset { reason }) } => {
            Request::BreakerReset { reason }
        }
        CtlCommand::Positions => Request::Positions,
        CtlCommand::Orders => Request::Orders,
        CtlCommand::Reconcile { accept_broker: true, reason } => {
            Request::ReconcileAccept { reason: reason.unwrap_or_default() }
        }
        CtlCommand::Reconcile { .. } => Request::Reconcile,
        CtlCommand::Flatten { confirm } => Request::Flatten { confirm },
        CtlCommand::Config { command: CtlConfigCommand::Reload } => Request::ConfigReload,
        CtlCommand::Shutdown => Request::Shutdown,
    }
}

/// Lists become tables, objects become `key  value` lines, a tree is indented.
fn print_for_people(request: &Request, reply: &Reply) {
    match (&reply.data, request) {
        (Value::Null, _) => {}
        (data, Request::Tree) => print_tree(data, 0),
        (Value::Array(rows), _) if rows.is_empty() => say!("none"),
        (Value::Array(rows), _) => print_table(rows),
        (data, _) => print_fields(data, ""),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

fn print_table(rows: &[Value]) {
    let Some(Value::Object(first)) = rows.first() else {
        rows.iter().for_each(|row| say!("{}", text(row)));
        return;
    };
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(first.keys());
    for row in rows {
        table.add_row(first.keys().map(|key| row.get(key).map(text).unwrap_or_default()));
    }
    say!("{table}");
}

fn print_fields(data: &Value, prefix: &str) {
    match data {
        Value::Object(fields) => {
            for (key, value) in fields {
                let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                match value {
                    Value::Object(_) => print_fields(value, &name),
                    Value::Array(items) if items.iter().all(|i| !i.is_object()) => {
                        say!("{name:<28} {}", items.iter().map(text).collect::<Vec<_>>().join(" "));
                    }
                    Value::Array(_) => say!("{name:<28} {value}"),
                    _ => say!("{name:<28} {}", text(value)),
                }
            }
        }
        other => say!("{}", text(other)),
    }
}

fn print_tree(node: &Value, depth: usize) {
    let field = |name: &str| node.get(name).map(text).unwrap_or_default();
    let id = format!("{}{}", "  ".repeat(depth), field("id"));
    let failure = match node.get("last_failure") {
        None | Some(Value::Null) => String::new(),
        Some(reason) => format!("  last failure: {}", text(reason)),
    };
    say!(
        "{id:<40} {:<12} generation {:<4} restarts {}{failure}",
        state(node),
        field("generation"),
        field("restarts")
    );
    for child in node.get("children").and_then(Value::as_array).into_iter().flatten() {
        print_tree(child, depth + 1);
    }
}

/// A state is a word, or a word with details in an object.
fn state(node: &Value) -> String {
    match node.get("state") {
        Some(Value::Object(fields)) => {
            fields.get("state").map(text).or_else(|| fields.keys().next().cloned()).unwrap_or_default()
        }
        Some(value) => text(value),
        None => String::new(),
    }
}
