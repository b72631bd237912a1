//! The events of an execution in their chains, and which send each delivery belongs to.
use rustc_hash::FxBuildHasher;

use super::Error;
use crate::sim::RowKind;

/// No row, no delivery, no node.
pub const NONE: u32 = u32::MAX;

/// An execution as columns, a row each, in the order in which things happened.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// Where it happened; at no node of the execution: the row is no event.
    pub node: &'a [u32],
    /// What happened: codes of [`RowKind`].
    pub kind: &'a [u8],
    /// Which message it is about: equal in a send and its delivery.
    pub id: &'a [u64],
    /// For a copy of a message: the id of the message.
    pub cause: &'a [u64],
}

/// A message that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The row of its arrival.
    pub row: u32,
    /// The row of its send.
    pub send: u32,
    /// The delivery before it at the same node; [`NONE`]: it is the first.
    pub previous: u32,
}

/// Chains, and who sent what is received.
#[derive(Clone, Debug)]
pub struct Layout {
    nodes: usize,
    /// The node of each row; [`NONE`]: no event.
    node: Vec<u32>,
    /// The place of each event in its chain, from 1.
    place: Vec<u32>,
    /// The last delivery at the node up to here, this row included.
    delivery: Vec<u32>,
    deliveries: Vec<Delivery>,
    /// Deliveries whose send is not in the trace.
    unmatched: usize,
}

impl Layout {
    pub(super) fn new(columns: &Columns, nodes: usize) -> Result<Self, Error> {
        let rows = columns.node.len();
        if [columns.kind.len(), columns.id.len(), columns.cause.len()].iter().any(|len| *len != rows) {
            return Err(Error::Ragged("node, kind, id and cause must have a value for each row"));
        }
        if rows >= NONE as usize {
            return Err(Error::TooLong);
        }
        let sends = Sends::new(columns);
        let mut layout = Self {
            nodes,
            node: Vec::with_capacity(rows),
            place: Vec::with_capacity(rows),
            delivery: Vec::with_capacity(rows),
            deliveries: Vec::new(),
            unmatched: 0,
        };
        let mut last = vec![(0_u32, NONE); nodes];
        for row in 0..rows {
            let kind = columns.kind[row];
            // A drop happens in the network, and a copy is made there.
            let nowhere = kind == RowKind::Drop as u8 || kind == RowKind::Duplicate as u8;
            let node = columns.node[row];
            if nowhere || node as usize >= nodes {
                layout.push(NONE, 0, NONE);
                continue;
            }
            let (place, delivery) = &mut last[node as usize];
            *place += 1;
            if kind == RowKind::Deliver as u8 {
                match sends.row_of(columns.id[row]) {
                    Some(send) if send as usize >= row => {
                        return Err(Error::Reversed { row, id: columns.id[row], send: send as usize });
                    }
                    Some(send) if layout.is_event(send as usize) => {
                        let previous = *delivery;
                        *delivery = layout.deliveries.len() as u32;
                        layout.deliveries.push(Delivery { row: row as u32, send, previous });
                    }
                    _ => layout.unmatched += 1,
                }
            }
            let (place, delivery) = (*place, *delivery);
            layout.push(node, place, delivery);
        }
        Ok(layout)
    }

    fn push(&mut self, node: u32, place: u32, delivery: u32) {
        self.node.push(node);
        self.place.push(place);
        self.delivery.push(delivery);
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.node.len()
    }

    /// How many deliveries have no send in the trace: its ring has let it go, and what it carried is not known.
    pub fn unmatched(&self) -> usize {
        self.unmatched
    }

    /// Whether the row is an event of a node.
    #[inline]
    pub fn is_event(&self, row: usize) -> bool {
        self.node[row] != NONE
    }

    /// The node of an event.
    #[inline]
    pub fn node(&self, row: usize) -> usize {
        self.node[row] as usize
    }

    /// The nodes of all rows; [`NONE`]: no event.
    pub fn node_column(&self) -> &[u32] {
        &self.node
    }

    /// The place of an event in its chain, from 1; its node's own entry in its stamp.
    #[inline]
    pub fn place(&self, row: usize) -> u32 {
        self.place[row]
    }

    /// The places of all rows; 0: no event.
    pub fn place_column(&self) -> &[u32] {
        &self.place
    }

    /// The last delivery at the node of an event, up to and including it.
    #[inline]
    pub fn delivery_before(&self, row: usize) -> Option<usize> {
        (self.delivery[row] != NONE).then_some(self.delivery[row] as usize)
    }

    /// All deliveries whose send is known, in the order of their rows.
    pub fn delivery_column(&self) -> &[Delivery] {
        &self.deliveries
    }

    /// The row of the send whose message is received in `row`, if that is a delivery.
    #[inline]
    pub fn send_of(&self, row: usize) -> Option<usize> {
        let last = self.deliveries[self.delivery_before(row)?];
        (last.row as usize == row).then_some(last.send as usize)
    }
}

/// The row of each send, by the id of its message.
enum Sends {
    /// Ids that lie close together: the usual case, for they are counted.
    Near {
        first: u64,
        rows: Vec<u32>,
    },
    Far(indexmap::IndexMap<u64, u32, FxBuildHasher>),
}

impl Sends {
    fn new(columns: &Columns) -> Self {
        let sends = |kind: u8| kind == RowKind::Send as u8 || kind == RowKind::Duplicate as u8;
        let ids =
            || columns.kind.iter().zip(columns.id).filter(move |(kind, _)| sends(**kind)).map(|(_, id)| *id);
        let (first, last) = ids().fold((u64::MAX, 0), |(low, high), id| (low.min(id), high.max(id)));
        let mut found = match last.checked_sub(first) {
            // Other things than messages take numbers too.
            Some(width) if width <= 16 * (columns.node.len() as u64 + 64) => {
                Self::Near { first, rows: vec![NONE; width as usize + 1] }
            }
            _ => Self::Far(indexmap::IndexMap::with_hasher(FxBuildHasher)),
        };
        for row in 0..columns.node.len() {
            let kind = columns.kind[row];
            if kind == RowKind::Send as u8 {
                found.insert(columns.id[row], row as u32);
            } else if kind == RowKind::Duplicate as u8
                && let Some(send) = found.original(columns, row)
            {
                found.insert(columns.id[row], send);
            }
        }
        found
    }

    /// The send of the message that a row copies: the message that it names as its cause, if that is the node's own,
    /// or else the row before it.
    fn original(&self, columns: &Columns, row: usize) -> Option<u32> {
        let own = |send: &u32| columns.node[*send as usize] == columns.node[row];
        let before = row.checked_sub(1).filter(|before| columns.kind[*before] == RowKind::Send as u8);
        let before = before.map(|row| row as u32);
        self.row_of(columns.cause[row]).filter(own).or(before.filter(own))
    }

    fn insert(&mut self, id: u64, row: u32) {
        match self {
            Self::Near { first, rows } => rows[(id - *first) as usize] = row,
            Self::Far(rows) => {
                rows.insert(id, row);
            }
        }
    }

    #[inline]
    fn row_of(&self, id: u64) -> Option<u32> {
        match self {
            Self::Near { first, rows } => {
                let at = usize::try_from(id.checked_sub(*first)?).ok()?;
                rows.get(at).copied().filter(|row| *row != NONE)
            }
            Self::Far(rows) => rows.get(&id).copied(),
        }
    }
}
