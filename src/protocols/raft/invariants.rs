//! What must hold after every step.
//!
//! | invariant | paper | TLA+ (raft.tla, Ongaro; names of Vanlightly's variants) |
//! |---|---|---|
//! | ElectionSafety | figure 3; 5.2 | `MoreThanOneLeader`, `NoTwoLeadersInSameTerm` |
//! | LeaderAppendOnly | figure 3; 5.3 | `LeaderLogsAppendOnly` |
//! | LogMatching | figure 3; 5.3 | `NoLogDivergence` |
//! | LeaderCompleteness | figure 3; 5.4 | `LeaderHasAllAckedValues` |
//! | StateMachineSafety | figure 3; 5.4.3 | `ConsistentCommit` |
//! | CommittedOnQuorum | figure 2: a majority of matchIndex >= N | `CommittedEntriesReachMajority` |
//! | Monotonic | figure 2: terms, commitIndex and lastApplied only increase | `MonotonicTerm` |
//! | VoteOnce | figure 2: one vote a term, kept on stable storage | `VotesGrantedOnce` |
//! | StateOrdering | figure 2: compacted <= snapshot <= lastApplied <= commitIndex <= last index | `CommitIndexBounds` |
//! | MaxOneReconfigurationAtATime | thesis, 4.3: no change before the last is committed | `MaxOneReconfigurationAtATime` |
//! | ConfigurationInLog | thesis, 4.1: the latest configuration in the log, committed or not | |
//! | SnapshotSafety | notes, proof 3.1: independent snapshots of one prefix are equal, and of what is committed | |
//!
//! A check costs what the step changed. Every log that was ever seen, from its beginning to some entry, has
//! a number: two logs agree up to an index exactly if they have the same number there. So whether a leader
//! has everything that was committed, and whether two servers apply the same, is one comparison.
//!
//! What is on a disk but not yet durable may be lost, and then a term or a vote falls back, harmlessly: nobody
//! has heard of it. A vote that a candidate has counted was heard.
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::config::ConfEffective;
use super::quorum::{Tally, Voters};
use super::states::States;
use super::{Command, Disk, Entry, Node, Role, Server, Write};
use crate::sim::{self, Broken, Chunked, Fingerprint, NodeId, Step, StepKind, View};

/// What the invariants remember.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Monitor {
    nodes: Vec<Seen>,
    prefixes: Prefixes,
    /// What was committed, by index less one.
    committed: Chunked<Committed>,
    /// Who led which term.
    leaders: BTreeMap<u64, NodeId>,
    /// In which term whose vote was counted, and for whom.
    votes: BTreeMap<(u64, NodeId), NodeId>,
    /// Whether it saw a log whose beginning nobody knew.
    guessed: bool,
    /// Hashes of the states that snapshots hold, by the index of the last entry they stand for.
    snapshots: BTreeMap<u64, u64>,
    /// The states of machines from outside.
    states: States,
}

/// A node after its last step.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Seen {
    incarnation: u32,
    term: u64,
    voted_for: Option<NodeId>,
    /// The latest term in which its vote was counted.
    heard: u64,
    commit: u64,
    applied: u64,
    leading: bool,
    /// The index of the last configuration in its log.
    configured: u64,
    /// The numbers of its log up to every entry.
    log: Chunked<Prefix>,
    /// The number of an entry that it had and cannot read any more, by index less one.
    unreadable: Option<(usize, Prefix)>,
}

/// The number of a log up to some entry, a hash of all that it holds: whoever has seen the same knows it by the same
/// number, whatever was seen before. 0 is the empty log.
type Prefix = u64;

/// What was committed at an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Committed {
    prefix: Prefix,
    /// The term in which it was.
    term: u64,
}

impl sim::Monitor<Node> for Monitor {
    const INVARIANTS: &'static [&'static str] = &[
        "ElectionSafety",
        "LeaderAppendOnly",
        "LogMatching",
        "LeaderCompleteness",
        "StateMachineSafety",
        "CommittedOnQuorum",
        "Monotonic",
        "VoteOnce",
        "StateOrdering",
        "MaxOneReconfigurationAtATime",
        "ConfigurationInLog",
        "SnapshotSafety",
    ];

    fn check(&mut self, view: &View<'_, Node>, step: &Step<'_, Node>, report: &mut Vec<Broken>) {
        let Some(node) = (view.get)(step.node) else { return };
        let server = match node.state {
            Some(Node::Client(_)) => return,
            Some(Node::Server(server)) => Some(server),
            None => None,
        };
        if self.nodes.len() < view.len as usize {
            self.nodes.resize_with(view.len as usize, Seen::default);
        }
        if self.nodes[step.node.index()].incarnation != node.incarnation {
            let seen = &mut self.nodes[step.node.index()];
            (seen.incarnation, seen.commit, seen.applied, seen.leading) = (node.incarnation, 0, 0, false);
        }
        let leads = server.is_some_and(|server| matches!(server.role, Role::Leader(_)));
        self.check_vote(step, node.disk, report);
        self.note_unreadable(step, node.disk);
        if step.kind == StepKind::Edited && self.guessed {
            self.learn_anew(view, report);
        }
        let rewritten = self.check_log(step, node.disk, leads, report);
        if let Some(server) = server {
            self.check_progress(step, node.disk, server, rewritten, report);
            let machine = &server.replica.machine;
            self.states.check(step.node, step.kind, node.incarnation, server.applied, machine, report);
            self.check_election(step.node, node.disk, server, leads, report);
            if !server.members.is_empty() {
                self.check_members(step.node, node.disk, server, report);
            }
        }
        self.check_snapshot(step, node.disk, report);
        let seen = &mut self.nodes[step.node.index()];
        (seen.term, seen.voted_for, seen.leading) = (node.disk.term, node.disk.voted_for, leads);
        seen.configured = server.map_or(0, last_configuration);
    }
}

impl Monitor {
    /// Whoever cannot read an entry any more has still vouched for it.
    fn note_unreadable(&mut self, step: &Step<'_, Node>, disk: &Disk) {
        let mut damaged = false;
        (step.writes)(&mut |write| damaged |= matches!(write, Write::Unreadable(_)));
        let seen = &mut self.nodes[step.node.index()];
        let at = (disk.unreadable.1 as usize).wrapping_sub(1);
        if let Some(prefix) = seen.log.get(at).filter(|_| damaged) {
            seen.unreadable = Some((at, *prefix));
        }
    }

    fn check_vote(&mut self, step: &Step<'_, Node>, disk: &Disk, report: &mut Vec<Broken>) {
        let (id, seen) = (step.node.0, &mut self.nodes[step.node.index()]);
        if step.kind == StepKind::Edited {
            seen.heard = 0;
            return;
        }
        let floor = if step.kind == StepKind::Crash { seen.heard } else { seen.term };
        if disk.term < floor {
            report.push(broken(
                "Monotonic",
                format!("the term of node {id} falls from {floor} to {}", disk.term),
            ));
        }
        let kept = seen.voted_for.is_none() || seen.voted_for == disk.voted_for;
        if step.kind == StepKind::Handler && disk.term == seen.term && !kept {
            let (term, old, new) = (disk.term, seen.voted_for, disk.voted_for);
            report.push(broken(
                "VoteOnce",
                format!("node {id} changes its vote of term {term}: {old:?}, {new:?}"),
            ));
        }
    }

    /// Numbers what is new in a log. Returns the first index that is.
    fn check_log(
        &mut self,
        step: &Step<'_, Node>,
        disk: &Disk,
        leads: bool,
        report: &mut Vec<Broken>,
    ) -> u64 {
        let (mut from, mut removed) = (u64::MAX, false);
        (step.writes)(&mut |write| match write {
            Write::Splice { from: start, entries } => {
                from = from.min(*start);
                removed |= !entries.is_empty();
            }
            Write::Begin { .. } => from = from.min(disk.log.first_index()),
            Write::Snapshot(_) | Write::Hard { .. } | Write::Incarnation(_) | Write::Unreadable(_) => {}
        });
        if step.kind == StepKind::Edited {
            from = disk.log.first_index();
        }
        let (purged, stands_for) = (disk.log.first_index() - 1, disk.snapshot_index());
        if purged > stands_for {
            let detail = format!("node {}: compacted up to {purged}, snapshot {stands_for}", step.node.0);
            report.push(broken("StateOrdering", detail));
        }
        if from == u64::MAX {
            return from;
        }
        let seen = &self.nodes[step.node.index()];
        if removed && step.kind == StepKind::Handler && leads && seen.leading && seen.term == disk.term {
            let detail = format!("leader {} of term {} removes its entry {from}", step.node.0, disk.term);
            report.push(broken("LeaderAppendOnly", detail));
        }
        self.number_log(step.node, disk, from, report);
        from
    }

    /// Numbers a log from an index on.
    fn number_log(&mut self, node: NodeId, disk: &Disk, from: u64, report: &mut Vec<Broken>) {
        self.nodes[node.index()].log.truncate((from - 1) as usize);
        // What a snapshot has put in the place of entries that were never here is what everybody has committed; but
        // of a past that was made by hand there may be nobody who knows.
        let purged = disk.log.first_index() - 1;
        for at in self.nodes[node.index()].log.len()..purged as usize {
            let committed = self.committed.get(at).map(|it| it.prefix);
            let known = committed.or_else(|| self.nodes.iter().find_map(|it| it.log.get(at).copied()));
            self.guessed |= known.is_none_or(|prefix| prefix == 0);
            self.nodes[node.index()].log.push(known.unwrap_or(0));
        }
        let seen = &mut self.nodes[node.index()];
        let from = from.max(purged + 1);
        let mut prefix = seen.log.last().copied().unwrap_or(0);
        for (index, entry) in (from..).zip(disk.log.iter_from(from)) {
            prefix = match self.prefixes.number(index, prefix, entry) {
                Ok(prefix) => prefix,
                Err(prefix) => {
                    let what = format!("entry {index} of term {}", entry.term);
                    let detail = format!("{what} of node {} differs, or follows others, elsewhere", node.0);
                    report.push(broken("LogMatching", detail));
                    prefix
                }
            };
            seen.log.push(prefix);
        }
    }

    /// A past is made by hand, node by node, and of some nobody knew what preceded it: now somebody may.
    fn learn_anew(&mut self, view: &View<'_, Node>, report: &mut Vec<Broken>) {
        let all = (0..view.len).map(NodeId).filter_map(|id| Some((id, (view.get)(id)?)));
        let mut all: Vec<_> = all.collect();
        all.sort_by_key(|(_, node)| node.disk.log.first_index());
        (self.guessed, self.prefixes, self.committed) = (false, Prefixes::default(), Chunked::default());
        self.nodes.iter_mut().for_each(|it| it.log.truncate(0));
        for (id, node) in &all {
            self.number_log(*id, node.disk, 1, report);
        }
        for (id, node) in &all {
            if let Some(Node::Server(server)) = node.state {
                self.check_commit(*id, node.disk.term, server.commit.min(node.disk.log.last_index()), report);
            }
        }
    }

    /// What a snapshot stands for was committed, and is the same wherever one is taken.
    fn check_snapshot(&mut self, step: &Step<'_, Node>, disk: &Disk, report: &mut Vec<Broken>) {
        let mut news = false;
        (step.writes)(&mut |write| news |= matches!(write, Write::Snapshot(_)));
        let Some(snapshot) = disk.snapshot.as_ref().filter(|_| news) else { return };
        let (node, index) = (step.node, snapshot.last_included_index);
        if index > self.committed.len() as u64 {
            let detail = format!(
                "the snapshot of node {} stands for {index} entries, more than are committed",
                node.0
            );
            return report.push(broken("SnapshotSafety", detail));
        }
        let state = Fingerprint::of(&(snapshot.last_included_term, &snapshot.members, &snapshot.replica));
        if *self.snapshots.entry(index).or_insert(state) != state {
            let detail = format!("the snapshot of node {} at {index} differs from another's", node.0);
            report.push(broken("SnapshotSafety", detail));
        }
    }

    fn check_progress(
        &mut self,
        step: &Step<'_, Node>,
        disk: &Disk,
        server: &Server,
        rewritten: u64,
        report: &mut Vec<Broken>,
    ) {
        let (id, seen) = (step.node.0, &mut self.nodes[step.node.index()]);
        let (commit, applied, last) = (server.commit, server.applied, disk.log.last_index());
        if step.kind == StepKind::Handler && (commit < seen.commit || applied < seen.applied) {
            let (old, new) = ((seen.commit, seen.applied), (commit, applied));
            report.push(broken(
                "Monotonic",
                format!("commit, applied of node {id} fall from {old:?} to {new:?}"),
            ));
        }
        let snapshot = disk.snapshot_index();
        if !(snapshot <= applied && applied <= commit && commit <= last) {
            let detail =
                format!("node {id}: snapshot {snapshot}, applied {applied}, commit {commit}, last {last}");
            report.push(broken("StateOrdering", detail));
        }
        let news = commit > seen.commit || rewritten <= commit;
        (seen.commit, seen.applied) = (commit, applied);
        if news {
            let before = self.committed.len() as u64;
            self.check_commit(step.node, disk.term, commit.min(last), report);
            if step.kind == StepKind::Handler && self.committed.len() as u64 > before {
                self.check_quorum(step.node, server, commit, report);
            }
        }
    }

    /// What is committed for the first time is on the disks of a majority.
    fn check_quorum(&self, node: NodeId, server: &Server, commit: u64, report: &mut Vec<Broken>) {
        let at = (commit - 1) as usize;
        let prefix = self.committed.get(at).map(|it| it.prefix);
        let has = |voter: &&NodeId| {
            self.nodes.get(voter.index()).is_some_and(|it| {
                it.log.get(at).copied() == prefix || it.unreadable == prefix.map(|prefix| (at, prefix))
            })
        };
        if server.config.conf_effective == ConfEffective::Apply && !server.members.is_empty() {
            return; // it was committed by the voters before those that it has made
        }
        // A configuration that was appended in this very step came after the commit, or made it possible.
        let news = last_configuration(server) != self.nodes[node.index()].configured;
        let before = server.leaving().filter(|_| news);
        let won = |voters: Voters<'_, NodeId>| voters.vote_result(|id| Some(has(&&id))) == Tally::Won;
        let all: SmallVec<[NodeId; 8]> = before.unwrap_or(server.deciding()).iter().collect();
        let count = all.iter().filter(has).count();
        if !won(server.deciding()) && !before.is_some_and(won) {
            let detail = format!("entry {commit} is committed and on {count} disks of {}", all.len());
            report.push(broken("CommittedOnQuorum", detail));
        }
    }

    /// A server's configuration is that of its log; in a leader's there is one at most that nobody has committed.
    fn check_members(&self, node: NodeId, disk: &Disk, server: &Server, report: &mut Vec<Broken>) {
        let gone = server.members.last().filter(|it| {
            let entry = disk.log.entry(it.index).map(|entry| &*entry.command);
            let there =
                matches!(entry, Some(Command::Configure { membership }) if *membership == it.membership);
            it.index >= disk.log.first_index() && !there
        });
        if let Some(it) = gone {
            let detail =
                format!("the log of node {} has no configuration at {}, as it believes", node.0, it.index);
            report.push(broken("ConfigurationInLog", detail));
        }
        if !matches!(server.role, Role::Leader(_)) {
            return;
        }
        let committed = self.committed.len() as u64;
        let open: Vec<u64> = server.members.iter().map(|it| it.index).filter(|it| *it > committed).collect();
        if open.len() > 1 {
            let detail = format!("leader {} has configurations at {open:?}, and none is committed", node.0);
            report.push(broken("MaxOneReconfigurationAtATime", detail));
        }
    }

    /// What a node takes for committed is what everybody does, and every later leader has it.
    fn check_commit(&mut self, node: NodeId, term: u64, commit: u64, report: &mut Vec<Broken>) {
        let log = &self.nodes[node.index()].log;
        let known = commit.min(self.committed.len() as u64);
        let differs = |at: usize| log.get(at) != self.committed.get(at).map(|it| &it.prefix);
        if known > 0 && differs(known as usize - 1) {
            let index = (0..known as usize).find(|at| differs(*at)).unwrap_or(0) + 1;
            let detail =
                format!("node {} commits an entry {index} that is not the one committed before", node.0);
            return report.push(broken("StateMachineSafety", detail));
        }
        for at in known as usize..commit as usize {
            let Some(prefix) = log.get(at).copied() else { return };
            self.committed.push(Committed { prefix, term });
            for (later, leader) in self.leaders.range(term + 1..) {
                let seen = &self.nodes[leader.index()];
                if seen.leading && seen.term == *later && seen.log.get(at) != Some(&prefix) {
                    report.push(incomplete(*leader, *later, at as u64 + 1));
                }
            }
        }
    }

    fn check_election(
        &mut self,
        node: NodeId,
        disk: &Disk,
        server: &Server,
        leads: bool,
        report: &mut Vec<Broken>,
    ) {
        let (term, seen) = (disk.term, &self.nodes[node.index()]);
        let elected = leads && !(seen.leading && seen.term == term);
        if elected || server.role == Role::Candidate {
            self.count_votes(node, term, server, report);
        }
        if !elected {
            return;
        }
        let first = *self.leaders.entry(term).or_insert(node);
        if first != node {
            let detail = format!("nodes {} and {} both lead term {term}", first.0, node.0);
            report.push(broken("ElectionSafety", detail));
        }
        let log = &self.nodes[node.index()].log;
        let earlier = (0..self.committed.len()).rev().find_map(|at| {
            let it = self.committed.get(at)?;
            (it.term < term).then_some((at, it.prefix))
        });
        if let Some((at, prefix)) = earlier
            && log.get(at) != Some(&prefix)
        {
            report.push(incomplete(node, term, at as u64 + 1));
        }
    }

    fn count_votes(&mut self, candidate: NodeId, term: u64, server: &Server, report: &mut Vec<Broken>) {
        for (voter, vote) in server.deciding().iter().zip(&server.votes) {
            if *vote != Some(true) {
                continue;
            }
            let voter = &voter;
            if let Some(seen) = self.nodes.get_mut(voter.index()) {
                seen.heard = seen.heard.max(term);
            }
            let first = *self.votes.entry((term, *voter)).or_insert(candidate);
            if first != candidate {
                let (both, voter) = (format!("{} and {}", first.0, candidate.0), voter.0);
                report.push(broken("VoteOnce", format!("node {voter} has voted for {both} in term {term}")));
            }
        }
    }
}

fn last_configuration(server: &Server) -> u64 {
    server.members.last().map_or(0, |it| it.index)
}

fn broken(invariant: &'static str, detail: String) -> Broken {
    Broken { invariant: invariant.into(), detail }
}

fn incomplete(leader: NodeId, term: u64, index: u64) -> Broken {
    let detail = format!("leader {} of term {term} lacks entry {index}, committed before its term", leader.0);
    broken("LeaderCompleteness", detail)
}

/// All logs that were ever seen, as a tree: each entry hangs on what precedes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Prefixes {
    /// By index less one, in the order of term and number; mostly one at each.
    known: Chunked<SmallVec<[Known; 1]>>,
}

/// An entry, and what precedes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Known {
    prefix: Prefix,
    before: Prefix,
    term: u64,
    command: Arc<Command>,
}

impl Prefixes {
    /// The number of the log `before` continued by `entry` at `index`; as an error if another entry of that
    /// index and term is known.
    fn number(&mut self, index: u64, before: Prefix, entry: &Entry) -> Result<Prefix, Prefix> {
        let at = (index - 1) as usize;
        let known = self.known.get(at).map_or(&[][..], |it| it);
        // Comparing addresses first spares comparing commands that are one and the same.
        let same = |it: &&Known| {
            let equal = Arc::ptr_eq(&it.command, &entry.command) || it.command == entry.command;
            it.term == entry.term && it.before == before && equal
        };
        if let Some(known) = known.iter().find(same) {
            return Ok(known.prefix);
        }
        let first_of_term = known.iter().all(|it| it.term != entry.term);
        let prefix = Fingerprint::of(&(before, entry.term, &entry.command)).max(1);
        let place = known.partition_point(|it| (it.term, it.prefix) < (entry.term, prefix));
        let new = Known { prefix, before, term: entry.term, command: entry.command.clone() };
        while self.known.len() <= at {
            self.known.push(SmallVec::new());
        }
        if let Some(there) = self.known.get_mut(at) {
            there.insert(place, new);
        }
        if first_of_term { Ok(prefix) } else { Err(prefix) }
    }
}
