//! What can be wrong with a value at the border, and where inside it.
use std::fmt::{self, Display};

use pyo3::prelude::*;
use serde::{de, ser};

use crate::py::errors::class::{ParameterError, ParameterTypeError};

/// Boxed, so that results stay small where nothing is wrong.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    /// From the inside out.
    path: Vec<String>,
    /// What was there instead.
    value: Option<Py<PyAny>>,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    /// Another type was expected.
    Type(String),
    /// Another value was expected.
    Value(String),
    /// Something that only its own words can say.
    Words(String),
    /// Python raised an exception.
    Raised(PyErr),
}

impl Error {
    pub fn wrong_type(value: &Bound<'_, PyAny>, allowed: impl Display) -> Self {
        Self::from(Cause::Type(allowed.to_string())).about(value)
    }

    pub fn wrong_value(value: &Bound<'_, PyAny>, allowed: impl Display) -> Self {
        Self::from(Cause::Value(allowed.to_string())).about(value)
    }

    /// Says which value was wrong, unless that is known more closely.
    pub fn about(mut self, value: &Bound<'_, PyAny>) -> Self {
        self.0.value.get_or_insert_with(|| value.clone().unbind());
        self
    }

    /// Adds where inside a value it was.
    pub fn within(mut self, place: impl Into<String>) -> Self {
        self.0.path.push(place.into());
        self
    }

    pub fn into_pyerr(self, py: Python<'_>, root: &str) -> PyErr {
        let Inner { path, value, cause } = *self.0;
        let mut parameter = root.to_owned();
        for place in path.iter().rev() {
            let dot = if parameter.is_empty() || place.starts_with('[') { "" } else { "." };
            parameter = format!("{parameter}{dot}{place}");
        }
        let value = value.unwrap_or_else(|| py.None());
        match cause {
            Cause::Type(allowed) => ParameterTypeError::new_err((parameter, value, allowed)),
            Cause::Value(allowed) => ParameterError::new_err((parameter, value, allowed)),
            Cause::Words(problem) => ParameterError::new_err((parameter, value, "", problem)),
            Cause::Raised(error) => error,
        }
    }
}

impl From<Cause> for Error {
    fn from(cause: Cause) -> Self {
        Self(Box::new(Inner { path: Vec::new(), value: None, cause }))
    }
}
impl From<PyErr> for Error {
    fn from(error: PyErr) -> Self {
        Cause::Raised(error).into()
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.cause {
            Cause::Type(allowed) | Cause::Value(allowed) => write!(f, "expected {allowed}"),
            Cause::Words(problem) => f.write_str(problem),
            Cause::Raised(error) => error.fmt(f),
        }
    }
}
impl std::error::Error for Error {}

impl ser::Error for Error {
    fn custom<T: Display>(problem: T) -> Self {
        Cause::Words(problem.to_string()).into()
    }
}

impl de::Error for Error {
    fn custom<T: Display>(problem: T) -> Self {
        Cause::Words(problem.to_string()).into()
    }
    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Cause::Type(expected.to_string()).into()
    }
    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Cause::Value(expected.to_string()).into()
    }
    fn invalid_length(_: usize, expected: &dyn de::Expected) -> Self {
        Cause::Value(expected.to_string()).into()
    }
    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Cause::Value(one_of("", expected)).into()
    }
    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Cause::Value(one_of("only the fields ", expected)).into()
    }
    fn missing_field(field: &'static str) -> Self {
        Cause::Value(format!("the field '{field}' as well")).into()
    }
    fn duplicate_field(field: &'static str) -> Self {
        Cause::Words(format!("the field '{field}' is given twice")).into()
    }
}

/// `'a', 'b' or 'c'`
pub fn one_of(what: &str, names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|it| format!("'{it}'")).collect();
    match quoted.split_last() {
        None => "nothing".into(),
        Some((only, [])) => format!("{what}{only}"),
        Some((last, others)) => format!("{what}{} or {last}", others.join(", ")),
    }
}
