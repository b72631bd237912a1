//! Snapshots: what the log has made of the state machine up to some entry, in place of the entries.
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::replica::Replica;
use super::server::Adopted;

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
        Bytes(postcard::to_stdvec(self).unwrap_or_default().into())
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

/// Bytes that are shared by whoever holds them.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(Arc<[u8]>);

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}
impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}
impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}
impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}
impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(bytes.into())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Bytes, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = items.next_element::<u8>()? {
                    bytes.push(byte);
                }
                Ok(Bytes(bytes.into()))
            }
        }
        deserializer.deserialize_bytes(Any)
    }
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
