//! Placements of keys on servers.
mod build;
mod plan;

use std::sync::Arc;

use numpy::{PyArray1, PyArray2, PyArrayMethods};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::keys::{Column, with_key};
use crate::machines::hashing::ring::{
    BoundedRing, Error, HashRing, Key, Keys, Placement as _, Scheme, Tally,
};
use crate::py::errors::{class, from_invalid};
use crate::sim::Invalid;

/// A numpy column of one type or another.
type Numbers<'py, T> = Bound<'py, PyArray1<T>>;

/// Where keys are, by one scheme or another. Readers share it; who changes it has a copy of his own.
#[pyclass(frozen, module = "distlab._core")]
pub struct Placement {
    scheme: Mutex<Arc<Scheme>>,
    changing: Mutex<()>,
}

impl Placement {
    fn of(scheme: Scheme) -> Self {
        Self { scheme: Mutex::new(Arc::new(scheme)), changing: Mutex::new(()) }
    }

    fn now(&self) -> Arc<Scheme> {
        Arc::clone(&self.scheme.lock())
    }

    /// Changes it, all or nothing. Who changes it waits for the others without the lock of the interpreter, which
    /// they may need.
    fn change<T: Send>(
        &self,
        py: Python<'_>,
        change: impl FnOnce(&mut Scheme) -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        let change = || {
            let _alone = self.changing.lock();
            let mut scheme = self.now();
            let done = change(Arc::make_mut(&mut scheme))?;
            *self.scheme.lock() = scheme;
            Ok(done)
        };
        py.detach(change).map_err(|it| complain(py, it))
    }

    /// Changes it in place, in little time: `change` either fails first or not at all.
    fn touch<T: Send>(
        &self,
        py: Python<'_>,
        change: impl FnOnce(&mut Scheme) -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        let change = || {
            let _alone = self.changing.lock();
            change(Arc::make_mut(&mut self.scheme.lock()))
        };
        py.detach(change).map_err(|it| complain(py, it))
    }

    /// Puts a changed one in the place of the one that it was made of, unless somebody else was faster.
    fn swap(&self, py: Python<'_>, old: &Arc<Scheme>, new: Scheme) -> bool {
        py.detach(|| {
            let _alone = self.changing.lock();
            let mut scheme = self.scheme.lock();
            let same = Arc::ptr_eq(old, &scheme);
            if same {
                *scheme = Arc::new(new);
            }
            same
        })
    }
}

/// The exception for what a placement refuses.
pub fn complain(py: Python<'_>, error: Error) -> PyErr {
    match error {
        Error::Invalid(it) => from_invalid(py, &it),
        Error::Unknown { name, known } => class::UnknownNode::new_err((name, known)),
    }
}

fn invalid(py: Python<'_>, error: Invalid) -> PyErr {
    from_invalid(py, &error)
}

fn ring(scheme: &Scheme) -> Result<&HashRing, Error> {
    scheme.ring().ok_or_else(|| no(scheme, "a ring"))
}

fn bounded(scheme: &mut Scheme) -> Result<&mut BoundedRing, Error> {
    match scheme {
        Scheme::Bounded(it) => Ok(it),
        _ => Err(no(scheme, "a ring with bounded loads")),
    }
}

/// What Python's classes never ask for.
fn no(_: &Scheme, allowed: &'static str) -> Error {
    Invalid::new("placement", "of another kind", allowed).into()
}

#[pymethods]
impl Placement {
    /// The names of the servers, by number.
    fn nodes(&self) -> Vec<String> {
        self.now().placement().servers().all().iter().map(|it| it.name.clone()).collect()
    }

    /// Their weights.
    fn weights(&self) -> Vec<f64> {
        self.now().placement().servers().all().iter().map(|it| it.weight).collect()
    }

    /// Their racks.
    fn racks(&self) -> Vec<Option<String>> {
        self.now().placement().servers().all().iter().map(|it| it.rack.clone()).collect()
    }

    /// What it takes in memory.
    fn size_bytes(&self) -> usize {
        self.now().placement().size_bytes()
    }

    /// The server of one key.
    fn lookup(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<String> {
        let scheme = self.now();
        let placement = scheme.placement();
        let mut out = [0];
        with_key(key, |key| placement.assign(&Keys::Mixed(&[key]), 0, &mut Tally::default(), &mut out))?
            .map_err(|it| invalid(py, it))?;
        Ok(placement.servers().all()[out[0] as usize].name.clone())
    }

    /// The numbers of the servers of many keys.
    fn lookup_many<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        data: &Bound<'py, PyAny>,
        width: usize,
    ) -> PyResult<Bound<'py, PyArray1<i32>>> {
        let scheme = self.now();
        let keys = Column::new(kind, data, width)?;
        let found = PyArray1::<i32>::zeros(py, keys.len(), false);
        let mut write = found.try_readwrite()?;
        let out = write.as_slice_mut()?;
        let mut tally = Tally::of(keys.len());
        let assign = |keys: &Keys<'_>, from: usize, to: usize, at: usize| {
            scheme.placement().assign(keys, from, &mut tally, &mut out[at..at + to - from])
        };
        keys.chunks(py, assign, invalid)?;
        drop(write);
        Ok(found)
    }

    /// How many of these keys each server holds.
    fn count<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        data: &Bound<'py, PyAny>,
        width: usize,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let scheme = self.now();
        let keys = Column::new(kind, data, width)?;
        let mut counts = vec![0i64; scheme.placement().servers().len()];
        let mut found = Vec::new();
        let mut tally = Tally::of(keys.len());
        let assign = |keys: &Keys<'_>, from: usize, to: usize, _: usize| {
            found.resize(to - from, 0);
            scheme.placement().assign(keys, from, &mut tally, &mut found)?;
            found.iter().for_each(|it| counts[*it as usize] += 1);
            Ok(())
        };
        keys.chunks(py, assign, invalid)?;
        Ok(PyArray1::from_vec(py, counts))
    }

    /// The first `n` different servers from the key on.
    fn preference_list(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        n: usize,
        racks_apart: bool,
    ) -> PyResult<Vec<String>> {
        let scheme = self.now();
        let ring = ring(&scheme).map_err(|it| complain(py, it))?;
        let list =
            with_key(key, |key| ring.preference(key, n, racks_apart))?.map_err(|it| complain(py, it))?;
        Ok(list.iter().map(|it| ring.servers().all()[*it as usize].name.clone()).collect())
    }

    /// The same for many keys, as numbers, a row each.
    #[pyo3(signature = (kind, data, width, n, racks_apart))]
    fn preference_lists<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        data: &Bound<'py, PyAny>,
        width: usize,
        n: usize,
        racks_apart: bool,
    ) -> PyResult<Bound<'py, PyArray2<i32>>> {
        let scheme = self.now();
        let ring = ring(&scheme).map_err(|it| complain(py, it))?;
        let walk = ring.walk(n, racks_apart).map_err(|it| complain(py, it))?;
        let keys = Column::new(kind, data, width)?;
        let found = PyArray2::<i32>::zeros(py, [keys.len(), n], false);
        let mut write = found.try_readwrite()?;
        let out = write.as_slice_mut()?;
        let assign = |keys: &Keys<'_>, from: usize, to: usize, at: usize| {
            ring.preferences(keys, from, &walk, &mut out[at * n..(at + to - from) * n])
        };
        keys.chunks(py, assign, invalid)?;
        drop(write);
        Ok(found)
    }

    /// Servers join.
    fn add(
        &self,
        py: Python<'_>,
        names: Vec<String>,
        weights: Vec<f64>,
        racks: Vec<Option<String>>,
    ) -> PyResult<()> {
        let more = build::servers(names, weights, racks);
        self.change(py, |scheme| scheme.placement_mut().add(more))
    }

    /// Servers join a ring, at positions of their own.
    fn add_given(
        &self,
        py: Python<'_>,
        names: Vec<String>,
        weights: Vec<f64>,
        racks: Vec<Option<String>>,
        tokens: Vec<Vec<u128>>,
    ) -> PyResult<()> {
        let more = build::servers(names, weights, racks);
        self.change(py, |scheme| match scheme {
            Scheme::Ring(it) => it.add_given(more, tokens),
            _ => Err(no(scheme, "a ring")),
        })
    }

    /// Servers leave.
    fn remove(&self, py: Python<'_>, names: Vec<String>) -> PyResult<()> {
        self.change(py, |scheme| scheme.placement_mut().remove(&names))
    }

    /// A server gets another weight.
    fn reweight(&self, py: Python<'_>, name: &str, weight: f64) -> PyResult<()> {
        self.change(py, |scheme| scheme.placement_mut().reweight(name, weight))
    }

    /// All virtual nodes of a ring, in order: positions and numbers of servers.
    fn points(&self, py: Python<'_>) -> PyResult<(Vec<u128>, Vec<u32>)> {
        let scheme = self.now();
        Ok(ring(&scheme).map_err(|it| complain(py, it))?.points().into_iter().unzip())
    }

    /// The ranges of a ring: first and last positions, and numbers of servers.
    fn ranges(&self, py: Python<'_>) -> PyResult<(Vec<u128>, Vec<u128>, Vec<u32>)> {
        let scheme = self.now();
        let ranges = ring(&scheme).map_err(|it| complain(py, it))?.ranges();
        let bounds: (Vec<_>, Vec<_>) = ranges.iter().map(|it| (it.first, it.last)).unzip();
        Ok((bounds.0, bounds.1, ranges.iter().map(|it| it.owner).collect()))
    }

    /// Which part of a ring is whose.
    fn shares<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let scheme = self.now();
        Ok(PyArray1::from_vec(py, ring(&scheme).map_err(|it| complain(py, it))?.shares()))
    }

    /// Bits, hash, virtual nodes and placement of a ring.
    fn ring_settings(&self, py: Python<'_>) -> PyResult<(u32, &'static str, u32, &'static str)> {
        let scheme = self.now();
        let settings = ring(&scheme).map_err(|it| complain(py, it))?.settings();
        Ok((settings.bits, settings.hash.name(), settings.vnodes, build::name(settings.rule)))
    }

    /// Where a key is on a ring.
    fn position(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<u128> {
        let scheme = self.now();
        let ring = ring(&scheme).map_err(|it| complain(py, it))?;
        with_key(key, |key| ring.position(key))?.map_err(|it| invalid(py, it))
    }

    /// The positions of one server's virtual nodes, in the order in which it got them.
    fn tokens(&self, py: Python<'_>, name: &str) -> PyResult<Vec<u128>> {
        let scheme = self.now();
        let ring = ring(&scheme).map_err(|it| complain(py, it))?;
        let number = ring.servers().number(name).map_err(|it| complain(py, it))?;
        Ok(ring.tokens()[number].clone())
    }

    /// The server of each entry of a table.
    fn table<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<i32>>> {
        let scheme = self.now();
        let table = match &*scheme {
            Scheme::Maglev(it) => it.table(),
            Scheme::RandomTable(it) => it.table(),
            it => return Err(complain(py, no(it, "a table"))),
        };
        Ok(PyArray1::from_iter(py, table.iter().map(|it| *it as i32)))
    }

    /// Boundaries and owners of ranges of text, and of integers.
    #[allow(clippy::type_complexity)]
    fn boundaries<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Vec<Bound<'py, PyBytes>>, Vec<u32>, Vec<i128>, Vec<u32>)> {
        let scheme = self.now();
        let Scheme::Alphabet(it) = &*scheme else { return Err(complain(py, no(&scheme, "ranges"))) };
        let ((texts, text_owners), (integers, owners)) = (it.texts(), it.integers());
        let texts = texts.iter().map(|it| PyBytes::new(py, it)).collect();
        Ok((texts, text_owners.to_vec(), integers.to_vec(), owners.to_vec()))
    }

    /// Gives a key to a server of a ring with bounded loads.
    fn place(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<String> {
        let place = |key: Key<'_>, scheme: &mut Scheme| {
            let ring = bounded(scheme)?;
            ring.place(key).map(|it| ring.servers().all()[it as usize].name.clone())
        };
        with_key(key, |key| self.touch(py, |scheme| place(key, scheme)))?
    }

    /// Gives many keys to servers, all or none; says to whom.
    fn place_many<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        data: &Bound<'py, PyAny>,
        width: usize,
    ) -> PyResult<Bound<'py, PyArray1<i32>>> {
        let keys = Column::new(kind, data, width)?;
        loop {
            let old = self.now();
            let mut scheme = (*old).clone();
            let mut found = Vec::with_capacity(keys.len());
            let place = |keys: &Keys<'_>, from: usize, to: usize, _: usize| {
                let ring = bounded(&mut scheme)?;
                let mut done = Ok(());
                keys.visit(from, to - from, |key| match ring.place(key) {
                    Ok(it) => found.push(it as i32),
                    Err(it) => done = Err(it),
                });
                done
            };
            keys.chunks(py, place, complain)?;
            if self.swap(py, &old, scheme) {
                return Ok(PyArray1::from_vec(py, found));
            }
        }
    }

    /// Takes a key away; says how many others moved.
    fn release(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<usize> {
        with_key(key, |key| self.touch(py, |scheme| bounded(scheme)?.release(key).map_err(Error::from)))?
    }

    /// Loads, room for the keys that are held, and epsilon.
    fn bounds<'py>(
        &self,
        py: Python<'py>,
        keys: Option<u64>,
    ) -> PyResult<(Numbers<'py, i64>, Numbers<'py, i64>, f64)> {
        let scheme = self.now();
        let Scheme::Bounded(it) = &*scheme else { return Err(complain(py, no(&scheme, "bounded loads"))) };
        let column = |of: Vec<u64>| PyArray1::from_iter(py, of.into_iter().map(|it| it as i64));
        Ok((column(it.loads()), column(it.room(keys.unwrap_or(it.len() as u64))), it.epsilon()))
    }

    /// One more of it, that changes on its own.
    fn copy(&self) -> Self {
        Self { scheme: Mutex::new(self.now()), changing: Mutex::new(()) }
    }

    fn __eq__(&self, other: &Self) -> bool {
        let (a, b) = (self.now(), other.now());
        Arc::ptr_eq(&a, &b) || a == b
    }

    /// As bytes.
    fn save<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = postcard::to_stdvec(&*self.now());
        Ok(PyBytes::new(py, &bytes.map_err(|it| class::SerializationError::new_err(it.to_string()))?))
    }

    /// From bytes.
    #[staticmethod]
    fn load(bytes: &[u8]) -> PyResult<Self> {
        let scheme = postcard::from_bytes(bytes);
        scheme.map(Self::of).map_err(|it| class::SerializationError::new_err(it.to_string()))
    }
}

/// Adds what is here to the native module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<Placement>()?;
    build::register(m)?;
    plan::register(m)
}
