//! Reading the real market data, where it is.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use flate2::read::GzDecoder;
use tensortrade_market::{Price, Qty, Tick, Ts};

/// The folder with the real data: beside the repository, or where `TENSORTRADE_SHARED` says. `None`, with the reason
/// printed, if there is none.
pub(crate) fn folder() -> Option<PathBuf> {
    let root = std::env::var_os("TENSORTRADE_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let data = root.join("data");
    if data.is_dir() {
        return Some(data);
    }
    println!("skipped: no real data at {} (set TENSORTRADE_SHARED)", data.display());
    None
}

/// The rows of a compressed table, without its header.
pub(crate) fn rows(path: PathBuf) -> impl Iterator<Item = String> {
    let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    BufReader::new(GzDecoder::new(file)).lines().skip(1).map(Result::unwrap)
}

/// The tick of a row of a tick table; `None` for kinds other than trade and quote.
pub(crate) fn tick(field: &[&str]) -> Option<Tick> {
    let price = |i: usize| (!field[i].is_empty()).then(|| field[i].parse::<Price>().unwrap());
    let size = |i: usize| field[i].parse::<Qty>().unwrap_or(Qty::ZERO);
    let ts = Ts::from_nanos(field[0].parse().unwrap());
    match field[2] {
        "trade" => Some(Tick::trade(ts, price(3).unwrap(), size(4))),
        "quote" => Some(Tick::quote(ts, price(5), price(6), size(7), size(8))),
        _ => None,
    }
}
