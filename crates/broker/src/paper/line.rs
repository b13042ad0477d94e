//! One record as one line: checksum, line number, JSON.
//!
//! `9f3c01aa 42 {"clock":{"ts":1381132800000000000}}`: the CRC-32 (IEEE) in hexadecimal covers all that follows it, and
//! the number is the line's, from 1, so that a line that was lost or moved is noticed and not only one that changed.

use flate2::Crc;

use super::record::Record;

/// Longest line accepted, bytes. The longest record is an order's refusal with its reason, below 2 KiB.
pub(super) const LINE_MAX: u64 = 64 << 10;

/// Appends a record with its number to `to`.
pub(super) fn encode(record: &Record, number: u64, to: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let start = to.len();
    to.extend_from_slice(b"00000000 ");
    to.extend_from_slice(number.to_string().as_bytes());
    to.push(b' ');
    serde_json::to_writer(&mut *to, record)?;
    let crc = checksum(to.get(start + 9..).unwrap_or_default());
    if let Some(place) = to.get_mut(start..start + 8) {
        place.copy_from_slice(&hex(crc));
    }
    to.push(b'\n');
    Ok(())
}

/// Reads a line without its end; the error says what is wrong with it.
pub(super) fn decode(line: &[u8], number: u64) -> Result<Record, String> {
    let (Some(crc), Some(b' '), Some(body)) = (line.get(..8), line.get(8), line.get(9..)) else {
        return Err("the line does not begin with a checksum".to_owned());
    };
    if crc != hex(checksum(body)) {
        return Err("the checksum does not match: the line was changed or damaged".to_owned());
    }
    let text = std::str::from_utf8(body).map_err(|_| "the line is not text".to_owned())?;
    let (found, json) = text.split_once(' ').ok_or("the line has no number")?;
    if found.parse() != Ok(number) {
        return Err(format!(
            "line {number} was expected here but line {found} stands here: lines are missing or moved"
        ));
    }
    serde_json::from_str(json).map_err(|e| format!("the record is not understood: {e}"))
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn hex(crc: u32) -> [u8; 8] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'0'; 8];
    for (at, digit) in text.iter_mut().enumerate() {
        // Four bits at a time, highest first: at most 15.
        *digit = DIGITS[((crc >> (28 - 4 * at)) & 15) as usize];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensortrade_market::Ts;

    #[test]
    fn a_line_reads_back_and_any_changed_byte_is_noticed() {
        let record = Record::Clock { ts: Ts::from_secs(7) };
        let mut line = Vec::new();
        encode(&record, 42, &mut line).unwrap();
        assert_eq!(line.pop(), Some(b'\n'));
        assert_eq!(decode(&line, 42), Ok(record));
        for at in 0..line.len() {
            let mut bad = line.clone();
            bad[at] ^= 1;
            assert!(decode(&bad, 42).is_err(), "byte {at}");
        }
        assert!(decode(&line, 43).unwrap_err().contains("line 43 was expected"));
    }
}
