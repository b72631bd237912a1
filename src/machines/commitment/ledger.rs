//! What survives a crash: records of transactions, and the data they have written.
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Answers, Decision, Participants, Staged, Txn, Values};
use crate::sim::{NodeId, Storage, Value};

/// The stable state of a node, whatever its part.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// How often the node has come up, where that must be known: of clients, and of a coordinator that presumes.
    pub incarnation: u32,
    /// Transactions that this node is not done with.
    pub open: BTreeMap<Txn, Open>,
    /// Transactions whose end this node knows.
    pub settled: BTreeMap<Txn, Settled>,
    /// A participant's data.
    pub values: Values,
}

/// A transaction that a node is not done with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Open {
    /// A coordinator asks for votes.
    Collecting(Collecting),
    /// A coordinator has decided, and not everybody has acknowledged.
    Announcing {
        /// How.
        decision: Decision,
        /// Whom it concerns.
        participants: Participants,
    },
    /// A participant has voted YES: it can commit, and must not end the transaction alone.
    Prepared {
        /// Who asked for the vote.
        coordinator: NodeId,
        /// Who takes part.
        participants: Participants,
        /// What it would write, and keeps locked.
        staged: Arc<Staged>,
        /// Whether it also knows that everybody has voted YES (three-phase commit only).
        precommitted: bool,
    },
}

/// What a coordinator knows of a transaction that it has not decided.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Collecting {
    /// Whom it has asked.
    pub participants: Participants,
    /// Who has voted YES, and what it had to tell.
    pub votes: BTreeMap<NodeId, Answers>,
}

impl Collecting {
    /// No votes yet.
    pub fn new(participants: Participants) -> Self {
        Self { participants, votes: BTreeMap::new() }
    }
    /// Whether everybody has voted YES.
    pub fn is_unanimous(&self) -> bool {
        self.participants.iter().all(|it| self.votes.contains_key(it))
    }
    /// Everybody's answers, in the order of the participants.
    pub fn answers(&self) -> Answers {
        let votes = self.participants.iter().filter_map(|it| self.votes.get(it));
        votes.flat_map(|answers| answers.iter().cloned()).collect()
    }
}

/// How a transaction ended, as a node knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// Everywhere.
    Committed {
        /// Where.
        participants: Participants,
        /// At the coordinator: what the client is to be told.
        answers: Answers,
    },
    /// Nowhere.
    Aborted,
}

impl Settled {
    /// The decision.
    pub fn decision(&self) -> Decision {
        match self {
            Self::Committed { .. } => Decision::Commit,
            Self::Aborted => Decision::Abort,
        }
    }
}

/// A change of the stable state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    /// The node comes up.
    Incarnation(u32),
    /// Everything about one transaction, all or nothing.
    Record {
        /// Which.
        txn: Txn,
        /// What is left to do; none: nothing.
        open: Option<Open>,
        /// How it ended; none: it has not.
        settled: Option<Settled>,
        /// New values of keys; null removes one.
        values: Values,
    },
}

impl Storage for Ledger {
    type Write = Write;

    fn apply(&mut self, write: Write) -> Write {
        match write {
            Write::Incarnation(new) => Write::Incarnation(std::mem::replace(&mut self.incarnation, new)),
            Write::Record { txn, open, settled, values } => Write::Record {
                txn,
                open: replace(&mut self.open, txn, open),
                settled: replace(&mut self.settled, txn, settled),
                values: values
                    .into_iter()
                    .map(|(key, value)| {
                        let new = Some(value).filter(|it| *it != Value::Null);
                        let old = replace(&mut self.values, key.clone(), new).unwrap_or_default();
                        (key, old)
                    })
                    .collect(),
            },
        }
    }
}

fn replace<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, new: Option<V>) -> Option<V> {
    match new {
        Some(new) => map.insert(key, new),
        None => map.remove(&key),
    }
}

impl Ledger {
    /// The decision about a transaction, if this node knows it.
    pub fn decision(&self, txn: Txn) -> Option<Decision> {
        self.settled.get(&txn).map(Settled::decision)
    }

    /// What a participant that voted YES would write.
    pub fn staged(&self, txn: Txn) -> Option<&Arc<Staged>> {
        match self.open.get(&txn) {
            Some(Open::Prepared { staged, .. }) => Some(staged),
            _ => None,
        }
    }

    /// The transactions that this node has voted YES to and knows no decision about, with what they would write.
    pub fn in_doubt(&self) -> impl Iterator<Item = (Txn, &Arc<Staged>)> {
        self.open.iter().filter_map(|(txn, open)| match open {
            Open::Prepared { staged, .. } => Some((*txn, staged)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_taken_back_by_its_inverse() {
        let txn = Txn::new(NodeId(9), 1, 1);
        let participants: Participants = [NodeId(1)].into();
        let values: Values = [("x".into(), 1.into()), ("y".into(), Value::Null)].into();
        let mut ledger = Ledger { values: [("y".into(), 2.into())].into(), ..Ledger::default() };
        let (before, staged) = (ledger.clone(), Staged::default().into());
        let open = Open::Prepared {
            coordinator: NodeId(0),
            participants: participants.clone(),
            staged,
            precommitted: false,
        };
        let prepared = Write::Record { txn, open: Some(open), settled: None, values: Values::new() };
        let settled = Settled::Committed { participants, answers: [].into() };
        let committed = Write::Record { txn, open: None, settled: Some(settled), values };
        let undo = [prepared, committed].map(|write| ledger.apply(write));
        assert_eq!(ledger.values.keys().map(|it| &**it).collect::<Vec<_>>(), ["x"]);
        assert_eq!(ledger.decision(txn), Some(Decision::Commit));
        for inverse in undo.into_iter().rev() {
            ledger.apply(inverse);
        }
        assert_eq!(ledger, before);
    }
}
