//! Keys as they come from Python: one, a numpy column, or a list.
use numpy::{PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyInt, PyList, PyString};

use crate::machines::hashing::ring::{Key, Keys};
use crate::py::errors::{bad_type, bad_value};

/// How many keys are handled between two looks at Ctrl-C.
pub const CHUNK: usize = 1 << 13;

const KINDS: &str = "int, str, bytes, bytearray or uuid.UUID";
const INTEGERS: &str = "an integer from -2^63 to 2^128 - 1";

/// A column of keys, as `distlab.hashing` hands it over: kind, data, width.
pub enum Column<'py> {
    /// Integers; signed ones as the same 64 bits.
    Ints(PyReadonlyArray1<'py, u64>, bool),
    /// Bytes of one width.
    Fixed(PyReadonlyArray1<'py, u8>, usize),
    /// Code points of one width.
    Wide(PyReadonlyArray1<'py, u32>, usize),
    /// Objects.
    List(Bound<'py, PyList>),
}

impl<'py> Column<'py> {
    /// Reads what Python prepared.
    pub fn new(kind: &str, data: &Bound<'py, PyAny>, width: usize) -> PyResult<Self> {
        match kind {
            "uint" => Ok(Self::Ints(data.extract()?, false)),
            "int" => Ok(Self::Ints(data.extract()?, true)),
            "bytes" => Ok(Self::Fixed(data.extract()?, width)),
            "text" => Ok(Self::Wide(data.extract()?, width)),
            _ => Ok(Self::List(data.cast::<PyList>().map_err(|_| bad_type("keys", data, KINDS))?.clone())),
        }
    }

    /// How many keys.
    pub fn len(&self) -> usize {
        match self {
            Self::Ints(it, _) => it.len(),
            Self::Fixed(it, width) => it.len().checked_div(*width).unwrap_or(0),
            Self::Wide(it, width) => it.len().checked_div(*width).unwrap_or(0),
            Self::List(it) => it.len(),
        }
    }

    /// Calls `with` with all keys at once, without the lock of the interpreter.
    pub fn whole<T: Send>(&self, py: Python<'py>, with: impl FnOnce(&Keys<'_>) -> T + Send) -> PyResult<T> {
        let mut gathered = Gathered::default();
        Ok(match self {
            Self::Ints(it, signed) => {
                let keys = Keys::Ints { bits: it.as_slice()?, signed: *signed };
                py.detach(|| with(&keys))
            }
            Self::Fixed(it, width) => {
                let keys = Keys::Fixed { data: it.as_slice()?, width: *width };
                py.detach(|| with(&keys))
            }
            Self::Wide(it, width) => {
                let keys = Keys::Wide { data: it.as_slice()?, width: *width };
                py.detach(|| with(&keys))
            }
            Self::List(list) => {
                gathered.read(list, 0, list.len())?;
                py.detach(|| gathered.with(with))
            }
        })
    }

    /// Calls `each` with the keys in chunks, without the lock of the interpreter, and hears Ctrl-C in between:
    /// `each(keys, from, to, at)` has the keys `from..to` of `keys`, which are `at..` of all.
    pub fn chunks<E: Send>(
        &self,
        py: Python<'py>,
        mut each: impl FnMut(&Keys<'_>, usize, usize, usize) -> Result<(), E> + Send,
        complain: impl Fn(Python<'py>, E) -> PyErr,
    ) -> PyResult<()> {
        let total = self.len();
        let mut gathered = Gathered::default();
        for at in (0..total).step_by(CHUNK) {
            let to = total.min(at + CHUNK);
            let done = match self {
                Self::Ints(it, signed) => {
                    let keys = Keys::Ints { bits: it.as_slice()?, signed: *signed };
                    py.detach(|| each(&keys, at, to, at))
                }
                Self::Fixed(it, width) => {
                    let keys = Keys::Fixed { data: it.as_slice()?, width: *width };
                    py.detach(|| each(&keys, at, to, at))
                }
                Self::Wide(it, width) => {
                    let keys = Keys::Wide { data: it.as_slice()?, width: *width };
                    py.detach(|| each(&keys, at, to, at))
                }
                Self::List(list) => {
                    gathered.read(list, at, to)?;
                    let gathered = &gathered;
                    py.detach(|| gathered.with(|keys| each(keys, 0, to - at, at)))
                }
            };
            done.map_err(|it| complain(py, it))?;
            py.check_signals()?;
        }
        Ok(())
    }
}

/// Keys of a list, copied out of it.
#[derive(Default)]
struct Gathered {
    data: Vec<u8>,
    ends: Vec<usize>,
    /// Empty as long as all are text or bytes.
    other: Vec<(usize, Number)>,
}

#[derive(Clone, Copy)]
enum Number {
    Small { bits: u64, negative: bool },
    Large(u128),
}

impl Gathered {
    fn read(&mut self, list: &Bound<'_, PyList>, from: usize, to: usize) -> PyResult<()> {
        self.data.clear();
        self.ends.clear();
        self.other.clear();
        for i in from..to {
            let item = list.get_item(i)?;
            self.push(&item, || format!("keys[{i}]"))?;
        }
        Ok(())
    }

    #[inline]
    fn push(&mut self, item: &Bound<'_, PyAny>, place: impl Fn() -> String) -> PyResult<()> {
        if let Ok(text) = item.cast::<PyString>() {
            match text.to_str() {
                Ok(it) => self.data.extend_from_slice(it.as_bytes()),
                // Lone surrogates, which UTF-8 proper does not have.
                Err(_) => {
                    let bytes = item.call_method1("encode", ("utf-8", "surrogatepass"))?;
                    self.data.extend_from_slice(bytes.cast::<PyBytes>()?.as_bytes());
                }
            }
        } else if let Ok(bytes) = item.cast::<PyBytes>() {
            self.data.extend_from_slice(bytes.as_bytes());
        } else if let Some(number) = number(item, &place)? {
            self.other.push((self.ends.len(), number));
        } else if let Ok(bytes) = item.cast::<PyByteArray>() {
            self.data.extend(bytes.to_vec());
        } else {
            let uuid = item.py().import("uuid")?.getattr("UUID")?;
            if !item.is_instance(&uuid)? {
                return Err(bad_type(&place(), item, KINDS));
            }
            self.data.extend_from_slice(item.getattr("bytes")?.cast::<PyBytes>()?.as_bytes());
        }
        self.ends.push(self.data.len());
        Ok(())
    }

    fn with<T>(&self, each: impl FnOnce(&Keys<'_>) -> T) -> T {
        if self.other.is_empty() {
            return each(&Keys::Texts { data: &self.data, ends: &self.ends });
        }
        let mut numbers = self.other.iter().peekable();
        let mut start = 0;
        let key = |(i, end): (usize, &usize)| {
            let bytes = &self.data[start..*end];
            start = *end;
            match numbers.next_if(|(at, _)| *at == i) {
                Some((_, Number::Small { bits, negative })) => Key::Int { bits: *bits, negative: *negative },
                Some((_, Number::Large(bits))) => Key::Large(*bits),
                None => Key::Bytes(bytes),
            }
        };
        let keys: Vec<Key<'_>> = self.ends.iter().enumerate().map(key).collect();
        each(&Keys::Mixed(&keys))
    }
}

fn number(item: &Bound<'_, PyAny>, place: impl Fn() -> String) -> PyResult<Option<Number>> {
    if item.is_instance_of::<PyBool>() {
        return Err(bad_type(&place(), item, KINDS));
    }
    let index = match item.cast::<PyInt>() {
        Ok(it) => it.clone(),
        // A numpy integer, say.
        Err(_) => match item.call_method0("__index__").map(Bound::cast_into::<PyInt>) {
            Ok(Ok(it)) => it,
            _ => return Ok(None),
        },
    };
    // Most keys are not negative, and what does not fit costs an exception.
    if let Ok(bits) = index.extract::<u64>() {
        return Ok(Some(Number::Small { bits, negative: false }));
    }
    if let Ok(it) = index.extract::<i64>() {
        return Ok(Some(Number::Small { bits: it as u64, negative: true }));
    }
    let large = index.extract::<u128>().map_err(|_| bad_value(&place(), item, INTEGERS))?;
    Ok(Some(Number::Large(large)))
}

/// Calls `with` with one key.
pub fn with_key<T>(key: &Bound<'_, PyAny>, with: impl FnOnce(Key<'_>) -> T) -> PyResult<T> {
    if let Ok(text) = key.cast::<PyString>()
        && let Ok(text) = text.to_str()
    {
        return Ok(with(Key::Bytes(text.as_bytes())));
    }
    if let Ok(bytes) = key.cast::<PyBytes>() {
        return Ok(with(Key::Bytes(bytes.as_bytes())));
    }
    let mut gathered = Gathered::default();
    gathered.push(key, || "key".to_owned())?;
    Ok(gathered.with(|keys| match keys {
        Keys::Mixed(keys) => with(keys[0]),
        _ => with(Key::Bytes(&gathered.data)),
    }))
}
