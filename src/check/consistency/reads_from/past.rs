//! What must come before the operations of one process: its past, which grows from operation to operation.
//!
//! A past holds a prefix of every session, so it is one number for each session. It grows by whole stretches:
//! who takes an operation in takes in all before it in its session, and what those depend on. All operations of
//! one process together cost one walk over the history, so all processes O(n · processes) small steps, without
//! a table of vector clocks.
use super::run::{NONE, Run};

/// What an operation means for a past: the slot of a write, [`FLAG`] and an operation that must come before it,
/// or [`NONE`].
pub(crate) type Links = Vec<u32>;

/// Marks a link as one to an operation.
pub(crate) const FLAG: u32 = 1 << 31;

/// The links of causality: reads come after what they read from.
pub(crate) fn causal_links(run: &Run<'_>) -> Links {
    let mut links = run.slot.clone();
    let mut known = vec![(NONE, 0); run.sessions()];
    for (op, link) in links.iter_mut().enumerate() {
        let Some(source) = run.source_of(op as u32) else { continue };
        let (session, writer) = (run.session[op], run.session[source as usize]);
        let known = &mut known[writer as usize];
        let news = known.0 != session || known.1 < source;
        if session != writer && news {
            *link = FLAG | source;
            *known = (session, source);
        }
    }
    links
}

/// What each process is told of at once by all others: lists of operations that are pushed to everybody.
pub(crate) struct Pushes {
    /// The operations, in the order in which they are pushed.
    pub order: Vec<u32>,
    /// Of each operation, how many of them were pushed before it began.
    pub seen: Vec<u32>,
}

/// Is told of all that enters a past.
pub(crate) trait Watch {
    /// An operation enters. What is put onto the stack, as (operation, this one), has to enter with it.
    fn enters(&mut self, _op: u32, _segment: u32, _stack: &mut Vec<(u32, u32)>) {}
    /// All up to `target` enter, for the sake of another operation.
    fn because(&mut self, _target: u32, _parent: u32) {}
}

impl Watch for () {}

/// The past of one process at a time.
pub(crate) struct Past<'r> {
    run: &'r Run<'r>,
    links: &'r [u32],
    place: &'r [u32],
    pushes: Option<&'r Pushes>,
    pushed: u32,
    /// Of each session, the first operation that is not in the past.
    pub frontier: Vec<u32>,
    /// Of each slot, its last write in the past: when it entered and its place, as [`stamp`]; 0 for none.
    pub last: Vec<u64>,
    /// Set when an operation that this process has yet to do turns out to be in its past, and why.
    pub from_the_future: Option<(u32, u32)>,
    own: usize,
    stack: Vec<(u32, u32)>,
}

/// When an operation entered a past, and its place: who has the smaller one comes first.
pub(crate) fn stamp(segment: u32, place: u32) -> u64 {
    u64::from(segment) << 32 | u64::from(place)
}

impl<'r> Past<'r> {
    /// An empty past. The places must be an order that keeps the sessions and the links.
    pub fn new(run: &'r Run<'r>, links: &'r [u32], place: &'r [u32], pushes: Option<&'r Pushes>) -> Self {
        Self {
            run,
            links,
            place,
            pushes,
            pushed: 0,
            frontier: vec![],
            last: vec![],
            from_the_future: None,
            own: 0,
            stack: vec![],
        }
    }

    /// What each operation depends on.
    pub fn links(&self) -> &'r [u32] {
        self.links
    }

    /// Begins again, for this session.
    pub fn begin(&mut self, session: usize) {
        self.frontier.clear();
        self.frontier.extend_from_slice(&self.run.starts[..self.run.sessions()]);
        self.last.clear();
        self.last.resize(self.run.slots.last().map_or(0, |it| *it as usize), 0);
        self.own = session;
        self.pushed = 0;
        self.from_the_future = None;
    }

    /// Takes in the next operation of the process itself, after what it depends on: its link, or `source`.
    pub fn step<W: Watch>(&mut self, op: u32, source: Option<u32>, segment: u32, watch: &mut W) {
        debug_assert_eq!(self.frontier[self.own], op);
        let link = self.links[op as usize];
        let linked = (link != NONE && link & FLAG != 0).then_some(link & !FLAG);
        if let Some(source) = source.or(linked) {
            self.stack.push((source, op));
        }
        self.push_news(op);
        self.include(segment, watch);
        self.frontier[self.own] = op + 1;
        if self.run.is_write(op) {
            self.last[self.run.slot[op as usize] as usize] = stamp(segment, self.place[op as usize]);
        }
        watch.enters(op, segment, &mut self.stack);
        self.include(segment, watch);
    }

    fn push_news(&mut self, op: u32) {
        let Some(pushes) = self.pushes else { return };
        let seen = pushes.seen[op as usize];
        while self.pushed < seen {
            self.stack.push((pushes.order[self.pushed as usize], op));
            self.pushed += 1;
        }
    }

    fn include<W: Watch>(&mut self, segment: u32, watch: &mut W) {
        while let Some((target, parent)) = self.stack.pop() {
            let session = self.run.session[target as usize] as usize;
            let from = self.frontier[session];
            if target < from {
                continue;
            }
            watch.because(target, parent);
            if session == self.own {
                self.from_the_future.get_or_insert((target, parent));
                continue;
            }
            self.frontier[session] = target + 1;
            for op in from..=target {
                let link = self.links[op as usize];
                if link & FLAG == 0 {
                    self.last[link as usize] = stamp(segment, self.place[op as usize]);
                } else if link != NONE {
                    self.stack.push((link & !FLAG, op));
                }
                watch.enters(op, segment, &mut self.stack);
            }
            self.push_news(target);
        }
    }
}

/// Remembers why operations entered a past.
pub(crate) struct Reasons {
    /// Of each operation for the sake of which others entered, the operation that asked for it.
    parent: Vec<u32>,
}

impl Reasons {
    pub fn new(run: &Run<'_>) -> Self {
        Self { parent: vec![NONE; run.len()] }
    }

    /// From an operation in the past of a process to one of its own: the ends of the steps within sessions.
    pub fn chain(&self, run: &Run<'_>, op: u32, own: u32) -> Vec<u32> {
        let mut chain = vec![op];
        let mut op = op;
        while run.session[op as usize] != run.session[own as usize] {
            let end = run.starts[run.session[op as usize] as usize + 1];
            let Some(target) = (op..end).find(|it| self.parent[*it as usize] != NONE) else { break };
            let parent = self.parent[target as usize];
            for it in [target, parent] {
                if chain.last() != Some(&it) {
                    chain.push(it);
                }
            }
            op = parent;
        }
        chain
    }
}

impl Watch for Reasons {
    fn because(&mut self, target: u32, parent: u32) {
        if self.parent[target as usize] == NONE {
            self.parent[target as usize] = parent;
        }
    }
}
