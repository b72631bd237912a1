//! What a check has spent of its budget.
use super::Budget;

/// The budget is spent: the verdict is that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

/// Counts the steps of a check against its budget.
#[derive(Clone, Debug)]
pub struct Meter<'a> {
    budget: &'a Budget<'a>,
    spent: u64,
    asked: u64,
}

impl<'a> Meter<'a> {
    /// How many steps pass between two questions whether to stop.
    const PATIENCE: u64 = 4096;

    /// Nothing spent yet.
    pub fn new(budget: &'a Budget<'a>) -> Self {
        Self { budget, spent: 0, asked: 0 }
    }

    /// Spends so many steps.
    ///
    /// # Errors
    /// When that is more than there is, or somebody said stop.
    #[inline]
    pub fn spend(&mut self, steps: u64) -> Result<(), Exhausted> {
        self.spent += steps;
        if self.spent > self.budget.states {
            return Err(Exhausted);
        }
        if self.spent - self.asked < Self::PATIENCE {
            return Ok(());
        }
        self.asked = self.spent;
        if (self.budget.stop)() { Err(Exhausted) } else { Ok(()) }
    }

    /// Asks for so many bytes.
    ///
    /// # Errors
    /// When that is more than there may be.
    pub fn afford(&self, bytes: u64) -> Result<(), Exhausted> {
        if bytes > self.budget.memory_bytes { Err(Exhausted) } else { Ok(()) }
    }

    /// How many steps were spent.
    pub fn spent(&self) -> u64 {
        self.spent
    }
}
