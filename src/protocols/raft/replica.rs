//! What the log drives: a state machine, and the memory that lets a command repeat without effect.
use serde::{Deserialize, Serialize};

use super::log::{Command, Session};
use crate::machines::store::{Answer, Machine, MachineKind, Refusal};
use crate::sim::NodeId;

/// The replicated state: equal on all servers that have applied equally much.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Replica {
    /// The state machine.
    pub machine: Machine,
    /// The last command of every lane of every client, with its answer; sorted.
    sessions: Vec<Served>,
}

/// The last command of one lane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Served {
    client: NodeId,
    lane: u32,
    seq: u64,
    answer: Answer,
}

impl Replica {
    /// The state before the first command.
    pub fn new(kind: MachineKind) -> Self {
        Self { machine: Machine::new(kind), sessions: Vec::new() }
    }

    /// Carries out a command, or, if `once`, remembers that it was carried out already.
    pub fn apply(&mut self, command: &Command, once: bool) -> Answer {
        match command {
            Command::Noop | Command::Configure { .. } => Answer::Done,
            Command::Apply { session: Some(session), op } if once => {
                let slot = self.find(session);
                if let Ok(at) = slot {
                    let served = &self.sessions[at];
                    if served.seq >= session.seq {
                        return served.answer_to(session);
                    }
                }
                let answer = self.machine.apply(op);
                let Session { client, lane, seq } = *session;
                let served = Served { client, lane, seq, answer: answer.clone() };
                match slot {
                    Ok(at) => self.sessions[at] = served,
                    Err(at) => self.sessions.insert(at, served),
                }
                answer
            }
            Command::Apply { op, .. } => self.machine.apply(op),
        }
    }

    /// For the mutant that does.
    pub(super) fn forget_sessions(&mut self) {
        self.sessions.clear();
    }

    /// The answer to a command that was carried out already.
    pub fn recall(&self, session: &Session) -> Option<Answer> {
        let served = &self.sessions[self.find(session).ok()?];
        (served.seq >= session.seq).then(|| served.answer_to(session))
    }

    fn find(&self, session: &Session) -> Result<usize, usize> {
        self.sessions.binary_search_by_key(&(session.client, session.lane), |it| (it.client, it.lane))
    }
}

impl Served {
    /// A lane's client waits for one answer at a time: it has no use for that to an older command.
    fn answer_to(&self, session: &Session) -> Answer {
        if self.seq == session.seq { self.answer.clone() } else { Answer::Refused(Refusal::Superseded) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machines::store::Op;

    fn add(client: u32, lane: u32, seq: u64) -> Command {
        Command::Apply {
            session: Some(Session { client: NodeId(client), lane, seq }),
            op: Op::Add { by: 1 },
        }
    }

    #[test]
    fn a_repeated_command_is_carried_out_once() {
        let mut replica = Replica::new(MachineKind::Counter);
        let sum = |it: i64| Answer::Value(it.into());
        assert_eq!(replica.apply(&add(1, 0, 1), true), sum(1));
        assert_eq!(replica.apply(&add(1, 0, 1), true), sum(1));
        assert_eq!(replica.apply(&add(1, 1, 1), true), sum(2));
        assert_eq!(replica.apply(&add(0, 0, 1), true), sum(3));
        assert_eq!(replica.apply(&add(1, 0, 2), true), sum(4));
        assert_eq!(replica.apply(&add(1, 0, 1), true), Answer::Refused(Refusal::Superseded));
        assert_eq!(replica.apply(&add(1, 0, 2), false), sum(5), "memory off");
    }

    #[test]
    fn recall_knows_what_was_carried_out() {
        let mut replica = Replica::new(MachineKind::Counter);
        let session = Session { client: NodeId(3), lane: 0, seq: 7 };
        assert_eq!(replica.recall(&session), None);
        replica.apply(&add(3, 0, 7), true);
        assert_eq!(replica.recall(&session), Some(Answer::Value(1.into())));
        assert_eq!(replica.recall(&Session { seq: 8, ..session }), None);
    }
}
