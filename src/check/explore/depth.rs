//! Depth first: along one path as far as it goes, then back to the last crossing.
//!
//! The path is all that is kept besides the table, so a counterexample is at hand when it is found; it is rarely the
//! shortest one. With a limit of depth, a state may be found at the end of a long path and again by a shorter one,
//! from which more can be reached: it is expanded again then, and what is visited is what breadth first visits.
//!
//! **Reduction**: a state is expanded in part only if some successor found thus has not been visited before. Such
//! successors come later and later, so from any state finitely many of them lead to one that was expanded fully (the
//! argument of [`breadth`](super::breadth)).
use hashbrown::HashTable;

use super::ancestry::{Path, list};
use super::course::{Course, Verdict, counterexample};
use super::expand::Link;
use super::finish::Found;
use super::kept::{self, Kept};
use super::model::{Claim, Model};
use super::pulse::Pulse;
use super::report::{Failed, Level, Progress, Report, Stopped};
use super::tally::Tally;
use super::visited::{Key, TableSize, Visited};

/// How many actions are tried between two looks at who watches.
const STEPS: usize = 32;

/// Which states are known; where depth is limited, also how near to the beginning they were found.
enum Seen<K> {
    Anywhere(Visited<K>),
    Nearest(HashTable<(K, u32)>),
}

/// What is new about a state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum News {
    /// All of it.
    State,
    /// That it is near enough to be expanded.
    Expandable,
    /// That it is nearer than known, so that more can be reached from it.
    Nearer,
    Nothing,
}

impl<K: Key> Seen<K> {
    fn contains(&self, key: K) -> bool {
        match self {
            Self::Anywhere(visited) => visited.contains(key),
            Self::Nearest(depths) => depths.find(key.spread(), |it| it.0 == key).is_some(),
        }
    }

    /// A state was reached at `depth`; none is expanded at `limit`.
    fn reach(&mut self, key: K, depth: u32, limit: Option<u32>) -> News {
        match self {
            Self::Anywhere(visited) => {
                if visited.insert(key) {
                    News::State
                } else {
                    News::Nothing
                }
            }
            Self::Nearest(depths) => {
                if let Some((_, known)) = depths.find_mut(key.spread(), |it| it.0 == key) {
                    let before = std::mem::replace(known, depth.min(*known));
                    return match () {
                        () if depth >= before => News::Nothing,
                        () if Some(before) == limit => News::Expandable,
                        () => News::Nearer,
                    };
                }
                depths.insert_unique(key.spread(), (key, depth), |it| it.0.spread());
                News::State
            }
        }
    }
}

/// A state of the path.
struct Frame<M: Model> {
    state: M::State,
    /// What may happen in it, and how much of that has been tried.
    actions: Vec<M::Action>,
    tried: usize,
    /// Whether anything led on to a state.
    led_on: bool,
    /// Whether it is expanded for the first time.
    first: bool,
    /// Then its number, where numbers matter.
    number: Option<u32>,
    bytes: u64,
}

struct Depth<'a, M: Model, K> {
    course: &'a Course<'a, M>,
    seen: Seen<K>,
    stack: Vec<Frame<M>>,
    spare: Vec<Vec<M::Action>>,
    kept: Option<Kept<M, K>>,
    tally: Tally,
    verdict: Verdict<M>,
    levels: Vec<Level>,
    distinct: u64,
    table: TableSize,
    stack_bytes: u64,
    kept_bytes: u64,
    most_bytes: u64,
    stopped: Option<Stopped>,
    /// How many states were too far away to be expanded.
    too_deep: u64,
}

impl<'a, M: Model, K: Key> Depth<'a, M, K> {
    fn new(course: &'a Course<'a, M>) -> Self {
        let limited = course.options.limits.depth.is_some();
        Self {
            course,
            seen: if limited { Seen::Nearest(HashTable::new()) } else { Seen::Anywhere(Visited::new()) },
            stack: Vec::new(),
            spare: Vec::new(),
            kept: course.keeps().then(Kept::new),
            tally: Tally::default(),
            verdict: Verdict::new(course),
            levels: Vec::new(),
            distinct: 0,
            table: TableSize::new::<K>(),
            stack_bytes: 0,
            kept_bytes: 0,
            most_bytes: 0,
            stopped: None,
            too_deep: 0,
        }
    }

    fn run(&mut self, pulse: &mut Pulse) -> Result<(), Failed<M>> {
        let initial = self.course.model.initial().map_err(|error| Path::new().failed(error))?;
        let mut roots = Vec::new();
        // All initial states first, so that they have the first numbers.
        for state in initial {
            let key = K::of(self.course.model, &state, self.course.options.symmetry);
            let key = key.map_err(|error| Failed { error, states: vec![state.clone()], actions: vec![] })?;
            self.level(1).generated += 1;
            self.tally.generated += 1;
            let number = self.distinct as u32;
            if self.arrive(&state, key, 1)? == News::State && self.course.options.limits.depth != Some(1) {
                roots.push((state, number));
            }
            if self.stopped.is_some() {
                return Ok(());
            }
        }
        if let Some(kept) = &mut self.kept {
            kept.all_initial();
        }
        for (state, number) in roots {
            self.push(state, true, Some(number))?;
            while self.stopped.is_none() && !self.stack.is_empty() {
                self.show(pulse);
                for _ in 0..STEPS {
                    if self.stopped.is_none() && !self.stack.is_empty() {
                        self.step()?;
                    }
                }
                if !pulse.beat(STEPS) {
                    self.stopped = Some(Stopped::Cancelled);
                }
            }
            if self.stopped.is_some() {
                return Ok(());
            }
        }
        self.stopped = (self.too_deep > 0).then_some(Stopped::Depth);
        Ok(())
    }

    fn level(&mut self, depth: usize) -> &mut Level {
        if self.levels.len() < depth {
            self.levels.resize(depth, Level { distinct: 0, generated: 0 });
        }
        &mut self.levels[depth - 1]
    }

    /// The path to where we are, and one state further.
    fn path(&self, last: Option<&M::State>) -> Path<M> {
        let last = last.cloned();
        let states = self.stack.iter().map(|frame| frame.state.clone());
        let mut actions: Vec<_> = self
            .stack
            .iter()
            .filter_map(|frame| frame.actions.get(frame.tried.checked_sub(1)?))
            .cloned()
            .collect();
        let states: Vec<_> = states.chain(last).collect();
        actions.truncate(states.len().saturating_sub(1));
        Path { states, actions }
    }

    /// Tries the next action of the last state.
    fn step(&mut self) -> Result<(), Failed<M>> {
        let (depth, course) = (self.stack.len() + 1, self.course);
        let more = self.bytes(self.distinct) + kept::link_bytes::<K>();
        let frame = self.stack.last_mut().expect("the path is not empty");
        let Some(action) = frame.actions.get(frame.tried) else { return self.pop() };
        let ordinal = frame.tried as u32;
        frame.tried += 1;
        let reached = course.model.next(&frame.state, action).and_then(|next| {
            let Some(next) = next else { return Ok(None) };
            Ok(Some((K::of(course.model, &next, course.options.symmetry)?, next)))
        });
        let (key, next) = match reached {
            Ok(Some(reached)) => reached,
            Ok(None) => return Ok(()),
            Err(error) => return Err(self.failed_on_the_way(error)),
        };
        frame.led_on = true;
        let kind = course.model.kind(action);
        if let (Some(kept), Some(from)) = (&mut self.kept, frame.number) {
            if more > course.options.limits.memory_bytes {
                self.stopped = Some(Stopped::Memory);
                return Ok(());
            }
            let class = course.model.fairness(&frame.state, action);
            kept.link([Link { from, ordinal, to: key, class }].into_iter());
            self.kept_bytes += kept::link_bytes::<K>();
        }
        self.tally.take(kind);
        self.level(depth).generated += 1;
        let number = self.distinct as u32;
        let news = self.arrive(&next, key, depth)?;
        if news == News::State {
            self.tally.discover(kind);
        }
        let near = course.options.limits.depth.is_none_or(|limit| depth < limit as usize);
        match news {
            _ if !near || self.stopped.is_some() => Ok(()),
            News::Nothing => Ok(()),
            News::Nearer => self.push(next, false, None),
            News::Expandable => self.push(next, true, self.number_of(key)),
            News::State => self.push(next, true, Some(number)),
        }
    }

    /// A path has led to a state.
    fn arrive(&mut self, state: &M::State, key: K, depth: usize) -> Result<News, Failed<M>> {
        let limits = &self.course.options.limits;
        let bytes = self.course.footprint(state);
        let more = match self.kept {
            Some(_) => kept::state_bytes::<K>(self.course.eventually.len()) + bytes,
            None => 0,
        };
        let too_many = limits.states == Some(self.distinct);
        let too_large = self.bytes(self.distinct + 1) + more > limits.memory_bytes;
        if (too_many || too_large) && !self.seen.contains(key) {
            self.stopped = Some(if too_many { Stopped::States } else { Stopped::Memory });
            return Ok(News::Nothing);
        }
        let news = self.seen.reach(key, depth as u32, limits.depth);
        match news {
            News::State => {
                self.too_deep += u64::from(limits.depth == Some(depth as u32));
                self.kept_bytes += more;
                self.discover(state, key, depth)?;
            }
            News::Expandable => self.too_deep -= 1,
            News::Nearer | News::Nothing => {}
        }
        Ok(news)
    }

    /// The number of a known state that was not expanded so far, where numbers matter.
    fn number_of(&self, key: K) -> Option<u32> {
        self.kept.as_ref().and_then(|kept| kept.number_of(key))
    }

    fn failed_on_the_way(&self, error: M::Error) -> Failed<M> {
        let mut path = self.path(None);
        let last = self.stack.last().and_then(|frame| frame.actions.get(frame.tried.checked_sub(1)?));
        path.actions.extend(last.cloned());
        path.failed(error)
    }

    /// A state that was not known.
    fn discover(&mut self, state: &M::State, key: K, depth: usize) -> Result<(), Failed<M>> {
        self.distinct += 1;
        self.level(depth).distinct += 1;
        let mut held = Vec::new();
        if self.kept.is_some() {
            for &property in &self.course.eventually {
                let holds = self.course.model.holds(property, state);
                held.push(holds.map_err(|error| self.path(Some(state)).failed(error))?);
            }
        }
        if let Some(kept) = &mut self.kept {
            kept.add(std::slice::from_ref(state), &[key], &held);
        }
        self.examine(state)
    }

    fn examine(&mut self, state: &M::State) -> Result<(), Failed<M>> {
        let mut next = 0;
        while let Some(&(property, claim)) = self.verdict.open.get(next) {
            let holds = self.course.model.holds(property, state);
            let holds = holds.map_err(|error| self.path(Some(state)).failed(error))?;
            match claim {
                Claim::Sometimes if holds => self.verdict.seen(property),
                Claim::Always if !holds => {
                    let path = self.path(Some(state));
                    self.verdict.refuted(counterexample(Some(property), path));
                }
                _ => next += 1,
            }
            if self.verdict.enough() {
                self.stopped = Some(Stopped::Counterexample);
                return Ok(());
            }
        }
        Ok(())
    }

    fn push(&mut self, state: M::State, first: bool, number: Option<u32>) -> Result<(), Failed<M>> {
        let mut actions = self.spare.pop().unwrap_or_default();
        if let Err(error) = self.list(&state, &mut actions) {
            return Err(self.path(Some(&state)).failed(error));
        }
        let bytes =
            self.course.footprint(&state) + (size_of::<Frame<M>>() + size_of_val(&actions[..])) as u64;
        if self.bytes(self.distinct) + bytes > self.course.options.limits.memory_bytes {
            self.stopped = Some(Stopped::Memory);
            return Ok(());
        }
        self.stack_bytes += bytes;
        self.most_bytes = self.most_bytes.max(self.bytes(self.distinct));
        self.stack.push(Frame { state, actions, tried: 0, led_on: false, first, number, bytes });
        Ok(())
    }

    /// What is to be tried in a state.
    fn list(&self, state: &M::State, actions: &mut Vec<M::Action>) -> Result<(), M::Error> {
        let (model, options) = (self.course.model, &self.course.options);
        if !list(model, state, options.reduction, actions)? {
            return Ok(());
        }
        for action in actions.iter() {
            if let Some(next) = model.next(state, action)?
                && !self.seen.contains(K::of(model, &next, options.symmetry)?)
            {
                return Ok(());
            }
        }
        list(model, state, false, actions).map(|_| ())
    }

    fn pop(&mut self) -> Result<(), Failed<M>> {
        let frame = self.stack.last().expect("the path is not empty");
        if let (Some(kept), Some(number)) = (&mut self.kept, frame.number) {
            kept.expanded(self.course.model, number as usize);
        }
        if !frame.led_on && frame.first {
            self.tally.terminal += 1;
            if self.verdict.deadlock {
                let path = self.path(None);
                self.verdict.refuted(counterexample(None, path));
                if self.verdict.enough() {
                    self.stopped = Some(Stopped::Counterexample);
                }
            }
        }
        if let Some(frame) = self.stack.pop() {
            self.stack_bytes -= frame.bytes;
            self.spare.push(frame.actions);
        }
        Ok(())
    }

    /// How much is remembered with so many states in the table.
    fn bytes(&self, distinct: u64) -> u64 {
        let table = match self.seen {
            Seen::Anywhere(_) => self.table.clone().bytes(distinct),
            // A table that doubles, at most seven eighths full, with a byte more for each entry.
            Seen::Nearest(_) => {
                (distinct * 8 / 7 + 1).next_power_of_two() * (size_of::<(K, u32)>() as u64 + 1)
            }
        };
        table + self.stack_bytes + self.kept_bytes
    }

    fn show(&self, pulse: &Pulse) {
        pulse.meter.show(Progress {
            distinct: self.distinct,
            generated: self.tally.generated,
            depth: self.levels.len() as u32,
            frontier: self.stack.len() as u64,
            memory_bytes: self.bytes(self.distinct),
        });
    }
}

/// Explores all that can be reached, deepest first.
pub(super) fn explore<M: Model, K: Key>(
    course: &Course<M>,
    pulse: &mut Pulse,
) -> Result<Report<M>, Failed<M>> {
    let mut search = Depth::<M, K>::new(course);
    search.run(pulse)?;
    search.levels.pop_if(|level| level.distinct == 0);
    let Depth { kept, tally, verdict, levels, distinct, stopped, most_bytes, .. } = search;
    let depth = levels.len() as u32;
    let found = Found { distinct, tally, depth, levels, stopped, memory_bytes: most_bytes };
    Ok(found.report(course, verdict, kept))
}
