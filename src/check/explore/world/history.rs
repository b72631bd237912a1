//! What was asked and answered on the way to a state, as a history that consistency checkers can judge.
//!
//! A state does not know when something happened; it knows of every operation which others had been answered before
//! it was asked. That is all that counts: the times here are made up to say just that.
use super::hash::spread;
use super::state::ANSWERED;
use super::tables::placed;
use super::view::View;
use crate::sim::{History, NO_LOAD, Op, Protocol, Time};

impl<P: Protocol> View<'_, P> {
    /// Every operation that was asked, those from before the exploration too, as a world would have recorded them.
    /// `None` unless the setup says that history counts.
    pub fn history(&self) -> Option<History<P>> {
        if !self.history {
            return None;
        }
        let mut ops: Vec<Op<P>> = self.past.ops().iter().cloned().collect();
        let past = ops.len() as u64;
        let (called, answered) = self.times();
        for (at, asked) in self.operations().enumerate() {
            let answer = asked.reply.map(|reply| (answered[at], reply.clone()));
            let known = ops.get_mut(usize::try_from(asked.id.0).unwrap_or(usize::MAX));
            match known.filter(|_| asked.id.0 < past) {
                Some(op) => op.answer = answer,
                None if asked.asked => ops.push(Op {
                    node: asked.node,
                    load: NO_LOAD,
                    called_at: called[at],
                    call: asked.call.clone(),
                    answer,
                }),
                None => {}
            }
        }
        Some(ops.into_iter().collect())
    }

    /// A hash of what [`history`](Self::history) says: states in which it is the same have the same. For remembering
    /// verdicts.
    pub fn history_hash(&self) -> u64 {
        let op = |at: usize| {
            let word = self.words[self.layout.op(at)];
            let answer = match word.checked_sub(ANSWERED) {
                Some(reply) => self.tables.replies.get(reply).hash,
                None => [u64::from(word); 2],
            };
            let before = if self.history { self.layout.answered_before(self.words, at) } else { 0 };
            placed(&answer, 0, at as u64) ^ spread(before)
        };
        (0..self.layout.ops).fold(0, |hash, at| spread(hash ^ op(at)))
    }

    /// When each operation was asked and answered, made up.
    fn times(&self) -> (Vec<Time>, Vec<Time>) {
        let count = self.layout.ops;
        let (mut called, mut answered) = (vec![self.now; count], vec![Time::MAX; count]);
        let word = |at: usize| self.words[self.layout.op(at)];
        let before = |at: usize| self.layout.answered_before(self.words, at);
        let mut order: Vec<usize> = (0..count).filter(|at| word(*at) > 0).collect();
        order.sort_by_key(|at| (before(*at).count_ones(), *at));
        let mut clock = self.now;
        let mut tick = || {
            clock += 1;
            clock
        };
        for at in order {
            for other in (0..count).filter(|other| before(at) >> other & 1 != 0) {
                if answered[other] == Time::MAX {
                    answered[other] = tick();
                }
            }
            called[at] = tick();
        }
        for other in (0..count).filter(|other| word(*other) >= ANSWERED) {
            if answered[other] == Time::MAX {
                answered[other] = tick();
            }
        }
        (called, answered)
    }
}
