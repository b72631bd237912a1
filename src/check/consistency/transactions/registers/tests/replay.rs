//! The strong levels as stores: is there a run of begins and commits that explains what was read? A search
//! over all runs that remembers the states it has been in, for histories too large to try out all orders.
use std::collections::BTreeSet;

use crate::check::consistency::Model;
use crate::check::consistency::history::{Access, History};
use crate::sim::Outcome;

/// How many events of each session are over, what each key holds, and when it was last written.
type State = (Vec<usize>, Vec<(u32, u32)>);

struct Replay<'a> {
    history: &'a History,
    model: Model,
    sessions: Vec<Vec<u32>>,
    failed: BTreeSet<State>,
}

/// For histories of certain transactions with distinct values that see their own writes.
pub(super) fn holds(history: &History, model: Model) -> bool {
    let mut sessions = history.sessions();
    for session in &mut sessions {
        session.retain(|row| history.status[*row as usize] == Outcome::Ok);
    }
    let mut replay = Replay { history, model, sessions, failed: BTreeSet::new() };
    let start = (vec![0; replay.sessions.len()], vec![]);
    replay.run(start)
}

impl Replay<'_> {
    fn run(&mut self, state: State) -> bool {
        let width = if self.model == Model::Serializable { 1 } else { 2 };
        let is_left = |session: &usize| state.0[*session] < width * self.sessions[*session].len();
        let left: Vec<usize> = (0..self.sessions.len()).filter(is_left).collect();
        if left.is_empty() {
            return true;
        }
        if self.failed.contains(&state) {
            return false;
        }
        for session in left {
            let next = self.step(&state, session, width);
            if next.is_some_and(|next| self.run(next)) {
                return true;
            }
        }
        self.failed.insert(state);
        false
    }

    /// The state after the next event of a session, if it fits.
    fn step(&self, state: &State, session: usize, width: usize) -> Option<State> {
        let (mut over, mut store) = state.clone();
        let row = self.sessions[session][over[session] / width] as usize;
        let (begins, commits) =
            (over[session].is_multiple_of(width), (over[session] + 1).is_multiple_of(width));
        over[session] += 1;
        let mut own = vec![];
        for (key, access) in self.history.accesses.of(row) {
            match access {
                Access::Write(value) => own.push((key, value)),
                Access::Read(value) if begins && own.iter().all(|it| it.0 != key) => {
                    let held = store.iter().find(|it| it.0 == key).map_or(0, |it| it.1);
                    if held != value {
                        return None;
                    }
                }
                _ => {}
            }
        }
        if begins && width == 2 && self.model == Model::SnapshotIsolation && self.clashes(&over, row) {
            return None;
        }
        if commits {
            for (key, value) in own {
                store.retain(|it| it.0 != key);
                store.push((key, value));
            }
            store.sort_unstable();
        }
        Some((over, store))
    }

    /// Whether a transaction is under way that writes a key of one that begins.
    fn clashes(&self, over: &[usize], row: usize) -> bool {
        let writes = |row: usize| {
            let all = self.history.accesses.of(row);
            all.filter(|it| matches!(it.1, Access::Write(_))).map(|it| it.0).collect::<Vec<_>>()
        };
        let mine = writes(row);
        self.sessions.iter().zip(over).any(|(rows, over)| {
            let open = rows.get(over / 2).filter(|it| over % 2 == 1 && **it as usize != row);
            open.is_some_and(|open| writes(*open as usize).iter().any(|key| mine.contains(key)))
        })
    }
}
