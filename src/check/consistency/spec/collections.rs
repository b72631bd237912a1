//! Sets, queues, stacks and append-only lists.
use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;

use crate::check::consistency::error::Error;
use crate::check::consistency::history::{History, Kind, NULL};
use crate::sim::{Outcome, Value};

use super::arena::{Arrays, EMPTY, Lists};
use super::custom::Broken;
use super::object::{Object, numbered};
use super::{Spec, bad_operation};

/// What an operation does to a collection. Elements are numbers of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Access {
    /// Puts an element in (for a set: and says whether it was new).
    Put(u32, Option<bool>),
    /// Takes an element out of a set, and says whether it was there.
    Remove(u32, Option<bool>),
    Contains(u32, bool),
    /// Takes the element that is next; null from an empty collection.
    Take(u32),
    /// Takes whatever is next.
    TakeAny,
    /// Sees the element that is next; null if there is none.
    Peek(u32),
    /// Reads everything; the number of the list.
    Read(u32),
}

/// Stands for an element that nobody sees; no number of a value.
const UNSEEN: u32 = u32::MAX;

/// Whether an operation says anything about a collection; fails on impossible ones.
pub(super) fn concerns(history: &History, spec: &Spec, row: u32) -> Result<bool, Error> {
    Ok(understand(history, spec, row)?.is_some())
}

fn understand(history: &History, spec: &Spec, row: u32) -> Result<Option<Access>, Error> {
    let at = row as usize;
    let (argument, result) = (history.argument[at], history.result[at]);
    let ok = history.status[at] == Outcome::Ok;
    let said = || match history.names.values.value(result) {
        Value::Bool(said) if ok => Ok(Some(*said)),
        Value::Null => Ok(None),
        _ if !ok => Ok(None),
        _ => Err(bad_operation(history, row, "it returns true, false or nothing")),
    };
    Ok(Some(match (spec, history.kind[at]) {
        (Spec::Set, Kind::ADD) => Access::Put(argument, said()?),
        (Spec::Set, Kind::REMOVE) => Access::Remove(argument, said()?),
        (Spec::Set, Kind::CONTAINS) => match said()? {
            Some(there) => Access::Contains(argument, there),
            None if ok => return Err(bad_operation(history, row, "it must return true or false")),
            None => return Ok(None),
        },
        (Spec::Set | Spec::List, Kind::READ) if !ok => return Ok(None),
        (Spec::Set | Spec::List, Kind::READ) => match history.names.values.value(result) {
            Value::Null | Value::List(_) => Access::Read(result),
            _ => return Err(bad_operation(history, row, "it must return a list")),
        },
        (Spec::List, Kind::APPEND) | (Spec::Queue, Kind::ENQUEUE) | (Spec::Stack, Kind::PUSH) => {
            Access::Put(argument, None)
        }
        (Spec::Queue, Kind::DEQUEUE) | (Spec::Stack, Kind::POP) if ok => Access::Take(result),
        (Spec::Queue, Kind::DEQUEUE) | (Spec::Stack, Kind::POP) => Access::TakeAny,
        (Spec::Queue, Kind::PEEK) if ok => Access::Peek(result),
        (Spec::Queue, Kind::PEEK) => return Ok(None),
        _ => return Err(spec.unknown_kind(history, row)),
    }))
}

fn accesses(history: &History, spec: &Spec, rows: &[u32]) -> Result<Vec<Access>, Error> {
    let mut accesses = Vec::with_capacity(rows.len());
    for row in rows {
        accesses.extend(understand(history, spec, *row)?);
    }
    Ok(accesses)
}

fn items(history: &History, list: u32) -> &[Value] {
    match history.names.values.value(list) {
        Value::List(items) => items,
        _ => &[],
    }
}

fn in_words(history: &History, items: impl IntoIterator<Item = u32>) -> String {
    let word = |item| if item == UNSEEN { String::from("what nobody sees") } else { history.show(item) };
    let words: Vec<_> = items.into_iter().map(word).collect();
    format!("[{}]", words.join(", "))
}

/// A queue or a stack, told apart by which end gives.
struct Line {
    accesses: Vec<Access>,
    signatures: Vec<u32>,
    lists: Lists,
    /// What somebody takes out or sees.
    seen: IndexSet<u32, FxBuildHasher>,
    holds_null: bool,
    /// What a place in a history rules out, where elements differ.
    order: Option<Order>,
}

/// Elements that are all put in once, and when they are at the front.
struct Order {
    /// Of each element: the first completion, and the last invocation, of the operations that take it out or see it.
    front: IndexMap<u32, (u32, u32), FxBuildHasher>,
    /// Of each list: the last of these invocations.
    latest: IndexMap<u32, u32, FxBuildHasher>,
}

impl Line {
    fn new(history: &History, spec: &Spec, rows: &[u32]) -> Result<Self, Error> {
        let mut accesses = accesses(history, spec, rows)?;
        let front = |it: &Access| match it {
            Access::Take(item) | Access::Peek(item) => Some(*item),
            _ => None,
        };
        let seen: IndexSet<u32, FxBuildHasher> = accesses.iter().filter_map(front).collect();
        let order = (*spec == Spec::Queue).then(|| Order::new(history, &accesses, rows)).flatten();
        let holds_null = accesses.contains(&Access::Put(NULL, None));
        // Nobody can tell elements apart that nobody sees.
        for access in &mut accesses {
            if let Access::Put(item, _) = access
                && !seen.contains(item)
            {
                *item = UNSEEN;
            }
        }
        let signatures = numbered(&accesses);
        Ok(Self { signatures, lists: Lists::default(), seen, holds_null, order, accesses })
    }

    fn step(
        &mut self,
        state: u32,
        op: u32,
        take: impl Fn(&mut Lists, u32) -> Option<(u32, u32)>,
    ) -> Option<u32> {
        match self.accesses[op as usize] {
            Access::Put(item, _) => self.put(state, item),
            Access::Peek(item) => {
                let front = take(&mut self.lists, state).map_or(NULL, |(_, next)| next);
                (front == item).then_some(state)
            }
            Access::Take(item) => match take(&mut self.lists, state) {
                Some((rest, next)) => (next == item).then_some(rest),
                None => (item == NULL).then_some(state),
            },
            _ => take(&mut self.lists, state).map(|(rest, _)| rest),
        }
    }

    /// With an element more, unless it must come out before one that is in there.
    fn put(&mut self, state: u32, item: u32) -> Option<u32> {
        let longer = self.lists.push(state, item);
        let Some(order) = &mut self.order else { return Some(longer) };
        (order.at_front(item).0 >= order.latest(&self.lists, state)).then_some(longer)
    }

    fn observes(&self, op: u32) -> bool {
        match self.accesses[op as usize] {
            Access::Peek(_) => true,
            access => access == Access::Take(NULL) && !self.holds_null,
        }
    }

    /// An element that nobody sees need not have been put in.
    fn matters(&self, op: u32) -> bool {
        match self.accesses[op as usize] {
            Access::Put(item, _) => self.seen.contains(&item),
            _ => true,
        }
    }
}

impl Order {
    /// None if elements repeat, or somebody takes out nobody knows what.
    fn new(history: &History, accesses: &[Access], rows: &[u32]) -> Option<Self> {
        let mut put = IndexSet::with_hasher(FxBuildHasher);
        let mut front: IndexMap<u32, (u32, u32), FxBuildHasher> = IndexMap::default();
        for (access, row) in accesses.iter().zip(rows) {
            let row = *row as usize;
            match access {
                Access::Put(item, _) if *item == NULL || !put.insert(*item) => return None,
                Access::TakeAny => return None,
                Access::Take(item) | Access::Peek(item) => {
                    let (first, last) = front.entry(*item).or_insert((u32::MAX, 0));
                    *first = (*first).min(history.completed[row]);
                    *last = (*last).max(history.invoked[row]);
                }
                _ => {}
            }
        }
        Some(Self { front, latest: IndexMap::default() })
    }

    /// When an element is at the front; for ever, if nobody sees it.
    fn at_front(&self, item: u32) -> (u32, u32) {
        self.front.get(&item).copied().unwrap_or((u32::MAX, u32::MAX))
    }

    /// When the last of the elements of a list is seen for the last time. O(1), but for lists that are new.
    fn latest(&mut self, lists: &Lists, list: u32) -> u32 {
        let (mut at, mut path) = (list, vec![]);
        let mut latest = loop {
            if let Some(known) = self.latest.get(&at) {
                break *known;
            }
            let Some((start, last)) = lists.pop(at) else { break 0 };
            path.push((at, last));
            at = start;
        };
        for (longer, item) in path.into_iter().rev() {
            latest = latest.max(self.at_front(item).1);
            self.latest.insert(longer, latest);
        }
        latest
    }
}

macro_rules! line {
    ($(#[$doc:meta])* $name:ident, $take:expr) => {
        $(#[$doc])*
        pub struct $name(Line);

        impl $name {
            pub(super) fn new(history: &History, spec: &Spec, rows: &[u32]) -> Result<Self, Error> {
                Line::new(history, spec, rows).map(Self)
            }
        }

        impl Object for $name {
            fn initial(&mut self) -> Result<u32, Broken> {
                Ok(EMPTY)
            }
            fn step(&mut self, state: u32, op: u32) -> Result<Option<u32>, Broken> {
                Ok(self.0.step(state, op, $take))
            }
            fn observes(&self, op: u32) -> bool {
                self.0.observes(op)
            }
            fn signature(&self, op: u32) -> u32 {
                self.0.signatures[op as usize]
            }
            fn matters(&self, op: u32) -> bool {
                self.0.matters(op)
            }
            fn show(&self, history: &History, state: u32) -> String {
                in_words(history, self.0.lists.items(state))
            }
        }
    };
}

line! {
    /// First in, first out.
    Queue, |lists, list| lists.shift(list)
}
line! {
    /// Last in, first out.
    Stack, |lists, list| lists.pop(list)
}

/// A list that only grows: whatever is read at any time begins the longest list that is read.
///
/// As long as it is not longer than that, the state is its length; what comes after are numbers of [`Lists`].
pub struct List {
    accesses: Vec<Access>,
    signatures: Vec<u32>,
    longest: Vec<u32>,
    lists: Lists,
    /// Of each list that is read: its length, if it begins the longest.
    reads: IndexMap<u32, Option<u32>, FxBuildHasher>,
}

impl List {
    pub(super) fn new(history: &History, spec: &Spec, rows: &[u32]) -> Result<Self, Error> {
        let accesses = accesses(history, spec, rows)?;
        let read = |it: &Access| if let Access::Read(list) = it { Some(*list) } else { None };
        let lists = || accesses.iter().filter_map(read);
        let longest = lists().max_by_key(|list| items(history, *list).len()).unwrap_or(NULL);
        let longest = items(history, longest);
        let place = |list| {
            let read = items(history, list);
            longest.starts_with(read).then_some(read.len() as u32)
        };
        let number = |item| history.names.values.number(item).unwrap_or(u32::MAX);
        Ok(Self {
            reads: lists().map(|list| (list, place(list))).collect(),
            signatures: numbered(&accesses),
            longest: longest.iter().map(number).collect(),
            lists: Lists::default(),
            accesses,
        })
    }

    fn append(&mut self, state: u32, item: u32) -> Option<u32> {
        let length = self.longest.len() as u32;
        if state < length {
            return (self.longest[state as usize] == item).then_some(state + 1);
        }
        Some(length + self.lists.push(state - length, item))
    }
}

impl Object for List {
    fn initial(&mut self) -> Result<u32, Broken> {
        Ok(EMPTY)
    }
    fn step(&mut self, state: u32, op: u32) -> Result<Option<u32>, Broken> {
        Ok(match self.accesses[op as usize] {
            Access::Put(item, _) => self.append(state, item),
            Access::Read(list) => (self.reads[&list] == Some(state)).then_some(state),
            _ => None,
        })
    }
    fn observes(&self, op: u32) -> bool {
        matches!(self.accesses[op as usize], Access::Read(_))
    }
    fn signature(&self, op: u32) -> u32 {
        self.signatures[op as usize]
    }
    fn matters(&self, op: u32) -> bool {
        match self.accesses[op as usize] {
            Access::Put(item, _) => self.longest.contains(&item),
            _ => false,
        }
    }
    fn show(&self, history: &History, state: u32) -> String {
        let length = self.longest.len() as u32;
        let start = self.longest[..state.min(length) as usize].iter().copied();
        in_words(history, start.chain(self.lists.items(state.saturating_sub(length))))
    }
}

/// A set whose elements may be read all at once. The state is an array: how many there are, then, of each
/// element, whether it is there.
pub struct Sets {
    accesses: Vec<Access>,
    signatures: Vec<u32>,
    arrays: Arrays,
    places: IndexMap<u32, usize, FxBuildHasher>,
    elements: Vec<u32>,
    /// Of each list that is read: its array, if there is one.
    reads: IndexMap<u32, Option<u32>, FxBuildHasher>,
    /// Where nobody removes anything, of each place: how many elements must be there before this one, because a
    /// smaller set than the first one with it is read.
    before: Option<Vec<u32>>,
}

impl Sets {
    pub(super) fn new(history: &History, spec: &Spec, rows: &[u32]) -> Result<Self, Error> {
        let accesses = accesses(history, spec, rows)?;
        let mut places = IndexMap::with_hasher(FxBuildHasher);
        let mut elements = vec![NULL];
        for access in &accesses {
            if let Access::Put(item, _) | Access::Remove(item, _) | Access::Contains(item, _) = access {
                places.entry(*item).or_insert_with(|| {
                    elements.push(*item);
                    elements.len() - 1
                });
            }
        }
        let arrays = Arrays::new(elements.len());
        let signatures = numbered(&accesses);
        let reads = IndexMap::default();
        let mut sets = Self { accesses, signatures, arrays, places, elements, reads, before: None };
        sets.understand_reads(history);
        Ok(sets)
    }

    fn understand_reads(&mut self, history: &History) {
        let number = |item| history.names.values.number(item).unwrap_or(u32::MAX);
        let mut lists: Vec<(usize, u32)> = vec![];
        let mut before = vec![u32::MAX; self.elements.len()];
        for access in &self.accesses {
            if let Access::Read(list) = access {
                lists.push((items(history, *list).len(), *list));
            }
        }
        lists.sort_unstable();
        lists.dedup();
        let mut seen = 0;
        for (_, list) in lists {
            let mut array = 0;
            let mut all = true;
            let below = seen;
            for item in items(history, list) {
                let Some(place) = self.places.get(&number(item)) else {
                    all = false;
                    continue;
                };
                if before[*place] == u32::MAX {
                    before[*place] = below;
                    seen += 1;
                }
                array = put(&mut self.arrays, array, *place, true);
            }
            self.reads.insert(list, all.then_some(array));
        }
        before.iter_mut().for_each(|it| *it = (*it).min(seen));
        let shrinks = self.accesses.iter().any(|it| matches!(it, Access::Remove(..)));
        self.before = (!shrinks).then_some(before);
    }

    fn change(&mut self, state: u32, item: u32, there: bool, said: Option<bool>) -> Option<u32> {
        let place = self.places[&item];
        let changes = (self.arrays.get(state, place) == 1) != there;
        if said.is_some_and(|said| said != changes) {
            return None;
        }
        if !changes {
            return Some(state);
        }
        let early = |before: &Vec<u32>| self.arrays.get(state, 0) < before[place];
        if self.before.as_ref().is_some_and(early) {
            return None;
        }
        Some(put(&mut self.arrays, state, place, there))
    }
}

/// The array with one element more, or one less.
fn put(arrays: &mut Arrays, array: u32, place: usize, there: bool) -> u32 {
    if arrays.get(array, place) == u32::from(there) {
        return array;
    }
    let count = arrays.get(array, 0);
    let array = arrays.set(array, place, u32::from(there));
    arrays.set(array, 0, if there { count + 1 } else { count - 1 })
}

impl Object for Sets {
    fn initial(&mut self) -> Result<u32, Broken> {
        Ok(0)
    }
    fn step(&mut self, state: u32, op: u32) -> Result<Option<u32>, Broken> {
        Ok(match self.accesses[op as usize] {
            Access::Put(item, said) => self.change(state, item, true, said),
            Access::Remove(item, said) => self.change(state, item, false, said),
            Access::Contains(item, there) => {
                let is_there = self.arrays.get(state, self.places[&item]) == 1;
                (is_there == there).then_some(state)
            }
            Access::Read(list) => (self.reads[&list] == Some(state)).then_some(state),
            _ => None,
        })
    }
    fn observes(&self, op: u32) -> bool {
        !matches!(
            self.accesses[op as usize],
            Access::Put(_, None | Some(true)) | Access::Remove(_, None | Some(true))
        )
    }
    fn signature(&self, op: u32) -> u32 {
        self.signatures[op as usize]
    }
    fn matters(&self, _: u32) -> bool {
        true
    }
    fn show(&self, history: &History, state: u32) -> String {
        let there = (1..self.elements.len()).filter(|place| self.arrays.get(state, *place) == 1);
        in_words(history, there.map(|place| self.elements[place]))
    }
}
