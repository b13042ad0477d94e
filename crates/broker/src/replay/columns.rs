//! What the header of a table says: which kind of table it is, and where its columns are.

use std::fmt;
use std::path::Path;

use tensortrade_market::Timeframe;

use super::fault::Halt;

/// Most columns a table may have.
const COLUMNS_MAX: usize = 256;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileFormat {
    /// Trades and quotes.
    Ticks,
    /// Finished bars of one timeframe.
    Bars(Timeframe),
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ticks => f.write_str("ticks"),
            Self::Bars(timeframe) => write!(f, "{timeframe} bars"),
        }
    }
}

/// The place of a column; [`Column::ABSENT`] where the table has none, which reads as an empty field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column(pub(super) u16);

impl Column {
    /// Not in the table.
    pub(super) const ABSENT: Self = Self(u16::MAX);

    fn is_absent(self) -> bool {
        self == Self::ABSENT
    }
}

/// Where the columns of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Ticks {
        ts: Column,
        symbol: Column,
        kind: Column,
        price: Column,
        size: Column,
        bid: Column,
        ask: Column,
        bid_size: Column,
        ask_size: Column,
    },
    Bars {
        ts: Column,
        symbol: Column,
        prices: [Column; 4],
        volume: Column,
    },
    /// Bars of bid and ask, read as bars of the midpoint.
    QuoteBars {
        ts: Column,
        symbol: Column,
        bids: [Column; 4],
        asks: [Column; 4],
    },
}

impl Layout {
    /// Reads a header. Names in any order and any case; columns with other names are ignored.
    pub(super) fn of(path: &Path, header: &[u8]) -> Result<Self, Halt> {
        let names = names(header);
        let refuse = |what: &str| Err(Halt::Input(unknown(path, what, &names)));
        if matches!(header, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
            return Err(Halt::Input(format!(
                "{}: is text in UTF-16, and UTF-8 is expected; mend: convert it (iconv -f UTF-16 -t UTF-8)",
                path.display()
            )));
        }
        if header.contains(&0) || std::str::from_utf8(header).is_err() {
            return refuse("is not a text table");
        }
        if names.len() > COLUMNS_MAX {
            return Err(Halt::Input(format!(
                "{}: line 1 has {} columns, at most {COLUMNS_MAX} are read",
                path.display(),
                names.len()
            )));
        }
        let column = |name: &str| {
            let at = names.iter().position(|n| n == name).and_then(|at| u16::try_from(at).ok());
            at.map_or(Column::ABSENT, Column)
        };
        let four = |names: [&str; 4]| names.map(column);
        let layout = if !column("kind").is_absent() || !column("ts_ns").is_absent() {
            Self::Ticks {
                ts: column("ts_ns"),
                symbol: column("symbol"),
                kind: column("kind"),
                price: column("price"),
                size: column("size"),
                bid: column("bid"),
                ask: column("ask"),
                bid_size: column("bid_size"),
                ask_size: column("ask_size"),
            }
        } else if !column("open").is_absent() {
            let prices = four(["open", "high", "low", "close"]);
            Self::Bars { ts: column("ts"), symbol: column("symbol"), prices, volume: column("volume") }
        } else {
            Self::QuoteBars {
                ts: column("ts"),
                symbol: column("symbol"),
                bids: four(["bid_open", "bid_high", "bid_low", "bid_close"]),
                asks: four(["ask_open", "ask_high", "ask_low", "ask_close"]),
            }
        };
        if !layout.is_complete() {
            return refuse("has an unknown set of columns");
        }
        let used: Vec<_> = layout.columns().into_iter().filter(|c| !c.is_absent()).collect();
        let twice = used
            .iter()
            .filter_map(|c| names.get(usize::from(c.0)))
            .find(|name| names.iter().filter(|n| n == name).count() > 1);
        match twice {
            Some(name) => refuse(&format!("has the column '{name}' twice")),
            None => Ok(layout),
        }
    }

    /// Whether every column that the kind of table cannot do without is there.
    fn is_complete(&self) -> bool {
        match self {
            Self::Ticks { ts, symbol, kind, price, bid, ask, .. } => {
                [ts, symbol, kind].iter().all(|c| !c.is_absent())
                    && [price, bid, ask].iter().any(|c| !c.is_absent())
            }
            Self::Bars { ts, symbol, prices, .. } => {
                [ts, symbol].into_iter().chain(prices).all(|c| !c.is_absent())
            }
            Self::QuoteBars { ts, symbol, bids, asks } => {
                [ts, symbol].into_iter().chain(bids).chain(asks).all(|c| !c.is_absent())
            }
        }
    }

    fn columns(&self) -> Vec<Column> {
        match *self {
            Self::Ticks { ts, symbol, kind, price, size, bid, ask, bid_size, ask_size } => {
                vec![ts, symbol, kind, price, size, bid, ask, bid_size, ask_size]
            }
            Self::Bars { ts, symbol, prices, volume } => {
                [ts, symbol, volume].into_iter().chain(prices).collect()
            }
            Self::QuoteBars { ts, symbol, bids, asks } => {
                [ts, symbol].into_iter().chain(bids).chain(asks).collect()
            }
        }
    }

    /// How many fields of a line are looked at: up to the last column in use.
    pub(super) fn fields_needed(&self) -> usize {
        self.columns().into_iter().filter(|c| !c.is_absent()).map(|c| usize::from(c.0) + 1).max().unwrap_or(0)
    }

    /// Where the symbol is.
    pub(super) fn symbol(&self) -> Column {
        match *self {
            Self::Ticks { symbol, .. } | Self::Bars { symbol, .. } | Self::QuoteBars { symbol, .. } => symbol,
        }
    }

    /// Where the time is.
    pub(super) fn ts(&self) -> Column {
        match *self {
            Self::Ticks { ts, .. } | Self::Bars { ts, .. } | Self::QuoteBars { ts, .. } => ts,
        }
    }

    /// Whether it is a table of ticks.
    pub(super) fn is_ticks(&self) -> bool {
        matches!(self, Self::Ticks { .. })
    }
}

fn names(header: &[u8]) -> Vec<String> {
    let clean = |name: &str| name.trim().trim_matches('"').trim().to_ascii_lowercase();
    String::from_utf8_lossy(header).split(',').map(clean).collect()
}

fn unknown(path: &Path, what: &str, names: &[String]) -> String {
    let mut found: String = names.join(",").chars().take(200).flat_map(char::escape_debug).collect();
    if found.is_empty() {
        found.push_str("nothing");
    }
    format!(
        "{}: line 1 {what}: found {found}; expected ticks (ts_ns,symbol,kind and price,size or bid,ask,bid_size,ask_size), \
         bars (ts,symbol,open,high,low,close,volume) or quote bars (ts,symbol,bid_open..bid_close,ask_open..ask_close), \
         in any order; mend: give the file a header line with these names, separated by commas",
        path.display()
    )
}
