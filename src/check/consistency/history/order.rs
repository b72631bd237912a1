//! From times to places: the events of a history in one order.
use rayon::slice::ParallelSliceMut;

use super::{History, Malformed, NEVER};
use crate::sim::Outcome;

/// The completion time of an operation that never completes.
pub(super) const OPEN: i64 = i64::MAX;

const LIMIT: usize = (u32::MAX / 2) as usize;

/// Checks that the times are possible and fills in the places of all events.
///
/// Events are ordered by time. Among those of one instant, invocations come before completions, except that a
/// process invokes only after its own completion: each step of such a chain is one `level` up.
pub(super) fn arrange(history: &mut History, invoked: &[i64], completed: &[i64]) -> Result<(), Malformed> {
    if invoked.len() > LIMIT {
        return Err(Malformed::TooLong { limit: LIMIT, got: invoked.len() });
    }
    if let Some(row) = (0..invoked.len()).find(|row| completed[*row] < invoked[*row]) {
        let what = history.describe(row);
        return Err(Malformed::Backwards { row, what, invoked: invoked[row], completed: completed[row] });
    }
    let levels = Levels::of(history, invoked, completed)?;
    let mut events: Vec<(i64, u32, u32)> = Vec::with_capacity(2 * invoked.len());
    for row in 0..invoked.len() {
        events.push((invoked[row], levels.invoked[row], 2 * row as u32));
        if completed[row] != OPEN {
            events.push((completed[row], levels.completed[row], 2 * row as u32 + 1));
        }
    }
    events.par_sort_unstable();
    history.invoked = vec![0; invoked.len()];
    history.completed = vec![NEVER; invoked.len()];
    for (place, (_, _, event)) in events.into_iter().enumerate() {
        let column = if event % 2 == 0 { &mut history.invoked } else { &mut history.completed };
        column[event as usize / 2] = place as u32;
    }
    Ok(())
}

struct Levels {
    invoked: Vec<u32>,
    completed: Vec<u32>,
}

impl Levels {
    fn of(history: &History, invoked: &[i64], completed: &[i64]) -> Result<Self, Malformed> {
        let mut order: Vec<u32> = (0..invoked.len() as u32).collect();
        order.sort_by_key(|row| {
            let row = *row as usize;
            (invoked[row], completed[row])
        });
        let mut levels = Self { invoked: vec![0; invoked.len()], completed: vec![1; invoked.len()] };
        let mut latest: Vec<Option<usize>> = vec![None; history.names.processes.len()];
        for row in order {
            let row = row as usize;
            let latest = &mut latest[history.process[row] as usize];
            if let Some(open) = *latest {
                if completed[open] > invoked[row] {
                    return Err(overlap(history, open, row));
                }
                if completed[open] == invoked[row] {
                    levels.invoked[row] = levels.completed[open] + 1;
                }
            }
            if completed[row] == invoked[row] {
                levels.completed[row] = levels.invoked[row] + 1;
            }
            *latest = Some(row);
        }
        Ok(levels)
    }
}

fn overlap(history: &History, open: usize, row: usize) -> Malformed {
    let hint = if history.status[open] == Outcome::Info {
        " (an operation of status info stays open for ever: its client goes on as a new process)"
    } else {
        ""
    };
    Malformed::Overlap {
        row,
        what: history.describe(row),
        open,
        open_what: history.describe(open),
        process: history.names.processes[history.process[row] as usize].clone(),
        hint,
    }
}
