//! How a leader hands its office over (thesis, section 3.10).
//!
//! It takes no more commands, brings the other's log up to its own, and tells it to run at once. If nothing has
//! come of it after the shortest election timeout it goes on as before.
use super::election::Why;
use super::*;
use crate::machines::store::Answer;

/// An office on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Transfer {
    /// Who is to lead.
    pub to: NodeId,
    /// Who wants it so.
    pub op: OpId,
    /// Whether the other was told.
    pub told: bool,
}

impl Server {
    /// Asked to hand its office over.
    pub(super) fn hand_over(&mut self, cx: &mut Cx<'_, Node>, op: OpId, to: NodeId) {
        if !self.is_leader() {
            return self.redirect(cx, Asker::Operation(op));
        }
        let problem = match () {
            () if to == cx.id => "it leads already",
            () if !self.deciding().contains(to) => "the successor has no vote",
            () if self.transfer.is_some() => "a transfer is under way",
            () => "",
        };
        if !problem.is_empty() {
            return cx.reply_at_once(op, Reply::Refused { reason: problem.into() });
        }
        cx.note("transfer", u64::from(to.0));
        self.transfer = Some(Transfer { to, op, told: false });
        cx.arm(Timer::Transfer, Span::exactly(self.config.election_timeout.min));
        self.hand_over_if_ready(cx);
        if self.transfer.is_some_and(|it| !it.told) {
            self.beat(cx); // what it lacks shows sooner
        }
    }

    /// Tells the successor, once it has the whole log.
    pub(super) fn hand_over_if_ready(&mut self, cx: &mut Cx<'_, Node>) {
        let (term, last) = (cx.disk().term, cx.disk().log.last_index());
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(transfer) = self.transfer.as_mut().filter(|it| !it.told) else { return };
        if leader.peers.iter().any(|peer| peer.id == transfer.to && peer.match_index == last) {
            (transfer.told, leader.handed) = (true, true);
            cx.send_at_once(transfer.to, Msg::TimeoutNow { term });
        }
    }

    /// The leader wants this server for its successor.
    pub(super) fn on_timeout_now(&mut self, cx: &mut Cx<'_, Node>, term: u64) {
        if term == cx.disk().term && !self.is_leader() {
            self.campaign(cx, Why::Leader);
        }
    }

    /// There is a new leader: the one that was wanted, or another.
    pub(super) fn settle_transfer(&mut self, cx: &mut Cx<'_, Node>, leader: NodeId) {
        let Some(Transfer { to, op, .. }) = self.transfer.take() else { return };
        cx.disarm(Timer::Transfer);
        let (index, term) = (cx.disk().log.last_index(), cx.disk().term);
        cx.reply_at_once(
            op,
            match leader == to {
                true => Reply::Done { index, term, answer: Answer::Done },
                false => Reply::Refused { reason: "another was elected".into() },
            },
        );
    }

    /// Nothing has come of it.
    pub(super) fn give_up_transfer(&mut self, cx: &mut Cx<'_, Node>) {
        if let Some(Transfer { op, .. }) = self.transfer.take() {
            cx.note("transfer given up", cx.disk().term);
            cx.reply_at_once(op, Reply::Refused { reason: "the successor was not elected in time".into() });
        }
    }

    /// What would be appended now would keep the successor from having the whole log.
    pub(super) fn refuse_while_handing_over(&self, cx: &mut Cx<'_, Node>, asker: Asker) {
        match asker {
            Asker::Operation(op) => {
                cx.reply_at_once(op, Reply::Refused { reason: "leadership is being handed over".into() });
            }
            Asker::Session(_) | Asker::Follower { .. } => self.redirect(cx, asker),
        }
    }
}
