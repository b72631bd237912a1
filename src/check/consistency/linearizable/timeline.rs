//! The operations on one object as a sequence of invocations and returns, each in a slot while it is open.
use crate::check::consistency::history::{History, NEVER};
use crate::check::consistency::spec::Object;

/// What a search goes through.
pub struct Timeline {
    /// Twice the number of an operation, and one more if it returns.
    pub events: Vec<u32>,
    /// Of each operation: its slot. No two open operations share one.
    pub slot: Vec<u32>,
    /// Of each operation: the event of its invocation.
    pub invoked: Vec<u32>,
    /// Of each operation: the place of its return in the history.
    pub deadline: Vec<u32>,
    /// Whether the operation changes nothing, whatever the state.
    pub observes: Vec<bool>,
    /// How many slots there are.
    pub width: usize,
    /// The slots of operations that never return.
    pub endless: Vec<u32>,
}

impl Timeline {
    /// The timeline of some rows, which are in the order of their invocation. O(n log n).
    pub fn new(history: &History, rows: &[u32], object: &impl Object) -> Self {
        let deadline: Vec<u32> = rows.iter().map(|row| history.completed[*row as usize]).collect();
        let observes: Vec<bool> = (0..rows.len() as u32).map(|op| object.observes(op)).collect();
        let mut returns: Vec<(u32, u32)> = vec![];
        for (op, place) in deadline.iter().enumerate() {
            if *place != NEVER {
                returns.push((*place, op as u32));
            }
        }
        returns.sort_unstable();
        let mut line = Self {
            events: Vec::with_capacity(2 * rows.len()),
            slot: vec![0; rows.len()],
            invoked: vec![0; rows.len()],
            deadline,
            observes,
            width: 0,
            endless: vec![],
        };
        let mut free = vec![];
        let mut returns = returns.into_iter().peekable();
        for (op, row) in rows.iter().enumerate() {
            let invoked = history.invoked[*row as usize];
            while let Some((_, done)) = returns.next_if(|(place, _)| *place < invoked) {
                line.events.push(2 * done + 1);
                free.push(line.slot[done as usize]);
            }
            let endless = line.deadline[op] == NEVER;
            if endless && (line.observes[op] || !object.matters(op as u32)) {
                continue;
            }
            // What never returns never gives its slot back, and takes none that another one had.
            let used = if endless { None } else { free.pop() };
            let slot = used.unwrap_or(line.width as u32);
            line.width = line.width.max(slot as usize + 1);
            line.slot[op] = slot;
            if endless {
                line.endless.push(slot);
            }
            line.invoked[op] = line.events.len() as u32;
            line.events.push(2 * op as u32);
        }
        line.events.extend(returns.map(|(_, done)| 2 * done + 1));
        line
    }
}
