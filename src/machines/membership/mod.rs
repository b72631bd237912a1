//! Who belongs to a replicated group, and how that may change.
//!
//! Ongaro's thesis, chapter 4. A configuration has voters, and learners who receive the log and do not count. It
//! changes by one voter at a time ([`Membership::simple`]), or by any number in two steps: between
//! [`Membership::enter_joint`] and [`Membership::leave_joint`] two sets of voters decide together.
//!
//! | file | what |
//! |---|---|
//! | `quorum.rs` | the arithmetic of one majority, and of two |
//! | `change.rs` | from one configuration to the next, and why not |
mod change;
pub mod quorum;

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

pub use change::{Change, Refused};
use quorum::Voters;

/// A configuration. All lists are sorted, nobody is in one of them twice.
///
/// ```
/// use distlab::machines::membership::{Change, Membership};
/// let old = Membership::of([1, 2, 3]);
/// let joint = old.enter_joint(true, &[Change::Voter(4), Change::Learner(1)]).unwrap();
/// assert_eq!(joint.to_string(), "voters=(2 3 4)&&(1 2 3) learners_next=(1) autoleave");
/// assert_eq!(joint.leave_joint().unwrap().to_string(), "voters=(2 3 4) learners=(1)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership<N> {
    /// Those whose votes and copies count.
    pub voters: Vec<N>,
    /// Those who voted before, and still do while the configuration is joint; nobody otherwise.
    #[serde(default = "Vec::new")]
    pub outgoing: Vec<N>,
    /// Those who receive the log and do not count.
    #[serde(default = "Vec::new")]
    pub learners: Vec<N>,
    /// Outgoing voters who will be learners: until then they still vote.
    #[serde(default = "Vec::new")]
    pub learners_next: Vec<N>,
    /// Whether the joint configuration is left as soon as it is committed.
    #[serde(default)]
    pub auto_leave: bool,
}

impl<N> Default for Membership<N> {
    fn default() -> Self {
        let [voters, outgoing, learners, learners_next] = [const { Vec::new() }; 4];
        Self { voters, outgoing, learners, learners_next, auto_leave: false }
    }
}

impl<N: Copy + Ord> Membership<N> {
    /// These voters and nobody else.
    pub fn of(voters: impl IntoIterator<Item = N>) -> Self {
        let mut voters: Vec<N> = voters.into_iter().collect();
        voters.sort_unstable();
        voters.dedup();
        Self { voters, ..Self::default() }
    }

    /// Whether two sets of voters decide together.
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Those who decide.
    pub fn deciding(&self) -> Voters<'_, N> {
        Voters { incoming: &self.voters, outgoing: &self.outgoing }
    }

    /// Whether `it` belongs to the group, with a vote or without.
    pub fn contains(&self, it: N) -> bool {
        self.deciding().contains(it) || self.learners.contains(&it)
    }

    /// Everybody who belongs to it, once: voters, outgoing ones, learners.
    pub fn iter(&self) -> impl Iterator<Item = N> + '_ {
        self.deciding().iter().chain(self.learners.iter().copied())
    }
}

/// As etcd writes it: `voters=(2 3)&&(1) learners=(4)`.
impl<N: Display> Display for Membership<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = |list: &[N]| format!("({})", list.iter().map(N::to_string).collect::<Vec<_>>().join(" "));
        write!(f, "voters={}", set(&self.voters))?;
        if !self.outgoing.is_empty() {
            write!(f, "&&{}", set(&self.outgoing))?;
        }
        for (name, list) in [("learners", &self.learners), ("learners_next", &self.learners_next)] {
            if !list.is_empty() {
                write!(f, " {name}={}", set(list))?;
            }
        }
        if self.auto_leave { f.write_str(" autoleave") } else { Ok(()) }
    }
}
