//! `tensortrade run`: the node itself.

use std::time::Duration;

use figment::value::Value;

use super::args::{FeedKind, RunArgs};
use crate::config;
use crate::exit::{Code, Failure};
use crate::node::run::{self, RunOptions};

/// Turns flags into configuration and runs the node.
pub fn run(args: RunArgs) -> Result<(), Failure> {
    run::run(options(args)?)
}

/// What the flags come to.
pub fn options(args: RunArgs) -> Result<RunOptions, Failure> {
    let mut flags: Vec<(&'static str, Value)> = Vec::new();
    let feed = args.feed.or((!args.replay.is_empty()).then_some(FeedKind::Replay));
    if let Some(feed) = feed {
        let name = match feed {
            FeedKind::Sim => "sim",
            FeedKind::Replay => "replay",
            FeedKind::Ibkr => "ibkr",
        };
        flags.push(("feed.source", name.into()));
    }
    if !args.replay.is_empty() {
        let files: Vec<String> = args.replay.iter().map(|f| f.display().to_string()).collect();
        flags.push(("feed.files", files.into()));
    }
    if let Some(speed) = args.speed {
        flags.push(("feed.speed", speed.into()));
    }
    if !args.symbols.is_empty() {
        flags.push(("feed.symbols", args.symbols.into()));
    }
    if let Some(seed) = args.seed {
        flags.push(("feed.seed", seed.into()));
    }
    let run_for = args.run_for.as_deref().map(duration).transpose()?;
    let loaded = config::load(&args.sources, &flags)?;
    Ok(RunOptions { loaded, run_for, summary: args.summary })
}

/// `20s`, `5m`, `2h`, `1d`, `500ms`, or seconds without a unit.
fn duration(text: &str) -> Result<Duration, Failure> {
    let bad = || {
        Failure::new(
            Code::Usage,
            format_args!("--for {text}: expected a time such as 500ms, 20s, 5m, 2h or 1d"),
        )
    };
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| bad())?;
    let scale = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(bad()),
    };
    let seconds = number * scale;
    if seconds.is_finite() && seconds > 0.0 && seconds < 1e9 {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(bad())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("20s").unwrap(), Duration::from_secs(20));
        assert_eq!(duration("1.5m").unwrap(), Duration::from_secs(90));
        assert_eq!(duration("250ms").unwrap(), Duration::from_millis(250));
        for bad in ["", "s", "-1s", "5x", "1e400s", "0s", "nan"] {
            assert_eq!(duration(bad).unwrap_err().code, Code::Usage, "{bad}");
        }
    }
}
