//! What has to be copied when a ring changes.
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::{Column, Numbers, Placement, complain, ring};
use crate::machines::hashing::ring::plan::{Content, Moves, Order, Transfer, Wanted, moves, schedule};

/// Transfers from one ring to another, as columns; `bytes` on the ring evenly, or keys with their sizes.
#[pyfunction]
#[pyo3(signature = (before, after, *, copies, racks_apart, lost, bytes = 0, keys = None, sizes = None))]
#[allow(clippy::too_many_arguments)]
fn transfers<'py>(
    py: Python<'py>,
    before: &Placement,
    after: &Placement,
    copies: usize,
    racks_apart: bool,
    lost: Vec<String>,
    bytes: u64,
    keys: Option<(String, Bound<'py, PyAny>, usize)>,
    sizes: Option<PyReadonlyArray1<'py, u64>>,
) -> PyResult<Bound<'py, PyDict>> {
    let (before, after) = (before.now(), after.now());
    let old = ring(&before).map_err(|it| complain(py, it))?;
    let new = ring(&after).map_err(|it| complain(py, it))?;
    let wanted = Wanted { copies, racks_apart, lost: &lost };
    let found = match (keys, &sizes) {
        (Some((kind, data, width)), Some(sizes)) => {
            let sizes = sizes.as_slice()?;
            let keys = Column::new(&kind, &data, width)?;
            keys.whole(py, |keys| moves(old, new, Content::Keys(keys, sizes), &wanted))?
        }
        _ => py.detach(|| moves(old, new, Content::Even(bytes), &wanted)),
    };
    columns(py, &found.map_err(|it| complain(py, it))?)
}

fn columns<'py>(py: Python<'py>, found: &Moves) -> PyResult<Bound<'py, PyDict>> {
    let all = &found.transfers;
    let shown = PyDict::new(py);
    shown.set_item("nodes", &found.nodes)?;
    shown.set_item("lost_bytes", found.lost_bytes)?;
    shown.set_item("first", all.iter().map(|it| it.first).collect::<Vec<_>>())?;
    shown.set_item("last", all.iter().map(|it| it.last).collect::<Vec<_>>())?;
    let numbers = |of: fn(&Transfer) -> u32| PyArray1::from_iter(py, all.iter().map(|it| of(it) as i32));
    shown.set_item("source", numbers(|it| it.source))?;
    shown.set_item("target", numbers(|it| it.target))?;
    shown.set_item("survivors", numbers(|it| it.survivors))?;
    shown.set_item("bytes", PyArray1::from_iter(py, all.iter().map(|it| it.bytes)))?;
    Ok(shown)
}

/// When each transfer starts and stops, in seconds; rates by server, in bytes a second.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn transfer_times<'py>(
    py: Python<'py>,
    source: PyReadonlyArray1<'py, i32>,
    target: PyReadonlyArray1<'py, i32>,
    bytes: PyReadonlyArray1<'py, u64>,
    survivors: PyReadonlyArray1<'py, i32>,
    order: &str,
    send: Vec<f64>,
    receive: Vec<f64>,
) -> PyResult<(Numbers<'py, f64>, Numbers<'py, f64>)> {
    let (source, target, bytes) = (source.as_array(), target.as_array(), bytes.as_array());
    let survivors = survivors.as_array();
    let all = source.iter().zip(target).zip(bytes.iter().zip(survivors));
    let all: Vec<_> = all
        .map(|((source, target), (bytes, survivors))| Transfer {
            first: 0,
            last: 0,
            source: *source as u32,
            target: *target as u32,
            bytes: *bytes,
            survivors: *survivors as u32,
        })
        .collect();
    let order = match order {
        "largest" => Order::Largest,
        "ring" => Order::Ring,
        _ => Order::Endangered,
    };
    let times = py.detach(|| schedule(&all, order, &send, &receive));
    Ok((
        PyArray1::from_iter(py, times.iter().map(|it| it.0)),
        PyArray1::from_iter(py, times.iter().map(|it| it.1)),
    ))
}

/// Adds what is here to the native module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(transfers, m)?)?;
    m.add_function(wrap_pyfunction!(transfer_times, m)?)
}
