//! Specifications written in Python.
use indexmap::IndexMap;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rustc_hash::FxBuildHasher;

use crate::check::consistency::spec::{Broken, Machine};
use crate::py::errors::bad_type;

/// An object with `initial()`, `step(state, row) -> (ok, state)` and `partition(row)`.
///
/// Its states are hashable; equal ones get one number. What it raises is kept, and comes out as it is.
pub(super) struct Own<'py> {
    spec: Bound<'py, PyAny>,
    states: Vec<Bound<'py, PyAny>>,
    numbers: Bound<'py, PyDict>,
    groups: IndexMap<String, u32, FxBuildHasher>,
    raised: Option<PyErr>,
}

impl<'py> Own<'py> {
    pub(super) fn new(spec: Bound<'py, PyAny>) -> Self {
        let numbers = PyDict::new(spec.py());
        Self { spec, states: vec![], numbers, groups: IndexMap::default(), raised: None }
    }

    /// What the specification raised, if it did.
    pub(super) fn raised(self) -> Option<PyErr> {
        self.raised
    }

    fn keep<T>(&mut self, result: PyResult<T>) -> Result<T, Broken> {
        result.map_err(|error| {
            self.raised = Some(error);
            Broken
        })
    }

    fn number(&mut self, state: &Bound<'py, PyAny>) -> PyResult<u32> {
        let known = self.numbers.get_item(state).map_err(|error| {
            let type_error = error.is_instance_of::<pyo3::exceptions::PyTypeError>(state.py());
            if type_error {
                bad_type("spec: state", state, "a hashable state (a tuple, a frozenset, ...)")
            } else {
                error
            }
        })?;
        if let Some(number) = known {
            return number.extract();
        }
        let number = self.states.len() as u32;
        self.numbers.set_item(state, number)?;
        self.states.push(state.clone());
        Ok(number)
    }

    fn try_step(&mut self, state: u32, row: u32) -> PyResult<Option<u32>> {
        let answer = self.spec.call_method1("step", (&self.states[state as usize], row))?;
        let (ok, next): (bool, Bound<'py, PyAny>) = answer.extract()?;
        if ok { self.number(&next).map(Some) } else { Ok(None) }
    }

    fn try_partition(&mut self, row: u32) -> PyResult<u32> {
        let group = self.spec.call_method1("partition", (row,))?.repr()?.to_string();
        let next = self.groups.len() as u32;
        Ok(*self.groups.entry(group).or_insert(next))
    }
}

impl Machine for Own<'_> {
    fn initial(&mut self, _group: u32) -> Result<u32, Broken> {
        let state = self.spec.call_method0("initial");
        let number = state.and_then(|state| self.number(&state));
        self.keep(number)
    }

    fn step(&mut self, state: u32, row: u32) -> Result<Option<u32>, Broken> {
        let next = self.try_step(state, row);
        self.keep(next)
    }

    fn partition(&mut self, row: u32) -> Result<u32, Broken> {
        let group = self.try_partition(row);
        self.keep(group)
    }

    fn show(&self, state: u32) -> String {
        self.states[state as usize].repr().map_or_else(|_| "a state".to_owned(), |it| it.to_string())
    }
}
