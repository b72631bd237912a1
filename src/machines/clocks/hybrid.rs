//! Hybrid logical clocks: stamps that respect causality like Lamport's and stay close to physical time.
use serde::{Deserialize, Serialize};

use super::Error;

/// A stamp, and the clock of the process whose last event has it (Kulkarni et al. 2014, Figure 5). Ordered by
/// physical time, and by the counter where that is equal.
///
/// ```
/// use distlab::machines::clocks::Hybrid;
/// let sent = Hybrid::default().tick(10).unwrap();
/// let received = Hybrid::default().receive(&sent, 7, None).unwrap(); // its clock is 3 behind
/// assert_eq!(received, Hybrid { physical: 10, counter: 1 });
/// assert_eq!(received.tick(20).unwrap(), Hybrid { physical: 20, counter: 0 });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hybrid {
    /// The largest physical time heard of, in ns.
    pub physical: u64,
    /// Tells apart what has the same physical time.
    pub counter: u64,
}

impl Hybrid {
    /// The next event of a process whose physical clock shows `now`; a send is one.
    pub fn tick(&self, now: u64) -> Result<Self, Error> {
        if now > self.physical {
            return Ok(Self { physical: now, counter: 0 });
        }
        self.after(self.counter)
    }

    /// The event of receiving a message with the stamp `message`. A message that is more than `bound` ahead of the
    /// physical clock is refused: one broken clock would drag all others along.
    pub fn receive(&self, message: &Self, now: u64, bound: Option<u64>) -> Result<Self, Error> {
        let ahead = message.physical.saturating_sub(now);
        if let Some(bound) = bound.filter(|bound| ahead > *bound) {
            return Err(Error::TooFarAhead { ahead, bound });
        }
        let physical = self.physical.max(message.physical);
        if now > physical {
            return Ok(Self { physical: now, counter: 0 });
        }
        let counters = [self, message].into_iter().filter(|it| it.physical == physical).map(|it| it.counter);
        Self { physical, counter: 0 }.after(counters.max().unwrap_or(0))
    }

    fn after(self, counter: u64) -> Result<Self, Error> {
        let counter = counter.checked_add(1).ok_or(Error::Overflow)?;
        Ok(Self { physical: self.physical, counter })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Purpose, Rng};

    #[test]
    fn a_clock_that_is_too_far_ahead_is_refused() {
        let broken = Hybrid { physical: 1_000, counter: 0 };
        let error = Hybrid::default().receive(&broken, 10, Some(500)).unwrap_err();
        assert_eq!(error, Error::TooFarAhead { ahead: 990, bound: 500 });
        assert!(Hybrid::default().receive(&broken, 500, Some(500)).is_ok());
    }

    /// Random executions of processes whose clocks are off by at most `EPSILON`: the theorems of the paper.
    #[test]
    fn stamps_grow_along_causality_and_stay_near_physical_time() {
        const EPSILON: u64 = 20;
        const PROCESSES: u64 = 4;
        for seed in 0..500 {
            let mut rng = Rng::stream(seed, Purpose::Memory, 0, 0);
            let skews: Vec<u64> = (0..PROCESSES).map(|_| rng.below(EPSILON + 1)).collect();
            let mut clocks = vec![Hybrid::default(); PROCESSES as usize];
            let mut network: Vec<Hybrid> = Vec::new();
            for time in (0..200).map(|step| 100 + step / 2) {
                let process = rng.below(PROCESSES) as usize;
                let (now, before) = (time + skews[process], clocks[process]);
                let received = if network.is_empty() || rng.below(2) == 0 {
                    clocks[process] = before.tick(now).unwrap();
                    network.push(clocks[process]);
                    None
                } else {
                    let message = network.swap_remove(rng.below(network.len() as u64) as usize);
                    clocks[process] = before.receive(&message, now, None).unwrap();
                    Some(message)
                };
                let after = clocks[process];
                assert!(after > before && received.is_none_or(|it| after > it), "seed {seed}");
                assert!(after.physical >= now && after.physical <= time + EPSILON, "seed {seed}");
                // At most as many events share a physical time as happened since it.
                assert!(after.counter <= 2 * PROCESSES * (EPSILON + 1), "seed {seed}: {after:?}");
            }
        }
    }
}
