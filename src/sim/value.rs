//! Plain values as users know them: what is stored under a key, what an operation returns.
use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// A value of the user's: what JSON can say, less floating point (protocol state holds none) and maps.
///
/// In self-describing formats (JSON, Python) it is written as itself, `1` and not `{"int": 1}`.
///
/// ```
/// use distlab::sim::Value;
/// assert_eq!(serde_json::to_string(&Value::from(7)).unwrap(), "7");
/// assert_eq!(serde_json::from_str::<Value>("[null, true, \"x\"]").unwrap().to_string(), "[null, true, \"x\"]");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Nothing: the value of a key that was never written.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Text.
    Text(Arc<str>),
    /// A list of values.
    List(Arc<[Value]>),
}

impl From<i64> for Value {
    fn from(it: i64) -> Self {
        Self::Int(it)
    }
}
impl From<bool> for Value {
    fn from(it: bool) -> Self {
        Self::Bool(it)
    }
}
impl From<&str> for Value {
    fn from(it: &str) -> Self {
        Self::Text(it.into())
    }
}
impl From<Arc<str>> for Value {
    fn from(it: Arc<str>) -> Self {
        Self::Text(it)
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(it: Option<T>) -> Self {
        it.map_or(Self::Null, Into::into)
    }
}
impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        Self::List(items.into_iter().collect())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(it) => write!(f, "{it}"),
            Self::Int(it) => write!(f, "{it}"),
            Self::Text(it) => write!(f, "{it:?}"),
            Self::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
        }
    }
}

/// The form for formats that do not describe themselves.
#[derive(Serialize, Deserialize)]
enum Tagged {
    Null,
    Bool(bool),
    Int(i64),
    Text(Arc<str>),
    List(Arc<[Value]>),
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return match self {
                Self::Null => serializer.serialize_none(),
                Self::Bool(it) => serializer.serialize_bool(*it),
                Self::Int(it) => serializer.serialize_i64(*it),
                Self::Text(it) => serializer.serialize_str(it),
                Self::List(items) => serializer.collect_seq(items.iter()),
            };
        }
        match self.clone() {
            Self::Null => Tagged::Null,
            Self::Bool(it) => Tagged::Bool(it),
            Self::Int(it) => Tagged::Int(it),
            Self::Text(it) => Tagged::Text(it),
            Self::List(it) => Tagged::List(it),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer.deserialize_any(Natural);
        }
        Ok(match Tagged::deserialize(deserializer)? {
            Tagged::Null => Self::Null,
            Tagged::Bool(it) => Self::Bool(it),
            Tagged::Int(it) => Self::Int(it),
            Tagged::Text(it) => Self::Text(it),
            Tagged::List(it) => Self::List(it),
        })
    }
}

struct Natural;

impl<'de> Visitor<'de> for Natural {
    type Value = Value;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("None, a bool, a whole number within 64 bits, a string, or a list of these")
    }
    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_bool<E: de::Error>(self, it: bool) -> Result<Value, E> {
        Ok(Value::Bool(it))
    }
    fn visit_i64<E: de::Error>(self, it: i64) -> Result<Value, E> {
        Ok(Value::Int(it))
    }
    fn visit_u64<E: de::Error>(self, it: u64) -> Result<Value, E> {
        i64::try_from(it).map(Value::Int).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(it), &self))
    }
    fn visit_str<E: de::Error>(self, it: &str) -> Result<Value, E> {
        Ok(Value::Text(it.into()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::with_capacity(items.size_hint().unwrap_or(0).min(4096));
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_read_back() {
        let value: Value = [Value::Null, true.into(), (-3).into(), "x".into(), Value::from_iter([1.into()])]
            .into_iter()
            .collect();
        let json = serde_json::to_string(&value).unwrap();
        assert_eq!(json, r#"[null,true,-3,"x",[1]]"#);
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
        let bytes = postcard::to_stdvec(&value).unwrap();
        assert_eq!(postcard::from_bytes::<Value>(&bytes).unwrap(), value);
    }

    #[test]
    fn floating_point_is_refused() {
        let error = serde_json::from_str::<Value>("1.5").unwrap_err().to_string();
        assert!(error.contains("whole number"), "{error}");
    }
}
