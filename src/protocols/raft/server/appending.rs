//! Replication, the follower's side: a log that becomes the leader's, and never loses what it promised.
use super::*;
use crate::protocols::raft::log::{Entries, Log};

/// What new entries mean for a log that has their predecessor.
#[derive(Debug, PartialEq, Eq)]
enum Fit {
    /// It has them all already, and perhaps more: then the message was late.
    Known,
    /// It continues with them, from this one on.
    Continue(usize),
    /// Its own entry in the place of this one conflicts, and goes, with all that follow.
    Conflict(usize),
}

impl Fit {
    fn of(log: &Log, first: u64, entries: &[Entry]) -> Self {
        for (i, entry) in entries.iter().enumerate() {
            match log.term_at(first + i as u64) {
                None => return Self::Continue(i),
                Some(term) if term != entry.term => return Self::Conflict(i),
                Some(_) => {}
            }
        }
        Self::Known
    }
}

impl Server {
    pub(super) fn on_append_entries(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, msg: Msg) {
        let Msg::AppendEntries { term, prev_log_index, prev_log_term, entries, leader_commit, round } = msg
        else {
            return;
        };
        let (current, index) = (cx.disk().term, prev_log_index);
        let refusal = |(hint_index, hint_term)| Msg::AppendEntriesReply {
            term: current,
            success: false,
            index,
            hint_index,
            hint_term,
            round,
        };
        if term < current {
            return cx.send(from, refusal((0, 0)));
        }
        if self.is_leader() {
            return cx.note("two leaders in one term", term);
        }
        self.follow(cx);
        self.heed(cx, from);

        let log = &cx.disk().log;
        // What is compacted away was committed, so it is what the leader has there.
        let compacted = (log.first_index() - 1).saturating_sub(prev_log_index);
        let (prev_log_index, prev_log_term, entries) = match usize::try_from(compacted) {
            Ok(0) => (prev_log_index, prev_log_term, entries),
            skip => {
                let skip = skip.unwrap_or(usize::MAX).min(entries.len());
                let (index, term) = (log.first_index() - 1, log.term_at(log.first_index() - 1).unwrap_or(0));
                (index, term, entries[skip..].iter().cloned().collect())
            }
        };
        if log.term_at(prev_log_index) != Some(prev_log_term) && !self.skips_check(log, prev_log_index) {
            let hint_index = log.last_within(prev_log_index, prev_log_term);
            let hint_term = log.term_at(hint_index).unwrap_or(0);
            return cx.send(from, refusal((hint_index, hint_term)));
        }
        let last_new = prev_log_index + entries.len() as u64;
        if !self.store(cx, prev_log_index + 1, entries) {
            return;
        }
        let (hint_index, hint_term) = (0, 0);
        let reply =
            Msg::AppendEntriesReply { term, success: true, index: last_new, hint_index, hint_term, round };
        if self.breaks(Mutant::AckBeforeSync) {
            cx.send_at_once(from, reply)
        } else {
            cx.send(from, reply)
        }

        // Only what this message has proved to be the leader's: the rest of the log may be anything.
        let proved =
            if self.breaks(Mutant::CommitBeyondMatch) { cx.disk().log.last_index() } else { last_new };
        let commit = leader_commit.min(proved);
        if commit > self.commit {
            self.commit = commit;
            cx.remark("commit", commit);
            self.apply(cx);
        }
    }

    /// Makes the log continue with `entries` from `first` on. An entry that is there already stays, and so
    /// does everything after it: the message may be late. False where that is impossible.
    fn store(&mut self, cx: &mut Cx<'_, Node>, first: u64, entries: Entries) -> bool {
        let log = &cx.disk().log;
        let from = match Fit::of(log, first, &entries) {
            Fit::Known if self.breaks(Mutant::TruncateAlways) => 0,
            Fit::Known => return true,
            Fit::Continue(i) => i,
            Fit::Conflict(_) if self.breaks(Mutant::NoTruncate) => match log.last_index() + 1 - first {
                beyond if beyond < entries.len() as u64 => beyond as usize,
                _ => return true,
            },
            Fit::Conflict(i) if first + i as u64 <= self.commit => {
                cx.note("conflict with a committed entry", first + i as u64);
                return false;
            }
            Fit::Conflict(i) => i,
        };
        let entries = if from == 0 { entries } else { entries[from..].iter().cloned().collect() };
        let from = first + from as u64;
        if from <= log.last_index() {
            cx.note("truncated", from);
            self.give_up_from(cx, from);
            self.roll_back(cx, from);
        }
        cx.write(Write::Splice { from, entries: entries.clone() });
        self.adopt(cx, from, &entries);
        true
    }

    /// For the mutant that does: entries must still not leave a hole.
    fn skips_check(&self, log: &Log, prev: u64) -> bool {
        self.breaks(Mutant::NoConsistencyCheck) && prev <= log.last_index()
    }
}
