//! A clock that is a hardware clock's reading and a correction: how a reading is set right.
use serde::{Deserialize, Serialize};

const BILLION: i128 = 1_000_000_000;

/// How a clock is set right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Discipline {
    /// How fast a correction is worked in, in parts per billion: below 1,000,000,000 the clock never runs back.
    pub slew_ppb: u32,
    /// Errors above this are corrected at once, in nanoseconds.
    pub step: u64,
}

impl Default for Discipline {
    /// As NTP does it: 500 ppm, 128 ms.
    fn default() -> Self {
        Self { slew_ppb: 500_000, step: 128_000_000 }
    }
}

/// A clock kept in software: the hardware's reading, a correction, and what of a correction is still to be worked in.
///
/// ```
/// use distlab::machines::clocks::{Discipline, Software};
/// let mut clock = Software::default();
/// let ntp = Discipline::default();
/// assert!(!clock.aim(0, 1_000_000, ntp), "a millisecond is worked in");
/// assert_eq!(clock.time(1_000_000_000), 1_000_500_000, "500 us a second");
/// assert_eq!(clock.time(9_000_000_000), 9_001_000_000);
/// assert!(clock.aim(9_000_000_000, -200_000_000, ntp), "200 ms are corrected at once");
/// assert_eq!(clock.time(9_000_000_000), 8_800_000_000);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Software {
    /// The hardware's reading when a correction was last aimed at.
    since: i64,
    /// How far it was ahead of the hardware then.
    ahead: i64,
    /// What was to be worked in from then on.
    left: i64,
    /// How fast.
    slew_ppb: u32,
    /// How often it was corrected at once.
    steps: u32,
}

impl Software {
    /// What it shows when the hardware shows `reading`.
    pub fn time(&self, reading: i64) -> i64 {
        reading.saturating_add(self.ahead(reading))
    }

    /// How far it is ahead of the hardware then.
    pub fn ahead(&self, reading: i64) -> i64 {
        self.ahead.saturating_add(self.worked_in(reading))
    }

    /// What of the last correction is still to be worked in then.
    pub fn left(&self, reading: i64) -> i64 {
        self.left - self.worked_in(reading)
    }

    /// How often it was corrected at once.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// The hardware shows `reading`, and the clock should be `ahead` of it. True: it now is; false: it will be.
    pub fn aim(&mut self, reading: i64, ahead: i64, how: Discipline) -> bool {
        self.ahead = self.ahead(reading);
        (self.since, self.slew_ppb) = (reading, how.slew_ppb);
        let steps = self.ahead.abs_diff(ahead) > how.step;
        if steps {
            (self.ahead, self.left) = (ahead, 0);
            self.steps = self.steps.saturating_add(1);
        } else {
            self.left = ahead.saturating_sub(self.ahead);
        }
        steps
    }

    fn worked_in(&self, reading: i64) -> i64 {
        let passed = i128::from(reading) - i128::from(self.since);
        let most = passed.max(0) * i128::from(self.slew_ppb) / BILLION;
        let part = most.min(i128::from(self.left.unsigned_abs()));
        (part as i64) * self.left.signum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_slewed_clock_never_runs_back_and_arrives(
            targets in prop::collection::vec((0i64..1 << 36, -1i64 << 30..1 << 30), 1..20),
        ) {
            let how = Discipline { step: u64::MAX, ..Discipline::default() };
            let (mut clock, mut reading, mut shown) = (Software::default(), 0, 0);
            for (passes, ahead) in targets {
                prop_assert!(!clock.aim(reading, ahead, how));
                prop_assert_eq!(clock.time(reading), shown, "aiming changes nothing yet");
                let left = clock.left(reading);
                for part in 1..=4 {
                    let later = reading + passes * part / 4;
                    let now = clock.time(later);
                    prop_assert!(now >= shown);
                    prop_assert!((clock.left(later) - left).abs() <= (later - reading) / 2_000 + 1, "500 ppm at most");
                    prop_assert_eq!(clock.ahead(later) + clock.left(later), ahead);
                    shown = now;
                }
                reading += passes;
            }
            prop_assert_eq!(clock.ahead(reading + (1 << 52)), clock.ahead(reading) + clock.left(reading));
            prop_assert_eq!(clock.steps(), 0);
        }

        #[test]
        fn it_steps_exactly_above_the_threshold(from in -1i64 << 40..1 << 40, by in -200_000_000i64..200_000_000) {
            let mut clock = Software::default();
            clock.aim(0, from, Discipline { step: 0, ..Discipline::default() });
            let stepped = clock.aim(7, from + by, Discipline::default());
            prop_assert_eq!(stepped, by.abs() > 128_000_000);
            prop_assert_eq!(clock.time(7), 7 + from + if stepped { by } else { 0 });
        }
    }
}
