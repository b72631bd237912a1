//! Validation in the order of timestamps at a server (notes, Example 6.3).
use super::Server;
use crate::protocols::concurrency_control::Node;
use crate::protocols::concurrency_control::config::Mutant;
use crate::protocols::concurrency_control::message::{End, Serial, Share, TxnId};
use crate::protocols::concurrency_control::program::Reason;
use crate::sim::Cx;

impl Server {
    /// Whether a transaction's part is as if all had run in the order of their timestamps.
    ///
    /// A server has one version of a key, so it says NO to some that could have committed: whoever has read,
    /// or would write, something older than what is there.
    pub(super) fn vote_in_order(&self, cx: &Cx<'_, Node>, serial: Serial, txn: TxnId, share: &Share) -> End {
        let disk = cx.disk();
        let others = || {
            let all = disk.prepared.iter().filter(|_| !self.config.breaks(Mutant::SkipPending));
            all.filter(|(other, _)| **other != txn).map(|(_, it)| it)
        };
        for (key, seen) in &share.reads {
            let overwritten = disk.item(key).version != *seen;
            // One that came before, and may yet write what should have been read.
            let pending = others()
                .any(|it| it.serial < serial && it.share.writes.iter().any(|(written, _)| written == key));
            if overwritten || pending || *seen > serial {
                return Err(Reason::Timestamp);
            }
        }
        for (key, _) in &share.writes {
            let read_later = disk.read_at.get(key).is_some_and(|it| *it > serial);
            // One that comes after, and has read what this would have written.
            let pending =
                others().any(|it| it.serial > serial && it.share.reads.iter().any(|(read, _)| read == key));
            let readers = (read_later || pending) && !self.config.breaks(Mutant::SkipReaders);
            if readers || disk.item(key).version > serial {
                return Err(Reason::Timestamp);
            }
        }
        Ok(())
    }
}
