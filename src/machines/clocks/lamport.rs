//! Lamport's clock: one counter a process, so that what causes an event has a smaller stamp than it.
use serde::{Deserialize, Serialize};

use super::{Error, Relation};

/// What a receive is stamped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Lamport's: one more than the receiver's clock and than the message's stamp.
    #[default]
    Standard,
    /// As the notes print it (Definition 3.5): the larger of the two. A receive can then have the stamp of its send
    /// or of the receiver's event before it, so that "a happens before b" no longer implies a smaller stamp.
    Notes,
}

/// A stamp, and the clock of the process whose last event has it. Stamps are totally ordered: by counter, and by
/// process where counters are equal.
///
/// ```
/// use distlab::machines::clocks::{Lamport, Rule};
/// let sent = Lamport::new("p").tick().unwrap();
/// let received = Lamport::new("q").receive(&sent, Rule::Standard).unwrap();
/// assert!(sent < received);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lamport<P> {
    /// The time.
    pub counter: u64,
    /// Whose it is.
    pub process: P,
}

impl<P: Clone> Lamport<P> {
    /// A clock that has seen nothing.
    pub const fn new(process: P) -> Self {
        Self { counter: 0, process }
    }

    /// The next event of the process; a send is one, and its message carries this stamp.
    pub fn tick(&self) -> Result<Self, Error> {
        self.at(self.counter.checked_add(1).ok_or(Error::Overflow)?)
    }

    /// The event of receiving a message whose send was stamped `message`.
    pub fn receive<Q>(&self, message: &Lamport<Q>, rule: Rule) -> Result<Self, Error> {
        let largest = self.counter.max(message.counter);
        match rule {
            Rule::Standard => self.at(largest.checked_add(1).ok_or(Error::Overflow)?),
            Rule::Notes => self.at(largest),
        }
    }

    fn at(&self, counter: u64) -> Result<Self, Error> {
        Ok(Self { counter, process: self.process.clone() })
    }
}

/// The relations that two events with these stamps may have, as far as the stamps tell (notes, Exercise 3.1).
///
/// Events of one process are ordered by their counters. Of events of two processes, one that has the smaller stamp
/// may have happened before or know nothing of the other; equal counters exclude both directions.
///
/// ```
/// use distlab::machines::clocks::{Lamport, Relation, possible_relations};
/// let stamp = |counter, process| Lamport { counter, process };
/// assert_eq!(possible_relations(&stamp(1, 'P'), &stamp(0, 'Q')), [Relation::After, Relation::Concurrent]);
/// assert_eq!(possible_relations(&stamp(0, 'P'), &stamp(0, 'Q')), [Relation::Concurrent]);
/// ```
pub fn possible_relations<P: PartialEq>(a: &Lamport<P>, b: &Lamport<P>) -> Vec<Relation> {
    let by_counter = match a.counter.cmp(&b.counter) {
        std::cmp::Ordering::Less => Relation::Before,
        std::cmp::Ordering::Greater => Relation::After,
        std::cmp::Ordering::Equal => Relation::Equal,
    };
    match (a.process == b.process, by_counter) {
        (true, relation) => vec![relation],
        (false, Relation::Equal) => vec![Relation::Concurrent],
        (false, relation) => vec![relation, Relation::Concurrent],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(counter: u64, process: u8) -> Lamport<u8> {
        Lamport { counter, process }
    }

    #[test]
    fn the_rule_of_the_notes_lets_a_receive_tie_with_its_send_or_with_the_event_before_it() {
        let sent = stamp(4, 0).tick().unwrap();
        for (receiver, tied) in [(stamp(1, 1), 5), (stamp(9, 1), 9)] {
            assert_eq!(receiver.receive(&sent, Rule::Notes).unwrap().counter, tied);
            let standard = receiver.receive(&sent, Rule::Standard).unwrap();
            assert!(standard.counter > sent.counter && standard.counter > receiver.counter);
        }
    }

    #[test]
    fn ties_are_broken_by_process() {
        assert!(stamp(1, 1) < stamp(1, 2));
        assert!(stamp(3, 1) > stamp(1, 2));
    }

    #[test]
    fn the_end_of_the_counter_is_an_error() {
        assert_eq!(stamp(u64::MAX, 0).tick(), Err(Error::Overflow));
        assert_eq!(stamp(0, 0).receive(&stamp(u64::MAX, 1), Rule::Standard), Err(Error::Overflow));
    }

    #[test]
    fn stamps_leave_open_what_the_answers_of_exercise_3_1_say() {
        use Relation::{After, Before, Concurrent, Equal};
        let cases = [
            ((0, 0), (0, 1), vec![Concurrent]),
            ((1, 0), (0, 1), vec![After, Concurrent]),
            ((0, 0), (1, 1), vec![Before, Concurrent]),
            ((2, 0), (5, 0), vec![Before]),
            ((2, 0), (2, 0), vec![Equal]),
        ];
        for (a, b, expected) in cases {
            assert_eq!(possible_relations(&stamp(a.0, a.1), &stamp(b.0, b.1)), expected);
        }
    }
}
