//! Breadth-first search as one would write it down first: one state after the other, everything remembered.
use std::collections::BTreeMap;

use super::graph::{Arrow, Drawn, Summary, Told, Trail};
use crate::check::explore::*;

struct Slow<'a> {
    model: &'a Drawn,
    options: &'a Options,
    /// Each state in the order in which it was found, and the way to it.
    found: Vec<(u32, Vec<u32>, Vec<Arrow>)>,
    numbers: BTreeMap<u32, usize>,
    kinds: BTreeMap<u32, (u64, u64)>,
    summary: Summary<u32, Arrow>,
    outcomes: Vec<Option<Outcome>>,
    deadlocked: bool,
    edges: Vec<(u32, u32, Arrow)>,
}

/// What an exploration without `eventually`, symmetry and reduction should tell (all but its memory).
pub fn reference(model: &Drawn, options: &Options) -> Told<u32, Arrow> {
    let mut slow = Slow {
        model,
        options,
        found: Vec::new(),
        numbers: BTreeMap::new(),
        kinds: BTreeMap::new(),
        summary: Summary {
            distinct: 0,
            generated: 0,
            depth: 0,
            levels: vec![],
            terminal: 0,
            coverage: vec![],
            stopped: None,
            outcomes: vec![],
            counterexamples: vec![],
            graph: None,
            memory_bytes: 0,
        },
        outcomes: vec![None; model.properties.len()],
        deadlocked: false,
        edges: vec![],
    };
    slow.run()?;
    Ok(slow.finish())
}

type Way = (Vec<u32>, Vec<Arrow>);
type Flow = Result<(), (&'static str, Vec<u32>, Vec<Arrow>)>;

impl Slow<'_> {
    fn run(&mut self) -> Flow {
        self.summary.levels.push(Level { distinct: 0, generated: 0 });
        for state in &self.model.initial {
            self.generate(*state, (vec![*state], vec![]), None)?;
            if self.summary.stopped.is_some() {
                return Ok(());
            }
        }
        let initial = self.found.len();
        let mut level = 0..initial;
        while !level.is_empty() {
            if self.options.limits.depth == Some(self.summary.levels.len() as u32) {
                self.summary.stopped = Some(Stopped::Depth);
                break;
            }
            self.summary.levels.push(Level { distinct: 0, generated: 0 });
            let end = self.found.len();
            for number in level {
                self.expand(number)?;
                if self.summary.stopped.is_some() {
                    return Ok(());
                }
            }
            level = end..self.found.len();
        }
        Ok(())
    }

    fn expand(&mut self, number: usize) -> Flow {
        let (state, states, actions) = self.found[number].clone();
        let mut arrows = vec![];
        self.model.actions(&state, &mut arrows).map_err(|it| (it, states.clone(), actions.clone()))?;
        let before = self.summary.generated;
        let edges = self.edges.len();
        for arrow in arrows {
            let further = [&actions[..], std::slice::from_ref(&arrow)].concat();
            let next = self.model.next(&state, &arrow).map_err(|it| (it, states.clone(), further.clone()))?;
            let Some(next) = next else { continue };
            self.kinds.entry(arrow.kind).or_default().0 += 1;
            self.generate(next, ([&states[..], &[next]].concat(), further), Some(&arrow))?;
            if self.summary.stopped.is_some() {
                self.edges.truncate(edges);
                return Ok(());
            }
            self.edges.push((number as u32, self.numbers[&next] as u32, arrow));
        }
        if self.summary.generated == before {
            self.summary.terminal += 1;
            if self.options.deadlock && !self.deadlocked {
                self.deadlocked = true;
                self.refute(None, (states, actions));
            }
        }
        Ok(())
    }

    fn generate(&mut self, state: u32, way: Way, arrow: Option<&Arrow>) -> Flow {
        self.summary.generated += 1;
        self.summary.levels.last_mut().unwrap().generated += 1;
        if self.numbers.contains_key(&state) {
            return Ok(());
        }
        if self.options.limits.states == Some(self.summary.distinct) {
            self.summary.stopped = Some(Stopped::States);
            return Ok(());
        }
        self.summary.distinct += 1;
        self.summary.levels.last_mut().unwrap().distinct += 1;
        if let Some(arrow) = arrow {
            self.kinds.get_mut(&arrow.kind).unwrap().1 += 1;
        }
        self.numbers.insert(state, self.found.len());
        self.found.push((state, way.0.clone(), way.1.clone()));
        for (number, property) in self.model.properties.iter().enumerate() {
            if self.outcomes[number].is_some() || self.summary.stopped.is_some() {
                continue;
            }
            let holds =
                self.model.holds(number, &state).map_err(|error| (error, way.0.clone(), way.1.clone()))?;
            match property.claim {
                Claim::Always if !holds => self.refute(Some(number), way.clone()),
                Claim::Sometimes if holds => self.outcomes[number] = Some(Outcome::Seen),
                _ => {}
            }
            let decided = self.outcomes.iter().all(Option::is_some);
            let rest = !self.options.deadlock || self.deadlocked;
            if !self.summary.counterexamples.is_empty() && decided && rest {
                self.summary.stopped = Some(Stopped::Counterexample);
            }
        }
        Ok(())
    }

    fn refute(&mut self, property: Option<usize>, (states, actions): Way) {
        if let Some(number) = property {
            self.outcomes[number] = Some(Outcome::Fails(Some(self.summary.counterexamples.len())));
        }
        let trail = Trail { property, states, actions, lasso: None, closing: None };
        self.summary.counterexamples.push(trail);
        let rest = self.outcomes.iter().any(Option::is_none) || self.options.deadlock && !self.deadlocked;
        if !self.options.all_counterexamples || !rest {
            self.summary.stopped = Some(Stopped::Counterexample);
        }
    }

    fn finish(mut self) -> Summary<u32, Arrow> {
        let complete = self.summary.stopped.is_none();
        let claims = self.model.properties.iter().map(|property| property.claim);
        let outcome = |(outcome, claim): (&Option<Outcome>, Claim)| {
            outcome.unwrap_or(match claim {
                _ if !complete => Outcome::Unknown,
                Claim::Sometimes => Outcome::Fails(None),
                _ => Outcome::Holds,
            })
        };
        self.summary.outcomes = self.outcomes.iter().zip(claims).map(outcome).collect();
        self.summary.levels.pop_if(|level| level.distinct == 0);
        self.summary.depth = self.summary.levels.len() as u32;
        let kinds = self.kinds.iter();
        self.summary.coverage = kinds.map(|(kind, it)| (format!("kind {kind}"), it.0, it.1)).collect();
        if self.options.graph {
            let states: Vec<u32> = self.found.iter().map(|(state, ..)| *state).collect();
            let initial = self.found.iter().filter(|(_, states, _)| states.len() == 1).count();
            self.summary.graph = Some((states, initial, self.edges));
        }
        self.summary
    }
}
