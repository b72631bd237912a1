//! How each state was found, in about two bytes a state.
//!
//! States are numbered as they are found, and their successors are looked for in the same order. So it is enough to
//! write down, for one state after the other, how many new states it led to, and each time by which of its actions:
//! the new states have the next numbers. Who leads to a state is found by reading on from a mark; the states
//! themselves are not kept, the way is gone again from the beginning. Before all comes an entry for what leads to the
//! initial states.
use super::model::Model;
use super::report::Failed;

/// A mark is made after so many entries.
const MARK_EVERY: u64 = 1_024;

/// A step on the way: which of the actions, or of the initial states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) ordinal: u32,
    /// Whether the actions are all those of the state although it could do with fewer.
    pub(super) full: bool,
}

#[derive(Clone, Copy, Default)]
struct Mark {
    entry: u64,
    child: u64,
    at: usize,
}

/// The entries.
#[derive(Default)]
pub(super) struct Ancestry {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
    entries: u64,
    children: u64,
}

/// Writes the entry of one state.
pub(super) fn write_entry(bytes: &mut Vec<u8>, full: bool, ordinals: impl ExactSizeIterator<Item = u32>) {
    write(bytes, (ordinals.len() as u64) << 1 | u64::from(full));
    for ordinal in ordinals {
        write(bytes, ordinal.into());
    }
}

/// How many bytes the head of an entry takes, and each ordinal.
pub(super) fn head_bytes(children: usize) -> u64 {
    length((children as u64) << 1)
}
pub(super) fn ordinal_bytes(ordinal: u32) -> u64 {
    length(ordinal.into())
}

fn length(number: u64) -> u64 {
    (64 - (number | 1).leading_zeros()).div_ceil(7).into()
}

#[inline]
fn write(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 128 {
        bytes.push(number as u8 | 128);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read(bytes: &[u8], at: &mut usize) -> u64 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = bytes[*at];
        *at += 1;
        number |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return number;
        }
        shift += 7;
    }
}

impl Ancestry {
    /// Appends entries that were written by [`write_entry`].
    pub(super) fn append(&mut self, bytes: &[u8], entries: u64, children: u64) {
        if self.marks.last().is_none_or(|mark| self.entries >= mark.entry + MARK_EVERY) {
            self.marks.push(Mark { entry: self.entries, child: self.children, at: self.bytes.len() });
        }
        self.bytes.extend_from_slice(bytes);
        self.entries += entries;
        self.children += children;
    }

    /// How many entries there are.
    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    /// The steps that lead to what has entry number `entry`: to nowhere for the first one, else to the state with
    /// the number before.
    pub(super) fn way(&self, mut entry: u64) -> Vec<Step> {
        let mut steps = Vec::new();
        while let Some(state) = entry.checked_sub(1) {
            let (parent, step) = self.parent(state);
            steps.push(step);
            entry = parent;
        }
        steps.reverse();
        steps
    }

    fn parent(&self, state: u64) -> (u64, Step) {
        assert!(state < self.children, "state {state} of {}", self.children);
        let mark = self.marks[self.marks.partition_point(|mark| mark.child <= state) - 1];
        let Mark { mut entry, mut child, mut at } = mark;
        loop {
            let head = read(&self.bytes, &mut at);
            let count = head >> 1;
            if state < child + count {
                for _ in child..state {
                    read(&self.bytes, &mut at);
                }
                let ordinal = read(&self.bytes, &mut at) as u32;
                return (entry, Step { ordinal, full: head & 1 == 1 });
            }
            for _ in 0..count {
                read(&self.bytes, &mut at);
            }
            child += count;
            entry += 1;
        }
    }
}

/// Finds what may happen in `state`, or if `reduced` a part of it that is enough. True: it is a part.
pub(super) fn list<M: Model>(
    model: &M,
    state: &M::State,
    reduced: bool,
    actions: &mut Vec<M::Action>,
) -> Result<bool, M::Error> {
    actions.clear();
    model.actions(state, actions)?;
    Ok(reduced && model.reduce(state, actions)?)
}

/// States, and the actions between them.
pub(super) struct Path<M: Model> {
    pub(super) states: Vec<M::State>,
    pub(super) actions: Vec<M::Action>,
}

impl<M: Model> Path<M> {
    pub(super) fn new() -> Self {
        Self { states: Vec::new(), actions: Vec::new() }
    }

    /// Goes the steps from the beginning. Where a model does not do again what it did, the path ends.
    pub(super) fn follow(model: &M, steps: &[Step], reduced: bool) -> Result<Self, Failed<M>> {
        let mut path = Self::new();
        for step in steps {
            match path.go(model, *step, reduced) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Err(path.failed(error)),
            }
        }
        Ok(path)
    }

    /// Goes one step further; false: there is no such step.
    pub(super) fn go(&mut self, model: &M, step: Step, reduced: bool) -> Result<bool, M::Error> {
        let Some(state) = self.states.last() else {
            self.states.extend(model.initial()?.into_iter().nth(step.ordinal as usize));
            return Ok(!self.states.is_empty());
        };
        let mut actions = Vec::new();
        list(model, state, reduced && !step.full, &mut actions)?;
        let Some(action) = actions.into_iter().nth(step.ordinal as usize) else { return Ok(false) };
        let Some(next) = model.next(state, &action)? else { return Ok(false) };
        self.actions.push(action);
        self.states.push(next);
        Ok(true)
    }

    /// Adds the action of a step that cannot be gone to its end.
    pub(super) fn try_action(&mut self, model: &M, step: Step, reduced: bool) {
        let mut actions = Vec::new();
        let last = self.states.last();
        if last.is_some_and(|state| list(model, state, reduced && !step.full, &mut actions).is_ok()) {
            self.actions.extend(actions.into_iter().nth(step.ordinal as usize));
        }
    }

    pub(super) fn failed(self, error: M::Error) -> Failed<M> {
        Failed { error, states: self.states, actions: self.actions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Fingerprint;

    #[test]
    fn finds_the_way_to_each_of_many_states() {
        for seed in 0..20u64 {
            let chance = |entry: u64, what: u64| Fingerprint::of(&(seed, entry, what));
            let mut ancestry = Ancestry::default();
            let mut parents: Vec<(u64, Step)> = Vec::new();
            let mut entry = 0;
            while entry <= parents.len() as u64 && entry < 5_000 {
                let (mut bytes, mut children) = (Vec::new(), 0);
                let batch = 1 + chance(entry, 0) % 70;
                let begin = entry;
                while entry < begin + batch && entry <= parents.len() as u64 {
                    let count = if entry == 0 { 3 } else { chance(entry, 1) % 4 };
                    let full = chance(entry, 2).is_multiple_of(5);
                    let ordinals: Vec<u32> =
                        (0..count).map(|it| (it * (1 + chance(entry, 3) % 9_000)) as u32).collect();
                    parents.extend(ordinals.iter().map(|&ordinal| (entry, Step { ordinal, full })));
                    write_entry(&mut bytes, full, ordinals.iter().copied());
                    let size = ordinals.iter().map(|it| ordinal_bytes(*it)).sum::<u64>();
                    children += count;
                    assert!(bytes.len() as u64 >= head_bytes(ordinals.len()) + size);
                    entry += 1;
                }
                ancestry.append(&bytes, entry - begin, children);
            }
            for (state, parent) in parents.iter().enumerate() {
                assert_eq!(ancestry.parent(state as u64), *parent);
            }
            let last = parents.len() as u64;
            let way = ancestry.way(last);
            assert_eq!(*way.last().unwrap(), parents.last().unwrap().1);
            assert!(ancestry.way(0).is_empty());
        }
    }
}
