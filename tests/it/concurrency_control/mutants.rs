//! Clusters that break one rule each: the test of the tests.
use distlab::machines::serial::Policy;
use distlab::protocols::concurrency_control::{Control, Deadlock, Mutant};

use super::storm::Storm;
use super::{DETECT, MS, TIMEOUT, graph, locking};

/// Every rule that is broken is noticed, and so is having no rules at all.
#[test]
fn every_mutant_is_caught() {
    let mutants = [
        (Mutant::SkipReadValidation, graph(Policy::Validator, 0), 20),
        (Mutant::SkipGraph, graph(Policy::All, 10 * MS), 20),
        (Mutant::SkipPending, Control::Timestamp, 200),
        (Mutant::SkipReaders, Control::Timestamp, 400),
        (Mutant::UnlockEarly, locking(DETECT), 20),
        (Mutant::SkipUpgrade, locking(DETECT), 20),
        (Mutant::IgnoreWound, locking(Deadlock::WoundWait), 20),
        (Mutant::TimeoutWithoutAbort, locking(TIMEOUT), 50),
        (Mutant::VoteBeforeSync, locking(DETECT), 400),
        (Mutant::CommitOnFirstVote, locking(DETECT), 50),
        (Mutant::CommitOnFirstVote, Control::Timestamp, 50),
    ];
    let mut missed = Vec::new();
    for (mutant, control, most) in mutants {
        let storm = Storm { mutant: Some(mutant), ..Storm::of(control) };
        match (0..most).find_map(|seed| storm.play(seed).err().map(|why| (seed, why))) {
            Some((seed, why)) => {
                println!("{mutant:?}: seed {seed}: {}", why.lines().next().unwrap_or_default())
            }
            None => missed.push((mutant, control)),
        }
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

#[test]
fn no_control_is_caught_within_a_few_seeds_even_in_fair_weather() {
    let storm = Storm { faults: false, ..Storm::of(Control::Nothing) };
    let caught = (0..10).filter(|seed| storm.play(*seed).is_err()).count();
    assert!(caught >= 3, "{caught} of 10");
}
