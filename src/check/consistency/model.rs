//! The models, by name, and which implies which.
use std::fmt;

use serde::{Deserialize, Serialize};

/// What a history may be expected to be. The order is that of the notes, strongest first in each group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// One order for all, which keeps real time (Herlihy and Wing 1990).
    Linearizable,
    /// One order for all, which keeps the order of each process (Lamport 1979).
    Sequential,
    /// Causal memory: each process has its own order, which keeps causality (Ahamad et al. 1995).
    CausalMemory,
    /// Causal convergence: causality, and one order of conflicting writes for all.
    CausalConvergence,
    /// Plain causal consistency: no read returns what is overwritten in its causal past.
    Causal,
    /// Pipelined RAM, FIFO: everybody sees the writes of each process in its order.
    Pram,
    /// A process sees what it wrote.
    ReadYourWrites,
    /// A process never sees an older state than before.
    MonotonicReads,
    /// The writes of a process are seen in its order.
    MonotonicWrites,
    /// Who sees a write also sees what its writer had read before.
    WritesFollowReads,
    /// After the last write, all final reads agree.
    Eventual,
    /// What was written before a lock was released, everybody sees afterwards.
    Release,
    /// What was written before a lock was released, the next one who takes it sees.
    LazyRelease,
    /// Serializable, in an order that keeps real time.
    StrictSerializable,
    /// As if the transactions ran one after the other, in an order that keeps sessions.
    Serializable,
    /// Each transaction reads a snapshot, and of two that are concurrent and write one key only one commits.
    SnapshotIsolation,
    /// Each transaction reads a prefix of one order of all.
    Prefix,
    /// Each transaction reads what is causally before it, with one order of conflicting writes.
    TransactionalCausal,
    /// A transaction is seen whole or not at all.
    ReadAtomic,
    /// Only committed, final values are read, and never backwards within a transaction.
    ReadCommitted,
}

use Model::*;

impl Model {
    /// All models.
    pub const ALL: [Self; 20] = [
        Linearizable,
        Sequential,
        CausalMemory,
        CausalConvergence,
        Causal,
        Pram,
        ReadYourWrites,
        MonotonicReads,
        MonotonicWrites,
        WritesFollowReads,
        Eventual,
        Release,
        LazyRelease,
        StrictSerializable,
        Serializable,
        SnapshotIsolation,
        Prefix,
        TransactionalCausal,
        ReadAtomic,
        ReadCommitted,
    ];

    /// Its name: lower case, with hyphens.
    pub fn name(self) -> &'static str {
        match self {
            Linearizable => "linearizable",
            Sequential => "sequential",
            CausalMemory => "causal-memory",
            CausalConvergence => "causal-convergence",
            Causal => "causal",
            Pram => "pram",
            ReadYourWrites => "read-your-writes",
            MonotonicReads => "monotonic-reads",
            MonotonicWrites => "monotonic-writes",
            WritesFollowReads => "writes-follow-reads",
            Eventual => "eventual",
            Release => "release",
            LazyRelease => "lazy-release",
            StrictSerializable => "strict-serializable",
            Serializable => "serializable",
            SnapshotIsolation => "snapshot-isolation",
            Prefix => "prefix",
            TransactionalCausal => "transactional-causal",
            ReadAtomic => "read-atomic",
            ReadCommitted => "read-committed",
        }
    }

    /// The model of a name, or of another word for it (`fifo` is `pram`, `cc` is `causal`).
    pub fn parse(name: &str) -> Option<Self> {
        let plain = name.to_ascii_lowercase().replace(['_', ' '], "-");
        let other = match plain.as_str() {
            "fifo" => Some(Pram),
            "cc" | "causal-consistency" => Some(Causal),
            "cm" => Some(CausalMemory),
            "ccv" => Some(CausalConvergence),
            "ryw" => Some(ReadYourWrites),
            "mr" => Some(MonotonicReads),
            "mw" => Some(MonotonicWrites),
            "wfr" => Some(WritesFollowReads),
            "lrc" => Some(LazyRelease),
            "rc" => Some(ReadCommitted),
            "ra" => Some(ReadAtomic),
            "tcc" => Some(TransactionalCausal),
            "pc" | "prefix-consistency" => Some(Prefix),
            "si" => Some(SnapshotIsolation),
            "ser" => Some(Serializable),
            "strict-serializability" => Some(StrictSerializable),
            "linearizability" => Some(Linearizable),
            _ => None,
        };
        other.or_else(|| Self::ALL.into_iter().find(|model| model.name() == plain))
    }

    /// Whether it is about transactions.
    pub fn is_transactional(self) -> bool {
        self >= StrictSerializable
    }

    /// The models that it directly implies; all that it implies are reached through these.
    pub fn implies(self) -> &'static [Self] {
        match self {
            Linearizable => &[Sequential, Eventual],
            Sequential => &[CausalMemory, CausalConvergence],
            CausalMemory => &[Causal, Pram],
            CausalConvergence => &[Causal],
            Causal => &[WritesFollowReads, ReadYourWrites, MonotonicReads, MonotonicWrites],
            Pram => &[ReadYourWrites, MonotonicReads, MonotonicWrites],
            Release => &[LazyRelease],
            StrictSerializable => &[Serializable],
            Serializable => &[SnapshotIsolation],
            SnapshotIsolation => &[Prefix],
            Prefix => &[TransactionalCausal],
            TransactionalCausal => &[ReadAtomic],
            ReadAtomic => &[ReadCommitted],
            _ => &[],
        }
    }
}

impl Model {
    /// All models that it implies, directly or not, in the order of [`ALL`](Self::ALL).
    pub fn all_implied(self) -> Vec<Self> {
        let mut found = self.implies().to_vec();
        let mut next = 0;
        while let Some(model) = found.get(next) {
            let more: Vec<_> = model.implies().iter().filter(|it| !found.contains(it)).copied().collect();
            found.extend(more);
            next += 1;
        }
        found.sort_unstable();
        found
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn implications_are_transitive() {
        assert!(Linearizable.all_implied().contains(&ReadYourWrites));
        assert_eq!(StrictSerializable.all_implied().len(), 6);
        assert!(Eventual.all_implied().is_empty());
    }

    #[test]
    fn every_name_reads_back() {
        for model in Model::ALL {
            assert_eq!(Model::parse(model.name()), Some(model));
            assert_eq!(Model::parse(&model.name().to_uppercase().replace('-', "_")), Some(model));
        }
        assert_eq!(Model::parse("fifo"), Some(Pram));
        assert_eq!(Model::parse("strongest"), None);
    }
}
