//! From one configuration to the next.
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Membership;

/// One change of who belongs to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change<N> {
    /// It gets a vote.
    Voter(N),
    /// It receives the log and has no vote; a voter loses it.
    Learner(N),
    /// It leaves.
    Remove(N),
}

/// Why a configuration cannot change so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// Two sets of voters would become three.
    #[error("config is already joint")]
    AlreadyJoint,
    /// One who is nobody cannot agree to anything.
    #[error("can't make a zero-voter config joint")]
    NoVoters,
    /// There is no second set of voters to leave.
    #[error("can't leave a non-joint config")]
    NotJoint,
    /// A simple change beside one in two steps.
    #[error("can't apply simple config change in joint config")]
    SimpleWhileJoint,
    /// Two majorities of sets that differ by more need not meet.
    #[error("more than one voter changed without entering joint config")]
    MoreThanOne,
    /// Nobody would be left to decide.
    #[error("removed all voters")]
    RemovedAll,
}

impl<N: Copy + Ord> Membership<N> {
    /// The configuration after changes that add or remove one voter at most; learners are free.
    ///
    /// # Errors
    /// [`Refused`]: this one is joint, more than one voter would change, or none would be left.
    pub fn simple(&self, changes: &[Change<N>]) -> Result<Self, Refused> {
        if self.is_joint() {
            return Err(Refused::SimpleWhileJoint);
        }
        let next = self.apply(changes)?;
        let only =
            |one: &Self, other: &Self| one.voters.iter().filter(|it| !other.voters.contains(it)).count();
        if only(self, &next) + only(&next, self) > 1 {
            return Err(Refused::MoreThanOne);
        }
        Ok(next)
    }

    /// The joint configuration that begins changes of any number of voters; `auto_leave`: it is left as soon as
    /// it is committed.
    ///
    /// # Errors
    /// [`Refused`]: this one is joint or has no voters, or none would be left.
    pub fn enter_joint(&self, auto_leave: bool, changes: &[Change<N>]) -> Result<Self, Refused> {
        if self.is_joint() {
            return Err(Refused::AlreadyJoint);
        }
        if self.voters.is_empty() {
            return Err(Refused::NoVoters);
        }
        let joint = Self { outgoing: self.voters.clone(), ..self.clone() };
        Ok(Self { auto_leave, ..joint.apply(changes)? })
    }

    /// The configuration that ends a change: the outgoing voters have no say any more.
    ///
    /// # Errors
    /// [`Refused::NotJoint`].
    pub fn leave_joint(&self) -> Result<Self, Refused> {
        if !self.is_joint() {
            return Err(Refused::NotJoint);
        }
        let mut next = self.clone();
        next.outgoing.clear();
        std::mem::take(&mut next.learners_next).into_iter().for_each(|it| insert(&mut next.learners, it));
        next.auto_leave = false;
        Ok(next)
    }

    /// The changes that lead from this configuration to one of these voters and learners.
    pub fn changes_to(&self, voters: &[N], learners: &[N]) -> Vec<Change<N>> {
        let gone =
            self.iter().filter(|it| !voters.contains(it) && !learners.contains(it)).map(Change::Remove);
        let new = voters.iter().filter(|it| !self.voters.contains(it)).map(|it| Change::Voter(*it));
        let learns = |it: &&N| !self.learners.contains(it) && !voters.contains(it);
        let listening = learners.iter().filter(learns).map(|it| Change::Learner(*it));
        new.chain(listening).chain(gone).collect()
    }

    fn apply(&self, changes: &[Change<N>]) -> Result<Self, Refused> {
        let mut next = self.clone();
        for change in changes {
            match *change {
                Change::Voter(it) => {
                    remove(&mut next.learners, it);
                    remove(&mut next.learners_next, it);
                    insert(&mut next.voters, it);
                }
                Change::Learner(it) => {
                    remove(&mut next.voters, it);
                    // One who still votes in the outgoing set cannot be a learner before that is gone.
                    let votes = next.outgoing.contains(&it);
                    insert(if votes { &mut next.learners_next } else { &mut next.learners }, it);
                }
                Change::Remove(it) => {
                    [&mut next.voters, &mut next.learners, &mut next.learners_next]
                        .into_iter()
                        .for_each(|list| remove(list, it));
                }
            }
        }
        if next.voters.is_empty() { Err(Refused::RemovedAll) } else { Ok(next) }
    }
}

fn insert<N: Ord>(list: &mut Vec<N>, it: N) {
    if let Err(at) = list.binary_search(&it) {
        list.insert(at, it);
    }
}

fn remove<N: Ord>(list: &mut Vec<N>, it: N) {
    list.retain(|other| *other != it);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of a script: `v1` a voter, `l2` a learner, `r3` removed.
    fn changes(text: &str) -> Vec<Change<u64>> {
        let one = |word: &str| {
            let id = word[1..].parse().unwrap();
            match &word[..1] {
                "v" => Change::Voter(id),
                "l" => Change::Learner(id),
                _ => Change::Remove(id),
            }
        };
        text.split_whitespace().map(one).collect()
    }

    fn step(config: &Membership<u64>, line: &str) -> Result<Membership<u64>, Refused> {
        let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
        match what {
            "simple" => config.simple(&changes(rest)),
            "enter" => config.enter_joint(false, &changes(rest)),
            "enter-auto" => config.enter_joint(true, &changes(rest)),
            _ => config.leave_joint(),
        }
    }

    #[track_caller]
    fn check(lines: &[(&str, &str)]) {
        let mut config = Membership::default();
        for (line, want) in lines {
            let shown = match step(&config, line) {
                Ok(next) => {
                    config = next;
                    config.to_string()
                }
                Err(refused) => refused.to_string(),
            };
            assert_eq!(shown, *want, "{line}");
        }
    }

    /// Scenario M19, as etcd's scripts go: what each step makes of the configuration, or why it cannot be done.
    #[test]
    fn one_voter_at_a_time() {
        check(&[
            ("simple l1", "removed all voters"),
            ("simple v1", "voters=(1)"),
            ("simple v2", "voters=(1 2)"),
            ("simple v2", "voters=(1 2)"),
            ("simple r9", "voters=(1 2)"),
            ("simple v3 r2", "more than one voter changed without entering joint config"),
            ("simple v3 v4", "more than one voter changed without entering joint config"),
            ("simple r1 r2", "removed all voters"),
            ("simple l3 l4", "voters=(1 2) learners=(3 4)"),
            ("simple v3", "voters=(1 2 3) learners=(4)"),
            ("simple l3", "voters=(1 2) learners=(3 4)"),
            ("simple r3 r4 r2", "voters=(1)"),
            ("leave", "can't leave a non-joint config"),
            ("simple r1", "removed all voters"),
        ]);
    }

    #[test]
    fn any_number_in_two_steps() {
        check(&[
            ("enter", "can't make a zero-voter config joint"),
            ("enter v1", "can't make a zero-voter config joint"),
            ("leave", "can't leave a non-joint config"),
            ("simple v1", "voters=(1)"),
            ("enter", "voters=(1)&&(1)"),
            ("enter", "config is already joint"),
            ("simple v2", "can't apply simple config change in joint config"),
            ("leave", "voters=(1)"),
            ("enter r1 v2 v3 l4", "voters=(2 3)&&(1) learners=(4)"),
            ("enter v5", "config is already joint"),
            ("leave", "voters=(2 3) learners=(4)"),
            ("leave", "can't leave a non-joint config"),
            ("enter-auto v1 r2", "voters=(1 3)&&(2 3) learners=(4) autoleave"),
            ("leave", "voters=(1 3) learners=(4)"),
            ("enter r1 r3", "removed all voters"),
        ]);
    }

    /// A voter that becomes a learner votes until the joint configuration is left.
    #[test]
    fn a_voter_becomes_a_learner_when_its_vote_is_gone() {
        check(&[
            ("simple v1", "voters=(1)"),
            ("enter v2 l1", "voters=(2)&&(1) learners_next=(1)"),
            ("leave", "voters=(2) learners=(1)"),
            ("enter v1 l2", "voters=(1)&&(2) learners_next=(2)"),
            ("leave", "voters=(1) learners=(2)"),
            ("enter v2 v3 l1 v1", "voters=(1 2 3)&&(1)"),
            ("leave", "voters=(1 2 3)"),
            ("enter l2 r2 l3", "voters=(1)&&(1 2 3) learners_next=(3)"),
            ("leave", "voters=(1) learners=(3)"),
        ]);
    }

    /// Whatever may be asked for: a joint configuration that is left is the one that was wanted.
    #[test]
    fn two_steps_lead_anywhere() {
        let set = |bits: u64| (0..4).filter(|id| bits >> id & 1 == 1).collect::<Vec<u64>>();
        for (from, learners) in (1..16).flat_map(|a| (0..16).map(move |b| (a, b & !a))) {
            let start = Membership { learners: set(learners), ..Membership::of(set(from)) };
            for (to, learn) in (1..16).flat_map(|a| (0..16).map(move |b| (a, b & !a))) {
                let want = Membership { learners: set(learn), ..Membership::of(set(to)) };
                let changes = start.changes_to(&want.voters, &want.learners);
                let joint = start.enter_joint(false, &changes).unwrap();
                assert_eq!(joint.outgoing, start.voters);
                assert_eq!(joint.leave_joint().unwrap(), want, "{start} to {want} by {changes:?}");
                match start.simple(&changes) {
                    Ok(next) => assert_eq!(next, want),
                    Err(refused) => assert_eq!(refused, Refused::MoreThanOne),
                }
            }
        }
    }
}
