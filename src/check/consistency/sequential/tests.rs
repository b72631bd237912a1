//! The fast judge against one that tries all orders.
use super::super::arbitrary::{Chance, Shape, registers};
use super::super::spec::naive;
use super::*;
use crate::check::consistency::history::Kind;

/// Holds a history against `spec` and against the definition; says whether it is sequentially consistent.
fn agree(history: &History, spec: &Spec, seed: u64) -> bool {
    let before = |one: usize, other: usize| {
        history.process[one] == history.process[other] && history.invoked[one] < history.invoked[other]
    };
    let words = || (0..history.len()).map(|row| history.describe(row)).collect::<Vec<_>>().join("\n");
    let want = naive::exists_order(history, spec, &before);
    let verdict = check(history, spec, &Budget::default()).expect("the operations are possible");
    let parts = parts(history, spec).expect("the operations are possible");
    let rows = |part| spec.object(history, parts.rows(part)).expect("the operations are possible").boxed();
    let mut objects: Vec<_> = (0..parts.len()).map(rows).collect();
    let slow = judge(history, &parts, &mut objects, &Budget::default()).expect("they are possible");
    for verdict in [verdict, slow] {
        assert_eq!(verdict.ok, Some(want), "seed {seed}, {spec:?}\n{}\n{verdict:?}\n{history:?}", words());
        match (&verdict.witness, &verdict.flaw) {
            (Some(Witness::Order(order)), None) => {
                let fine = naive::is_order(history, spec, &before, order);
                assert!(fine, "seed {seed}, {spec:?}: {order:?}\n{}\n{history:?}", words());
            }
            (None, Some(flaw)) => assert!(!flaw.culprits.is_empty() && !flaw.reason.is_empty()),
            _ => panic!("neither a witness nor a flaw, or both: {verdict:?}"),
        }
    }
    want
}

fn shape(chance: &mut Chance) -> Shape {
    Shape {
        processes: 2 + chance.below(3),
        operations: 3 + chance.below(4) as usize,
        keys: 1 + chance.below(2),
        values: chance.below(4),
        lies: [0, 20, 50][chance.below(3) as usize],
        unknown: [0, 30][chance.below(2) as usize],
    }
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

#[test]
fn every_specification_agrees_with_the_definition() {
    for (spec, kinds) in naive::catalogue() {
        let kinds: &[Kind] = kinds;
        let (mut held, runs) = (0, 1_000);
        for seed in 0..runs {
            let mut chance = Chance::new(seed);
            let shape = shape(&mut chance);
            let history = naive::random(&mut chance, &spec, kinds, shape);
            held += u64::from(agree(&history, &spec, seed));
        }
        assert!(held > runs / 5 && held < runs, "{spec:?}: {held} of {runs} hold");
    }
}
