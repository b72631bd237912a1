//! Who can have caused what: the happens-before order of a recorded execution (Lamport 1978; notes, Definition 3.4).
//!
//! An event is a row of a trace at a node. Events of one node form a chain, and a delivery follows its send; the
//! order is what follows from these two. Every event has a vector stamp ([`Causality::entry`]), but an execution of
//! `n` nodes does not keep `n` numbers for each event:
//!
//! - between two deliveries the vector of a node changes in its own entry only, which is the event's place in its
//!   chain: events share the vector of the last delivery before them ([`Layout`]);
//! - the vectors of deliveries are cut into windows. What is kept of each is what is alive where it begins: a vector
//!   for each node, and one for each message under way; the rest is worked out again when somebody asks, and kept
//!   as long as it fits into a budget (`vectors.rs`).
mod cut;
mod layout;
mod path;
mod vectors;

pub use cut::{Cut, Gap};
pub use layout::{Columns, Delivery, Layout, NONE};

use crate::machines::clocks::Relation;
use vectors::Vectors;

/// How much memory the vectors may take, where nothing else is said: 512 MiB.
pub const BUDGET_BYTES: usize = 512 << 20;

/// Why an execution cannot be ordered, or a question not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Columns of different lengths.
    #[error("columns of different lengths: {0}")]
    Ragged(&'static str),
    /// More rows than are counted.
    #[error("more than 2^32 - 2 rows")]
    TooLong,
    /// A message that arrives before it is sent.
    #[error("row {row}: message {id} is delivered before it is sent, in row {send}")]
    Reversed {
        /// The delivery.
        row: usize,
        /// The message.
        id: u64,
        /// The send.
        send: usize,
    },
    /// No such row.
    #[error("row {row}: there are {rows} rows")]
    UnknownRow {
        /// What was asked for.
        row: usize,
        /// How many there are.
        rows: usize,
    },
    /// A row that is no event of a node.
    #[error("row {row} is no event of a node: it has no place in the order")]
    NoEvent {
        /// What was asked for.
        row: usize,
    },
}

/// The happens-before order of an execution.
///
/// ```
/// use distlab::check::causality::{Causality, Columns};
/// use distlab::machines::clocks::Relation;
/// use distlab::sim::RowKind;
/// // Node 0 sends message 7 and then does something else; node 1 receives it.
/// let kinds = [RowKind::Send as u8, RowKind::Timer as u8, RowKind::Deliver as u8];
/// let columns = Columns { node: &[0, 0, 1], kind: &kinds, id: &[7, 1, 7], cause: &[0; 3] };
/// let mut order = Causality::new(&columns, 2, usize::MAX).unwrap();
/// assert_eq!(order.relation(0, 2), Ok(Relation::Before));
/// assert_eq!(order.relation(1, 2), Ok(Relation::Concurrent));
/// ```
#[derive(Clone, Debug)]
pub struct Causality {
    layout: Layout,
    vectors: Vectors,
}

impl Causality {
    /// Orders the rows of an execution of `nodes` nodes. O(rows + deliveries x nodes).
    pub fn new(columns: &Columns, nodes: usize, budget_bytes: usize) -> Result<Self, Error> {
        let layout = Layout::new(columns, nodes)?;
        let vectors = Vectors::new(&layout, budget_bytes);
        Ok(Self { layout, vectors })
    }

    /// Chains, and who sent what is received.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How much memory the vectors take now.
    pub fn vector_bytes(&self) -> usize {
        self.vectors.bytes()
    }

    /// The entry of `node` in the vector stamp of the event in `row`: how many events of that node happened before
    /// it or are it. By the standard rule: every event counts, sends and deliveries included.
    pub fn entry(&mut self, row: usize, node: usize) -> Result<u32, Error> {
        self.event(row)?;
        if self.layout.node(row) == node {
            return Ok(self.layout.place(row));
        }
        Ok(match self.layout.delivery_before(row) {
            Some(delivery) => self.vectors.row(&self.layout, delivery)[node],
            None => 0,
        })
    }

    /// Writes the vector stamp of the event in `row`.
    pub fn stamp(&mut self, row: usize, stamp: &mut [u32]) -> Result<(), Error> {
        self.event(row)?;
        match self.layout.delivery_before(row) {
            Some(delivery) => stamp.copy_from_slice(self.vectors.row(&self.layout, delivery)),
            None => stamp.fill(0),
        }
        stamp[self.layout.node(row)] = self.layout.place(row);
        Ok(())
    }

    /// Whether the event in row `a` happened before that in row `b`.
    pub fn happens_before(&mut self, a: usize, b: usize) -> Result<bool, Error> {
        self.event(a)?;
        let (node, place) = (self.layout.node(a), self.layout.place(a));
        Ok(a != b && self.entry(b, node)? >= place)
    }

    /// For each pair of rows, whether the event in the first happened before that in the second. The pairs are looked
    /// at in the order of their windows, so that each window is worked out once.
    pub fn happen_before(&mut self, pairs: &[(u32, u32)]) -> Result<Vec<bool>, Error> {
        for (a, b) in pairs {
            self.event(*a as usize)?;
            self.event(*b as usize)?;
        }
        let mut order: Vec<u32> = (0..pairs.len() as u32).collect();
        order.sort_by_key(|at| self.layout.delivery_before(pairs[*at as usize].1 as usize));
        let mut found = vec![false; pairs.len()];
        for at in order {
            let (a, b) = pairs[at as usize];
            found[at as usize] = self.happens_before(a as usize, b as usize)?;
        }
        Ok(found)
    }

    /// How the event in row `a` stands to that in row `b`.
    pub fn relation(&mut self, a: usize, b: usize) -> Result<Relation, Error> {
        Ok(match (self.happens_before(a, b)?, self.happens_before(b, a)?) {
            (true, _) => Relation::Before,
            (_, true) => Relation::After,
            _ if a == b => Relation::Equal,
            _ => Relation::Concurrent,
        })
    }

    /// The rows of all that happened before the event in `row`, as a mask; the event itself is not among them.
    pub fn past(&mut self, row: usize) -> Result<Vec<bool>, Error> {
        let mut stamp = vec![0; self.layout.nodes()];
        self.stamp(row, &mut stamp)?;
        let happened = |other: usize| {
            other != row && self.layout.is_event(other) && {
                self.layout.place(other) <= stamp[self.layout.node(other)]
            }
        };
        Ok((0..self.layout.rows()).map(happened).collect())
    }

    /// The rows of all that happened after the event in `row`, as a mask.
    pub fn future(&mut self, row: usize) -> Result<Vec<bool>, Error> {
        self.event(row)?;
        // A chain is in the future from the first of its events on that is: one pass, in the order of rows.
        let mut reached = vec![false; self.layout.nodes()];
        let mut future = vec![false; self.layout.rows()];
        for other in row..self.layout.rows() {
            if !self.layout.is_event(other) {
                continue;
            }
            let node = self.layout.node(other);
            let carried = self.layout.send_of(other).is_some_and(|send| send == row || future[send]);
            reached[node] |= carried;
            future[other] = reached[node];
            reached[node] |= other == row;
        }
        Ok(future)
    }

    fn event(&self, row: usize) -> Result<(), Error> {
        match () {
            () if row >= self.layout.rows() => Err(Error::UnknownRow { row, rows: self.layout.rows() }),
            () if !self.layout.is_event(row) => Err(Error::NoEvent { row }),
            () => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
