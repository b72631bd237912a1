//! The view of one process, saturated.
use super::super::Budget;
use super::super::reads_from::order;
use super::super::reads_from::past::{FLAG, Past, Watch, stamp};
use super::super::reads_from::{INITIAL, NONE, Run};

/// What became of a view.
pub(super) enum View {
    /// An order of all writes and of the process's own reads; empty if it was not asked for.
    Possible(Vec<u32>),
    Impossible,
    OutOfBudget,
}

/// A write that must come before another one in the view, because of what a read returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Forced {
    pub after: u32,
    pub before: u32,
    pub read: u32,
}

/// When each operation entered the past, and what has to enter with it.
pub(super) struct Entries {
    /// Of each operation, its segment (from 1 on); 0: it did not enter.
    pub segment: Vec<u32>,
    /// Sorted.
    pub forced: Vec<Forced>,
    /// Of each operation, one bit: whether `forced` speaks of it.
    bits: Vec<u64>,
}

impl Entries {
    pub fn new(count: usize) -> Self {
        Self { segment: vec![0; count], forced: vec![], bits: vec![0; count / 64 + 1] }
    }

    fn forget(&mut self) {
        self.forced.drain(..).for_each(|it| self.bits[it.after as usize / 64] = 0);
    }

    pub fn force(&mut self, news: &mut Vec<Forced>) {
        news.iter().for_each(|it| self.bits[it.after as usize / 64] |= 1 << (it.after % 64));
        self.forced.append(news);
        self.forced.sort_unstable();
        self.forced.dedup_by_key(|it| (it.after, it.before));
    }
}

impl Watch for Entries {
    fn enters(&mut self, op: u32, segment: u32, stack: &mut Vec<(u32, u32)>) {
        self.segment[op as usize] = segment;
        if self.bits[op as usize / 64] >> (op % 64) & 1 == 1 {
            let first = self.forced.partition_point(|it| it.after < op);
            let mine = self.forced[first..].iter().take_while(|it| it.after == op);
            stack.extend(mine.map(|it| (it.before, op)));
        }
    }
}

/// Saturates views; its tables are used again for the next process.
pub(super) struct Saturation<'r> {
    run: &'r Run<'r>,
    place: &'r [u32],
    by_place: &'r [u32],
    past: Past<'r>,
    entries: Entries,
}

/// What one round through the reads of a process found.
enum Round {
    Impossible,
    /// Pasts have to grow.
    Grow(Vec<Forced>),
    /// Nothing has to grow. These segments have pairs that stand wrong.
    Still(Vec<u32>),
    OutOfBudget,
}

impl<'r> Saturation<'r> {
    pub fn new(run: &'r Run<'r>, links: &'r [u32], place: &'r [u32], by_place: &'r [u32]) -> Self {
        Self {
            run,
            place,
            by_place,
            past: Past::new(run, links, place, None),
            entries: Entries::new(run.len()),
        }
    }

    /// The view of a process.
    pub fn view(&mut self, session: usize, wanted: bool, budget: &Budget<'_>) -> View {
        self.entries.forget();
        let wrong = loop {
            self.entries.segment.fill(0);
            match self.round(session, budget) {
                Round::Impossible => return View::Impossible,
                Round::OutOfBudget => return View::OutOfBudget,
                Round::Grow(mut news) => self.entries.force(&mut news),
                Round::Still(wrong) => break wrong,
            }
        };
        let mut sorted = Vec::new();
        if !wrong.is_empty() {
            let pairs = self.pairs_within(session, &wrong);
            let mut rest = &pairs[..];
            let members = members(self.run, self.place, &self.entries, session, &wrong);
            for (segment, ops) in wrong.into_iter().zip(members) {
                let mine = take_segment(&self.entries, &mut rest, segment);
                match self.sort(&ops, mine) {
                    Some(order) => sorted.push((segment, order)),
                    None => return View::Impossible,
                }
            }
        }
        View::Possible(if wanted { self.order(session, &sorted) } else { vec![] })
    }

    fn round(&mut self, session: usize, budget: &Budget<'_>) -> Round {
        let run = self.run;
        let (mut news, mut wrong) = (Vec::new(), Vec::new());
        self.past.begin(session);
        for (op, segment) in run.of_session(session).zip(1..) {
            if op & 0xfff == 0 && (budget.stop)() {
                return Round::OutOfBudget;
            }
            self.past.step(op, run.source_of(op), segment, &mut self.entries);
            if self.past.from_the_future.is_some() {
                return Round::Impossible;
            }
            if !run.is_known_read(op) {
                continue;
            }
            let lasts = &self.past.last[run.slots_of(op)];
            let source = run.source[op as usize];
            if source == INITIAL {
                if lasts.iter().any(|last| *last > 0) {
                    return Round::Impossible;
                }
                continue;
            }
            let entered = self.entries.segment[source as usize];
            let floor = stamp(entered, self.place[source as usize]);
            if lasts.iter().all(|last| *last <= floor) {
                continue;
            }
            for last in lasts.iter().filter(|last| **last > floor) {
                let before = self.by_place[*last as u32 as usize - 1];
                if (last >> 32) as u32 > entered {
                    news.push(Forced { after: source, before, read: op });
                } else {
                    wrong.push(entered);
                }
            }
        }
        if !news.is_empty() {
            return Round::Grow(news);
        }
        wrong.sort_unstable();
        wrong.dedup();
        Round::Still(wrong)
    }

    /// All pairs of writes with both in one of these segments of which the first must come first, by segment.
    fn pairs_within(&mut self, session: usize, segments: &[u32]) -> Vec<Forced> {
        let run = self.run;
        let mut pairs = Vec::new();
        self.past.begin(session);
        for (op, segment) in run.of_session(session).zip(1..) {
            self.past.step(op, run.source_of(op), segment, &mut self.entries);
            let Some(after) = run.source_of(op) else { continue };
            let entered = self.entries.segment[after as usize];
            if segments.binary_search(&entered).is_err() {
                continue;
            }
            let lasts = self.past.last[run.slots_of(op)].iter();
            let near = lasts.filter(|last| (**last >> 32) as u32 == entered);
            let writes = near.map(|last| self.by_place[*last as u32 as usize - 1]).filter(|it| *it != after);
            pairs.extend(writes.map(|before| Forced { after, before, read: op }));
        }
        pairs.sort_unstable_by_key(|it| (self.entries.segment[it.after as usize], *it));
        pairs.dedup_by_key(|it| (it.after, it.before));
        pairs
    }
}

impl Saturation<'_> {
    /// The operations of a segment so that all pairs stand right; nothing if they make a cycle.
    fn sort(&self, ops: &[u32], pairs: &[Forced]) -> Option<Vec<u32>> {
        let edges = edges_within(self.run, self.past.links(), ops, pairs);
        let sorted = order::topological(ops.len(), &edges).ok()?;
        Some(sorted.into_iter().map(|index| ops[index as usize]).collect())
    }

    /// All writes and the process's own reads in the order of their stamps, those of sorted segments as sorted.
    fn order(&self, session: usize, sorted: &[(u32, Vec<u32>)]) -> Vec<u32> {
        let own = self.run.of_session(session);
        let mut order: Vec<(u64, u32)> = Vec::new();
        for op in 0..self.run.len() as u32 {
            let segment = self.entries.segment[op as usize];
            let own_read = own.contains(&op) && !self.run.is_write(op);
            if !own_read && !self.run.is_write(op) {
                continue;
            }
            let entered = if segment == 0 { u32::MAX } else { segment };
            let place = if own_read { u32::MAX } else { self.place[op as usize] };
            order.push((stamp(entered, place), op));
        }
        order.sort_unstable();
        for (segment, ops) in sorted {
            let from = order.partition_point(|it| it.0 < stamp(*segment, 0));
            let view = ops.iter().filter(|op| self.run.is_write(**op) || own.contains(op));
            order[from..].iter_mut().zip(view).for_each(|(place, op)| place.1 = *op);
        }
        order.into_iter().map(|(_, op)| op).collect()
    }
}

/// The operations that entered with each of some segments (ascending), by place; the process's own one is the
/// last.
pub(super) fn members(
    run: &Run<'_>,
    place: &[u32],
    entries: &Entries,
    own: usize,
    segments: &[u32],
) -> Vec<Vec<u32>> {
    let mut index = vec![NONE; segments.last().map_or(0, |it| *it as usize) + 1];
    segments.iter().zip(0..).for_each(|(segment, at)| index[*segment as usize] = at);
    let mut members = vec![Vec::new(); segments.len()];
    for (op, segment) in entries.segment.iter().enumerate() {
        if let Some(at) = index.get(*segment as usize).filter(|at| **at != NONE) {
            members[*at as usize].push(op as u32);
        }
    }
    let last = |op: u32| run.session[op as usize] as usize == own && !run.is_write(op);
    for ops in &mut members {
        ops.sort_unstable_by_key(|op| (last(*op), place[*op as usize]));
    }
    members
}

/// Takes the pairs of a segment off the front of pairs sorted by segment.
pub(super) fn take_segment<'p>(entries: &Entries, rest: &mut &'p [Forced], segment: u32) -> &'p [Forced] {
    let count = rest.partition_point(|it| entries.segment[it.after as usize] <= segment);
    let (mine, others) = rest.split_at(count);
    *rest = others;
    mine
}

/// What must come before what among some operations, as pairs of indices: sessions, links and forced pairs.
pub(super) fn edges_within(run: &Run<'_>, links: &[u32], ops: &[u32], pairs: &[Forced]) -> Vec<(u32, u32)> {
    let mut sorted: Vec<(u32, u32)> = ops.iter().copied().zip(0..).collect();
    sorted.sort_unstable();
    let find = |op: u32| sorted.binary_search_by_key(&op, |it| it.0).ok().map(|at| sorted[at].1);
    let mut edges = Vec::new();
    for (op, index) in &sorted {
        let first = run.starts[run.session[*op as usize] as usize] == *op;
        let previous = if first { None } else { find(op - 1) };
        let link = links[*op as usize];
        let linked = if link & FLAG != 0 && link != NONE { find(link & !FLAG) } else { None };
        edges.extend(previous.into_iter().chain(linked).map(|it| (it, *index)));
    }
    edges.extend(pairs.iter().filter_map(|it| Some((find(it.before)?, find(it.after)?))));
    edges
}
