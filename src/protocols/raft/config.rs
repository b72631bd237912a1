//! What a node is told when it is set up, and the ways to set it up wrong on purpose.
use serde::{Deserialize, Serialize};

use crate::machines::store::MachineKind;
use crate::sim::{NodeId, Span, Time};

const MILLISECOND: Time = 1_000_000;

/// How a server is set up. Only the voters must be given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The servers whose votes and copies count.
    pub voters: Vec<NodeId>,
    /// How long a server waits for a leader before it runs for leader itself.
    #[serde(default = "election_timeout")]
    pub election_timeout: Span,
    /// How often a leader is heard.
    #[serde(default = "heartbeat")]
    pub heartbeat: Time,
    /// Whether a leader begins its term with an entry that does nothing, so that it can commit at once.
    #[serde(default = "yes")]
    pub noop: bool,
    /// How many entries one AppendEntries carries at most.
    #[serde(default = "max_entries")]
    pub max_entries: u32,
    /// How many AppendEntries with entries may be under way to one server at once.
    #[serde(default = "max_inflight")]
    pub max_inflight: u32,
    /// What the log drives.
    #[serde(default)]
    pub machine: MachineKind,
    /// Whether a client's repeated command is recognized and answered from memory.
    #[serde(default = "yes")]
    pub sessions: bool,
    /// The rule this server breaks: for testing the tests.
    #[serde(default)]
    pub mutant: Option<Mutant>,
    /// Whether a server begins a new term only when a majority would vote for it (thesis, section 9.6).
    #[serde(default)]
    pub prevote: bool,
    /// Whether a leader that does not hear a majority steps down (thesis, section 6.2).
    #[serde(default)]
    pub check_quorum: bool,
    /// Whether a server that hears a leader pays no attention to candidates (thesis, section 4.2.3).
    #[serde(default)]
    pub leader_liveness: bool,
    /// Servers that receive the log from the beginning and do not count.
    #[serde(default)]
    pub learners: Vec<NodeId>,
    /// From when on a configuration in the log holds.
    #[serde(default)]
    pub conf_effective: ConfEffective,
    /// How many rounds a server gets to catch up before its vote counts; 0: it counts at once.
    #[serde(default = "catch_up_rounds")]
    pub catch_up_rounds: u32,
    /// How wrong any clock's speed is at most, in millionths: then leaders answer reads by [`ReadMode::Lease`]
    /// without a round. Safe only with `leader_liveness`.
    #[serde(default)]
    pub lease_drift_ppm: Option<u32>,
    /// When its log is compacted, and how a snapshot is sent.
    #[serde(default)]
    pub compaction: Compaction,
    /// How many sessions are remembered, those used last; clients must then register. Without it all are.
    #[serde(default)]
    pub session_limit: Option<u32>,
    /// Whether clients are told the index of their entries: what they need for [`ReadMode::Session`].
    #[serde(default)]
    pub tell_index: bool,
}

/// When a server takes a snapshot in place of the beginning of its log, each on its own: as soon as one of the
/// conditions holds; without any only when it is asked to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Compaction {
    /// So many entries have been applied since the last.
    pub entries: Option<u64>,
    /// The entries applied since the last take so many bytes.
    pub bytes: Option<u64>,
    /// They take so many hundredths of what the last snapshot takes (thesis, section 5.1.2).
    pub factor_percent: Option<u64>,
    /// So long after the last.
    pub every: Option<Time>,
    /// How many of the entries that it stands for stay, for followers that lag a little.
    pub keep: u64,
    /// How many bytes of a snapshot one message carries.
    pub chunk: u32,
}

impl Default for Compaction {
    fn default() -> Self {
        Self { entries: None, bytes: None, factor_percent: None, every: None, keep: 0, chunk: 32 << 10 }
    }
}

impl Compaction {
    /// Whether it takes notice of how much the log holds.
    pub fn weighs(&self) -> bool {
        self.bytes.is_some() || self.factor_percent.is_some()
    }
}

/// How a client is set up. Only the servers must be given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// Whom it may ask.
    pub servers: Vec<NodeId>,
    /// How long it waits for an answer before it asks somebody else.
    #[serde(default = "retry")]
    pub retry: Span,
    /// How its reads are served.
    #[serde(default)]
    pub read_mode: ReadMode,
    /// How many operations it has under way at once; the others queue.
    #[serde(default = "max_lanes")]
    pub max_lanes: u32,
    /// Whether it registers its sessions, as it must where only some are remembered.
    #[serde(default)]
    pub register: bool,
}

/// How a read is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadMode {
    /// Through the log, like a write.
    #[default]
    Log,
    /// By the leader, once a majority has confirmed that it still is one.
    ReadIndex,
    /// By whoever is asked, from what it has: possibly stale.
    Local,
    /// By the leader, at once while it has a lease, otherwise as by `ReadIndex`.
    Lease,
    /// By whoever is asked, once it has come as far as the leader was, confirmed by a majority, when asked.
    Follower,
    /// By whoever is asked, once it has come as far as this client has seen: so it sees its own writes, and never less
    /// than before (thesis, section 6.4.1). Servers must `tell_index`.
    Session,
}

/// From when on a configuration in the log holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfEffective {
    /// As soon as a server has it.
    #[default]
    Append,
    /// When a server applies it. A server that comes up has forgotten what is committed, and so goes back to an
    /// earlier configuration: unsafe.
    Apply,
}

impl Config {
    /// The usual setting for `voters`.
    pub fn new(voters: Vec<NodeId>) -> Self {
        Self {
            voters,
            election_timeout: election_timeout(),
            heartbeat: heartbeat(),
            noop: true,
            max_entries: max_entries(),
            max_inflight: max_inflight(),
            machine: MachineKind::default(),
            sessions: true,
            mutant: None,
            prevote: false,
            check_quorum: false,
            leader_liveness: false,
            learners: Vec::new(),
            conf_effective: ConfEffective::default(),
            catch_up_rounds: catch_up_rounds(),
            lease_drift_ppm: None,
            compaction: Compaction::default(),
            session_limit: None,
            tell_index: false,
        }
    }
}

impl ClientConfig {
    /// The usual setting for a client of `servers`.
    pub fn new(servers: Vec<NodeId>) -> Self {
        Self {
            servers,
            retry: retry(),
            read_mode: ReadMode::default(),
            max_lanes: max_lanes(),
            register: false,
        }
    }
}

fn election_timeout() -> Span {
    Span { min: 150 * MILLISECOND, max: 300 * MILLISECOND }
}
fn heartbeat() -> Time {
    50 * MILLISECOND
}
fn retry() -> Span {
    Span { min: 100 * MILLISECOND, max: 200 * MILLISECOND }
}
fn yes() -> bool {
    true
}
fn max_entries() -> u32 {
    256
}
fn max_inflight() -> u32 {
    256
}
fn catch_up_rounds() -> u32 {
    10
}
fn max_lanes() -> u32 {
    1024
}

/// A rule to break. Each names the one line that guards it, by `self.breaks(..)` next to the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mutant {
    /// Grants a vote to everybody who asks, however often in a term.
    VoteTwice,
    /// Grants a vote without comparing logs.
    NoLogCheck,
    /// Lets the granted vote leave before it is on disk.
    VoteBeforeSync,
    /// Wins elections with half of the votes.
    MinorityQuorum,
    /// Commits an entry of an earlier term because it is on a majority.
    CommitOldTerm,
    /// As a leader counts its own copy before it is on disk.
    CountBeforeSync,
    /// As a follower acknowledges entries before they are on disk.
    AckBeforeSync,
    /// As a follower takes the leader's commit index for its own whole log.
    CommitBeyondMatch,
    /// As a follower keeps entries that conflict with the leader's.
    NoTruncate,
    /// As a follower drops whatever follows the entries of a message, even of a late one.
    TruncateAlways,
    /// Accepts entries without checking what comes before them.
    NoConsistencyCheck,
    /// Executes a repeated command again.
    NoDedup,
    /// Serves a confirmed read without confirming.
    ReadWithoutRound,
    /// Takes what was granted before the term began for votes of the term.
    PreVoteCounts,
    /// Lets a pre-vote be a vote: whoever grants one notes it as its vote.
    PreVoteBinds,
    /// Goes from one configuration to any other without a joint one.
    DirectSwitch,
    /// In a joint configuration lets the new majority decide alone.
    NewMajorityOnly,
    /// Begins a change while another is not yet committed.
    SecondChange,
    /// Changes the configuration before anything of the leader's term is committed.
    ChangeBeforeCommit,
    /// Keeps a configuration that is gone from the log.
    NoRollback,
    /// Counts learners like voters.
    LearnersCount,
    /// Takes a lease for as long as if all clocks ran alike.
    LeaseWithoutBound,
    /// As a follower answers a read before it has come as far as the leader said.
    FollowerReadAtOnce,
    /// Leaves out of a snapshot what clients were answered.
    SnapshotWithoutSessions,
    /// Leaves out of a snapshot who belongs to the cluster.
    SnapshotWithoutMembers,
    /// Compacts the log before the snapshot is written.
    CompactBeforeSnapshot,
    /// As a follower installs a snapshot of what it had already left behind.
    InstallOlder,
    /// As a follower that installs a snapshot keeps a log that does not lead up to it.
    KeepConflictingLog,
    /// Puts together the pieces of a snapshot in whatever order they come.
    ChunksInAnyOrder,
    /// Takes a command whose session is forgotten for the first of a new one.
    ExpiredIsNew,
    /// Votes as if an entry that it cannot read any more had never been there.
    VoteWithHole,
    /// Answers a session's read before it has come as far as the session has seen.
    SessionReadAtOnce,
}
