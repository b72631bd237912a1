//! Tables of the paper and of other implementations, on one server alone: what it is sent, what it answers.
use super::*;
use crate::machines::membership::Membership;
use crate::machines::store::{Answer, Op};
use crate::protocols::raft::log::{Command, Entries};
use crate::protocols::raft::message::Chunk;
use crate::protocols::raft::snapshot::Snapshot;
use crate::sim::{self, Bytes, PendingKind, World};

/// A world moved by hand, with the server in question as node 0 and other voters that are only names.
struct Bench {
    world: World<Node>,
}

const SUBJECT: NodeId = NodeId(0);
const LEADER: NodeId = NodeId(1);

impl Bench {
    fn of(voters: u32) -> Self {
        Self::with(voters, |_| {})
    }

    fn with(voters: u32, change: impl Fn(&mut Config)) -> Self {
        let mut world = World::new(sim::Config { manual: true, ..sim::Config::default() });
        let mut config = Config::new((0..voters).map(NodeId).collect());
        change(&mut config);
        for id in 0..voters {
            world.spawn(&format!("n{id}"), Node::Server(Server::new(config.clone()))).unwrap();
        }
        world.settle(100).unwrap();
        Self { world }
    }

    /// Gives the subject a past.
    fn past(mut self, terms: &[u64], term: u64, voted_for: Option<u32>, commit: u64) -> Self {
        let change = |node: &mut Node, disk: &mut Disk| {
            disk.log.splice(1, &entries(terms));
            (disk.term, disk.voted_for) = (term, voted_for.map(NodeId));
            let Node::Server(server) = node else { unreachable!() };
            server.commit = commit;
        };
        self.world.edit(SUBJECT, change).unwrap();
        self
    }

    /// What the subject sends when it is sent `msg`.
    fn send(&mut self, from: NodeId, msg: Msg) -> Vec<(NodeId, Msg)> {
        let id = self.world.inject(from, SUBJECT, msg).unwrap();
        self.world.deliver(id).unwrap();
        self.drain()
    }

    /// Takes everything that is on its way.
    fn drain(&mut self) -> Vec<(NodeId, Msg)> {
        let pending = self.world.pending();
        let messages = pending.iter().filter_map(|it| match it.kind {
            PendingKind::Message(_, msg) => Some((it.id, it.node.unwrap(), msg.clone())),
            _ => None,
        });
        let waiting: Vec<_> = messages.collect();
        waiting.iter().for_each(|(id, ..)| self.world.discard(*id).unwrap());
        waiting.into_iter().map(|(_, to, msg)| (to, msg)).collect()
    }

    /// What the subject sends when it is asked something.
    fn call(&mut self, call: Call) -> Vec<(NodeId, Msg)> {
        self.world.call(SUBJECT, call).unwrap();
        let asked =
            self.world.pending().iter().find(|it| matches!(it.kind, PendingKind::Call(_))).unwrap().id;
        self.world.deliver(asked).unwrap();
        self.drain()
    }

    fn campaign(&mut self) -> Vec<(NodeId, Msg)> {
        self.world.fire(SUBJECT, &Timer::Election).unwrap();
        self.drain()
    }

    /// Makes the subject the leader of the next term; what it sends then.
    fn elect(&mut self) -> Vec<(NodeId, Msg)> {
        self.campaign();
        let term = self.disk().term;
        let voters = self.server().config.voters.clone();
        let grant = Msg::RequestVoteReply { term, vote_granted: true };
        voters[1..].iter().flat_map(|voter| self.send(*voter, grant.clone())).collect()
    }

    fn server(&self) -> &Server {
        let Some(Node::Server(server)) = self.world.node(SUBJECT).state() else { panic!("it is up") };
        server
    }
    fn disk(&self) -> &Disk {
        self.world.node(SUBJECT).disk()
    }
    fn terms(&self) -> Vec<u64> {
        self.disk().log.iter_from(1).map(|entry| entry.term).collect()
    }
    fn role(&self) -> &'static str {
        match self.server().role {
            Role::Follower => "follower",
            Role::Candidate => "candidate",
            Role::Leader(_) => "leader",
            Role::PreCandidate => "pre_candidate",
        }
    }
    /// Which of the subject's timers run, and until when.
    fn timers(&self) -> Vec<(Timer, sim::Time)> {
        self.world.node(SUBJECT).timers().map(|(timer, at)| (*timer, at)).collect()
    }
}

fn entries(terms: &[u64]) -> Vec<Entry> {
    terms.iter().map(|term| Entry { term: *term, command: Command::Noop.into() }).collect()
}

/// An AppendEntries with entries of these terms after the entry `prev`, of (term, index).
fn append(term: u64, prev: (u64, u64), terms: &[u64], leader_commit: u64) -> Msg {
    let (prev_log_term, prev_log_index) = prev;
    let entries = Entries::from(entries(terms));
    Msg::AppendEntries { term, prev_log_index, prev_log_term, entries, leader_commit, round: 0 }
}

fn request_vote(term: u64, last: (u64, u64)) -> Msg {
    Msg::RequestVote { term, last_log_term: last.0, last_log_index: last.1 }
}

fn ack(term: u64, index: u64) -> Msg {
    Msg::AppendEntriesReply { term, success: true, index, hint_index: 0, hint_term: 0, round: 0 }
}

fn granted(sent: &[(NodeId, Msg)]) -> bool {
    match sent {
        [(_, Msg::RequestVoteReply { vote_granted, .. })] => *vote_granted,
        other => panic!("no vote: {other:?}"),
    }
}

/// Scenario E3, but for the arithmetic (see `quorum`): every outcome leaves the term at 1.
#[test]
fn an_election_in_one_round_makes_leader_follower_or_candidate() {
    for (voters, votes, want) in [
        (1, &[][..], "leader"),
        (3, &[true], "leader"),
        (3, &[false, false], "follower"),
        (3, &[], "candidate"),
        (5, &[true, true], "leader"),
        (5, &[true], "candidate"),
        (5, &[false, false], "candidate"),
        (5, &[true, false, false, false], "follower"),
    ] {
        let mut it = Bench::of(voters);
        it.campaign();
        for (voter, vote) in (1..).zip(votes) {
            it.send(NodeId(voter), Msg::RequestVoteReply { term: 1, vote_granted: *vote });
        }
        assert_eq!((it.role(), it.disk().term), (want, 1), "{voters} {votes:?}");
    }
}

/// Scenario E4.
#[test]
fn a_server_votes_once_a_term() {
    for (voted_for, candidate, want) in [
        (None, 1, true),
        (None, 2, true),
        (Some(1), 1, true),
        (Some(2), 2, true),
        (Some(1), 2, false),
        (Some(2), 1, false),
    ] {
        let mut it = Bench::of(3).past(&[], 1, voted_for, 0);
        assert_eq!(
            granted(&it.send(NodeId(candidate), request_vote(1, (0, 0)))),
            want,
            "{voted_for:?} {candidate}"
        );
    }
}

/// Scenario E5: (term, index) of the candidate's last entry against the voter's log.
#[test]
fn a_voter_wants_a_log_no_worse_than_its_own() {
    for (log, last, want) in [
        (&[1][..], (1, 1), true),
        (&[1], (1, 2), true),
        (&[1], (2, 1), true),
        (&[1], (2, 2), true),
        (&[1, 1], (1, 1), false),
        (&[1, 1], (2, 1), true),
        (&[1, 1], (2, 2), true),
        (&[2], (1, 1), false),
        (&[2], (1, 2), false),
        (&[2, 2], (1, 1), false),
        (&[2, 2], (2, 1), false),
    ] {
        let mut it = Bench::of(3).past(log, 2, None, 0);
        assert_eq!(granted(&it.send(LEADER, request_vote(3, last))), want, "{log:?} {last:?}");
    }
}

/// Scenario E9, and erratum 2583: a candidate gives way to a leader of its own term.
#[test]
fn candidate_follows_a_leader_of_its_own_term() {
    let mut it = Bench::of(3);
    it.campaign();
    it.send(LEADER, append(1, (0, 0), &[1], 0));
    assert_eq!((it.role(), it.disk().term, it.server().leader), ("follower", 1, Some(LEADER)));
    assert_eq!(it.terms(), [1]);
    it.send(NodeId(2), Msg::RequestVoteReply { term: 1, vote_granted: true });
    assert_eq!(it.role(), "follower", "a vote that comes late changes nothing");
}

/// Scenario E10.
#[test]
fn an_earlier_term_is_answered_with_the_present_one_and_changes_nothing() {
    let stale = [
        request_vote(1, (9, 9)),
        append(1, (0, 0), &[1], 1),
        Msg::RequestVoteReply { term: 1, vote_granted: true },
        ack(1, 2),
    ];
    for role in ["follower", "candidate", "leader"] {
        for msg in &stale {
            let mut it = Bench::of(3).past(&[1, 1], 2, None, 0);
            match role {
                "follower" => {}
                "candidate" => drop(it.campaign()),
                _ => drop(it.elect()),
            }
            let before = (it.server().clone(), it.disk().clone(), it.timers());
            let sent = it.send(NodeId(2), msg.clone());
            assert_eq!((it.server().clone(), it.disk().clone(), it.timers()), before, "{role} {msg:?}");
            let current = it.disk().term;
            match (&sent[..], msg) {
                ([], Msg::RequestVoteReply { .. } | Msg::AppendEntriesReply { .. }) => {}
                ([(_, Msg::RequestVoteReply { term, vote_granted: false })], _) => assert_eq!(*term, current),
                ([(_, Msg::AppendEntriesReply { term, success: false, .. })], _) => {
                    assert_eq!(*term, current)
                }
                other => panic!("{role}: {other:?}"),
            }
        }
    }
}

/// Scenario E11.
#[test]
fn a_later_term_makes_a_follower_without_vote_or_leader() {
    let later = [
        Msg::RequestVoteReply { term: 9, vote_granted: false },
        ack(9, 0),
        request_vote(9, (0, 0)), // refused: its log is worse
    ];
    for msg in later {
        for role in ["candidate", "leader"] {
            let mut it = Bench::of(3).past(&[1], 1, None, 0);
            if role == "candidate" {
                drop(it.campaign())
            } else {
                drop(it.elect())
            }
            it.send(LEADER, msg.clone());
            assert_eq!((it.role(), it.disk().term, it.disk().voted_for), ("follower", 9, None), "{msg:?}");
            assert_eq!(it.server().leader, None);
            assert_eq!(it.timers().iter().map(|it| it.0).collect::<Vec<_>>(), [Timer::Election]);
        }
    }
}

/// Scenario E17.
#[test]
fn a_vote_counts_once_for_each_voter() {
    let mut it = Bench::of(5);
    it.campaign();
    for _ in 0..3 {
        it.send(LEADER, Msg::RequestVoteReply { term: 1, vote_granted: true });
    }
    it.send(SUBJECT, Msg::RequestVoteReply { term: 1, vote_granted: true });
    assert_eq!(it.role(), "candidate");
    it.send(NodeId(4), Msg::RequestVoteReply { term: 1, vote_granted: true });
    assert_eq!(it.role(), "leader");
}

/// Scenario L3.
#[test]
fn follower_accepts_after_what_it_has_and_hints_where_logs_may_agree() {
    for (prev, want) in
        [((0, 0), Ok(0)), ((1, 1), Ok(1)), ((2, 2), Ok(2)), ((1, 2), Err((1, 1))), ((3, 3), Err((2, 2)))]
    {
        let mut it = Bench::of(3).past(&[1, 2], 2, None, 1);
        let sent = it.send(LEADER, append(2, prev, &[], 1));
        let [(LEADER, Msg::AppendEntriesReply { success, index, hint_index, hint_term, .. })] = sent[..]
        else {
            panic!("{sent:?}")
        };
        assert_eq!(if success { Ok(index) } else { Err((hint_index, hint_term)) }, want, "{prev:?}");
    }
}

/// Scenario L4. The last but one: a late message takes nothing away.
#[test]
fn follower_makes_its_log_the_leaders() {
    for (prev, terms, want) in [
        ((2, 2), &[3][..], &[1, 2, 3][..]),
        ((1, 1), &[3, 4], &[1, 3, 4]),
        ((0, 0), &[1], &[1, 2]),
        ((0, 0), &[3], &[3]),
    ] {
        let mut it = Bench::of(3).past(&[1, 2], 2, None, 0);
        it.send(LEADER, append(4, prev, terms, 0));
        assert_eq!(it.terms(), want, "{prev:?} {terms:?}");
    }
}

/// Scenario L5: commit = min(leader's commit, index of last new entry), and nothing where the logs differ.
#[test]
fn follower_commits_what_the_message_has_proved() {
    for (prev, terms, leader_commit, want) in [
        ((3, 2), &[][..], 3, 0),
        ((1, 3), &[], 3, 0),
        ((1, 1), &[], 1, 1),
        ((0, 0), &[2], 1, 1),
        ((2, 2), &[2, 2], 3, 3),
        ((2, 2), &[2], 4, 3),
        ((1, 1), &[2], 4, 2),
        ((1, 1), &[], 3, 1),
        ((1, 1), &[2], 3, 2),
        ((2, 2), &[], 3, 2),
        ((2, 2), &[], 4, 2),
    ] {
        let mut it = Bench::of(3).past(&[1, 2], 2, None, 0);
        it.send(LEADER, append(2, prev, terms, leader_commit));
        assert_eq!(it.server().commit, want, "{prev:?} {terms:?} {leader_commit}");
        assert_eq!(it.server().applied, want);
    }
}

/// Scenario L7: entries of earlier terms are committed by one of the present term, and never by themselves.
#[test]
fn leader_counts_only_entries_of_its_own_term() {
    for (acked, want) in [(1, 0), (2, 0), (3, 3)] {
        let mut it = Bench::of(3).past(&[1, 2], 2, None, 0);
        it.elect();
        it.send(LEADER, ack(3, acked));
        assert_eq!(it.server().commit, want, "{acked}");
    }
}

/// Scenario L8.
#[test]
fn whatever_precedes_is_committed_and_applied_too() {
    for prior in [&[][..], &[2], &[1, 2], &[1]] {
        let mut it = Bench::of(3).past(prior, 2, None, 0);
        it.elect();
        let last = prior.len() as u64 + 1;
        it.send(LEADER, ack(3, last));
        assert_eq!((it.server().commit, it.server().applied), (last, last), "{prior:?}");
    }
}

/// Scenario L17: the stream stops at the limit; the answer to a heartbeat resumes it.
#[test]
fn a_silent_follower_gets_no_more_than_its_window() {
    let mut it = Bench::with(3, |config| config.max_inflight = 3);
    it.elect();
    it.send(LEADER, ack(1, 1));
    it.send(NodeId(2), ack(1, 1));
    let op = || Call::Propose { op: crate::machines::store::Op::Get { key: "x".into() } };
    let mut sent = Vec::new();
    for _ in 0..6 {
        sent.extend(it.call(op()));
    }
    let to = |id: NodeId| sent.iter().filter(|(to, _)| *to == id).count();
    assert_eq!((to(LEADER), to(NodeId(2))), (3, 3));
    it.world.fire(SUBJECT, &Timer::Heartbeat).unwrap();
    let beats = it.drain();
    assert!(
        matches!(&beats[..], [(_, Msg::AppendEntries { entries, prev_log_index: 4, .. }), _] if entries.is_empty())
    );
    // It has lost two of three: it knows entry 2 and refuses what presumes 4.
    let refusal =
        Msg::AppendEntriesReply { term: 1, success: false, index: 4, hint_index: 2, hint_term: 1, round: 0 };
    let resumed = it.send(LEADER, refusal);
    let [(LEADER, Msg::AppendEntries { prev_log_index: 2, entries, .. })] = &resumed[..] else {
        panic!("{resumed:?}")
    };
    assert_eq!(entries.len(), 5, "everything it lacks, in one message");
}

/// Scenario L19.
#[test]
fn a_heartbeat_commits_nothing_beyond_a_short_log() {
    let mut it = Bench::of(3).past(&[1], 1, None, 0);
    it.send(LEADER, append(1, (1, 5), &[], 5));
    assert_eq!(it.server().commit, 0);
    it.send(LEADER, append(1, (1, 1), &[], u64::MAX));
    assert_eq!(it.server().commit, 1);
}

/// Scenario L20.
#[test]
fn batches_out_of_order_lose_nothing() {
    let mut it = Bench::of(3);
    it.send(LEADER, append(1, (0, 0), &[1, 1, 1], 2));
    it.send(LEADER, append(1, (0, 0), &[1], 1));
    it.send(LEADER, append(1, (1, 1), &[1], 0));
    assert_eq!((it.terms(), it.server().commit), (vec![1, 1, 1], 2));
}

/// Scenario L21, and answers that nobody could have given.
#[test]
fn answers_of_another_term_or_beyond_the_log_do_not_count() {
    let mut it = Bench::of(3).past(&[1, 1], 1, None, 0);
    it.elect();
    for msg in [ack(1, 2), ack(2, 99)] {
        it.send(LEADER, msg);
    }
    let Role::Leader(leader) = &it.server().role else { panic!("it leads") };
    assert_eq!(leader.peers[1].match_index, 0);
}

#[test]
fn a_server_that_is_no_voter_never_runs_for_leader() {
    let mut it = Bench::with(1, |config| config.voters = vec![NodeId(7)]);
    assert_eq!(it.timers(), []);
    assert_eq!(it.campaign(), []);
    assert_eq!(it.disk().term, 0);
}

/// A snapshot of a counter that stands for the entries up to `index`, and who belongs to the cluster.
fn snapshot(index: u64, term: u64, sum: i64) -> Snapshot {
    let mut replica = Replica::default();
    replica.machine.apply(&Op::Put { key: "sum".into(), value: sum.into() });
    let membership = Membership::of((0..5).map(NodeId)).into();
    let members = Some(Adopted { index: 1, membership });
    Snapshot { last_included_index: index, last_included_term: term, members, replica }
}

/// A piece of it, sent in a term.
fn piece(term: u64, it: &Snapshot, range: std::ops::Range<usize>) -> Msg {
    let bytes = it.encode();
    let range = range.start..range.end.min(bytes.len());
    let (offset, done) = (range.start as u64, range.end == bytes.len());
    let data = Bytes::from(&bytes[range]);
    let chunk = Chunk { last_included_term: it.last_included_term, offset, data, done };
    Msg::InstallSnapshot { term, last_included_index: it.last_included_index, chunk: chunk.into(), round: 0 }
}

const ALL: usize = usize::MAX;

/// What a follower answers to a piece: the offset it wants next, or the largest number if it has all.
fn wants(sent: &[(NodeId, Msg)]) -> u64 {
    match sent {
        [(LEADER, Msg::InstallSnapshotReply { offset, .. })] => *offset,
        other => panic!("no answer to a piece: {other:?}"),
    }
}

/// Scenarios C4 and C5, rules 6 to 8 of the notes' 3.15: what follows the snapshot's last entry stays if the log has
/// that entry, and otherwise nothing does; state and configuration become the snapshot's.
#[test]
fn follower_installs_a_snapshot_and_keeps_what_follows_it() {
    for (log, index, term, want) in [
        (&[1, 1, 1, 1, 1][..], 3, 1, &[1, 1][..]), // has it: the suffix stays
        (&[1, 1, 1], 3, 1, &[]),
        (&[1, 1, 2, 2], 3, 3, &[]), // another entry is in its place
        (&[1, 1], 3, 3, &[]),       // shorter
        (&[], 3, 3, &[]),
    ] {
        let mut it = Bench::of(3).past(log, 3, None, 0);
        let sent = it.send(LEADER, piece(3, &snapshot(index, term, 7), 0..ALL));
        assert_eq!(wants(&sent), u64::MAX, "{log:?}");
        assert_eq!(it.terms(), want, "{log:?}");
        assert_eq!((it.disk().log.first_index(), it.disk().log.term_at(3)), (4, Some(term)));
        let server = it.server();
        assert_eq!((server.commit, server.applied), (3, 3));
        let read = Op::Get { key: "sum".into() };
        assert_eq!(server.replica.machine.query(&read), Answer::Value(7.into()));
        assert_eq!(server.membership().voters.len(), 5);
    }
}

/// Scenario C3, one follower: pieces in order, doubled, with gaps; a later snapshot; an earlier term; what it has.
#[test]
fn follower_puts_pieces_together_in_order() {
    let (old, new) = (snapshot(3, 1, 7), snapshot(5, 1, 8));
    let mut it = Bench::of(3).past(&[], 2, None, 0);
    let mut send = |msg: Msg| it.send(LEADER, msg);
    assert_eq!(wants(&send(piece(2, &old, 4..8))), 0, "the beginning is missing");
    assert_eq!(wants(&send(piece(2, &old, 0..4))), 4);
    assert_eq!(wants(&send(piece(2, &old, 0..4))), 4, "doubled");
    assert_eq!(wants(&send(piece(2, &old, 9..12))), 4, "a gap");
    assert_eq!(wants(&send(piece(2, &old, 4..4))), 4, "only a question");
    assert_eq!(wants(&send(piece(1, &old, 4..8))), 0, "a leader of an earlier term is refused");
    assert_eq!(wants(&send(piece(2, &new, 0..4))), 4, "a later snapshot begins anew");
    assert_eq!(send(piece(2, &old, 4..8)), [], "the earlier one is given up");
    assert_eq!(wants(&send(piece(2, &new, 4..ALL))), u64::MAX);
    assert_eq!(wants(&send(piece(2, &old, 0..ALL))), u64::MAX, "older than what it has");
    assert_eq!(it.server().applied, 5);
}

/// A new leader may have an older snapshot than the one that was under way.
#[test]
fn follower_takes_the_snapshot_of_whoever_leads() {
    let (old, new) = (snapshot(3, 1, 7), snapshot(5, 1, 8));
    let mut it = Bench::of(3).past(&[], 2, None, 0);
    assert_eq!(wants(&it.send(LEADER, piece(2, &new, 0..4))), 4);
    assert_eq!(wants(&it.send(LEADER, piece(3, &old, 0..ALL))), u64::MAX);
    assert_eq!(it.server().applied, 3);
}

/// Each piece makes the follower wait for its leader anew.
#[test]
fn every_piece_is_a_heartbeat() {
    let mut it = Bench::of(3).past(&[], 2, None, 0);
    let deadline = |it: &Bench| it.timers().iter().find(|it| it.0 == Timer::Election).unwrap().1;
    let mut earlier = deadline(&it);
    for from in 0..3 {
        it.send(LEADER, piece(2, &snapshot(3, 1, 7), from..from + 1));
        assert_ne!(deadline(&it), earlier, "drawn anew");
        earlier = deadline(&it);
    }
}

/// Scenario C7: entries before the end of the snapshot are those that it stands for.
#[test]
fn follower_takes_only_what_its_snapshot_lacks() {
    for (prev, terms, has, want) in [
        ((1, 1), &[1, 1][..], 3, &[][..]),
        ((1, 2), &[1, 1, 1], 5, &[1, 1]),
        ((1, 1), &[], 3, &[]),
        ((1, 3), &[1], 4, &[1]),
    ] {
        let mut it = Bench::of(3);
        it.send(LEADER, piece(1, &snapshot(3, 1, 7), 0..ALL));
        let sent = it.send(LEADER, append(1, prev, terms, 9));
        let [(LEADER, Msg::AppendEntriesReply { success: true, index, .. })] = sent[..] else {
            panic!("{sent:?}")
        };
        assert_eq!((index, it.server().commit), (has, has), "{prev:?} {terms:?}");
        assert_eq!(it.terms(), want);
    }
}

/// Scenario C8: the last entry of a log that is compacted as a whole is still compared.
#[test]
fn a_voter_knows_the_last_entry_that_is_compacted() {
    for (last, want) in [((2, 2), false), ((2, 3), true), ((1, 9), false), ((3, 1), true)] {
        let mut it = Bench::of(3);
        it.send(LEADER, piece(2, &snapshot(3, 2, 7), 0..ALL));
        assert_eq!(granted(&it.send(NodeId(2), request_vote(5, last))), want, "{last:?}");
    }
}

/// Scenario P7: who comes up has applied what its snapshot stands for, and no more; nothing is applied twice.
#[test]
fn a_restart_begins_at_the_snapshot() {
    let mut it = Bench::of(3);
    it.send(LEADER, piece(1, &snapshot(3, 1, 7), 0..ALL));
    it.send(LEADER, append(1, (1, 3), &[1, 1], 5));
    assert_eq!((it.server().commit, it.server().applied), (5, 5));
    it.world.apply(&sim::Fault::crash(SUBJECT)).unwrap();
    it.world.apply(&sim::Fault::Recover { node: SUBJECT }).unwrap();
    it.world.settle(100).unwrap();
    assert_eq!((it.server().commit, it.server().applied), (3, 3));
    assert_eq!(it.server().membership().voters.len(), 5);
    assert_eq!(it.terms(), [1, 1]);
}
