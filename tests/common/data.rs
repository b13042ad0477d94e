//! Small market data, the same on every machine.

use std::fmt::Write as _;

/// Midnight (UTC) of Monday 2013-10-07 and of the day after, in seconds.
pub(crate) const MONDAY: i64 = 1_381_104_000;
pub(crate) const TUESDAY: i64 = MONDAY + 86_400;

/// The regular session of a US equity in UTC in October: 13:30 to 20:00.
const OPEN_S: i64 = 48_600;
const SESSION_S: i64 = 23_400;
/// Seconds between two rounds of rows.
const STRIDE_S: i64 = 3;

/// A small generator, so that the files are the same on every machine.
struct Lcg(u64);

impl Lcg {
    /// A number from 0 to `below - 1`.
    fn next(&mut self, below: u64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % below).expect("a small number")
    }
}

/// Price in cents `second` seconds into the session: waves of 90 minutes that a trend follower trades, and noise.
fn mid_cents(symbol: usize, second: i64, noise: i64) -> i64 {
    let phase = second as f64 / 5_400.0 * std::f64::consts::TAU + symbol as f64;
    10_000 + 100 * symbol as i64 + (250.0 * phase.sin()).round() as i64 + noise
}

/// A day of quotes and trades of some symbols, as the text of a tick file.
pub(crate) fn ticks(midnight: i64, symbols: &[&str]) -> String {
    let mut random = Lcg(midnight.unsigned_abs());
    let mut text = String::from("ts_ns,symbol,kind,price,size,bid,ask,bid_size,ask_size\n");
    let price = |cents: i64| format!("{}.{:02}", cents / 100, cents % 100);
    for second in (0..SESSION_S).step_by(STRIDE_S as usize) {
        for (at, symbol) in symbols.iter().enumerate() {
            let ns = (midnight + OPEN_S + second) * 1_000_000_000 + 1_000_000 * at as i64;
            let mid = mid_cents(at, second, random.next(5) - 2);
            let (bid, ask, size) = (price(mid - 1), price(mid + 1), 100 * (1 + random.next(9)));
            writeln!(text, "{ns},{symbol},quote,,,{bid},{ask},{size},{size}").expect("memory");
            let (last, size) = (price(mid + random.next(3) - 1), 100 * (1 + random.next(3)));
            writeln!(text, "{},{symbol},trade,{last},{size},,,,", ns + 500_000_000).expect("memory");
        }
    }
    text
}

/// An hour of minute bars of one symbol, as lines of a bar file without its header.
pub(crate) fn bar_lines(symbol: &str) -> Vec<String> {
    let line = |minute: i64| {
        let open = mid_cents(0, minute * 60, 0) as f64 / 100.0;
        let close = mid_cents(0, minute * 60 + 60, 0) as f64 / 100.0;
        let (high, low) = (open.max(close) + 0.05, open.min(close) - 0.05);
        let (hour, minute) = ((13 * 60 + 30 + minute) / 60, (30 + minute) % 60);
        format!("2013-10-07T{hour:02}:{minute:02}:00Z,{symbol},{open:.2},{high:.2},{low:.2},{close:.2},5000")
    };
    (0..60).map(line).collect()
}

/// So many weekdays of daily bars of one symbol, from Monday 2013-01-07 on, as lines of a bar file without its header: waves
/// of forty days that a trend follower trades.
pub(crate) fn daily_lines(symbol: &str, days: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for day in 0.. {
        if lines.len() == days {
            break;
        }
        if day % 7 > 4 {
            continue;
        }
        let at = |count: usize| 100.0 + 10.0 * (count as f64 / 40.0 * std::f64::consts::TAU).sin();
        let (open, close) = (at(lines.len()), at(lines.len() + 1));
        let (high, low) = (open.max(close) + 0.5, open.min(close) - 0.5);
        let date = date_2013(7 + day);
        lines.push(format!("{date},{symbol},{open:.2},{high:.2},{low:.2},{close:.2},500000"));
    }
    lines
}

/// The date of a day of January 2013, counted on into later months.
fn date_2013(day: usize) -> String {
    let mut day = day;
    for (month, days) in [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter().enumerate() {
        if day <= days {
            return format!("2013-{:02}-{day:02}", month + 1);
        }
        day -= days;
    }
    panic!("the test data ends with 2013");
}

pub(crate) const BAR_HEADER: &str = "ts,symbol,open,high,low,close,volume";

/// A gzip file of stored blocks, which needs no compressor.
pub(crate) fn gzip(text: &str) -> Vec<u8> {
    let data = text.as_bytes();
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let chunks: Vec<&[u8]> = data.chunks(60_000).collect();
    for (at, chunk) in chunks.iter().enumerate() {
        let len = u16::try_from(chunk.len()).expect("a short chunk");
        out.push(u8::from(at + 1 == chunks.len()));
        out.extend(len.to_le_bytes());
        out.extend((!len).to_le_bytes());
        out.extend(*chunk);
    }
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    out.extend((!crc).to_le_bytes());
    out.extend(u32::try_from(data.len()).expect("a small file").to_le_bytes());
    out
}
