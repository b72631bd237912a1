//! Chains of causes: the longest ones, and what an event waited for.
use super::layout::NONE;
use super::{Causality, Error};

impl Causality {
    /// The Lamport stamp of every row by the standard rule: the length of the longest chain of causes that ends with
    /// it; 0 for rows that are no events. O(rows).
    pub fn lamport(&self) -> Vec<u32> {
        self.chains().0
    }

    /// The rows of a longest chain of causes. Of equally long ones the one that ends first.
    pub fn longest_chain(&self) -> Vec<usize> {
        let (lengths, causes) = self.chains();
        let Some(longest) = lengths.iter().max().filter(|length| **length > 0) else { return vec![] };
        let end = lengths.iter().position(|length| length == longest);
        let mut chain = vec![];
        let mut at = end.map_or(NONE, |row| row as u32);
        while at != NONE {
            chain.push(at as usize);
            at = causes[at as usize];
        }
        chain.reverse();
        chain
    }

    /// Length and last cause of the longest chain that ends with each row; of equally long ones through the message.
    fn chains(&self) -> (Vec<u32>, Vec<u32>) {
        let layout = self.layout();
        let (mut lengths, mut causes) = (vec![0; layout.rows()], vec![NONE; layout.rows()]);
        let mut last = vec![NONE; layout.nodes()];
        for row in (0..layout.rows()).filter(|row| layout.is_event(*row)) {
            let local = &mut last[layout.node(row)];
            let length = |row: u32| if row == NONE { 0 } else { lengths[row as usize] };
            let send = layout.send_of(row).map_or(NONE, |send| send as u32);
            let cause = if length(send) >= length(*local) && send != NONE { send } else { *local };
            let longest = length(cause) + 1;
            (lengths[row], causes[row]) = (longest, cause);
            *local = row as u32;
        }
        (lengths, causes)
    }

    /// What the event in `row` waited for: from it back to the cause that came last, and so on, to an event without a
    /// cause; the oldest row first. A step to another node is a message.
    pub fn critical_path(&self, row: usize) -> Result<Vec<usize>, Error> {
        self.event(row)?;
        let layout = self.layout();
        let mut before = vec![NONE; layout.rows()];
        let mut last = vec![NONE; layout.nodes()];
        for row in (0..=row).filter(|row| layout.is_event(*row)) {
            let local = &mut last[layout.node(row)];
            // Rows are in the order of time: of two causes the later row came last.
            before[row] = match (layout.send_of(row), *local) {
                (Some(send), NONE) => send as u32,
                (Some(send), local) => local.max(send as u32),
                (None, local) => local,
            };
            *local = row as u32;
        }
        let mut path = vec![row];
        let mut at = before[row];
        while at != NONE {
            path.push(at as usize);
            at = before[at as usize];
        }
        path.reverse();
        Ok(path)
    }
}
