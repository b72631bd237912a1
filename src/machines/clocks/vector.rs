//! Vector clocks: one counter for each process, so that stamps tell exactly which events can have caused which.
use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::{Error, Relation};

/// How the entries of a vector are kept: a dense `Vec<u64>` over the processes `0..n`, or sparse by name, where
/// what is missing is 0.
pub trait Entries: Clone + Debug + Eq {
    /// What a process is called.
    type Process: ?Sized;

    /// The next event of `process`.
    fn tick(&mut self, process: &Self::Process) -> Result<(), Error>;

    /// The larger of each two entries.
    fn merge(&mut self, other: &Self) -> Result<(), Error>;

    /// Whether an entry here is smaller than there, and whether one is larger.
    fn differences(&self, other: &Self) -> Result<(bool, bool), Error>;
}

impl Entries for Vec<u64> {
    type Process = usize;

    fn tick(&mut self, process: &usize) -> Result<(), Error> {
        let processes = self.len();
        let entry = self.get_mut(*process).ok_or(Error::UnknownProcess { process: *process, processes })?;
        *entry = entry.checked_add(1).ok_or(Error::Overflow)?;
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        alike(self, other)?;
        self.iter_mut().zip(other).for_each(|(mine, theirs)| *mine = (*mine).max(*theirs));
        Ok(())
    }

    fn differences(&self, other: &Self) -> Result<(bool, bool), Error> {
        alike(self, other)?;
        let both = self.iter().zip(other);
        Ok(both.fold((false, false), |(less, more), (mine, theirs)| {
            (less | (mine < theirs), more | (mine > theirs))
        }))
    }
}

fn alike(left: &[u64], right: &[u64]) -> Result<(), Error> {
    if left.len() == right.len() {
        return Ok(());
    }
    Err(Error::DifferentProcesses { left: left.len(), right: right.len() })
}

impl<P: Ord + Clone + Debug> Entries for BTreeMap<P, u64> {
    type Process = P;

    fn tick(&mut self, process: &P) -> Result<(), Error> {
        let entry = self.entry(process.clone()).or_insert(0);
        *entry = entry.checked_add(1).ok_or(Error::Overflow)?;
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        for (process, theirs) in other.iter().filter(|(_, it)| **it > 0) {
            let mine = self.entry(process.clone()).or_insert(0);
            *mine = (*mine).max(*theirs);
        }
        Ok(())
    }

    fn differences(&self, other: &Self) -> Result<(bool, bool), Error> {
        let exceeds = |left: &Self, right: &Self| {
            left.iter().any(|(process, count)| *count > right.get(process).copied().unwrap_or(0))
        };
        Ok((exceeds(other, self), exceeds(self, other)))
    }
}

/// A stamp, and the clock of the process whose last event has it.
///
/// ```
/// use distlab::machines::clocks::{Relation, Vector};
/// let start = Vector(vec![0, 0, 0]);
/// let sent = start.tick(&0).unwrap().tick(&0).unwrap().tick(&0).unwrap();
/// let received = start.receive(&sent, &1).unwrap();
/// assert_eq!(received.0, [3, 1, 0]); // notes, Example 3.3
/// assert_eq!(sent.relation(&received), Ok(Relation::Before));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Vector<E>(pub E);

impl<E: Entries> Vector<E> {
    /// The next event of `process`. By the standard rule a send is one; the notes do not count it.
    pub fn tick(&self, process: &E::Process) -> Result<Self, Error> {
        let mut next = self.0.clone();
        next.tick(process)?;
        Ok(Self(next))
    }

    /// The event of receiving a message with the stamp `message`: the larger of each two entries, and one more for
    /// the receive itself.
    pub fn receive(&self, message: &Self, process: &E::Process) -> Result<Self, Error> {
        self.merge(message)?.tick(process)
    }

    /// The larger of each two entries: all that either knows of.
    pub fn merge(&self, other: &Self) -> Result<Self, Error> {
        let mut all = self.0.clone();
        all.merge(&other.0)?;
        Ok(Self(all))
    }

    /// How the event stamped so stands to the one stamped `other`: before means at most as large in every entry and
    /// smaller in one.
    pub fn relation(&self, other: &Self) -> Result<Relation, Error> {
        Ok(match self.0.differences(&other.0)? {
            (false, false) => Relation::Equal,
            (true, false) => Relation::Before,
            (false, true) => Relation::After,
            (true, true) => Relation::Concurrent,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dense(entries: &[u64]) -> Vector<Vec<u64>> {
        Vector(entries.to_vec())
    }

    #[test]
    fn example_3_3_comes_out_to_the_digit_where_a_send_is_no_event_of_its_own() {
        let start = dense(&[0, 0, 0]);
        let first = (0..3).fold(start.clone(), |clock, _| clock.tick(&0).unwrap());
        let second = start.receive(&first, &1).unwrap();
        assert_eq!(second.0, [3, 1, 0]);
        let second = second.tick(&1).unwrap();
        assert_eq!(second.0, [3, 2, 0]);
        let third = start.tick(&2).unwrap();
        assert_eq!(third.0, [0, 0, 1]);
        assert_eq!(third.receive(&second, &2).unwrap().0, [3, 2, 2]);
    }

    #[test]
    fn before_is_at_most_everywhere_and_less_somewhere() {
        let relation = |a: &[u64], b: &[u64]| dense(a).relation(&dense(b)).unwrap();
        assert_eq!(relation(&[1, 0], &[2, 0]), Relation::Before); // the notes' "all smaller" would deny it
        assert_eq!(relation(&[0, 0], &[0, 0]), Relation::Equal);
        assert_eq!(relation(&[1, 0], &[0, 0]), Relation::After);
        assert_eq!(relation(&[0, 1], &[1, 0]), Relation::Concurrent);
    }

    #[test]
    fn different_processes_are_refused_where_entries_are_numbered() {
        let error = dense(&[1]).relation(&dense(&[1, 2])).unwrap_err();
        assert_eq!(error, Error::DifferentProcesses { left: 1, right: 2 });
        assert_eq!(dense(&[1]).tick(&1), Err(Error::UnknownProcess { process: 1, processes: 1 }));
        assert_eq!(dense(&[u64::MAX]).tick(&0), Err(Error::Overflow));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn sparse_and_dense_agree(a in prop::collection::vec(0..4_u64, 4), b in prop::collection::vec(0..4_u64, 4), p in 0..4_usize) {
            let sparse = |entries: &[u64]| {
                let named = entries.iter().enumerate().filter(|(_, it)| **it > 0);
                Vector(named.map(|(process, count)| (process, *count)).collect::<BTreeMap<_, _>>())
            };
            let (x, y) = (dense(&a), dense(&b));
            prop_assert_eq!(x.relation(&y), sparse(&a).relation(&sparse(&b)));
            prop_assert_eq!(x.relation(&y).unwrap(), y.relation(&x).unwrap().reversed());
            let received = x.receive(&y, &p).unwrap();
            prop_assert_eq!(&sparse(&received.0), &sparse(&a).receive(&sparse(&b), &p).unwrap());
            prop_assert_eq!(x.relation(&received).unwrap(), Relation::Before);
        }
    }
}
