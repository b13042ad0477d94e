//! Rows a second of the replay reader, beside what decompression alone costs in the same run.
//!
//! `cargo bench -p tensortrade-broker --bench replay`. Real tick files are used where the shared data folder is there (by
//! `TENSORTRADE_SHARED` or `../shared` beside the workspace), else a generated one.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tensortrade_broker::Feed;
use tensortrade_broker::replay::{Probe, ReplayFeed, ReplayOptions, probe};
use tensortrade_market::Timeframe;

const ROUNDS: usize = 3;

/// One measurement: busy time of the reader, time of decompression alone, rows.
struct Measured {
    busy: Duration,
    examined: Duration,
    inflate: Duration,
    rows: u64,
    text_bytes: u64,
}

fn main() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let files = real_files().unwrap_or_else(|| vec![generated(scratch.path())]);
    println!(
        "{:<28} {:>9} {:>8} {:>8} {:>9} {:>9} {:>9} {:>8}",
        "file", "rows", "MB text", "Mrows/s", "probe ms", "total ms", "inflate", "ratio"
    );
    for path in files {
        let best = (0..ROUNDS).map(|_| measure(&path)).min_by_key(|m| m.busy).expect("at least one round");
        let ms = |d: Duration| d.as_secs_f64() * 1e3;
        println!(
            "{:<28} {:>9} {:>8.1} {:>8.2} {:>9.1} {:>9.1} {:>9.1} {:>7.2}x",
            path.file_name().unwrap_or_default().to_string_lossy(),
            best.rows,
            best.text_bytes as f64 / 1e6,
            best.rows as f64 / best.busy.as_secs_f64() / 1e6,
            ms(best.examined),
            ms(best.busy),
            ms(best.inflate),
            best.busy.as_secs_f64() / best.inflate.as_secs_f64(),
        );
    }
    println!(
        "ratio: reader (decompression, parsing, grouping, and the pass of the probe) to decompression alone"
    );
}

fn measure(path: &Path) -> Measured {
    let (inflate, text_bytes) = inflate(path);
    let probe: Probe = probe(&[path.to_owned()]).expect("a readable file");
    let examined = Duration::from_nanos(probe.busy_ns);
    let decision = probe.longest_timeframe().unwrap_or(Timeframe::MINUTE);
    let mut feed = ReplayFeed::open(probe, ReplayOptions::new(decision)).expect("a replay");
    futures::executor::block_on(async { while feed.next().await.expect("no damage").is_some() {} });
    let stats = feed.stats();
    Measured { busy: Duration::from_nanos(stats.busy_ns), examined, inflate, rows: stats.rows, text_bytes }
}

/// Decompression alone, into a buffer as large as the reader's.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn inflate(path: &Path) -> (Duration, u64) {
    let start = Instant::now();
    let file = BufReader::with_capacity(256 * 1024, File::open(path).expect("the file"));
    let mut decoder = flate2::bufread::MultiGzDecoder::new(file);
    let mut buffer = vec![0; 256 * 1024];
    let mut bytes = 0;
    loop {
        match decoder.read(&mut buffer).expect("a whole archive") {
            0 => return (start.elapsed(), bytes),
            read => bytes += read as u64,
        }
    }
}

fn real_files() -> Option<Vec<PathBuf>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("TENSORTRADE_SHARED").map_or(beside, PathBuf::from);
    let names = [
        "ticks/us_equity_aig.csv.gz",
        "ticks/us_equity_ibm.csv.gz",
        "ticks/fx_eurusd_fxcm.csv.gz",
        "ticks/us_equity_spy_trades.csv.gz",
        "bars_1m/us_equity_xsec_2018a.csv.gz",
        "bars_1d/us_equity_adj_1999_2011.csv.gz",
    ];
    let files: Vec<PathBuf> = names.iter().map(|name| shared.join("data").join(name)).collect();
    if files.iter().all(|file| file.is_file()) {
        return Some(files);
    }
    println!("the shared data folder is not there: a generated file is measured");
    None
}

/// A million quotes and trades of one symbol, shaped like those of a US share.
fn generated(dir: &Path) -> PathBuf {
    let path = dir.join("generated.csv.gz");
    let file = File::create(&path).expect("a new file");
    let mut out = flate2::write::GzEncoder::new(file, flate2::Compression::new(6));
    out.write_all(b"ts_ns,symbol,kind,price,size,bid,ask,bid_size,ask_size,venue\n").expect("space");
    let mut state = 88_172_645_463_325_252u64;
    let mut ts = 1_381_132_800_000_000_000i64;
    for _ in 0..1_000_000 {
        // Marsaglia's xorshift: the rows need variety, not quality.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ts += (state % 40) as i64 * 1_000_000;
        let (cents, size) = (state >> 8 & 63, (state >> 16) % 9 * 100 + 100);
        let row = match state % 5 {
            0 => format!("{ts},GEN,trade,183.{cents:02},{size},,,,,P\n"),
            1 | 2 => format!("{ts},GEN,quote,,,183.{cents:02},,{size},,P\n"),
            _ => format!("{ts},GEN,quote,,,,183.{cents:02},,{size},P\n"),
        };
        out.write_all(row.as_bytes()).expect("space");
    }
    out.finish().expect("space");
    path
}
