//! Random walks: for what is too large to be visited, and to see in a moment whether something is plainly wrong.
//!
//! Walk number `i` of a seed draws from a stream of its own, so it is the same whoever goes it and after whatever;
//! what counts is the walk with the lowest number that finds something, and all before it. A walk remembers nothing
//! but itself. Where it ends because nothing may happen, it ends for ever: an `eventually` that it has not come to
//! does not hold.
use rayon::prelude::*;

use super::ancestry::{Path, list};
use super::course::{Course, Verdict, counterexample};
use super::finish::Found;
use super::kept::Kept;
use super::model::{Claim, Model};
use super::pulse::{Meter, Pulse};
use super::report::{Counterexample, Failed, Level, Progress, Report, Stopped};
use super::tally::Tally;
use crate::sim::Fingerprint;

/// The length of a walk where no limit of depth is given, in states.
const LENGTH: u32 = 100;
/// How many walks are gone at once by each of several threads.
const AT_ONCE: u64 = 64;

/// What a walk has seen first, for each property: where, and whether that is good.
enum Sight<M: Model> {
    Seen(usize),
    Refuted(Counterexample<M>),
    Failed(Failed<M>),
}

/// A walk that is over.
struct Walk<M: Model> {
    tally: Tally,
    length: usize,
    sights: Vec<Sight<M>>,
}

/// Numbers without end, from a seed and the number of a walk.
struct Chance {
    of: u64,
    drawn: u64,
}

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.drawn += 1;
        let number = Fingerprint::of(&(self.of, self.drawn));
        ((u128::from(number) * n as u128) >> 64) as usize
    }
}

struct Walker<'a, M: Model> {
    course: &'a Course<'a, M>,
    chance: Chance,
    path: Path<M>,
    /// The properties of which this walk, whatever others have seen, knows nothing yet.
    open: Vec<(usize, Claim)>,
    eventually: Vec<usize>,
    deadlock: bool,
    walk: Walk<M>,
}

impl<M: Model> Walker<'_, M> {
    /// Goes on until there is nothing more to see, or no further way. An error: the model failed.
    fn go(&mut self, length: usize, pulse: &mut Pulse) -> Result<(), M::Error> {
        let mut initial = self.course.model.initial()?;
        if initial.is_empty() {
            return Ok(());
        }
        self.path.states.push(initial.swap_remove(self.chance.below(initial.len())));
        self.walk.tally.generated += 1;
        self.look()?;
        let mut actions = Vec::new();
        while self.path.states.len() < length && !self.over() && pulse.beat(1) {
            let state = self.path.states.last().expect("a walk has begun");
            list(self.course.model, state, false, &mut actions)?;
            if !self.step(&mut actions)? {
                self.end();
                break;
            }
            self.look()?;
        }
        self.walk.length = self.path.states.len();
        Ok(())
    }

    fn over(&self) -> bool {
        let bad = |sight: &Sight<M>| !matches!(sight, Sight::Seen(_));
        self.walk.sights.iter().any(bad) && !self.course.options.all_counterexamples
    }

    /// Takes one of the actions that can happen; false: there is none.
    fn step(&mut self, actions: &mut Vec<M::Action>) -> Result<bool, M::Error> {
        while !actions.is_empty() {
            let action = actions.swap_remove(self.chance.below(actions.len()));
            let state = self.path.states.last().expect("a walk has begun");
            let next = self.course.model.next(state, &action);
            if matches!(next, Ok(None)) {
                continue;
            }
            let kind = self.course.model.kind(&action);
            self.path.actions.push(action);
            if let Some(next) = next? {
                self.walk.tally.take(kind);
                self.path.states.push(next);
            }
            return Ok(true);
        }
        Ok(false)
    }

    fn so_far(&self) -> Path<M> {
        Path { states: self.path.states.clone(), actions: self.path.actions.clone() }
    }

    /// Looks at the state where the walk is.
    fn look(&mut self) -> Result<(), M::Error> {
        let (model, state) = (self.course.model, self.path.states.last().expect("a walk has begun"));
        let mut decided = Vec::new();
        for &(property, claim) in &self.open {
            if model.holds(property, state)? == (claim == Claim::Sometimes) {
                decided.push((property, claim));
            }
        }
        for &(property, claim) in &decided {
            self.walk.sights.push(match claim {
                Claim::Sometimes => Sight::Seen(property),
                _ => Sight::Refuted(counterexample(Some(property), self.so_far())),
            });
        }
        self.open.retain(|it| !decided.contains(it));
        let mut due = std::mem::take(&mut self.eventually);
        let mut failed = None;
        due.retain(|property| {
            let held = model.holds(*property, self.path.states.last().expect("a walk has begun"));
            !held.unwrap_or_else(|error| {
                failed = Some(error);
                false
            })
        });
        self.eventually = due;
        failed.map_or(Ok(()), Err)
    }

    /// Nothing may happen any more.
    fn end(&mut self) {
        self.walk.tally.terminal += 1;
        if self.deadlock {
            self.walk.sights.push(Sight::Refuted(counterexample(None, self.so_far())));
        }
        for property in std::mem::take(&mut self.eventually) {
            let lasso = Some(self.path.states.len() - 1);
            let path = counterexample(Some(property), self.so_far());
            self.walk.sights.push(Sight::Refuted(Counterexample { lasso, ..path }));
        }
    }
}

struct Walks<'a, M: Model> {
    course: &'a Course<'a, M>,
    seed: u64,
    length: usize,
    open: Vec<(usize, Claim)>,
    verdict: Verdict<M>,
    tally: Tally,
    levels: Vec<Level>,
}

impl<M: Model> Walks<'_, M> {
    fn walk(&self, number: u64, pulse: &mut Pulse) -> Walk<M> {
        let mut walker = Walker {
            course: self.course,
            chance: Chance { of: Fingerprint::of(&(self.seed, number)), drawn: 0 },
            path: Path::new(),
            open: self.open.clone(),
            eventually: self.course.eventually.clone(),
            deadlock: self.course.options.deadlock,
            walk: Walk { tally: Tally::default(), length: 0, sights: Vec::new() },
        };
        if let Err(error) = walker.go(self.length, pulse) {
            let path = std::mem::replace(&mut walker.path, Path::new());
            walker.walk.sights.push(Sight::Failed(path.failed(error)));
        }
        walker.walk
    }

    /// Takes over what a walk has seen; true: that is enough.
    fn take(&mut self, walk: Walk<M>) -> Result<bool, Failed<M>> {
        self.tally.add(&walk.tally);
        if self.levels.len() < walk.length {
            self.levels.resize(walk.length, Level { distinct: 0, generated: 0 });
        }
        for level in &mut self.levels[..walk.length] {
            level.generated += 1;
        }
        for sight in walk.sights {
            match sight {
                Sight::Failed(failed) => return Err(failed),
                Sight::Seen(property) if self.verdict.is_open(property) => self.verdict.seen(property),
                Sight::Refuted(it)
                    if it.property.map_or(self.verdict.deadlock, |it| self.verdict.is_open(it)) =>
                {
                    self.verdict.refuted(it);
                    if self.verdict.enough() {
                        return Ok(true);
                    }
                }
                Sight::Seen(_) | Sight::Refuted(_) => {}
            }
        }
        Ok(false)
    }

    fn show(&self, meter: &Meter) {
        meter.show(Progress {
            generated: self.tally.generated,
            depth: self.levels.len() as u32,
            ..Progress::default()
        });
    }

    fn run(&mut self, count: u64, threads: usize, pulse: &mut Pulse) -> Result<Stopped, Failed<M>> {
        let mut next = 0;
        while next < count {
            let together = if threads == 1 { 1 } else { threads as u64 * AT_ONCE }.min(count - next);
            let walks: Vec<Walk<M>> = if together == 1 {
                vec![self.walk(next, pulse)]
            } else {
                let meter = pulse.meter;
                let numbers = (next..next + together).into_par_iter();
                numbers.map(|number| self.walk(number, &mut Pulse::silent(meter))).collect()
            };
            if pulse.meter.cancelled() {
                return Ok(Stopped::Cancelled);
            }
            for walk in walks {
                if self.take(walk)? {
                    return Ok(Stopped::Counterexample);
                }
            }
            next += together;
            self.show(pulse.meter);
        }
        Ok(Stopped::Walks)
    }
}

/// Goes `count` random walks.
pub(super) fn explore<M: Model>(
    course: &Course<M>,
    count: u64,
    seed: u64,
    threads: usize,
    pulse: &mut Pulse,
) -> Result<Report<M>, Failed<M>> {
    let length = course.options.limits.depth.unwrap_or(LENGTH) as usize;
    let verdict = Verdict::new(course);
    let mut walks = Walks {
        course,
        seed,
        length,
        open: verdict.open.clone(),
        verdict,
        tally: Tally::default(),
        levels: Vec::new(),
    };
    let stopped = Some(walks.run(count, threads, pulse)?);
    let Walks { verdict, tally, levels, .. } = walks;
    let depth = levels.len() as u32;
    let found = Found { distinct: 0, tally, depth, levels, stopped, memory_bytes: 0 };
    Ok(found.report(course, verdict, None::<Kept<M, u64>>))
}
