//! What a search sees of a specification: numbered states, numbered operations.
use std::hash::Hash;
use std::ops::Range;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::check::consistency::history::History;

use super::cells::Cells;
use super::custom::Broken;

/// One independent object and the operations on it, numbered in the order of their invocation.
pub trait Object {
    /// The state before the first operation.
    fn initial(&mut self) -> Result<u32, Broken>;
    /// The state after an operation, or none if it cannot answer there what it answered.
    fn step(&mut self, state: u32, op: u32) -> Result<Option<u32>, Broken>;
    /// Whether the operation leaves every state in which it is possible as it is.
    fn observes(&self, op: u32) -> bool;
    /// Operations with equal signatures can stand in for each other.
    fn signature(&self, op: u32) -> u32;
    /// Whether a search must look at an operation that never returned: not if nobody could notice it.
    fn matters(&self, op: u32) -> bool;
    /// The only state in which the operation is possible, if there is just one.
    fn needs(&self, op: u32) -> Option<u32> {
        let _ = op;
        None
    }
    /// The state to which the operation leads from every other one, if there is just one.
    fn makes(&self, op: u32) -> Option<u32> {
        let _ = op;
        None
    }
    /// Whether states only grow, except where an operation [`makes`](Self::makes) a new one: then a read that
    /// is still to come must be begun by the state, or by something that is still to be made.
    fn grows(&self) -> bool {
        false
    }
    /// Whether a state begins what a read returns. Only asked if states [grow](Self::grows).
    fn begins(&self, state: u32, read: u32) -> bool {
        let _ = (state, read);
        true
    }
    /// Where an object consists of cells: those that an operation looks at or changes. Operations of which no
    /// cell that one changes is among the other's can change places.
    fn cells(&self, op: u32) -> Option<Range<u32>> {
        let _ = op;
        None
    }
    /// What is known of the facts that operations rely on, if the object has such.
    fn facts(&mut self) -> Option<Facts> {
        None
    }
    /// The fact that holds in `state` and no longer in `next`, to which `op` leads. Only asked if there are
    /// [facts](Self::facts).
    fn ends(&self, state: u32, next: u32, op: u32) -> Option<u32> {
        let _ = (state, next, op);
        None
    }
    /// How much memory the states take, about, if that can be much.
    fn bytes(&self) -> usize {
        0
    }
    /// A state in words.
    fn show(&self, history: &History, state: u32) -> String;
    /// What of a state matters to an operation, in words.
    fn show_to(&self, history: &History, state: u32, op: u32) -> String {
        let _ = op;
        self.show(history, state)
    }
}

/// Numbered facts about an object (a cell holds a value), each of which ends when the cell is overwritten.
#[derive(Debug, Default)]
pub struct Facts {
    /// Of each: the operations that are only possible while it holds.
    pub needed: Vec<Vec<u32>>,
    /// Of each: the operations that can make it hold.
    pub made: Vec<Vec<u32>>,
}

/// The object of a part. Registers are told apart so that a search can be compiled for them.
pub enum Any {
    /// Registers, as fast as can be.
    Cells(Box<Cells>),
    /// Everything else.
    Other(Box<dyn Object + Send>),
}

impl<O: Object + ?Sized> Object for Box<O> {
    fn initial(&mut self) -> Result<u32, Broken> {
        (**self).initial()
    }
    fn step(&mut self, state: u32, op: u32) -> Result<Option<u32>, Broken> {
        (**self).step(state, op)
    }
    fn observes(&self, op: u32) -> bool {
        (**self).observes(op)
    }
    fn signature(&self, op: u32) -> u32 {
        (**self).signature(op)
    }
    fn matters(&self, op: u32) -> bool {
        (**self).matters(op)
    }
    fn needs(&self, op: u32) -> Option<u32> {
        (**self).needs(op)
    }
    fn makes(&self, op: u32) -> Option<u32> {
        (**self).makes(op)
    }
    fn grows(&self) -> bool {
        (**self).grows()
    }
    fn begins(&self, state: u32, read: u32) -> bool {
        (**self).begins(state, read)
    }
    fn cells(&self, op: u32) -> Option<Range<u32>> {
        (**self).cells(op)
    }
    fn facts(&mut self) -> Option<Facts> {
        (**self).facts()
    }
    fn ends(&self, state: u32, next: u32, op: u32) -> Option<u32> {
        (**self).ends(state, next, op)
    }
    fn bytes(&self) -> usize {
        (**self).bytes()
    }
    fn show(&self, history: &History, state: u32) -> String {
        (**self).show(history, state)
    }
    fn show_to(&self, history: &History, state: u32, op: u32) -> String {
        (**self).show_to(history, state, op)
    }
}

/// A number for each operation, equal for equal ones.
pub fn numbered<T: Hash + Eq>(accesses: &[T]) -> Vec<u32> {
    let mut numbers = IndexMap::with_hasher(FxBuildHasher);
    let number = |access| {
        let next = numbers.len() as u32;
        *numbers.entry(access).or_insert(next)
    };
    accesses.iter().map(number).collect()
}

impl Any {
    /// It, whichever it is.
    pub fn boxed(self) -> Box<dyn Object + Send> {
        match self {
            Self::Cells(cells) => cells,
            Self::Other(object) => object,
        }
    }
}
