//! How much is remembered, and where that becomes too much.
//!
//! All is reckoned as if states were taken over one by one, whatever is really done at once: what an exploration
//! comes to within its limits must not hang on the number of threads.
use super::ancestry::{head_bytes, ordinal_bytes};
use super::course::Course;
use super::expand::{Chunk, Place};
use super::kept;
use super::model::Model;
use super::report::Stopped;
use super::visited::{Key, TableSize};

/// The most that is written down about a state when it is seen that there is no room for more.
const SLACK_BYTES: u64 = 32;

/// Where an exploration ends within a chunk: what comes after `place` and after so many new states is not seen.
pub(super) struct Cut {
    pub(super) place: Place,
    pub(super) children: usize,
    pub(super) why: Stopped,
}

/// What is remembered.
#[derive(Clone)]
pub(super) struct Memory {
    pub(super) distinct: u64,
    visited: TableSize,
    /// The states of the next depth, where they are remembered apart.
    later: Option<(u64, TableSize)>,
    log_bytes: u64,
    entries: u64,
    frontier_bytes: u64,
    kept_bytes: u64,
    pub(super) most_bytes: u64,
}

impl Memory {
    pub(super) fn new<K>(later: bool) -> Self {
        Self {
            distinct: 0,
            visited: TableSize::new::<K>(),
            later: later.then(|| (0, TableSize::new::<K>())),
            log_bytes: 0,
            entries: 0,
            frontier_bytes: 0,
            kept_bytes: 0,
            most_bytes: 0,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        let later = self.later.as_ref().map_or(0, |(keys, table)| table.clone().bytes(*keys));
        let marks = self.entries / 1_024 * 24;
        let tables = self.visited.clone().bytes(self.distinct) + later;
        tables + self.log_bytes + marks + self.frontier_bytes + self.kept_bytes
    }

    /// How many states wait to be expanded.
    pub(super) fn waiting(&self) -> u64 {
        self.distinct + 1 - self.entries
    }

    /// How large one of them is on average, about.
    pub(super) fn average_bytes(&self) -> u64 {
        (self.frontier_bytes / self.waiting().max(1)).max(1)
    }

    /// Notes how much it is now.
    pub(super) fn notice(&mut self) {
        self.most_bytes = self.most_bytes.max(self.bytes());
    }

    /// The next depth begins.
    pub(super) fn forget_later<K>(&mut self) {
        self.later = Some((0, TableSize::new::<K>()));
    }

    fn discover(&mut self, states: u64) {
        self.distinct += states;
        self.visited.bytes(self.distinct);
        if let Some((keys, table)) = &mut self.later {
            *keys += states;
            table.bytes(*keys);
        }
    }

    /// All that a chunk has found is taken over.
    pub(super) fn take<M: Model, K: Key>(&mut self, course: &Course<M>, chunk: &Chunk<M, K>) {
        self.gain(course, chunk);
        self.frontier_bytes -= chunk.parents_bytes;
    }

    fn gain<M: Model, K: Key>(&mut self, course: &Course<M>, chunk: &Chunk<M, K>) {
        self.discover(chunk.states.len() as u64);
        self.log_bytes += chunk.log.len() as u64;
        self.entries += chunk.entries() as u64;
        self.frontier_bytes += chunk.states_bytes;
        if course.keeps() {
            let states = chunk.states.len() as u64 * kept::state_bytes::<K>(course.eventually.len());
            self.kept_bytes +=
                states + chunk.states_bytes + chunk.links.len() as u64 * kept::link_bytes::<K>();
        }
    }

    /// Where a limit is reached, if it is within this chunk.
    pub(super) fn limit<M: Model, K: Key>(&self, course: &Course<M>, chunk: &Chunk<M, K>) -> Option<Cut> {
        let limits = &course.options.limits;
        let mut after = self.clone();
        after.gain(course, chunk);
        let most = limits.states.unwrap_or(u64::MAX);
        if after.distinct <= most && !after.is_full(limits.memory_bytes) {
            return None;
        }
        self.clone().limit_exactly(course, chunk, most)
    }

    fn limit_exactly<M: Model, K: Key>(
        mut self,
        course: &Course<M>,
        chunk: &Chunk<M, K>,
        most: u64,
    ) -> Option<Cut> {
        let limit_bytes = course.options.limits.memory_bytes;
        let (mut children, mut links) = (0, chunk.links.iter().peekable());
        for parent in 0..chunk.entries() {
            let rest = &chunk.origins[children..];
            let count = rest.iter().take_while(|origin| origin.parent as usize == parent).count();
            self.entries += 1;
            self.log_bytes += head_bytes(count);
            while links.next_if(|link| link.from as usize == parent).is_some() {
                self.kept_bytes += kept::link_bytes::<K>();
            }
            if self.is_full(limit_bytes) {
                // This parent is not looked at any more: what leads from it cannot be kept.
                let place = Place { parent: parent as u32, step: 0 };
                return Some(Cut { place, children, why: Stopped::Memory });
            }
            for origin in &rest[..count] {
                let cut = |why| Some(Cut { place: origin.place(), children, why });
                if self.distinct == most {
                    return cut(Stopped::States);
                }
                let bytes = course.footprint(&chunk.states[children]);
                self.discover(1);
                self.log_bytes += ordinal_bytes(origin.ordinal);
                self.frontier_bytes += bytes;
                if course.keeps() {
                    self.kept_bytes += kept::state_bytes::<K>(course.eventually.len()) + bytes;
                }
                if self.is_full(limit_bytes) {
                    return cut(Stopped::Memory);
                }
                children += 1;
            }
            self.frontier_bytes -= chunk.parents.get(parent).map_or(0, |parent| course.footprint(parent));
        }
        None
    }

    fn is_full(&self, limit_bytes: u64) -> bool {
        self.bytes() + SLACK_BYTES > limit_bytes
    }
}
