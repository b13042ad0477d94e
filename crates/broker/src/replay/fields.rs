//! Cuts a line into fields.

use super::columns::Column;
use super::fault::RowFault;

/// The fields of one line, reused from line to line.
pub(super) struct Fields {
    /// Where each field that is needed ends in the line; the next starts one byte later.
    ends: Box<[u32]>,
    /// The line without quotes, for lines that have some.
    unquoted: Vec<u8>,
}

/// A line with its fields.
#[derive(Clone, Copy)]
pub(super) struct Cut<'a> {
    line: &'a [u8],
    ends: &'a [u32],
}

impl Fields {
    /// For lines whose first `needed` fields matter; the rest of a line is not looked at.
    pub(super) fn new(needed: usize) -> Self {
        Self { ends: vec![0; needed].into(), unquoted: Vec::new() }
    }

    /// Cuts a line. Errors: fewer fields than needed, a quote that is not closed.
    #[inline]
    pub(super) fn cut<'a>(&'a mut self, line: &'a [u8]) -> Result<Cut<'a>, RowFault> {
        let mut found = 0;
        let (words, rest) = line.as_chunks::<8>();
        let mut last = [0; 8];
        if let Some(place) = last.get_mut(..rest.len()) {
            place.copy_from_slice(rest);
        }
        // Eight bytes at a time: fields are so short that a search for each comma costs more than it skips.
        for (at, word) in words.iter().chain(std::iter::once(&last)).enumerate() {
            let word = u64::from_le_bytes(*word);
            if bytes_equal(word, b'"') != 0 {
                return self.cut_quoted(line);
            }
            let mut commas = bytes_equal(word, b',');
            while commas != 0 {
                let Some(end) = self.ends.get_mut(found) else { return Ok(Cut { line, ends: &self.ends }) };
                *end = at as u32 * 8 + commas.trailing_zeros() / 8;
                found += 1;
                commas &= commas - 1;
            }
        }
        self.finish(line.len(), found)?;
        Ok(Cut { line, ends: &self.ends })
    }

    /// Ends the last field at the end of the line, if it is needed.
    #[inline]
    fn finish(&mut self, line_len: usize, found: usize) -> Result<(), RowFault> {
        let needed = self.ends.len();
        match self.ends.get_mut(found) {
            Some(end) => *end = line_len as u32,
            None => return Ok(()),
        }
        if found + 1 < needed { Err(RowFault::TooFewFields { found: found + 1, needed }) } else { Ok(()) }
    }

    /// The same for a line with quoted fields (`"AIG"`, `"1,5"`, `"a ""b"""`), as RFC 4180 has them.
    #[cold]
    fn cut_quoted(&mut self, line: &[u8]) -> Result<Cut<'_>, RowFault> {
        let mut found = 0;
        self.unquoted.clear();
        let mut inside = false;
        let mut bytes = line.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            match byte {
                b'"' if inside && bytes.peek() == Some(&b'"') => {
                    bytes.next();
                    self.unquoted.push(b'"');
                }
                b'"' => inside = !inside,
                b',' if !inside => {
                    let Some(end) = self.ends.get_mut(found) else { break };
                    *end = self.unquoted.len() as u32;
                    found += 1;
                    self.unquoted.push(b',');
                }
                other => self.unquoted.push(other),
            }
        }
        if inside && found < self.ends.len() {
            return Err(RowFault::OpenQuote);
        }
        self.finish(self.unquoted.len(), found)?;
        Ok(Cut { line: &self.unquoted, ends: &self.ends })
    }
}

/// The high bit of each byte of `word` that equals `byte`, exactly ("SIMD within a register").
#[inline]
fn bytes_equal(word: u64, byte: u8) -> u64 {
    const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let differ = word ^ (u64::from(byte) * 0x0101_0101_0101_0101);
    // A byte's high bit is set unless all its bits are zero; no carry leaves a byte.
    !(((differ & LOW_BITS) + LOW_BITS) | differ | LOW_BITS)
}

impl<'a> Cut<'a> {
    /// The text of a column without surrounding spaces; empty where the table has no such column.
    #[inline]
    pub(super) fn get(&self, column: Column) -> &'a [u8] {
        let at = usize::from(column.0);
        let Some(&end) = self.ends.get(at) else { return &[] };
        let start = match at.checked_sub(1).and_then(|before| self.ends.get(before)) {
            Some(&before) => before as usize + 1,
            None => 0,
        };
        let text = self.line.get(start..end as usize).unwrap_or_default();
        match text {
            [b' ' | b'\t', ..] | [.., b' ' | b'\t'] => text.trim_ascii(),
            _ => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(line: &str, needed: usize) -> Result<Vec<String>, RowFault> {
        let mut fields = Fields::new(needed);
        let cut = fields.cut(line.as_bytes())?;
        Ok((0..needed).map(|at| String::from_utf8_lossy(cut.get(Column(at as u16))).into_owned()).collect())
    }

    #[test]
    fn only_the_needed_fields_are_cut() {
        assert_eq!(cut("1,A,trade,5,6,rest,\"open", 4).unwrap(), ["1", "A", "trade", "5"]);
        assert_eq!(cut("1, A ,,5", 4).unwrap(), ["1", "A", "", "5"]);
    }

    proptest! {
        #[test]
        fn lines_without_quotes_are_cut_at_their_commas(line in "[^\"\\s]{0,60}", needed in 1usize..8) {
            let fields: Vec<&str> = line.split(',').collect();
            match cut(&line, needed) {
                Ok(cut) => prop_assert_eq!(&cut[..], &fields[..needed]),
                Err(fault) => prop_assert_eq!(fault, RowFault::TooFewFields { found: fields.len(), needed }),
            }
        }
    }

    #[test]
    fn a_short_line_is_a_fault_that_counts_its_fields() {
        assert_eq!(cut("1,A", 4), Err(RowFault::TooFewFields { found: 2, needed: 4 }));
    }

    #[test]
    fn quotes_are_taken_off_and_commas_inside_them_do_not_cut() {
        assert_eq!(cut("\"1\",\"A,B\",\"say \"\"x\"\"\",5", 4).unwrap(), ["1", "A,B", "say \"x\"", "5"]);
        assert_eq!(cut("1,\"A", 2), Err(RowFault::OpenQuote));
    }

    #[test]
    fn an_absent_column_reads_as_empty() {
        let mut fields = Fields::new(1);
        assert!(fields.cut(b"1").unwrap().get(Column::ABSENT).is_empty());
    }
}
