//! What survives a crash.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::message::{End, Item, Serial, Share, TxnId};
use super::program::Version;
use crate::sim::{NodeId, Storage};

/// A node's persistent state. A client keeps only how often it has come up.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Disk {
    /// How often the node has come up.
    pub incarnation: u32,
    /// Of a server: what its keys hold.
    pub items: BTreeMap<Arc<str>, Arc<Item>>,
    /// Of a server in timestamp order: the latest transaction that read each key.
    pub read_at: BTreeMap<Arc<str>, Serial>,
    /// Of a server: those it has voted for, and whose outcome it does not know.
    pub prepared: BTreeMap<TxnId, Prepared>,
    /// Of a coordinator: commits that some server has yet to carry out.
    pub decided: BTreeMap<Serial, Arc<Decided>>,
    /// Of a coordinator: how the latest transaction of each lane ended.
    pub ended: BTreeMap<(NodeId, u32), Ended>,
    /// Of a coordinator in centralized OCC: the version of each key.
    pub versions: BTreeMap<Arc<str>, Version>,
}

/// A transaction that a server has voted for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Prepared {
    /// In which round.
    pub serial: Serial,
    /// Its part here.
    pub share: Arc<Share>,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Decided {
    /// Which transaction.
    pub txn: TxnId,
    /// Who has to carry it out.
    pub servers: BTreeSet<NodeId>,
    /// What to write, where that was not told before.
    pub items: Vec<(Arc<str>, Arc<Item>)>,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ended {
    /// Which transaction.
    pub txn: TxnId,
    /// How.
    pub end: End,
}

/// A change of the persistent state: what something is from now on; none: it is gone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // each is named as what it changes
pub enum Write {
    Incarnation(u32),
    Item(Arc<str>, Option<Arc<Item>>),
    ReadAt(Arc<str>, Option<Serial>),
    Prepared(TxnId, Option<Prepared>),
    Decided(Serial, Option<Arc<Decided>>),
    Ended((NodeId, u32), Option<Ended>),
    Version(Arc<str>, Option<Version>),
    /// Several at once, all or nothing.
    All(Vec<Write>),
}

impl Disk {
    /// What a key holds.
    pub fn item(&self, key: &str) -> Arc<Item> {
        self.items.get(key).cloned().unwrap_or_default()
    }
}

/// Sets or removes an entry; returns what was there.
fn set<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) -> Option<V> {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    }
}

impl Storage for Disk {
    type Write = Write;

    fn apply(&mut self, write: Write) -> Write {
        match write {
            Write::Incarnation(new) => Write::Incarnation(std::mem::replace(&mut self.incarnation, new)),
            Write::Item(key, it) => Write::Item(key.clone(), set(&mut self.items, key, it)),
            Write::ReadAt(key, it) => Write::ReadAt(key.clone(), set(&mut self.read_at, key, it)),
            Write::Prepared(txn, it) => Write::Prepared(txn, set(&mut self.prepared, txn, it)),
            Write::Decided(serial, it) => Write::Decided(serial, set(&mut self.decided, serial, it)),
            Write::Ended(lane, it) => Write::Ended(lane, set(&mut self.ended, lane, it)),
            Write::Version(key, it) => Write::Version(key.clone(), set(&mut self.versions, key, it)),
            Write::All(writes) => {
                let mut inverses: Vec<Write> = writes.into_iter().map(|write| self.apply(write)).collect();
                inverses.reverse();
                Write::All(inverses)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_write_is_taken_back_by_its_inverse() {
        let txn = TxnId { age: 1, client: NodeId(2), lane: 0, incarnation: 1, attempt: 1 };
        let prepared = |serial| Prepared { serial, share: Arc::default() };
        let item = |version| Arc::new(Item { value: 7.into(), version });
        let writes = vec![
            Write::Incarnation(3),
            Write::Item("x".into(), Some(item(1))),
            Write::Item("x".into(), Some(item(2))),
            Write::Prepared(txn, Some(prepared(1))),
            Write::Prepared(txn, Some(prepared(2))),
            Write::Prepared(txn, None),
            Write::ReadAt("x".into(), Some(4)),
            Write::Version("x".into(), Some(4)),
            Write::Ended((NodeId(2), 0), Some(Ended { txn, end: Ok(()) })),
        ];
        let mut disk = Disk::default();
        let mut undo: Vec<(Disk, Write)> = Vec::new();
        for write in writes.iter().cloned().chain([Write::All(writes.clone())]) {
            let before = disk.clone();
            let inverse = disk.apply(write);
            undo.push((before, inverse));
        }
        for (before, inverse) in undo.into_iter().rev() {
            disk.apply(inverse);
            assert_eq!(disk, before);
        }
    }
}
