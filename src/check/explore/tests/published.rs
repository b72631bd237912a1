//! Numbers that others have published, or that their programs print.
use std::collections::BTreeSet;

use crate::check::explore::specs::TwoPhase;
use crate::check::explore::*;

fn two_phase(managers: u32, options: Options) -> Report<TwoPhase> {
    let report = explore(&TwoPhase::new(managers), &options, &mut |_| true);
    report.unwrap_or_else(|_| panic!("the model never fails"))
}

#[test]
fn two_phase_commit_has_as_many_states_as_elsewhere() {
    // Resource managers, distinct states, depth; and what Stateright 0.31 says it has generated.
    let table = [
        (3, 288, 11, Some(1_146)),
        (4, 1_568, 14, None),
        (5, 8_832, 17, Some(58_146)),
        (6, 50_816, 20, None),
        (7, 296_448, 23, None),
    ];
    for (managers, distinct, depth, generated) in table {
        for threads in [1, 2] {
            let report = two_phase(managers, Options { threads, ..Options::default() });
            assert_eq!((report.distinct, report.depth), (distinct, depth), "{managers} managers");
            assert!(generated.is_none_or(|it| it == report.generated), "{managers} managers");
            assert_eq!(report.properties[0].1, Outcome::Holds);
            assert_eq!((report.stopped, report.terminal), (None, 0));
            assert_eq!(report.levels.iter().map(|level| level.distinct).sum::<u64>(), distinct);
        }
    }
}

/// The states of a model, and how many there are if the order of resource managers does not matter.
fn orbits(managers: u32) -> usize {
    let graph = two_phase(managers, Options { graph: true, ..Options::default() }).graph.unwrap();
    let sorted = |state: &u64| {
        let mut each: Vec<u64> = (0..managers).map(|number| state >> (4 * number) & 15).collect();
        each.sort_unstable();
        (state >> 60, each)
    };
    graph.states.iter().map(sorted).collect::<BTreeSet<_>>().len()
}

#[test]
fn resource_managers_are_alike() {
    // Fewer than the 665 of Stateright with 5: it sorts them by a part of their state only, and so takes some states
    // that are alike for different ones.
    for (managers, distinct) in [(3, 80), (4, 166), (5, 314), (6, 553)] {
        let report = two_phase(managers, Options { symmetry: true, ..Options::default() });
        assert_eq!(report.distinct, distinct);
        assert_eq!(orbits(managers), distinct as usize);
        assert!(report.symmetry);
    }
}

#[test]
fn wide_fingerprints_and_depth_first_find_the_same() {
    for strategy in [Strategy::BreadthFirst, Strategy::DepthFirst] {
        let report = two_phase(5, Options { strategy, wide: true, ..Options::default() });
        assert_eq!((report.distinct, report.generated, report.stopped), (8_832, 58_146, None));
        assert!(report.collision < 1e-20);
    }
    assert!(two_phase(5, Options::default()).collision > 1e-13);
}

#[test]
fn a_state_takes_as_few_bytes_as_promised() {
    // Table, log and both frontiers at their largest, for states of 8 bytes.
    let report = two_phase(7, Options::default());
    assert!(report.memory_bytes < 15 * report.distinct, "{}", report.memory_bytes);
}
