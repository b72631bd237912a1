//! The transactions that took effect, by small numbers.
use crate::check::consistency::history::{History, NEVER};

/// The transactions that count, numbered from 0 in the order of their invocations, so that what happens at
/// about the same time has numbers close to each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Of each transaction, its row.
    pub rows: Vec<u32>,
    /// Of each row, its transaction; [`Committed::NONE`] if it does not count.
    pub numbers: Vec<u32>,
}

impl Committed {
    /// The number of a row that does not count.
    pub const NONE: u32 = u32::MAX;

    /// The rows that are wanted. O(n).
    pub fn new(history: &History, wanted: impl Fn(usize) -> bool) -> Self {
        // Places are below 2n in a whole history, and may have holes in a part of one.
        let end = history.invoked.iter().chain(&history.completed).filter(|it| **it != NEVER).max();
        let mut at_place = vec![Self::NONE; end.map_or(0, |end| *end as usize + 1)];
        for row in (0..history.len()).filter(|row| wanted(*row)) {
            at_place[history.invoked[row] as usize] = row as u32;
        }
        let rows: Vec<u32> = at_place.into_iter().filter(|row| *row != Self::NONE).collect();
        let mut numbers = vec![Self::NONE; history.len()];
        for (number, row) in rows.iter().enumerate() {
            numbers[*row as usize] = number as u32;
        }
        Self { rows, numbers }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row of a transaction.
    pub fn row(&self, transaction: u32) -> usize {
        self.rows[transaction as usize] as usize
    }

    /// The number of a row, if it counts.
    pub fn number(&self, row: u32) -> Option<u32> {
        Some(self.numbers[row as usize]).filter(|it| *it != Self::NONE)
    }
}
