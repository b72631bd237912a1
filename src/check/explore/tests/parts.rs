//! Models of parts that are alike and independent: what symmetry and reduction leave out must not be missed.
use std::hash::Hash;

use super::graph::{Chance, explored, explored_by};
use crate::check::explore::*;
use crate::sim::Fingerprint;

/// To which local state; and, if all can see it, what the number must be and becomes.
type Move = (u8, Option<(u8, u8)>);

/// Some parts, all the same small machine, and one number that they share.
#[derive(Debug)]
struct Parts {
    /// Where each part begins.
    initial: Vec<u8>,
    /// What is possible from each local state.
    steps: Vec<Vec<Move>>,
    properties: Vec<Property>,
    /// For each property, of which numbers it holds.
    holds: Vec<[bool; 3]>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Whole {
    parts: Vec<u8>,
    number: u8,
}

impl Parts {
    fn random(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let states = 2 + chance.below(3);
        let initial = (0..2 + chance.below(2)).map(|_| chance.below(states) as u8).collect();
        let mut step = |_: u64| {
            let shared = chance.one_in(3).then(|| (chance.below(3) as u8, chance.below(3) as u8));
            (chance.below(states) as u8, shared)
        };
        let steps = (0..states).map(|state| (0..(seed / 3 + state) % 3).map(&mut step).collect()).collect();
        let claims = [Property::always("always"), Property::sometimes("sometimes")];
        Self {
            initial,
            steps,
            holds: vec![[true, !chance.one_in(2), false], [false, chance.one_in(2), true]],
            properties: claims.to_vec(),
        }
    }

    /// Whether what this part may do is nobody else's business.
    fn is_local(&self, part: u8) -> bool {
        let steps = &self.steps[part as usize];
        !steps.is_empty() && steps.iter().all(|(_, shared)| shared.is_none())
    }
}

impl Model for Parts {
    type State = Whole;
    type Action = (usize, usize);
    type Error = &'static str;

    fn initial(&self) -> Result<Vec<Whole>, Self::Error> {
        Ok(vec![Whole { parts: self.initial.clone(), number: 0 }])
    }
    fn actions(&self, state: &Whole, actions: &mut Vec<(usize, usize)>) -> Result<(), Self::Error> {
        for (who, part) in state.parts.iter().enumerate() {
            let steps = self.steps[*part as usize].iter().enumerate();
            let may = |shared: &Option<(u8, u8)>| shared.is_none_or(|(before, _)| before == state.number);
            actions.extend(steps.filter(|(_, (_, shared))| may(shared)).map(|(which, _)| (who, which)));
        }
        Ok(())
    }
    fn next(&self, state: &Whole, &(who, which): &(usize, usize)) -> Result<Option<Whole>, Self::Error> {
        let mut next = state.clone();
        let (to, shared) = self.steps[state.parts[who] as usize][which];
        next.parts[who] = to;
        if let Some((_, after)) = shared {
            next.number = after;
        }
        Ok(Some(next))
    }
    fn fingerprint(&self, state: &Whole, lane: u64) -> u64 {
        Fingerprint::of(&(lane, state))
    }
    fn canonical(&self, state: &Whole, lane: u64) -> Result<u64, Self::Error> {
        let mut state = state.clone();
        state.parts.sort_unstable();
        Ok(self.fingerprint(&state, lane))
    }
    fn kind(&self, action: &(usize, usize)) -> u32 {
        action.1 as u32
    }
    fn kind_name(&self, kind: u32) -> String {
        kind.to_string()
    }
    fn reduce(&self, state: &Whole, actions: &mut Vec<(usize, usize)>) -> Result<bool, Self::Error> {
        let Some(who) = state.parts.iter().position(|part| self.is_local(*part)) else { return Ok(false) };
        actions.retain(|action| action.0 == who);
        Ok(true)
    }
    fn properties(&self) -> &[Property] {
        &self.properties
    }
    fn holds(&self, property: usize, state: &Whole) -> Result<bool, Self::Error> {
        Ok(self.holds[property][state.number as usize])
    }
}

#[test]
fn symmetry_and_reduction_miss_nothing() {
    let (mut fewer, mut refuted, mut cyclic) = ([0, 0], 0, 0);
    for seed in 0..1_500 {
        let model = Parts::random(seed);
        let strategy = if seed % 4 == 0 { Strategy::DepthFirst } else { Strategy::BreadthFirst };
        let options = Options { strategy, deadlock: true, all_counterexamples: true, ..Options::default() };
        let full = explored(&model, &options).unwrap();
        let verdict = |told: &super::graph::Summary<_, _>| {
            let deadlock = told.counterexamples.iter().any(|it| it.property.is_none());
            let fails = |it: &Outcome| matches!(it, Outcome::Fails(_));
            (deadlock, told.outcomes.iter().map(fails).collect::<Vec<bool>>())
        };
        refuted += full.counterexamples.len();
        for (symmetry, reduction) in [(true, false), (false, true), (true, true)] {
            let options = Options { symmetry, reduction, ..options };
            let told = explored(&model, &options).unwrap();
            let case = format!("seed {seed} symmetry {symmetry} reduction {reduction} {model:#?}");
            assert_eq!(verdict(&told), verdict(&full), "{case}");
            assert!(told.distinct <= full.distinct, "{case}");
            fewer[usize::from(reduction)] += u32::from(told.distinct < full.distinct);
            cyclic += u32::from(reduction && told.generated > told.distinct);
            for trail in &told.counterexamples {
                for (step, action) in trail.states.windows(2).zip(&trail.actions) {
                    assert_eq!(model.next(&step[0], action).unwrap().as_ref(), Some(&step[1]), "{case}");
                }
            }
            let by = explored_by(&model, &Options { threads: 2, ..options }, (1, 2, 3)).unwrap();
            assert_eq!(by, told, "{case}");
        }
    }
    assert!(
        fewer[0] > 300 && fewer[1] > 300 && refuted > 500 && cyclic > 300,
        "{fewer:?} {refuted} {cyclic}"
    );
}

#[test]
fn what_waits_behind_a_cycle_is_not_forgotten() {
    // The first part turns round for ever, and wherever nobody insists on more, it alone is looked at.
    let model = Parts {
        initial: vec![0, 2],
        steps: vec![vec![(1, None)], vec![(0, None)], vec![(3, Some((0, 2)))], vec![]],
        holds: vec![[true, true, false]],
        properties: vec![Property::always("never two")],
    };
    for strategy in [Strategy::BreadthFirst, Strategy::DepthFirst] {
        let told = explored(&model, &Options { strategy, reduction: true, ..Options::default() }).unwrap();
        assert_eq!(told.outcomes, [Outcome::Fails(Some(0))]);
    }
}

#[test]
fn reduction_is_off_where_it_could_be_seen() {
    let mut model = Parts::random(5);
    let options = Options { reduction: true, symmetry: true, ..Options::default() };
    let report = explore(&model, &Options { graph: true, ..options }, &mut |_| true).ok().unwrap();
    assert_eq!((report.reduction, report.symmetry), (false, true));
    model.properties[1] = Property::eventually("at last");
    let report = explore(&model, &options, &mut |_| true).ok().unwrap();
    assert_eq!((report.reduction, report.symmetry), (false, false));
}
