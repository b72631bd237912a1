//! PRAM and causal memory against their definitions, with their views validated.
use super::super::arbitrary::Chance;
use super::super::reads_from::testing::{self, Small, history};
use super::super::{Budget, History, Model, Verdict, Witness};

const MODELS: [Model; 2] = [Model::Pram, Model::CausalMemory];

fn judge(history: &History, model: Model) -> Verdict {
    super::check(history, model, &Budget::default()).expect("reads and writes")
}

#[track_caller]
fn expect(text: &str, expected: [bool; 2]) {
    let history = history(text);
    let got = MODELS.map(|model| judge(&history, model).ok == Some(true));
    assert_eq!(got, expected, "{text}: PRAM, causal memory");
}

#[test]
fn figures_of_the_notes() {
    expect("wx3 wx4 | rx4 rx3", [false; 2]);
    expect("wx4 rx0 rx4", [false; 2]);
    expect("wx1 wy1 | | ry1 rx0 | rx1 ry0", [false; 2]);
    expect("wx1 | rx1 wy2 | ry0 ry2", [true; 2]);
}

#[test]
fn pram_knows_no_causality_between_processes() {
    expect("wx1 | rx1 wy1 | ry1 rx0", [true, false]);
    expect("rx1 wy1 | ry1 wx1", [true, false]);
    expect("rx1 wx1", [false; 2]);
    expect("wx1 | wx2 | rx1 rx2 rx1", [false; 2]);
    expect("wx1 | wx2 | rx1 rx2 | rx2 rx1", [true; 2]);
}

#[test]
fn a_late_read_can_reach_far_back() {
    // That x is still 2 puts 1 before 2, hence y = 1 before the first read, which did not see it.
    expect("wy1 wx1 | wx2 | rx2 ry1 rx2", [true; 2]);
    expect("wy1 wx1 wz1 | wx2 | rx2 ry0 rz1 rx2", [false; 2]);
    let flaw = judge(&history("wy1 wx1 wz1 | wx2 | rx2 ry0 rz1 rx2"), Model::Pram).flaw.expect("it fails");
    assert_eq!(flaw.anomaly, "stale read of the initial value");
}

/// Whether each view replays, is complete and keeps the sessions; for causal memory, also causality.
fn validate(history: &History, views: &[(u32, Vec<u32>)], causal: bool) -> bool {
    let mut small = Small::all(history).swap_remove(0);
    let ops = small.ops.clone();
    let find = |row: u32| ops.iter().position(|op| op.row == row).expect("an operation that counts");
    let mut read = 0;
    for (process, order) in views {
        let mut state: Vec<(u32, usize)> = Vec::new();
        for op in order.iter().map(|row| find(*row)) {
            let latest = state.iter().rev().find(|it| it.0 == ops[op].key).map(|it| it.1);
            if ops[op].write {
                state.push((ops[op].key, op));
            } else {
                read += 1;
                small.source[op] = latest;
                if ops[op].process != *process || latest.map_or(0, |it| ops[it].value) != ops[op].value {
                    return false;
                }
            }
        }
        let complete = |op: &super::super::reads_from::testing::Op| {
            !op.sure || !op.write && op.process != *process || order.contains(&op.row)
        };
        if !ops.iter().all(complete) {
            return false;
        }
    }
    if !causal {
        small.source.fill(None);
    }
    let Some(before) = small.causality() else { return false };
    let kept = |order: &[u32]| {
        order.iter().enumerate().all(|(i, a)| order[..i].iter().all(|b| !before[find(*a)][find(*b)]))
    };
    read == ops.iter().filter(|op| !op.write).count() && views.iter().all(|it| kept(&it.1))
}

#[test]
fn verdicts_agree_with_the_definitions() {
    let (mut counts, mut apart) = ([[0; 2]; 2], 0);
    for seed in 100_000..150_000 {
        let chance = &mut Chance::new(seed);
        let history = testing::arbitrary(chance);
        let all = Small::all(&history);
        let definitions = [testing::pram, testing::memory].map(|it| all.iter().any(it));
        apart += usize::from(definitions[0] != definitions[1]);
        for (i, expected) in definitions.into_iter().enumerate() {
            let model = MODELS[i];
            let verdict = judge(&history, model);
            assert_eq!(verdict.ok, Some(expected), "seed {seed}, {model}, {verdict:?}, {:?}", all.first());
            counts[i][usize::from(expected)] += 1;
            match (&verdict.witness, &verdict.flaw) {
                (Some(Witness::Views(views)), None) => {
                    assert!(validate(&history, views, i == 1), "seed {seed}: {views:?} {all:?}");
                }
                (None, Some(flaw)) => {
                    assert!(!flaw.reason.is_empty(), "seed {seed}: {flaw:?}");
                    let part = judge(&history.select(&flaw.culprits), model);
                    assert_eq!(part.ok, Some(false), "seed {seed}, {model}: {flaw:?}, {all:?}");
                }
                other => panic!("seed {seed}: {other:?}"),
            }
        }
        if all.iter().any(testing::sequential) {
            assert_eq!(judge(&history, Model::CausalMemory).ok, Some(true), "seed {seed}");
        }
    }
    assert!(counts.iter().flatten().all(|count| *count > 5_000) && apart > 100, "{counts:?} {apart}");
}
