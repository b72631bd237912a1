//! Steps of a counterexample, gone again by the simulator.
use std::mem::replace;

use pyo3::prelude::*;

use super::world::read_calls;
use crate::check::explore::world::{Replay, Stuck};
use crate::py::context::in_scene;
use crate::py::errors::class::StepImpossible;
use crate::py::errors::from_engine;
use crate::py::fault;
use crate::py::world::Inner;
use crate::sim::{Config, Error, World};

type Object<'py> = Bound<'py, PyAny>;

/// From now on the world goes by steps: by hand, with a full trace, and with these calls waiting to be asked.
pub fn begin(py: Python<'_>, inner: &mut Inner, calls: &Object<'_>) -> PyResult<()> {
    let calls = read_calls(inner, calls)?;
    let begun = in_scene(&inner.scene, || Replay::new(&inner.world, &calls));
    inner.world = begun.map_err(|stuck| impossible(py, inner, &stuck, 0, None))?.into_world();
    fault::take().map_or(Ok(()), |it| Err(it.error))
}

/// Goes one step, the `index`-th from 0.
pub fn step(py: Python<'_>, inner: &mut Inner, step: &Object<'_>, index: usize) -> PyResult<()> {
    let read = inner.read_step(step)?;
    let Inner { world, scene, .. } = inner;
    let mut replay = Replay::resume(replace(world, World::new(Config::default())), index);
    let gone = in_scene(scene, || replay.step(&read));
    *world = replay.into_world();
    if let Some(fault) = fault::take() {
        return Err(fault.error);
    }
    gone.map_err(|stuck| impossible(py, inner, &stuck, index, Some(step)))?;
    match inner.world.violation() {
        Some(it) => Err(from_engine(py, &Error::Invariant(Box::new(it.clone())), &inner.scene.names)),
        None => Ok(()),
    }
}

fn impossible(
    py: Python<'_>,
    inner: &Inner,
    stuck: &Stuck,
    index: usize,
    step: Option<&Object<'_>>,
) -> PyErr {
    match stuck {
        Stuck::Impossible { why, .. } => StepImpossible::new_err((
            index,
            step.map(|it| it.clone().unbind()),
            Vec::<u8>::new(),
            why.clone(),
        )),
        Stuck::Refused { error, .. } => from_engine(py, error, &inner.scene.names),
    }
}
