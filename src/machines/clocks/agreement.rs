//! What several sources of time agree on, some of which may be wrong.
use super::Interval;

/// From the first to the last time that all but `wrong` of the intervals contain; none if there is no such time.
///
/// Marzullo, *Maintaining the Time in a Distributed System* (1984): where no more than `wrong` of the sources are,
/// true time lies within. O(n^2).
///
/// ```
/// use distlab::machines::clocks::{Interval, marzullo};
/// let it = |earliest, latest| Interval::new(earliest, latest).unwrap();
/// assert_eq!(marzullo(&[it(8, 12), it(11, 13), it(10, 12)], 0), Some(it(11, 12)));
/// assert_eq!(marzullo(&[it(8, 12), it(11, 13), it(10, 12)], 1), Some(it(10, 12)));
/// assert_eq!(marzullo(&[it(8, 12), it(11, 13), it(14, 15)], 0), None);
/// ```
pub fn marzullo(intervals: &[Interval], wrong: usize) -> Option<Interval> {
    let needed = intervals.len().checked_sub(wrong).filter(|needed| *needed > 0)?;
    let holds = |time: &i64| intervals.iter().filter(|it| it.contains(*time)).count() >= needed;
    // How many contain a time grows only where one begins, and shrinks only after one ends.
    let earliest = intervals.iter().map(|it| it.earliest()).filter(holds).min()?;
    let latest = intervals.iter().map(|it| it.latest()).filter(holds).max()?;
    Interval::new(earliest, latest).ok()
}

/// What NTP selects by: Marzullo's interval for the fewest wrong sources with which no more than so many have their
/// middles outside of it; none if that would be half of them or more. O(n^3) at worst.
///
/// RFC 5905, section 11.2.1. As it contains the middles of most that are right, to choose one of these does not lead
/// out of it.
///
/// ```
/// use distlab::machines::clocks::{Interval, truechimers};
/// let it = |earliest, latest| Interval::new(earliest, latest).unwrap();
/// assert_eq!(truechimers(&[it(0, 10), it(2, 12), it(50, 60)]), Some(it(2, 10)));
/// assert_eq!(truechimers(&[it(0, 10), it(50, 60)]), None);
/// ```
pub fn truechimers(intervals: &[Interval]) -> Option<Interval> {
    let middle = |it: &Interval| it.earliest().wrapping_add_unsigned(it.commit_wait() / 2);
    (0..intervals.len().div_ceil(2)).find_map(|wrong| {
        let found = marzullo(intervals, wrong)?;
        let outside = intervals.iter().filter(|it| !found.contains(middle(it))).count();
        (outside <= wrong).then_some(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn it(earliest: i64, latest: i64) -> Interval {
        Interval::new(earliest, latest).unwrap()
    }

    fn around_zero(most: usize) -> impl Strategy<Value = Vec<Interval>> {
        prop::collection::vec((0i64..20, 0i64..20).prop_map(|(a, b)| it(-a, b)), 1..most)
    }

    fn anything(most: usize) -> impl Strategy<Value = Vec<Interval>> {
        prop::collection::vec((-30i64..30, 0i64..15).prop_map(|(a, width)| it(a, a + width)), 0..most)
    }

    proptest! {
        #[test]
        fn marzullo_finds_what_trying_every_time_finds(intervals in anything(8), wrong in 0usize..4) {
            let at = |time| intervals.iter().filter(|it| it.contains(time)).count() + wrong >= intervals.len();
            let all: Vec<i64> = (-30..50).filter(|time| intervals.len() > wrong && at(*time)).collect();
            let ends = all.first().zip(all.last()).map(|(first, last)| it(*first, *last));
            prop_assert_eq!(marzullo(&intervals, wrong), ends);
        }

        #[test]
        fn true_time_is_within_whatever_a_minority_says(right in around_zero(6), wrong in anything(6)) {
            let liars = wrong.len().min(right.len() - 1);
            let all: Vec<_> = right.iter().chain(&wrong[..liars]).copied().collect();
            prop_assert!(marzullo(&all, liars).is_some_and(|found| found.contains(0)));
            prop_assert!(marzullo(&all, (all.len() - 1) / 2).is_some_and(|found| found.contains(0)));
        }

        #[test]
        fn truechimers_outvote_those_who_are_far_off(
            widths in prop::collection::vec(0i64..20, 1..6),
            wrong in prop::collection::vec((40i64..60, 0i64..20, any::<bool>()), 0..6),
        ) {
            let right = widths.iter().map(|width| it(-width, *width));
            let liar = |(at, width, left): &(i64, i64, bool)| {
                let at = if *left { -at } else { *at };
                it(at - width, at + width)
            };
            let all: Vec<_> = right.chain(wrong.iter().take(widths.len() - 1).map(liar)).collect();
            prop_assert!(truechimers(&all).is_some_and(|found| found.contains(0)), "{:?}", all);
        }
    }

    #[test]
    fn middles_outside_make_more_of_them_wrong() {
        // All have 9..=10 in common, and only one of the middles is there: no majority is beyond doubt.
        assert_eq!(truechimers(&[it(0, 10), it(9, 10), it(9, 100)]), None);
        assert_eq!(truechimers(&[it(0, 20), it(9, 11), it(9, 100)]), Some(it(9, 20)));
        assert_eq!(truechimers(&[]), None);
        assert_eq!(truechimers(&[it(i64::MIN, i64::MAX)]), Some(it(i64::MIN, i64::MAX)));
    }
}
