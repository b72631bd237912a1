//! The arithmetic of majorities.

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
        for (size, acks, want) in
            [(1, 0, 1), (3, 0, 0), (3, 1, 1), (3, 2, 1), (5, 0, 0), (5, 1, 0), (5, 2, 1), (5, 3, 1), (5, 4, 1)]
        {
            let reached = (0..size).map(|i| u64::from(i <= acks));
            assert_eq!(reached_by(majority(size), reached), want, "{size}/{acks}");
        }
    }

    #[test]
    fn nobody_is_no_majority() {
        assert_eq!(reached_by(majority(0), [].into_iter()), 0);
        assert_eq!(tally(&[], majority(0)), Tally::Lost);
    }
}
