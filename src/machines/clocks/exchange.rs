//! Four timestamps of a question and its answer: what they say about another clock.
use serde::{Deserialize, Serialize};

/// When a question and its answer left and arrived, in ns: the outer two on the asker's clock, the inner two on the
/// other one.
///
/// The asker cannot know how the round trip divides into the way there and the way back. Taking halves, it is wrong
/// by `(there - back) / 2`, and never by more than half the delay.
///
/// ```
/// use distlab::machines::clocks::Exchange;
/// // The other clock is 100 ahead; 30 there, 5 to answer, 10 back.
/// let it = Exchange { sent: 0, received: 130, answered: 135, returned: 45 };
/// assert_eq!((it.offset(), it.delay()), (110, 40));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Exchange {
    /// The question leaves (T1, asker's clock).
    pub sent: i64,
    /// It arrives (T2, the other clock).
    pub received: i64,
    /// The answer leaves (T3, the other clock).
    pub answered: i64,
    /// It arrives (T4, asker's clock).
    pub returned: i64,
}

impl Exchange {
    /// How far the other clock is ahead, ((T2 - T1) + (T3 - T4)) / 2, rounded down.
    pub fn offset(&self) -> i64 {
        narrow(self.twice_offset().div_euclid(2))
    }

    /// Twice that, exactly.
    pub fn twice_offset(&self) -> i128 {
        let [sent, received, answered, returned] = self.wide();
        (received - sent) + (answered - returned)
    }

    /// How long question and answer were under way, (T4 - T1) - (T3 - T2); negative only if a clock was set meanwhile.
    pub fn delay(&self) -> i64 {
        let [sent, received, answered, returned] = self.wide();
        narrow((returned - sent) - (answered - received))
    }

    fn wide(&self) -> [i128; 4] {
        [self.sent, self.received, self.answered, self.returned].map(i128::from)
    }
}

fn narrow(wide: i128) -> i64 {
    i64::try_from(wide).unwrap_or(if wide < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An exchange between clocks `ahead` of each other, with these times there, at the other end, and back.
    fn exchange(sent: i64, ahead: i64, there: i64, at: i64, back: i64) -> Exchange {
        let received = sent + there + ahead;
        Exchange { sent, received, answered: received + at, returned: sent + there + at + back }
    }

    proptest! {
        #[test]
        fn the_error_is_half_the_asymmetry_and_at_most_half_the_delay(
            sent in -1i64 << 50..1 << 50, ahead in -1i64 << 50..1 << 50,
            there in 0i64..1 << 40, at in 0i64..1 << 40, back in 0i64..1 << 40,
        ) {
            let it = exchange(sent, ahead, there, at, back);
            let twice_error = it.twice_offset() - 2 * i128::from(ahead);
            prop_assert_eq!(twice_error, i128::from(there - back));
            prop_assert_eq!(it.delay(), there + back);
            prop_assert!(twice_error.abs() <= i128::from(it.delay()));
            prop_assert!((0..2).contains(&(it.twice_offset() - 2 * i128::from(it.offset()))));
        }

        #[test]
        fn the_bound_is_reached_where_one_way_takes_no_time(ahead in -1i64 << 50..1 << 50, delay in 0i64..1 << 40) {
            for (there, back) in [(delay, 0), (0, delay)] {
                let it = exchange(5, ahead, there, 3, back);
                prop_assert_eq!((it.twice_offset() - 2 * i128::from(ahead)).abs(), i128::from(it.delay()));
            }
        }
    }

    #[test]
    fn readings_at_the_ends_of_the_range_do_not_overflow() {
        let it = Exchange { sent: i64::MIN, received: i64::MAX, answered: i64::MAX, returned: i64::MIN };
        assert_eq!((it.offset(), it.delay()), (i64::MAX, 0));
    }
}
