//! What the nodes of a world are called.
use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt, PyString};

use crate::py::errors::class::{ParameterTypeError, UnknownNode};
use crate::sim::NodeId;

/// The names of a world's nodes, in the order of their ids.
#[derive(Default)]
pub struct Names {
    python: Vec<Py<PyString>>,
    ids: BTreeMap<String, NodeId>,
}

impl Names {
    /// Gives the next id to `name`.
    pub fn push(&mut self, py: Python<'_>, name: &str) {
        self.ids.insert(name.into(), NodeId(self.python.len() as u32));
        self.python.push(PyString::intern(py, name).unbind());
    }

    /// Forgets all but the first `len` names.
    pub fn truncate(&mut self, len: usize) {
        self.python.truncate(len);
        self.ids.retain(|_, id| id.index() < len);
    }

    /// Whether there is a node of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.ids.contains_key(name)
    }

    /// The same names again.
    pub fn copy(&self, py: Python<'_>) -> Self {
        Self { python: self.python.iter().map(|it| it.clone_ref(py)).collect(), ids: self.ids.clone() }
    }

    /// All names.
    pub fn all(&self) -> &[Py<PyString>] {
        &self.python
    }

    /// The name of a node.
    pub fn get(&self, id: NodeId) -> Option<&Py<PyString>> {
        self.python.get(id.index())
    }

    /// The node of a name, or of an index.
    pub fn find(&self, node: &Bound<'_, PyAny>) -> PyResult<NodeId> {
        if let Ok(name) = node.cast::<PyString>() {
            let known = name.to_str().ok().and_then(|it| self.ids.get(it));
            return known.copied().ok_or_else(|| self.unknown(node));
        }
        if node.is_instance_of::<PyBool>() || !node.is_instance_of::<PyInt>() {
            let allowed = "the name of a node, or its index";
            return Err(ParameterTypeError::new_err(("node", node.clone().unbind(), allowed)));
        }
        let id = node.extract::<u32>().ok().filter(|it| (*it as usize) < self.python.len());
        id.map(NodeId).ok_or_else(|| self.unknown(node))
    }

    fn unknown(&self, node: &Bound<'_, PyAny>) -> PyErr {
        let py = node.py();
        let known: Vec<_> = self.python.iter().map(|it| it.clone_ref(py)).collect();
        UnknownNode::new_err((node.clone().unbind(), known))
    }
}
