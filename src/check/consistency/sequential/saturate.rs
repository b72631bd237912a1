//! What must come before what, where every written value is another one.
//!
//! A read comes after its write, and no other write of that register comes between them: one that must precede
//! the read must precede its write, and one that must follow the write must follow the read. This is applied
//! until nothing new follows (Gibbons and Korach 1997; Biswas and Enea 2019 call it saturation). A cycle refutes
//! sequential consistency; without one, what was found guides the search.
use crate::check::consistency::budget::Budget;

use super::sessions::{NONE, Op, Sessions};

/// Why an operation comes before another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// They are of one process.
    Session,
    /// The second reads what the first wrote.
    Reads,
    /// Both write, and this read of what the second wrote comes after the first.
    BeforeReadOf(u32),
    /// The second writes after this write, whose value the first reads.
    AfterWrite(u32),
}

/// What follows from a history.
pub enum Saturated {
    /// Of each operation and process: how many of its operations must come before.
    Clocks(Vec<u32>),
    /// A cycle, as (from, to, why).
    Cycle(Vec<(u32, u32, Why)>),
    /// This operation reads what nobody wrote.
    Nowhere(u32),
    /// The same value is written twice, or there are other operations than reads and writes.
    NotApplicable,
    /// The budget ran out.
    Exhausted,
}

struct Graph<'a> {
    sessions: &'a Sessions,
    owner: Vec<u32>,
    /// Of each operation: what must come before, and why; not what its process did before.
    before: Vec<Vec<(u32, Why)>>,
    clocks: Vec<u32>,
    /// Of each read: its write; [`NONE`] if it reads the initial value.
    source: Vec<u32>,
    /// Of each object: its writes, process by process.
    writes: Vec<Vec<(u32, Vec<u32>)>>,
    states: u64,
}

/// Finds out what must come before what. `initial` are the states of the objects before everything. Also says
/// how many times the orders of a read with a process's writes were looked at: O(rounds x reads x processes).
pub fn saturate(sessions: &Sessions, initial: &[u32], budget: &Budget) -> (Saturated, u64) {
    let clocks = sessions.ops.len() * sessions.len() * size_of::<u32>();
    if clocks as u64 > budget.memory_bytes {
        return (Saturated::Exhausted, 0);
    }
    let source = match sources(sessions, initial) {
        Ok(source) => source,
        Err(other) => return (other, 0),
    };
    let mut graph = Graph {
        sessions,
        owner: sessions.owners(),
        before: vec![vec![]; sessions.ops.len()],
        clocks: vec![],
        source,
        writes: vec![vec![]; initial.len()],
        states: 0,
    };
    graph.list_writes();
    for op in 0..sessions.ops.len() {
        let source = graph.source[op];
        if source != NONE {
            graph.before[op].push((source, Why::Reads));
        }
    }
    let found = graph.run(budget);
    (found, graph.states)
}

/// The write that each read reads.
fn sources(sessions: &Sessions, initial: &[u32]) -> Result<Vec<u32>, Saturated> {
    let mut maker = vec![NONE; sessions.values.len()];
    let is_write = |op: &Op| !op.observes && op.makes != NONE && op.needs == NONE;
    let is_read = |op: &Op| op.observes && op.makes == NONE && op.needs != NONE;
    for (index, op) in sessions.ops.iter().enumerate() {
        if is_write(op) {
            if maker[op.makes as usize] != NONE {
                return Err(Saturated::NotApplicable);
            }
            maker[op.makes as usize] = index as u32;
        } else if !is_read(op) {
            return Err(Saturated::NotApplicable);
        }
    }
    let mut first = vec![false; sessions.values.len()];
    for (object, state) in initial.iter().enumerate() {
        if let Some(value) = sessions.values.get(&(object as u32, *state)) {
            first[*value as usize] = true;
            if maker[*value as usize] != NONE {
                return Err(Saturated::NotApplicable);
            }
        }
    }
    let mut source = vec![NONE; sessions.ops.len()];
    for (index, op) in sessions.ops.iter().enumerate().filter(|(_, op)| op.observes) {
        source[index] = maker[op.needs as usize];
        if source[index] == NONE && !first[op.needs as usize] {
            return Err(Saturated::Nowhere(index as u32));
        }
    }
    Ok(source)
}

impl Graph<'_> {
    fn list_writes(&mut self) {
        for (index, op) in self.sessions.ops.iter().enumerate().filter(|(_, op)| !op.observes) {
            let lists = &mut self.writes[op.object as usize];
            let owner = self.owner[index];
            if lists.last().is_none_or(|it| it.0 != owner) {
                lists.push((owner, vec![]));
            }
            if let Some((_, list)) = lists.last_mut() {
                list.push(index as u32);
            }
        }
    }

    /// How many operations of its process come before an operation.
    fn position(&self, op: u32) -> u32 {
        op - self.sessions.starts[self.owner[op as usize] as usize]
    }

    fn clock(&self, op: u32, process: u32) -> u32 {
        self.clocks[op as usize * self.sessions.len() + process as usize]
    }

    fn precedes(&self, one: u32, other: u32) -> bool {
        self.clock(other, self.owner[one as usize]) > self.position(one)
    }

    fn run(&mut self, budget: &Budget) -> Saturated {
        loop {
            if let Err(cycle) = self.tick() {
                return Saturated::Cycle(cycle);
            }
            let mut grew = false;
            for read in 0..self.source.len() as u32 {
                if self.sessions.ops[read as usize].observes {
                    grew |= self.separate(read);
                }
            }
            if !grew {
                return Saturated::Clocks(std::mem::take(&mut self.clocks));
            }
            if self.states > budget.states || (budget.stop)() {
                return Saturated::Exhausted;
            }
        }
    }

    /// Keeps all other writes from coming between a read and its write.
    fn separate(&mut self, read: u32) -> bool {
        let source = self.source[read as usize];
        let lists = std::mem::take(&mut self.writes[self.sessions.ops[read as usize].object as usize]);
        let mut grew = false;
        for (process, list) in &lists {
            self.states += 1;
            let start = self.sessions.starts[*process as usize];
            let known = start + self.clock(read, *process);
            let earlier = list.partition_point(|write| *write < known);
            if let Some(write) = earlier.checked_sub(1).map(|it| list[it])
                && source != NONE
                && write != source
                && !self.precedes(write, source)
            {
                self.before[source as usize].push((write, Why::BeforeReadOf(read)));
                grew = true;
            }
            let later = match source {
                NONE => 0,
                source => list.partition_point(|write| !self.precedes(source, *write)),
            };
            if let Some(write) = list.get(later)
                && !self.precedes(read, *write)
            {
                self.before[*write as usize].push((read, Why::AfterWrite(source)));
                grew = true;
            }
        }
        self.writes[self.sessions.ops[read as usize].object as usize] = lists;
        grew
    }

    /// Computes the clocks anew; fails with a cycle if there is one.
    fn tick(&mut self) -> Result<(), Vec<(u32, u32, Why)>> {
        let (count, width) = (self.sessions.ops.len(), self.sessions.len());
        let mut waits: Vec<u32> = (0..count as u32).map(|op| u32::from(self.position(op) > 0)).collect();
        let mut after = vec![vec![]; count];
        for (op, before) in self.before.iter().enumerate() {
            waits[op] += before.len() as u32;
            before.iter().for_each(|(other, _)| after[*other as usize].push(op as u32));
        }
        let mut clocks = vec![0; count * width];
        let mut ready: Vec<u32> = (0..count as u32).filter(|op| waits[*op as usize] == 0).collect();
        let mut done = 0;
        while let Some(op) = ready.pop() {
            done += 1;
            let at = op as usize;
            let owner = self.owner[at] as usize;
            let session = (self.position(op) > 0).then(|| op - 1);
            for before in self.before[at].iter().map(|it| it.0).chain(session) {
                let (place, other) = (self.position(before), self.owner[before as usize] as usize);
                for process in 0..width {
                    let least = clocks[before as usize * width + process];
                    let clock = &mut clocks[at * width + process];
                    *clock = (*clock).max(if process == other { place + 1 } else { least });
                }
            }
            clocks[at * width + owner] = self.position(op);
            let next = (op + 1 < self.sessions.starts[owner + 1]).then_some(op + 1);
            for later in after[at].iter().copied().chain(next) {
                waits[later as usize] -= 1;
                if waits[later as usize] == 0 {
                    ready.push(later);
                }
            }
        }
        self.clocks = clocks;
        if done == count { Ok(()) } else { Err(self.cycle(&waits)) }
    }

    /// A cycle among the operations that still wait for something.
    fn cycle(&self, waits: &[u32]) -> Vec<(u32, u32, Why)> {
        let Some(first) = waits.iter().position(|it| *it > 0) else { return vec![] };
        let mut path: Vec<(u32, u32, Why)> = vec![];
        let mut met = vec![NONE; waits.len()];
        let mut op = first as u32;
        while met[op as usize] == NONE {
            met[op as usize] = path.len() as u32;
            let session = (self.position(op) > 0).then(|| (op - 1, Why::Session));
            let waiting = |it: &(u32, Why)| waits[it.0 as usize] > 0;
            let Some((before, why)) = self.before[op as usize].iter().copied().chain(session).find(waiting)
            else {
                return vec![];
            };
            path.push((before, op, why));
            op = before;
        }
        path.drain(..met[op as usize] as usize);
        path.reverse();
        path
    }
}
