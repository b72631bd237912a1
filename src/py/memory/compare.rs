//! One trace through many machines, on all cores.
use std::sync::atomic::{AtomicBool, Ordering};

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rayon::prelude::*;
use serde::Serialize;

use super::mmu::Replayed;
use crate::machines::memory::mmu::{Batch, Config, Error, Machine, Results, Usage, Why};
use crate::py::bridge::{from_python, to_python};
use crate::py::errors::{class, from_invalid};
use crate::py::patience::listening;

/// How many accesses are replayed before a machine looks whether to go on.
const PIECE: usize = 1 << 18;

/// Adds what is here to the native module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(mmu_compare, m)?)
}

/// What one machine made of the trace, and what there is of everything afterwards.
#[derive(Serialize)]
struct Compared {
    replayed: Replayed,
    usage: Usage,
}

/// Replays the same accesses in a machine of each of these configurations.
#[pyfunction]
fn mmu_compare<'py>(
    py: Python<'py>,
    configs: Vec<Bound<'py, PyDict>>,
    addresses: PyReadonlyArray1<'py, u64>,
    kinds: Option<PyReadonlyArray1<'py, u8>>,
    processes: Option<PyReadonlyArray1<'py, u32>>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let read = |it: &Bound<'py, PyDict>| from_python(it.as_any(), None, "mmu");
    let configs = configs.iter().map(read).collect::<PyResult<Vec<Config>>>()?;
    let kinds = kinds.as_ref().map(|it| it.as_slice()).transpose()?;
    let processes = processes.as_ref().map(|it| it.as_slice()).transpose()?;
    let addresses = addresses.as_slice()?;
    let batch = Batch { addresses, kinds, processes, supervisor: false, lenient: false };
    let found = listening(py, |cancelled| {
        configs.par_iter().map(|config| replay(config, batch, cancelled)).collect::<Result<Vec<_>, _>>()
    })?;
    let found = found.map_err(|(at, error)| complain(py, at, error))?;
    found.iter().map(|it| to_python(py, None, it)).collect()
}

/// One machine; an error says at which access it came.
fn replay(config: &Config, batch: Batch<'_>, cancelled: &AtomicBool) -> Result<Compared, (usize, Error)> {
    let mut machine = Machine::new(config).map_err(|it| (0, it.into()))?;
    let mut stopped = None;
    let mut from = 0;
    while from < batch.addresses.len() && stopped.is_none() && !cancelled.load(Ordering::Relaxed) {
        let to = (from + PIECE).min(batch.addresses.len());
        let part = Batch {
            addresses: &batch.addresses[from..to],
            kinds: batch.kinds.map(|it| &it[from..to]),
            processes: batch.processes.map(|it| &it[from..to]),
            ..batch
        };
        if let Err(it) = machine.replay(part, Results::default()) {
            match it.why {
                Why::Denied(denial) => stopped = Some((from + it.at, denial)),
                Why::Error(error) => return Err((from + it.at, error)),
            }
        }
        from = to;
    }
    let counters = *machine.counters();
    let time_ns = counters.time_ns(machine.times());
    Ok(Compared { replayed: Replayed { counters, time_ns, stopped }, usage: machine.usage() })
}

fn complain(py: Python<'_>, at: usize, error: Error) -> PyErr {
    match error {
        Error::Invalid(mut it) => {
            if it.parameter == "address" {
                it.parameter = format!("addresses[{at}]");
            }
            from_invalid(py, &it)
        }
        Error::NoProcess(id) => {
            class::ParameterError::new_err((format!("processes[{at}]"), id, "a process there is"))
        }
        Error::OutOfMemory { what } => class::OutOfMemory::new_err(what),
    }
}
