//! Data in which nodes, and operations, have changed their names: whatever a value is made of, every [`NodeId`] and
//! [`OpId`] in it is found as it is written down, and what is read back is sorted anew where it is sorted.
//!
//! A place in a list that stands for a node is no name, and stays where it is: such data is not what it should be
//! afterwards, and nodes that hold some do not pass for alike (`symmetry.rs`).
use serde::ser::{self, Serialize, Serializer};

use crate::sim::{Data, NodeId, OpId};

/// New names for nodes and operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Renaming {
    /// By id.
    pub nodes: Vec<NodeId>,
    /// By number; those that are not there keep theirs.
    pub ops: Vec<(OpId, OpId)>,
}

impl Renaming {
    pub fn node(&self, id: NodeId) -> NodeId {
        self.nodes.get(id.index()).copied().unwrap_or(id)
    }

    fn op(&self, id: u64) -> u64 {
        self.ops.iter().find(|(from, _)| from.0 == id).map_or(id, |(_, to)| to.0)
    }

    /// The value with new names. `None`: it does not read back what it has written.
    pub fn apply<T: Data>(&self, value: &T) -> Option<T> {
        let output = postcard::ser_flavors::StdVec::new();
        let mut serializer = postcard::Serializer { output };
        value.serialize(Renamer { inner: &mut serializer, renaming: self, inside: Inside::Other }).ok()?;
        let bytes = postcard::ser_flavors::Flavor::finalize(serializer.output).ok()?;
        postcard::from_bytes(&bytes).ok()
    }
}

/// What kind of value is written.
#[derive(Clone, Copy)]
enum Inside {
    Node,
    Op,
    Other,
}

/// Passes everything on, but names.
struct Renamer<'a, S> {
    inner: S,
    renaming: &'a Renaming,
    inside: Inside,
}

/// A part of a value.
struct Within<'a, T: ?Sized> {
    value: &'a T,
    renaming: &'a Renaming,
    inside: Inside,
}

impl<T: Serialize + ?Sized> Serialize for Within<'_, T> {
    fn serialize<S: Serializer>(&self, inner: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Renamer { inner, renaming: self.renaming, inside: self.inside })
    }
}

impl<'a, S> Renamer<'a, S> {
    fn within<'b, T: ?Sized>(&self, value: &'b T) -> Within<'b, T>
    where
        'a: 'b,
    {
        Within { value, renaming: self.renaming, inside: Inside::Other }
    }

    fn parts<C>(renaming: &'a Renaming, inner: C) -> Parts<'a, C> {
        Parts { inner, renaming }
    }
}

macro_rules! pass {
    ($($method:ident($ty:ty)),* $(,)?) => {
        $(fn $method(self, it: $ty) -> Result<S::Ok, S::Error> { self.inner.$method(it) })*
    };
}

impl<'a, S: Serializer> Serializer for Renamer<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Parts<'a, S::SerializeSeq>;
    type SerializeTuple = Parts<'a, S::SerializeTuple>;
    type SerializeTupleStruct = Parts<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Parts<'a, S::SerializeTupleVariant>;
    type SerializeMap = Parts<'a, S::SerializeMap>;
    type SerializeStruct = Parts<'a, S::SerializeStruct>;
    type SerializeStructVariant = Parts<'a, S::SerializeStructVariant>;

    pass! {
        serialize_bool(bool), serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_i128(i128), serialize_u8(u8), serialize_u16(u16), serialize_u128(u128), serialize_f32(f32),
        serialize_f64(f64), serialize_char(char), serialize_str(&str), serialize_bytes(&[u8]),
    }
    fn serialize_u32(self, it: u32) -> Result<S::Ok, S::Error> {
        match self.inside {
            Inside::Node => self.inner.serialize_u32(self.renaming.node(NodeId(it)).0),
            _ => self.inner.serialize_u32(it),
        }
    }
    fn serialize_u64(self, it: u64) -> Result<S::Ok, S::Error> {
        match self.inside {
            Inside::Op => self.inner.serialize_u64(self.renaming.op(it)),
            _ => self.inner.serialize_u64(it),
        }
    }
    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_none()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let value = self.within(value);
        self.inner.serialize_some(&value)
    }
    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }
    fn serialize_unit_struct(self, name: &'static str) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_struct(name)
    }
    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let inside = match name {
            "NodeId" => Inside::Node,
            "OpId" => Inside::Op,
            _ => Inside::Other,
        };
        let value = Within { inside, ..self.within(value) };
        self.inner.serialize_newtype_struct(name, &value)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = self.within(value);
        self.inner.serialize_newtype_variant(name, index, variant, &value)
    }
    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        Ok(Self::parts(self.renaming, self.inner.serialize_seq(len)?))
    }
    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        Ok(Self::parts(self.renaming, self.inner.serialize_tuple(len)?))
    }
    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        Ok(Self::parts(self.renaming, self.inner.serialize_tuple_struct(name, len)?))
    }
    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        Ok(Self::parts(self.renaming, self.inner.serialize_tuple_variant(name, index, variant, len)?))
    }
    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        Ok(Self::parts(self.renaming, self.inner.serialize_map(len)?))
    }
    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        Ok(Self::parts(self.renaming, self.inner.serialize_struct(name, len)?))
    }
    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        Ok(Self::parts(self.renaming, self.inner.serialize_struct_variant(name, index, variant, len)?))
    }
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// Parts of a value, one after the other.
struct Parts<'a, C> {
    inner: C,
    renaming: &'a Renaming,
}

impl<C> Parts<'_, C> {
    fn within<'b, T: ?Sized>(renaming: &'b Renaming, value: &'b T) -> Within<'b, T> {
        Within { value, renaming, inside: Inside::Other }
    }
}

macro_rules! items {
    ($($Trait:ident::$method:ident),* $(,)?) => {
        $(impl<C: ser::$Trait> ser::$Trait for Parts<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
                self.inner.$method(&Self::within(self.renaming, value))
            }
            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        })*
    };
}
items! {
    SerializeSeq::serialize_element, SerializeTuple::serialize_element, SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field,
}

macro_rules! fields {
    ($($Trait:ident),* $(,)?) => {
        $(impl<C: ser::$Trait> ser::$Trait for Parts<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), C::Error> {
                self.inner.serialize_field(name, &Self::within(self.renaming, value))
            }
            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        })*
    };
}
fields! { SerializeStruct, SerializeStructVariant }

impl<C: ser::SerializeMap> ser::SerializeMap for Parts<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        self.inner.serialize_key(&Self::within(self.renaming, key))
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        self.inner.serialize_value(&Self::within(self.renaming, value))
    }
    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::sim::Value;

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    enum Any {
        Unit,
        One(NodeId),
        Two(NodeId, u32),
        Named { to: Option<NodeId>, number: u32 },
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    struct Everything {
        set: BTreeSet<NodeId>,
        map: BTreeMap<(u64, NodeId), Arc<[Any]>>,
        ops: Vec<(OpId, u64)>,
        text: String,
        value: Value,
        pair: (NodeId, i128),
        unit: (),
    }

    fn value(a: u32, b: u32, op: u64) -> Everything {
        let [x, y] = [a, b].map(NodeId);
        let all = vec![Any::Unit, Any::One(x), Any::Two(y, 1), Any::Named { to: Some(x), number: 0 }];
        Everything {
            set: [x, NodeId(7)].into(),
            map: [((1, x), all.clone().into()), ((1, y), all.into())].into(),
            ops: vec![(OpId(op), 4)],
            text: "a node is called 1".into(),
            value: Value::from_iter([1.into(), "x".into()]),
            pair: (y, -1),
            unit: (),
        }
    }

    #[test]
    fn names_change_wherever_they_are_and_nothing_else_does() {
        let nodes = vec![NodeId(1), NodeId(0), NodeId(2)];
        let renaming = Renaming { nodes, ops: vec![(OpId(4), OpId(5)), (OpId(5), OpId(4))] };
        assert_eq!(renaming.apply(&value(0, 1, 4)), Some(value(1, 0, 5)));
        assert_eq!(renaming.apply(&value(2, 1, 6)), Some(value(2, 0, 6)));
        let twice = renaming.apply(&value(0, 2, 5)).and_then(|it| renaming.apply(&it));
        assert_eq!(twice, Some(value(0, 2, 5)));
    }
}
