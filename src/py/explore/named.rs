//! The specifications of the core, by name.
use std::convert::Infallible;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::run::{Lock, run};
use super::settings::Settings;
use super::show::{self, Show};
use crate::check::explore::Failed;
use crate::check::explore::specs::{Named, Spec, Visitor};
use crate::py::bridge::to_python;
use crate::py::errors::from_invalid;

struct Explore<'a, 'py> {
    py: Python<'py>,
    settings: &'a Settings,
    progress: Option<&'a Bound<'py, PyAny>>,
}

/// How a specification's states and actions look.
struct Shown<'a, S>(&'a S);

impl<S: Spec> Show<S> for Shown<'_, S> {
    fn state<'py>(&self, py: Python<'py>, state: &S::State) -> PyResult<Bound<'py, PyAny>> {
        let facts = PyDict::new(py);
        for (name, value) in self.0.show_state(state) {
            facts.set_item(PyString::intern(py, name), to_python(py, None, &value)?)?;
        }
        Ok(facts.into_any())
    }
    fn action<'py>(
        &self,
        py: Python<'py>,
        _state: &S::State,
        action: &S::Action,
    ) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyString::new(py, &self.0.show_action(action)).into_any())
    }
}

impl<'py> Visitor for Explore<'_, 'py> {
    type Out = PyResult<Bound<'py, PyDict>>;
    fn visit<S: Spec>(self, spec: &S) -> Self::Out {
        let Self { py, settings, progress } = self;
        let ran = run(py, spec, settings, progress, Lock::Released, || 0)?;
        let found = ran.result.unwrap_or_else(|Failed { error, .. }: Failed<S>| {
            let never: Infallible = error;
            match never {}
        });
        show::report(py, spec, &Shown(spec), &found, ran.timed_out)
    }
}

/// Explores a specification of the core.
pub fn explore<'py>(
    py: Python<'py>,
    named: &Named,
    settings: &Settings,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    named.with(Explore { py, settings, progress }).map_err(|error| from_invalid(py, &error))?
}
