//! What a leader knows of one server, and how much it may send it.
//!
//! ```text
//!         --success [acknowledged]-->
//!  Probe                               Replicate
//!   |     <--refusal [refused]-------   |     ^
//!   |                                   |     |
//!   '----what it lacks is compacted-----'     |
//!                     | [begin_snapshot]      |
//!                     v                       |
//!                  Snapshot -----all of it----' [acknowledged]
//! ```
//! Probing, one message is under way at a time and is sent again until it is answered. Replicating, entries
//! are taken for stored as soon as they are sent, and as many messages as the window allows are under way.
//! A refusal then means that something got lost, or was overtaken: the window halves, and grows again by one
//! with every acknowledgement, as TCP's does. Otherwise each loss would have everything after it sent again.
//! A snapshot goes in chunks, each when the one before it has arrived.
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::log::Log;
use crate::sim::{Bytes, NodeId};

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
    /// How many messages with entries may be under way, as far as experience goes.
    pub window: u32,
    /// The latest round it has answered.
    pub round: u32,
    /// The round that was under way when `match_index` last rose: whatever was sent in a later one finds at
    /// least so much there.
    pub since: u32,
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
    /// It lacks entries that the leader has no more.
    Snapshot(Transmission),
}

/// A snapshot on its way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Transmission {
    /// Index of the last entry that the snapshot stands for.
    pub last_included_index: u64,
    /// Term of that entry.
    pub last_included_term: u64,
    /// All of it.
    pub data: Bytes,
    /// How many bytes of it have arrived.
    pub offset: u64,
    /// The round that was under way when the latest piece was sent: an answer to a later one tells what became of it.
    pub since: u32,
}

impl Peer {
    /// A server of which a leader with this last index knows nothing yet.
    pub fn new(id: NodeId, last_index: u64) -> Self {
        Self {
            id,
            match_index: 0,
            next_index: last_index + 1,
            progress: Progress::Probe { paused: false },
            window: u32::MAX,
            round: 0,
            since: 0,
        }
    }

    /// Whether entries may be sent now, when so many messages are allowed at most.
    pub fn may_send(&self, most: u32) -> bool {
        match &self.progress {
            Progress::Probe { paused } => !paused,
            Progress::Replicate { inflight } => inflight.len() < self.window.min(most) as usize,
            Progress::Snapshot(_) => false,
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
            Progress::Snapshot(_) => {} // chunks are no entries
        }
    }

    /// How far it has come: entries, or bytes of what stands for them.
    pub fn reached(&self) -> u64 {
        match &self.progress {
            Progress::Snapshot(transmission) => self.match_index + transmission.offset,
            _ => self.match_index,
        }
    }

    /// It has everything up to `index`, as is known in round `now`. Whether that is news.
    pub fn acknowledged(&mut self, index: u64, now: u32) -> bool {
        if index < self.match_index {
            return false; // overtaken by a later answer
        }
        match &mut self.progress {
            Progress::Probe { .. } if index + 1 < self.next_index => {} // not yet what the probe asks
            Progress::Snapshot(it) if index < it.last_included_index => {} // of what was sent before it
            Progress::Probe { .. } | Progress::Snapshot(_) => {
                self.progress = Progress::Replicate { inflight: VecDeque::new() };
            }
            Progress::Replicate { inflight } => {
                while inflight.front().is_some_and(|last| *last <= index) {
                    inflight.pop_front();
                }
            }
        }
        self.next_index = self.next_index.max(index + 1);
        if index == self.match_index {
            return false;
        }
        (self.match_index, self.since) = (index, now);
        self.window = self.window.saturating_add(1);
        true
    }

    /// Its log differs from `log` at `index`, and may agree at `hint_index`, where it has `hint_term`; so it
    /// answers to a message of `round`. Whether that is news.
    pub fn refused(&mut self, log: &Log, round: u32, index: u64, hint_index: u64, hint_term: u64) -> bool {
        if matches!(self.progress, Progress::Snapshot(_)) {
            return false; // that is known
        }
        // Whoever has everything up to `match_index` refuses nothing up to there, and hints at nothing before.
        if index <= self.match_index || hint_index < self.match_index {
            if round <= self.since {
                return false; // it was overtaken by the acknowledgement
            }
            self.match_index = 0; // the disk was lost
        } else if matches!(self.progress, Progress::Probe { .. }) && index + 1 != self.next_index {
            return false; // not what the probe asks
        }
        if let Progress::Replicate { inflight } = &self.progress {
            self.window = (inflight.len() as u32 / 2).max(1);
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

    /// A refusal of what was acknowledged is an old answer, or the disk was lost. Sending again at once upon
    /// an old answer would be refused at once, for ever.
    #[test]
    fn only_a_later_round_shows_that_a_disk_was_lost() {
        let log = Log::default();
        let mut peer = Peer::new(NodeId(1), 9);
        assert!(peer.refused(&log, 0, 9, 5, 0));
        assert_eq!(peer.next_index, 1, "an empty log agrees with nothing");
        assert!(peer.acknowledged(5, 1));
        peer.sent(1);
        for (index, hint) in [(5, 0), (3, 0), (6, 4)] {
            assert!(!peer.refused(&log, 1, index, hint, 0), "{index} {hint}: it was overtaken");
        }
        assert_eq!(peer.match_index, 5);
        assert!(peer.refused(&log, 2, 5, 0, 0));
        assert_eq!((peer.match_index, peer.next_index), (0, 1));
    }

    #[test]
    fn the_window_halves_with_a_refusal_and_grows_with_acknowledgements() {
        let mut peer = Peer::new(NodeId(1), 0);
        assert!(peer.acknowledged(1, 0));
        (0..8).for_each(|_| peer.sent(1));
        assert!(!peer.may_send(8) && peer.may_send(9));
        assert!(peer.refused(&Log::default(), 0, 9, 1, 0));
        assert_eq!(peer.window, 4);
        assert!(peer.acknowledged(2, 0));
        (0..5).for_each(|_| peer.sent(1));
        assert!(!peer.may_send(8), "five are under way");
    }
}
