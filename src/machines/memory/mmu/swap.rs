//! The swap device: slots, and how long a transfer takes.
use serde::{Deserialize, Serialize};

use crate::sim::{Distribution, Invalid, Rng};

/// How long something takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Always that many nanoseconds.
    Constant(f64),
    /// It varies.
    Random(Distribution),
}

impl Default for Service {
    fn default() -> Self {
        Self::Constant(0.0)
    }
}

impl Service {
    /// Whether it makes sense.
    pub fn check(&self, name: &str) -> Result<(), Invalid> {
        match self {
            Self::Constant(ns) => not_negative(name, *ns),
            Self::Random(it) => it.check().map_err(|it| it.within(name)),
        }
    }

    /// One duration in nanoseconds. What varies is in whole ones, also added up: the sum must not depend on how
    /// a replay is cut into pieces.
    #[inline]
    pub fn draw(&self, rng: &mut Rng, sum: &mut u64) -> f64 {
        match self {
            Self::Constant(ns) => *ns,
            Self::Random(it) => {
                let ns = it.sample(rng);
                *sum = sum.saturating_add(ns);
                ns as f64
            }
        }
    }

    /// What `count` of them took, `sum` of which is what varied.
    pub fn total(&self, count: u64, sum: u64) -> f64 {
        match self {
            Self::Constant(ns) => count as f64 * ns,
            Self::Random(_) => sum as f64,
        }
    }
}

/// A duration in nanoseconds, of any size that is one.
pub fn not_negative(name: &str, ns: f64) -> Result<(), Invalid> {
    if (0.0..=1e18).contains(&ns) { Ok(()) } else { Err(Invalid::new(name, ns, "a time from 0 to 1e18 ns")) }
}

/// The swap device.
#[derive(Clone, Debug)]
pub struct Swap {
    limit: u32,
    next: u32,
    free: Vec<u32>,
}

impl Swap {
    /// With room for that many pages; `None`: for all that come.
    pub fn new(limit: Option<u32>) -> Self {
        Self { limit: limit.unwrap_or(u32::MAX - 1), next: 0, free: Vec::new() }
    }

    /// Whether any slot is free.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.next < self.limit || !self.free.is_empty()
    }

    /// A free slot.
    pub fn take(&mut self) -> Option<u32> {
        self.free.pop().or_else(|| {
            (self.next < self.limit).then(|| {
                self.next += 1;
                self.next - 1
            })
        })
    }

    /// A slot is free again.
    pub fn give_back(&mut self, slot: u32) {
        self.free.push(slot);
    }

    /// How many slots are in use.
    pub fn used(&self) -> u64 {
        u64::from(self.next) - self.free.len() as u64
    }
}
