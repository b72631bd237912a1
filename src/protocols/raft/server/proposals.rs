//! Commands: from whoever asks, through the log, into the state machine, and the answer back.
use std::sync::Arc;

use super::*;
use crate::machines::store::{Answer, Op};
use crate::protocols::raft::log::Command;
use crate::protocols::raft::message::Response;
use crate::protocols::raft::replica::Memory;
use crate::protocols::raft::snapshot::size;

impl Server {
    /// Replicates operations asked for by a call.
    pub(super) fn propose(
        &mut self,
        cx: &mut Cx<'_, Node>,
        asker: Asker,
        ops: impl ExactSizeIterator<Item = Op>,
    ) {
        let commands = ops.map(|op| Arc::new(Command::Apply { session: None, op }));
        self.admit(cx, asker, commands);
    }

    /// A client's command. One that was carried out already is answered from memory; one that waits to be committed
    /// need not wait twice.
    pub(super) fn on_request(
        &mut self,
        cx: &mut Cx<'_, Node>,
        from: NodeId,
        command: Arc<Command>,
        retry: bool,
    ) {
        let Some(session) = command.session() else { return cx.note("request without a session", 0) };
        // The answer goes to whoever has sent this; the name in the session is what makes it the same.
        let asker = Asker::Session(Session { client: from, ..*session });
        let memory = self.memory();
        if self.is_leader()
            && memory != Memory::Off
            && !matches!(*command, Command::Register { .. })
            && let Some(answer) = self.replica.recall(session, memory)
        {
            cx.note("answered from memory", session.seq);
            return self.answer(cx, asker, (self.applied, cx.disk().term), answer);
        }
        if retry && memory != Memory::Off && self.awaits(cx.disk(), asker, session) {
            return cx.note("in the log already", session.seq);
        }
        self.admit(cx, asker, [command].into_iter());
    }

    /// Whether somebody waits for a command of this name already, to be told once it is applied.
    fn awaits(&self, disk: &Disk, asker: Asker, session: &Session) -> bool {
        let is_it = |index| disk.log.entry(index).is_some_and(|it| it.command.session() == Some(session));
        self.is_leader() && self.pending.iter().any(|it| it.asker == asker && is_it(it.index))
    }

    /// Appends commands to the log, if it leads; the asker waits for the last of them.
    pub(super) fn admit(
        &mut self,
        cx: &mut Cx<'_, Node>,
        asker: Asker,
        commands: impl ExactSizeIterator<Item = Arc<Command>>,
    ) {
        if !self.is_leader() {
            return self.redirect(cx, asker);
        }
        if self.transfer.is_some() {
            return self.refuse_while_handing_over(cx, asker);
        }
        let (term, last) = (cx.disk().term, cx.disk().log.last_index());
        self.pending.push_back(Pending { index: last + commands.len() as u64, term, asker });
        let entries: Arc<[Entry]> = commands.map(|command| Entry { term, command }).collect();
        self.append(cx, entries);
    }

    /// Applies what is committed, in order, and answers those who waited for it.
    pub(super) fn apply(&mut self, cx: &mut Cx<'_, Node>) {
        let memory = self.memory();
        while self.applied < self.commit {
            let index = self.applied + 1;
            // Past the log's end a commit index can only have been set from outside.
            let Some(entry) = cx.disk().log.entry(index) else { return };
            let term = entry.term;
            let configures = matches!(*entry.command, Command::Configure { .. });
            if self.config.compaction.weighs() {
                self.weight += size(&*entry.command);
            }
            let answer = self.replica.apply(index, &entry.command, memory);
            self.applied = index;
            if configures {
                self.applied_members(cx, index);
            }
            if self.pending.front().is_some_and(|waiting| waiting.index == index) {
                let Some(Pending { asker, .. }) = self.pending.pop_front() else { return };
                self.answer(cx, asker, (index, term), answer);
            }
        }
        if self.forwards() {
            self.serve_forwarded_reads(cx);
        }
        self.compact_if_due(cx);
    }

    /// The entries from `from` on are replaced: whoever waits for them waits in vain. They may still be
    /// committed, by a server that has them yet, so nobody is told that they failed.
    pub(super) fn give_up_from(&mut self, cx: &mut Cx<'_, Node>, from: u64) {
        while self.pending.back().is_some_and(|waiting| waiting.index >= from) {
            let Some(waiting) = self.pending.pop_back() else { return };
            self.give_up(cx, waiting);
        }
    }

    /// Whoever waits is told that this server will not know.
    pub(super) fn give_up(&self, cx: &mut Cx<'_, Node>, Pending { index, term, asker }: Pending) {
        match asker {
            Asker::Operation(op) => cx.reply_at_once(op, Reply::Lost { index, term }),
            // It asks again, under the same name.
            Asker::Session(_) | Asker::Follower { .. } => self.redirect(cx, asker),
        }
    }

    /// An answer is of what is committed, on a majority's disks; so it need not wait for this one's.
    pub(super) fn answer(&self, cx: &mut Cx<'_, Node>, asker: Asker, at: (u64, u64), answer: Answer) {
        match asker {
            Asker::Operation(op) => cx.reply_at_once(op, Reply::Done { index: at.0, term: at.1, answer }),
            Asker::Session(Session { client, lane, seq }) => {
                let result = match self.config.tell_index {
                    false => Response::Answer(answer),
                    true => Response::Seen { answer, index: at.0 },
                };
                cx.send_at_once(client, Msg::Response { lane, seq, result });
            }
            Asker::Follower { id, read } => {
                cx.send_at_once(id, Msg::ReadIndexReply { read, index: Some(at.0) });
            }
        }
    }

    /// Sends an asker on to the leader, if there is one.
    pub(super) fn redirect(&self, cx: &mut Cx<'_, Node>, asker: Asker) {
        let hint = self.leader.filter(|leader| *leader != cx.id).or_else(|| self.successor_of(cx.id));
        match asker {
            Asker::Operation(op) => cx.reply_at_once(op, Reply::NotLeader { hint }),
            Asker::Session(Session { client, lane, seq }) => {
                cx.send_at_once(client, Msg::Response { lane, seq, result: Response::NotLeader { hint } });
            }
            Asker::Follower { id, read } => {
                cx.send_at_once(id, Msg::ReadIndexReply { read, index: None });
            }
        }
    }

    pub(super) fn memory(&self) -> Memory {
        match self.config.session_limit {
            _ if !self.config.sessions || self.breaks(Mutant::NoDedup) => Memory::Off,
            Some(most) if self.breaks(Mutant::ExpiredIsNew) => Memory::Careless(most.max(1) as usize),
            Some(most) => Memory::Latest(most.max(1) as usize),
            None => Memory::All,
        }
    }
}
