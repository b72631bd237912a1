//! A node's hardware clock: a counter that runs at its own rate, and an offset that makes it a reading.
use serde::{Deserialize, Serialize};

use super::protocol::{Reading, Span, Time};
use super::rng::Rng;

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

    /// How many parts per billion it runs fast.
    pub fn drift(&self) -> i64 {
        self.ppb
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

/// How the rate of a clock changes by itself: a random walk in steps of equal length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wander {
    /// From one change to the next, in world time; 0: it does not change.
    pub(super) every: Time,
    /// The most that one step changes, in parts per billion.
    pub(super) step_ppb: u32,
    /// How far from the right rate it may get, in parts per billion.
    pub(super) most_ppb: u32,
    /// How often the walk has been changed: steps that were planned before that do not happen.
    pub(super) turn: u32,
}

impl Wander {
    /// The next rate after `ppb`. A step that would lead too far away goes the other way instead, so that a rate set
    /// from outside the walk's range finds back into it.
    pub(super) fn next(&self, ppb: i64, rng: &mut Rng) -> i64 {
        let width = u64::from(self.step_ppb) * 2;
        let step = rng.within(Span { min: 0, max: width }) as i64 - i64::from(self.step_ppb);
        let next = ppb + step;
        if next.abs() <= i64::from(self.most_ppb) { next } else { ppb - ppb.signum() * step.abs() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rng::{Purpose, Rng};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_walk_stays_within_its_range_and_finds_back_into_it() {
        let wander = Wander { every: 1, step_ppb: 700, most_ppb: 1_000, turn: 0 };
        let mut rng = Rng::stream(3, Purpose::Clock, 0, 0);
        let (mut ppb, mut seen) = (0, (0, 0));
        for _ in 0..10_000 {
            let next = wander.next(ppb, &mut rng);
            assert!((next - ppb).abs() <= 700 && next.abs() <= 1_000, "{ppb} to {next}");
            ppb = next;
            seen = (seen.0.min(ppb), seen.1.max(ppb));
        }
        assert!(seen.0 < -900 && seen.1 > 900, "it goes everywhere: {seen:?}");
        let mut ppb = -900_000;
        for _ in 0..100_000 {
            let next = wander.next(ppb, &mut rng);
            assert!(ppb.abs() <= 1_000 || next >= ppb, "towards the right rate");
            ppb = next;
        }
        assert!(ppb.abs() <= 1_000);
    }

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
