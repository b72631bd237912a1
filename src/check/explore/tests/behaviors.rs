//! Fair behaviors: what is said of an `eventually` against a search through all sets of states.
use super::agreement::check_path;
use super::graph::{Drawn, Trail, explored, explored_by};
use crate::check::explore::*;

/// The classes that are possible in a state: of actions that change something.
fn possible(model: &Drawn, state: u32) -> Vec<u64> {
    let changing = model.arrows[state as usize].iter().filter(|arrow| arrow.to.is_some_and(|to| to != state));
    changing.filter_map(|arrow| arrow.class).collect()
}

/// The states that can be reached through states of `inside` (a set as bits).
fn reached(model: &Drawn, begin: u32, inside: u32) -> u32 {
    let mut seen = begin;
    loop {
        let mut more = seen;
        for state in (0..32).filter(|state| seen >> state & 1 == 1) {
            for to in model.arrows[state as usize].iter().filter_map(|arrow| arrow.to) {
                more |= 1 << to & inside;
            }
        }
        if more == seen {
            return seen;
        }
        seen = more;
    }
}

/// Whether a behavior can go round in exactly these states for ever, and fairly.
fn goes_round(model: &Drawn, set: u32) -> bool {
    let members = || (0..32u32).filter(|state| set >> state & 1 == 1);
    let connected = members().all(|state| reached(model, 1 << state, set) == set);
    let arrows = || members().flat_map(|from| model.arrows[from as usize].iter().map(move |it| (from, it)));
    let taken = |class| {
        let inside = |to: u32| set >> to & 1 == 1;
        arrows().any(|(from, it)| it.class == Some(class) && it.to.is_some_and(|to| to != from && inside(to)))
    };
    connected
        && (0..4).all(|class| taken(class) || !members().all(|state| possible(model, state).contains(&class)))
}

/// Whether some fair behavior never comes to the property: tries all sets of states.
fn avoidable(model: &Drawn, property: usize) -> bool {
    let without = (0..model.arrows.len()).filter(|state| !model.holds[property][*state]);
    let without = without.fold(0u32, |set, state| set | 1 << state);
    let begin = model.initial.iter().fold(0u32, |set, state| set | 1 << state) & without;
    let seen = reached(model, begin, without);
    (1..1u32 << model.arrows.len()).any(|set| set & seen == set && goes_round(model, set))
}

/// Whether this is a fair behavior that never comes to the property.
fn check_lasso(model: &Drawn, trail: &Trail<u32, super::graph::Arrow>) {
    let property = trail.property.unwrap();
    check_path(model, &trail.states, &trail.actions);
    assert!(trail.states.iter().all(|state| !model.holds[property][*state as usize]));
    let begin = trail.lasso.expect("it goes on for ever");
    let round = &trail.states[begin..];
    match &trail.closing {
        None => assert_eq!(round.len(), 1),
        Some(closing) => {
            assert!(model.arrows[*trail.states.last().unwrap() as usize].contains(closing));
            assert_eq!(closing.to, Some(round[0]));
        }
    }
    let taken: Vec<_> =
        trail.actions[begin..].iter().chain(&trail.closing).filter_map(|it| it.class).collect();
    for class in 0..4 {
        let always = round.iter().all(|state| possible(model, *state).contains(&class));
        assert!(!always || taken.contains(&class), "class {class} waits for ever");
    }
}

fn sound(seed: u64, most: u64) -> Drawn {
    let mut model = Drawn::random(seed, most, &[Claim::Eventually, Claim::Always, Claim::Eventually]);
    (model.broken, model.unclear) = (vec![], vec![]);
    model.arrows.iter_mut().flatten().for_each(|arrow| arrow.fails = false);
    model.holds[1].fill(true);
    model
}

#[test]
fn eventually_is_what_all_sets_of_states_say() {
    let (mut fails, mut holds, mut rounds) = (0, 0, 0);
    for seed in 0..4_000 {
        let model = sound(seed, 9);
        let strategy = if seed % 3 == 0 { Strategy::DepthFirst } else { Strategy::BreadthFirst };
        let told =
            explored(&model, &Options { strategy, graph: seed % 5 == 0, ..Options::default() }).unwrap();
        assert_eq!((told.stopped, told.outcomes[1]), (None, Outcome::Holds));
        for property in [0, 2] {
            let fails_here = matches!(told.outcomes[property], Outcome::Fails(Some(_)));
            assert_eq!(fails_here, avoidable(&model, property), "seed {seed} property {property} {model:#?}");
            fails += u32::from(fails_here);
            holds += u32::from(!fails_here);
        }
        for trail in &told.counterexamples {
            check_lasso(&model, trail);
            rounds += u32::from(trail.closing.is_some());
        }
    }
    assert!(fails > 1_000 && holds > 1_000 && rounds > 300, "{fails} {holds} {rounds}");
}

#[test]
fn behaviors_are_the_same_on_any_number_of_threads() {
    for seed in 0..300 {
        let model = sound(seed, 60);
        let expected = explored(&model, &Options::default());
        for trail in &expected.as_ref().unwrap().counterexamples {
            check_lasso(&model, trail);
        }
        let told = explored_by(&model, &Options { threads: 2, ..Options::default() }, (2, 2, 3));
        assert_eq!(told, expected, "seed {seed}");
    }
}

#[test]
fn what_is_found_before_a_limit_is_true() {
    let (mut fails, mut unknown) = (0, 0);
    for seed in 0..2_000 {
        let model = sound(seed, 9);
        let mut options = Options::default();
        match seed % 4 {
            0 => options.limits.states = Some(1 + seed % 7),
            1 => options.limits.depth = Some(1 + seed as u32 % 5),
            2 => (options.limits.depth, options.strategy) = (Some(1 + seed as u32 % 5), Strategy::DepthFirst),
            _ => (options.limits.states, options.strategy) = (Some(1 + seed % 7), Strategy::DepthFirst),
        }
        let told = explored(&model, &options).unwrap();
        for trail in &told.counterexamples {
            assert!(avoidable(&model, trail.property.unwrap()), "seed {seed}");
            check_lasso(&model, trail);
            fails += 1;
        }
        for property in [0, 2] {
            unknown += u32::from(told.outcomes[property] == Outcome::Unknown);
            let holds = told.outcomes[property] == Outcome::Holds;
            assert!(!holds || !avoidable(&model, property), "seed {seed}");
        }
    }
    assert!(fails > 100 && unknown > 100, "{fails} {unknown}");
}
