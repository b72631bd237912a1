//! Which parts of a value are wanted, so that reading a little of something large costs little.
use std::ops::Range;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyList, PySlice, PyString, PyTuple};

use super::error::{Error, one_of};

type Object<'py> = Bound<'py, PyAny>;

/// What is wanted of a value. What has no parts, such as a number, always comes whole.
#[derive(Debug)]
pub enum Parts {
    /// All of it.
    Whole,
    /// Some fields and what of them; of a list, of each of its items.
    Fields(Vec<(String, Self)>),
    /// The items of a list from a place up to before another one; negative places count from its end.
    Items {
        /// Where they begin.
        from: isize,
        /// Where they end, if not with the list.
        to: Option<isize>,
    },
}

pub(super) static WHOLE: Parts = Parts::Whole;
pub(super) static NOTHING: Parts = Parts::Fields(Vec::new());

impl Parts {
    /// As Python says it: `True`, a dict of fields, or a slice.
    pub fn read(value: &Object<'_>) -> Result<Self, Error> {
        if let Ok(fields) = value.cast::<PyDict>() {
            let read = |(name, wanted): (Object<'_>, Object<'_>)| {
                let name = name.cast::<PyString>().map_err(|_| Error::wrong_type(&name, "a name"))?;
                let name = name.to_string_lossy().into_owned();
                let wanted = Self::read(&wanted).map_err(|it| it.within(name.clone()))?;
                Ok((name, wanted))
            };
            return fields.iter().map(read).collect::<Result<_, _>>().map(Self::Fields);
        }
        let allowed = "True, a mapping of fields, or a slice with whole numbers and without a step";
        if value.is_instance_of::<PySlice>() {
            let place = |name| -> Result<Option<isize>, Error> {
                let it = value.getattr(name)?;
                if it.is_none() {
                    return Ok(None);
                }
                let whole = it.is_instance_of::<PyInt>() && !it.is_instance_of::<PyBool>();
                whole
                    .then(|| it.extract().ok())
                    .flatten()
                    .map(Some)
                    .ok_or_else(|| Error::wrong_type(value, allowed))
            };
            if matches!(place("step")?, None | Some(1)) {
                return Ok(Self::Items { from: place("start")?.unwrap_or(0), to: place("stop")? });
            }
        } else if value.cast::<PyBool>().is_ok_and(|it| it.is_true()) {
            return Ok(Self::Whole);
        }
        Err(Error::wrong_type(value, allowed))
    }

    /// What is wanted of each of some fields, which are all that there are.
    pub fn split<const N: usize>(self, names: [&'static str; N]) -> Result<[Option<Self>; N], Error> {
        let Self::Fields(mut fields) = self else {
            return match self {
                Self::Whole => Ok(names.map(|_| Some(Self::Whole))),
                _ => Err(no_list()),
            };
        };
        let split = names.map(|name| {
            let place = fields.iter().position(|(it, _)| it == name)?;
            Some(fields.swap_remove(place).1)
        });
        match fields.first() {
            None => Ok(split),
            Some((other, _)) => Err(unknown_field(other, &names)),
        }
    }

    /// What is wanted of a field; None: nothing.
    pub(super) fn of(&self, field: &str) -> Result<Option<&Self>, Error> {
        match self {
            Self::Whole => Ok(Some(&WHOLE)),
            Self::Fields(fields) => Ok(fields.iter().find(|(name, _)| name == field).map(|(_, it)| it)),
            Self::Items { .. } => Err(no_list()),
        }
    }

    /// What is wanted of what a dict holds for a key; None: nothing.
    pub(super) fn at(&self, key: &Object<'_>) -> Result<Option<&Self>, Error> {
        match key.cast::<PyString>() {
            Ok(name) => self.of(&name.to_string_lossy()),
            Err(_) => self.of("").map(|it| it.filter(|_| matches!(self, Self::Whole))),
        }
    }

    /// Which items of a list of some length are wanted, and what of each.
    pub(super) fn items(&self, len: usize) -> (Range<usize>, &Self) {
        match self {
            Self::Whole | Self::Fields(_) => (0..len, self),
            Self::Items { from, to } => {
                let place = |it: isize| {
                    if it < 0 { len.saturating_sub(it.unsigned_abs()) } else { (it as usize).min(len) }
                };
                (place(*from)..to.map_or(len, place), &WHOLE)
            }
        }
    }

    /// These parts of a value that is Python's own.
    pub fn pick<'py>(&self, value: &Object<'py>) -> Result<Object<'py>, Error> {
        let py = value.py();
        if matches!(self, Self::Whole) {
            return Ok(value.clone());
        }
        if let Ok(dict) = value.cast::<PyDict>() {
            let picked = PyDict::new(py);
            for (key, it) in dict.iter() {
                if let Some(wanted) = self.at(&key)? {
                    picked
                        .set_item(&key, wanted.pick(&it).map_err(|error| error.within(key.to_string()))?)?;
                }
            }
            return Ok(picked.into_any());
        }
        let of = |items: Vec<Object<'py>>| -> Result<Vec<Object<'py>>, Error> {
            let (wanted, of_each) = self.items(items.len());
            items.get(wanted).unwrap_or_default().iter().map(|it| of_each.pick(it)).collect()
        };
        Ok(match (value.cast::<PyList>(), value.cast::<PyTuple>()) {
            (Ok(list), _) => PyList::new(py, of(list.iter().collect())?)?.into_any(),
            (_, Ok(tuple)) => PyTuple::new(py, of(tuple.iter().collect())?)?.into_any(),
            _ => value.clone(),
        })
    }
}

pub(super) fn unknown_field(name: &str, fields: &[&str]) -> Error {
    serde::ser::Error::custom(format!("no '{name}' here: {}", one_of("only the fields ", fields)))
}

fn no_list() -> Error {
    serde::ser::Error::custom("a slice of what is no list")
}
