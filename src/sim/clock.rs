//! A node's hardware clock: a counter that runs at its own rate, and an offset that makes it a reading.
use serde::{Deserialize, Serialize};

use super::protocol::{Reading, Time};

const BILLION: i128 = 1_000_000_000;

/// Timers run on the counter, so a jump of the reading does not move them; a change of rate does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// World time of the last change of rate.
    since: Time,
    /// What the counter showed then.
    counter: i64,
    /// How far the reading is ahead of the counter.
    offset: i64,
    /// Parts per billion fast.
    ppb: i64,
    frozen: bool,
}

impl Clock {
    /// What the clock shows at world time `now`.
    pub fn reading(&self, now: Time) -> Reading {
        self.counter_at(now).saturating_add(self.offset)
    }

    /// The counter at world time `now`.
    pub fn counter_at(&self, now: Time) -> i64 {
        let passed = now.saturating_sub(self.since);
        if self.frozen {
            return self.counter;
        }
        if self.ppb == 0 {
            return self.counter.saturating_add_unsigned(passed);
        }
        let counted = i128::from(passed) * (BILLION + i128::from(self.ppb)) / BILLION;
        i64::try_from(i128::from(self.counter) + counted).unwrap_or(i64::MAX)
    }

    /// The first world time at which the counter shows at least `due`; `None`: never, as things are.
    pub fn time_of(&self, due: i64) -> Option<Time> {
        let ahead = i128::from(due) - i128::from(self.counter);
        if ahead <= 0 {
            return Some(self.since);
        }
        let rate = BILLION + i128::from(self.ppb);
        if self.frozen || rate <= 0 {
            return None;
        }
        let passed = if self.ppb == 0 { ahead } else { (ahead * BILLION + rate - 1) / rate };
        Time::try_from(i128::from(self.since) + passed).ok()
    }

    /// Whether it stands still.
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// The reading jumps; the counter does not.
    pub fn jump(&mut self, by: i64) {
        self.offset = self.offset.saturating_add(by);
    }

    /// From `now` on, the clock runs `ppb` parts per billion fast.
    pub fn set_drift(&mut self, now: Time, ppb: i64) {
        self.restart(now);
        self.ppb = ppb;
    }

    /// From `now` on, the clock stands still, or goes on.
    pub fn set_frozen(&mut self, now: Time, frozen: bool) {
        self.restart(now);
        self.frozen = frozen;
    }

    fn restart(&mut self, now: Time) {
        self.counter = self.counter_at(now);
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_fast_clock_shows_more_and_fires_timers_earlier() {
        let mut clock = Clock::default();
        clock.set_drift(1_000, 1_000_000_000); // twice as fast
        assert_eq!(clock.reading(1_500), 2_000);
        assert_eq!(clock.time_of(2_000), Some(1_500));
        clock.jump(-5_000);
        assert_eq!(clock.reading(1_500), -3_000);
        assert_eq!(clock.time_of(2_000), Some(1_500));
        clock.set_frozen(1_500, true);
        assert_eq!(clock.counter_at(9_999), 2_000);
        assert_eq!(clock.time_of(2_001), None);
        clock.set_frozen(10_000, false);
        assert_eq!(clock.time_of(2_002), Some(10_001));
    }

    proptest! {
        #[test]
        fn time_of_is_the_first_time_that_shows_it(ppb in -999_999_999i64..5_000_000_000, since in 0u64..1 << 40, ahead in 1i64..1 << 40) {
            let mut clock = Clock::default();
            clock.set_drift(since, ppb);
            let due = clock.counter_at(since) + ahead;
            if let Some(at) = clock.time_of(due) {
                prop_assert!(clock.counter_at(at) >= due);
                prop_assert!(at == since || clock.counter_at(at - 1) < due);
            }
        }
    }
}
