//! The near past of an operation: what must come before it, but not before some place in the order.
//!
//! In most histories a read that the guessed order does not explain was in doubt for a short time only, so a
//! search back through that time settles it, however long the history is.
use super::past::FLAG;
use super::run::{NONE, Run};

/// Searches near pasts; its tables are used again.
pub(crate) struct Near<'r> {
    run: &'r Run<'r>,
    links: &'r [u32],
    place: &'r [u32],
    /// Of each session, in which search it was last seen, and its last operation that was.
    seen: Vec<(u64, u32)>,
    search: u64,
    stack: Vec<u32>,
    /// How many more operations may be looked at.
    pub left: usize,
}

impl<'r> Near<'r> {
    pub fn new(run: &'r Run<'r>, links: &'r [u32], place: &'r [u32]) -> Self {
        Self { run, links, place, seen: vec![(0, 0); run.sessions()], search: 0, stack: vec![], left: 0 }
    }

    /// Visits everything in the past of an operation that stands after the place `floor`. False: too much.
    pub fn each(&mut self, op: u32, floor: u32, mut visit: impl FnMut(u32)) -> bool {
        self.search += 1;
        self.stack.clear();
        self.depend(op, floor);
        if op > self.run.starts[self.run.session[op as usize] as usize] {
            self.stack.push(op - 1);
        }
        while let Some(target) = self.stack.pop() {
            let session = self.run.session[target as usize] as usize;
            let seen = self.seen[session];
            let from = if seen.0 == self.search { seen.1 + 1 } else { self.run.starts[session] };
            if target < from {
                continue;
            }
            self.seen[session] = (self.search, target);
            for op in (from..=target).rev().take_while(|op| self.place[*op as usize] > floor) {
                if self.left == 0 {
                    return false;
                }
                self.left -= 1;
                visit(op);
                self.depend(op, floor);
            }
        }
        true
    }

    fn depend(&mut self, op: u32, floor: u32) {
        let link = self.links[op as usize];
        let linked = (link & FLAG != 0 && link != NONE).then_some(link & !FLAG);
        let source = self.run.source_of(op).or(linked);
        self.stack.extend(source.filter(|it| self.place[*it as usize] > floor));
    }
}
