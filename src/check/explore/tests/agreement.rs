//! The report is the same as that of the slow search, whatever the number of threads and the size of batches.
use super::graph::{Arrow, Chance, Drawn, Summary, Told, explored, explored_by};
use super::reference::reference;
use crate::check::explore::*;

const CLAIMS: [Claim; 4] = [Claim::Always, Claim::Sometimes, Claim::Always, Claim::Sometimes];

fn options(seed: u64) -> Options {
    let mut chance = Chance::new(seed ^ 0xAB);
    let limits = Limits {
        depth: chance.one_in(4).then(|| 1 + chance.below(6) as u32),
        states: chance.one_in(4).then(|| 1 + chance.below(20)),
        ..Limits::default()
    };
    Options {
        limits,
        wide: chance.one_in(2),
        deadlock: chance.one_in(3),
        all_counterexamples: chance.one_in(2),
        graph: chance.one_in(2),
        ..Options::default()
    }
}

fn model(seed: u64) -> Drawn {
    let mut chance = Chance::new(seed ^ 0xCD);
    let count = chance.below(CLAIMS.len() as u64 + 1) as usize;
    Drawn::random(seed, [4, 12, 60][chance.below(3) as usize], &CLAIMS[..count])
}

fn without_memory(told: Told<u32, Arrow>) -> Told<u32, Arrow> {
    told.map(|summary| Summary { memory_bytes: 0, ..summary })
}

#[test]
fn breadth_first_tells_what_the_slow_search_tells() {
    let (mut failed, mut stopped, mut refuted) = (0, 0, 0);
    for seed in 0..6_000 {
        let (model, options) = (model(seed), options(seed));
        let expected = reference(&model, &options);
        assert_eq!(
            without_memory(explored(&model, &options)),
            expected,
            "seed {seed} {options:?} {model:#?}"
        );
        match &expected {
            Err(_) => failed += 1,
            Ok(summary) => {
                stopped += usize::from(summary.stopped.is_some());
                refuted += summary.counterexamples.len();
            }
        }
    }
    // All kinds of ends were really met.
    assert!(failed > 200 && stopped > 1_000 && refuted > 1_000, "{failed} {stopped} {refuted}");
}

#[test]
fn neither_threads_nor_batches_can_be_seen() {
    for seed in 0..600 {
        let (model, options) = (model(seed), options(seed));
        let expected = explored(&model, &options);
        for (threads, batch) in
            [(1, (1, 1, 1)), (1, (3, 1, 1)), (2, (1, 1, 1)), (2, (1, 3, 5)), (3, (2, 2, 8)), (3, (5, 1, 2))]
        {
            let told = explored_by(&model, &Options { threads, ..options }, batch);
            assert_eq!(told, expected, "seed {seed} {threads} threads {batch:?} {options:?}");
        }
    }
}

#[test]
fn where_memory_ends_is_the_same_for_all() {
    let mut ended = 0;
    for seed in 0..300 {
        let model = Drawn::random(seed, 300, &CLAIMS[..1]);
        let mut options = Options { graph: seed % 3 == 0, all_counterexamples: true, ..options(seed) };
        options.limits.memory_bytes = 8_192 + seed * 40;
        let expected = explored(&model, &options);
        let most = expected.as_ref().map_or(0, |summary| summary.memory_bytes);
        assert!(most <= options.limits.memory_bytes, "seed {seed}");
        ended += u32::from(expected.as_ref().is_ok_and(|it| it.stopped == Some(Stopped::Memory)));
        for (threads, batch) in [(1, (3, 1, 1)), (2, (1, 3, 5)), (3, (2, 2, 8))] {
            let told = explored_by(&model, &Options { threads, ..options }, batch);
            assert_eq!(told, expected, "seed {seed} {threads} threads {batch:?}");
        }
    }
    assert!(ended > 50, "{ended}");
}

#[test]
fn depth_first_visits_the_same() {
    for seed in 0..3_000 {
        let (mut model, mut options) = (model(seed), options(seed));
        (model.broken, model.unclear) = (vec![], vec![]);
        model.arrows.iter_mut().flatten().for_each(|arrow| arrow.fails = false);
        options.limits.states = None;
        let broad = explored(&model, &options).unwrap();
        let deep = explored(&model, &Options { strategy: Strategy::DepthFirst, ..options }).unwrap();
        if broad.stopped == Some(Stopped::Counterexample) {
            assert_eq!(deep.stopped, broad.stopped, "seed {seed}");
        } else {
            assert_eq!(
                (deep.distinct, deep.terminal),
                (broad.distinct, broad.terminal),
                "seed {seed} {options:?}"
            );
            assert_eq!(deep.stopped, broad.stopped, "seed {seed} {options:?}");
            assert!(deep.depth >= broad.depth);
            let mut states = [deep.graph, broad.graph].map(|it| it.map(|(states, ..)| states));
            states.iter_mut().flatten().for_each(|states| states.sort_unstable());
            assert_eq!(states[0], states[1]);
            let failing = |outcomes: &[Outcome]| {
                outcomes.iter().map(|it| matches!(it, Outcome::Fails(Some(_)))).collect::<Vec<_>>()
            };
            assert_eq!(failing(&deep.outcomes), failing(&broad.outcomes), "seed {seed} {options:?}");
        }
        for trail in &deep.counterexamples {
            check_path(&model, &trail.states, &trail.actions);
            match trail.property {
                Some(property) => assert!(!model.holds[property][*trail.states.last().unwrap() as usize]),
                None => assert!(successors(&model, *trail.states.last().unwrap()).is_empty()),
            }
        }
    }
}

fn successors(model: &Drawn, state: u32) -> Vec<u32> {
    model.arrows[state as usize].iter().filter_map(|arrow| arrow.to).collect()
}

pub fn check_path(model: &Drawn, states: &[u32], actions: &[Arrow]) {
    assert!(model.initial.contains(&states[0]));
    assert_eq!(states.len(), actions.len() + 1);
    for (step, action) in states.windows(2).zip(actions) {
        assert!(model.arrows[step[0] as usize].contains(action));
        assert_eq!(action.to, Some(step[1]));
    }
}

#[test]
fn walks_are_the_same_on_any_number_of_threads_and_true() {
    let (mut found, mut unfair) = (0, 0);
    for seed in 0..400 {
        let mut model = Drawn::random(seed, 40, &[Claim::Always, Claim::Sometimes, Claim::Eventually]);
        model.holds[0].iter_mut().enumerate().for_each(|(state, holds)| *holds |= state % 5 != 0);
        let mut options = options(seed);
        options.graph = false;
        options.strategy = Strategy::Walks { count: 300, seed };
        let expected = explored(&model, &options);
        for threads in [2, 3] {
            assert_eq!(explored(&model, &Options { threads, ..options }), expected, "seed {seed}");
        }
        let Ok(summary) = expected else { continue };
        assert!(summary.stopped.is_some());
        for trail in &summary.counterexamples {
            check_path(&model, &trail.states, &trail.actions);
            let last = *trail.states.last().unwrap() as usize;
            match trail.property {
                None => assert!(successors(&model, last as u32).is_empty()),
                Some(0) => assert!(!model.holds[0][last]),
                Some(_) => {
                    unfair += 1;
                    assert!(trail.states.iter().all(|state| !model.holds[2][*state as usize]));
                    assert!(successors(&model, last as u32).is_empty());
                }
            }
            found += 1;
        }
        let limit = options.limits.depth.unwrap_or(100);
        assert!(summary.depth <= limit);
    }
    assert!(found > 100 && unfair > 50, "{found} {unfair}");
}

#[test]
fn walks_differ_by_seed() {
    let model = (0..)
        .map(|seed| Drawn::random(seed, 60, &[]))
        .find(|it| it.arrows[it.initial[0] as usize].len() > 3)
        .unwrap();
    let tell = |seed| {
        let strategy = Strategy::Walks { count: 5, seed };
        explored(&model, &Options { strategy, ..Options::default() }).map(|it| it.coverage)
    };
    assert_eq!(tell(1), tell(1));
    assert!((2..20).any(|seed| tell(seed) != tell(1)));
}
