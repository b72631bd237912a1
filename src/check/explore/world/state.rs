//! A state of the explored world: a few numbers.
//!
//! ```text
//! budget left (3 words, two counts each) | cut | monitor | broken | nodes | operations | messages (2 words each)
//! ```
//! Messages are sorted by link. On a link that keeps order they stand in that order; on any other one by the hashes
//! of their content: never by number, because numbers hang on which thread came first.
use crate::sim::NodeId;

/// A state. Only [`Worlds`](super::Worlds) can read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State(pub(super) Box<[u32]>);

/// A state that is being made.
pub(super) type Draft = smallvec::SmallVec<[u32; 64]>;

pub(super) const CUT: usize = 3;
pub(super) const MONITOR: usize = 4;
pub(super) const BROKEN: usize = 5;
pub(super) const NODES: usize = 6;

/// What a budget limits. The places of the counts in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spent {
    Crash,
    Recovery,
    Drop,
    Duplicate,
    Partition,
    Timeout,
}

/// A count that has no end.
pub(super) const ENDLESS: u32 = u16::MAX as u32;

/// How often something may still happen.
pub(super) fn left(words: &[u32], what: Spent) -> u32 {
    let place = what as usize;
    words[place / 2] >> (16 * (place % 2)) & ENDLESS
}

/// It has happened once.
pub(super) fn spend(words: &mut [u32], what: Spent) {
    let left = left(words, what);
    debug_assert!(left > 0, "{what:?} is not in the budget");
    if left != ENDLESS {
        let place = what as usize;
        words[place / 2] -= 1 << (16 * (place % 2));
    }
}

/// The words of a budget.
pub(super) fn budget(counts: [Option<u32>; 6]) -> [u32; 3] {
    let mut words = [0; 3];
    for (place, count) in counts.into_iter().enumerate() {
        words[place / 2] |= count.unwrap_or(ENDLESS) << (16 * (place % 2));
    }
    words
}

/// An operation that nobody has asked.
pub(super) const UNASKED: u32 = 0;
/// An operation without an answer. Any higher number: that of the answer plus 2.
pub(super) const OPEN: u32 = 1;
pub(super) const ANSWERED: u32 = 2;

/// Where things are in a state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub nodes: usize,
    pub ops: usize,
    /// Words of an operation: its answer, and with history which operations were answered before it was asked.
    pub op_words: usize,
}

impl Layout {
    pub fn op(&self, at: usize) -> usize {
        NODES + self.nodes + at * self.op_words
    }
    pub fn flights(&self) -> usize {
        self.op(self.ops)
    }
    pub fn locals<'a>(&self, words: &'a [u32]) -> &'a [u32] {
        &words[NODES..NODES + self.nodes]
    }
    pub fn local(&self, words: &[u32], node: NodeId) -> u32 {
        words[NODES + node.index()]
    }
    /// Messages under way, as (link, message).
    pub fn messages<'a>(&self, words: &'a [u32]) -> &'a [[u32; 2]] {
        words[self.flights()..].as_chunks().0
    }
    /// The operations that were answered when one was asked, as a set.
    pub fn answered_before(&self, words: &[u32], at: usize) -> u64 {
        let at = self.op(at);
        u64::from(words[at + 1]) | u64::from(words[at + 2]) << 32
    }
}

/// A link, as a number that sorts by sender.
pub(super) fn link(from: NodeId, to: NodeId) -> u32 {
    from.0 << 16 | to.0
}

/// Both ends of a link.
pub(super) fn ends(link: u32) -> (NodeId, NodeId) {
    (NodeId(link >> 16), NodeId(link & 0xffff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_spent_one_by_one_and_endless_ones_never() {
        let mut words = budget([Some(2), None, Some(0), Some(65_534), Some(1), None]);
        assert_eq!(left(&words, Spent::Crash), 2);
        spend(&mut words, Spent::Crash);
        spend(&mut words, Spent::Crash);
        spend(&mut words, Spent::Recovery);
        spend(&mut words, Spent::Duplicate);
        spend(&mut words, Spent::Partition);
        assert_eq!(words, budget([Some(0), None, Some(0), Some(65_533), Some(0), None]));
    }

    #[test]
    fn links_sort_by_sender_and_name_both_ends() {
        assert_eq!(ends(link(NodeId(7), NodeId(65_534))), (NodeId(7), NodeId(65_534)));
        assert!(link(NodeId(1), NodeId(9)) < link(NodeId(2), NodeId(0)));
    }
}
