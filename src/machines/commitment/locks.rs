//! Who may touch which key. A lock is exclusive, and nobody waits for one: who cannot have it votes NO.
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Key, Txn};

/// The locks of one participant.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Locks(BTreeMap<Key, Txn>);

impl Locks {
    /// Takes all of `keys` for `txn`, or none. Whether it has them now.
    pub fn take(&mut self, txn: Txn, keys: &BTreeSet<Key>) -> bool {
        if keys.iter().any(|key| self.0.get(key).is_some_and(|holder| *holder != txn)) {
            return false;
        }
        self.0.extend(keys.iter().map(|key| (key.clone(), txn)));
        true
    }

    /// Gives back those of `keys` that `txn` holds.
    pub fn release(&mut self, txn: Txn, keys: &BTreeSet<Key>) {
        for key in keys {
            if self.0.get(key) == Some(&txn) {
                self.0.remove(key);
            }
        }
    }

    /// Who holds what, by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Key, &Txn)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::NodeId;

    #[test]
    fn all_or_none_and_only_one_s_own() {
        let [one, two] = [1, 2].map(|seq| Txn { client: NodeId(0), seq });
        let keys = |text: &str| text.split(' ').map(Key::from).collect::<BTreeSet<_>>();
        let mut locks = Locks::default();
        assert!(locks.take(one, &keys("a b")));
        assert!(locks.take(one, &keys("a")), "one's own lock is no conflict");
        assert!(!locks.take(two, &keys("b c")));
        assert_eq!(locks.iter().len(), 2, "what is refused takes nothing");
        locks.release(two, &keys("a b"));
        assert_eq!(locks.iter().len(), 2);
        locks.release(one, &keys("a b"));
        assert!(locks.take(two, &keys("b c")));
    }
}
