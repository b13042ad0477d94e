//! The last n numbers.

use serde::{Deserialize, Serialize};

use crate::exact;

/// A ring of the last `capacity` numbers; memory is taken once. Push is O(1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    capacity: u32,
    next: u32,
    #[serde(with = "exact::list")]
    values: Vec<f64>,
}

impl Window {
    /// An empty window of `capacity` numbers (at least one).
    #[must_use]
    pub fn new(capacity: u32) -> Self {
        let capacity = capacity.max(1);
        Self { capacity, next: 0, values: Vec::with_capacity(capacity as usize) }
    }

    /// How many numbers it can hold.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// How many it holds.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.values.len() as u32
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether it holds `capacity` numbers.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= self.capacity
    }

    /// The number that the next push drops, if the window is full.
    #[must_use]
    pub fn oldest(&self) -> Option<f64> {
        if self.is_full() { self.values.get(self.next as usize).copied() } else { None }
    }

    /// The number that was pushed last.
    #[must_use]
    pub fn newest(&self) -> Option<f64> {
        let at = if self.next == 0 { self.values.len() } else { self.next as usize };
        self.values.get(at.checked_sub(1)?).copied()
    }

    /// Adds a number and returns the one it drops.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        let dropped = if self.values.len() < self.capacity as usize {
            self.values.push(value);
            None
        } else {
            self.values.get_mut(self.next as usize).map(|slot| std::mem::replace(slot, value))
        };
        self.next = if self.next + 1 >= self.capacity { 0 } else { self.next + 1 };
        dropped
    }

    /// Whether the last push wrote the ring's last slot: once per `capacity` pushes, the moment to recompute running
    /// sums from the numbers themselves, so that rounding errors never outlive one window.
    #[must_use]
    pub fn at_seam(&self) -> bool {
        self.next == 0 && !self.values.is_empty()
    }

    /// The numbers, in no stated order.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Bytes it holds outside itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.values.capacity() * size_of::<f64>()
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.values.clear();
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_window_drops_its_oldest_number() {
        let mut window = Window::new(3);
        let dropped: Vec<_> = (0..5).map(|n| window.push(f64::from(n))).collect();
        assert_eq!(dropped, [None, None, None, Some(0.0), Some(1.0)]);
        assert_eq!(window.oldest(), Some(2.0));
        assert_eq!(window.values().iter().sum::<f64>(), 9.0);
    }

    #[test]
    fn the_seam_comes_once_per_window() {
        let mut window = Window::new(4);
        let seams = (0..12).filter(|n| {
            window.push(f64::from(*n));
            window.at_seam()
        });
        assert_eq!(seams.collect::<Vec<_>>(), [3, 7, 11]);
    }
}
