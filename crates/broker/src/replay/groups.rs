//! Groups the rows of a slice by lane, keeping each lane's order: a counting sort.

use std::sync::Arc;

/// How many rows each lane has in the slice being collected, in order of first appearance.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: Vec<Group>,
    /// For each lane: the slice that it was last seen in, and its place in `groups`.
    marks: Vec<(u64, usize)>,
    slice: u64,
}

/// A lane's rows in the slice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    pub(super) lane: u32,
    pub(super) rows: usize,
    /// Whether its rows are bars, which are kept apart from ticks.
    pub(super) bars: bool,
}

impl Groups {
    /// Counts a row.
    #[inline]
    pub(super) fn count(&mut self, lane: u32, bars: bool) {
        let at = lane as usize;
        if at >= self.marks.len() {
            self.marks.resize(at + 1, (u64::MAX, 0));
        }
        let Some(mark) = self.marks.get_mut(at) else { return };
        if mark.0 != self.slice {
            *mark = (self.slice, self.groups.len());
            self.groups.push(Group { lane, rows: 0, bars });
        }
        if let Some(group) = self.groups.get_mut(mark.1) {
            group.rows += 1;
        }
    }

    /// The lanes of the slice, in order of first appearance.
    pub(super) fn all(&self) -> &[Group] {
        &self.groups
    }

    /// The rows of one type (bars, or ticks), a shared slice for each group of that type, in the order of the groups.
    pub(super) fn gather<T: Copy>(&self, rows: &[(u32, T)], bars: bool) -> Vec<Arc<[T]>> {
        let groups = self.groups.iter().filter(|group| group.bars == bars);
        if groups.clone().count() <= 1 {
            return groups.map(|_| rows.iter().map(|(_, row)| *row).collect()).collect();
        }
        let Some((_, first)) = rows.first() else { return Vec::new() };
        let mut start = 0;
        let mut places: Vec<usize> = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            places.push(start);
            start += if group.bars == bars { group.rows } else { 0 };
        }
        let mut sorted = vec![*first; rows.len()];
        for (lane, row) in rows {
            let group = self.marks.get(*lane as usize).map_or(usize::MAX, |mark| mark.1);
            if let Some(place) = places.get_mut(group)
                && let Some(slot) = sorted.get_mut(*place)
            {
                *slot = *row;
                *place += 1;
            }
        }
        let mut rest = sorted.as_slice();
        groups
            .map(|group| {
                let (own, others) = rest.split_at_checked(group.rows).unwrap_or((rest, &[]));
                rest = others;
                Arc::from(own)
            })
            .collect()
    }

    /// Begins the next slice.
    pub(super) fn clear(&mut self) {
        self.groups.clear();
        self.slice += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lane_keeps_its_order_and_lanes_come_in_order_of_first_appearance() {
        let mut groups = Groups::default();
        for round in 0..2 {
            let rows = [(7, 'a'), (2, 'b'), (7, 'c'), (0, 'd'), (2, 'e')];
            for (lane, _) in rows {
                groups.count(lane, false);
            }
            groups.count(9, true);
            let lanes: Vec<u32> = groups.all().iter().map(|g| g.lane).collect();
            assert_eq!(lanes, [7, 2, 0, 9], "round {round}");
            let gathered: Vec<String> =
                groups.gather(&rows, false).iter().map(|g| g.iter().collect()).collect();
            assert_eq!(gathered, ["ac", "be", "d"], "round {round}");
            assert_eq!(groups.gather(&[(9, 'x')], true)[0].as_ref(), ['x']);
            groups.clear();
        }
    }
}
