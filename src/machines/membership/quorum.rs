//! The arithmetic of majorities, and of two majorities at once.
//!
//! Ongaro's thesis, section 4.3: while one set of voters gives way to another, whatever is decided (an election, a
//! commit) is decided by a majority of either set. One who is in both counts in both.

/// How many of `voters` are a majority.
pub fn majority(voters: usize) -> usize {
    voters / 2 + 1
}

/// How an election stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tally {
    /// Enough have granted their vote.
    Won,
    /// So many have refused that not enough are left.
    Lost,
    /// It is open.
    Open,
}

/// How an election stands when `quorum` votes are needed; `None` is a vote not yet heard.
pub fn tally(votes: &[Option<bool>], quorum: usize) -> Tally {
    let count = |what| votes.iter().filter(|vote| **vote == what).count();
    let (granted, open) = (count(Some(true)), count(None));
    match granted {
        _ if granted >= quorum => Tally::Won,
        _ if granted + open < quorum => Tally::Lost,
        _ => Tally::Open,
    }
}

/// The greatest number that `quorum` of `reached` have reached: of log indices, the one to commit.
pub fn reached_by(quorum: usize, reached: impl Iterator<Item = u64>) -> u64 {
    let mut all: smallvec::SmallVec<[u64; 8]> = reached.collect();
    all.sort_unstable_by(|a, b| b.cmp(a));
    quorum.checked_sub(1).and_then(|last| all.get(last)).copied().unwrap_or(0)
}

/// Who decides: one set of voters, or while a change is under way two.
///
/// ```
/// use distlab::machines::membership::quorum::{Tally, Voters};
/// let joint = Voters { incoming: &[3, 4, 5], outgoing: &[1, 2, 3] };
/// let acked = |id| [0, 9, 8, 5, 4, 0][id as usize];
/// assert_eq!(joint.committed_index(acked), Some(4)); // 5 of {3 4 5} is not 8 of {1 2 3}
/// let yes = |id| (id > 2).then_some(true);
/// assert_eq!(joint.vote_result(yes), Tally::Open); // all of the one, one of the other
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voters<'a, N> {
    /// Those who decide from now on.
    pub incoming: &'a [N],
    /// Those who decided before, and still do while the change is under way; otherwise nobody.
    pub outgoing: &'a [N],
}

impl<'a, N: Copy + PartialEq> Voters<'a, N> {
    /// The greatest index that the voters have acknowledged in sufficient number; `None` where nobody votes.
    pub fn committed_index(self, acked: impl Fn(N) -> u64) -> Option<u64> {
        self.committed_index_by(majority, acked)
    }

    /// How an election stands; `None` is a vote not yet heard. Nobody's vote is needed where nobody votes.
    pub fn vote_result(self, vote: impl Fn(N) -> Option<bool>) -> Tally {
        self.vote_result_by(majority, vote)
    }

    /// As [`committed_index`](Self::committed_index), where so many of a set decide.
    pub fn committed_index_by(
        self,
        quorum: impl Fn(usize) -> usize,
        acked: impl Fn(N) -> u64,
    ) -> Option<u64> {
        let sets = [self.incoming, self.outgoing].into_iter().filter(|set| !set.is_empty());
        sets.map(|set| reached_by(quorum(set.len()), set.iter().map(|it| acked(*it)))).min()
    }

    /// As [`vote_result`](Self::vote_result), where so many of a set decide.
    pub fn vote_result_by(self, quorum: impl Fn(usize) -> usize, vote: impl Fn(N) -> Option<bool>) -> Tally {
        let of = |set: &[N]| match set {
            [] => Tally::Won,
            set => {
                let votes: smallvec::SmallVec<[Option<bool>; 8]> = set.iter().map(|it| vote(*it)).collect();
                tally(&votes, quorum(set.len()))
            }
        };
        match (of(self.incoming), of(self.outgoing)) {
            (Tally::Won, Tally::Won) => Tally::Won,
            (Tally::Lost, _) | (_, Tally::Lost) => Tally::Lost,
            _ => Tally::Open,
        }
    }

    /// Whether `it` has a vote.
    pub fn contains(self, it: N) -> bool {
        self.incoming.contains(&it) || self.outgoing.contains(&it)
    }

    /// Everybody who has a vote, once: first the incoming ones.
    pub fn iter(self) -> impl Iterator<Item = N> + use<'a, N> {
        let only_before = self.outgoing.iter().filter(move |it| !self.incoming.contains(it));
        self.incoming.iter().chain(only_before).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario E3: the votes that come, and what they make of a candidate who votes for itself.
    #[test]
    fn elections_in_one_round() {
        let (y, n) = (true, false);
        let cases: &[(usize, &[bool], Tally)] = &[
            (1, &[], Tally::Won),
            (3, &[y, y], Tally::Won),
            (3, &[y], Tally::Won),
            (5, &[y, y, y, y], Tally::Won),
            (5, &[y, y, y], Tally::Won),
            (5, &[y, y], Tally::Won),
            (3, &[n, n], Tally::Lost),
            (5, &[n, n, n, n], Tally::Lost),
            (5, &[y, n, n, n], Tally::Lost),
            (3, &[], Tally::Open),
            (5, &[y], Tally::Open),
            (5, &[n, n], Tally::Open),
            (5, &[], Tally::Open),
        ];
        for (size, others, want) in cases {
            let mut votes = vec![Some(true)];
            votes.extend(others.iter().map(|vote| Some(*vote)));
            votes.resize(*size, None);
            assert_eq!(tally(&votes, majority(*size)), *want, "{size} {others:?}");
        }
    }

    /// Scenario L6: what is committed when so many followers have acknowledged entry 1.
    #[test]
    fn leader_commits_what_a_majority_has() {
        for (size, acks, want) in [
            (1, 0, 1),
            (3, 0, 0),
            (3, 1, 1),
            (3, 2, 1),
            (5, 0, 0),
            (5, 1, 0),
            (5, 2, 1),
            (5, 3, 1),
            (5, 4, 1),
        ] {
            let reached = (0..size).map(|i| u64::from(i <= acks));
            assert_eq!(reached_by(majority(size), reached), want, "{size}/{acks}");
        }
    }

    #[test]
    fn nobody_is_no_majority() {
        assert_eq!(reached_by(majority(0), [].into_iter()), 0);
        assert_eq!(tally(&[], majority(0)), Tally::Lost);
    }

    /// Scenario M2: which index is committed by one majority, or two. `None` of an acknowledgement is none yet.
    #[test]
    fn what_two_majorities_have_acknowledged() {
        type Case = (&'static [u8], &'static [u8], &'static [u64], Option<u64>);
        let cases: &[Case] = &[
            (&[], &[], &[], None),
            (&[1], &[], &[0, 0], Some(0)),
            (&[1], &[], &[0, 12], Some(12)),
            (&[1, 2], &[], &[0, 12, 5], Some(5)),
            (&[1, 2], &[], &[0, 12, 0], Some(0)),
            (&[1, 2, 3], &[], &[0, 12, 5, 6], Some(6)),
            (&[1, 2, 3, 4], &[], &[0, 101, 104, 103, 103], Some(103)),
            (&[1, 2, 3, 4, 5], &[], &[0, 101, 104, 103, 103, 0], Some(103)),
            (&[1, 2, 3, 4, 5], &[], &[0, 101, 104, 0, 0, 0], Some(0)),
            // A set that is joined with itself decides as it does alone.
            (&[1, 2, 3], &[1, 2, 3], &[0, 12, 5, 6], Some(6)),
            // Disjoint sets: the lesser of two.
            (&[1, 2, 3], &[4, 5, 6], &[0, 9, 8, 7, 3, 2, 1], Some(2)),
            (&[1, 2, 3], &[4, 5, 6], &[0, 9, 8, 7, 3, 0, 0], Some(0)),
            (&[1], &[2], &[0, 50, 100], Some(50)),
            // Overlapping sets: one who is in both counts in both.
            (&[1, 2, 3], &[3, 4, 5], &[0, 100, 101, 99, 101, 0], Some(99)),
            (&[1, 2], &[2, 3], &[0, 5, 7, 9], Some(5)),
            (&[1, 2, 3], &[1, 2], &[0, 9, 4, 9], Some(4)),
            // Three and nine: two of the old and five of the new.
            (&[1, 2, 3, 4, 5, 6, 7, 8, 9], &[1, 2, 3], &[0, 6, 6, 0, 6, 6, 6, 0, 0, 0], Some(6)),
            (&[1, 2, 3, 4, 5, 6, 7, 8, 9], &[1, 2, 3], &[0, 6, 6, 0, 6, 6, 0, 0, 0, 0], Some(0)),
            (&[1, 2, 3, 4, 5, 6, 7, 8, 9], &[1, 2, 3], &[0, 6, 0, 0, 6, 6, 6, 6, 6, 6], Some(0)),
        ];
        for (incoming, outgoing, acked, want) in cases {
            let (voters, swapped) =
                (Voters { incoming, outgoing }, Voters { incoming: outgoing, outgoing: incoming });
            let of = |id: u8| acked[usize::from(id)];
            assert_eq!(voters.committed_index(of), *want, "{incoming:?} {outgoing:?} {acked:?}");
            assert_eq!(swapped.committed_index(of), *want, "who comes and who goes makes no difference");
        }
    }

    /// Scenario M2 for votes: y, n, or not heard.
    #[test]
    fn whom_two_majorities_elect() {
        let cases = [
            ("", "", "", Tally::Won),
            ("1", "", "_", Tally::Open),
            ("1", "", "n", Tally::Lost),
            ("123", "", "yn_", Tally::Open),
            ("123", "", "yny", Tally::Won),
            ("1234", "", "ynyn", Tally::Lost),
            ("1234", "", "yny_", Tally::Open),
            ("123", "123", "yn_", Tally::Open),
            ("12", "34", "yyyy", Tally::Won),
            ("12", "34", "yyyn", Tally::Lost),
            ("12", "34", "yyy_", Tally::Open),
            ("12", "34", "yn__", Tally::Lost),
            ("123", "345", "yy_yy", Tally::Won),
            ("123", "345", "yy_yn", Tally::Open),
            ("123", "345", "yynyn", Tally::Lost),
            ("123456789", "123", "yy_yyy___", Tally::Won),
            ("123456789", "123", "y__yyyyyy", Tally::Open),
            ("123456789", "123", "ynnyyyyyy", Tally::Lost),
        ];
        let ids = |text: &str| text.bytes().map(|it| usize::from(it - b'1')).collect::<Vec<_>>();
        for (incoming, outgoing, votes, want) in cases {
            let (incoming, outgoing) = (ids(incoming), ids(outgoing));
            let vote = |id: usize| match votes.as_bytes()[id] {
                b'_' => None,
                it => Some(it == b'y'),
            };
            let voters = Voters { incoming: &incoming, outgoing: &outgoing };
            assert_eq!(voters.vote_result(vote), want, "{incoming:?} {outgoing:?} {votes}");
        }
    }

    /// All of up to four voters in every pair of sets with every acknowledgement up to 2: an index is committed
    /// exactly if a majority of either set has it.
    #[test]
    fn the_committed_index_is_the_greatest_that_either_majority_has() {
        let set = |bits: usize| (0..4_usize).filter(|id| bits >> id & 1 == 1).collect::<Vec<_>>();
        for (one, two) in (0..16).flat_map(|one| (0..16).map(move |two| (set(one), set(two)))) {
            for code in 0..81_u64 {
                let acked = |id: usize| code / 3_u64.pow(id as u32) % 3;
                let has = |set: &[usize], index| {
                    set.is_empty() || 2 * set.iter().filter(|id| acked(**id) >= index).count() > set.len()
                };
                let want = (0..=2).rev().find(|index| has(&one, *index) && has(&two, *index));
                let voters = Voters { incoming: &one, outgoing: &two };
                let want = want.filter(|_| !(one.is_empty() && two.is_empty()));
                assert_eq!(voters.committed_index(acked), want, "{one:?} {two:?} {code}");
            }
        }
    }
}
