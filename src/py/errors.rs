//! The exceptions of `distlab.errors`, raised from here.
use std::fmt::Display;

use pyo3::prelude::*;

/// The classes as Rust types; each is looked up in Python when first raised.
pub mod class {
    #![allow(missing_docs)]
    use pyo3::import_exception;

    import_exception!(distlab.errors, BudgetExceeded);
    import_exception!(distlab.errors, ClusterBusy);
    import_exception!(distlab.errors, ClusterHalted);
    import_exception!(distlab.errors, HandlerError);
    import_exception!(distlab.errors, InternalError);
    import_exception!(distlab.errors, InvariantViolation);
    import_exception!(distlab.errors, LivelockError);
    import_exception!(distlab.errors, ParameterError);
    import_exception!(distlab.errors, ParameterTypeError);
    import_exception!(distlab.errors, SaveFileError);
    import_exception!(distlab.errors, SerializationError);
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
