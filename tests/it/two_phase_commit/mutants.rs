//! Nodes that break one rule each: the test of the tests.
use super::storm::Storm;
use distlab::protocols::two_phase_commit::Mutant;

#[test]
fn every_mutant_is_caught() {
    let usual = Storm::default();
    let cooperative = Storm { cooperative: true, ..usual };
    let mutants = [
        (Mutant::ForgetVote, usual),
        (Mutant::ForgetDecision, usual),
        (Mutant::VoteBeforeSync, usual),
        (Mutant::DecideBeforeSync, usual),
        (Mutant::AbortAfterYes, usual),
        (Mutant::VoteAfterAbort, usual),
        (Mutant::CommitWithoutAllVotes, usual),
        (Mutant::GuessAbort, cooperative),
        (Mutant::UnlockEarly, usual),
        (Mutant::ForgetLocks, usual),
    ];
    let mut missed = Vec::new();
    for (mutant, storm) in mutants {
        let storm = Storm { mutant: Some(mutant), ..storm };
        match (0..200).find_map(|seed| storm.play(seed).err().map(|why| (seed, why))) {
            Some((seed, why)) => {
                println!("{mutant:?}: seed {seed}: {}", why.lines().next().unwrap_or_default())
            }
            None => missed.push(mutant),
        }
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
