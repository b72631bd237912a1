//! Out of Python.
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyIterator, PyList, PyMapping, PyString, PyTuple,
};
use serde::de::value::{BytesDeserializer, StrDeserializer, U32Deserializer};
use serde::de::{self, DeserializeSeed, Deserializer, Error as _, Visitor};

use super::error::{Error, one_of};
use super::names::Names;
use crate::py::plain::{PLAIN, Plain};

/// Reads one value.
#[derive(Clone, Copy)]
pub struct Reader<'a, 'py> {
    pub value: &'a Bound<'py, PyAny>,
    pub names: Option<&'a Names>,
}

const WHOLE: &str = "a whole number";

impl<'a, 'py> Reader<'a, 'py> {
    /// A whole number, of Python or numpy; a bool is none.
    fn whole<N>(self, allowed: &str) -> Result<N, Error>
    where
        N: for<'x> FromPyObject<'x, 'py, Error = PyErr>,
    {
        if self.value.is_instance_of::<PyBool>() || self.value.is_instance_of::<PyFloat>() {
            return Err(Error::wrong_type(self.value, WHOLE));
        }
        self.value.extract::<N>().map_err(|_| {
            let whole = self.value.hasattr("__index__").unwrap_or(false);
            if whole { Error::wrong_value(self.value, allowed) } else { Error::wrong_type(self.value, WHOLE) }
        })
    }

    fn text(self, allowed: &str) -> Result<&'a str, Error> {
        let text = self.value.cast::<PyString>().map_err(|_| Error::wrong_type(self.value, allowed))?;
        text.to_str().map_err(|_| Error::wrong_value(self.value, "text without halves of surrogate pairs"))
    }

    fn dict(self, allowed: impl FnOnce() -> String) -> Result<Bound<'py, PyDict>, Error> {
        if let Ok(dict) = self.value.cast::<PyDict>() {
            return Ok(dict.clone());
        }
        let dict = PyDict::new(self.value.py());
        match self.value.cast::<PyMapping>() {
            Ok(mapping) => dict.update(mapping).map(|()| dict).map_err(Error::from),
            Err(_) => Err(Error::wrong_type(self.value, allowed())),
        }
    }

    fn items(self) -> Result<Bound<'py, PyIterator>, Error> {
        let it = self.value;
        let text_or_dict = it.is_instance_of::<PyString>() || it.is_instance_of::<PyDict>();
        match it.try_iter() {
            Ok(items) if !text_or_dict => Ok(items),
            _ => Err(Error::wrong_type(it, "a list")),
        }
    }

    fn fields<V: Visitor<'static>>(
        self,
        dict: Bound<'py, PyDict>,
        fields: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let entries = Entries { entries: dict.iter().collect(), next: 0, names: self.names, fields };
        visitor.visit_map(entries).map_err(|it| it.about(self.value))
    }
}

macro_rules! whole {
    ($($method:ident $visit:ident $ty:ty: $allowed:expr),* $(,)?) => {
        $(fn $method<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.whole::<$ty>($allowed)?).map_err(|it: Error| it.about(self.value))
        })*
    };
}

impl<'py> Deserializer<'static> for Reader<'_, 'py> {
    type Error = Error;

    whole! {
        deserialize_i8 visit_i8 i8: "a whole number from -128 to 127",
        deserialize_i16 visit_i16 i16: "a whole number from -32768 to 32767",
        deserialize_i32 visit_i32 i32: "a whole number within 32 bits",
        deserialize_i64 visit_i64 i64: "a whole number within 64 bits",
        deserialize_i128 visit_i128 i128: "a whole number within 128 bits",
        deserialize_u8 visit_u8 u8: "a whole number from 0 to 255",
        deserialize_u16 visit_u16 u16: "a whole number from 0 to 65535",
        deserialize_u32 visit_u32 u32: "a whole number from 0 to 4294967295",
        deserialize_u64 visit_u64 u64: "a whole number from 0, within 64 bits",
        deserialize_u128 visit_u128 u128: "a whole number from 0, within 128 bits",
    }

    fn deserialize_any<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Error> {
        let it = self.value;
        let value = if it.is_none() {
            visitor.visit_unit()
        } else if let Ok(it) = it.cast::<PyBool>() {
            visitor.visit_bool(it.is_true())
        } else if it.is_instance_of::<PyString>() {
            visitor.visit_str(self.text("text")?)
        } else if let Ok(it) = it.cast::<PyFloat>() {
            visitor.visit_f64(it.value())
        } else if let Ok(it) = it.cast::<PyBytes>() {
            visitor.visit_bytes(it.as_bytes())
        } else if it.is_instance_of::<PyList>() || it.is_instance_of::<PyTuple>() {
            return self.deserialize_seq(visitor);
        } else if it.is_instance_of::<PyDict>() {
            return self.deserialize_map(visitor);
        } else if let Ok(it) = it.extract::<i64>() {
            visitor.visit_i64(it)
        } else if let Ok(it) = it.extract::<u64>() {
            visitor.visit_u64(it)
        } else {
            Err(Error::invalid_type(de::Unexpected::Other("object"), &visitor))
        };
        value.map_err(|error: Error| error.about(it))
    }

    fn deserialize_bool<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value.extract::<bool>() {
            Ok(it) => visitor.visit_bool(it),
            Err(_) => Err(Error::wrong_type(self.value, "True or False")),
        }
    }
    fn deserialize_f32<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }
    fn deserialize_f64<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value.extract::<f64>() {
            Ok(it) if !self.value.is_instance_of::<PyBool>() => visitor.visit_f64(it),
            _ => Err(Error::wrong_type(self.value, "a number")),
        }
        .map_err(|it: Error| it.about(self.value))
    }
    fn deserialize_char<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.text("a string of one character")?).map_err(|it: Error| it.about(self.value))
    }
    fn deserialize_str<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.text("a string")?).map_err(|it: Error| it.about(self.value))
    }
    fn deserialize_string<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }
    fn deserialize_identifier<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }
    fn deserialize_bytes<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Error> {
        if let Ok(bytes) = self.value.cast::<PyBytes>() {
            return visitor.visit_bytes(bytes.as_bytes());
        }
        match self.value.cast::<PyByteArray>() {
            Ok(bytes) => visitor.visit_byte_buf(bytes.to_vec()),
            Err(_) => Err(Error::wrong_type(self.value, "bytes")),
        }
    }
    fn deserialize_byte_buf<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }
    fn deserialize_option<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.value.is_none() { visitor.visit_none() } else { visitor.visit_some(self) }
    }
    fn deserialize_unit<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.value.is_none() { visitor.visit_unit() } else { Err(Error::wrong_type(self.value, "None")) }
    }
    fn deserialize_unit_struct<V: Visitor<'static>>(self, _: &str, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }
    fn deserialize_newtype_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.names {
            Some(names) if name == "NodeId" => {
                let id = names.find(self.value)?;
                visitor.visit_newtype_struct(U32Deserializer::new(id.0))
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }
    fn deserialize_seq<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut items = Items { items: self.items()?, taken: 0, names: self.names };
        let value = visitor.visit_seq(&mut items).map_err(|it: Error| it.about(self.value))?;
        match items.items.next() {
            None => Ok(value),
            Some(_) => Err(Error::wrong_value(self.value, format!("{} items and no more", items.taken))),
        }
    }
    fn deserialize_tuple<V: Visitor<'static>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }
    fn deserialize_tuple_struct<V: Visitor<'static>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }
    fn deserialize_map<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Error> {
        let dict = self.dict(|| "a dict".into())?;
        self.fields(dict, None, visitor)
    }
    fn deserialize_struct<V: Visitor<'static>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.value.is_instance_of::<PyTuple>() {
            // As a key of a dict it could be no dict itself.
            return self.deserialize_seq(visitor);
        }
        let dict = self.dict(|| format!("a dict with {}", one_of("the fields ", fields)))?;
        self.fields(dict, Some(fields), visitor)
    }
    fn deserialize_enum<V: Visitor<'static>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == PLAIN {
            let plain = Plain::encode(self.value, "value")?;
            return visitor.visit_enum(Encoded(plain));
        }
        let allowed = || format!("one of {}, as a string or as a dict {{name: data}}", one_of("", variants));
        if self.value.is_instance_of::<PyString>() {
            let variant = Variant { reader: self, name: self.text("a string")?.into(), content: None };
            return visitor.visit_enum(variant).map_err(|it| it.about(self.value));
        }
        let dict = self.dict(allowed)?;
        let (1, Some((key, content))) = (dict.len(), dict.iter().next()) else {
            return Err(Error::wrong_value(self.value, allowed()));
        };
        let name = Reader { value: &key, names: self.names }.text("the name of a variant")?.to_owned();
        let place = name.clone();
        let variant = Variant { reader: self, name, content: Some(content) };
        // An unknown name is no place inside the value.
        let known = variants.contains(&place.as_str());
        visitor.visit_enum(variant).map_err(|it| if known { it.within(place) } else { it.about(&key) })
    }
    fn deserialize_ignored_any<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}

struct Items<'a, 'py> {
    items: Bound<'py, PyIterator>,
    taken: usize,
    names: Option<&'a Names>,
}

impl de::SeqAccess<'static> for Items<'_, '_> {
    type Error = Error;
    fn next_element_seed<T: DeserializeSeed<'static>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let place = self.taken;
        self.taken += 1;
        let item = item?;
        let value = seed.deserialize(Reader { value: &item, names: self.names });
        value.map(Some).map_err(|it| it.within(format!("[{place}]")))
    }
}

struct Entries<'a, 'py> {
    entries: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    next: usize,
    names: Option<&'a Names>,
    /// The names a key must be one of: those of a struct's fields.
    fields: Option<&'static [&'static str]>,
}

impl de::MapAccess<'static> for Entries<'_, '_> {
    type Error = Error;
    fn next_key_seed<T: DeserializeSeed<'static>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some((key, _)) = self.entries.get(self.next) else { return Ok(None) };
        if let Some(fields) = self.fields {
            let known =
                key.cast::<PyString>().is_ok_and(|it| it.to_str().is_ok_and(|it| fields.contains(&it)));
            if !known {
                return Err(Error::wrong_value(key, one_of("only the fields ", fields)));
            }
        }
        let value = seed.deserialize(Reader { value: key, names: self.names });
        value.map(Some).map_err(|it| it.within(format!("[key {}]", shown(key))))
    }
    fn next_value_seed<T: DeserializeSeed<'static>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let (key, value) = &self.entries[self.next];
        self.next += 1;
        seed.deserialize(Reader { value, names: self.names }).map_err(|it| {
            it.within(if self.fields.is_some() { key.to_string() } else { format!("[{}]", shown(key)) })
        })
    }
    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len() - self.next)
    }
}

struct Variant<'a, 'py> {
    reader: Reader<'a, 'py>,
    name: String,
    /// What stands in `{name: content}`; the name alone has none.
    content: Option<Bound<'py, PyAny>>,
}

impl Variant<'_, '_> {
    fn content<R>(self, read: impl FnOnce(Reader<'_, '_>) -> Result<R, Error>) -> Result<R, Error> {
        match &self.content {
            Some(content) => read(Reader { value: content, names: self.reader.names }),
            None => {
                let allowed = format!("{{'{}': ...}}, with what belongs to it", self.name);
                Err(Error::wrong_type(self.reader.value, allowed))
            }
        }
    }
}

impl<'a, 'py> de::EnumAccess<'static> for Variant<'a, 'py> {
    type Error = Error;
    type Variant = Self;
    fn variant_seed<T: DeserializeSeed<'static>>(self, seed: T) -> Result<(T::Value, Self), Error> {
        let name = StrDeserializer::<Error>::new(&self.name);
        Ok((seed.deserialize(name)?, self))
    }
}

impl de::VariantAccess<'static> for Variant<'_, '_> {
    type Error = Error;
    fn unit_variant(self) -> Result<(), Error> {
        match self.content.filter(|it| !it.is_none()) {
            Some(content) => Err(Error::wrong_type(&content, format!("no data: just '{}'", self.name))),
            None => Ok(()),
        }
    }
    fn newtype_variant_seed<T: DeserializeSeed<'static>>(self, seed: T) -> Result<T::Value, Error> {
        self.content(|it| seed.deserialize(it))
    }
    fn tuple_variant<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.content(|it| it.deserialize_tuple(len, visitor))
    }
    fn struct_variant<V: Visitor<'static>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.content(|it| it.deserialize_struct("", fields, visitor))
    }
}

/// A value of a user's own node, on its way into a [`Plain`].
struct Encoded(Plain);

impl<'de> de::EnumAccess<'de> for Encoded {
    type Error = Error;
    type Variant = Self;
    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Error> {
        Ok((seed.deserialize(StrDeserializer::<Error>::new(self.0.kind()))?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Encoded {
    type Error = Error;
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(BytesDeserializer::<Error>::new(self.0.bytes()))
    }
    fn unit_variant(self) -> Result<(), Error> {
        Err(Error::custom("a Python value carries data"))
    }
    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("a Python value is one value"))
    }
    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Error> {
        Err(Error::custom("a Python value is one value"))
    }
}

/// A key in an error message.
fn shown(key: &Bound<'_, PyAny>) -> String {
    key.repr().map_or_else(|_| key.get_type().to_string(), |it| it.to_string_lossy().into_owned())
}
