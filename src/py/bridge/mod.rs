//! Anything that can be serialized, as Python values and back.
//!
//! The form is the one people write by hand: a struct is a dict, a variant without data its name, one with
//! data `{"variant": data}`, nothing is None. A node's id is its name. What a user's own node sent, stored
//! or answered ([`Plain`](super::plain::Plain)) is the value itself.
mod de;
mod error;
mod names;
mod ser;

use pyo3::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

pub use names::Names;

/// `value` as a Python value.
pub fn to_python<'py, T: Serialize + ?Sized>(
    py: Python<'py>,
    names: Option<&Names>,
    value: &T,
) -> PyResult<Bound<'py, PyAny>> {
    value.serialize(ser::Writer { py, names }).map_err(|error| error.into_pyerr(py, ""))
}

/// A `T` from a Python value. Errors call it `root`, and name the path to what is wrong.
pub fn from_python<T: DeserializeOwned>(
    value: &Bound<'_, PyAny>,
    names: Option<&Names>,
    root: &str,
) -> PyResult<T> {
    T::deserialize(de::Reader { value, names }).map_err(|error| error.into_pyerr(value.py(), root))
}
