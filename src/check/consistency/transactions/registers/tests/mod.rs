//! The judges of registers against the definitions, on random histories and on those that everybody knows.
use super::check;
use crate::check::consistency::arbitrary::Chance;
use crate::check::consistency::history::{Access, Builder, History};
use crate::check::consistency::{Budget, Model, Verdict, Witness};
use crate::sim::Outcome;

mod brute;
mod known;
mod random;
mod replay;

const LEVELS: [Model; 7] = [
    Model::ReadCommitted,
    Model::ReadAtomic,
    Model::TransactionalCausal,
    Model::Prefix,
    Model::SnapshotIsolation,
    Model::Serializable,
    Model::StrictSerializable,
];

fn judge(history: &History, model: Model) -> Verdict {
    check(history, model, &Budget::default()).expect("only registers")
}

fn show(history: &History) -> String {
    (0..history.len())
        .map(|row| {
            let (from, to) = (history.invoked[row], history.completed[row]);
            format!("T{row} {} @[{from},{to}]\n", history.describe(row))
        })
        .collect()
}

/// Judges one history at all levels, the strongest first, as each implies the next; returns how many hold.
fn compare(history: &History) -> usize {
    let mut held = 0;
    let mut expected = false;
    for model in LEVELS.into_iter().rev() {
        let verdict = judge(history, model);
        expected = expected || brute::holds(history, model);
        assert_eq!(verdict.ok, Some(expected), "{model}:\n{}{verdict:#?}", show(history));
        match (&verdict.witness, &verdict.flaw) {
            (Some(Witness::Order(order)), None) => {
                assert!(brute::is_legal_order(history, model, order), "{model} {order:?}\n{}", show(history));
            }
            (None, Some(flaw)) => {
                assert!(!flaw.culprits.is_empty() && !flaw.anomaly.is_empty(), "{flaw:?}");
                if !flaw.accesses.is_empty() {
                    let rows = &flaw.culprits;
                    let part = history.select_accesses(rows, |index| flaw.accesses.contains(&(index as u32)));
                    assert_eq!(judge(&part, model).ok, Some(false), "{model}: {flaw:#?}\n{}", show(history));
                }
            }
            other => panic!("{other:?}"),
        }
        held += usize::from(expected);
    }
    held
}

fn compare_many(seeds: std::ops::Range<u64>, shape: random::Shape) {
    let mut held = [0; 8];
    let count = seeds.end - seeds.start;
    for seed in seeds {
        held[compare(&random::history(&mut Chance::new(seed), shape))] += 1;
    }
    assert!(held[7] > count / 20 && held[0] > count / 50, "{held:?}");
}

const SMALL: random::Shape =
    random::Shape { sessions: 3, txns: 4, keys: 2, accesses: 3, values: 0, lies: 0, unknown: 0 };

#[test]
fn distinct_values_agree_with_the_definitions() {
    compare_many(0..20_000, random::Shape { lies: 2, unknown: 10, ..SMALL });
    compare_many(0..3_000, random::Shape { txns: 5, lies: 1, ..SMALL });
}

#[test]
fn crowded_keys_agree_with_the_definitions() {
    compare_many(0..10_000, random::Shape { sessions: 4, keys: 2, accesses: 4, lies: 3, ..SMALL });
    compare_many(0..3_000, random::Shape { sessions: 5, txns: 5, keys: 3, accesses: 4, ..SMALL });
}

#[test]
fn values_written_twice_agree_with_the_definitions() {
    compare_many(0..15_000, random::Shape { values: 2, lies: 5, unknown: 10, ..SMALL });
}

/// Compares levels with a replay; returns how many histories hold, fail by a
/// cycle, and were refuted by the search alone.
fn compare_larger(histories: impl Iterator<Item = History>, models: &[Model]) -> [u64; 3] {
    let mut outcomes = [0; 3];
    for history in histories {
        for model in models.iter().copied() {
            let verdict = judge(&history, model);
            let anomaly = verdict.flaw.as_ref().map(|it| it.anomaly.as_str());
            if anomaly.is_some_and(|it| ["internal", "G1a", "G1b", "thin-air read"].contains(&it)) {
                continue;
            }
            let expected = replay::holds(&history, model);
            assert_eq!(verdict.ok, Some(expected), "{model}:\n{}{verdict:#?}", show(&history));
            match (&verdict.witness, &verdict.flaw) {
                (Some(Witness::Order(order)), _) => {
                    let legal = brute::is_legal_order(&history, model, order);
                    assert!(legal, "{model} {order:?}\n{}", show(&history));
                    outcomes[0] += 1;
                }
                (_, Some(flaw)) => {
                    let part = history.select(&flaw.culprits);
                    let refuted = flaw.cycle.is_empty();
                    assert!(
                        !refuted || judge(&part, model).ok == Some(false),
                        "{flaw:#?}\n{}",
                        show(&history)
                    );
                    outcomes[1 + usize::from(refuted)] += 1;
                }
                _ => unreachable!("there is no budget"),
            }
        }
    }
    outcomes
}

const STRONG: [Model; 3] = [Model::Prefix, Model::SnapshotIsolation, Model::Serializable];

#[test]
fn larger_histories_agree_with_a_replay() {
    let shape = random::Shape { sessions: 5, txns: 9, keys: 3, accesses: 3, lies: 0, ..SMALL };
    let histories = (0..500).map(|seed| random::history(&mut Chance::new(seed), shape));
    let outcomes = compare_larger(histories, &STRONG);
    assert!(outcomes[0] > 100 && outcomes[1] > 100, "{outcomes:?}");
}

#[test]
fn hard_choices_agree_with_a_replay() {
    let choices = |seed, txns, keys| random::choices(&mut Chance::new(seed), txns, keys);
    let few = (0..500).map(|seed| choices(seed, 7, 8 + seed % 8));
    let outcomes = compare_larger(few, &STRONG);
    assert!(outcomes[0] > 100 && outcomes[1] > 100, "{outcomes:?}");
}

#[test]
fn formulas_are_satisfiable_if_and_only_if_their_histories_hold() {
    let mut outcomes = [0; 3];
    for seed in 0..1500 {
        let variables = 2 + seed % 5;
        let clauses = (2 * variables + seed % 4) as usize;
        let (formula, history) = random::formula(&mut Chance::new(seed), variables, clauses);
        let satisfied = |values: u64| {
            formula.iter().all(|clause| clause.iter().any(|it| (values >> it.0 & 1 == 1) == it.1))
        };
        let expected = (0..1 << variables).any(satisfied);
        for model in STRONG {
            let verdict = judge(&history, model);
            assert_eq!(verdict.ok, Some(expected), "{model} {formula:?}\n{}{verdict:#?}", show(&history));
            if let Some(Witness::Order(order)) = &verdict.witness {
                assert!(brute::is_legal_order(&history, model, order), "{model}\n{}", show(&history));
            }
            let searched = verdict.flaw.as_ref().is_some_and(|it| it.cycle.is_empty());
            if let Some(flaw) = verdict.flaw.filter(|_| searched) {
                let part = history.select(&flaw.culprits);
                assert_eq!(judge(&part, model).ok, Some(false), "{flaw:?} {formula:?}");
            }
            outcomes[if expected { 0 } else { 1 + usize::from(searched) }] += 1;
        }
    }
    assert!(outcomes[0] > 500 && outcomes[2] > 200, "{outcomes:?}");
}
