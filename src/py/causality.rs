//! The happens-before order of a trace as Python sees it: columns in, columns out.
use numpy::{PyArray1, PyArray2, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::errors::class::{ParameterError, ParameterTypeError};
use crate::check::causality::{Causality, Columns, Cut, Error, Gap};

/// Adds what is here to the native module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyCausality>()
}

fn raise(error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::UnknownRow { row, rows } => {
            ParameterError::new_err(("event", row, format!("a row below {rows}"), text))
        }
        Error::NoEvent { row } => ParameterError::new_err(("event", row, "a row at a node", text)),
        Error::Reversed { row, .. } => ParameterError::new_err(("trace", row, "messages in order", text)),
        Error::Ragged(_) | Error::TooLong => ParameterTypeError::new_err(("trace", (), "", text)),
    }
}

/// Who can have caused what.
#[pyclass(module = "distlab._core", name = "Causality")]
pub struct PyCausality(Causality);

type Rows<'py> = PyReadonlyArray1<'py, u32>;
type Pairs = Vec<(usize, usize)>;

#[pymethods]
impl PyCausality {
    #[new]
    fn new(
        py: Python<'_>,
        node: Rows<'_>,
        kind: PyReadonlyArray1<'_, u8>,
        id: PyReadonlyArray1<'_, u64>,
        cause: PyReadonlyArray1<'_, u64>,
        nodes: usize,
        budget_bytes: usize,
    ) -> PyResult<Self> {
        let columns = Columns {
            node: node.as_slice()?,
            kind: kind.as_slice()?,
            id: id.as_slice()?,
            cause: cause.as_slice()?,
        };
        py.detach(|| Causality::new(&columns, nodes, budget_bytes)).map(Self).map_err(raise)
    }

    /// Node of every row, its place in its chain, and the row of the send of what it receives.
    fn events<'py>(&self, py: Python<'py>) -> (Column<'py>, Column<'py>, Column<'py>) {
        let layout = self.0.layout();
        let sends = (0..layout.rows()).map(|row| layout.send_of(row).map_or(u32::MAX, |send| send as u32));
        let (nodes, places) = (layout.node_column(), layout.place_column());
        (PyArray1::from_slice(py, nodes), PyArray1::from_slice(py, places), PyArray1::from_iter(py, sends))
    }

    #[getter]
    fn unmatched(&self) -> usize {
        self.0.layout().unmatched()
    }

    #[getter]
    fn vector_bytes(&self) -> usize {
        self.0.vector_bytes()
    }

    /// For each pair of rows, whether the first happened before the second.
    fn happen_before<'py>(
        &mut self,
        py: Python<'py>,
        a: Rows<'py>,
        b: Rows<'py>,
    ) -> PyResult<Bound<'py, PyArray1<bool>>> {
        let (a, b) = (a.as_slice()?, b.as_slice()?);
        let order = &mut self.0;
        let found = py.detach(|| {
            let pairs: Vec<(u32, u32)> = a.iter().copied().zip(b.iter().copied()).collect();
            order.happen_before(&pairs)
        });
        Ok(PyArray1::from_vec(py, found.map_err(raise)?))
    }

    fn relation(&mut self, a: usize, b: usize) -> PyResult<&'static str> {
        self.0.relation(a, b).map(crate::machines::clocks::Relation::name).map_err(raise)
    }

    /// The vector stamps of the events in these rows, a row each.
    fn stamps<'py>(&mut self, py: Python<'py>, rows: Rows<'py>) -> PyResult<Bound<'py, PyArray2<u32>>> {
        let (rows, nodes) = (rows.as_slice()?, self.0.layout().nodes());
        let order = &mut self.0;
        let stamps = py.detach(|| {
            let mut all = vec![0; rows.len() * nodes];
            for (row, stamp) in rows.iter().zip(all.chunks_exact_mut(nodes.max(1))) {
                order.stamp(*row as usize, stamp)?;
            }
            Ok(all)
        });
        let flat = PyArray1::from_vec(py, stamps.map_err(raise)?);
        numpy::PyArrayMethods::reshape(&flat, [rows.len(), nodes])
    }

    /// Which rows happened before the event in `row`.
    fn past<'py>(&mut self, py: Python<'py>, row: usize) -> PyResult<Bound<'py, PyArray1<bool>>> {
        self.0.past(row).map(|it| PyArray1::from_vec(py, it)).map_err(raise)
    }

    /// Which rows happened after it.
    fn future<'py>(&mut self, py: Python<'py>, row: usize) -> PyResult<Bound<'py, PyArray1<bool>>> {
        self.0.future(row).map(|it| PyArray1::from_vec(py, it)).map_err(raise)
    }

    fn lamport<'py>(&self, py: Python<'py>) -> Column<'py> {
        PyArray1::from_vec(py, py.detach(|| self.0.lamport()))
    }

    fn longest_chain<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        rows(py, py.detach(|| self.0.longest_chain()))
    }

    fn critical_path<'py>(&self, py: Python<'py>, row: usize) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let path = py.detach(|| self.0.critical_path(row)).map_err(raise)?;
        Ok(rows(py, path))
    }

    /// What a cut of so many events of each node says; see `cut`.
    fn cut_at<'py>(&self, py: Python<'py>, frontier: Rows<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let frontier = frontier.as_slice()?;
        if frontier.len() != self.0.layout().nodes() {
            return Err(raise(Error::Ragged("a frontier must have a number for each node")));
        }
        cut(py, self.0.cut_at(frontier))
    }

    /// What a cut of the rows of a mask says; see `cut`.
    fn cut_of<'py>(
        &self,
        py: Python<'py>,
        mask: PyReadonlyArray1<'py, bool>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let found = self.0.cut_of(mask.as_slice()?).map_err(raise)?;
        cut(py, found)
    }
}

type Column<'py> = Bound<'py, PyArray1<u32>>;

fn rows(py: Python<'_>, rows: Vec<usize>) -> Bound<'_, PyArray1<i64>> {
    PyArray1::from_iter(py, rows.into_iter().map(|row| row as i64))
}

/// Messages received inside and sent outside; events inside with one missing before them; messages in transit.
fn cut(py: Python<'_>, cut: Cut) -> PyResult<Bound<'_, PyTuple>> {
    let messages: Pairs = cut
        .gaps
        .iter()
        .filter_map(|gap| match gap {
            Gap::Message { send, delivery } => Some((*send, *delivery)),
            Gap::Earlier { .. } => None,
        })
        .collect();
    let earlier: Pairs = cut
        .gaps
        .iter()
        .filter_map(|gap| match gap {
            Gap::Earlier { missing, present } => Some((*missing, *present)),
            Gap::Message { .. } => None,
        })
        .collect();
    (messages, earlier, cut.in_transit).into_pyobject(py)
}
