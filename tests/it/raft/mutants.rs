//! Servers that break one rule each: the test of the tests.
use super::membership::{Change, USUAL};
use super::safety::Figure8;
use super::storm::Storm;
use super::*;
use distlab::protocols::raft::{Mutant, ReadMode};

/// Where a mutant is looked for, with so many seeds at most.
enum Hunt {
    Storm(Storm, u64),
    Figure8(Figure8, u64),
    Change(u64),
    Compacted(u64),
}

/// Scenario S14: every rule that is broken is noticed.
#[test]
fn every_mutant_is_caught() {
    let usual = Storm::default();
    let three = Storm { servers: 3, ..usual };
    let reads = Storm { read_mode: ReadMode::ReadIndex, ..three };
    let figure_8 = Figure8 { rounds: 100, unreliable: true, eager: false, mutant: None };
    let mutants = [
        (Mutant::VoteTwice, Hunt::Storm(usual, 10)),
        (Mutant::NoLogCheck, Hunt::Storm(usual, 10)),
        (Mutant::VoteBeforeSync, Hunt::Storm(three, 200)),
        (Mutant::MinorityQuorum, Hunt::Storm(usual, 10)),
        (Mutant::CommitOldTerm, Hunt::Figure8(figure_8, 100)),
        (Mutant::CountBeforeSync, Hunt::Storm(three, 100)),
        (Mutant::AckBeforeSync, Hunt::Storm(three, 100)),
        (Mutant::CommitBeyondMatch, Hunt::Storm(usual, 50)),
        (Mutant::NoTruncate, Hunt::Storm(usual, 10)),
        (Mutant::TruncateAlways, Hunt::Storm(usual, 10)),
        (Mutant::NoConsistencyCheck, Hunt::Storm(usual, 10)),
        (Mutant::NoDedup, Hunt::Storm(usual, 10)),
        (Mutant::ReadWithoutRound, Hunt::Storm(reads, 10)),
        (Mutant::PreVoteCounts, Hunt::Storm(usual, 400)),
        (Mutant::PreVoteBinds, Hunt::Storm(usual, 10)),
        (Mutant::DirectSwitch, Hunt::Change(100)),
        (Mutant::NewMajorityOnly, Hunt::Change(100)),
        (Mutant::SecondChange, Hunt::Change(100)),
        (Mutant::NoRollback, Hunt::Change(100)),
        (Mutant::LearnersCount, Hunt::Change(100)),
        (Mutant::FollowerReadAtOnce, Hunt::Storm(Storm { read_mode: ReadMode::Follower, ..three }, 20)),
    ];
    let compacted = Storm { compaction: true, ..usual };
    let of_compaction = [
        (Mutant::SnapshotWithoutSessions, Hunt::Storm(compacted, 50)),
        (Mutant::SnapshotWithoutMembers, Hunt::Compacted(50)),
        (Mutant::CompactBeforeSnapshot, Hunt::Storm(compacted, 100)),
        (Mutant::InstallOlder, Hunt::Storm(compacted, 400)),
        (Mutant::KeepConflictingLog, Hunt::Storm(compacted, 400)),
        (Mutant::VoteWithHole, Hunt::Storm(Storm { corrupt: true, ..three }, 200)),
        (Mutant::SessionReadAtOnce, Hunt::Storm(Storm { read_mode: ReadMode::Session, ..usual }, 20)),
        (Mutant::ExpiredIsNew, Hunt::Storm(Storm { session_limit: Some(2), ..usual }, 100)),
        (Mutant::ChunksInAnyOrder, Hunt::Storm(compacted, 1_000)),
    ];
    let mut missed = Vec::new();
    for (mutant, hunt) in mutants.into_iter().chain(of_compaction) {
        let mutant = Some(mutant);
        let caught =
            match hunt {
                Hunt::Storm(storm, most) => (0..most)
                    .find_map(|seed| Storm { mutant, ..storm }.play(seed).err().map(|why| (seed, why))),
                Hunt::Change(most) => (0..most)
                    .find_map(|seed| Change { mutant, ..USUAL }.play(seed).err().map(|why| (seed, why))),
                Hunt::Compacted(most) => (0..most).find_map(|seed| {
                    Change { mutant, compaction: true, ..USUAL }.play(seed).err().map(|why| (seed, why))
                }),
                Hunt::Figure8(storm, most) => (0..most)
                    .find_map(|seed| Figure8 { mutant, ..storm }.play(seed).err().map(|why| (seed, why))),
            };
        match caught {
            Some((seed, why)) => {
                println!("{mutant:?}: seed {seed}: {}", why.lines().next().unwrap_or_default())
            }
            None => missed.push(mutant),
        }
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

/// The other side of it: the same storms, and no rule broken.
#[test]
fn servers_that_keep_the_rules_are_not_accused() {
    let usual = Storm::default();
    let storms = [
        Storm { noop: false, max_entries: 1, ..usual },
        Storm { servers: 3, read_mode: ReadMode::ReadIndex, ..usual },
        Storm { servers: 4, ..usual },
        Storm { servers: 1, ..usual },
    ];
    each_seed(40, |seed| {
        for storm in storms {
            storm.play(seed).unwrap_or_else(|error| panic!("{error}"));
        }
    });
}
