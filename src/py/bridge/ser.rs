//! Towards Python.
use std::ops::Range;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyList, PyString, PyTuple};
use serde::ser::{self, Serialize, Serializer};

use super::error::Error;
use super::names::Names;
use super::parts::{NOTHING, Parts, WHOLE, unknown_field};
use crate::py::plain::{PLAIN, Plain};
use crate::sim::NodeId;

/// Writes one value, or parts of it.
#[derive(Clone, Copy)]
pub struct Writer<'a, 'py> {
    pub py: Python<'py>,
    pub names: Option<&'a Names>,
    pub parts: &'a Parts,
}

type Object<'py> = Bound<'py, PyAny>;

impl<'a, 'py> Writer<'a, 'py> {
    /// The writer of a part of the value.
    fn on(self, parts: &'a Parts) -> Self {
        Self { parts, ..self }
    }

    /// The writer of what a variant holds; None: that is not wanted.
    fn inside(self, variant: &'static str) -> Result<Option<Self>, Error> {
        Ok(self.parts.of(variant)?.map(|it| self.on(it)))
    }

    fn node(self, id: &Object<'py>) -> Result<Object<'py>, Error> {
        let name = self.names.and_then(|names| names.get(NodeId(id.extract().ok()?)));
        Ok(name.map_or_else(|| id.clone(), |it| it.bind(self.py).clone().into_any()))
    }

    /// `{"variant": content}`
    fn variant(self, variant: &'static str, content: Object<'py>) -> Result<Object<'py>, Error> {
        let dict = PyDict::new(self.py);
        dict.set_item(PyString::intern(self.py, variant), content)?;
        Ok(dict.into_any())
    }
}

macro_rules! number {
    ($($method:ident($ty:ty)),* $(,)?) => {
        $(fn $method(self, it: $ty) -> Result<Self::Ok, Error> {
            let Ok(it) = it.into_pyobject(self.py);
            Ok(it.into_any())
        })*
    };
}

impl<'a, 'py> Serializer for Writer<'a, 'py> {
    type Ok = Object<'py>;
    type Error = Error;
    type SerializeSeq = Items<'a, 'py>;
    type SerializeTuple = Items<'a, 'py>;
    type SerializeTupleStruct = Items<'a, 'py>;
    type SerializeTupleVariant = Items<'a, 'py>;
    type SerializeMap = Fields<'a, 'py>;
    type SerializeStruct = Fields<'a, 'py>;
    type SerializeStructVariant = Fields<'a, 'py>;

    number! {
        serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64), serialize_i128(i128),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64), serialize_u128(u128),
    }
    fn serialize_bool(self, it: bool) -> Result<Self::Ok, Error> {
        let Ok(it) = it.into_pyobject(self.py);
        Ok(it.to_owned().into_any())
    }
    fn serialize_f32(self, it: f32) -> Result<Self::Ok, Error> {
        self.serialize_f64(it.into())
    }
    fn serialize_f64(self, it: f64) -> Result<Self::Ok, Error> {
        Ok(PyFloat::new(self.py, it).into_any())
    }
    fn serialize_char(self, it: char) -> Result<Self::Ok, Error> {
        self.serialize_str(it.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(self, it: &str) -> Result<Self::Ok, Error> {
        Ok(PyString::new(self.py, it).into_any())
    }
    fn serialize_bytes(self, it: &[u8]) -> Result<Self::Ok, Error> {
        Ok(PyBytes::new(self.py, it).into_any())
    }
    fn serialize_none(self) -> Result<Self::Ok, Error> {
        self.serialize_unit()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Self::Ok, Error> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Self::Ok, Error> {
        Ok(self.py.None().into_bound(self.py))
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<Self::Ok, Error> {
        self.serialize_unit()
    }
    fn serialize_unit_variant(self, _: &str, _: u32, variant: &'static str) -> Result<Self::Ok, Error> {
        Ok(PyString::intern(self.py, variant).into_any())
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Self::Ok, Error> {
        let content = value.serialize(self)?;
        if name == "NodeId" { self.node(&content) } else { Ok(content) }
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Self::Ok, Error> {
        if name == PLAIN {
            let content = value.serialize(self.on(&WHOLE))?;
            let bytes = content.cast::<PyBytes>().map_err(PyErr::from)?;
            return self.parts.pick(&Plain::decode_bytes(bytes.as_bytes(), self.py)?);
        }
        let Some(inside) = self.inside(variant)? else { return Ok(PyDict::new(self.py).into_any()) };
        self.variant(variant, value.serialize(inside).map_err(|it| it.within(variant))?)
    }
    fn serialize_seq(self, len: Option<usize>) -> Result<Items<'a, 'py>, Error> {
        let len = len.expect("a list of ours knows how long it is");
        Ok(Items::new(self, None, Shape::List, len))
    }
    fn serialize_tuple(self, len: usize) -> Result<Items<'a, 'py>, Error> {
        Ok(Items::new(self, None, Shape::Tuple, len))
    }
    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Items<'a, 'py>, Error> {
        self.serialize_tuple(len)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Items<'a, 'py>, Error> {
        Ok(match self.inside(variant)? {
            Some(inside) => Items::new(inside, Some(variant), Shape::Tuple, len),
            None => Items::new(self.on(&WHOLE), None, Shape::Nothing, 0),
        })
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Fields<'a, 'py>, Error> {
        Ok(Fields::new(self, None))
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'a, 'py>, Error> {
        self.serialize_map(None)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields<'a, 'py>, Error> {
        Ok(match self.inside(variant)? {
            Some(inside) => Fields::new(inside, Some(variant)),
            None => Fields::new(self.on(&NOTHING), None),
        })
    }
}

enum Shape {
    List,
    Tuple,
    /// A variant that is not wanted.
    Nothing,
}

/// A list or a tuple in the making.
pub struct Items<'a, 'py> {
    /// Of an item.
    writer: Writer<'a, 'py>,
    variant: Option<&'static str>,
    shape: Shape,
    items: Vec<Object<'py>>,
    /// The place of the next item.
    place: usize,
    wanted: Range<usize>,
}

impl<'a, 'py> Items<'a, 'py> {
    fn new(writer: Writer<'a, 'py>, variant: Option<&'static str>, shape: Shape, len: usize) -> Self {
        let (wanted, of_each) = writer.parts.items(len);
        let items = Vec::with_capacity(wanted.len());
        Self { writer: writer.on(of_each), variant, shape, items, place: 0, wanted }
    }
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let place = self.place;
        self.place += 1;
        if self.wanted.contains(&place) {
            let item = value.serialize(self.writer).map_err(|it| it.within(format!("[{place}]")))?;
            self.items.push(item);
        }
        Ok(())
    }
    fn finish(self) -> Result<Object<'py>, Error> {
        let py = self.writer.py;
        let content = match self.shape {
            Shape::Nothing => return Ok(PyDict::new(py).into_any()),
            Shape::List => PyList::new(py, self.items)?.into_any(),
            Shape::Tuple => PyTuple::new(py, self.items)?.into_any(),
        };
        match self.variant {
            Some(variant) => self.writer.variant(variant, content),
            None => Ok(content),
        }
    }
}

/// A dict in the making.
pub struct Fields<'a, 'py> {
    writer: Writer<'a, 'py>,
    variant: Option<&'static str>,
    dict: Bound<'py, PyDict>,
    key: Option<Object<'py>>,
    /// Which fields there are, where some are wanted.
    fields: Vec<&'static str>,
}

impl<'a, 'py> Fields<'a, 'py> {
    fn new(writer: Writer<'a, 'py>, variant: Option<&'static str>) -> Self {
        Self { writer, variant, dict: PyDict::new(writer.py), key: None, fields: Vec::new() }
    }
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        if let Parts::Fields(_) = self.writer.parts {
            self.fields.push(name);
        }
        let Some(writer) = self.writer.inside(name)? else { return Ok(()) };
        let value = value.serialize(writer).map_err(|it| it.within(name))?;
        self.dict.set_item(PyString::intern(self.writer.py, name), value)?;
        Ok(())
    }
    /// What is wanted of something with fields of fixed names must be there.
    fn check(&self) -> Result<(), Error> {
        let Parts::Fields(wanted) = self.writer.parts else { return Ok(()) };
        match wanted.iter().find(|(name, _)| !self.fields.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => Err(unknown_field(name, &self.fields)),
        }
    }
    fn finish(self) -> Result<Object<'py>, Error> {
        match self.variant {
            Some(variant) => self.writer.variant(variant, self.dict.into_any()),
            None => Ok(self.dict.into_any()),
        }
    }
}

/// What can be a key of a dict: instead of a list a tuple, and of a struct the tuple of its fields.
fn hashable<'py>(key: Object<'py>) -> Result<Object<'py>, Error> {
    let py = key.py();
    let parts: Vec<_> = match (key.cast::<PyList>(), key.cast::<PyTuple>(), key.cast::<PyDict>()) {
        (Ok(list), _, _) => list.iter().map(hashable).collect::<Result<_, _>>()?,
        (_, Ok(tuple), _) => tuple.iter().map(hashable).collect::<Result<_, _>>()?,
        (_, _, Ok(dict)) => dict.values().iter().map(hashable).collect::<Result<_, _>>()?,
        _ => return Ok(key),
    };
    Ok(PyTuple::new(py, parts)?.into_any())
}

impl<'py> ser::SerializeMap for Fields<'_, 'py> {
    type Ok = Object<'py>;
    type Error = Error;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.key = Some(hashable(key.serialize(self.writer.on(&WHOLE))?)?);
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let key = self.key.take().expect("serde gives a map's key before its value");
        let within = |it: Error| it.within(format!("[{key}]"));
        let Some(parts) = self.writer.parts.at(&key).map_err(within)? else { return Ok(()) };
        let value = value.serialize(self.writer.on(parts)).map_err(within)?;
        self.dict.set_item(key, value)?;
        Ok(())
    }
    fn end(self) -> Result<Object<'py>, Error> {
        self.finish()
    }
}

macro_rules! items {
    ($($trait:ident::$method:ident),*) => {
        $(impl<'py> ser::$trait for Items<'_, 'py> {
            type Ok = Object<'py>;
            type Error = Error;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.push(value)
            }
            fn end(self) -> Result<Object<'py>, Error> {
                self.finish()
            }
        })*
    };
}
items! {
    SerializeSeq::serialize_element, SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field, SerializeTupleVariant::serialize_field
}

macro_rules! fields {
    ($($trait:ident),*) => {
        $(impl<'py> ser::$trait for Fields<'_, 'py> {
            type Ok = Object<'py>;
            type Error = Error;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
                self.field(name, value)
            }
            fn end(self) -> Result<Object<'py>, Error> {
                self.check()?;
                self.finish()
            }
        })*
    };
}
fields! { SerializeStruct, SerializeStructVariant }
