//! Taking values down.
use std::cell::Cell;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple};

use super::classes::{self, Class, Shape};
use super::read::tag;
use super::{MAX_BYTES, MAX_DEPTH, Plain};
use crate::py::errors::class::SerializationError;
use crate::sim::Value;

const ALLOWED: &str = "None, bool, int, float, str, bytes, list, tuple, dict, set or frozenset, or a \
     dataclass, named tuple or Enum member, of such values";

/// Why a value cannot be taken down, and where inside it that was found.
struct Refusal {
    /// From the inside out.
    path: Vec<String>,
    cause: Cause,
}

enum Cause {
    /// No such type can be taken down.
    Type(Py<PyAny>),
    /// The type can, this value cannot.
    Value(Py<PyAny>, String),
    /// Reading the value raised an exception.
    Raised(PyErr),
}

impl From<Cause> for Box<Refusal> {
    fn from(cause: Cause) -> Self {
        Box::new(Refusal { path: Vec::new(), cause })
    }
}
impl From<PyErr> for Box<Refusal> {
    fn from(error: PyErr) -> Self {
        Cause::Raised(error).into()
    }
}

type Done = Result<(), Box<Refusal>>;

/// Adds where inside a value something was refused.
fn at(done: Done, place: impl FnOnce() -> String) -> Done {
    done.map_err(|mut refusal| {
        refusal.path.push(place());
        refusal
    })
}

thread_local! { static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) } }

pub(super) fn encode(value: &Bound<'_, PyAny>, root: &str) -> PyResult<Plain> {
    if value.is_none() {
        return Ok(Plain::default());
    }
    finish(value.py(), root, |writer| writer.value(value))
}

/// Takes down all attributes of a user's node.
pub fn encode_object(object: &Bound<'_, PyAny>, class: &Class) -> PyResult<Plain> {
    let root = class.key.rsplit([':', '.']).next().unwrap_or_default();
    finish(object.py(), root, |writer| writer.attributes(object, class))
}

pub(super) fn text(it: &str) -> Plain {
    let mut writer = Writer { out: Vec::with_capacity(it.len() + 2), depth: 0 };
    writer.bytes(tag::TEXT, it.as_bytes());
    Plain(writer.out.into())
}

/// A tuple of values of a history.
pub(super) fn tuple(items: &[Value]) -> Plain {
    let mut writer = Writer { out: Vec::new(), depth: 0 };
    writer.head(tag::TUPLE, items.len());
    items.iter().for_each(|it| writer.history_value(it));
    Plain(writer.out.into())
}

/// Runs `body` on a buffer that is kept for the next time.
fn finish(py: Python<'_>, root: &str, body: impl FnOnce(&mut Writer) -> Done) -> PyResult<Plain> {
    let mut writer = Writer { out: SCRATCH.take(), depth: 0 };
    let mut done = body(&mut writer);
    if done.is_ok() && writer.out.len() > MAX_BYTES {
        done = Err(too_long(py).into());
    }
    let result = done.map(|()| Plain(writer.out.as_slice().into()));
    writer.out.clear();
    writer.out.shrink_to(1 << 16);
    SCRATCH.set(writer.out);
    result.map_err(|refusal| refusal.into_error(py, root))
}

impl Refusal {
    fn into_error(self, py: Python<'_>, root: &str) -> PyErr {
        let mut path: String = root.into();
        for (i, place) in self.path.iter().rev().enumerate() {
            // A value that contains itself has a path without end.
            match i {
                0..8 => path.push_str(place),
                8 => path.push_str("..."),
                _ => break,
            }
        }
        match self.cause {
            Cause::Raised(error) => error,
            Cause::Value(value, problem) => SerializationError::new_err((path, value, ALLOWED, problem)),
            Cause::Type(value) => {
                let module = value.bind(py).get_type().module();
                let numpy = module.is_ok_and(|it| it.to_str().is_ok_and(|it| it.starts_with("numpy")));
                let hint = if numpy { "; of numpy, what .item() or .tolist() gives" } else { "" };
                SerializationError::new_err((path, value, format!("{ALLOWED}{hint}")))
            }
        }
    }
}

fn too_long(py: Python<'_>) -> Cause {
    Cause::Value(py.None(), format!("its encoding is longer than {} MB", MAX_BYTES >> 20))
}

struct Writer {
    out: Vec<u8>,
    depth: u32,
}

impl Writer {
    fn value(&mut self, it: &Bound<'_, PyAny>) -> Done {
        if let Ok(it) = it.cast_exact::<PyString>() {
            return self.text(tag::TEXT, it);
        }
        if let Ok(it) = it.cast_exact::<PyInt>() {
            return self.int(it);
        }
        if it.is_none() {
            self.out.push(tag::NONE);
        } else if let Ok(it) = it.cast_exact::<PyBool>() {
            self.out.push(if it.is_true() { tag::TRUE } else { tag::FALSE });
        } else if let Ok(it) = it.cast_exact::<PyFloat>() {
            self.float(it.value());
        } else if let Ok(it) = it.cast_exact::<PyBytes>() {
            self.bytes(tag::BYTES, it.as_bytes());
        } else {
            return self.container(it);
        }
        Ok(())
    }

    fn container(&mut self, it: &Bound<'_, PyAny>) -> Done {
        if self.depth == MAX_DEPTH {
            let problem = format!("nested deeper than {MAX_DEPTH} levels, or contains itself");
            return Err(Cause::Value(it.get_type().into_any().unbind(), problem).into());
        }
        if self.out.len() > MAX_BYTES {
            return Err(too_long(it.py()).into());
        }
        self.depth += 1;
        let done = self.deeper(it);
        self.depth -= 1;
        done
    }

    fn deeper(&mut self, it: &Bound<'_, PyAny>) -> Done {
        if let Ok(dict) = it.cast_exact::<PyDict>() {
            self.head(tag::DICT, dict.len());
            for (key, item) in dict.iter() {
                at(self.value(&key), || format!("[key {}]", shown(&key)))?;
                at(self.value(&item), || format!("[{}]", shown(&key)))?;
            }
        } else if let Ok(list) = it.cast_exact::<PyList>() {
            self.head(tag::LIST, list.len());
            for (i, item) in list.iter().enumerate() {
                at(self.value(&item), || format!("[{i}]"))?;
            }
        } else if let Ok(tuple) = it.cast_exact::<PyTuple>() {
            self.items(tag::TUPLE, tuple)?;
        } else if let Ok(set) = it.cast_exact::<PySet>() {
            self.set(tag::SET, set.len(), set.iter())?;
        } else if let Ok(set) = it.cast_exact::<PyFrozenSet>() {
            self.set(tag::FROZEN_SET, set.len(), set.iter())?;
        } else {
            self.instance(it)?;
        }
        Ok(())
    }

    fn items(&mut self, tag: u8, tuple: &Bound<'_, PyTuple>) -> Done {
        self.head(tag, tuple.len());
        for (i, item) in tuple.iter().enumerate() {
            at(self.value(&item), || format!("[{i}]"))?;
        }
        Ok(())
    }

    /// A set has no order of its own that could be relied on: its elements are sorted by their encoding.
    fn set<'py>(&mut self, tag: u8, len: usize, elements: impl Iterator<Item = Bound<'py, PyAny>>) -> Done {
        self.head(tag, len);
        let start = self.out.len();
        let mut encoded = Vec::with_capacity(len);
        for element in elements {
            at(self.value(&element), || format!("[element {}]", shown(&element)))?;
            encoded.push(self.out.split_off(start));
        }
        encoded.sort_unstable();
        self.out.extend(encoded.iter().flatten());
        Ok(())
    }

    fn instance(&mut self, it: &Bound<'_, PyAny>) -> Done {
        let py = it.py();
        let Some(class) = classes::of(&it.get_type())? else {
            return Err(Cause::Type(it.clone().unbind()).into());
        };
        match &class.shape {
            Shape::Dataclass(fields) => {
                self.bytes(tag::OBJECT, class.key.as_bytes());
                self.count(fields.len());
                for name in fields {
                    let name = name.bind(py);
                    self.text(tag::TEXT, name)?;
                    at(it.getattr(name).map_err(Into::into).and_then(|it| self.value(&it)), || {
                        format!(".{name}")
                    })?;
                }
            }
            Shape::NamedTuple => {
                self.bytes(tag::RECORD, class.key.as_bytes());
                self.items(tag::TUPLE, it.cast::<PyTuple>().map_err(PyErr::from)?)?;
            }
            Shape::Enum => {
                self.bytes(tag::MEMBER, class.key.as_bytes());
                // Combined flags are no members of their own, and have no name that would find them.
                let name = it.getattr(intern!(py, "name"))?;
                let members = it.get_type().getattr(intern!(py, "__members__"))?;
                if members.contains(&name)? {
                    self.value(&name)?;
                } else {
                    self.value(&it.getattr(intern!(py, "value"))?)?;
                }
            }
            Shape::Node => return Err(Cause::Type(it.clone().unbind()).into()),
        }
        Ok(())
    }

    /// Sorted by name: in which order attributes were first set is nothing a node can tell.
    fn attributes(&mut self, object: &Bound<'_, PyAny>, class: &Class) -> Done {
        let py = object.py();
        let dict = object.getattr(intern!(py, "__dict__"))?.cast_into::<PyDict>().map_err(PyErr::from)?;
        let mut fields = Vec::with_capacity(dict.len());
        for (name, value) in dict.iter() {
            fields.push((name.cast_into::<PyString>().map_err(PyErr::from)?, value));
        }
        fields.sort_by(|(a, _), (b, _)| a.to_string_lossy().cmp(&b.to_string_lossy()));
        self.bytes(tag::OBJECT, class.key.as_bytes());
        self.count(fields.len());
        for (name, value) in &fields {
            self.text(tag::TEXT, name)?;
            at(self.value(value), || format!(".{name}"))?;
        }
        Ok(())
    }

    fn text(&mut self, tag: u8, it: &Bound<'_, PyString>) -> Done {
        match it.to_str() {
            Ok(text) => self.bytes(tag, text.as_bytes()),
            Err(_) => {
                let problem = "a half of a surrogate pair stands alone in it, so it is not text";
                return Err(Cause::Value(it.clone().into_any().unbind(), problem.into()).into());
            }
        }
        Ok(())
    }

    fn int(&mut self, it: &Bound<'_, PyInt>) -> Done {
        if let Ok(small) = it.extract::<i64>() {
            self.small_int(small);
            return Ok(());
        }
        let py = it.py();
        let bits: usize = it.call_method0(intern!(py, "bit_length"))?.extract()?;
        let kwargs = PyDict::new(py);
        kwargs.set_item(intern!(py, "signed"), true)?;
        let bytes = it.call_method(intern!(py, "to_bytes"), (bits / 8 + 1, "little"), Some(&kwargs))?;
        self.bytes(tag::BIG, bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes());
        Ok(())
    }

    fn small_int(&mut self, it: i64) {
        self.out.push(tag::INT);
        self.varint(((it << 1) ^ (it >> 63)) as u64);
    }

    fn history_value(&mut self, it: &Value) {
        match it {
            Value::Null => self.out.push(tag::NONE),
            Value::Bool(it) => self.out.push(if *it { tag::TRUE } else { tag::FALSE }),
            Value::Int(it) => self.small_int(*it),
            Value::Text(it) => self.bytes(tag::TEXT, it.as_bytes()),
            Value::List(items) => {
                self.head(tag::LIST, items.len());
                items.iter().for_each(|it| self.history_value(it));
            }
        }
    }

    fn float(&mut self, it: f64) {
        self.out.push(tag::FLOAT);
        // Which of the many NaNs it is, nobody can tell in Python.
        let it = if it.is_nan() { f64::NAN } else { it };
        self.out.extend_from_slice(&it.to_bits().to_le_bytes());
    }

    fn bytes(&mut self, tag: u8, it: &[u8]) {
        self.head(tag, it.len());
        self.out.extend_from_slice(it);
    }

    fn head(&mut self, tag: u8, len: usize) {
        self.out.push(tag);
        self.count(len);
    }

    fn count(&mut self, len: usize) {
        self.varint(len as u64);
    }

    fn varint(&mut self, mut it: u64) {
        while it >= 0x80 {
            self.out.push(it as u8 | 0x80);
            it >>= 7;
        }
        self.out.push(it as u8);
    }
}

/// A key or an element in an error message.
fn shown(it: &Bound<'_, PyAny>) -> String {
    let text = it.repr().map_or_else(|_| it.get_type().to_string(), |it| it.to_string_lossy().into_owned());
    if text.chars().count() <= 40 { text } else { text.chars().take(37).chain("...".chars()).collect() }
}
