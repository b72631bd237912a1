//! Values of histories as Python values and back.
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::py::bridge::to_python;
use crate::sim::Value;

/// As a Python value.
pub fn object<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Null => Ok(py.None().into_bound(py)),
        Value::Int(it) => Ok(it.into_pyobject(py)?.into_any()),
        Value::Text(it) => Ok((&**it).into_pyobject(py)?.into_any()),
        Value::Bool(_) | Value::List(_) => to_python(py, None, value),
    }
}

/// A value of a history: None, bool, int, str and lists of these as they are; anything else by its repr.
pub fn value_of(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    Ok(if object.is_none() {
        Value::Null
    } else if let Ok(it) = object.cast::<PyBool>() {
        it.is_true().into()
    } else if let Some(it) = object.cast::<PyInt>().ok().and_then(|it| it.extract::<i64>().ok()) {
        Value::Int(it)
    } else if let Ok(it) = object.cast::<PyString>() {
        Value::Text(Arc::from(&*it.to_string_lossy()))
    } else if let Ok(it) = object.cast::<PyFloat>() {
        float(it.value())
    } else if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
        object.try_iter()?.map(|it| value_of(&it?)).collect::<PyResult<Value>>()?
    } else if object.hasattr("item")? {
        value_of(&object.call_method0("item")?)? // a number of numpy's
    } else {
        Value::Text(Arc::from(&*object.repr()?.to_string_lossy()))
    })
}

/// What a column with gaps makes of whole numbers: `1.0` is 1, NaN is nothing.
fn float(it: f64) -> Value {
    if it.is_nan() {
        Value::Null
    } else if it.fract() == 0.0 && it.abs() < 9e15 {
        Value::Int(it as i64)
    } else {
        Value::Text(it.to_string().into())
    }
}
