//! What was asked of a world and what it answered: the record that consistency checkers judge.
use serde::{Deserialize, Serialize};

use super::chunked::Chunked;
use super::operation::{Operation, Outcome};
use super::protocol::{NodeId, OpId, Protocol, Time};

/// One operation: asked of a node, perhaps answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Op<P: Protocol> {
    /// The node that was asked.
    pub node: NodeId,
    /// The workload it belongs to; `u32::MAX`: none.
    pub load: u32,
    /// When it was asked: where a world is moved by hand, when the question was delivered.
    pub called_at: Time,
    /// What was asked.
    pub call: P::Call,
    /// The answer and its time, once there is one.
    pub answer: Option<(Time, P::Reply)>,
}

impl<P: Protocol> Op<P> {
    /// The answer, once there is one.
    pub fn reply(&self) -> Option<&P::Reply> {
        self.answer.as_ref().map(|(_, reply)| reply)
    }

    /// Whether it took effect; what is not answered may have.
    pub fn outcome(&self) -> Outcome {
        self.reply().map_or(Outcome::Info, P::outcome)
    }

    /// How it appears in a history.
    pub fn describe(&self) -> Operation {
        P::describe(&self.call, self.reply())
    }
}

/// No workload.
pub const NO_LOAD: u32 = u32::MAX;

/// Every operation of a run, in the order in which they were asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct History<P: Protocol> {
    ops: Chunked<Op<P>>,
    answered: u64,
}

impl<P: Protocol> Default for History<P> {
    fn default() -> Self {
        Self { ops: Chunked::default(), answered: 0 }
    }
}

/// Operations in the order in which they were asked.
impl<P: Protocol> FromIterator<Op<P>> for History<P> {
    fn from_iter<I: IntoIterator<Item = Op<P>>>(ops: I) -> Self {
        let mut history = Self::default();
        for op in ops {
            history.answered += u64::from(op.answer.is_some());
            history.ops.push(op);
        }
        history
    }
}

impl<P: Protocol> History<P> {
    /// The operations, in the order in which they were asked. Forks of a world share them.
    pub fn ops(&self) -> &Chunked<Op<P>> {
        &self.ops
    }

    /// One of them.
    pub fn op(&self, id: OpId) -> Option<&Op<P>> {
        self.ops.get(usize::try_from(id.0).ok()?)
    }

    /// How many have been answered.
    pub fn answered(&self) -> u64 {
        self.answered
    }

    pub(super) fn ask(&mut self, op: Op<P>) -> OpId {
        self.ops.push(op);
        OpId(self.ops.len() as u64 - 1)
    }

    /// An operation that waited is asked now.
    pub(super) fn asked(&mut self, id: OpId, at: Time) {
        if let Some(op) = usize::try_from(id.0).ok().and_then(|index| self.ops.get_mut(index)) {
            op.called_at = at;
        }
    }

    /// Notes an answer; the first one counts. Returns the operation it was the first answer of.
    pub(super) fn answer(&mut self, id: OpId, at: Time, reply: P::Reply) -> Option<&Op<P>> {
        let op = self.ops.get_mut(usize::try_from(id.0).ok()?)?;
        if op.answer.is_some() {
            return None;
        }
        op.answer = Some((at, reply));
        self.answered += 1;
        Some(op)
    }

    /// Which process each operation belongs to, as (node, lane): no two operations of one lane overlap.
    ///
    /// A node may have several operations open; checkers know only processes with one at a time. Each goes to
    /// the lowest lane of its node that is free; an operation without an answer, or with one that does not tell
    /// whether it took effect, keeps its lane for ever.
    /// Costs O(n log n).
    pub fn processes(&self) -> Vec<(NodeId, u32)> {
        let mut lanes: Vec<Lanes> = Vec::new();
        let mut lane_of = |op: &Op<P>| {
            if lanes.len() <= op.node.index() {
                lanes.resize_with(op.node.index() + 1, Lanes::default);
            }
            let known = op.answer.as_ref().filter(|(_, reply)| P::outcome(reply) != Outcome::Info);
            let end = known.map_or(Time::MAX, |(at, _)| *at);
            (op.node, lanes[op.node.index()].take(op.called_at, end))
        };
        // By hand, operations can be delivered in another order than they were numbered in.
        let mut order: Vec<(usize, &Op<P>)> = self.ops.iter().enumerate().collect();
        order.sort_by_key(|(_, op)| op.called_at);
        let mut processes = vec![(NodeId(0), 0); order.len()];
        for (index, op) in order {
            processes[index] = lane_of(op);
        }
        processes
    }
}

#[derive(Default)]
struct Lanes {
    free: std::collections::BTreeSet<u32>,
    busy: std::collections::BTreeSet<(Time, u32)>,
    count: u32,
}

impl Lanes {
    /// The lane for an operation from `start` to `end`; calls come in order of `start`.
    fn take(&mut self, start: Time, end: Time) -> u32 {
        while let Some(&(until, lane)) = self.busy.first()
            && until <= start
        {
            self.busy.pop_first();
            self.free.insert(lane);
        }
        let lane = self.free.pop_first().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        });
        self.busy.insert((end, lane));
        lane
    }
}
