//! Snapshots: what the log has made of the state machine up to some entry, in place of the entries.
use serde::{Deserialize, Serialize};

use super::replica::Replica;
use super::server::Adopted;
use crate::sim::Bytes;

/// The state after an entry. A copy shares the state machine's contents until one of them changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Snapshot {
    /// Index of the last entry that it stands for.
    pub last_included_index: u64,
    /// Term of that entry.
    pub last_included_term: u64,
    /// The latest configuration up to there; none where the log never had one.
    #[serde(default)]
    pub members: Option<Adopted>,
    /// The state machine, and what it remembers of clients.
    pub replica: Replica,
}

impl Snapshot {
    /// As it is sent.
    pub fn encode(&self) -> Bytes {
        // Writing to memory cannot fail, and nothing in a snapshot refuses to be written.
        postcard::to_stdvec(self).unwrap_or_default().into()
    }

    /// Once it is received. `None`: these bytes are no snapshot.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

/// How many bytes something takes, on disk or on its way.
pub fn size(value: &impl Serialize) -> u64 {
    postcard::serialize_with_flavor(value, postcard::ser_flavors::Size::default()).unwrap_or(0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machines::store::{MachineKind, Op};
    use crate::protocols::raft::log::Command;
    use crate::protocols::raft::replica::Memory;

    #[test]
    fn what_is_encoded_is_decoded_and_anything_else_is_not() {
        let mut replica = Replica::new(&MachineKind::Kv);
        let op = Op::Put { key: "x".into(), value: 3.into() };
        replica.apply(1, &Command::Apply { session: None, op }, Memory::All);
        let it = Snapshot { last_included_index: 5, last_included_term: 3, members: None, replica };
        let bytes = it.encode();
        assert_eq!(Snapshot::decode(&bytes), Some(it.clone()));
        assert_eq!(bytes.len() as u64, size(&it));
        assert_eq!(Snapshot::decode(&bytes[..bytes.len() - 1]), None);
    }
}
