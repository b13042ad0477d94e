//! A row as bytes of a fixed length, for the temporary file.

use tensortrade_market::{Price, Qty, Tick, TickData, Ts};

use super::row::{BarRow, Row, RowData};

/// Bytes of a record: nine words of eight bytes.
pub(super) const RECORD_LEN: usize = WORDS * 8;
const WORDS: usize = 9;
const TRADE: i64 = 0;
const QUOTE: i64 = 1;
const BAR: i64 = 2;
/// Stands for "no price": the one raw value that no price has.
const NONE: i64 = i64::MIN;

/// Writes a row.
pub(super) fn encode(row: &Row) -> [u8; RECORD_LEN] {
    let lane = i64::from(row.lane) << 8;
    let side = |price: Option<Price>| price.map_or(NONE, Price::raw);
    let words: [i64; WORDS] = match row.data {
        RowData::Tick(Tick { ts, data: TickData::Trade { price, size } }) => {
            [row.key.nanos(), lane | TRADE, ts.nanos(), price.raw(), size.raw(), 0, 0, 0, 0]
        }
        RowData::Tick(Tick { ts, data: TickData::Quote { bid, ask, bid_size, ask_size } }) => {
            let sizes = (bid_size.raw(), ask_size.raw());
            [row.key.nanos(), lane | QUOTE, ts.nanos(), side(bid), side(ask), sizes.0, sizes.1, 0, 0]
        }
        RowData::Bar(BarRow { start, prices: [open, high, low, close], volume, spread }) => [
            row.key.nanos(),
            lane | BAR,
            start.nanos(),
            open.raw(),
            high.raw(),
            low.raw(),
            close.raw(),
            volume.raw(),
            side(spread),
        ],
    };
    let mut bytes = [0; RECORD_LEN];
    for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// Reads a row back; `None` for bytes that [`encode`] does not write.
pub(super) fn decode(bytes: &[u8; RECORD_LEN]) -> Option<Row> {
    let mut words = [0i64; WORDS];
    for (word, place) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = i64::from_le_bytes(place.try_into().ok()?);
    }
    let [key, tag, ts, a, b, c, d, e, f] = words;
    let ts = Ts::from_nanos(ts);
    let data = match tag & 0xff {
        TRADE => RowData::Tick(Tick::trade(ts, Price::from_raw(a)?, Qty::from_raw(b))),
        QUOTE => {
            let sides = (Price::from_raw(a), Price::from_raw(b));
            RowData::Tick(Tick::quote(ts, sides.0, sides.1, Qty::from_raw(c), Qty::from_raw(d)))
        }
        BAR => RowData::Bar(BarRow {
            start: ts,
            prices: [Price::from_raw(a)?, Price::from_raw(b)?, Price::from_raw(c)?, Price::from_raw(d)?],
            volume: Qty::from_raw(e),
            spread: Price::from_raw(f),
        }),
        _ => return None,
    };
    Some(Row { key: Ts::from_nanos(key), lane: u32::try_from(tag >> 8).ok()?, data })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn price() -> impl Strategy<Value = Price> {
        any::<i64>().prop_filter_map("no price", Price::from_raw)
    }

    fn row_data() -> impl Strategy<Value = RowData> {
        let qty = || any::<i64>().prop_map(Qty::from_raw);
        let ts = || any::<i64>().prop_map(Ts::from_nanos);
        let side = || proptest::option::of(price());
        prop_oneof![
            (ts(), price(), qty()).prop_map(|(ts, p, q)| RowData::Tick(Tick::trade(ts, p, q))),
            (ts(), side(), side(), qty(), qty())
                .prop_map(|(ts, b, a, bs, a_s)| RowData::Tick(Tick::quote(ts, b, a, bs, a_s))),
            (ts(), [price(), price(), price(), price()], qty(), side()).prop_map(
                |(start, prices, volume, spread)| RowData::Bar(BarRow { start, prices, volume, spread })
            ),
        ]
    }

    proptest! {
        #[test]
        fn a_row_comes_back_as_it_was_written(key in any::<i64>(), lane in any::<u32>(), data in row_data()) {
            let row = Row { key: Ts::from_nanos(key), lane, data };
            prop_assert_eq!(decode(&encode(&row)), Some(row));
        }
    }
}
