//! What happened on the way to a state, as data that a person can read and that can be saved and replayed.
use serde::{Deserialize, Serialize};

use super::actions::{Action, What, sent_by};
use super::judge::Judge;
use super::state::{State, ends};
use super::{Failure, Worlds};
use crate::sim::{NodeId, OpId, Protocol};

/// Something that happened. `choices`: how the handler's questions were answered, in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "", rename_all = "snake_case")]
pub enum Step<P: Protocol> {
    /// A message arrived (at a node that is down: for nothing).
    Deliver {
        /// Who sent it.
        from: NodeId,
        /// Where it arrived.
        to: NodeId,
        /// The message.
        msg: P::Msg,
        /// How questions were answered.
        choices: Vec<u32>,
    },
    /// A message arrived, and will once more.
    Duplicate {
        /// Who sent it.
        from: NodeId,
        /// Where it arrived.
        to: NodeId,
        /// The message.
        msg: P::Msg,
        /// How questions were answered.
        choices: Vec<u32>,
    },
    /// A message was lost.
    Drop {
        /// Who sent it.
        from: NodeId,
        /// Where it should have arrived.
        to: NodeId,
        /// The message.
        msg: P::Msg,
    },
    /// A timer went off.
    Fire {
        /// Whose.
        node: NodeId,
        /// Which.
        timer: P::Timer,
        /// How questions were answered.
        choices: Vec<u32>,
    },
    /// A node came up for the first time.
    Start {
        /// Which.
        node: NodeId,
        /// How questions were answered.
        choices: Vec<u32>,
    },
    /// A node was asked something.
    Call {
        /// Which.
        node: NodeId,
        /// The operation's number.
        op: OpId,
        /// What.
        call: P::Call,
        /// How questions were answered.
        choices: Vec<u32>,
    },
    /// The sync under way completed.
    Sync {
        /// Whose.
        node: NodeId,
    },
    /// A node crashed.
    Crash {
        /// Which.
        node: NodeId,
        /// What it had sent, and to whom, that never left after all.
        lost: Vec<(NodeId, P::Msg)>,
    },
    /// A crashed node came up again.
    Recover {
        /// Which.
        node: NodeId,
        /// How questions were answered.
        choices: Vec<u32>,
    },
    /// The network was cut in two.
    Cut {
        /// The two groups.
        groups: [Vec<NodeId>; 2],
        /// What was under way across and was lost at once, as (from, to, message): where delays are bounded.
        lost: Vec<(NodeId, NodeId, P::Msg)>,
    },
    /// All cuts ended.
    Heal,
}

impl<P: Protocol, J: Judge<P>> Worlds<P, J> {
    /// What `action` does in `state`.
    pub fn describe(&self, state: &State, action: &Action) -> Step<P> {
        let words = &state.0;
        let message = |at: u32| {
            let [link, msg] = self.layout.messages(words)[at as usize];
            let (from, to) = ends(link);
            (from, to, self.tables.messages.get(msg).value.msg.clone())
        };
        let choices = || match self.tables.outcomes.get(action.outcomes).get(action.branch as usize) {
            Some(outcome) => outcome.choices.to_vec(),
            None => Vec::new(),
        };
        match action.what {
            What::Deliver { at } => {
                let (from, to, msg) = message(at);
                Step::Deliver { from, to, msg, choices: choices() }
            }
            What::Duplicate { at } => {
                let (from, to, msg) = message(at);
                Step::Duplicate { from, to, msg, choices: choices() }
            }
            What::Unheard { at } => {
                let (from, to, msg) = message(at);
                Step::Deliver { from, to, msg, choices: Vec::new() }
            }
            What::Drop { at } | What::DropToCut { at } => {
                let (from, to, msg) = message(at);
                Step::Drop { from, to, msg }
            }
            What::Fire { node, timer } => {
                let local = &self.tables.node(self.layout.local(words, node)).local;
                Step::Fire { node, timer: local.timers[timer as usize].name.clone(), choices: choices() }
            }
            What::Start { node } => Step::Start { node, choices: choices() },
            What::Call { op } => {
                let ask = &self.ops[op as usize];
                Step::Call { node: ask.node, op: ask.id, call: ask.call.clone(), choices: choices() }
            }
            What::Sync { node } => Step::Sync { node },
            What::Crash { node, lost } => {
                let own = (0..self.layout.messages(words).len() as u32)
                    .filter(|at| sent_by(self.layout.messages(words)[*at as usize][0], node));
                let taken = own.enumerate().filter(|(place, _)| lost >> place & 1 != 0);
                let lost = taken.map(|(_, at)| (message(at).1, message(at).2)).collect();
                Step::Crash { node, lost }
            }
            What::Recover { node } => Step::Recover { node, choices: choices() },
            What::Cut { way } => self.describe_cut(state, action, way),
            What::Heal => Step::Heal,
        }
    }

    fn describe_cut(&self, state: &State, action: &Action, way: u32) -> Step<P> {
        let after = self.after(&state.0, action);
        let under_way = self.view(state).messages();
        let mut still: Vec<_> = self.view(&after).messages().collect();
        let mut lost = Vec::new();
        for message in under_way {
            match still.iter().position(|it| *it == message) {
                Some(at) => drop(still.remove(at)),
                None => lost.push((message.0, message.1, message.2.clone())),
            }
        }
        Step::Cut { groups: self.ways[way as usize].groups(), lost }
    }

    /// A way through the states as steps: the nodes that start together, then the actions from `initial` on.
    ///
    /// # Errors
    /// As [`initial`](crate::check::explore::Model::initial).
    pub fn steps(&self, states: &[State], actions: &[Action]) -> Result<Vec<Step<P>>, Failure<J::Error>> {
        let beginnings = self.beginnings()?;
        let begun = beginnings.into_iter().find(|it| states.first() == Some(&it.state));
        let starts = begun.into_iter().flat_map(|it| it.starts);
        let starts = starts.map(|(node, choices)| Step::Start { node, choices });
        let rest = states.iter().zip(actions).map(|(state, action)| self.describe(state, action));
        Ok(starts.chain(rest).collect())
    }
}
