//! Registers whose written values all differ (Gibbons and Korach 1997), in O(n log n).
//!
//! A write and the reads that return its value form a cluster; nothing can come between them. From the first
//! completion among them (`first`) to the last invocation (`last`) lies its zone. If `first < last`, the value
//! must be there all that time (a forward zone); otherwise any moment between `last` and `first` will do for all
//! of the cluster (a backward zone). So the history is linearizable if and only if nothing is read before it is
//! written, no two forward zones overlap, and no backward zone lies within a forward one. The initial value is
//! written before everything.
use crate::check::consistency::history::{History, Kind, NEVER, NULL};
use crate::check::consistency::spec::Parts;
use crate::check::consistency::verdict::Flaw;
use crate::sim::Outcome;

use super::explain::{unwritten, with_process};

/// An operation, with all that counts of it side by side.
#[derive(Clone, Copy, Default)]
pub struct Cell {
    row: u32,
    access: Access,
    /// What is written or read; [`NULL`] for whatever means the initial value.
    value: u32,
    invoked: u32,
    completed: u32,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Access {
    Read,
    Write,
    #[default]
    Other,
}

/// The operations of all parts, part after part: columns are read once, in order. O(n).
pub fn cells(history: &History, parts: &Parts) -> Vec<Cell> {
    let mut places = vec![NOBODY; history.len()];
    for (place, row) in parts.all_rows().iter().enumerate() {
        places[*row as usize] = place as u32;
    }
    let mut cells = vec![Cell::default(); parts.all_rows().len()];
    for (row, place) in places.into_iter().enumerate() {
        let Some(cell) = cells.get_mut(place as usize) else { continue };
        let (access, value) = match history.kind[row] {
            Kind::READ => (Access::Read, history.result[row]),
            Kind::WRITE => (Access::Write, history.argument[row]),
            _ => (Access::Other, NULL),
        };
        let value = if history.is_initial(value) { NULL } else { value };
        let (invoked, completed) = (history.invoked[row], history.completed[row]);
        *cell = Cell { row: row as u32, access, value, invoked, completed };
    }
    cells
}

/// A write and its reads.
#[derive(Clone, Copy)]
struct Cluster {
    /// None: nobody wrote the initial value.
    write: u32,
    /// The least completion; 0 for the initial value.
    first: u32,
    /// The greatest invocation.
    last: u32,
    /// Some read.
    read: u32,
    /// The operation that is over first.
    ender: u32,
    /// The operation that begins last.
    beginner: u32,
}

const NOBODY: u32 = u32::MAX;

/// Which cluster a value belongs to, for one register after the other.
pub struct Writers(Vec<u32>);

impl Writers {
    /// For a history with so many values.
    pub fn new(values: usize) -> Self {
        Self(vec![NOBODY; values])
    }
}

/// What the zones of one register show.
pub enum Zoned {
    /// An order, as (point, row), see [`super::order::merge`].
    Order(Vec<(u32, u32)>),
    /// What contradicts any order.
    Flaw(Box<Flaw>),
    /// Two writes write the same value, or the initial one: zones do not help.
    Repeated,
}

/// Whether zones apply: nothing but reads and writes.
pub fn apply(cells: &[Cell]) -> bool {
    cells.iter().all(|cell| cell.access != Access::Other)
}

/// Judges one register, to which the zones [`apply`]. `writers` are left as they were found.
pub fn judge(history: &History, cells: &[Cell], writers: &mut Writers) -> Zoned {
    let zones = Zones { history, cells, clusters: Vec::new(), of: Vec::new() };
    let zoned = zones.judge(writers);
    for cell in cells.iter().filter(|cell| cell.access == Access::Write) {
        writers.0[cell.value as usize] = NOBODY;
    }
    zoned
}

struct Zones<'a> {
    history: &'a History,
    cells: &'a [Cell],
    clusters: Vec<Cluster>,
    /// Of each operation: its cluster, if it is in the order.
    of: Vec<u32>,
}

impl Zones<'_> {
    fn judge(mut self, writers: &mut Writers) -> Zoned {
        if !self.find_writes(writers) {
            return Zoned::Repeated;
        }
        if let Err(flaw) = self.find_reads(writers) {
            return Zoned::Flaw(flaw);
        }
        let forward = match self.forward() {
            Ok(forward) => forward,
            Err(flaw) => return Zoned::Flaw(flaw),
        };
        match self.points(&forward) {
            Ok(order) => Zoned::Order(order),
            Err(flaw) => Zoned::Flaw(flaw),
        }
    }

    /// Opens a cluster for each write, after one for the initial value. False: a value is written twice.
    fn find_writes(&mut self, writers: &mut Writers) -> bool {
        let nobody = NOBODY;
        self.clusters = Vec::with_capacity(self.cells.len() / 2 + 1);
        let first =
            Cluster { write: nobody, first: 0, last: 0, read: nobody, ender: nobody, beginner: nobody };
        self.clusters.push(first);
        for cell in self.cells.iter().filter(|cell| cell.access == Access::Write) {
            let writer = &mut writers.0[cell.value as usize];
            if cell.value == NULL || *writer != NOBODY {
                return false;
            }
            *writer = self.clusters.len() as u32;
            let (first, last, write) = (cell.completed, cell.invoked, cell.row);
            self.clusters.push(Cluster { write, first, last, read: nobody, ender: write, beginner: write });
        }
        true
    }

    fn find_reads(&mut self, writers: &Writers) -> Result<(), Box<Flaw>> {
        let history = self.history;
        self.of = vec![NOBODY; self.cells.len()];
        let mut writes = 0;
        for (index, cell) in self.cells.iter().enumerate() {
            if cell.access == Access::Write {
                writes += 1;
                self.of[index] = writes;
                continue;
            }
            let number = if cell.value == NULL { 0 } else { writers.0[cell.value as usize] };
            let Some(cluster) = self.clusters.get_mut(number as usize) else {
                return Err(Box::new(unwritten(history, cell.row, failed_write(history, cell.row))));
            };
            self.of[index] = number;
            if cell.completed < cluster.first {
                (cluster.first, cluster.ender) = (cell.completed, cell.row);
            }
            if cell.invoked > cluster.last {
                (cluster.last, cluster.beginner) = (cell.invoked, cell.row);
            }
            if cluster.read == NOBODY {
                cluster.read = cell.row;
            }
        }
        for (index, cell) in self.cells.iter().enumerate() {
            let cluster = &self.clusters[self.of[index] as usize];
            if cell.access == Access::Read {
                // A read that returned first ends its cluster: only then can it have been too early.
                if cluster.ender == cell.row && cluster.write != NOBODY {
                    self.is_in_time(cell.row, cluster.write)?;
                }
            } else if cell.completed == NEVER && cluster.read == NOBODY {
                self.of[index] = NOBODY;
            }
        }
        Ok(())
    }

    fn is_in_time(&self, read: u32, write: u32) -> Result<(), Box<Flaw>> {
        match self.history.precedes(read as usize, write as usize) {
            true => Err(Box::new(early(self.history, read, write))),
            false => Ok(()),
        }
    }

    /// Clusters with a forward zone, in its order.
    fn forward(&self) -> Result<Vec<u32>, Box<Flaw>> {
        let is_forward = |it: &Cluster| it.first < it.last;
        let mut forward: Vec<(u32, u32)> = Vec::with_capacity(self.clusters.len() / 2);
        for (number, cluster) in self.clusters.iter().enumerate() {
            if is_forward(cluster) {
                forward.push((cluster.first, number as u32));
            }
        }
        forward.sort_unstable();
        let zone = |it: &(u32, u32)| &self.clusters[it.1 as usize];
        for pair in forward.windows(2) {
            if zone(&pair[1]).first < zone(&pair[0]).last {
                return Err(Box::new(self.conflict(zone(&pair[0]), zone(&pair[1]))));
            }
        }
        Ok(forward.into_iter().map(|it| it.1).collect())
    }

    /// A point for each operation. Those of a forward zone take effect when it begins or they do, the write
    /// first; those of a backward zone together, when it begins or the forward zone ends in which it begins.
    fn points(&self, forward: &[u32]) -> Result<Vec<(u32, u32)>, Box<Flaw>> {
        let mut moment = vec![0u32; self.clusters.len()];
        let ends: Vec<u32> = forward.iter().map(|it| self.clusters[*it as usize].last).collect();
        for (number, cluster) in self.clusters.iter().enumerate() {
            if cluster.first < cluster.last {
                continue;
            }
            let after = ends.partition_point(|end| *end < cluster.last);
            moment[number] = 2 * cluster.last + 1;
            let Some(around) = forward.get(after).map(|it| &self.clusters[*it as usize]) else { continue };
            if around.write == NOBODY || around.first < cluster.last {
                if cluster.first < around.last {
                    return Err(Box::new(self.conflict(around, cluster)));
                }
                moment[number] = 2 * around.last + 1;
            }
        }
        let mut keyed: Vec<(u64, u32)> = Vec::with_capacity(self.cells.len());
        for (index, cell) in self.cells.iter().enumerate() {
            let number = self.of[index];
            let Some(cluster) = self.clusters.get(number as usize) else { continue };
            let is_read = u64::from(cell.access == Access::Read);
            let invoked = cell.invoked;
            // At one point, what a forward zone holds comes first, then one backward cluster after the other.
            let (point, rank) = match moment[number as usize] {
                0 if invoked < cluster.first => (2 * cluster.first, 0),
                0 => (2 * invoked + 1, 0),
                moment => (moment, 1 + u64::from(number)),
            };
            keyed.push((u64::from(point) << 32 | rank << 1 | is_read, cell.row));
        }
        keyed.sort_unstable();
        Ok(keyed.into_iter().map(|(key, row)| ((key >> 32) as u32, row)).collect())
    }

    /// The flaw of a forward zone and another zone that get in each other's way.
    fn conflict(&self, one: &Cluster, other: &Cluster) -> Flaw {
        let history = self.history;
        let mut culprits = vec![];
        for row in [one.beginner, one.ender, one.write, other.beginner, other.ender, other.write] {
            if row != NOBODY && !culprits.contains(&row) {
                culprits.push(row);
            }
        }
        let name = |cluster: &Cluster| match cluster.write {
            NOBODY => history.show(history.initial),
            write => history.show(history.argument[write as usize]),
        };
        let key = history.key[culprits[0] as usize];
        let thing = if key == NULL { String::from("the register") } else { history.show(key) };
        let since = match one.ender {
            NOBODY => String::from("from the start"),
            ender => format!("from when {} returned", with_process(history, ender)),
        };
        let (last, first) = (with_process(history, one.beginner), name(one));
        let second = if other.first < other.last {
            let (ender, beginner) =
                (with_process(history, other.ender), with_process(history, other.beginner));
            format!(
                "but {} from when {ender} returned until {beginner} began, and these overlap",
                name(other)
            )
        } else {
            format!(
                "but {} ran within that time and made it {}",
                with_process(history, other.write),
                name(other)
            )
        };
        Flaw {
            anomaly: String::from("stale read"),
            reason: format!("{thing} must have been {first} {since} until {last} began, {second}."),
            culprits,
            ..Flaw::default()
        }
    }
}

/// The flaw of a read that returned before the write of its value began.
fn early(history: &History, read: u32, write: u32) -> Flaw {
    let (read_text, write_text) = (with_process(history, read), with_process(history, write));
    Flaw {
        anomaly: String::from("read from the future"),
        reason: format!("{read_text} returned before {write_text} began."),
        culprits: vec![read, write],
        ..Flaw::default()
    }
}

/// A failed write of what a read returned.
fn failed_write(history: &History, read: u32) -> Option<u32> {
    let (key, value) = (history.key[read as usize], history.result[read as usize]);
    let failed = |row: &usize| {
        history.status[*row] == Outcome::Fail
            && (history.kind[*row], history.key[*row], history.argument[*row]) == (Kind::WRITE, key, value)
    };
    (0..history.len()).find(failed).map(|row| row as u32)
}
