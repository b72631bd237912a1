//! What comes of an action: the parts of the state that it touches are replaced.
use super::actions::{Action, What, sent_by};
use super::judge::Judge;
use super::local::Phase;
use super::state::{ANSWERED, CUT, Draft, NODES, OPEN, Spent, State, ends, left, link, spend};
use super::tables::Outcome;
use super::{Messages, Timing, Worlds};
use crate::sim::{NodeId, Protocol, StepKind};

impl<P: Protocol, J: Judge<P>> Worlds<P, J> {
    pub(super) fn after(&self, before: &[u32], action: &Action) -> State {
        let mut words = Draft::from_slice(before);
        words[super::state::BROKEN] = 0;
        let draft = &mut words;
        match action.what {
            What::Deliver { at } => {
                let to = ends(self.take_out(draft, at)[0]).1;
                self.step(draft, to, action, Some(StepKind::Handler));
            }
            What::Duplicate { at } => {
                spend(draft, Spent::Duplicate);
                let to = ends(self.layout.messages(draft)[at as usize][0]).1;
                self.step(draft, to, action, Some(StepKind::Handler));
            }
            What::Unheard { at } | What::DropToCut { at } => {
                self.take_out(draft, at);
            }
            What::Drop { at } => {
                spend(draft, Spent::Drop);
                self.take_out(draft, at);
            }
            What::Fire { node, .. } => {
                spend(draft, Spent::Timeout);
                self.step(draft, node, action, Some(StepKind::Handler));
            }
            What::Start { node } => self.step(draft, node, action, Some(StepKind::Handler)),
            What::Call { op } => {
                self.ask(draft, op as usize);
                self.step(draft, self.ops[op as usize].node, action, Some(StepKind::Handler));
            }
            What::Sync { node } => self.step(draft, node, action, None),
            What::Crash { node, lost } => {
                spend(draft, Spent::Crash);
                self.lose_own(draft, node, lost);
                self.step(draft, node, action, Some(StepKind::Crash));
                self.forget_unreachable(draft);
            }
            What::Recover { node } => {
                spend(draft, Spent::Recovery);
                self.step(draft, node, action, Some(StepKind::Handler));
                self.forget_unreachable(draft);
            }
            What::Cut { way } => {
                spend(draft, Spent::Partition);
                draft[CUT] |= (way + 1) << 1;
                self.lose_cut(draft);
            }
            What::Heal => draft[CUT] = 0,
        }
        State(words.into_boxed_slice())
    }

    /// A step of a node; `kind`: how invariants see it.
    fn step(&self, draft: &mut Draft, node: NodeId, action: &Action, kind: Option<StepKind>) {
        let outcome = &self.tables.outcomes.get(action.outcomes)[action.branch as usize];
        self.carry_out(draft, node, outcome, kind);
    }

    pub(super) fn carry_out(
        &self,
        draft: &mut Draft,
        node: NodeId,
        outcome: &Outcome<P>,
        kind: Option<StepKind>,
    ) {
        draft[NODES + node.index()] = outcome.local;
        for &(to, msg) in &outcome.sends {
            self.send(draft, node, to, msg);
        }
        for &(op, reply) in &outcome.replies {
            let at = self.layout.op(op as usize);
            if draft[at] == OPEN {
                draft[at] = ANSWERED + reply;
            }
        }
        if let Some(kind) = kind {
            self.look(draft, node, kind, &outcome.writes);
        }
    }

    fn ask(&self, draft: &mut Draft, op: usize) {
        if self.setup.history {
            let answered = (0..self.layout.ops).filter(|other| draft[self.layout.op(*other)] >= ANSWERED);
            let set = answered.fold(0_u64, |set, other| set | 1 << other);
            let at = self.layout.op(op);
            (draft[at + 1], draft[at + 2]) = (set as u32, (set >> 32) as u32);
        }
        draft[self.layout.op(op)] = OPEN;
    }

    /// A message leaves its node.
    pub(super) fn send(&self, draft: &mut Draft, from: NodeId, to: NodeId, msg: u32) {
        let link = link(from, to);
        if self.is_cut(draft, link) || self.is_gone(draft, to) {
            return;
        }
        let messages = self.layout.messages(draft);
        let start = messages.partition_point(|it| it[0] < link);
        let count = messages[start..].iter().take_while(|it| it[0] == link).count();
        let at = if self.in_order(link) {
            start + count
        } else {
            let hash = |msg: u32| self.tables.messages.get(msg).hash;
            let own = hash(msg);
            let place = start + messages[start..start + count].partition_point(|it| hash(it[1]) < own);
            if self.messages == Messages::Set && messages.get(place) == Some(&[link, msg]) {
                return;
            }
            place
        };
        draft.insert_from_slice(self.layout.flights() + 2 * at, &[link, msg]);
    }

    /// Takes out a message under way.
    fn take_out(&self, draft: &mut Draft, at: u32) -> [u32; 2] {
        let taken = self.layout.messages(draft)[at as usize];
        let place = self.layout.flights() + 2 * at as usize;
        draft.drain(place..place + 2);
        taken
    }

    fn keep_messages(&self, draft: &mut Draft, mut keep: impl FnMut([u32; 2]) -> bool) {
        let (mut from, mut to) = (self.layout.flights(), self.layout.flights());
        while from < draft.len() {
            let message = [draft[from], draft[from + 1]];
            if keep(message) {
                (draft[to], draft[to + 1]) = (message[0], message[1]);
                to += 2;
            }
            from += 2;
        }
        draft.truncate(to);
    }

    /// A crash takes what the node has sent to itself, and some of what it has sent to others.
    fn lose_own(&self, draft: &mut Draft, node: NodeId, lost: u32) {
        let mut place = 0;
        self.keep_messages(draft, |[message, _]| {
            let taken = sent_by(message, node) && {
                place += 1;
                lost >> (place - 1) & 1 != 0
            };
            !taken && message != link(node, node)
        });
    }

    /// With bounded delays, nothing outlasts a cut.
    fn lose_cut(&self, draft: &mut Draft) {
        if self.setup.timing == Timing::Synchronous {
            let copy = draft.clone();
            self.keep_messages(draft, |[link, _]| !self.is_cut(&copy, link));
        }
    }

    /// Whether a node is down for ever: what is sent to it makes no difference.
    fn is_gone(&self, words: &[u32], node: NodeId) -> bool {
        left(words, Spent::Recovery) == 0
            && self.tables.node(self.layout.local(words, node)).local.phase == Phase::Down
    }

    /// Takes out messages to nodes that will never come up again.
    pub(super) fn forget_unreachable(&self, draft: &mut Draft) {
        if left(draft, Spent::Recovery) == 0 {
            let copy = draft.clone();
            self.keep_messages(draft, |[link, _]| !self.is_gone(&copy, ends(link).1));
        }
    }
}
