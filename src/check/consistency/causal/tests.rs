//! Figures, traps, and plain causal consistency and convergence against their definitions.
use super::super::arbitrary::{Chance, Shape, registers};
use super::super::reads_from::testing::{self, Small, history};
use super::super::{Budget, Flaw, History, Model, Verdict, Witness, sessions, views};

const CAUSAL: [Model; 3] = [Model::Causal, Model::CausalConvergence, Model::CausalMemory];

fn judge(history: &History, model: Model) -> Verdict {
    super::check(history, model, &Budget::default()).expect("reads and writes")
}

#[track_caller]
fn expect(text: &str, expected: [bool; 3]) {
    let history = history(text);
    let got = CAUSAL.map(|model| judge(&history, model).ok == Some(true));
    assert_eq!(got, expected, "{text}: causal, convergent, memory");
}

#[test]
fn figures_of_the_notes() {
    expect("wx1 | wx2 | rx2 rx1 | rx2 rx1", [true; 3]);
    expect("wx1 wy1 | | ry1 rx0 | rx1 ry0", [false; 3]);
    expect("wx1 | rx1 | rx0", [true; 3]);
    expect("wx3 wx4 | rx4 rx3", [false; 3]);
    expect("wx4 rx0 rx4", [false; 3]);
    expect("rx0 wx4 rx4", [true; 3]);
    expect("wx1 | rx1 wy2 | ry0 ry2", [true; 3]);
    expect("wx1 | wy2 | ry2 rx0 rx1 | rx1 ry0 ry2", [true; 3]);
}

#[test]
fn the_histories_that_tell_the_variants_apart() {
    expect("wx1 rx2 | wx2 rx1", [true, false, true]);
    expect("wz1 wx1 wy1 | wx2 rz0 ry1 rx2", [true, true, false]);
    expect("wx1 | wx2 rx1 rx2", [true, false, false]);
    expect("wx1 | wx2 | rx1 rx2 rx1", [true, false, false]);
}

#[test]
fn a_stale_initial_value_fails() {
    expect("wx1 | rx1 rx0", [false; 3]);
    expect("wx1 | rx1 wy1 | ry1 rx0", [false; 3]);
    let flaw = judge(&history("wx1 | rx1 rx0"), Model::Causal).flaw.expect("it fails");
    assert_eq!((flaw.culprits[0], flaw.anomaly.as_str()), (2, "stale read of the initial value"));
}

#[test]
fn values_nobody_wrote_and_failed_writes_are_flaws() {
    expect("wx1 | rx7", [false; 3]);
    expect("wx1! | rx1", [false; 3]);
    expect("wx1@0- | rx1", [true; 3]);
    expect("rx1 wx1", [false; 3]);
    expect("rx1 wy1 | ry1 wx1", [false; 3]);
    expect("", [true; 3]);
    let flaw = |text| judge(&history(text), Model::Causal).flaw.expect("it fails").anomaly;
    assert_eq!(flaw("wx1! | rx1"), "aborted read");
    assert_eq!(flaw("rx7"), "thin-air read");
    assert_eq!(flaw("rx1 wy1 | ry1 wx1"), "cyclic causality");
}

#[test]
fn a_value_that_is_written_twice_may_come_from_either_write() {
    expect("wx1 wx2 wx1 | rx1 rx2 rx1", [true; 3]);
    expect("wx1 wx2 | rx1 rx2 rx1", [false; 3]);
    expect("wx0 | wx1 rx1 rx0", [true; 3]);
}

#[test]
fn a_budget_that_runs_out_is_no_verdict() {
    let history = history("wx1 wx1 | wx1 wx2 | rx1 rx2 rx1");
    for model in CAUSAL {
        let verdict = super::check(&history, model, &Budget { states: 1, ..Budget::default() }).unwrap();
        assert_eq!(verdict.ok, None);
    }
}

/// An order of all that keeps causality and in which each read returns the last write of its causal past.
fn validate(small: &Small, order: &[u32]) -> bool {
    let Some(before) = small.causality() else { return false };
    let place = |op: usize| order.iter().position(|row| *row == small.ops[op].row);
    let n = small.ops.len();
    let complete = (0..n).all(|op| !small.ops[op].sure || place(op).is_some());
    let kept = (0..n).all(|a| (0..n).all(|b| !before[a][b] || place(b).is_none() || place(a) < place(b)));
    let right = (0..n).filter(|op| !small.ops[*op].write).all(|read| {
        let seen =
            |w: &usize| before[*w][read] && small.ops[*w].write && small.ops[*w].key == small.ops[read].key;
        (0..n).filter(seen).max_by_key(|w| place(*w)) == small.source[read]
    });
    complete && kept && right
}

fn check_flaw(history: &History, model: Model, flaw: &Flaw) {
    assert!(!flaw.reason.is_empty() && !flaw.culprits.is_empty(), "{flaw:?}");
    let part = judge(&history.select(&flaw.culprits), model);
    assert_eq!(part.ok, Some(false), "{model}: the culprits alone have the flaw: {flaw:?}");
}

#[test]
fn verdicts_agree_with_the_definitions() {
    let (mut counts, mut apart) = ([[0; 2]; 2], 0);
    for seed in 0..50_000 {
        let chance = &mut Chance::new(seed);
        let history = testing::arbitrary(chance);
        let all = Small::all(&history);
        let definitions = [testing::causal, testing::convergence].map(|it| all.iter().any(it));
        apart += usize::from(definitions[0] != definitions[1]);
        for (i, expected) in definitions.into_iter().enumerate() {
            let model = CAUSAL[i];
            let verdict = judge(&history, model);
            assert_eq!(verdict.ok, Some(expected), "seed {seed}, {model}, {verdict:?}, {:?}", all.first());
            counts[i][usize::from(expected)] += 1;
            match (&verdict.witness, &verdict.flaw) {
                (Some(Witness::Order(order)), None) => {
                    assert!(all.iter().any(|it| validate(it, order)), "seed {seed}: {order:?}");
                }
                (Some(Witness::Absence), None) if i == 0 => {}
                (None, Some(flaw)) => check_flaw(&history, model, flaw),
                other => panic!("seed {seed}: {other:?}"),
            }
        }
    }
    assert!(counts.iter().flatten().all(|count| *count > 5_000) && apart > 100, "{counts:?} {apart}");
}

#[test]
fn long_histories_are_judged_alike_on_any_number_of_threads() {
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let (one, three) = (pool(1), pool(3));
    for (seed, lies) in [(1, 0), (2, 0), (3, 1), (4, 10)] {
        let shape = Shape { processes: 8, operations: 9_000, keys: 20, values: 0, lies, unknown: 1 };
        let history = registers(&mut Chance::new(seed), shape);
        let all = || {
            let budget = Budget::default();
            let mut verdicts = CAUSAL.map(|model| judge(&history, model)).to_vec();
            verdicts.push(views::check(&history, Model::Pram, &budget).unwrap());
            for model in Model::Causal.implies() {
                verdicts.push(sessions::check(&history, *model, &budget).unwrap());
            }
            verdicts
        };
        let verdicts = one.install(all);
        assert!(verdicts.iter().all(|verdict| verdict.ok == Some(lies == 0)), "seed {seed}: {verdicts:?}");
        assert_eq!(verdicts, three.install(all), "seed {seed}");
    }
}
