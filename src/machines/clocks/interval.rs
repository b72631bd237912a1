//! TrueTime: a time known to lie within an interval.
use serde::{Deserialize, Serialize};

use super::{Error, Relation};

/// What a clock with a bounded error shows, in ns: true time lies in `earliest..=latest`. Ordered only where the
/// intervals do not touch.
///
/// ```
/// use distlab::machines::clocks::{Interval, Relation};
/// let now = Interval::around(100, 4).unwrap();
/// assert_eq!((now.earliest(), now.latest(), now.epsilon()), (96, 104, 4));
/// assert!(now.after(95) && !now.after(96) && now.before(105));
/// assert_eq!(now.relation(&Interval::new(105, 110).unwrap()), Relation::Before);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "(i64, i64)", into = "(i64, i64)")]
pub struct Interval {
    earliest: i64,
    latest: i64,
}

impl TryFrom<(i64, i64)> for Interval {
    type Error = Error;
    fn try_from((earliest, latest): (i64, i64)) -> Result<Self, Error> {
        Self::new(earliest, latest)
    }
}

impl From<Interval> for (i64, i64) {
    fn from(it: Interval) -> Self {
        (it.earliest, it.latest)
    }
}

impl Interval {
    /// From `earliest` to `latest`, both included.
    pub fn new(earliest: i64, latest: i64) -> Result<Self, Error> {
        if earliest > latest {
            return Err(Error::Reversed { earliest, latest });
        }
        Ok(Self { earliest, latest })
    }

    /// What a clock that shows `reading` and is off by at most `epsilon` knows.
    pub fn around(reading: i64, epsilon: u64) -> Result<Self, Error> {
        Self::new(reading.saturating_sub_unsigned(epsilon), reading.saturating_add_unsigned(epsilon))
    }

    /// The earliest that true time can be.
    pub fn earliest(self) -> i64 {
        self.earliest
    }

    /// The latest that true time can be.
    pub fn latest(self) -> i64 {
        self.latest
    }

    /// Half the width, rounded up: how far the middle can be off.
    pub fn epsilon(self) -> u64 {
        self.earliest.abs_diff(self.latest).div_ceil(2)
    }

    /// Whether `time` has passed for certain.
    pub fn after(self, time: i64) -> bool {
        self.earliest > time
    }

    /// Whether `time` has certainly not come yet.
    pub fn before(self, time: i64) -> bool {
        self.latest < time
    }

    /// Whether true time can be `time`.
    pub fn contains(self, time: i64) -> bool {
        (self.earliest..=self.latest).contains(&time)
    }

    /// Certain only where the intervals do not touch; two that do are concurrent, equal ones too unless they are one
    /// point.
    pub fn relation(self, other: &Self) -> Relation {
        match (self.latest < other.earliest, other.latest < self.earliest) {
            (true, _) => Relation::Before,
            (_, true) => Relation::After,
            _ if self == *other && self.earliest == self.latest => Relation::Equal,
            _ => Relation::Concurrent,
        }
    }

    /// What both know: where the intervals overlap; none: one of them is wrong.
    pub fn intersection(self, other: &Self) -> Option<Self> {
        Self::new(self.earliest.max(other.earliest), self.latest.min(other.latest)).ok()
    }

    /// How long a commit stamped `self.latest()` waits, at the least, until everybody's clock is past it: as long as
    /// the interval is wide (2 epsilon), if the clock's error stays what it is.
    pub fn commit_wait(self) -> u64 {
        self.earliest.abs_diff(self.latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_ordered_where_they_do_not_touch() {
        let it = |earliest, latest| Interval::new(earliest, latest).unwrap();
        assert_eq!(it(0, 5).relation(&it(6, 9)), Relation::Before);
        assert_eq!(it(6, 9).relation(&it(0, 5)), Relation::After);
        assert_eq!(it(0, 5).relation(&it(5, 9)), Relation::Concurrent);
        assert_eq!(it(0, 5).relation(&it(0, 5)), Relation::Concurrent);
        assert_eq!(it(5, 5).relation(&it(5, 5)), Relation::Equal);
    }

    #[test]
    fn what_is_after_was_not_possible_and_the_ends_are() {
        let now = Interval::new(10, 20).unwrap();
        for time in 0..30 {
            assert_eq!(now.contains(time), !now.after(time) && !now.before(time));
        }
        assert_eq!(now.commit_wait(), 10);
    }

    #[test]
    fn overlaps_and_bad_ends() {
        let it = |earliest, latest| Interval::new(earliest, latest).unwrap();
        assert_eq!(it(0, 5).intersection(&it(3, 9)), Some(it(3, 5)));
        assert_eq!(it(0, 2).intersection(&it(3, 9)), None);
        assert_eq!(Interval::new(1, 0), Err(Error::Reversed { earliest: 1, latest: 0 }));
        assert_eq!(it(i64::MIN, i64::MAX).commit_wait(), u64::MAX);
        assert_eq!(Interval::around(i64::MIN, 5).unwrap().latest(), i64::MIN + 5);
    }
}
