//! Dynamo's strategies of placement.
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::keys::{Column, with_key};
use crate::machines::hashing::ring::keys::{BLOCK, Hashing};
use crate::machines::hashing::ring::{Hash, Keys};
use crate::machines::hashing::strategies::{Cluster, EqualPartitions, Error, Move, Strategy};
use crate::py::errors::{class, from_invalid};
use crate::sim::Invalid;

fn complain(py: Python<'_>, error: Error, known: Vec<String>) -> PyErr {
    match error {
        Error::Invalid(it) => from_invalid(py, &it),
        Error::Unknown { name } => class::UnknownNode::new_err((name, known)),
    }
}

/// The loads of all nodes (columns) on so many rings (rows).
#[pyfunction]
#[pyo3(signature = (strategy, nodes, copies, tokens, partitions, rings, seed))]
#[expect(clippy::too_many_arguments, reason = "all come from Python")]
fn dynamo_loads<'py>(
    py: Python<'py>,
    strategy: u32,
    nodes: u32,
    copies: u32,
    tokens: u32,
    partitions: u32,
    rings: u32,
    seed: u64,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let strategy = match strategy {
        1 => Strategy::RandomTokens { tokens },
        2 => Strategy::FixedPartitions { tokens, partitions },
        3 => Strategy::EqualTokens { partitions },
        _ => return Err(from_invalid(py, &Invalid::new("strategy", strategy, "1, 2 or 3"))),
    };
    let cluster = Cluster { nodes, copies };
    strategy.check(cluster).map_err(|it| from_invalid(py, &it))?;
    if u64::from(rings) * u64::from(nodes) > 1 << 28 {
        return Err(from_invalid(py, &Invalid::new("rings", rings, "at most 2^28 loads in all")));
    }
    let mut all = Vec::with_capacity(rings as usize * nodes as usize);
    for ring in 0..rings {
        let loads = py.detach(|| strategy.loads(cluster, seed, ring));
        all.extend(loads.map_err(|it| from_invalid(py, &it))?);
        py.check_signals()?;
    }
    PyArray1::from_vec(py, all).reshape([rings as usize, nodes as usize])
}

/// Equal partitions, equally many a node.
#[pyclass(frozen, module = "distlab._core")]
pub struct Partitions {
    table: Mutex<EqualPartitions>,
    hash: Hash,
}

/// Moves as partitions, from whom, to whom.
type Moves = (Vec<u32>, Vec<String>, Vec<String>);

fn moves(all: Vec<Move>) -> Moves {
    let mut found = (vec![], vec![], vec![]);
    for it in all {
        found.0.push(it.partition);
        found.1.push(it.from);
        found.2.push(it.to);
    }
    found
}

impl Partitions {
    /// Something about the partition of each key.
    fn many<'py, T: Send>(
        &self,
        py: Python<'py>,
        (kind, data, width): (&str, &Bound<'py, PyAny>, usize),
        about: impl Fn(&EqualPartitions, u32) -> T + Sync,
    ) -> PyResult<Vec<T>> {
        let table = self.table.lock().clone();
        let hashing = Hashing::of(self.hash);
        let column = Column::new(kind, data, width)?;
        let mut found = Vec::with_capacity(column.len());
        let each = |keys: &Keys<'_>, from: usize, to: usize, _: usize| {
            let mut hashes = [0u64; BLOCK];
            for at in (from..to).step_by(BLOCK) {
                let hashes = &mut hashes[..BLOCK.min(to - at)];
                hashing.block(keys, at, hashes)?;
                found.extend(hashes.iter().map(|it| about(&table, table.partition_of(*it))));
            }
            Ok(())
        };
        column.chunks(py, each, |py, it: Invalid| from_invalid(py, &it))?;
        Ok(found)
    }
}

#[pymethods]
impl Partitions {
    /// By lot.
    #[new]
    fn new(
        py: Python<'_>,
        nodes: Vec<String>,
        partitions: u32,
        copies: u32,
        hash: &str,
        seed: u64,
    ) -> PyResult<Self> {
        let hash: Hash = hash.parse().map_err(|it: Invalid| from_invalid(py, &it))?;
        let table = EqualPartitions::new(nodes, partitions, copies, seed);
        Ok(Self { table: Mutex::new(table.map_err(|it| complain(py, it, vec![]))?), hash })
    }

    /// A table of its own that is equal.
    fn copy(&self) -> Self {
        Self { table: Mutex::new(self.table.lock().clone()), hash: self.hash }
    }

    /// Whether the other one is equal.
    fn __eq__(&self, other: &Self) -> bool {
        let theirs = other.table.lock().clone();
        self.hash == other.hash && *self.table.lock() == theirs
    }

    /// The names of the nodes, by number.
    fn nodes(&self) -> Vec<String> {
        self.table.lock().nodes().to_vec()
    }

    /// The name of the hash, and on how many nodes each partition is.
    fn settings(&self) -> (&'static str, u32) {
        (self.hash.name(), self.table.lock().copies())
    }

    /// Whose each partition is.
    fn owners<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u32>> {
        let owners = self.table.lock().owners().to_vec();
        PyArray1::from_vec(py, owners)
    }

    /// The part of the key space of which each node has copies.
    fn loads<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        let loads = self.table.lock().loads();
        PyArray1::from_vec(py, loads)
    }

    /// The first different owners from a partition on.
    fn holders(&self, partition: u32, n: u32) -> Vec<u32> {
        self.table.lock().holders(partition, n)
    }

    /// All nodes weigh the same.
    fn weights(&self) -> Vec<f64> {
        vec![1.0; self.table.lock().nodes().len()]
    }

    /// What it takes in memory.
    fn size_bytes(&self) -> usize {
        let table = self.table.lock();
        let names: usize = table.nodes().iter().map(|it| size_of::<String>() + it.len()).sum();
        size_of::<EqualPartitions>() + names + 4 * table.owners().len()
    }

    /// The partition of one key.
    fn partition(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<u32> {
        let hash: Result<u64, Invalid> = with_key(key, |key| Hashing::of(self.hash).one(key))?;
        Ok(self.table.lock().partition_of(hash.map_err(|it| from_invalid(py, &it))?))
    }

    /// The node of one key.
    fn lookup(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<String> {
        let partition = self.partition(py, key)?;
        let table = self.table.lock();
        Ok(table.nodes()[table.owners()[partition as usize] as usize].clone())
    }

    /// The partitions of many keys.
    fn partitions<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        data: &Bound<'py, PyAny>,
        width: usize,
    ) -> PyResult<Bound<'py, PyArray1<i32>>> {
        let found = self.many(py, (kind, data, width), |_, partition| partition as i32)?;
        Ok(PyArray1::from_vec(py, found))
    }

    /// The numbers of the nodes of many keys.
    fn lookup_many<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        data: &Bound<'py, PyAny>,
        width: usize,
    ) -> PyResult<Bound<'py, PyArray1<i32>>> {
        let found =
            self.many(py, (kind, data, width), |table, partition| table.owners()[partition as usize] as i32)?;
        Ok(PyArray1::from_vec(py, found))
    }

    /// How many of these keys each node has.
    fn count<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        data: &Bound<'py, PyAny>,
        width: usize,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let owners =
            self.many(py, (kind, data, width), |table, partition| table.owners()[partition as usize])?;
        let mut counts = vec![0; self.table.lock().nodes().len()];
        for owner in owners {
            counts[owner as usize] += 1;
        }
        Ok(PyArray1::from_vec(py, counts))
    }

    /// A node joins; which partitions move.
    fn join(&self, py: Python<'_>, name: &str) -> PyResult<Moves> {
        let joined = self.table.lock().join(name);
        Ok(moves(joined.map_err(|it| complain(py, it, self.nodes()))?))
    }

    /// A node leaves; which partitions move.
    fn leave(&self, py: Python<'_>, name: &str) -> PyResult<Moves> {
        let left = self.table.lock().leave(name);
        Ok(moves(left.map_err(|it| complain(py, it, self.nodes()))?))
    }

    /// As bytes.
    fn save<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = postcard::to_stdvec(&(&*self.table.lock(), self.hash));
        Ok(PyBytes::new(py, &bytes.map_err(|it| class::SerializationError::new_err(it.to_string()))?))
    }

    /// From bytes.
    #[staticmethod]
    fn load(bytes: &[u8]) -> PyResult<Self> {
        let saved: Result<(EqualPartitions, Hash), _> = postcard::from_bytes(bytes);
        let (table, hash) = saved.map_err(|it| class::SerializationError::new_err(it.to_string()))?;
        Ok(Self { table: Mutex::new(table), hash })
    }
}

/// Adds what is here to the native module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<Partitions>()?;
    m.add_function(wrap_pyfunction!(dynamo_loads, m)?)
}
