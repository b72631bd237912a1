//! Reads by a leader that need no round, as long as it knows that nobody can have been elected (thesis, 6.4.1).
//!
//! A round that a majority has answered shows that each of them heard the leader after the round began, and, where
//! `leader_liveness` is on, votes for nobody before the shortest election timeout has passed on its clock. So the
//! leader has a lease of that length, less what clocks may drift: if each runs at most `d` too fast or too slow,
//! of (1 - d) / (1 + d) of it. A leader that has asked another to take over, with a message that may arrive late,
//! has no lease for the rest of its term.
use super::*;

const MILLION: u64 = 1_000_000;

/// What a leader knows of how long it is safe.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lease {
    /// When the rounds began that are not yet answered, by its own clock.
    begun: VecDeque<(u32, Reading)>,
    /// Until when nobody else is elected, by its own clock.
    until: Option<Reading>,
}

impl Server {
    /// Begins a round; its number.
    pub(super) fn begin_round(&mut self, cx: &Cx<'_, Node>) -> u32 {
        let leased = self.config.lease_drift_ppm.is_some();
        let Some(leader) = self.leader_mut() else { return 0 };
        leader.round += 1;
        if leased {
            leader.lease.begun.push_back((leader.round, cx.now()));
        }
        leader.round
    }

    /// A peer has answered a later round than before.
    pub(super) fn renew_lease(&mut self, cx: &Cx<'_, Node>) {
        let Some(length) = self.lease_length() else { return };
        let Role::Leader(leader) = &self.role else { return };
        let (me, begun) = (cx.id, leader.round);
        let confirmed =
            self.decided(leader, |peer| u64::from(if peer.id == me { begun } else { peer.round }));
        let Some(leader) = self.leader_mut() else { return };
        while let Some((round, at)) = leader.lease.begun.front().copied() {
            if u64::from(round) > confirmed {
                break;
            }
            leader.lease.begun.pop_front();
            leader.lease.until = leader.lease.until.max(Some(at.saturating_add(length)));
        }
    }

    /// Whether a leader may answer reads at once.
    pub(super) fn has_lease(&self, cx: &Cx<'_, Node>) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        let disk = cx.disk();
        self.config.lease_drift_ppm.is_some()
            && !leader.handed
            && disk.log.term_at(self.commit) == Some(disk.term)
            && leader.lease.until.is_some_and(|until| cx.now() < until)
    }

    /// How long it lasts, from the beginning of the round.
    fn lease_length(&self) -> Option<Reading> {
        let drift = u64::from(self.config.lease_drift_ppm?).min(MILLION);
        let min = self.config.election_timeout.min;
        let length = if self.breaks(Mutant::LeaseWithoutBound) {
            min
        } else {
            (u128::from(min) * u128::from(MILLION - drift) / u128::from(MILLION + drift)) as u64
        };
        Some(Reading::try_from(length).unwrap_or(Reading::MAX))
    }
}
