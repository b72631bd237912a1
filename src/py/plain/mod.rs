//! A Python value at rest: how what users' own nodes say, store and answer becomes plain data.
//!
//! The encoding is compact and has one form for each value, so that comparing and hashing bytes compares
//! and hashes values. "The same value" is narrower than Python's `==`: types count (`1`, `1.0` and `True`
//! differ) and so does the order of a dict, because code can tell them apart.
mod classes;
mod read;
mod write;

use std::fmt;
use std::sync::Arc;

use pyo3::prelude::*;
use serde::de::{self, Deserializer, EnumAccess, VariantAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::sim::Value;

pub use classes::{Class, Shape, named, remember};
pub use read::{Damaged, new_object};
pub use write::encode_object;

/// The name under which the bridge to Python recognizes a [`Plain`].
pub const PLAIN: &str = "distlab::Plain";

/// How deep values may be nested: far beyond any message, and far from the end of the stack.
const MAX_DEPTH: u32 = 100;

/// How long the encoding of one value may be.
const MAX_BYTES: usize = 64 << 20;

/// A Python value at rest. None is the empty encoding.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Plain(Arc<[u8]>);

impl Plain {
    /// Takes down a value; `root` is what an error calls it.
    pub fn encode(value: &Bound<'_, PyAny>, root: &str) -> PyResult<Self> {
        write::encode(value, root)
    }

    /// Builds the value anew: no two decodings share an object.
    pub fn decode<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Self::decode_bytes(&self.0, py)
    }

    /// As [`decode`](Self::decode), from the bare encoding.
    pub fn decode_bytes<'py>(bytes: &[u8], py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        read::decode(bytes, py)
    }

    /// Sets the attributes of `object` to what [`encode_object`] took down of another one of its class.
    pub fn decode_into(&self, object: &Bound<'_, PyAny>) -> PyResult<()> {
        read::decode_into(&self.0, object)
    }

    /// The class of the object it is an encoding of, as `module:qualname`.
    pub fn class(&self) -> Option<&str> {
        read::class(&self.0)
    }

    /// The name of its kind: of a message `("ping", 3)` or `{"ping": 3}` or `Ping(3)`, what is `ping` there.
    pub fn kind(&self) -> &'static str {
        read::kind(&self.0)
    }

    /// What a history can say about it; a float or a dict only as text.
    pub fn value(&self) -> Value {
        read::value(&self.0)
    }

    /// Whether it is a string.
    pub fn is_text(&self) -> bool {
        self.0.first() == Some(&read::tag::TEXT)
    }

    /// The items, if it is a list or a tuple.
    pub fn items(&self) -> Option<Vec<Plain>> {
        read::items(&self.0)
    }

    /// A string.
    pub fn text(it: &str) -> Self {
        write::text(it)
    }

    /// A tuple of such values.
    pub fn tuple(items: &[Value]) -> Self {
        write::tuple(items)
    }

    /// The encoding.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// From an encoding, which is checked.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Damaged> {
        read::check(bytes)?;
        Ok(Self(bytes.into()))
    }
}

/// As Python would show it.
impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        read::show(&self.0, f)
    }
}

struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// For readers (traces, Python) a variant named for the kind of the value; in files just the encoding.
impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_newtype_variant(PLAIN, 0, self.kind(), &Bytes(&self.0))
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_enum(PLAIN, &[], Encoded)
        } else {
            deserializer.deserialize_byte_buf(Encoded)
        }
    }
}

/// Any of the two forms in which a [`Plain`] is serialized.
#[derive(Clone, Copy)]
struct Encoded;

impl<'de> de::DeserializeSeed<'de> for Encoded {
    type Value = Plain;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Plain, D::Error> {
        deserializer.deserialize_byte_buf(self)
    }
}

impl<'de> Visitor<'de> for Encoded {
    type Value = Plain;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an encoded Python value")
    }
    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Plain, E> {
        Plain::from_bytes(bytes).map_err(E::custom)
    }
    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Plain, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = items.next_element()? {
            bytes.push(byte);
        }
        self.visit_bytes(&bytes)
    }
    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Plain, A::Error> {
        let (_kind, content) = data.variant::<String>()?;
        content.newtype_variant_seed(self)
    }
}
