//! What the log drives: a state machine, and the memory that lets a command repeat without effect.
use serde::{Deserialize, Serialize};

use super::log::{Command, Session};
use crate::machines::store::{Answer, Machine, MachineKind, Op, Refusal};
use crate::sim::NodeId;

/// The replicated state: equal on all servers that have applied equally much.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Replica {
    /// The state machine.
    pub machine: Machine,
    /// The last command of every lane of every client, with its answer; sorted.
    sessions: Vec<Served>,
}

/// How much of what clients were answered is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Nothing: a repeated command is carried out again.
    Off,
    /// The last command of every lane. A lane's first command opens its session.
    All,
    /// The last commands of so many lanes, those that were used last. Sessions are opened by registering; to a lane
    /// whose session is forgotten no command is carried out, since it may have been carried out before.
    Latest(usize),
    /// As [`Latest`](Self::Latest), but a command whose session is forgotten opens a new one. A mistake, to be found.
    Careless(usize),
}

impl Memory {
    /// How many sessions there may be.
    fn most(self) -> Option<usize> {
        match self {
            Self::Off | Self::All => None,
            Self::Latest(most) | Self::Careless(most) => Some(most),
        }
    }
}

/// The last command of one lane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Served {
    client: NodeId,
    lane: u32,
    seq: u64,
    answer: Answer,
    /// The index of its last command.
    used: u64,
    /// The name of the registration that opened it.
    registered: u64,
    /// The index of that registration: its commands are numbered from there on.
    opened: u64,
}

impl Served {
    /// Whether a command belongs to this session, rather than to one of the same lane before it.
    fn owns(&self, seq: u64, memory: Memory) -> bool {
        memory.most().is_none() || seq >> 32 == self.opened
    }
}

impl Replica {
    /// The state before the first command.
    pub fn new(kind: &MachineKind) -> Self {
        Self { machine: Machine::new(kind), sessions: Vec::new() }
    }

    /// Carries out the command at `index`, or remembers that it was carried out already.
    pub fn apply(&mut self, index: u64, command: &Command, memory: Memory) -> Answer {
        match command {
            Command::Noop | Command::Configure { .. } => Answer::Done,
            Command::Register { session } => self.register(index, session, memory),
            Command::Apply { session: Some(session), op } if memory != Memory::Off => {
                self.apply_once(index, session, op, memory)
            }
            Command::Apply { op, .. } => self.machine.apply(op),
        }
    }

    fn apply_once(&mut self, index: u64, session: &Session, op: &Op, memory: Memory) -> Answer {
        let at = match self.find(session) {
            Ok(at) if self.sessions[at].owns(session.seq, memory) => at,
            _ if matches!(memory, Memory::Latest(_)) => return Answer::Refused(Refusal::SessionExpired),
            Ok(at) => {
                self.sessions[at] = Served::new(session, session.seq >> 32);
                at
            }
            Err(at) => {
                let opened = if memory.most().is_some() { session.seq >> 32 } else { 0 };
                self.sessions.insert(at, Served::new(session, opened));
                at
            }
        };
        let served = &mut self.sessions[at];
        served.used = index;
        if served.seq >= session.seq {
            return served.answer_to(session);
        }
        served.answer = self.machine.apply(op);
        served.seq = session.seq;
        served.answer.clone()
    }

    /// Opens a session; answers the number from which on its commands are numbered. A repeated registration opens
    /// nothing new, as long as the session is known.
    fn register(&mut self, index: u64, session: &Session, memory: Memory) -> Answer {
        let opened = |index: u64| Answer::Value(i64::try_from(index << 32).unwrap_or(i64::MAX).into());
        let new = Served { registered: session.seq, used: index, ..Served::new(session, index) };
        match self.find(session) {
            Ok(at) if self.sessions[at].registered >= session.seq => return opened(self.sessions[at].opened),
            Ok(at) => self.sessions[at] = new,
            Err(at) => self.sessions.insert(at, new),
        }
        if let Some(most) = memory.most()
            && self.sessions.len() > most
            && let Some(oldest) = self.sessions.iter().map(|it| it.used).min()
        {
            self.sessions.retain(|it| it.used > oldest);
        }
        opened(index)
    }

    /// For the mutant that does.
    pub(super) fn forget_sessions(&mut self) {
        self.sessions.clear();
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// The answer to a command that was carried out already.
    pub fn recall(&self, session: &Session, memory: Memory) -> Option<Answer> {
        let served = &self.sessions[self.find(session).ok()?];
        (served.owns(session.seq, memory) && served.seq >= session.seq).then(|| served.answer_to(session))
    }

    fn find(&self, session: &Session) -> Result<usize, usize> {
        self.sessions.binary_search_by_key(&(session.client, session.lane), |it| (it.client, it.lane))
    }
}

impl Served {
    /// A session in which nothing was carried out yet.
    fn new(session: &Session, opened: u64) -> Self {
        let Session { client, lane, .. } = *session;
        Self { client, lane, seq: opened << 32, answer: Answer::Done, used: 0, registered: 0, opened }
    }

    /// A lane's client waits for one answer at a time: it has no use for that to an older command.
    fn answer_to(&self, session: &Session) -> Answer {
        if self.seq == session.seq { self.answer.clone() } else { Answer::Refused(Refusal::Superseded) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(client: u32, lane: u32, seq: u64) -> Command {
        Command::Apply { session: Some(Session { client: NodeId(client), lane, seq }), op: Op::Add { by: 1 } }
    }

    #[test]
    fn a_repeated_command_is_carried_out_once() {
        let mut replica = Replica::new(&MachineKind::Counter);
        let sum = |it: i64| Answer::Value(it.into());
        assert_eq!(replica.apply(1, &add(1, 0, 1), Memory::All), sum(1));
        assert_eq!(replica.apply(1, &add(1, 0, 1), Memory::All), sum(1));
        assert_eq!(replica.apply(1, &add(1, 1, 1), Memory::All), sum(2));
        assert_eq!(replica.apply(1, &add(0, 0, 1), Memory::All), sum(3));
        assert_eq!(replica.apply(1, &add(1, 0, 2), Memory::All), sum(4));
        assert_eq!(replica.apply(1, &add(1, 0, 1), Memory::All), Answer::Refused(Refusal::Superseded));
        assert_eq!(replica.apply(1, &add(1, 0, 2), Memory::Off), sum(5), "memory off");
    }

    #[test]
    fn recall_knows_what_was_carried_out() {
        let mut replica = Replica::new(&MachineKind::Counter);
        let session = Session { client: NodeId(3), lane: 0, seq: 7 };
        assert_eq!(replica.recall(&session, Memory::All), None);
        replica.apply(1, &add(3, 0, 7), Memory::All);
        assert_eq!(replica.recall(&session, Memory::All), Some(Answer::Value(1.into())));
        assert_eq!(replica.recall(&Session { seq: 8, ..session }, Memory::All), None);
    }

    /// Scenario R3: of so many sessions the one used longest ago goes, and its late command is not carried out again.
    #[test]
    fn the_session_used_longest_ago_expires() {
        let memory = Memory::Latest(2);
        let mut replica = Replica::new(&MachineKind::Counter);
        let session = |client: u32, seq: u64| Session { client: NodeId(client), lane: 0, seq };
        let register = |client: u32, name: u64| Command::Register { session: session(client, name) };
        let number = |index: u64| Answer::Value(((index << 32) as i64).into());
        let add = |client: u32, opened: u64, n: u64| add(client, 0, (opened << 32) + n);
        let sum = |it: i64| Answer::Value(it.into());
        let expired = Answer::Refused(Refusal::SessionExpired);
        assert_eq!(replica.apply(1, &add(1, 0, 1), memory), expired, "it never registered");
        assert_eq!(replica.apply(2, &register(1, 1), memory), number(2));
        assert_eq!(replica.apply(3, &register(1, 1), memory), number(2), "repeated");
        assert_eq!(replica.apply(4, &register(2, 1), memory), number(4));
        assert_eq!(replica.apply(5, &add(1, 2, 1), memory), sum(1));
        assert_eq!(replica.apply(6, &add(2, 4, 1), memory), sum(2));
        assert_eq!(replica.apply(7, &add(1, 2, 1), memory), sum(1), "repeated, and so used again");
        assert_eq!(replica.apply(8, &register(3, 1), memory), number(8));
        assert_eq!(replica.apply(9, &add(2, 4, 1), memory), expired, "the second was used longest ago");
        assert_eq!(replica.recall(&session(2, (4 << 32) + 1), memory), None);
        assert_eq!(replica.apply(10, &add(1, 2, 2), memory), sum(3));
        assert_eq!(
            replica.apply(11, &register(2, 1), memory),
            number(11),
            "late: the lane has a session again"
        );
        assert_eq!(replica.apply(12, &add(2, 4, 1), memory), expired, "but not that one");
        assert_eq!(replica.apply(13, &add(2, 11, 1), memory), sum(4));
        assert_eq!(replica.sessions(), 2);
    }
}
