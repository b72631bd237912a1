//! Anything that can be serialized, as Python values and back.
//!
//! The form is the one people write by hand: a struct is a dict, a variant without data its name, one with
//! data `{"variant": data}`, nothing is None. A node's id is its name. What a user's own node sent, stored
//! or answered ([`Plain`](super::plain::Plain)) is the value itself.
mod de;
mod error;
mod names;
mod parts;
mod ser;

use pyo3::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

pub use error::Error;
pub use names::Names;
pub use parts::Parts;

/// `value` as a Python value.
pub fn to_python<'py, T: Serialize + ?Sized>(
    py: Python<'py>,
    names: Option<&Names>,
    value: &T,
) -> PyResult<Bound<'py, PyAny>> {
    parts_to_python(py, names, &Parts::Whole, value).map_err(|error| error.into_pyerr(py, ""))
}

/// Parts of `value` as Python values; what is not wanted is passed over.
pub fn parts_to_python<'py, T: Serialize + ?Sized>(
    py: Python<'py>,
    names: Option<&Names>,
    parts: &Parts,
    value: &T,
) -> Result<Bound<'py, PyAny>, Error> {
    value.serialize(ser::Writer { py, names, parts })
}

/// A `T` from a Python value. Errors call it `root`, and name the path to what is wrong.
pub fn from_python<T: DeserializeOwned>(
    value: &Bound<'_, PyAny>,
    names: Option<&Names>,
    root: &str,
) -> PyResult<T> {
    T::deserialize(de::Reader { value, names }).map_err(|error| error.into_pyerr(value.py(), root))
}
