//! Small random graphs as models, and what is compared of their reports.
use std::hash::Hasher;

use crate::check::explore::*;
use crate::sim::Fingerprint;

/// Numbers without end that hang on a seed.
pub struct Chance(u64, u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed, 0)
    }
    pub fn below(&mut self, n: u64) -> u64 {
        self.1 += 1;
        Fingerprint::of(&(self.0, self.1)) % n
    }
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// An action: which one of its state, its kind and class, and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrow {
    pub number: u32,
    pub kind: u32,
    pub class: Option<u64>,
    pub to: Option<u32>,
    pub fails: bool,
}

/// States with arrows; each property holds in some of them.
#[derive(Clone, Debug)]
pub struct Drawn {
    pub initial: Vec<u32>,
    pub arrows: Vec<Vec<Arrow>>,
    pub properties: Vec<Property>,
    pub holds: Vec<Vec<bool>>,
    /// States that cannot be looked at.
    pub broken: Vec<u32>,
    /// Of which properties and states it cannot be said whether they hold.
    pub unclear: Vec<(usize, u32)>,
}

impl Drawn {
    /// A random one with up to `most` states.
    pub fn random(seed: u64, most: u64, claims: &[Claim]) -> Self {
        let mut chance = Chance::new(seed);
        let states = 1 + chance.below(most);
        let degree = 1 + chance.below(3);
        let faulty = chance.one_in(4);
        let initial = (0..1 + chance.below(3)).map(|_| chance.below(states) as u32).collect();
        let arrow = |chance: &mut Chance, number| Arrow {
            number,
            kind: chance.below(4) as u32,
            class: (!chance.one_in(4)).then(|| chance.below(3)),
            to: (!chance.one_in(6)).then(|| chance.below(states) as u32),
            fails: faulty && chance.one_in(40),
        };
        let arrows = (0..states)
            .map(|_| (0..chance.below(2 * degree + 1)).map(|it| arrow(&mut chance, it as u32)).collect())
            .collect();
        let name = |(number, claim): (usize, &Claim)| Property { name: number.to_string(), claim: *claim };
        let rare = [1, 2, 8, 30][chance.below(4) as usize];
        let mut holds = |claim: &Claim| {
            (0..states).map(|_| (*claim == Claim::Always) != chance.one_in(rare + 1)).collect::<Vec<bool>>()
        };
        let holds = claims.iter().map(&mut holds).collect();
        let mut some = |n| if faulty { (0..chance.below(n)).collect::<Vec<u64>>() } else { vec![] };
        let (broken, unclear) = (some(2), some(3));
        Self {
            initial,
            arrows,
            properties: claims.iter().enumerate().map(name).collect(),
            holds,
            broken: broken.iter().map(|_| chance.below(states) as u32).collect(),
            unclear: unclear
                .iter()
                .map(|_| (chance.below(1 + claims.len() as u64) as usize, chance.below(states) as u32))
                .collect(),
        }
    }
}

impl Model for Drawn {
    type State = u32;
    type Action = Arrow;
    type Error = &'static str;

    fn initial(&self) -> Result<Vec<u32>, Self::Error> {
        Ok(self.initial.clone())
    }
    fn actions(&self, state: &u32, actions: &mut Vec<Arrow>) -> Result<(), Self::Error> {
        if self.broken.contains(state) {
            return Err("broken");
        }
        actions.extend_from_slice(&self.arrows[*state as usize]);
        Ok(())
    }
    fn next(&self, _: &u32, action: &Arrow) -> Result<Option<u32>, Self::Error> {
        if action.fails { Err("fails") } else { Ok(action.to) }
    }
    fn fingerprint(&self, state: &u32, lane: u64) -> u64 {
        let mut hasher = Fingerprint::new(lane);
        hasher.write_u32(*state);
        hasher.finish()
    }
    fn kind(&self, action: &Arrow) -> u32 {
        action.kind
    }
    fn kind_name(&self, kind: u32) -> String {
        format!("kind {kind}")
    }
    fn fairness(&self, _: &u32, action: &Arrow) -> Option<u64> {
        action.class
    }
    fn properties(&self) -> &[Property] {
        &self.properties
    }
    fn holds(&self, property: usize, state: &u32) -> Result<bool, Self::Error> {
        if self.unclear.contains(&(property, *state)) {
            return Err("unclear");
        }
        Ok(self.holds[property][*state as usize])
    }
    fn heap_bytes(&self, state: &u32) -> usize {
        *state as usize * 10
    }
}

/// A path, and what it ends in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail<S, A> {
    pub property: Option<usize>,
    pub states: Vec<S>,
    pub actions: Vec<A>,
    pub lasso: Option<usize>,
    pub closing: Option<A>,
}

/// A graph: its states, how many of them are initial, its edges.
type Shown<S, A> = (Vec<S>, usize, Vec<(u32, u32, A)>);

/// All that a report says, to be compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary<S, A> {
    pub distinct: u64,
    pub generated: u64,
    pub depth: u32,
    pub levels: Vec<Level>,
    pub terminal: u64,
    pub coverage: Vec<(String, u64, u64)>,
    pub stopped: Option<Stopped>,
    pub outcomes: Vec<Outcome>,
    pub counterexamples: Vec<Trail<S, A>>,
    pub graph: Option<Shown<S, A>>,
    pub memory_bytes: u64,
}

/// A report, or an error with the way to it.
pub type Told<S, A> = Result<Summary<S, A>, (&'static str, Vec<S>, Vec<A>)>;

pub fn told<M: Model<Error = &'static str>>(
    result: Result<Report<M>, Failed<M>>,
) -> Told<M::State, M::Action> {
    match result {
        Err(failed) => Err((failed.error, failed.states, failed.actions)),
        Ok(report) => Ok(Summary {
            distinct: report.distinct,
            generated: report.generated,
            depth: report.depth,
            levels: report.levels,
            terminal: report.terminal,
            coverage: report.coverage,
            stopped: report.stopped,
            outcomes: report.properties.iter().map(|(_, outcome)| *outcome).collect(),
            counterexamples: report
                .counterexamples
                .into_iter()
                .map(|it| Trail {
                    property: it.property,
                    states: it.states,
                    actions: it.actions,
                    lasso: it.lasso,
                    closing: it.closing,
                })
                .collect(),
            graph: report.graph.map(|graph| (graph.states, graph.initial, graph.edges)),
            memory_bytes: report.memory_bytes,
        }),
    }
}

pub fn explored<M: Model<Error = &'static str>>(model: &M, options: &Options) -> Told<M::State, M::Action> {
    told(explore(model, options, &mut |_| true))
}

/// With much smaller batches than usual.
pub fn explored_by<M: Model<Error = &'static str>>(
    model: &M,
    options: &Options,
    (handful, handfuls, rounds): (usize, usize, usize),
) -> Told<M::State, M::Action> {
    told(explore_by(model, options, breadth::Batch { handful, handfuls, rounds }, &mut |_| true))
}
