//! What a leader knows of one server, and how much it may send it.
//!
//! ```text
//!         --success [acknowledged]-->
//!  Probe                               Replicate
//!         <--refusal [refused]-------
//! ```
//! Probing, one message is under way at a time and is sent again until it is answered. Replicating, entries
//! are taken for stored as soon as they are sent, and as many messages as the window allows are under way.
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::log::Log;
use crate::sim::NodeId;

/// One server, as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Peer {
    /// Which server.
    pub id: NodeId,
    /// Index of the highest entry known to be on its disk.
    pub match_index: u64,
    /// Index of the next entry to send it.
    pub next_index: u64,
    /// How sure the leader is of `next_index`.
    pub progress: Progress,
    /// The latest round of confirmation it has answered.
    pub round: u32,
}

/// How sure the leader is of where a server's log continues its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Not at all.
    Probe {
        /// Whether a message is under way to find out.
        paused: bool,
    },
    /// Sure.
    Replicate {
        /// The last index of every message with entries that is under way.
        inflight: VecDeque<u64>,
    },
}

impl Peer {
    /// A server of which a leader with this last index knows nothing yet.
    pub fn new(id: NodeId, last_index: u64) -> Self {
        Self { id, match_index: 0, next_index: last_index + 1, progress: Progress::Probe { paused: false }, round: 0 }
    }

    /// Whether entries may be sent now.
    pub fn may_send(&self, window: usize) -> bool {
        match &self.progress {
            Progress::Probe { paused } => !paused,
            Progress::Replicate { inflight } => inflight.len() < window,
        }
    }

    /// So many entries have been sent.
    pub fn sent(&mut self, count: usize) {
        match &mut self.progress {
            Progress::Probe { paused } => *paused = true,
            Progress::Replicate { inflight } => {
                self.next_index += count as u64;
                inflight.push_back(self.next_index - 1);
            }
        }
    }

    /// It has everything up to `index`. Whether that is news.
    pub fn acknowledged(&mut self, index: u64) -> bool {
        if index < self.match_index {
            return false; // overtaken by a later answer
        }
        match &mut self.progress {
            Progress::Probe { .. } => self.progress = Progress::Replicate { inflight: VecDeque::new() },
            Progress::Replicate { inflight } => {
                while inflight.front().is_some_and(|last| *last <= index) {
                    inflight.pop_front();
                }
            }
        }
        self.next_index = self.next_index.max(index + 1);
        std::mem::replace(&mut self.match_index, index) < index
    }

    /// Its log differs from `log` at `index`, and may agree at `hint_index`, where it has `hint_term`.
    /// Whether that is news.
    pub fn refused(&mut self, log: &Log, index: u64, hint_index: u64, hint_term: u64) -> bool {
        // What it once acknowledged it has lost, or this is an old answer: sending it again at once would be
        // refused at once, for ever.
        let acknowledged = index <= self.match_index;
        let stale = matches!(self.progress, Progress::Probe { .. }) && index + 1 != self.next_index;
        if acknowledged || stale {
            return false;
        }
        let agree = log.last_within(hint_index.min(index.saturating_sub(1)), hint_term);
        self.next_index = agree.max(self.match_index) + 1;
        self.progress = Progress::Probe { paused: false };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_lost_what_it_acknowledged_is_not_sent_it_again_at_once() {
        let mut peer = Peer::new(NodeId(1), 9);
        assert!(peer.acknowledged(5));
        assert!(peer.refused(&Log::default(), 9, 0, 0));
        assert_eq!(peer.next_index, 6);
        peer.sent(0);
        assert!(!peer.refused(&Log::default(), 5, 0, 0));
        assert!(!peer.may_send(1));
    }
}
