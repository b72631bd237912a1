//! Keys and values of which scans read many at once.
//!
//! A scan looks at a range of the keys: from its first one to the last one that it returned, or, if it could have
//! returned more, to the end. Keys whose ranges have nothing in common remain independent parts of the history.
//! Those that have are one object: an array of [registers](super::cells), whose states are numbers of arrays of
//! the registers' states.
//!
//! What a key holds at first is nothing for a scan, too. If histories give another initial value, nobody can tell
//! that from nothing, so a scan may return a key that holds it or leave it out.
use std::ops::Range;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::check::consistency::error::Error;
use crate::check::consistency::history::{History, Kind, NULL};
use crate::sim::{Outcome, Value};

use super::arena::Arrays;
use super::cells::Cells;
use super::custom::Broken;
use super::object::{Facts, Object, numbered};
use super::{Spec, bad_operation};

#[cfg(test)]
mod tests;

/// How many times a key on which a scan relies to hold nothing is noted at most; it is a matter of speed only.
const ABSENCES: usize = 1 << 22;

/// How many keys of a state are shown at most.
const SHOWN: usize = 3;

/// A scan and its answer.
struct Scan<'a> {
    first: &'a Value,
    limit: usize,
    pairs: Vec<(&'a Value, &'a Value)>,
}

/// Whether a scan says anything; fails on impossible ones.
pub(super) fn concerns(history: &History, row: u32) -> Result<bool, Error> {
    Ok(understand(history, row)?.is_some())
}

/// A scan that returned. Like a read of a list, one that returned null found nothing.
fn understand(history: &History, row: u32) -> Result<Option<Scan<'_>>, Error> {
    let at = row as usize;
    if history.status[at] != Outcome::Ok {
        return Ok(None);
    }
    let value = |number: u32| history.names.values.value(number);
    let limit = match value(history.argument[at]) {
        Value::Null => usize::MAX,
        Value::Int(limit) if *limit >= 0 => *limit as usize,
        _ => {
            let problem = "how many keys to scan must be a whole number, at least 0 (or nothing, for all)";
            return Err(bad_operation(history, row, problem));
        }
    };
    let wrong = || bad_operation(history, row, "a scan returns a list of [key, value] pairs");
    let mut pairs = vec![];
    match value(history.result[at]) {
        Value::Null => {}
        Value::List(items) => {
            for item in items.iter() {
                let Value::List(pair) = item else { return Err(wrong()) };
                let [key, value] = &**pair else { return Err(wrong()) };
                pairs.push((key, value));
            }
        }
        _ => return Err(wrong()),
    }
    Ok(Some(Scan { first: value(history.key[at]), limit, pairs }))
}

impl Scan<'_> {
    /// The places that it looked at, among keys in order.
    fn range(&self, history: &History, keys: &[u32]) -> Range<usize> {
        let value = |key: &u32| history.names.values.value(*key);
        let start = keys.partition_point(|key| value(key) < self.first);
        let end = match self.pairs.last() {
            _ if self.pairs.len() < self.limit => keys.len(),
            None => start,
            Some((last, _)) => keys.partition_point(|key| value(key) <= *last),
        };
        start..end.max(start)
    }

    /// Whether this can be an answer at all, whatever the keys hold.
    fn is_possible(&self) -> bool {
        let keys = || self.pairs.iter().map(|pair| pair.0);
        self.pairs.len() <= self.limit
            && keys().is_sorted_by(|one, other| one < other)
            && keys().next().is_none_or(|key| self.first <= key)
            && self.pairs.iter().all(|pair| *pair.1 != Value::Null)
    }
}

/// The keys of some rows, in order.
fn ordered(history: &History, keys: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut keys: Vec<u32> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    keys.sort_by_key(|key| history.names.values.value(*key));
    keys
}

/// Puts rows, which are grouped by their keys, into one group if a scan has looked at both keys. The group has
/// the number of its least key. O(n log n).
pub(super) fn join(history: &History, grouped: &mut [(u32, u32)]) -> Result<(), Error> {
    let keys = ordered(history, grouped.iter().map(|it| it.0));
    let mut ends = vec![0; keys.len()];
    for (_, row) in grouped.iter().filter(|it| history.kind[it.1 as usize] == Kind::SCAN) {
        let Some(scan) = understand(history, *row)? else { continue };
        let range = scan.range(history, &keys);
        if let Some(end) = ends.get_mut(range.start) {
            *end = range.end.max(*end);
        }
    }
    let mut groups = vec![0; history.names.values.len()];
    let (mut least, mut joined) = (0, 0);
    for (place, key) in keys.iter().enumerate() {
        if place >= joined {
            least = *key;
        }
        joined = joined.max(ends[place]);
        groups[*key as usize] = least;
    }
    grouped.iter_mut().for_each(|(group, _)| *group = groups[*group as usize]);
    Ok(())
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// The operation of this number on the register at this place.
    Cell { place: u32, inner: u32 },
    /// Finds in these places what this array holds there.
    Scan { places: Range<usize>, held: u32 },
    /// No map answers so.
    Impossible { places: Range<usize> },
}

/// Values of one key that nobody can tell apart.
#[derive(Clone, Copy)]
struct Unread {
    /// The state that stands for all of them.
    state: u32,
    /// Whether there are others.
    several: bool,
}

/// The registers of some keys, and what is done to them. The state is an array of their states.
pub struct Map {
    steps: Vec<Step>,
    signatures: Vec<u32>,
    keys: Vec<u32>,
    cells: Vec<Cells>,
    arrays: Arrays,
    /// Of each place: what stands for all that nobody reads there.
    unread: Vec<Option<Unread>>,
    /// (place, state) by number.
    facts: IndexMap<(u32, u32), u32, FxBuildHasher>,
    /// Operations that never returned.
    optional: Vec<bool>,
}

impl Map {
    /// The map of some rows.
    pub(super) fn new(history: &History, rows: &[u32]) -> Result<Self, Error> {
        let keys = ordered(history, rows.iter().map(|row| history.key[*row as usize]));
        let value = |key: u32| history.names.values.value(key);
        let places: IndexMap<&Value, usize, FxBuildHasher> =
            keys.iter().enumerate().map(|(place, key)| (value(*key), place)).collect();
        let mut scans = Vec::with_capacity(rows.len());
        let mut own = vec![vec![]; keys.len()];
        // A scan that does not return a key has seen it hold nothing.
        let mut saw = vec![vec![&Value::Null]; keys.len()];
        for row in rows {
            let scan = match history.kind[*row as usize] {
                Kind::SCAN => understand(history, *row)?,
                _ => None,
            };
            match &scan {
                None => own[places[value(history.key[*row as usize])]].push(*row),
                Some(scan) => scan.pairs.iter().for_each(|(key, value)| {
                    places.get(key).into_iter().for_each(|place| saw[*place].push(value));
                }),
            }
            scans.push(scan);
        }
        let cells = own.iter().zip(&saw).map(|(rows, saw)| Cells::new(history, &Spec::Kv, rows, saw));
        let mut map = Self {
            steps: Vec::with_capacity(rows.len()),
            signatures: vec![],
            cells: cells.collect::<Result<_, _>>()?,
            arrays: Arrays::new(keys.len()),
            unread: vec![None; keys.len()],
            facts: IndexMap::default(),
            optional: rows.iter().map(|row| history.status[*row as usize] != Outcome::Ok).collect(),
            keys,
        };
        let mut next = vec![0; map.keys.len()];
        for (row, scan) in rows.iter().zip(&scans) {
            let step = match scan {
                Some(scan) => map.scan(history, scan, &places),
                None => {
                    let place = places[value(history.key[*row as usize])];
                    next[place] += 1;
                    Step::Cell { place: place as u32, inner: next[place] - 1 }
                }
            };
            map.steps.push(step);
        }
        map.signatures = map.sign();
        map.find_unread();
        Ok(map)
    }

    fn scan(
        &mut self,
        history: &History,
        scan: &Scan,
        places: &IndexMap<&Value, usize, FxBuildHasher>,
    ) -> Step {
        let range = scan.range(history, &self.keys);
        let mut held = 0;
        for (key, value) in &scan.pairs {
            match places.get(key) {
                Some(place) => {
                    let state = self.cells[*place].number(history, value);
                    held = self.arrays.set(held, *place, state);
                }
                // Nobody did anything to this key.
                None if *history.names.values.value(history.initial) == **value => {}
                None => return Step::Impossible { places: range },
            }
        }
        if !scan.is_possible() {
            return Step::Impossible { places: range };
        }
        Step::Scan { places: range, held }
    }

    /// Numbers for operations; those on one register are equal if they are so there.
    fn sign(&self) -> Vec<u32> {
        let same = self.steps.iter().map(|step| match step {
            Step::Cell { place, inner } => {
                Step::Cell { place: *place, inner: self.cells[*place as usize].signature(*inner) }
            }
            other => other.clone(),
        });
        numbered(&same.collect::<Vec<_>>())
    }

    fn find_unread(&mut self) {
        for step in &self.steps {
            let Step::Cell { place, inner } = step else { continue };
            let cells = &self.cells[*place as usize];
            let Some(state) = cells.makes(*inner).filter(|state| cells.is_unread(*state)) else { continue };
            let unread = self.unread[*place as usize].get_or_insert(Unread { state, several: false });
            unread.several |= unread.state != state;
        }
    }

    /// Numbers the facts on which some operation relies. Where values are computed, nobody knows what makes them.
    fn find_facts(&mut self) -> Facts {
        let mut facts = Facts::default();
        let mut absences = 0;
        for op in 0..self.steps.len() as u32 {
            match &self.steps[op as usize] {
                _ if self.optional[op as usize] => {}
                Step::Impossible { .. } => {}
                Step::Cell { place, inner } => {
                    if let Some(state) = self.cells[*place as usize].needs(*inner) {
                        self.need(&mut facts, *place as usize, state, op);
                    }
                }
                Step::Scan { places, held } => {
                    let held = *held;
                    for place in places.clone() {
                        let state = self.arrays.get(held, place);
                        absences += usize::from(state == NULL);
                        if state != NULL || absences <= ABSENCES {
                            self.need(&mut facts, place, state, op);
                        }
                    }
                }
            }
        }
        facts.made.resize_with(facts.needed.len(), Vec::new);
        for (op, step) in self.steps.iter().enumerate() {
            if let Step::Cell { place, inner } = step
                && let Some(state) = self.cells[*place as usize].makes(*inner)
                && let Some(fact) = self.facts.get(&(*place, state))
            {
                facts.made[*fact as usize].push(op as u32);
            }
        }
        facts
    }

    fn need(&mut self, facts: &mut Facts, place: usize, state: u32, op: u32) {
        if self.cells[place].computes() {
            return;
        }
        let next = facts.needed.len() as u32;
        let fact = *self.facts.entry((place as u32, state)).or_insert(next);
        if fact == next {
            facts.needed.push(vec![]);
        }
        facts.needed[fact as usize].push(op);
    }

    /// What a key holds, in words.
    fn show_cell(&self, history: &History, state: u32, place: usize) -> String {
        let held = self.arrays.get(state, place);
        match self.unread[place] {
            Some(unread) if unread.several && unread.state == held => String::from("what nobody reads"),
            _ => self.cells[place].show(history, held),
        }
    }

    /// What the keys at some places hold, in words.
    fn show_places(&self, history: &History, state: u32, places: impl Iterator<Item = usize>) -> String {
        let mut places = places;
        let cell = |place: usize| {
            format!("{}: {}", history.show(self.keys[place]), self.show_cell(history, state, place))
        };
        let mut shown: Vec<String> = places.by_ref().take(SHOWN).map(cell).collect();
        let more = places.count();
        if more > 0 {
            shown.push(format!("{more} more"));
        }
        format!("{{{}}}", shown.join(", "))
    }
}

impl Object for Map {
    fn initial(&mut self) -> Result<u32, Broken> {
        Ok(0)
    }
    fn step(&mut self, state: u32, op: u32) -> Result<Option<u32>, Broken> {
        match &self.steps[op as usize] {
            Step::Impossible { .. } => Ok(None),
            Step::Scan { places, held } => Ok(self.arrays.agree(state, *held, places).then_some(state)),
            Step::Cell { place, inner } => {
                let place = *place as usize;
                let held = self.arrays.get(state, place);
                let Some(next) = self.cells[place].step(held, *inner)? else { return Ok(None) };
                let next = match self.unread[place] {
                    Some(unread) if self.cells[place].is_unread(next) => unread.state,
                    _ => next,
                };
                Ok(Some(if next == held { state } else { self.arrays.set(state, place, next) }))
            }
        }
    }
    fn observes(&self, op: u32) -> bool {
        match &self.steps[op as usize] {
            Step::Cell { place, inner } => self.cells[*place as usize].observes(*inner),
            _ => true,
        }
    }
    fn signature(&self, op: u32) -> u32 {
        self.signatures[op as usize]
    }
    fn matters(&self, op: u32) -> bool {
        match &self.steps[op as usize] {
            Step::Cell { place, inner } => self.cells[*place as usize].matters(*inner),
            _ => true,
        }
    }
    fn cells(&self, op: u32) -> Option<Range<u32>> {
        Some(match &self.steps[op as usize] {
            Step::Cell { place, .. } => *place..*place + 1,
            Step::Scan { places, .. } | Step::Impossible { places } => places.start as u32..places.end as u32,
        })
    }
    fn facts(&mut self) -> Option<Facts> {
        Some(self.find_facts())
    }
    fn ends(&self, state: u32, next: u32, op: u32) -> Option<u32> {
        let Step::Cell { place, .. } = &self.steps[op as usize] else { return None };
        let held = self.arrays.get(state, *place as usize);
        if next == state { None } else { self.facts.get(&(*place, held)).copied() }
    }
    fn bytes(&self) -> usize {
        self.arrays.bytes()
    }
    fn show(&self, history: &History, state: u32) -> String {
        let holds = |place: &usize| self.arrays.get(state, *place) != NULL;
        self.show_places(history, state, (0..self.keys.len()).filter(holds))
    }
    fn show_to(&self, history: &History, state: u32, op: u32) -> String {
        match &self.steps[op as usize] {
            Step::Cell { place, .. } => self.show_cell(history, state, *place as usize),
            Step::Scan { places, held } => {
                let differs =
                    |place: &usize| self.arrays.get(state, *place) != self.arrays.get(*held, *place);
                self.show_places(history, state, places.clone().filter(differs))
            }
            Step::Impossible { places } => self.show_places(history, state, places.clone()),
        }
    }
}
