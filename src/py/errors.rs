//! The exceptions of `distlab.errors`, raised from here.
use std::fmt::Display;

use pyo3::prelude::*;

use super::bridge::Names;
use crate::sim::{Error, Invalid};

/// The classes as Rust types; each is looked up in Python when first raised.
pub mod class {
    #![allow(missing_docs)]
    use pyo3::import_exception;

    import_exception!(distlab.errors, AllocationError);
    import_exception!(distlab.errors, BudgetExceeded);
    import_exception!(distlab.errors, ClockError);
    import_exception!(distlab.errors, ClusterBusy);
    import_exception!(distlab.errors, ClusterHalted);
    import_exception!(distlab.errors, HandlerError);
    import_exception!(distlab.errors, HistoryError);
    import_exception!(distlab.errors, InternalError);
    import_exception!(distlab.errors, InvariantViolation);
    import_exception!(distlab.errors, LivelockError);
    import_exception!(distlab.errors, MachineError);
    import_exception!(distlab.errors, ManualModeError);
    import_exception!(distlab.errors, MissingKey);
    import_exception!(distlab.errors, OutOfMemory);
    import_exception!(distlab.errors, ParameterError);
    import_exception!(distlab.errors, ParameterTypeError);
    import_exception!(distlab.errors, SaveFileError);
    import_exception!(distlab.errors, SerializationError);
    import_exception!(distlab.errors, SpecError);
    import_exception!(distlab.errors, StepImpossible);
    import_exception!(distlab.errors, TreeMismatch);
    import_exception!(distlab.errors, TraceError);
    import_exception!(distlab.errors, UnexplorableError);
    import_exception!(distlab.errors, UnknownNode);
}

/// An argument of the right type whose value is not allowed.
pub fn bad_value(parameter: &str, value: &Bound<'_, PyAny>, allowed: impl Display) -> PyErr {
    class::ParameterError::new_err((parameter.to_owned(), value.clone().unbind(), allowed.to_string()))
}

/// An argument of the wrong type.
pub fn bad_type(parameter: &str, value: &Bound<'_, PyAny>, allowed: impl Display) -> PyErr {
    class::ParameterTypeError::new_err((parameter.to_owned(), value.clone().unbind(), allowed.to_string()))
}

/// What the engine refused or stopped for.
pub fn from_engine(py: Python<'_>, error: &Error, names: &Names) -> PyErr {
    let name = |id| names.get(id).map(|it| it.clone_ref(py));
    match error {
        Error::Parameter(it) => from_invalid(py, it),
        Error::UnknownNode { id, .. } => {
            let known: Vec<_> = names.all().iter().map(|it| it.clone_ref(py)).collect();
            class::UnknownNode::new_err((*id, known))
        }
        Error::NotPending { id } => {
            class::ParameterError::new_err(("id", *id, "the id of something pending"))
        }
        Error::Node { name, .. } => class::ParameterError::new_err(("", name.clone(), "", error.to_string())),
        Error::Invariant(it) => class::InvariantViolation::new_err((
            it.invariant.to_string(),
            it.detail.clone(),
            it.seed,
            it.step,
            it.time as f64 / 1e9,
            name(it.node),
        )),
        Error::Livelock { event, name, .. } => {
            class::LivelockError::new_err((name.clone(), event.to_string(), error.to_string()))
        }
        Error::Budget { what, .. } => class::BudgetExceeded::new_err((what.clone(), error.to_string())),
        Error::Manual => class::ManualModeError::new_err(error.to_string()),
    }
}

/// A parameter outside of what is allowed.
pub fn from_invalid(py: Python<'_>, it: &Invalid) -> PyErr {
    class::ParameterError::new_err((it.parameter.clone(), number_or_text(py, &it.value), it.allowed))
}

/// The engine keeps the value it complains about as text.
fn number_or_text(py: Python<'_>, text: &str) -> Py<PyAny> {
    let number = py.get_type::<pyo3::types::PyInt>().call1((text,));
    let number = number.or_else(|_| py.get_type::<pyo3::types::PyFloat>().call1((text,)));
    number.map_or_else(|_| pyo3::types::PyString::new(py, text).into_any().unbind(), Bound::unbind)
}
