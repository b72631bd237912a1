//! Reading encodings: as Python values, as text, as values of a history.
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::ffi::c_str;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple};

use super::classes::{self, Class, Shape};
use super::{MAX_DEPTH, Plain};
use crate::py::errors::class::{SaveFileError, SerializationError};
use crate::sim::Value;

/// The first byte of every encoded value.
pub mod tag {
    #![allow(missing_docs)]
    pub const NONE: u8 = 0;
    pub const FALSE: u8 = 1;
    pub const TRUE: u8 = 2;
    pub const INT: u8 = 3;
    pub const BIG: u8 = 4;
    pub const FLOAT: u8 = 5;
    pub const TEXT: u8 = 6;
    pub const BYTES: u8 = 7;
    pub const LIST: u8 = 8;
    pub const TUPLE: u8 = 9;
    pub const DICT: u8 = 10;
    pub const SET: u8 = 11;
    pub const FROZEN_SET: u8 = 12;
    pub const OBJECT: u8 = 13;
    pub const RECORD: u8 = 14;
    pub const MEMBER: u8 = 15;
}

/// Bytes that are no encoding of anything.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a stored Python value is damaged")]
pub struct Damaged;

impl From<Damaged> for PyErr {
    fn from(damaged: Damaged) -> Self {
        SaveFileError::new_err(damaged.to_string())
    }
}

/// The beginning of a value; what it contains follows.
enum Token<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// Little-endian, two's complement.
    Big(&'a [u8]),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    List(usize),
    Tuple(usize),
    /// As many keys and values, in turn.
    Dict(usize),
    Set(usize),
    FrozenSet(usize),
    /// A class, and as many names and values, in turn.
    Object(&'a str, usize),
    /// A class; a tuple follows.
    Record(&'a str),
    /// A class; the name or the value of one of its members follows.
    Member(&'a str),
}

impl Token<'_> {
    /// How many values follow that belong to it.
    fn parts(&self) -> usize {
        match *self {
            Self::List(n) | Self::Tuple(n) | Self::Set(n) | Self::FrozenSet(n) => n,
            Self::Dict(n) | Self::Object(_, n) => 2 * n,
            Self::Record(_) | Self::Member(_) => 1,
            _ => 0,
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    depth: u32,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        // None is the empty encoding.
        Self { rest: if bytes.is_empty() { &[tag::NONE] } else { bytes }, depth: 0 }
    }

    fn token(&mut self) -> Result<Token<'a>, Damaged> {
        let (&tag, rest) = self.rest.split_first().ok_or(Damaged)?;
        self.rest = rest;
        Ok(match tag {
            tag::NONE => Token::None,
            tag::FALSE => Token::Bool(false),
            tag::TRUE => Token::Bool(true),
            tag::INT => {
                let zigzag = self.varint()?;
                Token::Int((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
            }
            tag::BIG => Token::Big(self.bytes()?),
            tag::FLOAT => {
                let (bits, rest) = self.rest.split_first_chunk().ok_or(Damaged)?;
                self.rest = rest;
                Token::Float(f64::from_bits(u64::from_le_bytes(*bits)))
            }
            tag::TEXT => Token::Text(self.text()?),
            tag::BYTES => Token::Bytes(self.bytes()?),
            tag::LIST => Token::List(self.count()?),
            tag::TUPLE => Token::Tuple(self.count()?),
            tag::DICT => Token::Dict(self.count()?),
            tag::SET => Token::Set(self.count()?),
            tag::FROZEN_SET => Token::FrozenSet(self.count()?),
            tag::OBJECT => Token::Object(self.text()?, self.count()?),
            tag::RECORD => Token::Record(self.text()?),
            tag::MEMBER => Token::Member(self.text()?),
            _ => return Err(Damaged),
        })
    }

    fn varint(&mut self) -> Result<u64, Damaged> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(Damaged)?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Damaged)
    }

    /// A number of things of which each takes a byte at least.
    fn count(&mut self) -> Result<usize, Damaged> {
        usize::try_from(self.varint()?).ok().filter(|it| *it <= self.rest.len()).ok_or(Damaged)
    }

    fn bytes(&mut self) -> Result<&'a [u8], Damaged> {
        let len = self.count()?;
        let (bytes, rest) = self.rest.split_at(len);
        self.rest = rest;
        Ok(bytes)
    }

    fn text(&mut self) -> Result<&'a str, Damaged> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Damaged)
    }

    fn name(&mut self) -> Result<&'a str, Damaged> {
        match self.token()? {
            Token::Text(name) => Ok(name),
            _ => Err(Damaged),
        }
    }

    /// The next value, not looked at.
    fn skip(&mut self) -> Result<(), Damaged> {
        let parts = self.token()?.parts();
        self.descend()?;
        for _ in 0..parts {
            self.skip()?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn descend(&mut self) -> Result<(), Damaged> {
        // An instance takes two levels of reading for one of writing.
        self.depth += 1;
        if self.depth <= 2 * MAX_DEPTH + 2 { Ok(()) } else { Err(Damaged) }
    }
}

pub(super) fn check(bytes: &[u8]) -> Result<(), Damaged> {
    let mut reader = Reader::new(bytes);
    reader.skip()?;
    if reader.rest.is_empty() { Ok(()) } else { Err(Damaged) }
}

pub(super) fn decode<'py>(bytes: &[u8], py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
    Reader::new(bytes).value(py)
}

pub(super) fn decode_into(bytes: &[u8], object: &Bound<'_, PyAny>) -> PyResult<()> {
    let mut reader = Reader::new(bytes);
    match reader.token()? {
        Token::Object(_, fields) => reader.fields(object, fields),
        _ => Err(Damaged.into()),
    }
}

pub(super) fn class(bytes: &[u8]) -> Option<&str> {
    match Reader::new(bytes).token() {
        Ok(Token::Object(class, _) | Token::Record(class) | Token::Member(class)) => Some(class),
        _ => None,
    }
}

pub(super) fn items(bytes: &[u8]) -> Option<Vec<Plain>> {
    let mut reader = Reader::new(bytes);
    let Ok(Token::List(n) | Token::Tuple(n)) = reader.token() else { return None };
    let item = |_| {
        let start = reader.rest;
        reader.skip().ok()?;
        let item = &start[..start.len() - reader.rest.len()];
        Some(if item == [tag::NONE] { Plain::default() } else { Plain(item.into()) })
    };
    (0..n).map(item).collect()
}

/// `object.__new__` and the like, which run no code of the class.
struct Makers {
    new_object: Py<PyAny>,
    new_tuple: Py<PyAny>,
    set_attribute: Py<PyAny>,
}

static MAKERS: PyOnceLock<Makers> = PyOnceLock::new();

fn makers(py: Python<'_>) -> PyResult<&Makers> {
    MAKERS.get_or_try_init(py, || {
        let get = |code| py.eval(code, None, None).map(Bound::unbind);
        Ok(Makers {
            new_object: get(c_str!("object.__new__"))?,
            new_tuple: get(c_str!("tuple.__new__"))?,
            set_attribute: get(c_str!("object.__setattr__"))?,
        })
    })
}

/// An instance without attributes; no code of its class runs.
pub fn new_object<'py>(py: Python<'py>, class: &Class) -> PyResult<Bound<'py, PyAny>> {
    makers(py)?.new_object.bind(py).call1((&class.object,))
}

fn known(key: &str) -> PyResult<Arc<Class>> {
    classes::named(key).ok_or_else(|| {
        let problem =
            format!("the class {key} is not known here: import it, or give it to load(..., nodes=[...])");
        SerializationError::new_err((String::new(), key.to_owned(), String::new(), problem))
    })
}

impl Reader<'_> {
    fn value<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(match self.token()? {
            Token::None => py.None().into_bound(py),
            Token::Bool(it) => it.into_pyobject(py)?.to_owned().into_any(),
            Token::Int(it) => it.into_pyobject(py)?.into_any(),
            Token::Float(it) => PyFloat::new(py, it).into_any(),
            Token::Text(it) => PyString::new(py, it).into_any(),
            Token::Bytes(it) => PyBytes::new(py, it).into_any(),
            Token::Big(it) => big(py, it)?,
            container => {
                self.descend()?;
                let built = self.container(py, container)?;
                self.depth -= 1;
                built
            }
        })
    }

    fn container<'py>(&mut self, py: Python<'py>, token: Token<'_>) -> PyResult<Bound<'py, PyAny>> {
        Ok(match token {
            Token::Dict(n) => {
                let dict = PyDict::new(py);
                for _ in 0..n {
                    let key = self.value(py)?;
                    dict.set_item(key, self.value(py)?)?;
                }
                dict.into_any()
            }
            Token::List(n) => PyList::new(py, self.values(py, n)?)?.into_any(),
            Token::Tuple(n) => PyTuple::new(py, self.values(py, n)?)?.into_any(),
            Token::Set(n) => PySet::new(py, self.values(py, n)?)?.into_any(),
            Token::FrozenSet(n) => PyFrozenSet::new(py, self.values(py, n)?)?.into_any(),
            Token::Object(key, n) => {
                let object = new_object(py, &*known(key)?)?;
                self.fields(&object, n)?;
                object
            }
            Token::Record(key) => {
                let items = self.value(py)?;
                makers(py)?.new_tuple.bind(py).call1((&known(key)?.object, items))?
            }
            Token::Member(key) => {
                let class = known(key)?;
                let member = self.value(py)?;
                match (&class.shape, member.cast::<PyString>()) {
                    (Shape::Enum, Ok(name)) => class.object.bind(py).as_any().get_item(name)?,
                    (Shape::Enum, Err(_)) => class.object.bind(py).call1((member,))?,
                    _ => return Err(Damaged.into()),
                }
            }
            _ => return Err(Damaged.into()),
        })
    }

    fn values<'py>(&mut self, py: Python<'py>, n: usize) -> PyResult<Vec<Bound<'py, PyAny>>> {
        (0..n).map(|_| self.value(py)).collect()
    }

    fn fields(&mut self, object: &Bound<'_, PyAny>, n: usize) -> PyResult<()> {
        let py = object.py();
        let set_attribute = makers(py)?.set_attribute.bind(py);
        for _ in 0..n {
            let name = PyString::intern(py, self.name()?);
            set_attribute.call1((object, name, self.value(py)?))?;
        }
        Ok(())
    }
}

fn big<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let kwargs = PyDict::new(py);
    kwargs.set_item(intern!(py, "signed"), true)?;
    let int = py.get_type::<PyInt>();
    int.call_method(intern!(py, "from_bytes"), (PyBytes::new(py, bytes), "little"), Some(&kwargs))
}

pub(super) fn show(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    Reader::new(bytes).show(f).unwrap_or_else(|Damaged| f.write_str("<damaged>"))
}

impl Reader<'_> {
    /// Damage and trouble with the output are different things, hence two results.
    fn show(&mut self, f: &mut fmt::Formatter<'_>) -> Result<fmt::Result, Damaged> {
        let token = self.token()?;
        self.descend()?;
        let result = match token {
            Token::None => f.write_str("None"),
            Token::Bool(it) => f.write_str(if it { "True" } else { "False" }),
            Token::Int(it) => write!(f, "{it}"),
            Token::Big(it) => write!(f, "<int of {} bytes>", it.len()),
            Token::Float(it) => write!(f, "{it:?}"),
            Token::Text(it) => write!(f, "{it:?}"),
            Token::Bytes(it) => write!(f, "b\"{}\"", it.escape_ascii()),
            Token::List(n) => self.show_items(f, "[", n, "]")?,
            Token::Tuple(n) => self.show_items(f, "(", n, if n == 1 { ",)" } else { ")" })?,
            Token::Set(n) => self.show_items(f, "{", n, "}")?,
            Token::FrozenSet(n) => self.show_items(f, "frozenset({", n, "})")?,
            Token::Dict(n) => self.show_pairs(f, "{", n, ": ", "}")?,
            Token::Object(class, n) => self.show_pairs(f, &format!("{}(", short(class)), n, "=", ")")?,
            Token::Record(class) => f.write_str(short(class)).and(self.show(f)?),
            Token::Member(class) => match self.token()? {
                Token::Text(name) => write!(f, "{}.{name}", short(class)),
                Token::Int(value) => write!(f, "{}({value})", short(class)),
                _ => return Err(Damaged),
            },
        };
        self.depth -= 1;
        Ok(result)
    }

    fn show_items(
        &mut self,
        f: &mut fmt::Formatter<'_>,
        open: &str,
        n: usize,
        close: &str,
    ) -> Result<fmt::Result, Damaged> {
        let mut result = f.write_str(open);
        for i in 0..n {
            result = result.and_then(|()| f.write_str(if i > 0 { ", " } else { "" }));
            result = result.and(self.show(f)?);
        }
        Ok(result.and_then(|()| f.write_str(close)))
    }

    fn show_pairs(
        &mut self,
        f: &mut fmt::Formatter<'_>,
        open: &str,
        n: usize,
        between: &str,
        close: &str,
    ) -> Result<fmt::Result, Damaged> {
        let mut result = f.write_str(open);
        for i in 0..n {
            result = result.and_then(|()| f.write_str(if i > 0 { ", " } else { "" }));
            result = match between {
                "=" => result.and(f.write_str(self.name()?)),
                _ => result.and(self.show(f)?),
            };
            result = result.and_then(|()| f.write_str(between)).and(self.show(f)?);
        }
        Ok(result.and_then(|()| f.write_str(close)))
    }
}

/// Of `module:Outer.Inner`, `Inner`.
fn short(class: &str) -> &str {
    class.rsplit([':', '.']).next().unwrap_or(class)
}

/// Labels live as long as the process; a program that makes them up without end gets only this many.
const MOST_KINDS: usize = 4096;

static KINDS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

pub(super) fn kind(bytes: &[u8]) -> &'static str {
    let name = Reader::new(bytes).kind().unwrap_or(Cow::Borrowed("damaged"));
    let mut kinds = KINDS.lock();
    if let Some(known) = kinds.get(&*name) {
        return known;
    }
    if kinds.len() >= MOST_KINDS {
        return "message";
    }
    let label: &'static str = Box::leak(name.into_owned().into_boxed_str());
    kinds.insert(label);
    label
}

impl<'a> Reader<'a> {
    fn kind(&mut self) -> Result<Cow<'a, str>, Damaged> {
        Ok(match self.token()? {
            Token::None => "None".into(),
            Token::Bool(_) => "bool".into(),
            Token::Int(_) | Token::Big(_) => "int".into(),
            Token::Float(_) => "float".into(),
            Token::Text(it) => word(it).unwrap_or("str").into(),
            Token::Bytes(_) => "bytes".into(),
            Token::Set(_) | Token::FrozenSet(_) => "set".into(),
            Token::List(n) => self.kind_of_first(n)?.unwrap_or("list").into(),
            Token::Tuple(n) => self.kind_of_first(n)?.unwrap_or("tuple").into(),
            Token::Dict(n) => self.kind_of_dict(n)?.into(),
            Token::Object(class, _) | Token::Record(class) => short(class).into(),
            Token::Member(class) => match self.token()? {
                Token::Text(name) => format!("{}.{name}", short(class)).into(),
                _ => short(class).into(),
            },
        })
    }

    fn kind_of_first(&mut self, n: usize) -> Result<Option<&'a str>, Damaged> {
        Ok(match n {
            0 => None,
            _ => match self.token()? {
                Token::Text(it) => word(it),
                _ => None,
            },
        })
    }

    /// What stands under `kind`, `type` or `op`, else the only key.
    fn kind_of_dict(&mut self, n: usize) -> Result<&'a str, Damaged> {
        let mut only = None;
        for _ in 0..n {
            let Some(key) = self.word_or_skip()? else {
                self.skip()?;
                continue;
            };
            if matches!(key, "kind" | "type" | "op") {
                if let Some(kind) = self.word_or_skip()? {
                    return Ok(kind);
                }
            } else {
                only = Some(key);
                self.skip()?;
            }
        }
        Ok(only.filter(|_| n == 1).unwrap_or("dict"))
    }

    fn word_or_skip(&mut self) -> Result<Option<&'a str>, Damaged> {
        let start = self.rest;
        match self.token()? {
            Token::Text(it) => Ok(word(it)),
            _ => {
                self.rest = start;
                self.skip().map(|()| None)
            }
        }
    }
}

/// Text that is fit to be a label.
fn word(it: &str) -> Option<&str> {
    let fit = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    (!it.is_empty() && it.len() <= 40 && it.chars().all(fit)).then_some(it)
}

pub(super) fn value(bytes: &[u8]) -> Value {
    Reader::new(bytes).history_value().unwrap_or_default()
}

impl Reader<'_> {
    fn history_value(&mut self) -> Result<Value, Damaged> {
        let start = self.rest;
        let n = match self.token()? {
            Token::None => return Ok(Value::Null),
            Token::Bool(it) => return Ok(it.into()),
            Token::Int(it) => return Ok(it.into()),
            Token::Text(it) => return Ok(it.into()),
            Token::List(n) | Token::Tuple(n) => n,
            _ => {
                self.rest = start;
                self.skip()?;
                let text = format!("{:?}", Plain(start[..start.len() - self.rest.len()].into()));
                return Ok(text.as_str().into());
            }
        };
        self.descend()?;
        let items: Result<Value, Damaged> =
            (0..n).map(|_| self.history_value()).collect::<Result<Vec<_>, _>>().map(Value::from_iter);
        self.depth -= 1;
        items
    }
}
