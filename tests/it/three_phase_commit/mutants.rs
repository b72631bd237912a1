//! Nodes that break one rule each: the test of the tests. What `SkipPrecommit` breaks takes three crashes in a row at
//! the right moments, too rare for storms: `crashes.rs` has them.
use super::storm::Storm;
use distlab::protocols::three_phase_commit::Mutant;

#[test]
fn every_mutant_is_caught() {
    let mutants = [
        Mutant::ForgetVote,
        Mutant::ForgetDecision,
        Mutant::VoteBeforeSync,
        Mutant::CommitWithoutAllVotes,
        Mutant::ResolveAlone,
        Mutant::CountRecovered,
        Mutant::RecoverAlone,
    ];
    let mut missed = Vec::new();
    for mutant in mutants {
        let storm = Storm { mutant: Some(mutant), ..Storm::default() };
        match (0..1_000).find_map(|seed| storm.play(seed).err().map(|why| (seed, why))) {
            Some((seed, why)) => {
                println!("{mutant:?}: seed {seed}: {}", why.lines().next().unwrap_or_default())
            }
            None => missed.push(mutant),
        }
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
