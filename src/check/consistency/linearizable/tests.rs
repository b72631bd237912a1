//! The fast judges against one that tries all orders.
use super::super::arbitrary::{Chance, Shape, registers};
use super::super::spec::naive;
use super::*;
use crate::check::consistency::history::Kind;

/// Holds a history against `spec` and against the definition; says whether it is linearizable.
fn agree(history: &History, spec: &Spec, seed: u64) -> bool {
    let before = |one: usize, other: usize| history.precedes(one, other);
    let verdict = check(history, spec, &Budget::default()).expect("the operations are possible");
    let words = || (0..history.len()).map(|row| history.describe(row)).collect::<Vec<_>>().join("\n");
    let want = naive::exists_order(history, spec, &before);
    assert_eq!(verdict.ok, Some(want), "seed {seed}, {spec:?}\n{}\n{verdict:?}\n{history:?}", words());
    match (&verdict.witness, &verdict.flaw) {
        (Some(Witness::Order(order)), None) => {
            let fine = naive::is_order(history, spec, &before, order);
            assert!(fine, "seed {seed}, {spec:?}: {order:?}\n{}\n{history:?}", words());
        }
        (None, Some(flaw)) => {
            assert!(!flaw.culprits.is_empty() && !flaw.reason.is_empty() && !flaw.anomaly.is_empty());
            assert!(flaw.culprits.iter().all(|row| (*row as usize) < history.len()));
        }
        _ => panic!("neither a witness nor a flaw, or both: {verdict:?}"),
    }
    want
}

fn shape(chance: &mut Chance) -> Shape {
    Shape {
        processes: 2 + chance.below(3),
        operations: 3 + chance.below(4) as usize + usize::from(chance.percent(10)),
        keys: 1 + chance.below(2),
        values: chance.below(4),
        lies: [0, 10, 30][chance.below(3) as usize],
        unknown: [0, 30][chance.below(2) as usize],
    }
}

fn against_all_orders(spec: &Spec, kinds: &[Kind], runs: u64) {
    let mut held = 0;
    for seed in 0..runs {
        let mut chance = Chance::new(seed);
        let shape = shape(&mut chance);
        let history = naive::random(&mut chance, spec, kinds, shape);
        held += u64::from(agree(&history, spec, seed));
    }
    assert!(held > runs / 5 && held < runs * 49 / 50, "{spec:?}: {held} of {runs} hold");
}

#[test]
fn registers_agree_with_the_definition() {
    let mut held = 0;
    for seed in 0..50_000 {
        let mut chance = Chance::new(seed);
        let shape = shape(&mut chance);
        let history = registers(&mut chance, shape);
        held += u32::from(agree(&history, &Spec::Register, seed));
    }
    assert!((10_000..45_000).contains(&held), "{held}");
}

fn different_elements_need_no_search(spec: &Spec, kinds: [Kind; 3], algorithm: &str, least: u64) {
    let (mut held, mut quick, runs) = (0, 0, 15_000);
    for seed in 0..runs {
        let mut chance = Chance::new(seed);
        let shape = Shape { values: 0, keys: 1, ..shape(&mut chance) };
        let history = naive::random(&mut chance, spec, &kinds[..2 + seed as usize % 2], shape);
        held += u64::from(agree(&history, spec, seed));
        let verdict = check(&history, spec, &Budget::default()).expect("they are possible");
        quick += u64::from(verdict.algorithm == algorithm);
    }
    assert!(held > runs / 5 && held < runs * 9 / 10, "{held}");
    assert!(quick > least, "{quick}");
}

#[test]
fn queues_of_different_elements_need_no_search() {
    different_elements_need_no_search(
        &Spec::Queue,
        [Kind::ENQUEUE, Kind::DEQUEUE, Kind::DEQUEUE],
        QUEUE,
        10_000,
    );
}

#[test]
fn stacks_of_different_elements_need_no_search() {
    different_elements_need_no_search(&Spec::Stack, [Kind::PUSH, Kind::POP, Kind::PUSH], STACK, 10_000);
}

#[test]
fn every_specification_agrees_with_the_definition() {
    for (spec, kinds) in naive::catalogue() {
        against_all_orders(&spec, kinds, 3_000);
    }
}
