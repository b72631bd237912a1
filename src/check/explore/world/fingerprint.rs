//! Fingerprints of states: sums of the hashes of their parts, each spread together with its place. A sum does not
//! care for order, so that equal messages in flight on a link that keeps none add up to the same.
use super::hash::spread;
use super::judge::Judge;
use super::state::{ANSWERED, BROKEN, CUT, MONITOR, NODES, UNASKED};
use super::tables::placed;
use super::{Failure, Worlds};
use crate::sim::Protocol;

/// What a part is; the places of parts of different kinds differ.
const MONITORS: u64 = 1 << 60;
const BROKENS: u64 = 2 << 60;
const ANSWERS: u64 = 3 << 60;
const ORDERS: u64 = 4 << 60;
const FLIGHTS: u64 = 5 << 60;

impl<P: Protocol, J: Judge<P>> Worlds<P, J> {
    pub(super) fn hash(&self, words: &[u32], lane: u64) -> u64 {
        match lane {
            0 | 1 => self.lane(words, lane as usize),
            // As many lanes as one likes, each from all bits there are.
            _ => spread(self.lane(words, 0) ^ spread(self.lane(words, 1) ^ spread(lane))),
        }
    }

    fn lane(&self, words: &[u32], lane: usize) -> u64 {
        let tables = &self.tables;
        let head = words[..4].iter().fold(lane as u64, |hash, word| spread(hash ^ u64::from(*word)));
        let mut sum = head;
        sum = sum.wrapping_add(placed(&tables.monitors.get(words[MONITOR]).hash, lane, MONITORS));
        sum = sum.wrapping_add(placed(&tables.broken.get(words[BROKEN]).hash, lane, BROKENS));
        // A node's hash knows which node it is of.
        for &local in &words[NODES..NODES + self.layout.nodes] {
            sum = sum.wrapping_add(tables.locals.get(local).hash[lane]);
        }
        for op in 0..self.layout.ops {
            sum = sum.wrapping_add(self.op_hash(words, op, lane));
        }
        let (mut before, mut order) = (u32::MAX, 0);
        for &[link, msg] in self.layout.messages(words) {
            order = if link == before && self.in_order(link) { order + 1 } else { 0 };
            before = link;
            let place = FLIGHTS | order << 32 | u64::from(link);
            sum = sum.wrapping_add(placed(&tables.messages.get(msg).hash, lane, place));
        }
        spread(sum)
    }

    /// The hash of the state that another naming of alike nodes makes of this one.
    pub(super) fn hash_renamed(
        &self,
        words: &[u32],
        lane: u64,
        which: usize,
    ) -> Result<u64, Failure<J::Error>> {
        Ok(match lane {
            0 | 1 => self.lane_renamed(words, lane as usize, which)?,
            _ => {
                let [zero, one] = [0, 1].map(|lane| self.lane_renamed(words, lane, which));
                spread(zero? ^ spread(one? ^ spread(lane)))
            }
        })
    }

    /// As [`lane`](Self::lane), with every part renamed.
    fn lane_renamed(&self, words: &[u32], lane: usize, which: usize) -> Result<u64, Failure<J::Error>> {
        let (tables, renaming) = (&self.tables, &self.symmetry.renamings[which]);
        let cut = match words[CUT] >> 1 {
            0 => words[CUT],
            way => (renaming.ways[way as usize - 1] as u32 + 1) << 1 | words[CUT] & 1,
        };
        let head = [words[0], words[1], words[2], cut];
        let mut sum = head.iter().fold(lane as u64, |hash, word| spread(hash ^ u64::from(*word)));
        sum = sum.wrapping_add(placed(&tables.monitors.get(words[MONITOR]).hash, lane, MONITORS));
        sum = sum.wrapping_add(placed(&tables.broken.get(words[BROKEN]).hash, lane, BROKENS));
        for &local in self.layout.locals(words) {
            sum = sum.wrapping_add(self.renamed_local(local)?[which][lane]);
        }
        for op in 0..self.layout.ops {
            let word = words[self.layout.op(op)];
            let answer = match word.checked_sub(ANSWERED) {
                Some(reply) => self.renamed_reply(reply)?[which],
                None if word == UNASKED => continue,
                None => [0; 2],
            };
            let place = renaming.ops[op] as u64;
            sum = sum.wrapping_add(placed(&answer, lane, ANSWERS | place));
            if self.setup.history {
                let before = self.layout.answered_before(words, op);
                let members = (0..self.layout.ops).filter(|it| before >> it & 1 != 0);
                let order = members.fold(0_u64, |set, it| set | 1 << renaming.ops[it]);
                sum = sum.wrapping_add(placed(&[order; 2], lane, ORDERS | place));
            }
        }
        let (mut before, mut order) = (u32::MAX, 0);
        for &[link, msg] in self.layout.messages(words) {
            order = if link == before && self.in_order(link) { order + 1 } else { 0 };
            before = link;
            let place = FLIGHTS | order << 32 | u64::from(renaming.link(link));
            sum = sum.wrapping_add(placed(&self.renamed_message(msg)?[which], lane, place));
        }
        Ok(spread(sum))
    }

    fn op_hash(&self, words: &[u32], op: usize, lane: usize) -> u64 {
        let word = words[self.layout.op(op)];
        if word == UNASKED {
            return 0;
        }
        let answer = match word.checked_sub(ANSWERED) {
            Some(reply) => self.tables.replies.get(reply).hash,
            None => [0; 2],
        };
        let hash = placed(&answer, lane, ANSWERS | op as u64);
        if !self.setup.history {
            return hash;
        }
        let order = self.layout.answered_before(words, op);
        hash.wrapping_add(placed(&[order; 2], lane, ORDERS | op as u64))
    }
}
