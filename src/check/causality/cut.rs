//! Cuts through an execution: what of it is inside, and whether that could have been all at some time.
use super::{Causality, Error};

/// Why a cut is not consistent: something inside whose cause is outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap {
    /// A message that is received inside and sent outside.
    Message {
        /// The row of the send.
        send: usize,
        /// The row of the delivery.
        delivery: usize,
    },
    /// An event inside whose node did something outside before it.
    Earlier {
        /// The row outside.
        missing: usize,
        /// The row inside.
        present: usize,
    },
}

/// What a cut says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// What contradicts it; none: it is consistent.
    pub gaps: Vec<Gap>,
    /// Messages sent inside and received outside, as pairs of send and delivery: in transit where it cuts.
    pub in_transit: Vec<(usize, usize)>,
}

impl Causality {
    /// A cut of the first `frontier[node]` events of each node. O(deliveries).
    pub fn cut_at(&self, frontier: &[u32]) -> Cut {
        let layout = self.layout();
        self.cut(|row| layout.place(row) <= frontier[layout.node(row)])
    }

    /// A cut of the events in the rows of a mask. Rows that are no events do not count. O(rows).
    pub fn cut_of(&self, inside: &[bool]) -> Result<Cut, Error> {
        let layout = self.layout();
        if inside.len() != layout.rows() {
            return Err(Error::Ragged("a mask must have a value for each row"));
        }
        let mut cut = self.cut(|row| inside[row]);
        let mut missing = vec![None; layout.nodes()];
        for row in (0..layout.rows()).filter(|row| layout.is_event(*row)) {
            let missing: &mut Option<usize> = &mut missing[layout.node(row)];
            match (inside[row], *missing) {
                (false, None) => *missing = Some(row),
                (true, Some(missing)) => cut.gaps.push(Gap::Earlier { missing, present: row }),
                _ => {}
            }
        }
        cut.gaps.sort_unstable();
        Ok(cut)
    }

    fn cut(&self, inside: impl Fn(usize) -> bool) -> Cut {
        let mut cut = Cut::default();
        for it in self.layout().delivery_column() {
            let (send, delivery) = (it.send as usize, it.row as usize);
            match (inside(send), inside(delivery)) {
                (false, true) => cut.gaps.push(Gap::Message { send, delivery }),
                (true, false) => cut.in_transit.push((send, delivery)),
                _ => {}
            }
        }
        cut
    }
}
