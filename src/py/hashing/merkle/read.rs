//! Keys and values of a tree on their way in and out.
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyFloat, PyInt, PyList, PyString};

use super::super::keys::Column;
use crate::machines::hashing::merkle::{Form, Key, Value};
use crate::machines::hashing::ring::{Key as RingKey, Keys};
use crate::py::errors::{bad_type, bad_value};

const KEYS: &str = "int, str, bytes, bytearray or uuid.UUID";
const VALUES: &str = "int, float, str, bytes, bytearray or uuid.UUID";
const INTEGERS: &str = "an integer from -2^63 to 2^128 - 1";

/// Sorts of values.
const BYTES: u8 = 0;
const NATURAL: u8 = 1;
const NEGATIVE: u8 = 2;
const LARGE: u8 = 3;
const FLOAT: u8 = 4;

/// An integer, if it is one.
fn integer(item: &Bound<'_, PyAny>, place: &dyn Fn() -> String, kinds: &str) -> PyResult<Option<Key>> {
    if item.is_instance_of::<PyBool>() {
        return Err(bad_type(&place(), item, kinds));
    }
    let index = match item.cast::<PyInt>() {
        Ok(it) => it.clone(),
        // A numpy integer, say.
        Err(_) => match item.call_method0("__index__").map(Bound::cast_into::<PyInt>) {
            Ok(Ok(it)) => it,
            _ => return Ok(None),
        },
    };
    if let Ok(it) = index.extract::<u64>() {
        return Ok(Some(it.into()));
    }
    if let Ok(it) = index.extract::<i64>() {
        return Ok(Some(it.into()));
    }
    let large = index.extract::<u128>().map_err(|_| bad_value(&place(), item, INTEGERS))?;
    Ok(Some(Key::large(large)))
}

/// Bytes and what they were, if it is bytes, text or a UUID.
fn bytes<T>(item: &Bound<'_, PyAny>, with: impl FnOnce(&[u8], Form) -> T) -> PyResult<Option<T>> {
    if let Ok(text) = item.cast::<PyString>() {
        return Ok(Some(match text.to_str() {
            Ok(it) => with(it.as_bytes(), Form::Text),
            // Lone surrogates, which UTF-8 proper does not have.
            Err(_) => {
                let bytes = item.call_method1("encode", ("utf-8", "surrogatepass"))?;
                with(bytes.cast::<PyBytes>()?.as_bytes(), Form::Text)
            }
        }));
    }
    if let Ok(bytes) = item.cast::<PyBytes>() {
        return Ok(Some(with(bytes.as_bytes(), Form::Raw)));
    }
    if let Ok(bytes) = item.cast::<PyByteArray>() {
        return Ok(Some(with(&bytes.to_vec(), Form::Raw)));
    }
    if item.is_instance(&item.py().import("uuid")?.getattr("UUID")?)? {
        return Ok(Some(with(item.getattr("bytes")?.cast::<PyBytes>()?.as_bytes(), Form::Uuid)));
    }
    Ok(None)
}

/// One key.
pub fn key(item: &Bound<'_, PyAny>, place: &dyn Fn() -> String) -> PyResult<Key> {
    // Text and bytes are told by their type at once; a UUID, which takes an import, comes last.
    if !(item.is_instance_of::<PyString>() || item.is_instance_of::<PyBytes>())
        && let Some(key) = integer(item, place, KEYS)?
    {
        return Ok(key);
    }
    let key = bytes(item, |bytes, form| Key::Bytes(bytes.into(), form))?;
    key.ok_or_else(|| bad_type(&place(), item, KEYS))
}

/// The same key in Python.
pub fn show<'py>(py: Python<'py>, key: &Key) -> PyResult<Bound<'py, PyAny>> {
    Ok(match key {
        Key::Negative(it) => it.into_pyobject(py)?.into_any(),
        Key::Natural(it) => it.into_pyobject(py)?.into_any(),
        Key::Large(high, low) => (u128::from(*high) << 64 | u128::from(*low)).into_pyobject(py)?.into_any(),
        Key::Bytes(bytes, Form::Raw) => PyBytes::new(py, bytes).into_any(),
        Key::Bytes(bytes, Form::Text) => match str::from_utf8(bytes) {
            Ok(it) => PyString::new(py, it).into_any(),
            Err(_) => PyBytes::new(py, bytes).call_method1("decode", ("utf-8", "surrogatepass"))?,
        },
        Key::Bytes(bytes, Form::Uuid) => {
            let raw = PyBytes::new(py, bytes);
            py.import("uuid")?.getattr("UUID")?.call1((py.None(), raw))?
        }
    })
}

/// The same keys in Python.
pub fn show_all<'py>(py: Python<'py>, keys: &[Key]) -> PyResult<Bound<'py, PyList>> {
    let keys: Vec<_> = keys.iter().map(|it| show(py, it)).collect::<PyResult<_>>()?;
    PyList::new(py, keys)
}

/// Values, copied one after the other.
#[derive(Default)]
pub struct Values {
    data: Vec<u8>,
    ends: Vec<(usize, u8)>,
}

impl Values {
    fn push(&mut self, sort: u8, bytes: &[u8]) {
        self.data.extend_from_slice(bytes);
        self.ends.push((self.data.len(), sort));
    }

    fn push_key(&mut self, key: &Key) {
        let sort = match key {
            Key::Bytes(..) => BYTES,
            Key::Natural(_) => NATURAL,
            Key::Negative(_) => NEGATIVE,
            Key::Large(..) => LARGE,
        };
        key.with_bytes(|_, bytes| self.push(sort, bytes));
    }

    /// One more.
    pub fn read(&mut self, item: &Bound<'_, PyAny>, place: &dyn Fn() -> String) -> PyResult<()> {
        if let Ok(float) = item.cast::<PyFloat>() {
            self.push(FLOAT, &float.value().to_le_bytes());
            return Ok(());
        }
        if !(item.is_instance_of::<PyString>() || item.is_instance_of::<PyBytes>())
            && let Some(number) = integer(item, place, VALUES)?
        {
            self.push_key(&number);
            return Ok(());
        }
        let done = bytes(item, |bytes, _| self.push(BYTES, bytes))?;
        done.ok_or_else(|| bad_type(&place(), item, VALUES))
    }

    fn clear(&mut self) {
        self.data.clear();
        self.ends.clear();
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = Value<'_>> {
        let mut start = 0;
        self.ends.iter().map(move |(end, sort)| {
            let bytes = &self.data[start..*end];
            start = *end;
            Value { sort: *sort, bytes }
        })
    }
}

/// Columns of keys and values, read in chunks.
pub struct Columns<'py> {
    keys: Column<'py>,
    values: Column<'py>,
    /// Whether the integers of `values` are the bits of floating-point numbers.
    floats: bool,
}

/// Some of the pairs.
#[derive(Default)]
pub struct Chunk {
    /// Keys.
    pub keys: Vec<Key>,
    /// Their values.
    pub values: Values,
}

/// A column as Python hands it over: kind, data, width.
pub type Given<'py> = (String, Bound<'py, PyAny>, usize);

impl<'py> Columns<'py> {
    /// Reads what Python prepared.
    pub fn new(keys: &Given<'py>, values: &Given<'py>) -> PyResult<Self> {
        let floats = values.0 == "float";
        let kind = if floats { "uint" } else { &values.0 };
        let keys = Column::new(&keys.0, &keys.1, keys.2)?;
        Ok(Self { keys, values: Column::new(kind, &values.1, values.2)?, floats })
    }

    /// How many keys, and how many values.
    pub fn lengths(&self) -> (usize, usize) {
        (self.keys.len(), self.values.len())
    }

    /// Reads some of the pairs.
    pub fn read(&self, from: usize, to: usize, chunk: &mut Chunk) -> PyResult<()> {
        read_keys(&self.keys, from, to, &mut chunk.keys)?;
        let values = &mut chunk.values;
        values.clear();
        match plain(&self.values)? {
            None => {
                let Column::List(list) = &self.values else { return Ok(()) };
                for i in from..to {
                    values.read(&list.get_item(i)?, &|| format!("values[{i}]"))?;
                }
            }
            Some(column) => column.visit(from, to - from, |value| match value {
                RingKey::Bytes(bytes) => values.push(BYTES, bytes),
                RingKey::Int { bits, .. } if self.floats => values.push(FLOAT, &bits.to_le_bytes()),
                RingKey::Int { bits, negative } => {
                    values.push(if negative { NEGATIVE } else { NATURAL }, &bits.to_le_bytes());
                }
                RingKey::Large(bits) => values.push(LARGE, &bits.to_le_bytes()),
            }),
        }
        Ok(())
    }
}

/// A column that is no list of objects.
fn plain<'a>(column: &'a Column<'_>) -> PyResult<Option<Keys<'a>>> {
    Ok(match column {
        Column::Ints(it, signed) => Some(Keys::Ints { bits: it.as_slice()?, signed: *signed }),
        Column::Fixed(it, width) => Some(Keys::Fixed { data: it.as_slice()?, width: *width }),
        Column::Wide(it, width) => Some(Keys::Wide { data: it.as_slice()?, width: *width }),
        Column::List(_) => None,
    })
}

/// Reads some of the keys.
pub fn read_keys(column: &Column<'_>, from: usize, to: usize, keys: &mut Vec<Key>) -> PyResult<()> {
    keys.clear();
    let form = if matches!(column, Column::Wide(..)) { Form::Text } else { Form::Raw };
    match plain(column)? {
        None => {
            let Column::List(list) = column else { return Ok(()) };
            for i in from..to {
                keys.push(key(&list.get_item(i)?, &|| format!("keys[{i}]"))?);
            }
        }
        Some(column) => column.visit(from, to - from, |it| {
            keys.push(match it {
                RingKey::Bytes(bytes) => Key::Bytes(bytes.into(), form),
                RingKey::Int { bits, negative: true } => Key::Negative(bits as i64),
                RingKey::Int { bits, .. } => Key::Natural(bits),
                RingKey::Large(bits) => Key::large(bits),
            });
        }),
    }
    Ok(())
}
