//! Who belongs to the cluster, and how that changes while it runs (thesis, chapter 4).
//!
//! ```text
//!               the log of newcomers is brought up        C_old,new appended         C_new appended
//!  asked [change_membership] --> catching up [catch_up] --> joint [enter] --commit--> [leave] --commit--> done
//! ```
//! A configuration is an entry of the log, and holds from the moment it is appended, committed or not; one that is
//! truncated never was. (With `conf_effective = apply`, as in etcd, it holds when it is applied: safe only where
//! no server forgets what was committed.) There is one change at a time, and none before the leader has
//! committed something of its own term. A leader that is not in C_new leads until it is committed, and a server
//! that is not in it may still be needed to lead until then: it runs, and does not count its own vote. So those
//! who leave are told of the commit, after which they are silent.
use std::sync::Arc;

use super::*;
use crate::machines::membership::{Membership, Refused};
use crate::protocols::raft::config::ConfEffective;
use crate::protocols::raft::log::Command;
use crate::protocols::raft::message::Way;

/// A configuration of the log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Adopted {
    /// The index of its entry.
    pub index: u64,
    /// The configuration.
    pub membership: Arc<Membership<NodeId>>,
}

/// A change that a leader was asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Change {
    op: OpId,
    stage: Stage,
}

/// How far a change has come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// Newcomers receive the log.
    CatchingUp {
        next: Arc<Membership<NodeId>>,
        newcomers: Vec<NodeId>,
        /// The present round ends when all newcomers have this index.
        goal: u64,
        /// How many rounds have begun.
        round: u32,
        /// How many election timeouts have passed in which no newcomer has come any further.
        idle: u32,
        /// How far they were at the last of them, in all.
        reached: u64,
        /// Whether the present round has taken an election timeout.
        slow: bool,
    },
    /// The joint configuration of this index is not yet left.
    Entered { index: u64 },
}

impl Server {
    /// The configuration that holds, if the log has one; otherwise it is that of `config`.
    fn adopted(&self) -> Option<&Adopted> {
        let held =
            |it: &&Adopted| self.config.conf_effective == ConfEffective::Append || it.index <= self.applied;
        self.members.iter().rev().find(held)
    }

    /// Those whose votes and copies count.
    pub fn deciding(&self) -> Voters<'_, NodeId> {
        let voters = match self.adopted() {
            Some(it) => it.membership.deciding(),
            None => Voters { incoming: &self.config.voters, outgoing: &[] },
        };
        if self.breaks(Mutant::NewMajorityOnly) { Voters { outgoing: &[], ..voters } } else { voters }
    }

    /// Those whose votes counted before the last configuration, as long as that is not known to be committed.
    pub fn leaving(&self) -> Option<Voters<'_, NodeId>> {
        let (last, earlier) = self.members.split_last()?;
        if last.index <= self.commit {
            return None;
        }
        Some(match earlier.last() {
            Some(it) => it.membership.deciding(),
            None => Voters { incoming: &self.config.voters, outgoing: &[] },
        })
    }

    /// Whether a server may run for leader.
    pub(super) fn may_run(&self, id: NodeId) -> bool {
        self.deciding().contains(id) || self.leaving().is_some_and(|it| it.contains(id))
    }

    /// Whom a server that does not belong to the cluster any more sends on to: one that does.
    pub(super) fn successor_of(&self, id: NodeId) -> Option<NodeId> {
        let it = self.adopted()?.membership.deciding();
        if it.contains(id) { None } else { it.iter().next() }
    }

    /// Those who receive the log and do not count.
    pub fn learners(&self) -> &[NodeId] {
        self.adopted().map_or(&self.config.learners, |it| &it.membership.learners)
    }

    /// The configuration that holds.
    pub fn membership(&self) -> Membership<NodeId> {
        match self.adopted() {
            Some(it) => (*it.membership).clone(),
            None => {
                let learners = Membership::of(self.config.learners.iter().copied()).voters;
                Membership { learners, ..Membership::of(self.config.voters.iter().copied()) }
            }
        }
    }

    /// What the snapshot and then the log say about members: for one that comes up.
    pub(super) fn recall_members(&mut self, disk: &Disk) {
        self.members.clear();
        self.members.extend(disk.snapshot.iter().flat_map(|it| it.members.clone()));
        let from = disk.log.first_index().max(disk.snapshot_index() + 1);
        for (index, entry) in (from..).zip(disk.log.iter_from(from)) {
            if let Command::Configure { membership } = &*entry.command {
                self.members.push(Adopted { index, membership: membership.clone() });
            }
        }
    }

    /// The log has these entries now, from `first` on.
    pub(super) fn adopt(&mut self, cx: &mut Cx<'_, Node>, first: u64, entries: &[Entry]) {
        let mut news = false;
        for (index, entry) in (first..).zip(entries) {
            if let Command::Configure { membership } = &*entry.command {
                self.members.push(Adopted { index, membership: membership.clone() });
                news = true;
            }
        }
        if news && self.config.conf_effective == ConfEffective::Append {
            self.reconfigured(cx);
        }
    }

    /// The log ends before `from` now: a configuration that is gone does not hold any more.
    pub(super) fn roll_back(&mut self, cx: &mut Cx<'_, Node>, from: u64) {
        if self.members.last().is_none_or(|it| it.index < from) || self.breaks(Mutant::NoRollback) {
            return;
        }
        self.members.retain(|it| it.index < from);
        cx.note("configuration rolled back", from);
        self.reconfigured(cx);
    }

    /// The configuration at `index` is applied: what was before it matters no more.
    pub(super) fn applied_members(&mut self, cx: &mut Cx<'_, Node>, index: u64) {
        self.members.retain(|it| it.index >= index);
        if self.config.conf_effective == ConfEffective::Apply {
            self.reconfigured(cx);
        }
    }

    /// Another configuration holds than before.
    pub(super) fn reconfigured(&mut self, cx: &mut Cx<'_, Node>) {
        if self.is_leader() {
            self.review_peers(cx);
        } else {
            self.await_leader(cx); // it may have a vote now
        }
    }

    /// Everybody to whom a leader sends the log: members, newcomers that are to be, and those who leave.
    pub(super) fn audience(&self) -> Vec<NodeId> {
        let mut all: Vec<NodeId> = self.deciding().iter().chain(self.learners().iter().copied()).collect();
        if let Role::Leader(Leader {
            change: Some(Change { stage: Stage::CatchingUp { newcomers, .. }, .. }),
            ..
        }) = &self.role
        {
            all.extend(newcomers.iter());
        }
        all.extend(self.leaving().into_iter().flat_map(Voters::iter));
        let mut once: Vec<NodeId> = Vec::with_capacity(all.len());
        all.into_iter().for_each(|id| {
            if !once.contains(&id) {
                once.push(id);
            }
        });
        once
    }

    /// Forgets peers that do not belong any more, and asks new ones what they have.
    fn review_peers(&mut self, cx: &mut Cx<'_, Node>) {
        let (audience, last, me) = (self.audience(), cx.disk().log.last_index(), cx.id);
        let Role::Leader(leader) = &mut self.role else { return };
        let mut known = std::mem::take(&mut leader.peers);
        for id in audience {
            if let Some(at) = known.iter().position(|peer| peer.id == id) {
                leader.peers.push(known.swap_remove(at));
                continue;
            }
            let peer = Peer::new(id, last);
            if id != me {
                cx.send_at_once(id, replication::probe(cx.disk(), &peer, self.commit, leader.round));
            }
            leader.peers.push(peer);
        }
    }

    /// Asked for another configuration.
    pub(super) fn change_membership(
        &mut self,
        cx: &mut Cx<'_, Node>,
        op: OpId,
        voters: &[NodeId],
        learners: &[NodeId],
        way: Way,
    ) {
        if !self.is_leader() {
            return self.redirect(cx, Asker::Operation(op));
        }
        let wanted = Membership::of(voters.iter().copied());
        let listening = Membership::of(learners.iter().copied()).voters;
        let current = self.membership();
        if let Some(reason) = self.why_not_now(cx) {
            return cx.reply_at_once(op, Reply::Refused { reason: reason.into() });
        }
        if listening.iter().any(|it| wanted.voters.contains(it)) {
            let reason = "nobody can be voter and learner at once".into();
            return cx.reply_at_once(op, Reply::Refused { reason });
        }
        let changes = current.changes_to(&wanted.voters, &listening);
        let next = match way {
            _ if self.breaks(Mutant::DirectSwitch) => Ok(Membership { learners: listening, ..wanted }),
            Way::Simple => current.simple(&changes),
            Way::Joint => current.enter_joint(false, &changes),
            Way::Auto => current.enter_joint(true, &changes),
        };
        match next {
            Ok(next) => self.begin_change(cx, op, next, &current),
            Err(refused) => self.refuse_change(cx, op, refused),
        }
    }

    /// Asked to leave a joint configuration.
    pub(super) fn leave_joint(&mut self, cx: &mut Cx<'_, Node>, op: OpId) {
        if !self.is_leader() {
            return self.redirect(cx, Asker::Operation(op));
        }
        match (self.membership().leave_joint(), self.why_not_now(cx)) {
            (Err(refused), _) => self.refuse_change(cx, op, refused),
            (_, Some(reason)) => cx.reply_at_once(op, Reply::Refused { reason: reason.into() }),
            (Ok(next), None) => self.append_configuration(cx, Some(op), next),
        }
    }

    fn refuse_change(&self, cx: &mut Cx<'_, Node>, op: OpId, refused: Refused) {
        cx.reply_at_once(op, Reply::Refused { reason: refused.to_string().into() });
    }

    /// Why no change can begin now.
    fn why_not_now(&self, cx: &Cx<'_, Node>) -> Option<&'static str> {
        let Role::Leader(leader) = &self.role else { return Some("it does not lead") };
        let disk = cx.disk();
        let open = self.members.last().is_some_and(|it| it.index > self.commit);
        if self.transfer.is_some() {
            Some("leadership is being handed over")
        } else if (open || leader.change.is_some()) && !self.breaks(Mutant::SecondChange) {
            Some("a change of the configuration is under way")
        } else if disk.log.term_at(self.commit) != Some(disk.term) && !self.breaks(Mutant::ChangeBeforeCommit)
        {
            Some("nothing of this term is committed yet")
        } else {
            None
        }
    }

    fn begin_change(
        &mut self,
        cx: &mut Cx<'_, Node>,
        op: OpId,
        next: Membership<NodeId>,
        current: &Membership<NodeId>,
    ) {
        let newcomers: Vec<NodeId> =
            next.voters.iter().copied().filter(|it| !current.voters.contains(it)).collect();
        if newcomers.is_empty() || self.config.catch_up_rounds == 0 {
            return self.enter(cx, op, next);
        }
        let goal = cx.disk().log.last_index();
        let Some(leader) = self.leader_mut() else { return };
        let (round, idle, reached, slow) = (1, 0, 0, false);
        let stage = Stage::CatchingUp { next: next.into(), newcomers, goal, round, idle, reached, slow };
        leader.change = Some(Change { op, stage });
        cx.note("catching up", goal);
        cx.arm(Timer::CatchUp, Span::exactly(self.config.election_timeout.min));
        self.review_peers(cx);
        self.catch_up(cx);
    }

    /// Looks how far the newcomers have come. A round that took no election timeout is short enough: what is left
    /// holds nobody up (thesis, section 4.2.1).
    pub(super) fn catch_up(&mut self, cx: &mut Cx<'_, Node>) {
        let (most, min) = (self.config.catch_up_rounds, self.config.election_timeout.min);
        let last = cx.disk().log.last_index();
        let Role::Leader(Leader { peers, change: Some(Change { op, stage }), .. }) = &mut self.role else {
            return;
        };
        let Stage::CatchingUp { next, newcomers, goal, round, slow, .. } = stage else { return };
        let has = |id: &NodeId| peers.iter().any(|peer| peer.id == *id && peer.match_index >= *goal);
        if !newcomers.iter().all(has) {
            return;
        }
        if !*slow {
            let (op, next) = (*op, (**next).clone());
            cx.note("caught up", u64::from(*round));
            self.end_catching_up(cx);
            return self.enter(cx, op, next);
        }
        if *round >= most {
            return self.abort_change(cx);
        }
        (*goal, *slow) = (last, false);
        *round += 1;
        cx.arm(Timer::CatchUp, Span::exactly(min));
    }

    /// A round has taken an election timeout. That is no reason to give up, as long as newcomers come further.
    pub(super) fn catch_up_timeout(&mut self, cx: &mut Cx<'_, Node>) {
        let (most, min) = (self.config.catch_up_rounds, self.config.election_timeout.min);
        let Role::Leader(Leader { peers, change: Some(Change { stage, .. }), .. }) = &mut self.role else {
            return;
        };
        let Stage::CatchingUp { newcomers, idle, reached, slow, .. } = stage else { return };
        let now = peers.iter().filter(|peer| newcomers.contains(&peer.id)).map(Peer::reached).sum();
        *idle = if now > *reached { 0 } else { *idle + 1 };
        (*reached, *slow) = (now, true);
        if *idle >= most {
            return self.abort_change(cx);
        }
        cx.arm(Timer::CatchUp, Span::exactly(min));
    }

    fn end_catching_up(&mut self, cx: &mut Cx<'_, Node>) -> Option<OpId> {
        cx.disarm(Timer::CatchUp);
        self.leader_mut()?.change.take().map(|change| change.op)
    }

    fn abort_change(&mut self, cx: &mut Cx<'_, Node>) {
        if let Some(op) = self.end_catching_up(cx) {
            cx.note("change given up", u64::from(self.config.catch_up_rounds));
            cx.reply_at_once(
                op,
                Reply::Refused { reason: "the new servers did not catch up in time".into() },
            );
        }
        self.review_peers(cx);
    }

    /// Newcomers have what they need: the change begins to hold.
    fn enter(&mut self, cx: &mut Cx<'_, Node>, op: OpId, next: Membership<NodeId>) {
        if !(next.is_joint() && next.auto_leave) {
            return self.append_configuration(cx, Some(op), next);
        }
        let index = cx.disk().log.last_index() + 1;
        let Some(leader) = self.leader_mut() else { return };
        leader.change = Some(Change { op, stage: Stage::Entered { index } });
        self.append_configuration(cx, None, next);
    }

    fn append_configuration(&mut self, cx: &mut Cx<'_, Node>, op: Option<OpId>, next: Membership<NodeId>) {
        let (term, index) = (cx.disk().term, cx.disk().log.last_index() + 1);
        cx.note(if next.is_joint() { "joint configuration" } else { "configuration" }, index);
        if let Some(op) = op {
            self.pending.push_back(Pending { index, term, asker: Asker::Operation(op) });
        }
        self.append(cx, vec![Entry { term, command: Command::Configure { membership: next.into() }.into() }]);
    }

    /// A leader has committed something: what is to happen when a configuration is.
    pub(super) fn settle_members(&mut self, cx: &mut Cx<'_, Node>) {
        let Some(latest) = self.members.last().filter(|it| it.index <= self.commit) else { return };
        let (index, membership) = (latest.index, latest.membership.clone());
        if !self.is_leader() {
            return;
        }
        let audience = self.audience();
        let left = |leader: &mut Leader| leader.peers.iter().any(|peer| !audience.contains(&peer.id));
        if self.leader_mut().is_some_and(left) {
            self.beat(cx); // the last that those who leave hear
            self.review_peers(cx);
        }
        let Some(leader) = self.leader_mut() else { return };
        if membership.is_joint() {
            let entered =
                |it: &&mut Option<Change>| matches!(&**it, Some(Change { stage: Stage::Entered { .. }, .. }));
            let op = Some(&mut leader.change).filter(entered).and_then(Option::take).map(|it| it.op);
            if membership.auto_leave
                && let Ok(next) = membership.leave_joint()
            {
                self.append_configuration(cx, op, next);
            }
        } else if !membership.deciding().contains(cx.id) {
            cx.note("left the cluster", index);
            self.leader = None;
            self.follow(cx);
        }
    }

    /// A leader steps down: what it was asked to change is in others' hands, or was never begun.
    pub(super) fn drop_change(&mut self, cx: &mut Cx<'_, Node>, change: Option<Change>) {
        match change {
            None => {}
            Some(Change { op, stage: Stage::Entered { index } }) => {
                let term = cx.disk().log.term_at(index).unwrap_or(0);
                cx.reply_at_once(op, Reply::Lost { index, term });
            }
            Some(Change { op, stage: Stage::CatchingUp { .. } }) => {
                cx.disarm(Timer::CatchUp);
                self.redirect(cx, Asker::Operation(op));
            }
        }
    }
}
